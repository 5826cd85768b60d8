package meta_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/privatereply/privatereply/lab/meta"
)

// subscribedApps are the names of the apps that get an account's webhooks.
func (e *env) subscribedApps(path, token string) []string {
	e.t.Helper()
	var names []string
	for _, v := range e.get(path+"/subscribed_apps", token).json["data"].([]any) {
		names = append(names, v.(map[string]any)["name"].(string))
	}
	return names
}

// An account that is not connected has no webhooks. They begin when the app subscribes
// after a login, signed with the app's secret, and stop when the subscription vanishes.
func TestWebhooksOfAConnectedAccount(t *testing.T) {
	r := receive(t)
	e := startUnconnected(t, func(c *meta.Config) { c.WebhookURL = r.URL })
	comments := func() {
		for _, account := range []string{pageID, linkedID, ownLoginID} {
			e.comment(meta.NewComment{Account: account})
		}
		must(t, e.DrainWebhooks(t.Context()))
	}
	comments()
	if got := len(r.all()); got != 0 {
		t.Fatalf("%d webhooks before anybody logged in", got)
	}

	page, own := e.pageTokens(e.userToken(meta.LoginAnswer{}))[pageID], e.instagramToken(meta.LoginAnswer{})
	if apps := e.subscribedApps("/facebook/v26.0/me", page); len(apps) != 0 {
		t.Errorf("subscribed by the login alone: %v", apps)
	}
	subscribe := func(path, token, fields string) {
		t.Helper()
		if got := e.do(http.MethodPost, path+"/subscribed_apps?subscribed_fields="+fields, token, ""); got.json["success"] != true {
			t.Fatalf("subscribe: %s", got.body)
		}
	}
	subscribe("/facebook/v26.0/me", page, "feed,messages")
	subscribe("/instagram/v26.0/me", own, "comments")
	comments()
	if got := len(r.all()); got != 3 {
		t.Fatalf("%d webhooks, want one of each account", got)
	}
	signatures := map[bool]int{}
	for _, w := range r.all() {
		signatures[w.header.Get("X-Hub-Signature-256") == meta.Sign(instagramSecret, []byte(w.body))]++
	}
	if signatures[true] != 1 || signatures[false] != 2 {
		t.Errorf("%d are signed with the Instagram secret, want 1", signatures[true])
	}

	must(t, e.UpdateAccount(pageID, meta.AccountUpdate{Fields: &[]string{}}))
	if got := e.do(http.MethodDelete, "/instagram/v26.0/me/subscribed_apps", own, ""); got.json["success"] != true {
		t.Errorf("unsubscribe: %s", got.body)
	}
	comments()
	if got := len(r.all()); got != 3 {
		t.Errorf("%d webhooks after the subscriptions had gone", got-3)
	}
	if apps := e.subscribedApps("/facebook/v26.0/me", page); len(apps) != 0 {
		t.Errorf("still subscribed: %v", apps)
	}
}

// Another app that is subscribed stands in the list beside ours.
func TestOtherAppIsListed(t *testing.T) {
	e := startUnconnected(t, withMorePages)
	token := e.pageTokens(e.userToken(meta.LoginAnswer{}))[secondPageID]
	if got := e.subscribedApps("/facebook/v26.0/me", token); !slices.Equal(got, []string{"Other inbox"}) {
		t.Errorf("before: %v", got)
	}
	e.do(http.MethodPost, "/facebook/v26.0/me/subscribed_apps?subscribed_fields=feed", token, "")
	if got := e.subscribedApps("/facebook/v26.0/me", token); !slices.Equal(got, []string{"Private replies", "Other inbox"}) {
		t.Errorf("after: %v", got)
	}
}

// proof is the appsecret_proof of a token.
func proof(secret, token string) string {
	return strings.TrimPrefix(meta.Sign(secret, []byte(token)), "sha256=")
}

// A call with a token of a login can prove itself with the app's secret, and has to where
// the app requires it.
func TestProofOfALogin(t *testing.T) {
	e := startUnconnected(t, func(c *meta.Config) { c.Accounts[0].RequireProof = true })
	user := e.userToken(meta.LoginAnswer{})
	if got := e.get("/facebook/v26.0/me/accounts", user); got.code() != [2]int{100, 0} {
		t.Errorf("without a proof: %s", got.body)
	}
	if got := e.get("/facebook/v26.0/me/accounts", user, "appsecret_proof", proof(facebookSecret, user)); got.status != 200 {
		t.Errorf("with it: %s", got.body)
	}
	if got := e.get("/facebook/v26.0/me/accounts", user, "appsecret_proof", proof(appSecret, user)); got.code() != [2]int{100, 0} {
		t.Errorf("with another secret: %s", got.body)
	}
}

// The list of accounts says whether the app has a token, until when, and by whose login.
func TestAccountsSayWhatTheAppHas(t *testing.T) {
	e := startUnconnected(t)
	own := func() meta.AccountInfo {
		list := e.Accounts()
		return list[len(list)-1]
	}
	if a := own(); a.Token != "" || a.ConnectedBy != "" || len(a.Fields) != 0 || len(a.Permissions) != 0 {
		t.Errorf("before: %+v", a)
	}
	e.instagramToken(meta.LoginAnswer{})
	a := own()
	if a.Token != meta.TokenValid || a.TokenUntil == nil || !a.TokenUntil.After(e.clock.now()) || a.ConnectedBy == "" || len(a.Permissions) != 3 {
		t.Errorf("after: %+v", a)
	}
	must(t, e.UpdateAccount(ownLoginID, meta.AccountUpdate{TokenState: new(meta.TokenExpired)}))
	if a := own(); a.Token != meta.TokenExpired {
		t.Errorf("at its end: %+v", a)
	}
	if page := e.get("/", ""); page.status != 200 || !strings.Contains(page.body, "Its token is expired, until <time") || !strings.Contains(page.body, "The app has no token of it") {
		t.Errorf("the page: %d", page.status)
	}
}
