package temporalclient

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/log"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// setenv gives the test these variables and none of the world's, nor its profiles.
func setenv(t *testing.T, vars map[string]string) {
	t.Helper()
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, "TEMPORAL_") || strings.HasPrefix(name, "PRIVATEREPLY_") {
			t.Setenv(name, "") // restores it after the test
			if err := os.Unsetenv(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Setenv("TEMPORAL_CONFIG_FILE", filepath.Join(t.TempDir(), "none.toml"))
	for name, value := range vars {
		t.Setenv(name, value)
	}
}

func profile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "temporal.toml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// The programs read the variables and the profile file that the Temporal CLI reads.
func TestOptions(t *testing.T) {
	file := profile(t, "[profile.default]\naddress = \"file.invalid:7233\"\nnamespace = \"from-file\"\n[profile.other]\naddress = \"other.invalid:7233\"\n")
	tests := []struct {
		name      string
		vars      map[string]string
		address   string
		namespace string
		secure    bool
	}{
		{"nothing set", nil, "localhost:7233", "default", false},
		{"variables", map[string]string{"TEMPORAL_ADDRESS": "env.invalid:1", "TEMPORAL_NAMESPACE": "ours"}, "env.invalid:1", "ours", false},
		{"profile", map[string]string{"TEMPORAL_CONFIG_FILE": file}, "file.invalid:7233", "from-file", false},
		{"another profile", map[string]string{"TEMPORAL_CONFIG_FILE": file, "TEMPORAL_PROFILE": "other"}, "other.invalid:7233", "default", false},
		{"variables go before the profile", map[string]string{"TEMPORAL_CONFIG_FILE": file, "TEMPORAL_NAMESPACE": "ours"}, "file.invalid:7233", "ours", false},
		{"TLS", map[string]string{"TEMPORAL_TLS": "true"}, "localhost:7233", "default", true},
		{"an API key needs TLS", map[string]string{"TEMPORAL_API_KEY": "hush"}, "localhost:7233", "default", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			setenv(t, tt.vars)
			got, err := Options("worker", zap.NewNop())
			if err != nil {
				t.Fatal(err)
			}
			if got.HostPort != tt.address || got.Namespace != tt.namespace || (got.ConnectionOptions.TLS != nil) != tt.secure {
				t.Errorf("%s, %s, TLS %v; want %s, %s, %v", got.HostPort, got.Namespace, got.ConnectionOptions.TLS != nil, tt.address, tt.namespace, tt.secure)
			}
			if !strings.HasPrefix(got.Identity, "worker@") {
				t.Errorf("the Web UI would show %q", got.Identity)
			}
			if got.FailureConverter == nil || got.DataConverter != converter.GetDefaultDataConverter() {
				t.Error("without keys payloads are not plain JSON")
			}
		})
	}
}

// What the SDK has to say goes to the program's own log.
func TestOptionsLogger(t *testing.T) {
	setenv(t, nil)
	core, lines := observer.New(zap.InfoLevel)
	opts, err := Options("worker", zap.New(core))
	if err != nil {
		t.Fatal(err)
	}
	opts.Logger.Info("polling", "queue", "q")
	if lines.FilterMessage("polling").FilterField(zap.String("queue", "q")).Len() != 1 {
		t.Errorf("logged %v", lines.All())
	}
}

// With keys nothing is written in clear.
func TestOptionsEncrypt(t *testing.T) {
	setenv(t, map[string]string{"PRIVATEREPLY_ENCRYPTION_KEYS": "k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="})
	opts, err := Options("worker", zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	payload, err := opts.DataConverter.ToPayload("a comment")
	if err != nil || strings.Contains(payload.String(), "comment") {
		t.Fatalf("wrote %v, %v", payload, err)
	}
	var back string
	if err := opts.DataConverter.FromPayload(payload, &back); err != nil || back != "a comment" {
		t.Errorf("read %q, %v", back, err)
	}
}

// Bad settings stop a program with the name of what is wrong, never a key.
func TestOptionsRefuses(t *testing.T) {
	const key = "aHVzaGh1c2hodXNoaHVzaGh1c2hodXNoaHVzaGh1c2g="
	tests := []struct {
		name     string
		vars     map[string]string
		mentions string
	}{
		{"no such profile", map[string]string{"TEMPORAL_PROFILE": "staging"}, "TEMPORAL_* settings: "},
		{"profile file that does not parse", map[string]string{"TEMPORAL_CONFIG_FILE": profile(t, "[profile.default\napi_key = \"hush\"\n")}, "TEMPORAL_* settings: "},
		{"certificate that is not there", map[string]string{"TEMPORAL_TLS_CLIENT_CERT_PATH": "none.pem", "TEMPORAL_TLS_CLIENT_KEY_PATH": "none.key"}, "TEMPORAL_* settings: "},
		{"key without an id", map[string]string{"PRIVATEREPLY_ENCRYPTION_KEYS": key}, "PRIVATEREPLY_ENCRYPTION_KEYS: "},
		{"key too short", map[string]string{"PRIVATEREPLY_ENCRYPTION_KEYS": "k1:" + key[4:]}, "PRIVATEREPLY_ENCRYPTION_KEYS: "},
		{"one id twice", map[string]string{"PRIVATEREPLY_ENCRYPTION_KEYS": "k1:" + key + ",k1:" + key}, "PRIVATEREPLY_ENCRYPTION_KEYS: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			setenv(t, tt.vars)
			opts, err := Options("worker", zap.NewNop())
			if err == nil || !strings.HasPrefix(err.Error(), tt.mentions) || !reflect.ValueOf(opts).IsZero() {
				t.Fatalf("got %v; want an error about %q and no options", err, tt.mentions)
			}
			if strings.Contains(err.Error(), "hush") || strings.Contains(err.Error(), key[4:20]) {
				t.Errorf("the error shows a secret: %v", err)
			}
		})
	}
}

// A server that is not there is an error that says where it was looked for, and not
// a program that hangs.
func TestDialNobody(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := ln.Addr().String()
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	setenv(t, map[string]string{"TEMPORAL_ADDRESS": address, "TEMPORAL_NAMESPACE": "ours"})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err = Dial(ctx, "worker", zap.NewNop())
	if err == nil || !strings.Contains(err.Error(), "cannot reach Temporal at "+address+" (namespace ours)") {
		t.Errorf("got %v", err)
	}
}

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
