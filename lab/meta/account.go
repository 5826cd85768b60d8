package meta

import (
	"container/list"
	"fmt"
	"slices"
	"time"

	"github.com/privatereply/privatereply"
)

// account is the state of one account: its people, posts, conversations, limits and
// counters.
type account struct {
	Account
	owner         *owner
	people        map[string]*person // by user name
	byMessaging   map[string]*person // by the id that messages use
	posts         []*post            // what its feed or media list shows, oldest first
	published     []*post            // by the account itself, oldest first
	newest        map[privatereply.Source]*post
	lives         []*post    // being broadcast now
	conversations *list.List // of *person, newest message first
	limiters      map[LimitKind]*limiter
	counters      counters
	failingSince  time.Time // its webhooks have not been taken since then; zero: they are
}

// owner is what an access token belongs to: a Page with the Instagram account linked to
// it, or an Instagram account with its own login.
type owner struct {
	id          string
	appScopedID string // what /me of the Instagram login calls id
	name        string
	ownLogin    bool
	published   bool
	tasks       []string
	permissions []string // granted to the app
	user        *appUser // who logged in for it; nil: nobody has
	fields      []string // webhook fields subscribed; none: the app is not installed
	page        *account // nil unless the Page is an account of the product
	instagram   *account
}

func (o *owner) accounts() []*account {
	return slices.DeleteFunc([]*account{o.page, o.instagram}, func(a *account) bool { return a == nil })
}

// chargedAccount is the account whose limits and counters a call of the whole owner
// counts for.
func (o *owner) chargedAccount() *account { return o.accounts()[0] }

func newAccount(cfg Account) *account {
	return &account{
		Account:       cfg,
		people:        map[string]*person{},
		byMessaging:   map[string]*person{},
		newest:        map[privatereply.Source]*post{},
		conversations: list.New(),
		counters:      newCounters(),
	}
}

// AppScopedID is the id by which only the app knows whoever logged in with an Instagram
// account.
func AppScopedID(account string) string { return scopedID("2", "app-scoped", account) }

func (s *Sandbox) addAccount(cfg Account) {
	if cfg.AppSecret == "" && cfg.InstagramAppSecret == "" {
		cfg.AppSecret = s.cfg.App.FacebookSecret
		if cfg.ownLogin() {
			cfg.InstagramAppSecret = s.cfg.App.InstagramSecret
		}
	}
	a := newAccount(cfg)
	s.accounts = append(s.accounts, a)
	s.byID[cfg.ID] = a
	o := s.owners[cfg.ownerID()]
	if o == nil {
		o = &owner{
			id:          cfg.ownerID(),
			appScopedID: AppScopedID(cfg.ID),
			name:        cfg.Name,
			ownLogin:    cfg.ownLogin(),
			published:   true,
			tasks:       []string{"ADVERTISE", "ANALYZE", "CREATE_CONTENT", "MESSAGING", "MODERATE", "MANAGE"},
		}
		if o.ownLogin {
			o.user = &appUser{id: o.appScopedID, name: cfg.Name, pages: []*owner{o}}
		}
		s.owners[o.id] = o
	}
	a.owner = o
	if a.instagram() {
		o.instagram = a
	} else {
		o.page, o.name = a, a.Name
	}
	if cfg.Unconnected {
		return
	}
	o.permissions = defaultPermissions(o)
	o.fields = o.subscribableFields()
	known := &credential{token: cfg.Token, state: TokenValid, owner: o}
	if cfg.TokenLife > 0 {
		known.issued = s.now()
		known.until = known.issued.Add(cfg.TokenLife)
	}
	s.tokens[cfg.Token] = known
}

// AccountUpdate is the argument of UpdateAccount; nil fields stay as they are.
type AccountUpdate struct {
	Token        *string     `json:"token,omitempty"`       // the old tokens die
	TokenState   *TokenState `json:"token_state,omitempty"` // of every token of the account
	TokenUntil   *time.Time  `json:"token_until,omitempty"` // when they expire
	HumanAgent   *bool       `json:"human_agent,omitempty"`
	RequireProof *bool       `json:"require_proof,omitempty"`
	Published    *bool       `json:"published,omitempty"`

	TextOnlyReplies *bool `json:"text_only_replies,omitempty"` // a private reply with buttons or quick replies is refused

	Tasks       *[]string `json:"tasks,omitempty"`
	Permissions *[]string `json:"permissions,omitempty"`
	Fields      *[]string `json:"subscribed_fields,omitempty"`
}

// UpdateAccount changes what a person could change at Meta: the token and its state,
// the Page's publication, tasks, permissions and webhook subscription.
func (s *Sandbox) UpdateAccount(accountID string, c AccountUpdate) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.account(accountID)
	if err != nil {
		return err
	}
	if c.TokenState != nil {
		if _, known := tokenSubcodes[*c.TokenState]; !known && *c.TokenState != TokenValid {
			return fmt.Errorf("token_state: %q is not a state; write valid, expired, revoked, app_removed or checkpoint", *c.TokenState)
		}
	}
	for cred := range s.tokensOf(a.owner) {
		setIfGiven(&cred.state, c.TokenState)
		setIfGiven(&cred.until, c.TokenUntil)
	}
	if c.Token != nil {
		s.replaceToken(a, *c.Token)
	}
	setIfGiven(&a.HumanAgent, c.HumanAgent)
	setIfGiven(&a.RequireProof, c.RequireProof)
	setIfGiven(&a.TextOnlyReplies, c.TextOnlyReplies)
	setIfGiven(&a.owner.published, c.Published)
	setIfGiven(&a.owner.tasks, c.Tasks)
	setIfGiven(&a.owner.permissions, c.Permissions)
	setIfGiven(&a.owner.fields, c.Fields)
	s.logEvent("account", a.ID, a.ID, "The account's settings at Meta were changed")
	return nil
}

func setIfGiven[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

// account finds an account by its id; without an id it is the only one.
func (s *Sandbox) account(id string) (*account, error) {
	if id == "" && len(s.accounts) == 1 {
		return s.accounts[0], nil
	}
	if a := s.byID[id]; a != nil {
		return a, nil
	}
	return nil, fmt.Errorf("account: %q is %w", id, ErrUnknown)
}

// AccountInfo is an account with its posts, without its secrets.
type AccountInfo struct {
	Platform privatereply.Platform `json:"platform"`
	ID       string                `json:"id"`
	Name     string                `json:"name"`
	Login    privatereply.Login    `json:"login,omitempty"`
	PageID   string                `json:"page_id,omitempty"`
	Posts    []PostInfo            `json:"posts"`

	Token       TokenState `json:"token,omitempty"`       // of its newest token; empty: the app has none
	TokenUntil  *time.Time `json:"token_until,omitempty"` // nil: it does not expire
	Permissions []string   `json:"permissions"`
	Fields      []string   `json:"subscribed_fields"`
	ConnectedBy string     `json:"connected_by,omitempty"` // app-scoped id of the person who logged in for it
}

// PostInfo is a post under which comments can be written.
type PostInfo struct {
	ID      string              `json:"id"`
	Source  privatereply.Source `json:"source"`
	Caption string              `json:"caption"`
	Live    bool                `json:"live,omitempty"`
}

// Accounts lists every account with the posts that can be commented on now, newest
// first.
func (s *Sandbox) Accounts() []AccountInfo {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []AccountInfo{}
	for _, a := range s.accounts {
		info := AccountInfo{Platform: a.Platform, ID: a.ID, Name: a.Name, Login: a.Login, PageID: a.PageID, Posts: []PostInfo{},
			Permissions: append([]string{}, a.owner.permissions...), Fields: append([]string{}, a.owner.fields...)}
		s.describeTokens(a.owner, &info)
		for i := len(a.published) - 1; i >= 0 && len(info.Posts) < maxPostsListed; i-- {
			if p := a.published[i]; p.commentable() {
				info.Posts = append(info.Posts, PostInfo{ID: p.id, Source: p.source, Caption: p.caption, Live: p.live})
			}
		}
		list = append(list, info)
	}
	return list
}

// maxPostsListed bounds the posts of one account in Accounts: the page offers them as a
// choice.
const maxPostsListed = 20

// commentable reports whether somebody could write under p now.
func (p *post) commentable() bool {
	over := p.source == privatereply.SourceLive && !p.live && p.account.instagram()
	return !p.removed && !over
}

// ownerField reads one field of a token's owner: a Page, or on graph.instagram.com an
// account, whose id there is scoped to the app.
func (c *call) ownerField(o *owner, f field) (any, *graphError) {
	if o.ownLogin {
		switch f.name {
		case "id":
			if o.instagram.NoUserID {
				return o.id, nil
			}
			return o.appScopedID, nil
		case "user_id":
			if o.instagram.NoUserID {
				return nil, errNoField(f.name, "IGUser")
			}
			return o.id, nil
		case "account_type":
			return "BUSINESS", nil
		}
		return c.instagramField(o.instagram, f)
	}
	switch f.name {
	case "id":
		return o.id, nil
	case "name":
		return o.name, nil
	case "is_published":
		return o.published, nil
	case "tasks":
		return o.tasks, nil
	case "access_token":
		if c.user == nil {
			return c.token, nil
		}
		return c.sandbox.pageToken(c.credential, o), nil
	case "picture":
		return c.picture(o.id), nil
	case "link":
		return "https://www.facebook.com/" + o.id, nil
	case "instagram_business_account", "connected_instagram_account":
		if o.instagram == nil || !slices.Contains(o.permissions, "instagram_basic") {
			return nil, nil
		}
		return selectFields(o.instagram, f.sub, []string{}, c.instagramField)
	}
	return nil, errNoField(f.name, "Page")
}

func (c *call) instagramField(a *account, f field) (any, *graphError) {
	switch f.name {
	case "id":
		return a.ID, nil
	case "username", "name":
		return a.Name, nil
	case "profile_picture_url":
		return c.pictureURL(a.ID), nil
	case "media_count":
		return len(a.posts), nil
	}
	return nil, errNoField(f.name, "IGUser")
}

func (c *call) listPermissions() object {
	data := []object{}
	for _, p := range c.owner.permissions {
		data = append(data, object{"permission": p, "status": "granted"})
	}
	return object{"data": data}
}
