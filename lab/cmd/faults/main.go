// Command faults tries to break what the product promises: it kills each process at
// each step of a reply's life, lets Meta misbehave, lets deadlines pass in outages
// and people collide. Everything runs as processes on this machine, with a Temporal
// development server and the sandbox in Meta's place. It prints one row a case with
// what was expected and what was seen.
//
// Run it with `make faults`, or a part of it with `make faults FAULTS=races,kill-worker/send-accepted`.
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

	"github.com/privatereply/privatereply/lab/harness/devserver"
	"github.com/privatereply/privatereply/lab/scenario/faults"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "faults:", err)
		}
		os.Exit(1)
	}
}

// command is what the flags ask for.
type command struct {
	options faults.Options
	only    string
	list    bool
	limit   time.Duration
}

func parse(args []string) (command, error) {
	var c command
	flags := flag.NewFlagSet("faults", flag.ContinueOnError)
	flags.StringVar(&c.only, "only", "", "groups, or cases as group/case, separated by commas (default all)")
	flags.BoolVar(&c.list, "list", false, "list the cases with what they expect, and run nothing")
	flags.DurationVar(&c.limit, "limit", 4*time.Minute, "how long a case may take; on a good day the longest takes 80 seconds")
	flags.IntVar(&c.options.Workers, "workers", 1, "how many workers run")
	flags.IntVar(&c.options.Bridges, "bridges", 1, "how many bridges run")
	flags.StringVar(&c.options.Temporal, "temporal", "", "host:port of a Temporal server to run on; default: one is started")
	flags.StringVar(&c.options.Namespace, "namespace", "default", "the namespace, with -temporal")
	flags.StringVar(&c.options.KillServer, "kill-temporal", "", "shell command that kills that server; without it the cases that need it are left out")
	flags.StringVar(&c.options.StartServer, "start-temporal", "", "shell command that starts it again, on the same address")
	if err := flags.Parse(args); err != nil {
		return c, err
	}
	o := c.options
	switch {
	case flags.NArg() > 0:
		return c, fmt.Errorf("%q is one argument too many; cases are named with -only", flags.Arg(0))
	case c.limit <= 0:
		return c, errors.New("-limit: must be longer than nothing, such as 4m")
	case o.Workers < 1 || o.Bridges < 1:
		return c, errors.New("-workers, -bridges: at least 1 of each must run")
	case (o.KillServer == "") != (o.StartServer == ""):
		return c, errors.New("-kill-temporal, -start-temporal: give both, or none")
	case o.KillServer != "" && o.Temporal == "":
		return c, errors.New("-kill-temporal needs -temporal: a server of our own is killed without it")
	}
	return c, nil
}

func run(ctx context.Context, args []string) error {
	c, err := parse(args)
	if err != nil {
		return err
	}
	groups, err := faults.Choose(faults.Groups(), c.only)
	if err != nil {
		return err
	}
	if c.list {
		list(groups)
		return nil
	}
	if c.options.Dir, err = os.MkdirTemp("", "private-replies-faults-"); err != nil {
		return err
	}
	ok, err := c.try(ctx, groups)
	if err == nil && ok {
		return os.RemoveAll(c.options.Dir)
	}
	fmt.Fprintf(os.Stderr, "\nThe logs, and what is known of each failed case, are in %s\n", c.options.Dir)
	if err == nil {
		err = errors.New("a case failed, or none could run")
	}
	return err
}

func list(groups []faults.Group) {
	for _, g := range groups {
		fmt.Printf("%s: %s\n", g.Name, g.About)
		for _, c := range g.Cases {
			fmt.Printf("    %-34s %s\n", c.Name, c.Expect)
		}
	}
}

// try runs the groups and prints the table.
func (c command) try(ctx context.Context, groups []faults.Group) (ok bool, err error) {
	began := time.Now()
	if c.options.Temporal == "" {
		if c.options.CLI, err = devserver.Find(ctx, os.Stderr); err != nil {
			return false, err
		}
	}
	fmt.Fprintln(os.Stderr, "building and starting the programs")
	stack, err := faults.NewStack(ctx, c.options)
	if err != nil {
		return false, err
	}
	defer stack.Close()
	runner := faults.Runner{Stack: stack, Limit: c.limit, Tell: func(r faults.Row) { fmt.Fprintln(os.Stderr, r.Line()) }}
	rows, err := runner.Run(ctx, groups)
	faults.WriteTable(os.Stdout, rows)
	summary, ok := faults.Summary(rows)
	fmt.Printf("\n%s, in %v\n", summary, time.Since(began).Round(time.Second))
	return ok, err
}
