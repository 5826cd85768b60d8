package meta

import (
	"container/list"
	"fmt"
	"slices"
	"time"

	"github.com/privatereply/privatereply"
)

// account is one account and everything that belongs to it.
type account struct {
	Account
	owner        *owner
	people       map[string]*person // by user name
	byMessaging  map[string]*person // by the id that messages use
	posts        []*post            // what its feed or media list shows, oldest first
	published    []*post            // by the account itself, oldest first
	newest       map[privatereply.Source]*post
	lives        []*post    // being broadcast now
	threads      *list.List // of *person, newest message first
	meters       map[LimitKind]*meter
	stats        stats
	failingSince time.Time // its webhooks have not been taken since then; zero: they are
}

// owner is what a token belongs to: a Page, with the Instagram account linked to
// it, or an Instagram account with its own login.
type owner struct {
	id          string
	appScopedID string // what /me of the Instagram login calls id
	name        string
	ownLogin    bool
	published   bool
	tasks       []string
	permissions []string
	fields      []string // webhook fields subscribed; none: the app is not installed
	page        *account // nil unless the Page is an account of the product
	instagram   *account
}

func (o *owner) accounts() []*account {
	return slices.DeleteFunc([]*account{o.page, o.instagram}, func(a *account) bool { return a == nil })
}

// any is an account to charge a call to that concerns all of the owner.
func (o *owner) any() *account { return o.accounts()[0] }

// TokenState is what Meta thinks of a token.
type TokenState string

// The states of a token.
const (
	TokenValid      TokenState = "valid"
	TokenExpired    TokenState = "expired"     // 190/463
	TokenRevoked    TokenState = "revoked"     // 190/460: password changed or session ended
	TokenAppRemoved TokenState = "app_removed" // 190/458
	TokenCheckpoint TokenState = "checkpoint"  // 190/459: the person must log in at Meta first
)

var tokenSubcodes = map[TokenState]int{TokenExpired: 463, TokenRevoked: 460, TokenAppRemoved: 458, TokenCheckpoint: 459}

type credential struct {
	token string
	state TokenState
	until time.Time // zero: it does not expire
	owner *owner
}

func (c *credential) stateAt(now time.Time) TokenState {
	if c.state == TokenValid && !c.until.IsZero() && !now.Before(c.until) {
		return TokenExpired
	}
	return c.state
}

// expiresAt is how Meta writes when a token ends: in seconds, 0 for never.
func (c *credential) expiresAt() int64 {
	if c.until.IsZero() {
		return 0
	}
	return c.until.Unix()
}

func (s *Sandbox) addAccount(cfg Account) {
	a := &account{
		Account:     cfg,
		people:      map[string]*person{},
		byMessaging: map[string]*person{},
		newest:      map[privatereply.Source]*post{},
		threads:     list.New(),
		stats:       newStats(),
	}
	s.accounts = append(s.accounts, a)
	s.byID[cfg.ID] = a
	o := s.owners[cfg.ownerID()]
	if o == nil {
		o = &owner{
			id:          cfg.ownerID(),
			appScopedID: scopedID("2", "app-scoped", cfg.ID),
			name:        cfg.Name,
			ownLogin:    cfg.ownLogin(),
			published:   true,
			tasks:       []string{"ADVERTISE", "ANALYZE", "CREATE_CONTENT", "MESSAGING", "MODERATE", "MANAGE"},
		}
		o.fields = o.allFields()
		s.owners[o.id] = o
	}
	a.owner = o
	if a.instagram() {
		o.instagram = a
	} else {
		o.page, o.name = a, a.Name
	}
	o.permissions = allPermissions(o)
	s.tokens[cfg.Token] = &credential{token: cfg.Token, state: TokenValid, owner: o}
}

// AccountUpdate is what Change sets; nil fields stay as they are.
type AccountUpdate struct {
	Token        *string     `json:"token,omitempty"` // the old token dies
	TokenState   *TokenState `json:"token_state,omitempty"`
	TokenUntil   *time.Time  `json:"token_until,omitempty"` // when it expires
	HumanAgent   *bool       `json:"human_agent,omitempty"`
	RequireProof *bool       `json:"require_proof,omitempty"`
	Published    *bool       `json:"published,omitempty"`
	Tasks        *[]string   `json:"tasks,omitempty"`
	Permissions  *[]string   `json:"permissions,omitempty"`
	Fields       *[]string   `json:"subscribed_fields,omitempty"`
}

// UpdateAccount sets what somebody could change at Meta: the token and its state, the
// Page's publication, tasks, permissions and webhook subscription.
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
		s.tokens[a.Token].state = *c.TokenState
	}
	set(&s.tokens[a.Token].until, c.TokenUntil)
	if c.Token != nil {
		s.replaceToken(a, *c.Token)
	}
	set(&a.HumanAgent, c.HumanAgent)
	set(&a.RequireProof, c.RequireProof)
	set(&a.owner.published, c.Published)
	set(&a.owner.tasks, c.Tasks)
	set(&a.owner.permissions, c.Permissions)
	set(&a.owner.fields, c.Fields)
	s.note("account", a.ID, a.ID, "The account's settings at Meta were changed")
	return nil
}

// replaceToken gives a and the account that shares its token a new one.
func (s *Sandbox) replaceToken(a *account, token string) {
	old := a.Token
	delete(s.tokens, old)
	for _, sharing := range a.owner.accounts() {
		if sharing.Token == old {
			sharing.Token = token
		}
	}
	s.tokens[token] = &credential{token: token, state: TokenValid, owner: a.owner}
}

func set[T any](to *T, from *T) {
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
