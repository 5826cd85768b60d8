package connect

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/graph"
	"github.com/privatereply/privatereply/internal/config"
)

const (
	// lockTimeout bounds the wait for the folder while another program connects or renews.
	lockTimeout = 20 * time.Second
	// takeUpTimeout bounds the wait until this program has read the folder anew.
	takeUpTimeout  = 5 * time.Second
	takeUpInterval = 50 * time.Millisecond
)

// Connected is an account that was connected, or could not be.
type Connected struct {
	Account    privatereply.Account
	Subscribed []string // the webhook fields; of an Instagram account that is linked to a Page, those of the Page
	Problem    string   // what failed, and what to do; empty: nothing
}

// Connect connects accounts of a Grant: the token file first, then the webhooks, then the
// YAML. It may be repeated. What fails for one account is its Problem and keeps no other
// back; the error is about all.
func (c *Connector) Connect(ctx context.Context, session, grantID string, accounts []Key) ([]Connected, error) {
	g, err := c.grant(session, grantID)
	if err != nil {
		return nil, err
	}
	if len(accounts) == 0 {
		return nil, errors.New("no account was chosen")
	}
	shown := g.shown(c)
	var all []Connected
	for _, key := range accounts {
		i := slices.IndexFunc(shown.Found, func(f Found) bool { return f.Key() == key })
		if i < 0 || key.ID == "" {
			return all, fmt.Errorf("%s account %q is not among those of this login", key.Platform, privatereply.CutText(key.ID, 60))
		}
		done := Connected{Account: shown.Found[i].Account, Problem: shown.Found[i].Problem}
		if done.Problem == "" {
			if done.Subscribed, err = c.connect(ctx, g, shown.Found[i]); err != nil {
				done.Problem = err.Error()
			}
		}
		all = append(all, done)
	}
	c.await(ctx, all)
	return all, ctx.Err()
}

// connect connects one account. The lock is held until its YAML is written, so that no
// renewal writes between.
func (c *Connector) connect(ctx context.Context, g *grant, found Found) (subscribed []string, err error) {
	account := found.Account
	lockCtx, cancel := context.WithTimeout(ctx, lockTimeout)
	defer cancel()
	w, err := c.config.Accounts.Lock(lockCtx)
	if err != nil {
		return nil, err
	}
	defer w.Unlock()
	if err := w.WriteToken(account.Platform, account.ID, g.tokens[found.Key()]); err != nil {
		return nil, err
	}
	if _, err := Subscribe(ctx, c.config.Graph, c.credentials(g, account), AppIDs(c.config.Settings, g.Login)); err != nil {
		if found.Connected {
			return nil, fmt.Errorf("its new token is in force, but its webhooks could not be subscribed: %w; the product tries again within a day", words(err))
		}
		if err := w.Remove(account.Platform, account.ID); err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("its webhooks could not be subscribed, so it is not connected: %w; try again", words(err))
	}
	if err := w.WriteAccount(account, g.Person, c.now()); err != nil {
		return nil, err
	}
	return neededFields(account), nil
}

// await waits until this program has taken the connected accounts up, as the others do by
// themselves.
func (c *Connector) await(ctx context.Context, all []Connected) {
	c.until(ctx, func() bool {
		return !slices.ContainsFunc(all, func(done Connected) bool {
			_, ok := c.config.Accounts.Get(done.Account.Platform, done.Account.ID)
			return done.Problem == "" && !ok
		})
	})
}

func (c *Connector) until(ctx context.Context, reached func() bool) {
	ctx, cancel := context.WithTimeout(ctx, takeUpTimeout)
	defer cancel()
	tick := time.NewTicker(takeUpInterval)
	defer tick.Stop()
	for !reached() {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// neededFields are the webhook fields that the account, or the Page that sends for it, must be
// subscribed to.
func neededFields(account privatereply.Account) []string {
	if account.LoginFacts().ThroughPage {
		return privatereply.Facebook.Facts().WebhookFields
	}
	return account.Platform.Facts().WebhookFields
}

// AppIDs are the ids under which Meta may list the app of a login among those that get an
// account's webhooks. Which of its two ids an Instagram login has there is not documented.
func AppIDs(settings config.Connect, login privatereply.Login) []string {
	if login == privatereply.LoginInstagram {
		return []string{string(settings.InstagramAppID), string(settings.FacebookAppID)}
	}
	return []string{string(settings.FacebookAppID)}
}

// Subscribe subscribes the app with one of the ids to the webhook fields that the account
// needs and does not have, and returns these. Fields that it has besides stay. An Instagram
// account that is linked to a Page needs only the app on the Page: its fields are the app's.
func Subscribe(ctx context.Context, g *graph.Client, cred graph.Credentials, appIDs []string) (added []string, err error) {
	apps, err := g.SubscribedApps(ctx, cred)
	if err != nil {
		return nil, err
	}
	var has []string
	installed := false
	for _, app := range apps {
		if slices.Contains(appIDs, app.AppID) {
			installed, has = true, app.Fields
		}
	}
	if installed && cred.Account.LoginFacts().ThroughPage {
		return nil, nil
	}
	fields := slices.Clone(has)
	for _, field := range neededFields(cred.Account) {
		if !slices.Contains(has, field) {
			fields, added = append(fields, field), append(added, field)
		}
	}
	if len(added) == 0 {
		return nil, nil
	}
	return added, g.Subscribe(ctx, cred, fields)
}

// ErrStillSubscribed says that an account is disconnected, but that Meta did not end its
// webhooks.
var ErrStillSubscribed = errors.New("it is disconnected, but its webhooks could not be ended at Meta, which does no harm: remove the app in the account's settings at Meta")

// Disconnect ends the account's webhooks and removes its files. It may be repeated. Where
// Meta does not end the webhooks the files are removed all the same, and the error is an
// ErrStillSubscribed. The webhooks of a Page stay while another account is connected
// through it.
func (c *Connector) Disconnect(ctx context.Context, key Key) error {
	account, known := c.config.Accounts.Get(key.Platform, key.ID)
	facts, _ := c.config.Accounts.Token(key.Platform, key.ID)
	if known && !facts.Connected {
		return fmt.Errorf("%s account %s is written in accounts.yaml: take it out there", key.Platform, key.ID)
	}
	lockCtx, cancel := context.WithTimeout(ctx, lockTimeout)
	defer cancel()
	w, err := c.config.Accounts.Lock(lockCtx)
	if err != nil {
		return err
	}
	defer w.Unlock()
	var subscribed error
	if known && !c.shares(account) {
		secrets, err := c.config.Accounts.Secrets(key.Platform, key.ID)
		if err == nil {
			err = c.config.Graph.Unsubscribe(ctx, graph.Credentials{Account: account, Token: secrets.Token, AppSecret: secrets.AppSecret})
		}
		if err != nil {
			subscribed = fmt.Errorf("%w (%w)", ErrStillSubscribed, words(err))
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := w.Remove(key.Platform, key.ID); err != nil {
		return err
	}
	c.until(ctx, func() bool { _, ok := c.config.Accounts.Get(key.Platform, key.ID); return !ok })
	return subscribed
}
