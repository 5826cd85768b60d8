package ops

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

func get(t *testing.T, h http.Handler, path string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	return w.Code, w.Body.String()
}

func answers(err error) func(context.Context) error {
	return func(context.Context) error { return err }
}

// A program says by name what keeps it from working, and is not ready until all
// that it needs is there. A file that does not load is shown, no more: the version
// before is still in force.
func TestReady(t *testing.T) {
	broken := errors.New("line 3 is wrong")
	tests := []struct {
		name   string
		checks []Check
		status int
		body   string
	}{
		{"nothing to check", nil, 200, "ready\n"},
		{"all is well", []Check{{Name: "temporal", Run: answers(nil)}}, 200, "ready\nok       temporal\n"},
		{"something fails", []Check{{Name: "temporal", Run: answers(nil)}, {Name: "search_attributes", Run: answers(errors.New("ReplyState is missing"))}},
			503, "not ready\nok       temporal\nfailed   search_attributes: ReplyState is missing\n"},
		{"a file does not load", []Check{{Name: "temporal", Run: answers(nil)}, FileCheck("rules", func() error { return broken })},
			200, "ready\nok       temporal\nwarning  rules: line 3 is wrong\n"},
		{"both", []Check{{Name: "temporal", Run: answers(broken)}, FileCheck("rules", func() error { return broken })},
			503, "not ready\nfailed   temporal: line 3 is wrong\nwarning  rules: line 3 is wrong\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, body := get(t, Handler(prometheus.NewRegistry(), tt.checks...), "/readyz")
			if status != tt.status || body != tt.body {
				t.Errorf("answer = %d %q, want %d %q", status, body, tt.status, tt.body)
			}
		})
	}
}

// Probes never hammer the server: an answer serves for two seconds, and after that
// the truth is asked for again.
func TestReadyIsCached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		h := Handler(prometheus.NewRegistry(), Check{Name: "temporal", Run: func(context.Context) error {
			if asked.Add(1) > 1 {
				return errors.New("gone")
			}
			return nil
		}})
		for range 10 {
			if status, _ := get(t, h, "/readyz"); status != http.StatusOK {
				t.Fatalf("status = %d", status)
			}
		}
		if n := asked.Load(); n != 1 {
			t.Errorf("asked %d times, want 1", n)
		}
		<-time.After(readyCacheTTL)
		if status, body := get(t, h, "/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(body, "gone") {
			t.Errorf("answer = %d %q", status, body)
		}
	})
}

// A check that hangs does not hang the probe, nor the checks beside it.
func TestReadyTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hangs := Check{Name: "temporal", Run: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}
		began := time.Now()
		status, body := get(t, Handler(prometheus.NewRegistry(), hangs, Check{Name: "other", Run: answers(nil)}), "/readyz")
		if status != http.StatusServiceUnavailable || !strings.Contains(body, "ok       other") {
			t.Errorf("answer = %d %q", status, body)
		}
		if took := time.Since(began); took != checkTimeout {
			t.Errorf("took %v, want %v", took, checkTimeout)
		}
	})
}

// The server answers on its listener and ends when it is told to, without an error.
func TestServe(t *testing.T) {
	registry := prometheus.NewRegistry()
	counter := prometheus.NewCounter(prometheus.CounterOpts{Name: "privatereply_test_total", Help: "A test."})
	registry.MustRegister(counter)
	counter.Inc()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, ln, Handler(registry)) }()

	for path, want := range map[string]string{"/healthz": "ok\n", "/readyz": "ready\n", "/metrics": "privatereply_test_total 1\n"} {
		resp, err := http.Get("http://" + ln.Addr().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK || !strings.Contains(string(body), want) {
			t.Errorf("%s = %d %q, want %q in it", path, resp.StatusCode, body, want)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Serve = %v", err)
	}
}

// A listener that breaks is an error, not a silent end.
func TestServeBroken(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = ln.Close()
	if err := Serve(t.Context(), ln, Handler(prometheus.NewRegistry())); err == nil {
		t.Error("Serve = nil, want an error")
	}
}
