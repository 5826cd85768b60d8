// Package harnesstest gives a test a Product of its own.
package harnesstest

import (
	"testing"

	"github.com/privatereply/privatereply/lab/harness"
	"github.com/privatereply/privatereply/lab/harness/devserver/devservertest"
)

// New prepares a Product on a development server of its own, whose state is in memory,
// unless cfg names a server. Both end with the test. Its programs do not run yet.
func New(t testing.TB, cfg harness.Config) *harness.Product {
	t.Helper()
	if cfg.Server == nil {
		cfg.Server = harness.OnDevServer(devservertest.Start(t))
	}
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	p, err := harness.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Errorf("the product ended with %v", err)
		}
	})
	return p
}
