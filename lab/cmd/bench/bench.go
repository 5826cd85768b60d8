package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/privatereply/privatereply/lab/harness/devserver"
	"github.com/privatereply/privatereply/lab/harness/process"
)

// bench is what all steps share.
type bench struct {
	dir    string // temporary
	on     existing
	cli    string // the Temporal CLI; empty with -temporal
	bridge string // the built program
	worker string // the built program
	stacks int
}

// prepare finds the Temporal CLI and builds the programs.
func prepare(ctx context.Context, on existing) (*bench, error) {
	dir, err := os.MkdirTemp("", "private-replies-bench-")
	if err != nil {
		return nil, err
	}
	b := &bench{dir: dir, on: on, bridge: filepath.Join(dir, "webhookbridge"), worker: filepath.Join(dir, "worker")}
	if on.address == "" {
		b.cli, err = devserver.Find(ctx, os.Stderr)
	}
	if err == nil {
		b.tell("building the bridge and the worker")
		err = process.Build(ctx, dir, filepath.Base(b.bridge), filepath.Base(b.worker))
	}
	if err != nil {
		b.clean()
		return nil, err
	}
	return b, nil
}

func (b *bench) clean() { _ = os.RemoveAll(b.dir) } // a temporary folder that stays harms nobody

// tell says what is going on, apart from the table.
func (b *bench) tell(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
}
