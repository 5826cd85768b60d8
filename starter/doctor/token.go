package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/privatereply/privatereply/graph"
	"github.com/privatereply/privatereply/internal/console"
)

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
	switch left := info.ExpiresAt.Sub(e.now()); {
	case !info.Valid && e.usesInstagramLogin():
		return unknown(name, "Meta does not tell when a token of the Instagram login ends; it lives 60 days unless it is refreshed")
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

// permission is what a token may need, and for what.
type permission struct {
	name     string
	purpose  string
	optional bool
}

// What the product does with each kind of account: meta-platform.md §8.
var (
	pagePermissions = []permission{
		{name: "pages_messaging", purpose: "private replies"},
		{name: "pages_manage_metadata", purpose: "webhooks"},
		{name: "pages_read_engagement", purpose: "look-ups and sweeps"},
		{name: "pages_show_list", purpose: "webhooks, Meta says", optional: true},
		{name: "pages_read_user_content", purpose: "the texts and authors of comments", optional: true},
	}
	instagramByPagePermissions = []permission{
		{name: "instagram_basic", purpose: "webhooks and sweeps"},
		{name: "instagram_manage_comments", purpose: "webhooks and private replies"},
		{name: "instagram_manage_messages", purpose: "what people answer, and follow-ups"},
		{name: "pages_messaging", purpose: "private replies"},
		{name: "pages_manage_metadata", purpose: "webhooks"},
		{name: "pages_read_engagement", purpose: "webhooks and live broadcasts"},
		{name: "pages_show_list", purpose: "webhooks, Meta says", optional: true},
	}
	instagramPermissions = []permission{
		{name: "instagram_business_basic", purpose: "webhooks and sweeps"},
		{name: "instagram_business_manage_comments", purpose: "webhooks and private replies"},
		{name: "instagram_business_manage_messages", purpose: "what people answer, and follow-ups"},
	}
)

func (e *accountChecker) neededPermissions() []permission {
	switch {
	case e.usesInstagramLogin():
		return instagramPermissions
	case e.sendsByPage():
		return instagramByPagePermissions
	}
	return pagePermissions
}

// checkPermissions looks whether the token has what the product needs.
func (e *accountChecker) checkPermissions(ctx context.Context, granted []string) []Finding {
	const name = "permissions"
	if granted == nil {
		var err error
		if granted, err = e.meta.Permissions(ctx, e.cred); err != nil {
			return []Finding{unknown(name, "Meta does not tell this token's permissions; it needs %s", strings.Join(permissionNames(e.neededPermissions()), ", "))}
		}
	}
	var lost, nice []string
	for _, p := range e.neededPermissions() {
		switch {
		case slices.Contains(granted, p.name):
		case p.optional:
			nice = append(nice, fmt.Sprintf("%s (%s)", p.name, p.purpose))
		default:
			lost = append(lost, fmt.Sprintf("%s (%s)", p.name, p.purpose))
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
		found = append(found, ok(name, "the token has all %d that are needed", len(e.neededPermissions())))
	}
	return found
}

func permissionNames(ps []permission) []string {
	all := make([]string, len(ps))
	for i, p := range ps {
		all[i] = p.name
	}
	return all
}
