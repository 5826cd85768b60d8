package desk_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/privatereply/privatereply/approvals/desk"
	"github.com/privatereply/privatereply/graph"
	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/internal/connect"
)

// newConnectDesk is a desk with the page Accounts, on an empty accounts folder.
func newConnectDesk(t *testing.T) *fakeDesk {
	t.Helper()
	apps := config.Connect{InstagramAppID: "22", InstagramSecret: "secret", InstagramLoginURL: "https://www.instagram.com", InstagramTokenURL: "https://api.instagram.com"}
	accounts, err := config.OpenFolder(t.TempDir(), apps, nil)
	if err != nil {
		t.Fatal(err)
	}
	meta, err := graph.New(graph.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return newFakeDeskWith(t, func(cfg *desk.Config) {
		cfg.Connections = &desk.Connections{
			Connector: connect.New(connect.Config{Settings: apps, Graph: meta, Accounts: accounts}), Accounts: accounts, Graph: meta, URL: "https://desk.example.com",
		}
	})
}

// Only an admin reaches the accounts, and no other site can make a browser change them.
func TestAccountsRoles(t *testing.T) {
	c := newConnectDesk(t)
	requests := []struct{ method, path string }{
		{"GET", "/accounts"}, {"GET", "/accounts/connect?login=instagram"}, {"GET", "/accounts/callback?state=x&code=y"}, {"GET", "/accounts/choose?grant=x"},
		{"POST", "/accounts/connect"}, {"GET", "/accounts/instagram/1/disconnect"}, {"POST", "/accounts/instagram/1/disconnect"}, {"GET", "/accounts/instagram/1/picture"},
	}
	for _, r := range requests {
		for name, want := range map[string]int{"": http.StatusSeeOther, "vera": http.StatusForbidden, "ana": http.StatusForbidden} {
			resp, _ := c.do(c.signedIn(name), r.method, r.path, "", nil)
			if resp.StatusCode != want || want == http.StatusSeeOther && r.method == "GET" && !strings.HasPrefix(resp.Header.Get("Location"), "/signin") {
				t.Errorf("%q: %s %s: %d, %s; want %d", name, r.method, r.path, resp.StatusCode, resp.Header.Get("Location"), want)
			}
		}
		resp, _ := c.do(c.signedIn("adam"), r.method, r.path, "", http.Header{"Sec-Fetch-Site": {"cross-site"}})
		if r.method == "POST" && resp.StatusCode != http.StatusForbidden {
			t.Errorf("from another site: %s %s: %d", r.method, r.path, resp.StatusCode)
		}
	}
}

// A login leads to Meta with a state that only the browser that began it can bring back, and
// once. What is wrong is said in words.
func TestConnectPage(t *testing.T) {
	c := newConnectDesk(t)
	admin := c.signedIn("adam")
	resp, _ := c.do(admin, "GET", "/accounts/connect?login=instagram", "", nil)
	to := resp.Header.Get("Location")
	if resp.StatusCode != http.StatusSeeOther || !strings.HasPrefix(to, "https://www.instagram.com/oauth/authorize?") ||
		!strings.Contains(to, "redirect_uri=https%3A%2F%2Fdesk.example.com%2Faccounts%2Fcallback") || strings.Contains(to, "secret") {
		t.Fatalf("%d to %s", resp.StatusCode, to)
	}
	_, state, _ := strings.Cut(to, "state=")
	state, _, _ = strings.Cut(state, "&")
	cookie := resp.Cookies()[0]
	if !cookie.HttpOnly || !cookie.Secure || cookie.SameSite != http.SameSiteLaxMode {
		t.Errorf("the login's cookie is %+v", cookie)
	}
	// The jar keeps no Secure cookie of a plain address, so that it is set by hand.
	own := http.Header{"Cookie": {cookie.Name + "=" + cookie.Value}}
	tests := []struct {
		name, path string
		header     http.Header
		want       string
	}{
		{"another browser", "/accounts/callback?code=c&state=" + state, nil, "begin"},
		{"another state", "/accounts/callback?code=c&state=x", own, "begin"},
		{"no state", "/accounts/callback?code=c", own, "begin"},
		{"declined", "/accounts/callback?error=access_denied&state=" + state, own, "declined at Meta"},
		{"not a login", "/accounts/connect?login=threads", nil, "is not a login"},
		{"a login without an app", "/accounts/connect?login=facebook", nil, "PRIVATEREPLY_FACEBOOK_APP_ID"},
		{"another's grant", "/accounts/choose?grant=x", own, "begin"},
	}
	for _, tt := range tests {
		resp, body := c.do(admin, "GET", tt.path, "", tt.header)
		if resp.StatusCode != http.StatusBadRequest || !strings.Contains(body, tt.want) {
			t.Errorf("%s: %d, want the words %q in\n%s", tt.name, resp.StatusCode, tt.want, body)
		}
	}
	if resp, body := c.do(admin, "POST", "/accounts/connect", "grant=x", http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}); resp.StatusCode != http.StatusBadRequest || !strings.Contains(body, "No account was chosen") {
		t.Errorf("nothing chosen: %d\n%s", resp.StatusCode, body)
	}
}
