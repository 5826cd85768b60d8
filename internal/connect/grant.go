package connect

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/graph"
	"github.com/privatereply/privatereply/internal/config"
)

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

// grant is a Grant with its tokens.
type grant struct {
	Grant
	app     graph.LoginApp
	session string
	endsAt  time.Time
	tokens  map[Key]config.Token
}

var errGrant = errors.New("this login is not known here any more: half an hour is over, or the program was started again; begin again")

// Grant is one that Callback gave in the session; it ends after half an hour.
func (c *Connector) Grant(session, id string) (Grant, error) {
	g, err := c.grant(session, id)
	if err != nil {
		return Grant{}, err
	}
	return g.shown(c), nil
}

func (c *Connector) grant(session, id string) (*grant, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	g := c.grants[id]
	if g == nil || g.session != session || !c.now().Before(g.endsAt) {
		return nil, errGrant
	}
	return g, nil
}

// shown is the Grant with what is connected by now.
func (g *grant) shown(c *Connector) Grant {
	shown := g.Grant
	shown.Found = slices.Clone(g.Found)
	for i, f := range shown.Found {
		facts, err := c.config.Accounts.Token(f.Account.Platform, f.Account.ID)
		shown.Found[i].Connected = facts.Connected
		if err == nil && !facts.Connected {
			shown.Found[i].Problem = "accounts.yaml has it: take it out there, then connect it here"
		}
	}
	return shown
}

// permissions are those of a login on every platform that has it. One is optional where it is
// so on all of them.
func permissions(login privatereply.Login) []privatereply.Permission {
	var all []privatereply.Permission
	for _, platform := range privatereply.Platforms {
		facts := privatereply.Account{Platform: platform, Login: login}.LoginFacts()
		for _, p := range facts.Permissions {
			i := slices.IndexFunc(all, func(q privatereply.Permission) bool { return q.Name == p.Name })
			switch {
			case i < 0:
				all = append(all, p)
			case all[i].Optional && !p.Optional:
				all[i] = p
			}
		}
	}
	return all
}

// lacking are the permissions that were not granted.
func lacking(needed []privatereply.Permission, granted []string) (missing, optional []privatereply.Permission) {
	for _, p := range needed {
		switch {
		case slices.Contains(granted, p.Name):
		case p.Optional:
			optional = append(optional, p)
		default:
			missing = append(missing, p)
		}
	}
	return missing, optional
}

// read reads what a login gave.
func (c *Connector) read(ctx context.Context, app graph.LoginApp, short graph.LoginToken) (*grant, error) {
	long, err := c.config.Graph.LongLivedToken(ctx, app, short)
	if err != nil {
		return nil, err
	}
	g := &grant{app: app, tokens: map[Key]config.Token{}}
	g.ID, g.Login = rand.Text(), app.Login
	var granted []string
	if app.Login == privatereply.LoginInstagram {
		granted, err = c.readInstagram(ctx, g, short, long)
	} else {
		granted, err = c.readFacebook(ctx, g, long)
	}
	if err != nil {
		return nil, err
	}
	g.Missing, g.MissingOptional = lacking(permissions(app.Login), granted)
	for i := range g.Found {
		g.Found[i].Problem = cmp.Or(g.Found[i].Problem, permissionProblem(g.Found[i].Account, granted))
	}
	return g, c.readWarnings(ctx, g)
}

func (c *Connector) readInstagram(ctx context.Context, g *grant, short, long graph.LoginToken) (granted []string, err error) {
	profile, err := c.config.Graph.InstagramProfile(ctx, g.app.Credentials("", long.Token))
	if err != nil {
		return nil, err
	}
	// Operators disagree about which of Meta's ids is which: the one that is not the
	// account's own is the person's.
	g.Person = profile.UserID
	if g.Person == profile.ID && short.UserID != "" {
		g.Person = short.UserID
	}
	found := Found{
		Account: privatereply.Account{Platform: privatereply.Instagram, ID: profile.ID, Name: profile.Username, Login: privatereply.LoginInstagram},
		Name:    profile.Username, Picture: profile.Picture,
	}
	token := config.NewToken(long.Token, c.now(), long.Life)
	g.TokenEnds = token.ExpiresAt
	g.Found, g.tokens[found.Key()] = []Found{found}, token
	return short.Permissions, nil
}

func (c *Connector) readFacebook(ctx context.Context, g *grant, long graph.LoginToken) (granted []string, err error) {
	user := g.app.Credentials("", long.Token)
	me, err := c.config.Graph.Me(ctx, user)
	if err != nil {
		return nil, err
	}
	g.Person, user.Account.ID = me.ID, me.ID
	if granted, err = c.config.Graph.Permissions(ctx, user); err != nil {
		return nil, err
	}
	pages, err := c.config.Graph.LoginPages(ctx, g.app, user)
	if err != nil {
		return nil, err
	}
	now := c.now()
	for _, page := range pages {
		problem := pageProblem(page)
		add := func(account privatereply.Account, name, picture, problem string) {
			f := Found{Account: account, Name: name, Picture: picture, Problem: problem}
			g.Found = append(g.Found, f)
			if account.ID != "" && page.Token != "" {
				g.tokens[f.Key()] = config.NewToken(page.Token, now, 0) // from a long-lived token: it has no end
			}
		}
		add(privatereply.Account{Platform: privatereply.Facebook, ID: page.ID, Name: page.Name, Login: privatereply.LoginFacebook}, page.Name, page.Picture, problem)
		linked := privatereply.Account{Platform: privatereply.Instagram, Login: privatereply.LoginFacebook, PageID: page.ID}
		if page.Instagram == nil {
			add(linked, page.Name, "", "no professional Instagram account is linked to the Page, or instagram_basic was not granted: link one in the Page's settings, then connect again")
			continue
		}
		linked.ID, linked.Name = page.Instagram.ID, page.Instagram.Username
		add(linked, page.Instagram.Username, page.Instagram.Picture, problem)
	}
	return granted, nil
}

// messagingTask is the one that a person needs on a Page to send its messages.
const messagingTask = "MESSAGING"

func pageProblem(page graph.LoginPage) string {
	switch {
	case page.Token == "":
		return "Meta gave no token for the Page: choose the Page at Meta's login, then connect again"
	case page.Tasks != nil && !slices.Contains(page.Tasks, messagingTask):
		return "the person who logged in may not answer messages of the Page (the task " + messagingTask + " is missing): an admin of the Page gives it, then connect again"
	}
	return ""
}

func permissionProblem(account privatereply.Account, granted []string) string {
	missing, _ := lacking(account.LoginFacts().Permissions, granted)
	if len(missing) == 0 {
		return ""
	}
	var each []string
	for _, p := range missing {
		each = append(each, fmt.Sprintf("%s (%s)", p.Name, p.Use))
	}
	return "Meta's login did not grant " + strings.Join(each, ", ") + ": connect again, and leave everything switched on"
}

// maxWarningReads is how many accounts are asked about at once.
const maxWarningReads = 8

// maxAppName bounds what is shown of the names of other apps, in bytes.
const maxAppName = 60

// readWarnings asks who else gets the webhooks of the accounts that can be chosen. What Meta
// does not say is no warning.
func (c *Connector) readWarnings(ctx context.Context, g *grant) error {
	var reads errgroup.Group
	reads.SetLimit(maxWarningReads)
	for i := range g.Found {
		f := &g.Found[i]
		if f.Problem != "" {
			continue
		}
		reads.Go(func() error {
			apps, err := c.config.Graph.SubscribedApps(ctx, c.credentials(g, f.Account))
			if err == nil {
				facts, _ := c.config.Accounts.Token(f.Account.Platform, f.Account.ID)
				f.Warning = subscriptionWarning(apps, AppIDs(c.config.Settings, g.Login), facts.Connected || c.shares(f.Account))
			}
			return ctx.Err()
		})
	}
	return reads.Wait()
}

// shares reports whether another account that the product has sends through the same Page.
func (c *Connector) shares(account privatereply.Account) bool {
	return slices.ContainsFunc(c.config.Accounts.All(), func(a privatereply.Account) bool {
		return a.Login == account.Login && a.SendNode() == account.SendNode() && (a.Platform != account.Platform || a.ID != account.ID)
	})
}

func subscriptionWarning(apps []graph.Subscription, ownIDs []string, connected bool) string {
	var others []string
	for _, app := range apps {
		switch {
		case !slices.Contains(ownIDs, app.AppID):
			others = append(others, cmp.Or(privatereply.CutText(app.AppName, maxAppName), app.AppID))
		case !connected:
			return "this app gets its webhooks already, although it is not connected here: another installation may answer its comments, too"
		}
	}
	if len(others) > 0 {
		return "other apps get its webhooks, too, and may answer its comments: " + strings.Join(others, ", ")
	}
	return ""
}

func (c *Connector) credentials(g *grant, account privatereply.Account) graph.Credentials {
	token := g.tokens[Key{account.Platform, account.ID}]
	return graph.Credentials{Account: account, Token: string(token.Value), AppSecret: g.app.Secret}
}
