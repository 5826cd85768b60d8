package meta_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/privatereply/privatereply/lab/meta"
)

const (
	appNode  = "/v26.0/240000000000001"
	appToken = "240000000000001|" + appSecret
)

// The app's subscriptions are read with the app's own token, and with no other.
func TestAppSubscriptions(t *testing.T) {
	e := start(t, func(c *meta.Config) { c.WebhookURL = "http://127.0.0.1:1/webhooks/meta" })
	must(t, e.SubscribeApp(meta.AppSubscription{Object: "page", Fields: []string{"feed"}, Version: "v25.0"}))
	must(t, e.SubscribeApp(meta.AppSubscription{Object: "instagram"}))
	want := []any{map[string]any{
		"object": "page", "callback_url": "http://127.0.0.1:1/webhooks/meta", "active": true,
		"fields": []any{map[string]any{"name": "feed", "version": "v25.0"}},
	}}
	if diff := cmp.Diff(want, e.get("/facebook"+appNode+"/subscriptions", appToken).json["data"]); diff != "" {
		t.Error(diff)
	}
	tests := []struct {
		name, method, path, token string
		want                      [2]int
	}{
		{"the account's token", http.MethodGet, "/facebook" + appNode + "/subscriptions", pageToken, [2]int{100, 33}},
		{"another secret", http.MethodGet, "/facebook" + appNode + "/subscriptions", appToken + "x", [2]int{190, 0}},
		{"the other host", http.MethodGet, "/instagram" + appNode + "/subscriptions", appToken, [2]int{190, 0}},
		{"the app is no account", http.MethodGet, "/facebook/v26.0/me", appToken, [2]int{100, 33}},
		{"nothing is changed", http.MethodPost, "/facebook" + appNode + "/subscriptions", appToken, [2]int{100, 33}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := e.do(tt.method, tt.path, tt.token, ""); got.code() != tt.want {
				t.Errorf("answered %v, want %v: %s", got.code(), tt.want, got.body)
			}
		})
	}
	if err := e.SubscribeApp(meta.AppSubscription{Object: "user"}); err == nil {
		t.Error("an object that there is not was taken")
	}
}

// A webhook needs both subscriptions, the app's and the account's. The Instagram
// login has an app of its own.
func TestAppIsNotSubscribed(t *testing.T) {
	e := start(t)
	for _, object := range []string{"page", "instagram"} {
		must(t, e.SubscribeApp(meta.AppSubscription{Object: object, Fields: []string{"messages"}}))
	}
	for account, want := range map[string]int{pageID: 0, linkedID: 0, ownLoginID: 1} {
		id := e.comment(meta.NewComment{Account: account})
		must(t, e.DrainWebhooks(t.Context()))
		webhooks := 0
		for _, w := range e.Webhooks() {
			if slices.Contains(w.About, id) {
				webhooks++
			}
		}
		if webhooks != want {
			t.Errorf("%d webhooks of comment %s of %s, want %d", webhooks, id, account, want)
		}
	}
}

// A token that expires says so before, and is refused afterwards.
func TestTokenExpires(t *testing.T) {
	e := start(t)
	until := e.clock.now().Add(time.Hour)
	must(t, e.UpdateAccount(pageID, meta.AccountUpdate{TokenUntil: &until}))
	debug := func() map[string]any {
		return e.get("/facebook/v26.0/debug_token", pageToken, "input_token", pageToken).json["data"].(map[string]any)
	}
	if d := debug(); d["expires_at"] != float64(until.Unix()) || d["is_valid"] != true {
		t.Errorf("before: %v", d)
	}
	e.clock.advance(time.Hour)
	if got := e.get("/facebook/v26.0/me", pageToken); got.code() != [2]int{190, 463} {
		t.Errorf("after: %v, want 190/463", got.code())
	}
}

// What a doctor asks: whose token, what may it, is the Page fit to send, is the app
// subscribed.
func TestDoctor(t *testing.T) {
	e := start(t)
	page := e.get("/facebook/v26.0/me", pageToken, "fields", "id,name,is_published,tasks,instagram_business_account{id,username}")
	want := map[string]any{
		"id": pageID, "name": "Clean Slate", "is_published": true,
		"tasks":                      []any{"ADVERTISE", "ANALYZE", "CREATE_CONTENT", "MESSAGING", "MODERATE", "MANAGE"},
		"instagram_business_account": map[string]any{"id": linkedID, "username": "clean.slate"},
	}
	if diff := cmp.Diff(want, page.json); diff != "" {
		t.Error(diff)
	}
	own := e.get("/instagram/v26.0/me", ownToken, "fields", "id,user_id,username")
	if own.text("user_id") != ownLoginID || own.text("id") == ownLoginID || own.text("username") != "oak.and.ash" {
		t.Errorf("me of the instagram login: %s", own.body)
	}
	if got := e.get("/facebook/v26.0/me/permissions", pageToken); len(got.json["data"].([]any)) != 9 {
		t.Errorf("permissions: %s", got.body)
	}

	debug := func() map[string]any {
		return e.get("/facebook/v26.0/debug_token", pageToken, "input_token", pageToken).json["data"].(map[string]any)
	}
	if d := debug(); d["is_valid"] != true || d["profile_id"] != pageID {
		t.Errorf("debug_token: %v", d)
	}

	other := e.do(http.MethodPost, "/facebook/v26.0/debug_token", pageToken, `{"method":"get","input_token":"EAAother"}`).json["data"].(map[string]any)
	if other["is_valid"] != false {
		t.Errorf("debug_token of nobody's token: %v", other)
	}

	apps := "/facebook/v26.0/" + pageID + "/subscribed_apps"
	fields := func() any {
		data := e.get(apps, pageToken).json["data"].([]any)
		if len(data) == 0 {
			return nil
		}
		return data[0].(map[string]any)["subscribed_fields"]
	}
	if got := e.do(http.MethodPost, apps+"?subscribed_fields=feed,messages", pageToken, ""); got.json["success"] != true {
		t.Errorf("subscribe: %s", got.body)
	}
	if diff := cmp.Diff([]any{"feed", "messages"}, fields()); diff != "" {
		t.Error(diff)
	}
	if got := e.do(http.MethodPost, apps+"?subscribed_fields=comments", pageToken, ""); got.code() != [2]int{100, 0} {
		t.Errorf("a Page has no comments field: %v", got.code())
	}
	e.do(http.MethodDelete, apps, pageToken, "")
	if got := fields(); got != nil {
		t.Errorf("after DELETE: %v", got)
	}
}
