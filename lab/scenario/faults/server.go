package faults

import (
	"context"
	"fmt"
	"os/exec"

	"go.temporal.io/sdk/client"

	"github.com/privatereply/privatereply/lab/harness/devserver"
	"github.com/privatereply/privatereply/lab/harness/process"
	"github.com/privatereply/privatereply/lab/scenario"
)

// server is the Temporal server: one of our own, or one that somebody else runs.
type server struct {
	address   string
	namespace string

	own  devserver.Options
	runs *devserver.Server // nil: somebody else's

	killCommand, startCommand string // of somebody else's; empty: it cannot be killed
}

// startServer starts a server of our own, with its database in a file.
func startServer(ctx context.Context, opts devserver.Options) (*server, error) {
	for _, port := range []*int{&opts.Port, &opts.UIPort} {
		var err error
		if *port, err = process.FreePort(); err != nil {
			return nil, err
		}
	}
	runs, err := devserver.Start(ctx, opts)
	if err != nil {
		return nil, err
	}
	return &server{address: runs.Address, namespace: runs.Namespace, own: opts, runs: runs}, nil
}

// canDie reports whether the server can be killed from here.
func (s *server) canDie() bool { return s.runs != nil || s.killCommand != "" }

func (s *server) kill(ctx context.Context) error {
	if s.runs != nil {
		s.runs.Kill()
		return nil
	}
	return shell(ctx, s.killCommand)
}

// start starts the killed server again and waits until it answers.
func (s *server) start(ctx context.Context, c client.Client) error {
	if s.runs != nil {
		var err error
		s.runs, err = devserver.Start(ctx, s.own)
		return err
	}
	if err := shell(ctx, s.startCommand); err != nil {
		return err
	}
	for {
		if _, err := c.CheckHealth(ctx, &client.CheckHealthRequest{}); err == nil {
			return nil
		}
		if !scenario.Sleep(ctx, pollEvery) {
			return fmt.Errorf("the Temporal server does not come back: %w", context.Cause(ctx))
		}
	}
}

func (s *server) close() {
	if s.runs != nil {
		s.runs.Kill()
	}
}

func shell(ctx context.Context, command string) error {
	if out, err := exec.CommandContext(ctx, "sh", "-c", command).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", command, err, out)
	}
	return nil
}
