package harness

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/privatereply/privatereply/internal/temporal/setup"
	"github.com/privatereply/privatereply/lab/harness/cluster"
	"github.com/privatereply/privatereply/lab/harness/devserver"
)

// answerInterval is how often a server that was started again is asked whether it answers.
const answerInterval = 250 * time.Millisecond

// Server is a Temporal server on which a Product runs.
type Server struct {
	Address   string // host:port of the gRPC API
	Namespace string // where a Product runs that names no other; it exists
	UIURL     string // of the Web UI, without a slash at the end; empty: unknown

	kill, start func(context.Context) error // nil: it cannot be killed from here
	pid         func() int                  // nil: it is no process of ours
}

// OnDevServer is a development server, which can be killed and started again if it has a
// database file.
func OnDevServer(s *devserver.Server) *Server {
	return &Server{
		Address: s.Address, Namespace: s.Namespace, UIURL: s.UIURL,
		kill:  func(context.Context) error { s.Kill(); return nil },
		start: s.Process.Start,
		pid:   s.PID,
	}
}

// OnCluster is the Temporal server of a cluster, which can be killed and started again.
func OnCluster(c *cluster.Cluster, namespace string) *Server {
	return &Server{
		Address: c.Address, Namespace: namespace,
		kill:  func(context.Context) error { c.Server.Kill(); return nil },
		start: c.Server.Start,
		pid:   c.Server.PID,
	}
}

// Existing is a server that somebody else runs. The shell commands kill it and start it
// again on the same address; empty: it cannot be killed from here.
func Existing(address, namespace, killCommand, startCommand string) *Server {
	s := &Server{Address: address, Namespace: namespace}
	if killCommand == "" {
		return s
	}
	s.kill = func(ctx context.Context) error { return shell(ctx, killCommand) }
	s.start = func(ctx context.Context) error {
		if err := shell(ctx, startCommand); err != nil {
			return err
		}
		return s.awaitAnswer(ctx)
	}
	return s
}

// CanRestart reports whether the server can be killed and started again from here.
func (s *Server) CanRestart() bool { return s.kill != nil }

// PID is the server's process id, if it is a process of ours.
func (s *Server) PID() (pid int, ok bool) {
	if s.pid == nil {
		return 0, false
	}
	return s.pid(), true
}

// Kill ends the server as kill -9 does.
func (s *Server) Kill(ctx context.Context) error {
	if s.kill == nil {
		return errors.New("this Temporal server cannot be killed from here")
	}
	return s.kill(ctx)
}

// Start starts the killed server again, with its state, and waits until it answers.
func (s *Server) Start(ctx context.Context) error {
	if s.start == nil {
		return errors.New("this Temporal server cannot be started from here")
	}
	return s.start(ctx)
}

// WithNamespace makes a new namespace on the server, for a Product of its own.
func (s *Server) WithNamespace(ctx context.Context, name string) (*Server, error) {
	if err := cluster.CreateNamespace(ctx, s.Address, name, setup.Retention); err != nil {
		return nil, err
	}
	other := *s
	other.Namespace = name
	return &other, nil
}

func (s *Server) awaitAnswer(ctx context.Context) error {
	tick := time.NewTicker(answerInterval)
	defer tick.Stop()
	for {
		c, err := client.DialContext(ctx, client.Options{HostPort: s.Address, Namespace: s.Namespace, Logger: noLog})
		if err == nil {
			c.Close()
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the Temporal server does not come back: %w: %w", context.Cause(ctx), err)
		case <-tick.C:
		}
	}
}

func shell(ctx context.Context, command string) error {
	if out, err := exec.CommandContext(ctx, "sh", "-c", command).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", command, err, out)
	}
	return nil
}
