// Command lab measures the product and tries to break what it promises, on this machine:
// with the product's programs as processes, the simulated Meta in Meta's place, and a
// Temporal development server, a server that is there already, or one on Postgres.
//
//	lab list [NAME…]     what there is, and what each case expects
//	lab run NAME…        suites, scenarios, or cases as scenario/case
//
// `make bench` and `make faults` run it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/privatereply/privatereply/lab/receiver"
	"github.com/privatereply/privatereply/lab/scenario"
	"github.com/privatereply/privatereply/lab/scenario/demo"
	"github.com/privatereply/privatereply/lab/scenario/faults"
	"github.com/privatereply/privatereply/lab/scenario/measure"
	"github.com/privatereply/privatereply/lab/week"
)

// suites are all that can be run, in the order in which they run. The cost of comments
// comes first, on a database that holds nothing else.
var suites = []scenario.Suite{measure.CommentCost, measure.Bench, measure.LiveBurst, measure.Soak, measure.Operations, measure.Restoring, faults.Suite, measure.AccountCost, demo.Suite, week.Suite}

func main() {
	if asked, err := receiver.RunFront(os.Args[1:]); asked {
		fmt.Fprintln(os.Stderr, "lab:", err)
		os.Exit(1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "lab:", err)
		}
		os.Exit(1)
	}
}

// command is what the arguments ask for.
type command struct {
	lab    scenario.Lab
	list   bool
	chosen []scenario.Suite
}

func parse(args []string, out, progress io.Writer) (c command, err error) {
	c.lab = scenario.Lab{Out: out, Progress: progress}
	if len(args) == 0 || args[0] != "list" && args[0] != "run" {
		return c, errors.New("say what to do: `lab list`, or `lab run NAME…`")
	}
	c.list = args[0] == "list"
	l := &c.lab
	flags := flag.NewFlagSet("lab "+args[0], flag.ContinueOnError)
	flags.SetOutput(progress)
	only := flags.String("only", "", "a part of what is named: scenarios, or cases as scenario/case, separated by commas")
	copies := flags.Int("copies", 0, "how many workers and how many bridges run")
	flags.IntVar(&l.Workers, "workers", 1, "how many workers run")
	flags.IntVar(&l.Bridges, "bridges", 1, "how many bridges run")
	flags.IntVar(&l.Accounts, "accounts", 10_000, "how many accounts the scenario many-accounts has")
	flags.DurationVar(&l.Limit, "limit", 4*time.Minute, "how long a case of the faults may take; on a good day the longest takes 80 seconds")
	flags.DurationVar(&l.Soak, "soak", 30*time.Minute, "how long the scenario soak runs, after its workers' caches are full")
	flags.StringVar(&l.Temporal, "temporal", "", "host:port of a Temporal server to run on; default: one is started")
	flags.StringVar(&l.Namespace, "namespace", "", "the namespace, with -temporal; default: a new one for each product")
	flags.StringVar(&l.KillServer, "kill-temporal", "", "shell command that kills that server; without it the cases that need it are left out")
	flags.StringVar(&l.StartServer, "start-temporal", "", "shell command that starts it again, on the same address")
	flags.StringVar(&l.Cluster.Postgres, "postgres", "", "run on Temporal with Postgres: the folder with initdb, postgres and psql")
	flags.StringVar(&l.Cluster.Server, "server", "", "with -postgres: the Temporal server")
	flags.StringVar(&l.Cluster.SQLTool, "sql-tool", "", "with -postgres: temporal-sql-tool")
	flags.StringVar(&l.Dir, "logs", "", "an empty folder for the logs, which stays; default: a temporary one, which stays after a failure")
	if err := flags.Parse(args[1:]); err != nil {
		return c, err
	}
	if *copies != 0 {
		l.Workers, l.Bridges = *copies, *copies
	}
	if !c.list && flags.NArg() == 0 {
		return c, errors.New("say what to run: `lab list` names it")
	}
	if err := l.Check(); err != nil {
		return c, err
	}
	if c.chosen, err = scenario.Select(suites, flags.Args()...); err == nil && strings.TrimSpace(*only) != "" {
		c.chosen, err = scenario.Select(c.chosen, strings.Split(*only, ",")...)
	}
	return c, err
}

func run(ctx context.Context, args []string, out, progress io.Writer) error {
	c, err := parse(args, out, progress)
	if err != nil {
		return err
	}
	if c.list {
		scenario.List(out, c.chosen)
		return nil
	}
	temporary := c.lab.Dir == ""
	if temporary {
		if c.lab.Dir, err = os.MkdirTemp("", "private-replies-lab-"); err != nil {
			return err
		}
	}
	defer c.lab.Close()
	var failed []error
	for _, suite := range c.chosen {
		if err := suite.Run(ctx, &c.lab, suite.Scenarios); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", suite.Name, err))
		}
		if ctx.Err() != nil {
			break
		}
	}
	if err := errors.Join(failed...); err != nil {
		fmt.Fprintf(progress, "\nThe logs, and what is known of each failed case, are in %s\n", c.lab.Dir)
		return err
	}
	if temporary {
		return os.RemoveAll(c.lab.Dir)
	}
	return nil
}
