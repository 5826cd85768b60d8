// Package devservertest gives a test a Temporal server of its own.
package devservertest

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"

	"github.com/privatereply/privatereply/internal/temporal/setup"
	"github.com/privatereply/privatereply/lab/harness/devserver"
)

// TwoOfEachKind are the pollers of the product's workers, for the workers of tests
// that have many workflows at once: with the SDK's default a minute can pass in which
// none begins. See docs/decisions.md.
var TwoOfEachKind = worker.NewPollerBehaviorAutoscaling(worker.PollerBehaviorAutoscalingOptions{
	InitialNumberOfPollers: 2, MinimumNumberOfPollers: 2, MaximumNumberOfPollers: 2,
})

// CLI is the path of the Temporal CLI. Tests do not build it, which takes
// minutes: without one the test is skipped, and fails where CI is set.
func CLI(t testing.TB) string {
	t.Helper()
	path, err := devserver.Lookup(t.Context())
	switch {
	case err == nil:
	case errors.Is(err, devserver.ErrNotFound) && os.Getenv("CI") == "":
		t.Skipf("this test needs a Temporal server; `starter dev` builds one: %v", err)
	default:
		t.Fatalf("this test needs a Temporal server: %v", err)
	}
	return path
}

// Start starts a server on free ports with its state in memory. It ends with the
// test.
func Start(t testing.TB) *devserver.Server {
	t.Helper()
	return StartWith(t, devserver.Options{})
}

// StartSetUp is Start with a client of the server, whose namespace is set up for the
// product.
func StartSetUp(t testing.TB) (*devserver.Server, client.Client) {
	t.Helper()
	s := Start(t)
	c, err := client.DialContext(t.Context(), client.Options{
		HostPort: s.Address, Namespace: s.Namespace, Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if _, err := setup.Apply(t.Context(), c, s.Namespace); err != nil {
		t.Fatal(err)
	}
	return s, c
}

// StartWith is Start with options; CLIPath and LogFile are filled in if empty.
func StartWith(t testing.TB, opts devserver.Options) *devserver.Server {
	t.Helper()
	if opts.CLIPath == "" {
		opts.CLIPath = CLI(t)
	}
	if opts.LogFile == "" {
		opts.LogFile = filepath.Join(t.TempDir(), "temporal.log")
	}
	s, err := devserver.Start(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Kill)
	return s
}
