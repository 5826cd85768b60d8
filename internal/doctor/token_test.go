package doctor_test

import (
	"testing"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/graph"
	"github.com/privatereply/privatereply/internal/doctor"
	"github.com/privatereply/privatereply/lab/meta"
)

// appScopedID is what the token's own app calls the account with its own login.
func (p *installation) appScopedID() string {
	p.t.Helper()
	meta, err := graph.New(graph.Options{InstagramURL: p.meta.URL + "/instagram"})
	if err != nil {
		p.t.Fatal(err)
	}
	me, err := meta.Me(p.t.Context(), graph.Credentials{Token: ownToken, Account: privatereply.Account{
		Platform: privatereply.Instagram, Login: privatereply.LoginInstagram}})
	if err != nil {
		p.t.Fatal(err)
	}
	return me.ID
}

// Guards: a mix-up of accounts, Pages, logins and secrets is told from a bad token,
// and the repair names what to write.
func TestPlantedMixUps(t *testing.T) {
	const fail, warn = doctor.Failure, doctor.Warning
	ownAsLinked := "login: facebook\n    page_id: \"" + pageID + "\"\n    token_env: DOCTOR_OWN_TOKEN"
	tests := []struct {
		name  string
		plant func(*installation)
		want  []wanted
	}{
		{"Instagram token with login facebook",
			func(p *installation) { p.accounts("login: instagram\n    token_env: DOCTOR_OWN_TOKEN", ownAsLinked) },
			[]wanted{{own, "login", fail, "login: facebook|Instagram login|write login: instagram and leave page_id out"}}},
		{"Page token with login instagram",
			func(p *installation) { p.accounts("token_env: DOCTOR_OWN_TOKEN", "token_env: DOCTOR_PAGE_TOKEN") },
			[]wanted{{own, "login", fail, `write login: facebook and page_id: "` + pageID + `"`}}},
		{"Instagram token for a Page",
			func(p *installation) { p.t.Setenv("DOCTOR_PAGE_TOKEN", ownToken) },
			[]wanted{{page, "login", fail, "no Page has|Page's own token"}, {linked, "login", fail, "write login: instagram"}}},
		{"the account's id as page_id",
			func(p *installation) { p.accounts(`page_id: "`+pageID, `page_id: "`+linkedID) },
			[]wanted{{linked, "node", fail, "page_id is " + linkedID + `|write page_id: "` + pageID + `"`}}},
		{"another Page's token",
			func(p *installation) { p.t.Setenv("DOCTOR_PAGE_TOKEN", otherToken) },
			[]wanted{{page, "token", fail, "Another Page (" + otherID + ")|GET /" + pageID + "?fields=access_token"},
				{linked, "token", fail, "not of the Page " + pageID}}},
		{"the app's own id of the account",
			func(p *installation) { p.accounts(`"`+ownID, `"`+p.appScopedID()) },
			[]wanted{{"instagram 2", "node", fail, `write id: "` + ownID + `"`}}},
		{"another account's id",
			func(p *installation) { p.accounts(`"`+ownID, `"17841400000000099`) },
			[]wanted{{"instagram 17841400000000099", "token", fail, "is that of oak.corner (" + ownID + ")"}}},
		{"a Page that is linked to another account",
			func(p *installation) { p.accounts(`"`+linkedID, `"17841400000000099`) },
			[]wanted{{"instagram 17841400000000099", "link", fail, "another Instagram account, " + linkedID + `|write id: "` + linkedID + `"`}}},
		{"a Page that is not linked",
			func(p *installation) {
				p.accounts(`page_id: "`+pageID+"\"\n    token_env: DOCTOR_PAGE_TOKEN", `page_id: "`+otherID+"\"\n    token_env: DOCTOR_OTHER_TOKEN")
				p.t.Setenv("DOCTOR_OTHER_TOKEN", otherToken)
				p.change(otherID, meta.AccountUpdate{Permissions: &[]string{"instagram_basic", "instagram_manage_comments", "instagram_manage_messages",
					"pages_messaging", "pages_manage_metadata", "pages_read_engagement", "pages_show_list"}})
			},
			[]wanted{{linked, "link", fail, "not linked|Linked accounts"}}},
		{"wrong app secret",
			func(p *installation) {
				p.t.Setenv("DOCTOR_INSTAGRAM_SECRET", "anothersecret")
				p.change(ownID, meta.AccountUpdate{Permissions: &[]string{}})
			},
			[]wanted{{own, "app secret", fail, "refuses the appsecret_proof|Instagram app secret"}, {own, "permissions", fail, ""}}},
		{"wrong app secret where the app requires it",
			func(p *installation) {
				p.t.Setenv("DOCTOR_INSTAGRAM_SECRET", "anothersecret")
				p.change(ownID, meta.AccountUpdate{RequireProof: new(true)})
			},
			[]wanted{{own, "app secret", fail, "refuses the appsecret_proof"}}},
		{"no app secret where the app requires it",
			func(p *installation) {
				p.accounts("    app_secret_env: DOCTOR_INSTAGRAM_SECRET\n", "")
				p.change(ownID, meta.AccountUpdate{RequireProof: new(true)})
			},
			[]wanted{{own, "app secret", fail, "requires its secret|app_secret_env"}}},
		{"no app secret",
			func(p *installation) { p.accounts("    app_secret_env: DOCTOR_APP_SECRET\n", "") },
			[]wanted{{linked, "app secret", warn, "steals the token|Require App Secret"}}},
		{"the bridge lacks the app secret",
			func(p *installation) { p.t.Setenv("PRIVATEREPLY_APP_SECRETS", instaSecret) },
			[]wanted{{page, "webhook secret", fail, "forgeries|add the app's secret"}, {linked, "webhook secret", fail, "PRIVATEREPLY_APP_SECRETS"}}},
		{"the bridge may lack the Instagram app secret",
			func(p *installation) { p.t.Setenv("PRIVATEREPLY_APP_SECRETS", appSecret) },
			[]wanted{{own, "webhook secret", warn, "add the Instagram app secret"}}},
		{"a token with a line break",
			func(p *installation) { p.t.Setenv("DOCTOR_OWN_TOKEN", "IGAAown\ntoken") },
			[]wanted{{own, "token", fail, "characters that no token has|line breaks"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newInstallation(t)
			tt.plant(p)
			p.check(tt.want...)
		})
	}
}
