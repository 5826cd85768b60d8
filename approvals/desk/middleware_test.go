package desk_test

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/approvals/desk"
	"github.com/privatereply/privatereply/approvals/signin"
	"github.com/privatereply/privatereply/internal/replies"
)

var (
	asForm = http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	asJSON = http.Header{"Content-Type": {"application/json"}}
)

// Nobody gets anything without signing in, a viewer decides nothing, a writer decides nothing
// and proposes, and only an admin ends
// sessions: tried at every address.
func TestRoles(t *testing.T) {
	c := newFakeDesk(t)
	id := url.PathEscape(waitingID)
	const signedOut, forbidden = "out", "no"
	tests := []struct {
		method, path, body       string
		header                   http.Header
		viewer, writer, approver string // "" is let in
	}{
		{"GET", "/", "", nil, "", "", ""},
		{"GET", "/?part=list", "", nil, "", "", ""},
		{"GET", "/unknown", "", nil, "", "", ""},
		{"GET", "/replies", "", nil, "", "", ""},
		{"GET", "/replies/" + id, "", nil, "", "", ""},
		{"GET", "/funnel", "", nil, "", "", ""},
		{"GET", "/people", "", nil, forbidden, forbidden, forbidden},
		{"POST", "/people/end", "name=ana", asForm, forbidden, forbidden, forbidden},
		{"POST", "/replies/" + id + "/approve", "", asForm, forbidden, forbidden, ""},
		{"POST", "/replies/" + id + "/reject", "reason=spam", asForm, forbidden, forbidden, ""},
		{"POST", "/replies/" + id + "/resolve", "delivered=true", asForm, forbidden, forbidden, ""},
		{"POST", "/replies/" + id + "/follow-up", "text=hi", asForm, forbidden, forbidden, ""},
		{"POST", "/replies/" + id + "/reopen", "", asForm, forbidden, forbidden, ""},
		{"POST", "/replies/" + id + "/send-back", "note=hi", asForm, forbidden, forbidden, ""},
		{"POST", "/replies/" + id + "/propose", "text=hi", asForm, forbidden, "", ""},
		{"POST", "/replies/" + id + "/note", "text=hi", asForm, forbidden, "", ""},
		{"POST", "/replies/" + id + "/assign", "to=wim", asForm, forbidden, "", ""},
		{"POST", "/bulk/reject", "reply=" + id + "&reason=spam", asForm, forbidden, forbidden, ""},
		{"POST", "/bulk", "reply=" + id, asForm, forbidden, forbidden, ""},
		{"POST", "/bulk/approve", "reply=" + id, asForm, forbidden, forbidden, ""},
		{"GET", "/api/replies", "", nil, "", "", ""},
		{"GET", "/api/counts", "", nil, "", "", ""},
		{"GET", "/api/replies/" + id, "", nil, "", "", ""},
		{"POST", "/api/replies/" + id + "/approve", "{}", asJSON, forbidden, forbidden, ""},
		{"POST", "/api/replies/" + id + "/reject", "{}", asJSON, forbidden, forbidden, ""},
		{"POST", "/api/replies/" + id + "/resolve", `{"delivered":true}`, asJSON, forbidden, forbidden, ""},
		{"POST", "/api/replies/" + id + "/follow-up", `{"text":"hi"}`, asJSON, forbidden, forbidden, ""},
		{"POST", "/api/replies/" + id + "/reopen", "{}", asJSON, forbidden, forbidden, ""},
		{"POST", "/api/replies/" + id + "/send-back", `{"note":"hi"}`, asJSON, forbidden, forbidden, ""},
		{"POST", "/api/replies/" + id + "/propose", `{"text":"hi"}`, asJSON, forbidden, "", ""},
		{"POST", "/api/replies/" + id + "/note", `{"text":"hi"}`, asJSON, forbidden, "", ""},
		{"POST", "/api/replies/" + id + "/assign", `{"to":"wim"}`, asJSON, forbidden, "", ""},
		{"POST", "/api/replies/" + id + "/presence", `{"state":"open","tab":"12345678"}`, asJSON, "", "", ""},
		{"POST", "/api/reject", `{"replies":["` + waitingID + `"],"reason":"spam"}`, asJSON, forbidden, forbidden, ""},
		{"POST", "/api/approve", `{"replies":["` + waitingID + `"]}`, asJSON, forbidden, forbidden, ""},
	}
	vera, wim, ana, nobody := c.signedIn("vera"), c.signedIn("wim"), c.signedIn("ana"), c.signedIn("")
	for _, tt := range tests {
		t.Run(tt.method+" "+tt.path, func(t *testing.T) {
			for _, who := range []struct {
				name   string
				client *http.Client
				want   string
			}{{"nobody", nobody, signedOut}, {"vera", vera, tt.viewer}, {"wim", wim, tt.writer}, {"ana", ana, tt.approver}} {
				resp, body := c.do(who.client, tt.method, tt.path, tt.body, tt.header)
				got := ""
				switch {
				case resp.StatusCode == http.StatusUnauthorized, strings.HasPrefix(resp.Header.Get("Location"), "/signin"):
					got = signedOut
				case resp.StatusCode == http.StatusForbidden:
					got = forbidden
				case resp.StatusCode >= 500:
					got = resp.Status
				}
				if got != who.want {
					t.Errorf("%s: got %q (%s), want %q", who.name, got, resp.Status, who.want)
				}
				if who.want == signedOut && (strings.Contains(body, "How much?") || strings.Contains(body, "lena")) {
					t.Error("a stranger is shown a comment")
				}
			}
		})
	}
}

// Another site's page can make a signed-in browser post, but nothing comes of it.
func TestCrossSiteRequests(t *testing.T) {
	c := newFakeDesk(t)
	ana := c.signedIn("ana")
	for name, header := range map[string]http.Header{
		"by fetch metadata": {"Sec-Fetch-Site": {"cross-site"}},
		"from a sibling":    {"Sec-Fetch-Site": {"same-site"}},
		"by origin":         {"Origin": {"https://evil.example.com"}},
		"without an origin": {"Origin": {"null"}},
	} {
		t.Run(name, func(t *testing.T) {
			for path, kind := range map[string]string{"/replies/": "application/x-www-form-urlencoded", "/api/replies/": "application/json"} {
				with := header.Clone()
				with.Set("Content-Type", kind)
				body := ""
				if kind == "application/json" {
					body = "{}"
				}
				resp, _ := c.do(ana, http.MethodPost, path+url.PathEscape(waitingID)+"/approve", body, with)
				if resp.StatusCode != http.StatusForbidden {
					t.Errorf("%s: %s", path, resp.Status)
				}
			}
		})
	}
	if len(c.fake.approved) > 0 {
		t.Errorf("approved %v", c.fake.approved)
	}
}

// Every answer forbids what a stranger's text could do, and pages are not kept.
func TestHeaders(t *testing.T) {
	c := newFakeDesk(t)
	for _, path := range []string{"/", "/signin", "/replies/" + url.PathEscape(waitingID), "/nowhere", "/api/replies", "/api/nowhere"} {
		resp, _ := c.do(c.signedIn("adam"), http.MethodGet, path, "", nil)
		policy := resp.Header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'"} {
			if !strings.Contains(policy, want) {
				t.Errorf("%s: the policy lacks %s: %s", path, want, policy)
			}
		}
		if strings.Contains(policy, "unsafe") {
			t.Errorf("%s: the policy is %s", path, policy)
		}
		if resp.Header.Get("X-Content-Type-Options") != "nosniff" || resp.Header.Get("Cache-Control") != "no-store" && path != "/signin" {
			t.Errorf("%s: headers %v", path, resp.Header)
		}
	}
}

// Pages are compressed, and the stream of events is not: each goes out at once.
func TestCompression(t *testing.T) {
	c := newFakeDesk(t)
	ana := c.signedIn("ana")
	for path, want := range map[string]bool{"/": true, "/replies": true, "/events": false} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := ana.Do(req) // asks for gzip, and says whether it got it
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK || resp.Uncompressed != want {
			t.Errorf("%s: %s, compressed: %v, want %v", path, resp.Status, resp.Uncompressed, want)
		}
	}
}

// Signing in leads back to where somebody wanted to go, and never to another site.
func TestSignInRedirect(t *testing.T) {
	c := newFakeDesk(t)
	for to, want := range map[string]string{
		"/replies?state=sent":  "/replies?state=sent",
		"":                     "/",
		"//evil.example.com":   "/",
		"/\\evil.example.com":  "/",
		"https://evil.example": "/",
		"/signin":              "/",
		"/\t/evil.example.com": "/",
	} {
		resp, _ := c.do(c.signedIn(""), http.MethodPost, "/signin", url.Values{"token": {c.tokens["ana"]}, "to": {to}}.Encode(), asForm)
		if got := resp.Header.Get("Location"); resp.StatusCode != http.StatusSeeOther || got != want {
			t.Errorf("%q leads to %q (%s)", to, got, resp.Status)
		}
	}
	resp, body := c.do(c.signedIn(""), http.MethodPost, "/signin", "token=guess", asForm)
	if resp.StatusCode != http.StatusUnauthorized || strings.Contains(body, "guess") || len(resp.Cookies()) > 0 {
		t.Errorf("a wrong token: %s, %v", resp.Status, resp.Cookies())
	}
}

// What strangers wrote is text wherever it is shown.
func TestHostileTexts(t *testing.T) {
	const evil = `</script><script>alert(1)</script>"' onload=alert(1) {{username}} {{.}}`
	c := newFakeDesk(t, replies.Row{ID: waitingID, State: privatereply.AwaitingApproval, Platform: privatereply.Instagram, Account: instagram,
		Person: evil, Comment: evil, Text: evil, Rule: evil, Media: evil})
	for _, path := range []string{"/", "/?q=" + url.QueryEscape(evil), "/replies/" + url.PathEscape(waitingID), "/replies?rule=" + url.QueryEscape(evil), "/funnel?rule=" + url.QueryEscape(evil)} {
		resp, body := c.do(c.signedIn("ana"), http.MethodGet, path, "", nil)
		if resp.StatusCode != http.StatusOK || strings.Contains(body, "<script>alert") || strings.Contains(body, `" onload`) || strings.Contains(body, `"' onload`) {
			t.Errorf("%s: %s: a text became part of the page", path, resp.Status)
		}
		if !strings.Contains(body, "{{username}}") {
			t.Errorf("%s does not show the text as it is", path)
		}
	}
}

// Wrong tokens are logged with who sent them, not who passed them on, and whoever goes
// on guessing does not fill the log.
func TestRefusedSignInsAreLogged(t *testing.T) {
	core, logs := observer.New(zap.InfoLevel)
	c := newFakeDeskWith(t, func(cfg *desk.Config) {
		guard, err := signin.NewAuthenticator(signin.Options{Header: "X-User", Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})
		if err != nil {
			t.Fatal(err)
		}
		cfg.Authenticator, cfg.Logger = guard, zap.New(core)
	})
	header := http.Header{"Content-Type": asForm["Content-Type"], "X-Forwarded-For": {"203.0.113.9"}}
	slowed := false
	for range 20 {
		resp, _ := c.do(c.signedIn(""), http.MethodPost, "/signin", "token=guess", header)
		slowed = slowed || resp.StatusCode == http.StatusTooManyRequests
	}
	if n := logs.Len(); !slowed || n == 0 || n > 6 {
		t.Errorf("slowed down: %v, lines: %d", slowed, n)
	}
	for _, line := range logs.All() {
		if got := line.ContextMap()["client"]; got != "203.0.113.9" {
			t.Errorf("the log names %v", got)
		}
	}
}
