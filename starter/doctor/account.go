package doctor

import (
	"context"
	"fmt"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/graph"
)

// accountChecker is the examination of one account.
type accountChecker struct {
	*checker
	account privatereply.Account
	cred    graph.Credentials
	appID   string // of the app that the token belongs to; empty: Meta did not say
}

func (d *checker) checkAccount(ctx context.Context, account privatereply.Account) Section {
	s := Section{Subject: fmt.Sprintf("%s %s (%s)", account.Platform, account.ID, account.Name)}
	e := &accountChecker{checker: d, account: account}
	s.add(e.checkMeta(ctx)...)
	s.add(d.runConcurrently(ctx, e.checkAccess, e.checkHumanAgent)...)
	return s
}

// checkMeta asks Meta about the account. Whose token it is comes first, because the
// other answers mean nothing without it.
func (e *accountChecker) checkMeta(ctx context.Context) []Finding {
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

	found, who := e.checkOwner(ctx)
	switch who {
	case ownerUnknown:
		return append(found, unknown("Meta", "nothing else was asked, because it would not be answered"))
	case ownerOther:
		return append(found, unknown("Meta", "nothing was asked about the account with somebody else's token"))
	}
	found = append(found, e.checkWebhookSecret()...)
	found = append(found, e.runWithTimeout(ctx, e.checkToken)...)
	if who == ownerMisnamed {
		return append(found, unknown("Meta", "nothing was asked about the account under a wrong id"))
	}
	return append(found, e.runConcurrently(ctx, e.checkPage, e.checkAccountWebhooks, e.checkAppWebhooks)...)
}

// usesInstagramLogin reports whether the account is connected with the Instagram login, and
// so served by graph.instagram.com, without a Page.
func (e *accountChecker) usesInstagramLogin() bool {
	return e.account.Login == privatereply.LoginInstagram
}

// sendsByPage reports whether the account is an Instagram account that a Page sends for.
func (e *accountChecker) sendsByPage() bool {
	return e.account.Platform == privatereply.Instagram && !e.usesInstagramLogin()
}
