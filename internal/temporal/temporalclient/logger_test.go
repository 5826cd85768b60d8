package temporalclient

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.temporal.io/sdk/log"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// What the SDK logs arrives in zap with its level and fields, whatever it passes.
func TestLogger(t *testing.T) {
	tests := []struct {
		name  string
		write func(log.Logger)
		level string
		want  map[string]any
	}{
		{"fields", func(l log.Logger) { l.Info("m", "WorkflowID", "reply:1", "Attempt", 2) }, "info",
			map[string]any{"WorkflowID": "reply:1", "Attempt": int64(2)}},
		{"with", func(l log.Logger) { log.With(l, "Queue", "q").Warn("m", "n", "x") }, "warn",
			map[string]any{"Queue": "q", "n": "x"}},
		{"a value without a key", func(l log.Logger) { l.Error("m", "k", "v", "alone") }, "error",
			map[string]any{"k": "v", "extra": "alone"}},
		{"a key that is no string", func(l log.Logger) { l.Debug("m", 7, "v") }, "debug",
			map[string]any{"7": "v"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			core, lines := observer.New(zap.DebugLevel)
			tt.write(NewLogger(zap.New(core)))
			if lines.Len() != 1 {
				t.Fatalf("%d lines were written, want 1: %v", lines.Len(), lines.All())
			}
			line := lines.All()[0]
			if line.Level.String() != tt.level || line.Message != "m" {
				t.Errorf("wrote %s %q, want %s \"m\"", line.Level, line.Message, tt.level)
			}
			if diff := cmp.Diff(tt.want, line.ContextMap()); diff != "" {
				t.Errorf("fields (-want +got):\n%s", diff)
			}
		})
	}
}

// A line names the code that logged it, not this adapter.
func TestLoggerCaller(t *testing.T) {
	core, lines := observer.New(zap.DebugLevel)
	l := NewLogger(zap.New(core, zap.AddCaller()))
	l.Info("direct")
	inner := func() { log.Skip(l, 1).Info("one further up") }
	inner()
	if lines.Len() != 2 {
		t.Fatalf("%d lines were written, want 2", lines.Len())
	}
	for _, line := range lines.All() {
		if got := line.Caller.Function; got != "github.com/privatereply/privatereply/internal/temporal/temporalclient.TestLoggerCaller" {
			t.Errorf("%q: caller is %s", line.Message, got)
		}
	}
}
