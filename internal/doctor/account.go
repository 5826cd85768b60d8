package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/graph"
)

// accountChecker checks one account.
type accountChecker struct {
	*checker
	account privatereply.Account
	cred    graph.Credentials
	appID   string // of the app that the token belongs to; empty: Meta did not say
}

func accountSubject(account privatereply.Account) string {
	return fmt.Sprintf("%s %s (%s)", account.Platform, account.ID, account.Name)
}

func (d *checker) checkAccount(ctx context.Context, account privatereply.Account) Section {
	s := Section{Subject: accountSubject(account)}
	e := &accountChecker{checker: d, account: account}
	s.add(e.checkMeta(ctx)...)
	s.add(d.runConcurrently(ctx, e.checkAccess, e.checkHumanAgent, e.checkRenewal)...)
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
	return e.account.LoginFacts().ThroughPage
}

// checkPage checks that the Page can send: it is published, with a person who may
// write messages, and linked to the Instagram account that it sends for.
func (e *accountChecker) checkPage(ctx context.Context) []Finding {
	if e.usesInstagramLogin() {
		return nil
	}
	page, err := e.meta.Page(ctx, e.cred)
	if err != nil {
		return []Finding{unknown("Page", "Meta does not show the Page to this token: %s", describeError(err))}
	}
	var found []Finding
	switch {
	case page.Published == nil:
		found = append(found, unknown("Page", "Meta does not tell whether the Page is published; only a published one can send private replies"))
	case !*page.Published:
		found = append(found, failure("Page", fmt.Sprintf("%s is not published, so it cannot send private replies", page.Name),
			"publish it: in the Page's settings, Page visibility"))
	default:
		found = append(found, ok("Page", "%s is published", page.Name))
	}
	switch {
	case page.Tasks == nil:
		found = append(found, unknown("tasks", "Meta does not tell this token the tasks of its person, who needs MESSAGING on the Page"))
	case !slices.Contains(page.Tasks, "MESSAGING"):
		found = append(found, failure("tasks", fmt.Sprintf("the token's person has no MESSAGING task on the Page (but %s)", orNone(page.Tasks)),
			"in the Page's settings, Page access, give the person messages, or use the token of somebody who has them"))
	case e.account.Platform == privatereply.Facebook && !slices.Contains(page.Tasks, "MODERATE"):
		found = append(found, warning("tasks", "the token's person has no MODERATE task on the Page: no public replies, and comments cannot be hidden",
			"in the Page's settings, Page access, give the person community activity, or use the token of somebody who has it"))
	default:
		found = append(found, ok("tasks", "the token's person has the MESSAGING task"))
	}
	return append(found, e.checkLink(page.InstagramID)...)
}

func (e *accountChecker) checkLink(linked string) []Finding {
	const repair = "link the two: in the Page's settings, Linked accounts, Instagram (it must be a professional account)"
	switch {
	case !e.sendsByPage():
		return nil
	case linked == "":
		return []Finding{failure("link", "the Page is not linked to an Instagram account", repair)}
	case linked != e.account.ID:
		return []Finding{failure("link", fmt.Sprintf("the Page is linked to another Instagram account, %s", linked),
			fmt.Sprintf("write id: %q in the accounts file, or %s", linked, repair))}
	}
	return []Finding{ok("link", "the Page is linked to this Instagram account")}
}

func orNone(list []string) string {
	if len(list) == 0 {
		return "none at all"
	}
	return strings.Join(list, ", ")
}
