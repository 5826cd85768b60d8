// Command bench measures the product on Temporal development servers: see lab/scenario/measure.
//
// Run it with `make bench`, or a part of it with `make bench BENCH=quiet,single`.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/privatereply/privatereply/lab/scenario"
	"github.com/privatereply/privatereply/lab/scenario/measure"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	opts := measure.Options{Progress: os.Stderr}
	flag.StringVar(&opts.Address, "temporal", "", "host:port of a Temporal server to run on, each step in a namespace of its own; only "+strings.Join(measure.OnExistingServer, ", "))
	flag.IntVar(&opts.Copies, "copies", 1, "how many workers and how many bridges share the server of -temporal")
	only := flag.String("only", "", "steps to run, separated by commas: "+scenario.Names(measure.Bench)+" (default all)")
	flag.Parse()
	command := "make bench"
	if *only != "" {
		command += " BENCH=" + *only
	}
	if err := measure.Run(ctx, os.Stdout, opts, command, measure.Bench, *only); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}
