package graph

import (
	"net/http/httptest"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/meta"
)

// Guards that the client and the simulated Meta mean the same by a login: from each
// dialog's address to a renewed or an inspected token.
func TestLoginAtTheSandbox(t *testing.T) {
	const redirect = "http://127.0.0.1:7171/connect/callback"
	now := time.Now()
	sb := meta.New(meta.Config{
		App: meta.App{FacebookID: "1", FacebookSecret: testSecret, InstagramID: "2", InstagramSecret: "test-instagram-app-secret"},
		Now: func() time.Time { return now },
		Accounts: []meta.Account{
			{Platform: privatereply.Facebook, ID: pageAccount.ID, Name: "Clean Slate", Login: privatereply.LoginFacebook, Unconnected: true, RequireProof: true},
			{Platform: privatereply.Facebook, ID: "100000000000009", Name: "Company", Login: privatereply.LoginFacebook, Unconnected: true, Business: "Oak Holding"},
			{Platform: privatereply.Instagram, ID: igAccount.ID, Name: "oak.corner", Login: privatereply.LoginInstagram, Unconnected: true},
		},
	})
	server := httptest.NewServer(sb)
	t.Cleanup(server.Close)
	t.Cleanup(sb.Close)
	c := newClient(t, Options{FacebookURL: server.URL + "/facebook", InstagramURL: server.URL + "/instagram"})
	login := func(t *testing.T, app LoginApp, scope []string, n meta.LoginAnswer) LoginToken {
		t.Helper()
		back, err := sb.AnswerLogin(c.LoginURL(app, redirect, "s1", scope), n)
		if err != nil {
			t.Fatal(err)
		}
		to, err := url.Parse(back)
		if err != nil || to.Query().Get("state") != "s1" {
			t.Fatalf("it leads back to %s, %v", back, err)
		}
		short, err := c.ExchangeCode(t.Context(), app, redirect, to.Query().Get("code"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.ExchangeCode(t.Context(), app, redirect, to.Query().Get("code")); asGraphError(t, err).Reason != privatereply.BadRequest {
			t.Errorf("the code a second time: %v", err)
		}
		long, err := c.LongLivedToken(t.Context(), app, short)
		if err != nil || long.Life != 60*24*time.Hour {
			t.Fatalf("a life of %v, %v", long.Life, err)
		}
		if len(long.Permissions) == 0 {
			long.Permissions = short.Permissions
		}
		return long
	}

	t.Run("Facebook", func(t *testing.T) {
		app := LoginApp{Login: privatereply.LoginFacebook, ID: "1", Secret: testSecret, DialogURL: server.URL + "/login/facebook"}
		scope := []string{"pages_show_list", "pages_manage_metadata", "pages_messaging", "business_management"}
		for page, answer := range map[string]meta.LoginAnswer{pageAccount.ID: {}, "100000000000009": {Pages: []string{"100000000000009"}}} {
			user := login(t, app, scope, answer)
			pages, err := c.LoginPages(t.Context(), app, app.Credentials("u", user.Token))
			if err != nil || len(pages) != 1 || pages[0].ID != page || pages[0].Token == "" || pages[0].Picture == "" || !slices.Contains(pages[0].Tasks, "MESSAGING") {
				t.Fatalf("%d Pages, %v; want %s", len(pages), err, page)
			}
			info, err := c.InspectToken(t.Context(), app, pages[0].Token)
			if err != nil || !info.Valid || info.Kind != "PAGE" || !info.ExpiresAt.IsZero() || !slices.Contains(info.Scopes, "pages_messaging") {
				t.Errorf("its token: %+v, %v", info, err)
			}
			cred := Credentials{Account: privatereply.Account{Platform: privatereply.Facebook, ID: page, Login: privatereply.LoginFacebook}, Token: pages[0].Token, AppSecret: testSecret}
			if err := c.Subscribe(t.Context(), cred, []string{"feed", "messages"}); err != nil {
				t.Error(err)
			}
			if err := c.Unsubscribe(t.Context(), cred); err != nil {
				t.Error(err)
			}
		}
	})
	t.Run("Instagram", func(t *testing.T) {
		app := LoginApp{Login: privatereply.LoginInstagram, ID: "2", Secret: "test-instagram-app-secret", DialogURL: server.URL + "/login/instagram", TokenURL: server.URL + "/login/instagram"}
		scope := []string{"instagram_business_basic", "instagram_business_manage_comments"}
		long := login(t, app, scope, meta.LoginAnswer{Without: scope[1:]})
		if !slices.Equal(long.Permissions, scope[:1]) {
			t.Errorf("granted %v", long.Permissions)
		}
		profile, err := c.InstagramProfile(t.Context(), app.Credentials("u", long.Token))
		if err != nil || profile.ID != igAccount.ID || profile.UserID == "" || profile.UserID == igAccount.ID || profile.Picture == "" {
			t.Errorf("%+v, %v", profile, err)
		}
		if _, err := c.RenewToken(t.Context(), long.Token); err == nil {
			t.Error("a token that is too young was renewed")
		}
		now = now.Add(24 * time.Hour)
		renewed, err := c.RenewToken(t.Context(), long.Token)
		if err != nil || renewed.Token == long.Token || renewed.Life != 60*24*time.Hour {
			t.Errorf("a life of %v, %v", renewed.Life, err)
		}
		now = now.Add(60 * 24 * time.Hour)
		if _, err := c.RenewToken(t.Context(), renewed.Token); asGraphError(t, err).Code != 190 {
			t.Errorf("after its end: %v", err)
		}
	})
}
