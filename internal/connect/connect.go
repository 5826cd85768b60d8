// Package connect leads an account through Meta's login into the accounts folder, and out
// of it again. The desk and the command line show what it says: its errors are sentences
// for people, and hold no token, code or secret.
package connect

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/graph"
	"github.com/privatereply/privatereply/internal/config"
)

const (
	// stateLife is how long a person may take at Meta.
	stateLife = 10 * time.Minute
	// grantLife is how long a person may take to choose accounts. Meta's tokens, which a
	// grant holds in memory, live longer.
	grantLife = 30 * time.Minute
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

	mu     sync.Mutex // guards the maps, not what they hold
	logins map[string]*login
	grants map[string]*grant
}

// New makes a Connector. It does not call Meta.
func New(c Config) *Connector {
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Connector{config: c, now: c.Now, logins: map[string]*login{}, grants: map[string]*grant{}}
}

// login is one that was begun, by its state.
type login struct {
	app      graph.LoginApp
	redirect string
	session  string
	endsAt   time.Time

	mu    sync.Mutex // held while the code is exchanged: it works once
	done  bool
	grant *grant
	err   error
}

// Key names an account.
type Key struct {
	Platform privatereply.Platform
	ID       string
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

// app is the app of a login at Meta.
func (c *Connector) app(login privatereply.Login) (graph.LoginApp, error) {
	s := c.config.Settings
	id, secret := s.App(login)
	name := map[privatereply.Login]string{privatereply.LoginFacebook: "FACEBOOK", privatereply.LoginInstagram: "INSTAGRAM"}[login]
	switch {
	case name == "":
		return graph.LoginApp{}, fmt.Errorf("%q is not a login; it is %s or %s", login, privatereply.LoginFacebook, privatereply.LoginInstagram)
	case id == "":
		return graph.LoginApp{}, fmt.Errorf("this login needs an app at Meta: set %[1]s%[2]s_APP_ID and %[1]s%[2]s_APP_SECRET", config.Prefix, name)
	}
	app := graph.LoginApp{Login: login, ID: id, Secret: string(secret), DialogURL: string(s.FacebookLoginURL), ConfigID: string(s.FacebookConfigID)}
	if login == privatereply.LoginInstagram {
		app.DialogURL, app.TokenURL, app.ConfigID = string(s.InstagramLoginURL), string(s.InstagramTokenURL), ""
	}
	return app, nil
}

// Begin begins a login and returns the address at Meta that the person goes to. Meta leads
// back to redirectURL, which the app's settings must list to the letter; its query goes to
// Callback, in the same session, within ten minutes.
func (c *Connector) Begin(login privatereply.Login, redirectURL, session string) (authURL string, err error) {
	if session == "" {
		return "", errors.New("a login needs a session that it is bound to")
	}
	app, err := c.app(login)
	if err != nil {
		return "", err
	}
	// Before the person has done anything: an error afterwards costs a login.
	ctx, cancel := context.WithTimeout(context.Background(), lockTimeout)
	defer cancel()
	if err := c.config.Accounts.CheckWritable(ctx); err != nil {
		return "", err
	}
	state := rand.Text()
	c.remember(state, app, redirectURL, session)
	var names []string
	for _, p := range permissions(login) {
		names = append(names, p.Name)
	}
	return c.config.Graph.LoginURL(app, redirectURL, state, names), nil
}

func (c *Connector) remember(state string, app graph.LoginApp, redirectURL, session string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	for state, l := range c.logins {
		if !now.Before(l.endsAt.Add(grantLife)) { // a repeat of its callback gives its grant
			delete(c.logins, state)
		}
	}
	for id, g := range c.grants {
		if !now.Before(g.endsAt) {
			delete(c.grants, id)
		}
	}
	c.logins[state] = &login{app: app, redirect: redirectURL, session: session, endsAt: now.Add(stateLife)}
}

// errState does not say which of its causes it was: who forges a state learns nothing.
var errState = errors.New("this login is not known here: it was begun in another browser or session, or more than ten minutes ago; begin again")

// Callback takes what Meta sent the browser back with. Called again with the same query in
// the same session it gives the same Grant, or the same error: a code works once. Where
// Meta could not be reached it may be called again.
func (c *Connector) Callback(ctx context.Context, session string, query url.Values) (Grant, error) {
	c.mu.Lock()
	l := c.logins[query.Get("state")]
	c.mu.Unlock()
	if l == nil || l.session != session {
		return Grant{}, errState
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.done {
		if !c.now().Before(l.endsAt) {
			return Grant{}, errState
		}
		g, err := c.finish(ctx, l, query)
		if passing(err) || ctx.Err() != nil {
			return Grant{}, err
		}
		l.done, l.grant, l.err = true, g, err
	}
	if l.err != nil {
		return Grant{}, l.err
	}
	if !c.now().Before(l.grant.endsAt) {
		return Grant{}, errGrant
	}
	return l.grant.shown(c), nil
}

func (c *Connector) finish(ctx context.Context, l *login, query url.Values) (*grant, error) {
	code := query.Get("code")
	switch {
	case query.Get("error") == "access_denied":
		return nil, errors.New("the login was declined at Meta: nothing has changed")
	case query.Get("error") != "" || query.Get("error_code") != "":
		return nil, errors.New("the login ended with an error at Meta: check that the app's settings list this page's address, and that the person has a role in an app that is not published; then begin again")
	case code == "":
		return nil, errors.New("no code came from Meta: begin again")
	}
	short, err := c.config.Graph.ExchangeCode(ctx, l.app, l.redirect, code)
	if err != nil {
		return nil, fmt.Errorf("the login could not be finished, begin again: %w", words(err))
	}
	g, err := c.read(ctx, l.app, short)
	if err != nil {
		// The code is used: a repeat would not get as far.
		return nil, final{fmt.Errorf("the login was taken, but its accounts could not be read, begin again: %w", words(err))}
	}
	g.session, g.endsAt = l.session, c.now().Add(grantLife)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.grants[g.ID] = g
	return g, nil
}

// final is an error that a repeat does not mend.
type final struct{ error }

func (f final) Unwrap() error { return f.error }

// passing reports whether Meta did not see the code, or refused it for now.
func passing(err error) bool {
	var e *graph.Error
	var f final
	if errors.As(err, &f) || !errors.As(err, &e) {
		return false
	}
	return e.Class == graph.NotWritten || e.Class == graph.Throttled || e.Class == graph.Temporary
}

// words says a failed call in words for people. Meta's own are not among them.
func words(err error) error {
	var e *graph.Error
	if !errors.As(err, &e) {
		return err
	}
	return spoken{e}
}

// spoken is a graph.Error without the name of its operation.
type spoken struct{ failed *graph.Error }

func (s spoken) Error() string {
	switch e := s.failed; {
	case e.Code != 0 && e.Subcode != 0:
		return fmt.Sprintf("%s (Meta's error %d/%d)", e.Meaning, e.Code, e.Subcode)
	case e.Code != 0:
		return fmt.Sprintf("%s (Meta's error %d)", e.Meaning, e.Code)
	default:
		return e.Meaning
	}
}

func (s spoken) Unwrap() error { return s.failed }
