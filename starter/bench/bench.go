package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/privatereply/privatereply/internal/devserver"
)

const module = "github.com/privatereply/privatereply"

// bench is what all steps share.
type bench struct {
	dir    string // temporary
	cli    string // the Temporal CLI
	bridge string // the built program
	worker string // the built program
	stacks int
}

// prepare finds the Temporal CLI and builds the programs, as they are deployed:
// what `go run` builds is not optimised any less, but would be one process more.
func prepare(ctx context.Context) (*bench, error) {
	dir, err := os.MkdirTemp("", "private-replies-bench-")
	if err != nil {
		return nil, err
	}
	b := &bench{dir: dir, bridge: filepath.Join(dir, "webhookbridge"), worker: filepath.Join(dir, "worker")}
	if b.cli, err = devserver.Find(ctx, os.Stderr); err == nil {
		b.tell("building the bridge and the worker")
		err = b.build(ctx)
	}
	if err != nil {
		b.clean()
		return nil, err
	}
	return b, nil
}

func (b *bench) build(ctx context.Context) error {
	for _, program := range []string{b.bridge, b.worker} {
		out, err := exec.CommandContext(ctx, "go", "build", "-o", program, module+"/"+filepath.Base(program)).CombinedOutput()
		if err != nil {
			return fmt.Errorf("build %s: %w\n%s", filepath.Base(program), err, strings.TrimSpace(string(out)))
		}
	}
	return nil
}

func (b *bench) clean() { _ = os.RemoveAll(b.dir) } // a temporary folder that stays harms nobody

// tell says what is going on, apart from the table.
func (b *bench) tell(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
}
