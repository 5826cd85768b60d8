package graph

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/privatereply/privatereply"
)

const (
	appSecret = "0123456789abcdef0123456789abcdef"
	loginCode = "AQAlogincode"
	redirect  = "https://desk.example.com/accounts/callback"
)

// loginApps are the two apps, whose dialogs and codes are at m.
func loginApps(m *metaServer) (facebook, instagram LoginApp) {
	host := strings.TrimSuffix(m.facebook, "/facebook/"+DefaultVersion)
	facebook = LoginApp{Login: privatereply.LoginFacebook, ID: "11", Secret: appSecret, DialogURL: host + "/login/facebook"}
	instagram = LoginApp{Login: privatereply.LoginInstagram, ID: "22", Secret: appSecret, DialogURL: host + "/login/instagram", TokenURL: host + "/login/instagram"}
	return facebook, instagram
}

// Guards the dialogs: Meta compares the redirect address to the letter, separates
// permissions by commas, and shows declined ones only when they are asked for again.
func TestLoginURL(t *testing.T) {
	m := newMeta(t, nil)
	facebook, instagram := loginApps(m)
	business := facebook
	business.ConfigID = "33"
	for _, tc := range []struct {
		name string
		app  LoginApp
		path string
		want url.Values
	}{
		{"Facebook", facebook, "/login/facebook/v26.0/dialog/oauth", url.Values{"scope": {"a,b"}, "auth_type": {"rerequest"}}},
		{"for Business", business, "/login/facebook/v26.0/dialog/oauth", url.Values{"config_id": {"33"}, "auth_type": {"rerequest"}}},
		{"Instagram", instagram, "/login/instagram/oauth/authorize", url.Values{"scope": {"a,b"}, "force_reauth": {"true"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			raw := m.LoginURL(tc.app, redirect, "the-state", []string{"a", "b"})
			u, err := url.Parse(raw)
			if err != nil || u.Path != tc.path || strings.Contains(raw, appSecret) {
				t.Fatalf("%s, %v", raw, err)
			}
			tc.want.Set("client_id", tc.app.ID)
			tc.want.Set("redirect_uri", redirect)
			tc.want.Set("response_type", "code")
			tc.want.Set("state", "the-state")
			if diff := cmp.Diff(tc.want, u.Query()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Guards the exchange in both of Instagram's forms, with ids that no float64 holds, and
// that secrets go in the body.
func TestExchangeCode(t *testing.T) {
	for _, tc := range []struct {
		name, body string
		instagram  bool
		want       LoginToken
	}{
		{"Facebook", `{"access_token":"EAAx","token_type":"bearer","expires_in":5400}`, false, LoginToken{Token: "EAAx", Life: 90 * time.Minute}},
		{"Instagram as documented", `{"data":[{"access_token":"IGx","user_id":"26000000000000001","permissions":"a,b"}]}`, true,
			LoginToken{Token: "IGx", UserID: "26000000000000001", Permissions: []string{"a", "b"}}},
		{"Instagram as in production", `{"access_token":"IGx","user_id":26000000000000001,"permissions":["a","b"]}`, true,
			LoginToken{Token: "IGx", UserID: "26000000000000001", Permissions: []string{"a", "b"}}},
		{"without permissions", `{"access_token":"IGx","user_id":1}`, true, LoginToken{Token: "IGx", UserID: "1"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := newMeta(t, respondWith(200, tc.body))
			app, instagram := loginApps(m)
			path := "/facebook/v26.0/oauth/access_token"
			if tc.instagram {
				app, path = instagram, "/login/instagram/oauth/access_token"
			}
			got, err := m.ExchangeCode(t.Context(), app, redirect, loginCode+"#_")
			if diff := cmp.Diff(tc.want.Permissions, got.Permissions); diff != "" || err != nil || got.Token != tc.want.Token || got.Life != tc.want.Life || got.UserID != tc.want.UserID {
				t.Errorf("%s, %v", diff, err)
			}
			call := m.only(t)
			form, _ := url.ParseQuery(call.Body)
			want := url.Values{"grant_type": {"authorization_code"}, "code": {loginCode}, "redirect_uri": {redirect}, "client_id": {app.ID}, "client_secret": {appSecret}}
			if diff := cmp.Diff(want, form); diff != "" || call.Query != "" || call.Path != path || call.Method != http.MethodPost {
				t.Errorf("%s %s?%s %s", call.Method, call.Path, call.Query, diff)
			}
		})
	}
}

// Guards the calls that give long-lived tokens: Facebook's in the body, Instagram's as
// documented and without a version.
func TestLongLivedAndRenewal(t *testing.T) {
	m := newMeta(t, respondWith(200, `{"access_token":"x","expires_in":5183944}`))
	facebook, instagram := loginApps(m)
	life := 5183944 * time.Second
	for _, tc := range []struct {
		name string
		call func() (LoginToken, error)
		path string
		want url.Values
	}{
		{"Facebook", func() (LoginToken, error) {
			return m.LongLivedToken(t.Context(), facebook, LoginToken{Token: testToken})
		},
			"POST /facebook/v26.0/oauth/access_token", url.Values{"grant_type": {"fb_exchange_token"}, "client_id": {"11"}, "client_secret": {appSecret}, "fb_exchange_token": {testToken}}},
		{"Instagram", func() (LoginToken, error) {
			return m.LongLivedToken(t.Context(), instagram, LoginToken{Token: testToken})
		},
			"GET /instagram/access_token", url.Values{"grant_type": {"ig_exchange_token"}, "client_secret": {appSecret}, "access_token": {testToken}}},
		{"renewal", func() (LoginToken, error) { return m.RenewToken(t.Context(), testToken) },
			"GET /instagram/refresh_access_token", url.Values{"grant_type": {"ig_refresh_token"}, "access_token": {testToken}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m.calls = nil
			got, err := tc.call()
			if err != nil || got.Token != "x" || got.Life != life {
				t.Errorf("%v, %v", got.Life, err)
			}
			call := m.only(t)
			sent, _ := url.ParseQuery(call.Query + call.Body)
			if diff := cmp.Diff(tc.want, sent); diff != "" || call.Method+" "+call.Path != tc.path || call.Authorization != "" {
				t.Errorf("%s %s %s", call.Method, call.Path, diff)
			}
		})
	}
}

// Guards the secrets: whatever Meta answers, no error of a login shows one, nor a word of
// Meta's, and each says what it means there.
func TestLoginErrors(t *testing.T) {
	quote := func(body string) string {
		return strings.ReplaceAll(body, "ECHO", testToken+" "+appSecret+" "+loginCode+" Guten Tag")
	}
	for _, tc := range []struct {
		name   string
		status int
		body   string
		class  Class
		want   string // of the code's exchange
	}{
		{"code used", 400, `{"error":{"message":"ECHO","code":100,"error_subcode":36009}}`, Final, "a code works once"},
		{"code used, Instagram", 400, `{"error_type":"OAuthException","code":400,"error_message":"ECHO"}`, Final, "a code works once"},
		{"redirect", 400, `{"error":{"message":"ECHO","code":191}}`, Final, "the redirect address is not among"},
		{"secret", 400, `{"error":{"message":"ECHO","code":1}}`, AccountFault, "the app's id and secret"},
		{"app", 400, `{"error":{"message":"ECHO","code":101}}`, AccountFault, "the app's id and secret"},
		{"expired", 400, `{"error":{"message":"ECHO","code":190,"error_subcode":463}}`, AccountFault, "has expired"},
		{"throttled", 429, `{"error":{"message":"ECHO","code":4}}`, Throttled, "rate limit"},
		{"Meta down", 500, `{"error":{"message":"ECHO","code":2}}`, Temporary, "passing fault"},
		{"no token", 200, `{"token":"ECHO"}`, Unknown, "the answer has no token"},
		{"a bad token", 200, `{"access_token":"ECHO"}`, Unknown, "the answer has no token"},
		{"no JSON", 200, `ECHO`, Unknown, "not a JSON object"},
		{"redirected", 302, `ECHO`, Unknown, "a redirect"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := newMeta(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Location", "/elsewhere?code="+loginCode)
				respondWith(tc.status, quote(tc.body))(w, r)
			})
			facebook, instagram := loginApps(m)
			short := LoginToken{Token: testToken}
			_, exchange := m.ExchangeCode(t.Context(), instagram, redirect, loginCode)
			_, again := m.ExchangeCode(t.Context(), facebook, redirect, loginCode)
			_, long := m.LongLivedToken(t.Context(), instagram, short)
			_, longer := m.LongLivedToken(t.Context(), facebook, short)
			_, renew := m.RenewToken(t.Context(), testToken)
			_, pages := m.LoginPages(t.Context(), facebook, facebook.Credentials("1", testToken))
			_, profile := m.InstagramProfile(t.Context(), instagram.Credentials("1", testToken))
			_, inspect := m.InspectToken(t.Context(), facebook, testToken)
			for i, err := range []error{exchange, again, long, longer, renew, pages, profile, inspect} {
				var e *Error
				if !errors.As(err, &e) {
					if i >= 5 && tc.status == 200 {
						continue // it may be no mistake there
					}
					t.Fatalf("call %d: %v", i, err)
				}
				if i < 2 && (e.Class != tc.class || !strings.Contains(e.Meaning, tc.want)) {
					t.Errorf("call %d: %s, %s", i, e.Class, e.Meaning)
				}
				for _, secret := range []string{testToken, appSecret, loginCode, "Guten Tag"} {
					if said := fmt.Sprintf("%v %+v %#v", err, err, errors.Unwrap(err)); strings.Contains(said, secret) {
						t.Errorf("call %d shows %s: %s", i, secret, said)
					}
				}
			}
			for _, call := range m.calls {
				if call.Path == "/elsewhere" {
					t.Error("a redirect was followed")
				}
			}
		})
	}
	facebook, _ := loginApps(newMeta(t, nil))
	for _, secret := range []any{facebook, &facebook, LoginToken{Token: appSecret}} {
		if said := fmt.Sprintf("%v %+v %#v %s %q %x", secret, secret, secret, secret, secret, secret); strings.Contains(said, appSecret) {
			t.Errorf("%T is printed: %s", secret, said)
		}
		if _, err := json.Marshal(secret); err == nil {
			t.Errorf("%T is encoded", secret)
		}
	}
}

// Guards the list of Pages: all pages of it, with less where a field is refused, and those
// of businesses where Meta lists none.
func TestLoginPages(t *testing.T) {
	const full = `{"id":"1","name":"Clean Slate","access_token":"EAApage","tasks":["MESSAGING"],"picture":{"data":{"url":"https://p"}},"instagram_business_account":{"id":"17","username":"clean.slate","profile_picture_url":"https://i"}}`
	whole := LoginPage{ID: "1", Name: "Clean Slate", Picture: "https://p", Token: "EAApage", Tasks: []string{"MESSAGING"},
		Instagram: &InstagramProfile{ID: "17", Username: "clean.slate", Picture: "https://i"}}
	for _, tc := range []struct {
		name    string
		answers map[string]string // by path and cursor
		want    []LoginPage
	}{
		{"two pages of it", map[string]string{
			"me/accounts":  `{"data":[` + full + `],"paging":{"cursors":{"after":"c"},"next":"https://x?after=c"}}`,
			"me/accountsc": `{"data":[{"id":"2","name":"Oak","access_token":"EAAoak"}]}`,
		}, []LoginPage{whole, {ID: "2", Name: "Oak", Token: "EAAoak"}}},
		{"owned by a business", map[string]string{
			"me/accounts": `{"data":[]}`, "me/businesses": `{"data":[{"id":"9"}]}`,
			"9/owned_pages": `{"data":[` + full + `]}`, "9/client_pages": `{"data":[` + full + `,{"id":"2","access_token":"EAAoak"}]}`,
		}, []LoginPage{whole, {ID: "2", Token: "EAAoak"}}},
		{"a business that may not be read", map[string]string{
			"me/accounts": `{"data":[]}`, "me/businesses": `{"data":[{"id":"9"}]}`, "9/client_pages": `{"data":[` + full + `]}`,
		}, []LoginPage{whole}},
		{"only the token names it", map[string]string{
			"me/accounts": `{"data":[]}`, "debug_token": `{"data":{"granular_scopes":[{"scope":"pages_messaging","target_ids":["1"]},{"scope":"pages_show_list","target_ids":[1]},{"scope":"instagram_basic","target_ids":["17"]}]}}`,
			"1": full,
		}, []LoginPage{whole}},
		{"businesses may not be read", map[string]string{"me/accounts": `{"data":[]}`}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := newMeta(t, func(w http.ResponseWriter, r *http.Request) {
				path := strings.TrimPrefix(r.URL.Path, "/facebook/v26.0/")
				if body, ok := tc.answers[path+r.URL.Query().Get("after")]; ok {
					respondWith(200, body)(w, r)
					return
				}
				respondWith(400, `{"error":{"code":10}}`)(w, r)
			})
			facebook, _ := loginApps(m)
			got, err := m.LoginPages(t.Context(), facebook, facebook.Credentials("1", testToken))
			if diff := cmp.Diff(tc.want, got); diff != "" || err != nil {
				t.Errorf("%s, %v", diff, err)
			}
		})
	}
	m := newMeta(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Query().Get("fields"), "instagram") {
			respondWith(400, `{"error":{"code":100}}`)(w, r)
			return
		}
		respondWith(200, `{"data":[{"id":"2","access_token":"EAAoak"}]}`)(w, r)
	})
	facebook, _ := loginApps(m)
	if got, err := m.LoginPages(t.Context(), facebook, facebook.Credentials("1", testToken)); err != nil || len(got) != 1 || got[0].Instagram != nil {
		t.Errorf("without instagram_basic: %+v, %v", got, err)
	}
}

// Guards the account's id: user_id, and where a kind of account has none, id.
func TestInstagramProfile(t *testing.T) {
	for _, tc := range []struct {
		name, full, less string
		want             InstagramProfile
	}{
		{"business", `{"id":"26","user_id":"17841400000000002","username":"oak","profile_picture_url":"https://i"}`, "",
			InstagramProfile{ID: "17841400000000002", UserID: "26", Username: "oak", Picture: "https://i"}},
		{"without user_id", "", `{"id":"17841400000000002","username":"oak"}`,
			InstagramProfile{ID: "17841400000000002", UserID: "17841400000000002", Username: "oak"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := newMeta(t, func(w http.ResponseWriter, r *http.Request) {
				switch {
				case tc.full != "":
					respondWith(200, tc.full)(w, r)
				case strings.Contains(r.URL.Query().Get("fields"), "user_id"):
					respondWith(400, `{"error":{"code":100}}`)(w, r)
				default:
					respondWith(200, tc.less)(w, r)
				}
			})
			_, instagram := loginApps(m)
			got, err := m.InstagramProfile(t.Context(), instagram.Credentials("", testToken))
			if diff := cmp.Diff(tc.want, got); diff != "" || err != nil {
				t.Errorf("%s, %v", diff, err)
			}
		})
	}
}

// Guards where an app subscribes: the node that sends, with the fields in the body.
func TestSubscribe(t *testing.T) {
	for _, tc := range []struct {
		account privatereply.Account
		path    string
	}{
		{igByPage, "/facebook/v26.0/100000000000001/subscribed_apps"},
		{igAccount, "/instagram/v26.0/17841400000000002/subscribed_apps"},
	} {
		m := newMeta(t, respondWith(200, `{"success":true}`))
		if err := errors.Join(m.Subscribe(t.Context(), credentials(tc.account), []string{"feed", "messages"}), m.Unsubscribe(t.Context(), credentials(tc.account))); err != nil {
			t.Fatal(err)
		}
		subscribe, unsubscribe := m.calls[0], m.calls[1]
		if subscribe.Method != http.MethodPost || subscribe.Path != tc.path || subscribe.Body != "subscribed_fields=feed%2Cmessages" {
			t.Errorf("%+v", subscribe)
		}
		if unsubscribe.Method != http.MethodDelete || unsubscribe.Path != tc.path || unsubscribe.Body != "" {
			t.Errorf("%+v", unsubscribe)
		}
	}
}

// Guards the inspection by the app: its token is in the header, the inspected one in the body.
func TestInspectToken(t *testing.T) {
	m := newMeta(t, respondWith(200, `{"data":{"app_id":11,"type":"PAGE","is_valid":true,"expires_at":0,"scopes":["pages_messaging"],"user_id":"5"}}`))
	facebook, _ := loginApps(m)
	got, err := m.InspectToken(t.Context(), facebook, testToken)
	if diff := cmp.Diff(TokenInfo{AppID: "11", Kind: "PAGE", Valid: true, Scopes: []string{"pages_messaging"}, UserID: "5"}, got); diff != "" || err != nil {
		t.Errorf("%s, %v", diff, err)
	}
	call := m.only(t)
	if call.Authorization != "Bearer 11|"+appSecret || call.Query != "" || !strings.Contains(call.Body, "input_token="+testToken) {
		t.Errorf("%s?%s", call.Path, call.Query)
	}
}
