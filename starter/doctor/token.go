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

// tokenEndsSoon is how long before a token's end it is worth a warning.
const tokenEndsSoon = 14 * 24 * time.Hour

// token asks until when the token is good and what it may do. It notes whose app
// the token belongs to.
func (e *exam) token(ctx context.Context) []Finding {
	info, err := e.meta.DebugToken(ctx, e.cred)
	if err != nil || !info.Valid {
		info = graph.TokenInfo{}
	}
	e.appID = info.AppID
	return append([]Finding{e.expiry(info)}, e.permissions(ctx, info.Scopes)...)
}

func (e *exam) expiry(info graph.TokenInfo) Finding {
	const name = "expiry"
	switch left := info.ExpiresAt.Sub(e.now()); {
	case !info.Valid && e.ownLogin():
		return unknown(name, "Meta does not tell when a token of the Instagram login ends; it lives 60 days unless it is refreshed")
	case !info.Valid:
		return unknown(name, "Meta does not tell when this token ends")
	case info.ExpiresAt.IsZero():
		return ok(name, "the token has no end")
	case left <= tokenEndsSoon:
		return warning(name, fmt.Sprintf("the token ends on %s, %s", date(info.ExpiresAt), console.From(info.ExpiresAt, e.now())),
			"make a Page token from a long-lived user token: that one has no end")
	}
	return ok(name, "the token ends on %s", date(info.ExpiresAt))
}

// permission is what a token may need, and for what.
type permission struct {
	name     string
	use      string
	optional bool
}

// What the product does with each kind of account: meta-platform.md §8.
var (
	pagePermissions = []permission{
		{name: "pages_messaging", use: "private replies"},
		{name: "pages_manage_metadata", use: "webhooks"},
		{name: "pages_read_engagement", use: "look-ups and sweeps"},
		{name: "pages_show_list", use: "webhooks, Meta says", optional: true},
		{name: "pages_read_user_content", use: "the texts and authors of comments", optional: true},
	}
	instagramByPagePermissions = []permission{
		{name: "instagram_basic", use: "webhooks and sweeps"},
		{name: "instagram_manage_comments", use: "webhooks and private replies"},
		{name: "instagram_manage_messages", use: "what people answer, and follow-ups"},
		{name: "pages_messaging", use: "private replies"},
		{name: "pages_manage_metadata", use: "webhooks"},
		{name: "pages_read_engagement", use: "webhooks and live broadcasts"},
		{name: "pages_show_list", use: "webhooks, Meta says", optional: true},
	}
	instagramPermissions = []permission{
		{name: "instagram_business_basic", use: "webhooks and sweeps"},
		{name: "instagram_business_manage_comments", use: "webhooks and private replies"},
		{name: "instagram_business_manage_messages", use: "what people answer, and follow-ups"},
	}
)

func (e *exam) needed() []permission {
	switch {
	case e.ownLogin():
		return instagramPermissions
	case e.byPage():
		return instagramByPagePermissions
	}
	return pagePermissions
}

// permissions looks whether the token has what the product needs.
func (e *exam) permissions(ctx context.Context, granted []string) []Finding {
	const name = "permissions"
	if granted == nil {
		var err error
		if granted, err = e.meta.Permissions(ctx, e.cred); err != nil {
			return []Finding{unknown(name, "Meta does not tell this token's permissions; it needs %s", strings.Join(names(e.needed()), ", "))}
		}
	}
	var lost, nice []string
	for _, p := range e.needed() {
		switch {
		case slices.Contains(granted, p.name):
		case p.optional:
			nice = append(nice, fmt.Sprintf("%s (%s)", p.name, p.use))
		default:
			lost = append(lost, fmt.Sprintf("%s (%s)", p.name, p.use))
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
		found = append(found, ok(name, "the token has all %d that are needed", len(e.needed())))
	}
	return found
}

func names(ps []permission) []string {
	all := make([]string, len(ps))
	for i, p := range ps {
		all[i] = p.name
	}
	return all
}
