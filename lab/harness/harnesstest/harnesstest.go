// Package harnesstest gives a test a Product of its own.
package harnesstest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/privatereply/privatereply/lab/harness"
	"github.com/privatereply/privatereply/lab/harness/devserver"
	"github.com/privatereply/privatereply/lab/harness/devserver/devservertest"
)

// New prepares a Product on a development server of its own, whose state is in memory,
// unless cfg names a server. Both end with the test, which fails if a program in this
// process ended by itself. Its programs do not run yet. Without rules a person decides
// every comment.
func New(t testing.TB, cfg harness.Config) *harness.Product {
	t.Helper()
	if cfg.Server == nil {
		cfg.Server = harness.OnDevServer(devservertest.Start(t))
	}
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	if cfg.Rules == "" && cfg.RulesFile == "" {
		cfg.Rules = "default: ask\n"
	}
	p, err := harness.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(p.Err(), p.Stop()); err != nil {
			t.Errorf("the product ended with %v", err)
		}
	})
	return p
}

// Start starts programs of a Product and waits until they are ready.
func Start(t testing.TB, programs ...*harness.Programs) {
	t.Helper()
	for _, p := range programs {
		if err := p.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// Dev is what `starter dev` runs, once for all tests of a package.
type Dev struct {
	*harness.Dev        // nil without a Temporal CLI
	Folder       string // with its settings

	missing error // why there is no Temporal CLI
}

// Main runs the tests of a package with Dev, which prepare changes before, and returns the
// exit code. Without a Temporal CLI the tests run without it: see Need.
func (d *Dev) Main(m *testing.M, prepare func(context.Context) error) int {
	var code int
	err := d.run(context.Background(), prepare, func() { code = m.Run() })
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

func (d *Dev) run(ctx context.Context, prepare func(context.Context) error, tests func()) (err error) {
	cli, err := devserver.Lookup(ctx)
	if errors.Is(err, devserver.ErrNotFound) {
		d.missing = err
		tests()
		return nil
	}
	if err != nil {
		return err
	}
	if d.Folder, err = os.MkdirTemp("", "starter-dev-test-"); err != nil {
		return err
	}
	defer os.RemoveAll(d.Folder)
	ports, err := harness.FreePorts()
	if err != nil {
		return err
	}
	d.Dev, err = harness.StartDev(ctx, harness.DevOptions{Folder: d.Folder, Ports: ports, CLIPath: cli, Ephemeral: true, Warnings: os.Stderr})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Stop()) }()
	if err := prepare(ctx); err != nil {
		return err
	}
	tests()
	return nil
}

// Need skips a test that cannot run without Dev; where CI is set it fails.
func (d *Dev) Need(t testing.TB) {
	t.Helper()
	switch {
	case d.Dev != nil:
	case os.Getenv("CI") != "":
		t.Fatalf("this test needs a Temporal server: %v", d.missing)
	default:
		t.Skipf("this test needs a Temporal server; `starter dev` builds one: %v", d.missing)
	}
}
