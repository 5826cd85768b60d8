package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"

	"github.com/privatereply/privatereply/internal/temporal/setup"
	"github.com/privatereply/privatereply/lab/harness/cluster"
	"github.com/privatereply/privatereply/lab/harness/process"
	"github.com/privatereply/privatereply/lab/scenario"
)

// loadSet runs the load steps of make bench on the cluster.
func loadSet(ctx context.Context, r *run) error {
	rows, err := r.set(ctx, "lab/cmd/bench", "-temporal", r.cluster.Address, "-copies", strconv.Itoa(copies), "-only", "starts,quiet,single,batch,auto")
	r.add(rows...)
	return err
}

// faultNamespace is where the fault set runs.
const faultNamespace = "faults"

// faultSet runs make faults on the cluster. Each group of its cases becomes a row.
func faultSet(ctx context.Context, r *run) error {
	if err := cluster.CreateNamespace(ctx, r.cluster.Address, faultNamespace, setup.Retention); err != nil {
		return err
	}
	kill, start, stop := r.control(ctx)
	defer stop()
	rows, err := r.set(ctx, "lab/cmd/lab", "run", "-temporal", r.cluster.Address, "-namespace", faultNamespace, "-workers", strconv.Itoa(copies), "-bridges", strconv.Itoa(copies),
		"-kill-temporal", kill, "-start-temporal", start, "faults")
	r.add(byGroup(rows)...)
	return err
}

// byGroup sums up the rows of make faults: group, case, expected, seen and verdict.
func byGroup(cases []scenario.Row) []scenario.Row {
	var groups []scenario.Row
	total, ok := 0, 0
	for i, c := range cases {
		total++
		if c.Passed == "ok" {
			ok++
		} else {
			groups = append(groups, scenario.Row{What: "fault " + c.What + "/" + c.Measured, Measured: c.Goal, Goal: c.Baseline, Passed: scenario.No})
		}
		if i+1 == len(cases) || cases[i+1].What != c.What {
			groups = append(groups, scenario.Row{
				What: "fault set, " + c.What, Measured: fmt.Sprintf("%d of %d cases ended as they should", ok, total), Goal: "all", Passed: scenario.PassedWord(ok == total),
			})
			total, ok = 0, 0
		}
	}
	return groups
}

// set runs another program on the cluster, and reads the rows of its table.
func (r *run) set(ctx context.Context, program string, args ...string) ([]scenario.Row, error) {
	cmd := exec.CommandContext(ctx, r.program(program), args...)
	cmd.Env = process.Environment()
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	err := cmd.Run()
	rows := readTable(out.String())
	if err == nil && len(rows) == 0 {
		err = errors.New("it printed no table")
	}
	if err != nil {
		return rows, fmt.Errorf("%s: %w", program, err)
	}
	return rows, nil
}
