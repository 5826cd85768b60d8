// Command cluster measures the product as an installation runs it, and tries to break it:
// Temporal on Postgres, two workers, two bridges behind what stands in for a load
// balancer, and the simulated Meta, all as processes of this machine: see
// lab/scenario/measure.
//
// scripts/cluster.sh installs and builds what it needs, and starts it. The exit code is 0
// only if nothing was lost and nothing came twice.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/privatereply/privatereply/lab/scenario"
	"github.com/privatereply/privatereply/lab/scenario/measure"
)

// copies is how many workers and how many bridges there are.
const copies = 2

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	opts := measure.Options{OnCluster: true, Copies: copies, Progress: os.Stderr}
	flag.StringVar(&opts.Tools.Postgres, "postgres", "", "the folder with initdb, postgres and psql")
	flag.StringVar(&opts.Tools.Server, "server", "", "the Temporal server")
	flag.StringVar(&opts.Tools.SQLTool, "sql-tool", "", "temporal-sql-tool")
	flag.StringVar(&opts.Logs, "logs", "", "an empty folder for the logs")
	only := flag.String("only", "", "steps to run, separated by commas: "+scenario.Names(measure.Cluster)+" (default all)")
	flag.Parse()
	if err := measure.Run(ctx, os.Stdout, opts, "scripts/cluster.sh", measure.Cluster, *only); err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}
