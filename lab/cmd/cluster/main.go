// Command cluster runs the product as an installation does, and tries to break it:
// Temporal on Postgres, two workers, two bridges behind what stands in for a load
// balancer, and the sandbox in Meta's place, all as processes of this machine.
//
// scripts/cluster.sh installs and builds what it needs, and starts it. It prints one
// table, as `make bench` does, and one of what a comment costs. The exit code is 0
// only if nothing was lost and nothing came twice.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/privatereply/privatereply/lab/harness/cluster"
	"github.com/privatereply/privatereply/lab/scenario"
)

// step is one part of a run.
type step = scenario.Step[func(ctx context.Context, r *run) error]

// steps in the order in which they run. What a comment costs is measured first, on a
// database that holds nothing else.
var steps = []step{
	{Name: "cost", About: "what a comment costs", Run: cost},
	{Name: "load", About: "the load set of make bench", Run: loadSet},
	{Name: "kill", About: "kill -9 of each part in a storm", Run: kill},
	{Name: "faults", About: "the fault set of make faults", Run: faultSet},
	{Name: "accounts", About: "many accounts", Run: accounts},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var tools cluster.Tools
	flag.StringVar(&tools.Postgres, "postgres", "", "the folder with initdb, postgres and psql")
	flag.StringVar(&tools.Server, "server", "", "the Temporal server")
	flag.StringVar(&tools.SQLTool, "sql-tool", "", "temporal-sql-tool")
	logs := flag.String("logs", "", "an empty folder for the logs")
	only := flag.String("only", "", "steps to run, separated by commas: "+scenario.Names(steps)+" (default all)")
	flag.Parse()
	if err := main1(ctx, tools, *logs, *only); err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

// main1 runs the chosen steps. A step that fails is a row of the table, and an error
// at the end.
func main1(ctx context.Context, tools cluster.Tools, logs, only string) error {
	chosen, err := scenario.Choose(steps, only)
	if err != nil {
		return err
	}
	for name, value := range map[string]string{"-postgres": tools.Postgres, "-server": tools.Server, "-sql-tool": tools.SQLTool, "-logs": logs} {
		if value == "" {
			return fmt.Errorf("%s is missing; scripts/cluster.sh gives it", name)
		}
	}
	r, err := prepare(ctx, tools, logs)
	if err != nil {
		return err
	}
	defer r.clean()
	before, began := scenario.LoadAverage(), time.Now()
	var failed []error
	for i, s := range chosen {
		tell("[%d/%d] %s: %s", i+1, len(chosen), s.Name, s.About)
		if err := s.Run(ctx, r); err != nil {
			if ctx.Err() != nil {
				return errors.New("interrupted")
			}
			failed = append(failed, fmt.Errorf("%s: %w", s.Name, err))
			r.add(scenario.Row{What: s.About, Measured: "failed: " + err.Error(), Passed: scenario.No})
		}
	}
	fmt.Printf("%s\nscripts/cluster.sh, %s, load average %s before and %s after, %v in all\n\n",
		r.machine(), began.UTC().Format("2006-01-02 15:04 MST"), before, scenario.LoadAverage(), time.Since(began).Round(time.Second))
	r.print(os.Stdout)
	return errors.Join(failed...)
}

// tell says what is going on, apart from the tables.
func tell(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
