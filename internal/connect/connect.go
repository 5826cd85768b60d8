// Package connect leads an account through Meta's login into the accounts folder, and out
// of it again. The desk and the command line show what it says: its errors are sentences
// for people, and hold no token, code or secret.
package connect

import (
	"context"
	"errors"
	"net/url"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/graph"
	"github.com/privatereply/privatereply/internal/config"
)

// Config is what a Connector needs.
type Config struct {
	Settings config.Connect
	Graph    *graph.Client
	Accounts *config.Accounts
	Now      func() time.Time // nil: time.Now
}

// Connector connects and disconnects accounts. What it remembers of a login, for minutes, is
// in memory: the browser must come back to the program that began it.
type Connector struct {
	config Config
	now    func() time.Time
}

// New makes a Connector. It does not call Meta.
func New(c Config) *Connector {
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Connector{config: c, now: c.Now}
}

// Key names an account.
type Key struct {
	Platform privatereply.Platform
	ID       string
}

// Grant is what a login gave: the accounts that can be chosen. It holds no token.
type Grant struct {
	ID              string // for Connect, in the same session
	Login           privatereply.Login
	Person          string // app-scoped id of who logged in
	Found           []Found
	Missing         []privatereply.Permission // that were not granted and are needed, with what they are for
	MissingOptional []privatereply.Permission // that were not granted, and without which the product works with less
	TokenEnds       time.Time                 // of the accounts' tokens; zero: they have no end
}

// Found is an account that a login reaches.
type Found struct {
	Account   privatereply.Account
	Name      string
	Picture   string // its address at Meta, which ends after days
	Problem   string // why it cannot be chosen, and what to do; empty: it can
	Connected bool   // it is connected already: choosing it replaces its token
	Warning   string // what to know before it is chosen
}

// Key names the account. A Page without a linked Instagram account has an entry without an id.
func (f Found) Key() Key { return Key{f.Account.Platform, f.Account.ID} }

// Connected is an account that was connected.
type Connected struct {
	Account    privatereply.Account
	Subscribed []string // the webhook fields; empty where the app chooses them
	Problem    string   // what failed, and what to do; empty: nothing. The account is not connected then
}

// Logins lists the logins whose app is set.
func (c *Connector) Logins() []privatereply.Login {
	var all []privatereply.Login
	for _, login := range []privatereply.Login{privatereply.LoginFacebook, privatereply.LoginInstagram} {
		if id, _ := c.config.Settings.App(login); id != "" {
			all = append(all, login)
		}
	}
	return all
}

var errNotYet = errors.New("accounts cannot be connected yet")

// Begin begins a login and returns the address at Meta that the person goes to. Meta leads
// back to redirectURL, which the app's settings must list to the letter; its query goes to
// Callback, in the same session, within ten minutes.
func (c *Connector) Begin(login privatereply.Login, redirectURL, session string) (authURL string, err error) {
	return "", errNotYet
}

// Callback takes what Meta sent the browser back with. Called again with the same query in
// the same session it gives the same Grant.
func (c *Connector) Callback(ctx context.Context, session string, query url.Values) (Grant, error) {
	return Grant{}, errNotYet
}

// Grant is one that Callback gave in the session; it ends after half an hour.
func (c *Connector) Grant(session, id string) (Grant, error) { return Grant{}, errNotYet }

// Connect connects accounts of a Grant: the token file first, then the webhooks, then the
// YAML. It may be repeated. What one account fails for is in its Connected and keeps no
// other back; the error is about all.
func (c *Connector) Connect(ctx context.Context, session, grantID string, accounts []Key) ([]Connected, error) {
	return nil, errNotYet
}

// ErrStillSubscribed says that an account is disconnected, but that Meta did not end its
// webhooks.
var ErrStillSubscribed = errors.New("Meta still sends its webhooks")

// Disconnect ends the account's webhooks and removes its files. It may be repeated. Where
// Meta does not end the webhooks the files are removed all the same, and the error is an
// ErrStillSubscribed.
func (c *Connector) Disconnect(ctx context.Context, key Key) error { return errNotYet }
