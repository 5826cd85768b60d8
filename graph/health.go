package graph

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/privatereply/privatereply/internal/metajson"
)

// TokenOwner is the account that a token belongs to.
type TokenOwner struct {
	ID     string // the Page; with Instagram Login an id that only this app knows
	UserID string // Instagram Login only: the account's id, as its webhooks have it
	Name   string
}

// Me reads the account that the token belongs to.
func (c *Client) Me(ctx context.Context, cred Credentials) (TokenOwner, error) {
	names := "id,name"
	if onInstagramHost(cred.Account) {
		names = "id,user_id,username"
	}
	var n struct {
		profile
		UserID metajson.String `json:"user_id"`
	}
	if _, err := c.readNode(ctx, cred, "ask whose token it is", "me", names, &n); err != nil {
		return TokenOwner{}, err
	}
	return TokenOwner{ID: string(n.ID), UserID: string(n.UserID), Name: n.name()}, nil
}

// Username reads the name of an Instagram account, which is on its own comments.
func (c *Client) Username(ctx context.Context, cred Credentials) (string, error) {
	var n struct {
		Username metajson.String `json:"username"`
	}
	_, err := c.readNode(ctx, cred, "ask for the account's name", cred.Account.ID, "username", &n)
	return string(n.Username), err
}

// Subscription is an app that receives the account's webhooks.
type Subscription struct {
	AppID   string
	AppName string
	Fields  []string // empty for Instagram with Facebook Login: the app chooses them
}

// SubscribedApps lists the apps that receive webhooks of the account, or of the Page that
// sends for it. An account that Meta unsubscribed after failed deliveries shows only by
// being missing here.
func (c *Client) SubscribedApps(ctx context.Context, cred Credentials) ([]Subscription, error) {
	p, _, err := readPage[struct {
		object
		Name   metajson.String `json:"name"`
		Fields []string        `json:"subscribed_fields"`
	}](ctx, c, cred, call{op: "list the subscribed apps", path: []string{cred.Account.SendNode(), "subscribed_apps"}}, pageRequest{})
	if err != nil {
		return nil, err
	}
	apps := make([]Subscription, len(p.Data))
	for i, n := range p.Data {
		apps[i] = Subscription{AppID: string(n.ID), AppName: string(n.Name), Fields: n.Fields}
	}
	return apps, nil
}

// PageInfo is the state of a Page as far as its messages depend on it.
type PageInfo struct {
	ID          string
	Name        string
	Published   *bool    // an unpublished Page cannot send private replies; nil if Meta did not say
	InstagramID string   // the Instagram account linked to it
	Tasks       []string // what the token's user may do on it; nil if Meta did not say
}

// Page reads the Page that sends for the account. Accounts with Instagram Login have
// none.
func (c *Client) Page(ctx context.Context, cred Credentials) (PageInfo, error) {
	id := cred.Account.SendNode()
	var n struct {
		profile
		Published *bool  `json:"is_published"`
		Instagram object `json:"instagram_business_account"`
	}
	if _, err := c.readNode(ctx, cred, "ask about the Page", id, "id,name,is_published,instagram_business_account", &n); err != nil {
		return PageInfo{}, err
	}
	page := PageInfo{ID: string(n.ID), Name: string(n.Name), Published: n.Published, InstagramID: string(n.Instagram.ID)}
	var t struct {
		Tasks []string `json:"tasks"`
	}
	_, err := c.readNode(ctx, cred, "ask about the Page's tasks", id, "tasks", &t)
	var e *Error
	if errors.As(err, &e) && e.Code == 100 {
		return page, nil // some tokens do not have the field
	}
	page.Tasks = t.Tasks
	return page, err
}

// TokenInfo is Meta's description of an access token.
type TokenInfo struct {
	AppID     string
	Kind      string // PAGE, USER, SYSTEM_USER
	Valid     bool
	ExpiresAt time.Time // UTC; zero for a token that does not expire
	Scopes    []string
	UserID    string   // app-scoped id of the person who logged in; empty if Meta did not say
	PageIDs   []string // of the Pages that the person chose at the login; nil if Meta did not say
}

// DebugToken inspects the token with itself. Meta documents this call as a GET with the
// token in the URL, where every proxy would log it; so the token goes in the body
// of a POST that asks to be a GET, as Meta's JavaScript SDK makes its calls. Meta
// may refuse to let a token inspect itself, and graph.instagram.com may not have
// the call: then nothing is learnt about the token.
func (c *Client) DebugToken(ctx context.Context, cred Credentials) (TokenInfo, error) {
	return c.debugToken(ctx, cred, cred.Token)
}

// debugToken inspects a token with that of cred.
func (c *Client) debugToken(ctx context.Context, cred Credentials, token string) (TokenInfo, error) {
	a, err := c.call(ctx, cred, call{
		op:    "inspect the token",
		path:  []string{"debug_token"},
		form:  url.Values{"method": {"get"}, "input_token": {token}},
		limit: nodeLimit,
	})
	if err != nil {
		return TokenInfo{}, err
	}
	var n struct {
		Data *struct {
			AppID   metajson.String `json:"app_id"`
			Kind    metajson.String `json:"type"`
			Valid   bool            `json:"is_valid"`
			Expires metajson.Time   `json:"expires_at"`
			Scopes  []string        `json:"scopes"`
			UserID  metajson.String `json:"user_id"`
			Granted []struct {
				Scope   string            `json:"scope"`
				Targets []metajson.String `json:"target_ids"`
			} `json:"granular_scopes"`
		} `json:"data"`
	}
	if json.Unmarshal(a.body, &n) != nil || n.Data == nil {
		return TokenInfo{}, a.unreadable("the answer does not have the expected form")
	}
	d := n.Data
	info := TokenInfo{AppID: string(d.AppID), Kind: string(d.Kind), Valid: d.Valid, ExpiresAt: d.Expires.Time, Scopes: d.Scopes, UserID: string(d.UserID)}
	for _, g := range d.Granted {
		if !strings.HasPrefix(g.Scope, "pages_") { // others have ids of businesses and Instagram accounts
			continue
		}
		for _, id := range g.Targets {
			if !slices.Contains(info.PageIDs, string(id)) {
				info.PageIDs = append(info.PageIDs, string(id))
			}
		}
	}
	return info, nil
}

// Permissions lists the permissions that the token's user granted to the app. Meta
// answers for tokens of users and system users, not of Pages.
func (c *Client) Permissions(ctx context.Context, cred Credentials) ([]string, error) {
	p, _, err := readPage[struct {
		Permission metajson.String `json:"permission"`
		Status     metajson.String `json:"status"`
	}](ctx, c, cred, call{op: "list the permissions", path: []string{"me", "permissions"}}, pageRequest{})
	if err != nil {
		return nil, err
	}
	var granted []string
	for _, n := range p.Data {
		if n.Status == "granted" {
			granted = append(granted, string(n.Permission))
		}
	}
	return granted, nil
}
