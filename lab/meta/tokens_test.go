package meta_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/privatereply/privatereply/lab/meta"
)

// The app of the tests that log in, and where its dialogs lead back to.
const (
	facebookApp     = "250000000000001"
	facebookSecret  = "test-facebook-app-secret"
	instagramApp    = "250000000000002"
	instagramSecret = "test-instagram-app-secret"
	redirect        = "http://127.0.0.1:7171/connect/callback"
)

// startUnconnected starts a sandbox in which the app has no token of any account.
func startUnconnected(t *testing.T, configure ...func(*meta.Config)) *env {
	t.Helper()
	return start(t, append([]func(*meta.Config){func(c *meta.Config) {
		c.App = meta.App{FacebookID: facebookApp, FacebookSecret: facebookSecret, InstagramID: instagramApp, InstagramSecret: instagramSecret}
		for i := range c.Accounts {
			a := &c.Accounts[i]
			a.Unconnected, a.Token, a.AppSecret, a.InstagramAppSecret = true, "", "", ""
		}
	}}, configure...)...)
}

const (
	allOfFacebook  = "pages_show_list,pages_manage_metadata,pages_read_engagement,pages_read_user_content,pages_messaging,instagram_basic,instagram_manage_comments,instagram_manage_messages"
	allOfInstagram = "instagram_business_basic,instagram_business_manage_comments,instagram_business_manage_messages"
)

// facebookDialog is the link to Facebook's login, with changes to its query.
func facebookDialog(change ...string) string {
	return "/login/facebook/v26.0/dialog/oauth?" + changed(url.Values{"client_id": {facebookApp}, "redirect_uri": {redirect}, "state": {"s1"},
		"response_type": {"code"}, "scope": {allOfFacebook}}, change).Encode()
}

func instagramDialog(change ...string) string {
	return "/login/instagram/oauth/authorize?" + changed(url.Values{"client_id": {instagramApp}, "redirect_uri": {redirect}, "state": {"s1"},
		"response_type": {"code"}, "scope": {allOfInstagram}}, change).Encode()
}

// changed sets names to values, or removes them where the value is empty.
func changed(v url.Values, change []string) url.Values {
	for i := 0; i+1 < len(change); i += 2 {
		v.Set(change[i], change[i+1])
		if change[i+1] == "" {
			v.Del(change[i])
		}
	}
	return v
}

// login answers a dialog and gives the code.
func (e *env) login(dialog string, n meta.LoginAnswer) string {
	e.t.Helper()
	back, err := e.AnswerLogin(e.url+dialog, n)
	must(e.t, err)
	u, err := url.Parse(back)
	must(e.t, err)
	code := u.Query().Get("code")
	if code == "" {
		e.t.Fatalf("the dialog leads back to %s", back)
	}
	return code
}

// facebookToken calls Facebook's token endpoint.
func (e *env) facebookToken(params ...string) reply {
	e.t.Helper()
	v := changed(url.Values{"client_id": {facebookApp}, "client_secret": {facebookSecret}}, params)
	return e.do(http.MethodGet, "/facebook/v26.0/oauth/access_token?"+v.Encode(), "", "")
}

// userToken logs in with Facebook and gives the person's long-lived token.
func (e *env) userToken(n meta.LoginAnswer) string {
	e.t.Helper()
	short := e.facebookToken("code", e.login(facebookDialog(), n), "redirect_uri", redirect)
	long := e.facebookToken("grant_type", "fb_exchange_token", "fb_exchange_token", short.text("access_token"))
	if long.text("access_token") == "" {
		e.t.Fatalf("no token: %s, %s", short.body, long.body)
	}
	return long.text("access_token")
}

// instagramCode posts a form to the code exchange of api.instagram.com.
func (e *env) instagramCode(params ...string) reply {
	e.t.Helper()
	v := changed(url.Values{"client_id": {instagramApp}, "client_secret": {instagramSecret}, "grant_type": {"authorization_code"}, "redirect_uri": {redirect}}, params)
	resp, err := http.PostForm(e.url+"/login/instagram/oauth/access_token", v)
	must(e.t, err)
	return readReply(e.t, resp)
}

func (e *env) longInstagramToken(short string) reply {
	e.t.Helper()
	return e.get("/instagram/access_token", "", "grant_type", "ig_exchange_token", "client_secret", instagramSecret, "access_token", short)
}

func (e *env) refresh(token string) reply {
	e.t.Helper()
	return e.get("/instagram/refresh_access_token", "", "grant_type", "ig_refresh_token", "access_token", token)
}

// instagramToken logs in with Instagram and gives the long-lived token.
func (e *env) instagramToken(n meta.LoginAnswer) string {
	e.t.Helper()
	short := e.instagramCode("code", e.login(instagramDialog(), n))
	long := e.longInstagramToken(short.text("access_token"))
	if long.text("access_token") == "" {
		e.t.Fatalf("no token: %s, %s", short.body, long.body)
	}
	return long.text("access_token")
}

// A code of Facebook's dialog is good once, for ten minutes, for its app and address.
func TestFacebookCode(t *testing.T) {
	tests := []struct {
		name   string
		wait   time.Duration
		before []string // a call before, with this change
		change []string
		want   [2]int
	}{
		{name: "good"},
		{name: "just in time", wait: 10*time.Minute - time.Second},
		{name: "expired", wait: 10 * time.Minute, want: [2]int{100, 36007}},
		{name: "used twice", before: []string{}, want: [2]int{100, 36009}},
		{name: "another address", change: []string{"redirect_uri", redirect + "/"}, want: [2]int{100, 36008}},
		{name: "good after another address", before: []string{"redirect_uri", redirect + "/"}},
		{name: "no such code", change: []string{"code", "AQnone"}, want: [2]int{100, 0}},
		{name: "another app", change: []string{"client_id", "1"}, want: [2]int{101, 0}},
		{name: "the secret of the Instagram app", change: []string{"client_secret", instagramSecret}, want: [2]int{1, 0}},
		{name: "no secret", change: []string{"client_secret", ""}, want: [2]int{1, 0}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := startUnconnected(t)
			params := []string{"code", e.login(facebookDialog(), meta.LoginAnswer{}), "redirect_uri", redirect}
			if tt.before != nil {
				e.facebookToken(append(params, tt.before...)...)
			}
			e.clock.advance(tt.wait)
			got := e.facebookToken(append(params, tt.change...)...)
			if got.code() != tt.want {
				t.Fatalf("answered %v, want %v: %s", got.code(), tt.want, got.body)
			}
			if tt.want != [2]int{} {
				return
			}
			if got.text("token_type") != "bearer" || got.json["expires_in"] != 3600.0 || !strings.HasPrefix(got.text("access_token"), "EAA") {
				t.Errorf("answered %s", got.body)
			}
		})
	}
}

// A code of Instagram's dialog is good once, for an hour; its errors have no "error" and
// one code for all.
func TestInstagramCode(t *testing.T) {
	tests := []struct {
		name   string
		wait   time.Duration
		twice  bool
		change []string
		ok     bool
	}{
		{name: "good", ok: true},
		{name: "just in time", wait: time.Hour - time.Second, ok: true},
		{name: "expired", wait: time.Hour},
		{name: "used twice", twice: true},
		{name: "another address", change: []string{"redirect_uri", redirect + "/"}},
		{name: "with the fragment", change: []string{"code", "AQnone#_"}},
		{name: "another app", change: []string{"client_id", facebookApp}},
		{name: "another secret", change: []string{"client_secret", facebookSecret}},
		{name: "without grant_type", change: []string{"grant_type", ""}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := startUnconnected(t)
			params := []string{"code", e.login(instagramDialog(), meta.LoginAnswer{})}
			if tt.twice {
				e.instagramCode(params...)
			}
			e.clock.advance(tt.wait)
			got := e.instagramCode(append(params, tt.change...)...)
			if tt.ok {
				granted, _ := got.json["permissions"].([]any)
				if id, isNumber := got.json["user_id"].(float64); len(granted) != 3 || !isNumber || id == 0 || !strings.HasPrefix(got.text("access_token"), "IG") {
					t.Errorf("answered %s", got.body)
				}
				return
			}
			if got.status != 400 || got.text("error_type") != "OAuthException" || got.json["code"] != 400.0 || got.text("error_message") == "" || got.json["error"] != nil {
				t.Errorf("answered %d %s", got.status, got.body)
			}
		})
	}
}

// The id of the exchange is app-scoped, as is /me's id; webhooks have /me's user_id, which
// some kinds of account lack.
func TestInstagramIDs(t *testing.T) {
	for _, without := range []bool{false, true} {
		e := startUnconnected(t, func(c *meta.Config) { c.Accounts[2].NoUserID = without })
		short := e.instagramCode("code", e.login(instagramDialog(), meta.LoginAnswer{}))
		scoped := regexp.MustCompile(`"user_id":(\d+)`).FindStringSubmatch(short.body)[1]
		full := e.get("/instagram/v26.0/me", short.text("access_token"), "fields", "id,user_id,username,profile_picture_url,account_type")
		id := e.get("/instagram/v26.0/me", short.text("access_token"), "fields", "id,username").text("id")
		if without {
			if full.code() != [2]int{100, 0} || id != ownLoginID {
				t.Errorf("without user_id: %s; id %s", full.body, id)
			}
			continue
		}
		if full.text("user_id") != ownLoginID || full.text("id") != scoped || id != scoped || full.text("profile_picture_url") == "" {
			t.Errorf("exchange %s, me %s", short.body, full.body)
		}
	}
}

// The exchange takes forms only: the body of another kind is not read.
func TestInstagramCodeTakesForms(t *testing.T) {
	e := startUnconnected(t)
	code := e.login(instagramDialog(), meta.LoginAnswer{})
	body := encodeEnvelope(map[string]string{"client_id": instagramApp, "client_secret": instagramSecret, "grant_type": "authorization_code", "redirect_uri": redirect, "code": code})
	if got := e.do(http.MethodPost, "/login/instagram/oauth/access_token", "", body); got.status != 400 || got.text("error_type") == "" {
		t.Errorf("a JSON body: %d %s", got.status, got.body)
	}
	if got := e.instagramCode("code", code); got.text("access_token") == "" {
		t.Errorf("a form: %s", got.body)
	}
}

// A long-lived token can be renewed when it is a day old, until it ends, and while the
// permission is granted.
func TestRefresh(t *testing.T) {
	day := 24 * time.Hour
	tests := []struct {
		name   string
		wait   time.Duration
		change meta.AccountUpdate
		want   [2]int
	}{
		{name: "too young", wait: day - time.Second, want: [2]int{100, 0}},
		{name: "a day old", wait: day},
		{name: "at its end", wait: 60*day - time.Second},
		{name: "expired", wait: 60 * day, want: [2]int{190, 463}},
		{name: "revoked", wait: day, change: meta.AccountUpdate{TokenState: new(meta.TokenRevoked)}, want: [2]int{190, 460}},
		{name: "ended by hand", wait: day, change: meta.AccountUpdate{TokenState: new(meta.TokenExpired)}, want: [2]int{190, 463}},
		{name: "permission missing", wait: day, change: meta.AccountUpdate{Permissions: &[]string{"instagram_business_manage_comments"}}, want: [2]int{10, 0}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := startUnconnected(t)
			token := e.instagramToken(meta.LoginAnswer{})
			e.clock.advance(tt.wait)
			must(t, e.UpdateAccount(ownLoginID, tt.change))
			got := e.refresh(token)
			if got.code() != tt.want {
				t.Fatalf("answered %v, want %v: %s", got.code(), tt.want, got.body)
			}
			if tt.want != [2]int{} {
				return
			}
			if got.text("access_token") == token || got.text("token_type") != "bearer" || got.json["expires_in"] != (60*day).Seconds() {
				t.Errorf("answered %s", got.body)
			}
			for _, good := range []string{token, got.text("access_token")} {
				if me := e.get("/instagram/v26.0/me", good); me.status != 200 {
					t.Errorf("a token does not work after the renewal: %s", me.body)
				}
			}
		})
	}
	t.Run("short-lived", func(t *testing.T) {
		e := startUnconnected(t, func(c *meta.Config) { c.MinTokenAge = time.Second })
		short := e.instagramCode("code", e.login(instagramDialog(), meta.LoginAnswer{})).text("access_token")
		e.clock.advance(time.Minute)
		if got := e.refresh(short); got.code() != [2]int{100, 0} {
			t.Errorf("answered %s", got.body)
		}
		e.clock.advance(time.Hour)
		if got := e.longInstagramToken(short); got.code() != [2]int{190, 463} {
			t.Errorf("an expired one for a long-lived one: %s", got.body)
		}
	})
	t.Run("a token of Facebook", func(t *testing.T) {
		e := startUnconnected(t)
		if got := e.refresh(e.userToken(meta.LoginAnswer{})); got.code() != [2]int{190, 0} {
			t.Errorf("answered %s", got.body)
		}
	})
	t.Run("POST", func(t *testing.T) {
		e := startUnconnected(t)
		if got := e.do(http.MethodPost, "/instagram/refresh_access_token", "", "{}"); got.code() != [2]int{100, 33} {
			t.Errorf("answered %s", got.body)
		}
	})
}

// With a short life the minimum age shrinks with it, and an account can have a life of
// its own, for the token that it begins with too.
func TestTokenLives(t *testing.T) {
	e := startUnconnected(t, func(c *meta.Config) { c.TokenLife = 2 * time.Minute })
	token := e.instagramToken(meta.LoginAnswer{})
	e.clock.advance(time.Second)
	if got := e.refresh(token); got.code() != [2]int{100, 0} {
		t.Errorf("after a second: %s", got.body)
	}
	for range 3 {
		e.clock.advance(time.Minute)
		got := e.refresh(token)
		if token = got.text("access_token"); token == "" || got.json["expires_in"] != 120.0 {
			t.Fatalf("answered %s", got.body)
		}
	}
	e.clock.advance(2 * time.Minute)
	if got := e.refresh(token); got.code() != [2]int{190, 463} {
		t.Errorf("at its end: %s", got.body)
	}

	known := start(t, func(c *meta.Config) { c.Accounts[2].TokenLife = 5 * time.Minute })
	known.clock.advance(5*time.Minute - time.Second)
	renewed := known.refresh(ownToken)
	if renewed.json["expires_in"] != 300.0 {
		t.Fatalf("the token from the beginning: %s", renewed.body)
	}
	known.clock.advance(time.Second)
	if got := known.get("/instagram/v26.0/me", ownToken); got.code() != [2]int{190, 463} {
		t.Errorf("the old token after its end: %s", got.body)
	}
	if got := known.get("/instagram/v26.0/me", renewed.text("access_token")); got.status != 200 {
		t.Errorf("the new one: %s", got.body)
	}
}

// What faults do to the calls of a login.
func TestLoginFaults(t *testing.T) {
	t.Run("every call can fail", func(t *testing.T) {
		for _, op := range []meta.Operation{meta.OpCodeExchange, meta.OpTokenExchange, meta.OpTokenRefresh, meta.OpPages, meta.OpDebugToken, meta.OpPermissions, meta.OpSubscription} {
			t.Run(string(op), func(t *testing.T) {
				e := startUnconnected(t)
				user, own := e.userToken(meta.LoginAnswer{}), e.instagramToken(meta.LoginAnswer{})
				code := e.login(instagramDialog(), meta.LoginAnswer{})
				e.clock.advance(24 * time.Hour)
				_, err := e.AddFault(meta.Fault{Name: "transient", Calls: string(op), Times: 1})
				must(t, err)
				calls := map[meta.Operation]func() reply{
					meta.OpCodeExchange:  func() reply { return e.instagramCode("code", code) },
					meta.OpTokenExchange: func() reply { return e.facebookToken("grant_type", "fb_exchange_token", "fb_exchange_token", user) },
					meta.OpTokenRefresh:  func() reply { return e.refresh(own) },
					meta.OpPages:         func() reply { return e.get("/facebook/v26.0/me/accounts", user) },
					meta.OpDebugToken: func() reply {
						return e.get("/facebook/v26.0/debug_token", facebookApp+"|"+facebookSecret, "input_token", user)
					},
					meta.OpPermissions:  func() reply { return e.get("/facebook/v26.0/me/permissions", user) },
					meta.OpSubscription: func() reply { return e.get("/instagram/v26.0/me/subscribed_apps", own) },
				}
				if got := calls[op](); got.status != 500 {
					t.Errorf("with the fault: %d %s", got.status, got.body)
				}
				if left := e.ActiveFaults(); len(left) != 0 {
					t.Errorf("the fault is still set: %v", left)
				}
				if got := calls[op](); op != meta.OpCodeExchange && got.status != 200 {
					t.Errorf("after the fault: %d %s", got.status, got.body)
				}
			})
		}
	})
	t.Run("only one account's renewal", func(t *testing.T) {
		e := startUnconnected(t)
		token := e.instagramToken(meta.LoginAnswer{})
		e.clock.advance(24 * time.Hour)
		_, err := e.AddFault(meta.Fault{Name: "transient", Calls: string(meta.OpTokenRefresh), Account: ownLoginID})
		must(t, err)
		if got := e.refresh(token); got.code() != [2]int{2, 0} {
			t.Errorf("answered %s", got.body)
		}
	})
	t.Run("without-expiry", func(t *testing.T) {
		e := startUnconnected(t)
		code := e.login(facebookDialog(), meta.LoginAnswer{})
		_, err := e.AddFault(meta.Fault{Name: "without-expiry", Times: 1})
		must(t, err)
		got := e.facebookToken("code", code, "redirect_uri", redirect)
		if got.text("access_token") == "" || got.json["expires_in"] != nil {
			t.Errorf("answered %s", got.body)
		}
	})
	t.Run("documented", func(t *testing.T) {
		e := startUnconnected(t)
		_, err := e.AddFault(meta.Fault{Name: "documented", Times: 1})
		must(t, err)
		got := e.instagramCode("code", e.login(instagramDialog(), meta.LoginAnswer{}))
		data, _ := got.json["data"].([]any)
		if len(data) != 1 {
			t.Fatalf("answered %s", got.body)
		}
		first := data[0].(map[string]any)
		if first["permissions"] != allOfInstagram || first["user_id"] == "" || first["access_token"] == "" {
			t.Errorf("answered %s", got.body)
		}
	})
	t.Run("flat errors of a fault", func(t *testing.T) {
		e := startUnconnected(t)
		_, err := e.AddFault(meta.Fault{Name: "transient", Calls: string(meta.OpCodeExchange), Times: 1})
		must(t, err)
		if got := e.instagramCode("code", "AQnone"); got.status != 500 || got.json["code"] != 500.0 {
			t.Errorf("answered %d %s", got.status, got.body)
		}
	})
}
