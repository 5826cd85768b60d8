// Command bench measures the product on this machine: real processes of the bridge
// and the worker, a Temporal development server with its database in a file, and
// the load beside them on the same cores. It prints one table, in which each figure
// stands next to what the same server, or the same machine, can do at most.
//
// Run it with `make bench`, or a part of it with `make bench BENCH=quiet,single`.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/privatereply/privatereply/lab/scenario"
)

// step measures one thing on a server of its own.
type step = scenario.Step[func(ctx context.Context, b *bench) ([]scenario.Row, error)]

// steps in the order in which they run.
var steps = []step{
	{Name: "decode", About: "signature and decoding of a delivery", Run: decode},
	{Name: "starts", About: "bare workflow starts", Run: starts},
	{Name: "quiet", About: "one delivery at a time", Run: quiet},
	{Name: "single", About: "deliveries of one comment", Run: single},
	{Name: "batch", About: "deliveries of 50 comments", Run: batch},
	{Name: "auto", About: "webhook to delivered reply", Run: auto},
	{Name: "memory", About: "the bridge's memory in a storm of 200,000 comments", Run: memory},
	{Name: "kill", About: "kill -9 of each process in a storm", Run: kill},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var on existing
	flag.StringVar(&on.address, "temporal", "", "host:port of a Temporal server to run on, each step in a namespace of its own; only "+strings.Join(onExisting, ", "))
	flag.IntVar(&on.copies, "copies", 1, "how many workers and how many bridges share the server of -temporal")
	only := flag.String("only", "", "steps to run, separated by commas: "+scenario.Names(steps)+" (default all)")
	flag.Parse()
	if err := run(ctx, *only, on); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run runs the chosen steps. A step that fails is a row of the table, and an error
// at the end; a goal that is missed is only said.
func run(ctx context.Context, only string, on existing) error {
	chosen, err := scenario.Choose(steps, only)
	if err == nil {
		err = on.check(chosen)
	}
	if err != nil {
		return err
	}
	b, err := prepare(ctx, on)
	if err != nil {
		return err
	}
	defer b.clean()
	before := scenario.LoadAverage()
	began := time.Now()
	var rows []scenario.Row
	var failed []error
	for i, s := range chosen {
		b.tell("[%d/%d] %s: %s", i+1, len(chosen), s.Name, s.About)
		measured, err := s.Run(ctx, b)
		rows = append(rows, measured...)
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", s.Name, err))
			rows = append(rows, scenario.Row{What: s.About, Measured: "failed: " + err.Error(), Passed: scenario.No})
		}
	}
	command := "make bench"
	if only != "" {
		command += " BENCH=" + only
	}
	fmt.Printf("%s\n%s, %s, load average %s before and %s after, %v in all\n\n",
		b.machine(), command, began.UTC().Format("2006-01-02 15:04 MST"), before, scenario.LoadAverage(), time.Since(began).Round(time.Second))
	scenario.WriteRows(os.Stdout, rows)
	return errors.Join(failed...)
}
