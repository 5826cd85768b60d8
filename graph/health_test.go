package graph

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/privatereply/privatereply"
)

// Guards the id that webhooks carry: with Instagram Login it is not the token's id.
func TestMe(t *testing.T) {
	for _, tc := range []struct {
		name    string
		account privatereply.Account
		body    string
		fields  string
		want    TokenOwner
	}{
		{"Page", pageAccount, `{"id":"100000000000001","name":"Clean Slate"}`, "id,name", TokenOwner{ID: "100000000000001", Name: "Clean Slate"}},
		{"Instagram Login", igAccount, `{"id":"1","user_id":"17841400000000002","username":"clean.slate"}`, "id,user_id,username",
			TokenOwner{ID: "1", UserID: "17841400000000002", Name: "clean.slate"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := newMeta(t, respondWith(200, tc.body))
			got, err := m.Me(t.Context(), credentials(tc.account))
			if err != nil || got != tc.want {
				t.Errorf("%+v, %v", got, err)
			}
			if diff := cmp.Diff(url.Values{"fields": {tc.fields}}, m.only(t).query(t)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Guards the check for accounts that Meta unsubscribed in silence.
func TestSubscribedApps(t *testing.T) {
	m := newMeta(t, respondWith(200, `{"data":[{"id":"5","name":"Replies","subscribed_fields":["comments","messages"]},{"id":6}]}`))
	got, err := m.SubscribedApps(t.Context(), credentials(igByPage))
	want := []Subscription{{AppID: "5", AppName: "Replies", Fields: []string{"comments", "messages"}}, {AppID: "6"}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%s, %v", diff, err)
	}
	if path := m.only(t).Path; path != "/facebook/v26.0/100000000000001/subscribed_apps" {
		t.Errorf("asked %s", path)
	}
}

// Guards the diagnosis of a Page with any token: tasks are not told to all of them.
func TestPage(t *testing.T) {
	for _, tc := range []struct {
		name, tasks string
		want        []string
		fails       bool
	}{
		{"with tasks", `{"tasks":["MESSAGING","MODERATE"],"id":"100000000000001"}`, []string{"MESSAGING", "MODERATE"}, false},
		{"a token without them", `{"error":{"code":100}}`, nil, false},
		{"a failure", `{"error":{"code":4}}`, nil, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := newMeta(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Query().Get("fields") == "tasks" {
					fmt.Fprint(w, tc.tasks)
					return
				}
				fmt.Fprint(w, `{"id":"100000000000001","name":"Clean Slate","is_published":true,"instagram_business_account":{"id":"17841400000000001"}}`)
			})
			got, err := m.Page(t.Context(), credentials(igByPage))
			want := PageInfo{ID: "100000000000001", Name: "Clean Slate", Published: ptr(true), InstagramID: "17841400000000001", Tasks: tc.want}
			if diff := cmp.Diff(want, got); diff != "" || (err != nil) != tc.fails {
				t.Errorf("%s, %v", diff, err)
			}
		})
	}
}

// Guards the one call whose subject is the token: it is in the body and not in the URL.
func TestDebugToken(t *testing.T) {
	for _, tc := range []struct {
		name, body string
		want       TokenInfo
		fails      bool
	}{
		{"expires", `{"data":{"app_id":5,"type":"USER","is_valid":true,"expires_at":1790856000,"scopes":["pages_messaging"]}}`,
			TokenInfo{AppID: "5", Kind: "USER", Valid: true, ExpiresAt: noon, Scopes: []string{"pages_messaging"}}, false},
		{"never expires", `{"data":{"app_id":"5","type":"PAGE","is_valid":true,"expires_at":0}}`,
			TokenInfo{AppID: "5", Kind: "PAGE", Valid: true}, false},
		{"is over", `{"data":{"is_valid":false}}`, TokenInfo{}, false},
		{"not told", `{}`, TokenInfo{}, true},
		{"refused", `{"error":{"code":100}}`, TokenInfo{}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := newMeta(t, respondWith(200, tc.body))
			got, err := m.DebugToken(t.Context(), credentials(pageAccount))
			if diff := cmp.Diff(tc.want, got); diff != "" || (err != nil) != tc.fails {
				t.Errorf("%s, %v", diff, err)
			}
			want := received{
				Method: http.MethodPost, Path: "/facebook/v26.0/debug_token", Query: "appsecret_proof=" + testProof,
				Type: "application/x-www-form-urlencoded", Authorization: "Bearer " + testToken, Body: "input_token=" + testToken + "&method=get",
			}
			if diff := cmp.Diff(want, m.only(t)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Guards that a permission somebody declined is not counted as held.
func TestPermissions(t *testing.T) {
	m := newMeta(t, respondWith(200, `{"data":[{"permission":"pages_messaging","status":"granted"},{"permission":"instagram_basic","status":"declined"}]}`))
	got, err := m.Permissions(t.Context(), credentials(pageAccount))
	if diff := cmp.Diff([]string{"pages_messaging"}, got); diff != "" || err != nil {
		t.Errorf("%s, %v", diff, err)
	}
	if path := m.only(t).Path; path != "/facebook/v26.0/me/permissions" {
		t.Errorf("asked %s", path)
	}
}
