package measure

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/privatereply/privatereply/lab/harness/process"
	"github.com/privatereply/privatereply/lab/scenario"
)

// loadSet runs the load scenarios of Bench.
func loadSet(ctx context.Context, l *Lab) ([]scenario.Row, error) {
	chosen, err := scenario.Choose(Bench, strings.Join(loadScenarios, ","))
	if err != nil {
		return nil, err
	}
	var rows []scenario.Row
	for _, s := range chosen {
		measured, err := s.Run(ctx, l)
		rows = append(rows, measured...)
		if err != nil {
			return rows, fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	return rows, nil
}

// faultNamespace is where the fault set runs.
const faultNamespace = "faults"

// faultSet runs make faults on the cluster. Each group of its cases becomes a row.
func faultSet(ctx context.Context, l *Lab) ([]scenario.Row, error) {
	server, err := l.server.WithNamespace(ctx, faultNamespace)
	if err != nil {
		return nil, err
	}
	killCommand, startCommand, stop := l.serveControlFile(ctx)
	defer stop()
	copies := strconv.Itoa(l.opts.Copies)
	cmd := exec.CommandContext(ctx, filepath.Join(l.binaries, "lab/cmd/faults"), "-temporal", server.Address, "-namespace", faultNamespace,
		"-workers", copies, "-bridges", copies, "-kill-temporal", killCommand, "-start-temporal", startCommand)
	cmd.Env = process.Environment()
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, l.opts.Progress
	err = cmd.Run()
	cases := readTable(out.String())
	if err == nil && len(cases) == 0 {
		err = errors.New("it printed no table")
	}
	if err != nil {
		err = fmt.Errorf("the fault set: %w", err)
	}
	return byGroup(cases), err
}

// byGroup sums up the rows of make faults: group, case, expected, seen and result.
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

// readTable reads the rows of Markdown tables, without their heads.
func readTable(text string) []scenario.Row {
	var rows []scenario.Row
	inBody := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			inBody = false
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		switch {
		case strings.Trim(cells[0], "-") == "" && cells[0] != "":
			inBody = true
		case inBody:
			cells = append(cells, "", "", "", "")
			rows = append(rows, scenario.Row{What: cells[0], Measured: cells[1], Baseline: cells[2], Goal: cells[3], Passed: cells[4]})
		}
	}
	return rows
}

// controlInterval is how often the control file is read.
const controlInterval = 20 * time.Millisecond

// serveControlFile lets another program kill the Temporal server and start it again with
// shell commands: they write their wish into a file and wait until it is empty. Until stop
// is called.
func (l *Lab) serveControlFile(ctx context.Context) (killCommand, startCommand string, stop func()) {
	file, failed := filepath.Join(l.dir, "control"), filepath.Join(l.dir, "control-failed")
	command := func(wish string) string {
		return fmt.Sprintf("echo %s > '%s'; while [ -s '%s' ]; do sleep 0.05; done; test ! -e '%s'", wish, file, file, failed)
	}
	ctx, cancel := context.WithCancel(ctx)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for scenario.Sleep(ctx, controlInterval) {
			wish, err := os.ReadFile(file)
			if err != nil || len(wish) == 0 {
				continue
			}
			switch string(wish) {
			case "kill\n":
				err = l.server.Kill(ctx)
			case "start\n":
				err = l.server.Start(ctx)
			default:
				continue // half of a word
			}
			if err != nil {
				l.report("%s the Temporal server: %v", bytes.TrimSpace(wish), err)
				err = os.WriteFile(failed, nil, 0o600)
			}
			if err == nil {
				err = os.Truncate(file, 0)
			}
			if err != nil {
				l.report("answer %s: %v", bytes.TrimSpace(wish), err)
				return
			}
		}
	}()
	return command("kill"), command("start"), func() {
		cancel()
		<-stopped
	}
}
