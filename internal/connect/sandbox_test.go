package connect_test

import (
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/graph"
	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/internal/connect"
	"github.com/privatereply/privatereply/lab/meta"
)

const (
	page      = "100000000000001"
	bare      = "100000000000003"
	linked    = "17841400000000001"
	own       = "17841400000000002"
	callback  = "http://127.0.0.1:8090/accounts/callback"
	secret    = "0123456789abcdef0123456789abcdef"
	byAna     = "session-of-ana"
	tokenLife = time.Hour
)

// sandboxed is a Connector and the simulated Meta, with a Page, the Instagram account that is
// linked to it, a Page without one, and an Instagram account with its own login.
func sandboxed(t *testing.T, business string) (*connect.Connector, *meta.Sandbox, *config.Accounts) {
	t.Helper()
	sandbox := meta.New(meta.Config{
		TokenLife: tokenLife,
		App:       meta.App{FacebookID: "11", FacebookSecret: secret, InstagramID: "22", InstagramSecret: secret},
		Accounts: []meta.Account{
			{Platform: privatereply.Facebook, ID: page, Name: "Clean Slate Page", Login: privatereply.LoginFacebook, Unconnected: true, Business: business},
			{Platform: privatereply.Instagram, ID: linked, Name: "clean.slate", Login: privatereply.LoginFacebook, PageID: page, Unconnected: true},
			{Platform: privatereply.Facebook, ID: bare, Name: "Bare Page", Login: privatereply.LoginFacebook, Unconnected: true, Business: business},
			{Platform: privatereply.Instagram, ID: own, Name: "oak.corner", Login: privatereply.LoginInstagram, Unconnected: true},
		},
	})
	t.Cleanup(sandbox.Close)
	server := httptest.NewServer(sandbox)
	t.Cleanup(server.Close)
	client, err := graph.New(graph.Options{FacebookURL: server.URL + "/facebook", InstagramURL: server.URL + "/instagram"})
	if err != nil {
		t.Fatal(err)
	}
	instagram := config.MetaURL(server.URL + "/login/instagram")
	settings := config.Connect{
		FacebookAppID: "11", FacebookAppSecret: secret, InstagramAppID: "22", InstagramSecret: secret,
		FacebookLoginURL: config.MetaURL(server.URL + "/login/facebook"), InstagramLoginURL: instagram, InstagramTokenURL: instagram,
	}
	accounts, err := config.OpenFolder(t.TempDir(), settings, nil)
	if err != nil {
		t.Fatal(err)
	}
	return connect.New(connect.Config{Settings: settings, Graph: client, Accounts: accounts}), sandbox, accounts
}

// login plays a person who goes through Meta's dialog.
func login(t *testing.T, c *connect.Connector, sandbox *meta.Sandbox, with privatereply.Login, answer meta.LoginAnswer) (connect.Grant, error) {
	t.Helper()
	dialog, err := c.Begin(with, callback, byAna)
	if err != nil {
		t.Fatal(err)
	}
	back, err := sandbox.AnswerLogin(dialog, answer)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(back)
	if err != nil {
		t.Fatal(err)
	}
	return c.Callback(t.Context(), byAna, u.Query())
}

// Through the simulated Meta, whose rules are its own: an Instagram account and a Page are
// connected with both logins, webhooks and tokens are Meta's, and everything ends again. Pages
// that a business owns are found, too.
func TestWholeWay(t *testing.T) {
	for name, business := range map[string]string{"own Pages": "", "Pages of a business": "Clean Slate Ltd"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, sandbox, accounts := sandboxed(t, business)
			g, err := login(t, c, sandbox, privatereply.LoginFacebook, meta.LoginAnswer{})
			if err != nil || len(g.Missing) != 0 {
				t.Fatalf("%+v, %v", g, err)
			}
			byID := map[string]connect.Found{}
			for _, f := range g.Found {
				byID[f.Account.ID] = f
			}
			if len(g.Found) != 4 || byID[page].Problem+byID[linked].Problem+byID[bare].Problem != "" || !strings.Contains(byID[""].Problem, "no professional Instagram account") {
				t.Fatalf("found %+v", g.Found)
			}
			keys := []connect.Key{{Platform: privatereply.Facebook, ID: page}, {Platform: privatereply.Instagram, ID: linked}}
			connected(t, c, g, keys...)

			g, err = login(t, c, sandbox, privatereply.LoginInstagram, meta.LoginAnswer{Account: own})
			if err != nil || len(g.Found) != 1 || g.Found[0].Account.ID != own || g.Found[0].Problem != "" || time.Until(g.TokenEnds) > tokenLife {
				t.Fatalf("%+v, %v", g, err)
			}
			keys = append(keys, connect.Key{Platform: privatereply.Instagram, ID: own})
			connected(t, c, g, keys[2])

			for _, key := range keys {
				info := known(t, sandbox, key.ID)
				facts, err := accounts.Token(key.Platform, key.ID)
				if err != nil || info.Token != meta.TokenValid || info.ConnectedBy != facts.ConnectedBy || len(accounts.ConnectedBy(facts.ConnectedBy)) == 0 {
					t.Errorf("%s: Meta says %+v, the folder %+v, %v", key.ID, info, facts, err)
				}
				if len(info.Fields) == 0 {
					t.Errorf("%s is not subscribed", key.ID)
				}
			}
			for _, key := range keys {
				if err := c.Disconnect(t.Context(), key); err != nil {
					t.Errorf("%s: %v", key.ID, err)
				}
			}
			if len(accounts.All()) != 0 || len(accounts.Unfinished()) != 0 || len(known(t, sandbox, page).Fields)+len(known(t, sandbox, own).Fields) != 0 {
				t.Errorf("left are %v, %q, %v", accounts.All(), accounts.Unfinished(), known(t, sandbox, page).Fields)
			}
		})
	}
}

func connected(t *testing.T, c *connect.Connector, g connect.Grant, keys ...connect.Key) {
	t.Helper()
	done, err := c.Connect(t.Context(), byAna, g.ID, keys)
	if err != nil || slices.ContainsFunc(done, func(d connect.Connected) bool { return d.Problem != "" }) {
		t.Fatalf("%+v, %v", done, err)
	}
}

func known(t *testing.T, sandbox *meta.Sandbox, id string) meta.AccountInfo {
	t.Helper()
	for _, info := range sandbox.Accounts() {
		if info.ID == id {
			return info
		}
	}
	t.Fatalf("Meta does not know %s", id)
	return meta.AccountInfo{}
}

// What a person takes off in Meta's dialog is named with what will not work, and asked for
// again; who declines changes nothing.
func TestPersonTakesOff(t *testing.T) {
	t.Parallel()
	c, sandbox, accounts := sandboxed(t, "")
	if _, err := login(t, c, sandbox, privatereply.LoginInstagram, meta.LoginAnswer{Decline: true}); err == nil || !strings.Contains(err.Error(), "declined") {
		t.Errorf("%v", err)
	}
	g, err := login(t, c, sandbox, privatereply.LoginInstagram, meta.LoginAnswer{Account: own, Without: []string{"instagram_business_manage_comments"}})
	if err != nil || len(g.Missing) != 1 || g.Missing[0].Name != "instagram_business_manage_comments" || g.Missing[0].Use != "webhooks and private replies" || g.Found[0].Problem == "" {
		t.Errorf("%+v, %v", g, err)
	}
	g, err = login(t, c, sandbox, privatereply.LoginFacebook, meta.LoginAnswer{Without: []string{"pages_messaging"}, Pages: []string{page}})
	if err != nil || len(g.Missing) != 1 || g.Missing[0].Name != "pages_messaging" {
		t.Errorf("%+v, %v", g.Missing, err)
	}
	for _, f := range g.Found {
		if f.Account.ID == bare || f.Problem == "" {
			t.Errorf("%+v", f)
		}
	}
	if len(accounts.All()) != 0 {
		t.Errorf("connected are %v", accounts.All())
	}
	if g, err = login(t, c, sandbox, privatereply.LoginFacebook, meta.LoginAnswer{}); err != nil || len(g.Missing) != 0 {
		t.Errorf("asked again: %+v, %v", g.Missing, err)
	}
}
