package doctor

import (
	"context"
	"fmt"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/graph"
)

// exam is the examination of one account.
type exam struct {
	*doctor
	account privatereply.Account
	cred    graph.Credentials
	appID   string // of the app that the token belongs to; empty: Meta did not say
}

func (d *doctor) examineAccount(ctx context.Context, account privatereply.Account) Section {
	s := Section{Subject: fmt.Sprintf("%s %s (%s)", account.Platform, account.ID, account.Name)}
	e := &exam{doctor: d, account: account}
	s.add(e.askMeta(ctx)...)
	s.add(d.together(ctx, e.access, e.humanAgent)...)
	return s
}

// askMeta asks Meta about the account. Whose token it is comes first, because the
// other answers mean nothing without it.
func (e *exam) askMeta(ctx context.Context) []Finding {
	secrets, err := e.accounts.Secrets(e.account.Platform, e.account.ID)
	if err != nil {
		return []Finding{
			failure("secrets", err.Error(), "set what the accounts file names, or correct the name there"),
			unknown("Meta", "nothing was asked, for want of a token"),
		}
	}
	if e.meta == nil {
		return []Finding{unknown("Meta", "nothing was asked, because the settings of the Graph API are wrong")}
	}
	e.cred = graph.Credentials{Account: e.account, Token: secrets.Token, AppSecret: secrets.AppSecret}

	found, who := e.identify(ctx)
	switch who {
	case nobody:
		return append(found, unknown("Meta", "nothing else was asked, because it would not be answered"))
	case somebodyElse:
		return append(found, unknown("Meta", "nothing was asked about the account with somebody else's token"))
	}
	found = append(found, e.webhookSecret()...)
	found = append(found, e.bounded(ctx, e.token)...)
	if who == misnamed {
		return append(found, unknown("Meta", "nothing was asked about the account under a wrong id"))
	}
	return append(found, e.together(ctx, e.page, e.accountWebhooks, e.appWebhooks)...)
}

// ownLogin reports whether the account is connected with the Instagram login, and
// so served by graph.instagram.com, without a Page.
func (e *exam) ownLogin() bool { return e.account.Login == privatereply.LoginInstagram }

// byPage reports whether the account is an Instagram account that a Page sends for.
func (e *exam) byPage() bool { return e.account.Platform == privatereply.Instagram && !e.ownLogin() }
