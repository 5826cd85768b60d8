package bridge

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
)

// A bridge that stops takes no more deliveries and finishes those it has: each gets
// its true answer.
func TestGracefulStop(t *testing.T) {
	fake := newFakeTemporal()
	committing, goOn := make(chan struct{}), make(chan struct{})
	fake.before = func(context.Context, string) error {
		close(committing)
		<-goOn
		return nil
	}
	h := newHarness(t, fake)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- h.Run(ctx, ln) }()

	body := []byte(delivery("instagram", entryOf(instagramID, commentChange("18000000000000001", "hi"))))
	answered := make(chan int, 1)
	go func() {
		r := signed(t, body)
		out, err := http.NewRequestWithContext(t.Context(), r.Method, "http://"+ln.Addr().String()+Path, r.Body)
		if err != nil {
			t.Error(err)
		}
		out.Header = r.Header
		resp, err := http.DefaultClient.Do(out)
		if err != nil {
			t.Error(err)
			answered <- 0
			return
		}
		_ = resp.Body.Close()
		answered <- resp.StatusCode
	}()
	<-committing
	stop()
	for { // until the listener is closed
		conn, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			break
		}
		_ = conn.Close()
	}
	select {
	case err := <-ended:
		t.Fatalf("Run ended before its delivery: %v", err)
	default:
	}
	close(goOn)
	if status := <-answered; status != http.StatusOK {
		t.Errorf("status = %d, want 200", status)
	}
	if err := <-ended; err != nil {
		t.Errorf("Run = %v", err)
	}
	if _, ok := fake.reply(replyID); !ok {
		t.Error("the reply was not started")
	}
}

type brokenRules struct{ rulesFile }

func (brokenRules) Err() error { return errors.New("rules.yaml: line 3") }

// A rules file that does not load is shown to the operator, and does not stop the
// bridge: the one before is in force.
func TestChecks(t *testing.T) {
	h := newHarness(t, newFakeTemporal())
	h.cfg.Rules = brokenRules{h.cfg.Rules.(rulesFile)}
	needed := map[string]bool{}
	for _, c := range h.Checks() {
		needed[c.Name] = !c.Advisory
		if c.Name == "rules" {
			if err := c.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "line 3") {
				t.Errorf("rules = %v", err)
			}
		}
	}
	for name, want := range map[string]bool{"temporal": true, "setup": true, "rules": false, "accounts": false} {
		if got, ok := needed[name]; !ok || got != want {
			t.Errorf("check %s: needed %v (there: %v), want %v", name, got, ok, want)
		}
	}
}
