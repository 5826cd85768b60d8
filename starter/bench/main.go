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
	"slices"
	"strings"
	"syscall"
	"time"
)

// step measures one thing on a server of its own.
type step struct {
	name  string
	about string
	run   func(ctx context.Context, b *bench) ([]row, error)
}

// steps in the order in which they run.
var steps = []step{
	{"decode", "signature and decoding of a delivery", decode},
	{"starts", "bare workflow starts", starts},
	{"quiet", "one delivery at a time", quiet},
	{"single", "deliveries of one comment", single},
	{"batch", "deliveries of 50 comments", batch},
	{"auto", "webhook to delivered reply", auto},
	{"memory", "the bridge's memory in a storm of 200,000 comments", memory},
	{"kill", "kill -9 of each process in a storm", kill},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var on existing
	flag.StringVar(&on.address, "temporal", "", "host:port of a Temporal server to run on, each step in a namespace of its own; only "+strings.Join(onExisting, ", "))
	flag.IntVar(&on.copies, "copies", 1, "how many workers and how many bridges share the server of -temporal")
	only := flag.String("only", "", "steps to run, separated by commas: "+strings.Join(names(), ", ")+" (default all)")
	flag.Parse()
	if err := run(ctx, *only, on); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func names() []string {
	var all []string
	for _, s := range steps {
		all = append(all, s.name)
	}
	return all
}

// choose picks the steps that were asked for.
func choose(only string) ([]step, error) {
	if only == "" {
		return steps, nil
	}
	var chosen []step
	for name := range strings.SplitSeq(only, ",") {
		i := slices.IndexFunc(steps, func(s step) bool { return s.name == strings.TrimSpace(name) })
		if i < 0 {
			return nil, fmt.Errorf("there is no step %q; the steps are %s", name, strings.Join(names(), ", "))
		}
		chosen = append(chosen, steps[i])
	}
	return chosen, nil
}

// run runs the chosen steps. A step that fails is a row of the table, and an error
// at the end; a goal that is missed is only said.
func run(ctx context.Context, only string, on existing) error {
	chosen, err := choose(only)
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
	before := loadAverage()
	began := time.Now()
	var rows []row
	var failed []error
	for i, s := range chosen {
		b.tell("[%d/%d] %s: %s", i+1, len(chosen), s.name, s.about)
		measured, err := s.run(ctx, b)
		rows = append(rows, measured...)
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", s.name, err))
			rows = append(rows, row{what: s.about, measured: "failed: " + err.Error(), met: no})
		}
	}
	command := "make bench"
	if only != "" {
		command += " BENCH=" + only
	}
	fmt.Printf("%s\n%s, %s, load average %s before and %s after, %v in all\n\n",
		b.machine(), command, began.UTC().Format("2006-01-02 15:04 MST"), before, loadAverage(), time.Since(began).Round(time.Second))
	writeTable(os.Stdout, rows)
	return errors.Join(failed...)
}
