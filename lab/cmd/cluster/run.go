package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/privatereply/privatereply/lab/harness/cluster"
	"github.com/privatereply/privatereply/lab/harness/process"
	"github.com/privatereply/privatereply/lab/scenario"
)

// run is what all steps share.
type run struct {
	dir      string // temporary
	logs     string
	on       string // what the cluster consists of
	cluster  *cluster.Cluster
	rows     []scenario.Row
	products int // that were made

	// Cells of tables; the first line has the heads.
	costs, scales, serverParts [][]string
}

// prepare builds the programs and starts the cluster.
func prepare(ctx context.Context, tools cluster.Tools, logs string) (*run, error) {
	dir, err := os.MkdirTemp("", "private-replies-product-")
	if err != nil {
		return nil, err
	}
	r := &run{dir: dir, logs: logs}
	tell("building the product")
	if err = process.Build(ctx, dir, "webhookbridge", "worker", "lab/cmd/bench", "lab/cmd/lab"); err == nil {
		tell("starting Postgres and the Temporal server")
		r.cluster, err = cluster.Start(ctx, tools, logs)
	}
	if err == nil {
		r.on, err = r.cluster.Version(ctx)
	}
	if err != nil {
		r.clean()
		return nil, err
	}
	return r, nil
}

func (r *run) program(name string) string { return filepath.Join(r.dir, name) }

func (r *run) clean() {
	if r.cluster != nil {
		r.cluster.Stop()
	}
	_ = os.RemoveAll(r.dir) // a temporary folder that stays harms nobody
}

// machine says what was measured on.
func (r *run) machine() string {
	return fmt.Sprintf("%d cores, %s/%s, %s, %s, two workers, two bridges",
		runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), r.on)
}
