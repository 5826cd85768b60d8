package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/graph"
	"github.com/privatereply/privatereply/internal/accountstatus"
	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/internal/console"
)

// tokenOwner says whose the token is.
type tokenOwner int

const (
	ownerUnknown  tokenOwner = iota // Meta does not take the token, or does not answer
	ownerOther                      // the token is good, but not for the account
	ownerMisnamed                   // it is for the account, which the accounts file names wrongly
	ownerAccount                    // what sends for the account
)

// checkOwner asks Meta whose token it is. If only the proof is wrong, the rest is
// asked without it.
func (e *accountChecker) checkOwner(ctx context.Context) ([]Finding, tokenOwner) {
	me, err := e.meta.Me(ctx, e.cred)
	var found []Finding
	switch {
	case proofRefused(err) && e.cred.AppSecret == "":
		return []Finding{failure("app secret", "Meta takes no call without appsecret_proof: the app requires its secret",
			"name the app's secret in the account's app_secret_env or app_secret_file")}, ownerUnknown
	case proofRefused(err):
		found = append(found, failure("app secret", "Meta refuses the appsecret_proof: this is not the secret of the token's app",
			"take the secret from the settings of the app that the token was made with (for the Instagram login: the Instagram app secret)"))
		e.cred.AppSecret = ""
		if me, err = e.meta.Me(ctx, e.cred); proofRefused(err) {
			return found, ownerUnknown
		}
	case err != nil:
	case e.cred.AppSecret != "":
		found = append(found, ok("app secret", "Meta accepts it"))
	case !e.usesInstagramLogin():
		found = append(found, warning("app secret", "none, so calls carry no appsecret_proof, and whoever steals the token can use it",
			"name the app's secret in the account's app_secret_env or app_secret_file, then switch on Require App Secret in the app"))
	}
	if err != nil {
		return append(found, e.refusalFinding(ctx, err)), ownerUnknown
	}
	who, whose := e.compareOwner(ctx, me)
	return append(found, who), whose
}

// proofRefused reports whether Meta's answer is the one to a wrong or missing
// appsecret_proof: code 100 alone, to a call whose parameters are right.
func proofRefused(err error) bool {
	var g *graph.Error
	return errors.As(err, &g) && g.Code == 100 && g.Subcode == 0
}

// compareOwner checks that the token's owner is what sends for the account.
func (e *accountChecker) compareOwner(ctx context.Context, me graph.TokenOwner) (Finding, tokenOwner) {
	if e.usesInstagramLogin() {
		switch e.account.ID {
		case me.UserID:
			return ok("token", "is that of %s (%s), which sends itself", me.Name, me.UserID), ownerAccount
		case me.ID:
			return failure("node", "id is the app's own name of the account; webhooks come with "+me.UserID,
				fmt.Sprintf("write id: %q in the accounts file", me.UserID)), ownerMisnamed
		}
		return failure("token", fmt.Sprintf("is that of %s (%s), not of %s", me.Name, me.UserID, e.account.ID),
			"make a token with the account's own login, or correct its id in the accounts file"), ownerOther
	}
	node := e.account.SendNode()
	if me.ID == node {
		return ok("token", "is that of the Page %s (%s), which sends", me.Name, me.ID), ownerAccount
	}
	if e.sendsByPage() && e.isLinkedTo(ctx, me.ID) {
		return failure("node", fmt.Sprintf("page_id is %s, but the Page that is linked to the account, and whose token this is, is %s (%s)", node, me.Name, me.ID),
			fmt.Sprintf("write page_id: %q in the accounts file", me.ID)), ownerMisnamed
	}
	return failure("token", fmt.Sprintf("is that of %s (%s), not of the Page %s", me.Name, me.ID, node),
		fmt.Sprintf("make a Page token: GET /%s?fields=access_token with the token of a person who manages the Page", node)), ownerOther
}

// isLinkedTo reports whether a Page, asked with its own token, is linked to the account.
func (e *accountChecker) isLinkedTo(ctx context.Context, pageID string) bool {
	cred := e.cred
	cred.Account.PageID = pageID
	page, err := e.meta.Page(ctx, cred)
	return err == nil && page.InstagramID == e.account.ID
}

// refusalFinding says why Meta does not tell whose token it is.
func (e *accountChecker) refusalFinding(ctx context.Context, err error) Finding {
	var g *graph.Error
	switch {
	case !errors.As(err, &g):
		return failure("Meta", "cannot be asked: "+err.Error(), "ask again")
	case g.Class == graph.NotWritten || g.Class == graph.Unknown:
		return failure("Meta", "cannot be reached: "+describeMetaError(g), "let this machine reach graph.facebook.com and graph.instagram.com (HTTPS_PROXY names a proxy)")
	case g.Class == graph.Throttled || g.Class == graph.Temporary:
		return warning("Meta", "answers no questions for now: "+describeMetaError(g), "ask again in a while")
	}
	if g.Code == 190 && g.Subcode == 0 {
		if found, known := e.checkOtherLogin(ctx); known {
			return found
		}
	}
	return failure("token", describeMetaError(g), tokenRepair(g)+"; replies that wait for it then go by themselves")
}

// checkOtherLogin checks whether the token belongs to Meta's other host: each host
// cannot even read the tokens of the other.
func (e *accountChecker) checkOtherLogin(ctx context.Context) (Finding, bool) {
	cred := e.cred
	cred.AppSecret = "" // the two logins have one each
	cred.Account.Platform, cred.Account.Login = privatereply.Instagram, privatereply.LoginInstagram
	if e.usesInstagramLogin() {
		cred.Account.Platform, cred.Account.Login = privatereply.Facebook, privatereply.LoginFacebook
	}
	me, err := e.meta.Me(ctx, cred)
	switch {
	case err != nil && !proofRefused(err):
		return Finding{}, false
	case e.usesInstagramLogin():
		page := "the Page's id"
		if me.ID != "" {
			page = fmt.Sprintf("%q", me.ID)
		}
		return failure("login", "the account has login: instagram, but its token comes from the Facebook login",
			"write login: facebook and page_id: "+page+" in the accounts file, or put a token of the Instagram login in place"), true
	case e.sendsByPage():
		return failure("login", "the account has login: facebook, but its token comes from the Instagram login",
			"write login: instagram and leave page_id out, or put the token of the Page "+e.account.PageID+" in place"), true
	}
	return failure("login", "this is a token of the Instagram login, which no Page has", "put the Page's own token in place"), true
}

// tokenRepair is the repair for one of Meta's token errors.
func tokenRepair(g *graph.Error) string {
	switch {
	case g.Code == 0:
		return "look for line breaks and quotes in what token_env or token_file names"
	case g.Code == 190 && g.Subcode == 458:
		return "let the account's person log in to the app again and grant it everything, then put the new token in place"
	case g.Code == 190 && g.Subcode == 459:
		return "let the account's person log in to facebook.com and pass the check there"
	case g.Code == 190 && g.Subcode == 464:
		return "let the account's person confirm the account at facebook.com"
	case g.Code == 190 || g.Code == 102:
		return "make a new long-lived token, and put it where token_env or token_file says"
	}
	return "look the error up in Meta's list of error codes"
}

// describeError says what went wrong with a call to Meta.
func describeError(err error) string {
	var g *graph.Error
	if errors.As(err, &g) {
		return describeMetaError(g)
	}
	return err.Error()
}

// describeMetaError says what Meta's error means, with its numbers.
func describeMetaError(g *graph.Error) string {
	switch {
	case g.Code == 0:
		return g.Meaning
	case g.Subcode == 0:
		return fmt.Sprintf("%s (%d)", g.Meaning, g.Code)
	}
	return fmt.Sprintf("%s (%d/%d)", g.Meaning, g.Code, g.Subcode)
}

// tokenWarning is how long before a token's end it is worth a warning.
const tokenWarning = 14 * 24 * time.Hour

// checkToken asks until when the token is good and what it may do. It notes whose app
// the token belongs to.
func (e *accountChecker) checkToken(ctx context.Context) []Finding {
	info, err := e.meta.DebugToken(ctx, e.cred)
	if err != nil || !info.Valid {
		info = graph.TokenInfo{}
	}
	e.appID = info.AppID
	return append([]Finding{e.checkExpiry(info)}, e.checkPermissions(ctx, info.Scopes)...)
}

func (e *accountChecker) checkExpiry(info graph.TokenInfo) Finding {
	const name = "expiry"
	// What a connected account's file says is Meta's word too, at the login or the renewal.
	if facts, err := e.accounts.Token(e.account.Platform, e.account.ID); err == nil && facts.Connected {
		return e.checkConnectedExpiry(facts)
	}
	switch left := info.ExpiresAt.Sub(e.now()); {
	case !info.Valid && e.usesInstagramLogin():
		return unknown(name, "Meta does not tell when a token of the Instagram login ends; it lives 60 days, and nobody renews it: connect the account (starter connect), then it is renewed by itself")
	case !info.Valid:
		return unknown(name, "Meta does not tell when this token ends")
	case info.ExpiresAt.IsZero():
		return ok(name, "the token has no end")
	case left <= tokenWarning:
		return warning(name, fmt.Sprintf("the token ends on %s, %s", date(info.ExpiresAt), console.RelativeTime(info.ExpiresAt, e.now())),
			"make a Page token from a long-lived user token: that one has no end")
	}
	return ok(name, "the token ends on %s", date(info.ExpiresAt))
}

// checkConnectedExpiry judges the life of a token that is renewed by itself, from a third
// of it on.
func (e *accountChecker) checkConnectedExpiry(facts config.TokenFacts) Finding {
	const name = "expiry"
	const repair = "connect the account again: starter connect, or the desk's page Accounts"
	left := facts.ExpiresAt.Sub(e.now())
	switch {
	case facts.ExpiresAt.IsZero():
		return ok(name, "the token has no end")
	case left <= 0:
		return failure(name, fmt.Sprintf("the token ended on %s, and Meta renews no token that has", date(facts.ExpiresAt)), repair)
	case left <= facts.Life/3:
		return warning(name, fmt.Sprintf("the token ends on %s, %s; it should have been renewed by now", date(facts.ExpiresAt), console.RelativeTime(facts.ExpiresAt, e.now())),
			"see what the renewals say: starter accounts. Or "+repair)
	}
	return ok(name, "the token ends on %s and is renewed by itself", date(facts.ExpiresAt))
}

// checkRenewal says what the last renewal of a connected account's token found.
func (e *accountChecker) checkRenewal(ctx context.Context) []Finding {
	const name = "renewal"
	if facts, _ := e.accounts.Token(e.account.Platform, e.account.ID); !facts.Connected || e.temporal == nil {
		return nil
	}
	result, at, err := accountstatus.LastRenewal(ctx, e.temporal, e.account)
	switch {
	case err != nil:
		return []Finding{unknown(name, "the last renewal could not be read: %v", err)}
	case at.IsZero():
		return []Finding{unknown(name, "nobody has looked at the token and the webhooks yet; a worker does it every day")}
	case result.Problem() != "":
		return []Finding{warning(name, fmt.Sprintf("%s: %s", console.RelativeTime(at, e.now()), result.Problem()),
			"connect the account again before its token ends: starter connect, or the desk's page Accounts")}
	}
	return []Finding{ok(name, "%s: %s", console.RelativeTime(at, e.now()), result.Outcome)}
}

// checkPermissions checks that the token has the permissions that the product needs.
func (e *accountChecker) checkPermissions(ctx context.Context, granted []string) []Finding {
	const name = "permissions"
	if granted == nil {
		var err error
		if granted, err = e.meta.Permissions(ctx, e.cred); err != nil {
			return []Finding{unknown(name, "Meta does not tell this token's permissions; it needs %s", strings.Join(permissionNames(e.account.LoginFacts().Permissions), ", "))}
		}
	}
	var lost, nice []string
	for _, p := range e.account.LoginFacts().Permissions {
		switch {
		case slices.Contains(granted, p.Name):
		case p.Optional:
			nice = append(nice, fmt.Sprintf("%s (%s)", p.Name, p.Use))
		default:
			lost = append(lost, fmt.Sprintf("%s (%s)", p.Name, p.Use))
		}
	}
	const repair = "ask for it when the account's person logs in to the app, and put the token of that login in place"
	var found []Finding
	if len(lost) > 0 {
		found = append(found, failure(name, "the token lacks "+strings.Join(lost, ", "), repair))
	}
	if len(nice) > 0 {
		found = append(found, warning(name, "the token lacks "+strings.Join(nice, ", "), repair))
	}
	if len(found) == 0 {
		found = append(found, ok(name, "the token has all %d that are needed", len(e.account.LoginFacts().Permissions)))
	}
	return found
}

func permissionNames(ps []privatereply.Permission) []string {
	all := make([]string, len(ps))
	for i, p := range ps {
		all[i] = p.Name
	}
	return all
}
