package bridge

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
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
			h := newHarness(t, newFakeTemporal())
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

// The webhook takes what Meta sends and says what that is.
func TestMethods(t *testing.T) {
	h := newHarness(t, newFakeTemporal())
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
	good := newHarness(t, newFakeTemporal()).cfg
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
