package bridge

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/config"
)

// Only somebody who knows the verify token gets the challenge back, and nothing that
// a browser could run is ever echoed.
func TestVerification(t *testing.T) {
	query := func(mode, token, challenge string) url.Values {
		return url.Values{"hub.mode": {mode}, "hub.verify_token": {token}, "hub.challenge": {challenge}}
	}
	long := strings.Repeat("1", 200)
	tests := []struct {
		name   string
		query  url.Values
		status int
		echo   string
	}{
		{"a number", query("subscribe", verifyToken, "1158201444"), 200, "1158201444"},
		{"letters", query("subscribe", verifyToken, "Ab-c_9"), 200, "Ab-c_9"},
		{"200 characters", query("subscribe", verifyToken, long), 200, long},
		{"201 characters", query("subscribe", verifyToken, long+"1"), 403, ""},
		{"a wrong token", query("subscribe", "guess", "1158201444"), 403, ""},
		{"the beginning of the token", query("subscribe", verifyToken[:4], "1158201444"), 403, ""},
		{"no token", query("subscribe", "", "1158201444"), 403, ""},
		{"another mode", query("unsubscribe", verifyToken, "1158201444"), 403, ""},
		{"no challenge", query("subscribe", verifyToken, ""), 403, ""},
		{"markup", query("subscribe", verifyToken, "<script>alert(1)</script>"), 403, ""},
		{"a line break", query("subscribe", verifyToken, "1\n"), 403, ""},
		{"beyond ASCII", query("subscribe", verifyToken, "１２"), 403, ""},
		{"nothing", url.Values{}, 403, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newTestBridge(t, newFakeTemporal())
			w := h.do(httptest.NewRequestWithContext(t.Context(), http.MethodGet, Path+"?"+tt.query.Encode(), nil))
			if w.Code != tt.status {
				t.Errorf("status = %d, want %d", w.Code, tt.status)
			}
			if tt.status == 200 && w.Body.String() != tt.echo {
				t.Errorf("body = %q, want the bare challenge %q", w.Body, tt.echo)
			}
			if tt.status != 200 && w.Body.String() != "Forbidden\n" {
				t.Errorf("body = %q", w.Body)
			}
			if got := w.Header().Get("Content-Type"); got != "text/plain; charset=utf-8" {
				t.Errorf("content type = %q", got)
			}
			if w.Header().Get("X-Content-Type-Options") != "nosniff" {
				t.Error("browsers may guess another content type")
			}
			for _, secret := range []string{verifyToken, "guess"} {
				if strings.Contains(h.logged(), secret) {
					t.Errorf("the log has %q:\n%s", secret, h.logged())
				}
			}
		})
	}
}

// The webhook takes GET and POST, and refuses other methods with the list of these.
func TestMethods(t *testing.T) {
	h := newTestBridge(t, newFakeTemporal())
	for _, method := range []string{"HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "FANCY"} {
		w := h.do(httptest.NewRequestWithContext(t.Context(), method, Path, nil))
		if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, POST" {
			t.Errorf("%s: status %d, Allow %q; want 405 with GET, POST", method, w.Code, w.Header().Get("Allow"))
		}
	}
	for _, path := range []string{"/", "/webhooks", "/webhooks/meta/", "/webhooks/meta/x", "/metrics"} {
		w := h.do(httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, nil))
		if w.Code != http.StatusNotFound {
			t.Errorf("POST %s: status %d, want 404", path, w.Code)
		}
	}
}

// A bridge that anybody could sign for, or verify, does not start.
func TestNewRefuses(t *testing.T) {
	good := newTestBridge(t, newFakeTemporal()).cfg
	tests := []struct {
		name    string
		spoil   func(*Config)
		mention string
	}{
		{"no verify token", func(c *Config) { c.Settings.VerifyToken = "" }, "PRIVATEREPLY_VERIFY_TOKEN"},
		{"no app secret", func(c *Config) { c.Settings.AppSecrets = nil }, "PRIVATEREPLY_APP_SECRETS"},
		{"an empty app secret", func(c *Config) { c.Settings.AppSecrets = []string{appSecret, ""} }, "PRIVATEREPLY_APP_SECRETS"},
		{"metrics that are registered twice", func(*Config) {}, "metrics"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := good
			tt.spoil(&c)
			_, err := New(c)
			if err == nil || !strings.Contains(err.Error(), tt.mention) {
				t.Fatalf("New = %v, want an error about %s", err, tt.mention)
			}
			if strings.Contains(err.Error(), appSecret) {
				t.Errorf("the error has a secret: %v", err)
			}
		})
	}
}

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
	h := newTestBridge(t, fake)
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
	h := newTestBridge(t, newFakeTemporal())
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

// The accounts file is written in place, as an editor or cp does, and is half there when the
// bridge looks; then it stays so, as after a copy that broke off. Half an accounts file is a
// valid one: no comment of an account in the missing half is answered 200 and gone.
func TestHalfAccountsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "accounts.yaml")
	t.Setenv("T", "EAAtoken")
	const (
		head = "accounts:\n  - {platform: facebook, id: \"100000000000009\", name: Other, token_env: T}\n"
		tail = "  - {platform: instagram, id: \"" + instagramID + "\", name: A, login: instagram, token_env: T}\n"
	)
	writeAccounts := func(content string) {
		t.Helper()
		f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteString(content); err != nil {
			t.Fatal(err)
		}
	}
	writeAccounts(head + tail)
	accounts, err := config.OpenAccounts(path)
	if err != nil {
		t.Fatal(err)
	}
	temporal := newFakeTemporal()
	h := newTestBridge(t, temporal)
	h.cfg.Accounts = accounts
	addr := h.listen()
	deliver := func(id string) {
		t.Helper()
		status := deliverTo(t, addr, delivery("instagram", entryOf(instagramID, commentChange(id, "What is the price?"))))
		reply, err := privatereply.ReplyID(privatereply.Comment{Platform: privatereply.Instagram, Account: instagramID, CommentID: id})
		if err != nil {
			t.Fatal(err)
		}
		if _, held := temporal.reply(reply); status == http.StatusOK && !held {
			t.Errorf("LOST: the bridge answered 200 and Temporal does not hold comment %s; accounts.Err() = %v", id, accounts.Err())
		} else if status != http.StatusOK {
			t.Errorf("comment %s was answered %d", id, status)
		}
	}
	inFile := func() bool {
		_, ok := accounts.Get(privatereply.Instagram, instagramID)
		return ok
	}
	await := func(what string, in bool) {
		t.Helper()
		for end := time.Now().Add(30 * time.Second); inFile() != in; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal(what)
			}
		}
	}
	deliver("18000000000000001")
	writeAccounts(head)
	deliver("18000000000000002")
	await("half a file that stays is not in force", false)
	deliver("18000000000000003")
	writeAccounts(head + tail)
	await("the whole file is not in force", true)
	deliver("18000000000000004")
	if status := deliverTo(t, addr, delivery("instagram", entryOf("17841400000000777", commentChange("18000000000000005", "hi")))); status != http.StatusOK {
		t.Errorf("a comment of an account that never was is answered %d", status)
	}
	h.wantCounted(map[string]float64{"events_total{effect=started}": 4, "events_total{effect=ignored,reason=unknown_account}": 1})
}

// Slack's interactions are taken where the bridge has a handler for them, by POST alone.
func TestSlack(t *testing.T) {
	b := newTestBridge(t, nil)
	ask := func(method string) int {
		w := httptest.NewRecorder()
		b.Handler().ServeHTTP(w, httptest.NewRequest(method, "/webhooks/slack", nil))
		return w.Code
	}
	if got := ask(http.MethodPost); got != http.StatusNotFound {
		t.Errorf("without a handler it answers %d", got)
	}
	b.cfg.Slack = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	if got := ask(http.MethodPost); got != http.StatusTeapot {
		t.Errorf("with a handler it answers %d", got)
	}
	if got := ask(http.MethodGet); got == http.StatusTeapot {
		t.Error("it takes GET")
	}
}
