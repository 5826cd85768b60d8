package meta

import (
	"container/list"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
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
	permissions []string
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

// TokenState is the validity of an access token at Meta.
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

// credential is an access token with its state and expiry.
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

// expiresAt is the expiry as Meta writes it: Unix seconds, 0 for never.
func (c *credential) expiresAt() int64 {
	if c.until.IsZero() {
		return 0
	}
	return c.until.Unix()
}

func (s *Sandbox) addAccount(cfg Account) {
	a := &account{
		Account:       cfg,
		people:        map[string]*person{},
		byMessaging:   map[string]*person{},
		newest:        map[privatereply.Source]*post{},
		conversations: list.New(),
		counters:      newCounters(),
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
		o.fields = o.subscribableFields()
		s.owners[o.id] = o
	}
	a.owner = o
	if a.instagram() {
		o.instagram = a
	} else {
		o.page, o.name = a, a.Name
	}
	o.permissions = defaultPermissions(o)
	s.tokens[cfg.Token] = &credential{token: cfg.Token, state: TokenValid, owner: o}
}

// AccountUpdate is the argument of UpdateAccount; nil fields stay as they are.
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
		s.tokens[a.Token].state = *c.TokenState
	}
	setIfGiven(&s.tokens[a.Token].until, c.TokenUntil)
	if c.Token != nil {
		s.replaceToken(a, *c.Token)
	}
	setIfGiven(&a.HumanAgent, c.HumanAgent)
	setIfGiven(&a.RequireProof, c.RequireProof)
	setIfGiven(&a.owner.published, c.Published)
	setIfGiven(&a.owner.tasks, c.Tasks)
	setIfGiven(&a.owner.permissions, c.Permissions)
	setIfGiven(&a.owner.fields, c.Fields)
	s.logEvent("account", a.ID, a.ID, "The account's settings at Meta were changed")
	return nil
}

// replaceToken gives a new token to a and to the account that shares its token.
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
		info := AccountInfo{Platform: a.Platform, ID: a.ID, Name: a.Name, Login: a.Login, PageID: a.PageID, Posts: []PostInfo{}}
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

// appID stands for the product's app at Meta, inboxAppID for Meta's own inbox.
const (
	appID      json.Number = "240000000000001"
	inboxAppID json.Number = "240000000000002"
)

// What can be subscribed to with either login: meta-platform.md §1.4.
var (
	instagramFields = []string{"comments", "live_comments", "mentions", "messages", "message_echoes", "message_edit",
		"message_reactions", "messaging_handover", "messaging_optins", "messaging_postbacks", "messaging_referral",
		"messaging_seen", "messaging_policy_enforcement", "response_feedback", "standby", "story_insights"}
	pageFields = []string{"feed", "live_videos", "message_deliveries", "message_echoes", "message_edits",
		"message_reactions", "message_reads", "messages", "messaging_handovers", "messaging_optins",
		"messaging_policy_enforcement", "messaging_postbacks", "messaging_referrals", "standby"}
)

func (o *owner) subscribableFields() []string {
	if o.ownLogin {
		return instagramFields
	}
	return pageFields
}

// ownerField reads one field of a token's owner: a Page, or on graph.instagram.com an
// account, whose id there is scoped to the app.
func (c *call) ownerField(o *owner, f field) (any, *graphError) {
	if o.ownLogin {
		switch f.name {
		case "id":
			return o.appScopedID, nil
		case "user_id":
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
	case "link":
		return "https://www.facebook.com/" + o.id, nil
	case "instagram_business_account", "connected_instagram_account":
		if o.instagram == nil {
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

// debugToken describes a token. An invalid token is an answer here, not an error.
func (c *call) debugToken() (any, *graphError) {
	cred := c.sandbox.tokens[c.params["input_token"]]
	if cred == nil || cred.owner.ownLogin {
		return object{"data": object{"is_valid": false, "scopes": []string{},
			"error": object{"code": errBadToken.code, "message": errBadToken.text}}}, nil
	}
	state := cred.stateAt(c.sandbox.now())
	data := object{"app_id": appID.String(), "type": "PAGE", "application": "Private replies", "expires_at": cred.expiresAt(),
		"data_access_expires_at": 0, "is_valid": state == TokenValid, "profile_id": cred.owner.id, "scopes": cred.owner.permissions}
	if subcode := tokenSubcodes[state]; subcode != 0 {
		r := errInvalidToken(subcode, c.host)
		data["error"] = object{"code": r.code, "subcode": r.subcode, "message": r.text}
	}
	return object{"data": data}, nil
}

func (c *call) listSubscribedApps() object {
	if len(c.owner.fields) == 0 {
		return object{"data": []object{}}
	}
	return object{"data": []object{{"id": appID.String(), "name": "Private replies", "subscribed_fields": c.owner.fields}}}
}

// subscribe installs the app for a Page or account, or takes it away.
func (c *call) subscribe() (any, *graphError) {
	o := c.owner
	if !o.ownLogin && !slices.Contains(o.permissions, "pages_manage_metadata") {
		return nil, errPermission
	}
	if c.method == http.MethodDelete {
		o.fields = nil
		return object{"success": true}, nil
	}
	fields := strings.Split(c.params["subscribed_fields"], ",")
	for _, f := range fields {
		if !slices.Contains(o.subscribableFields(), f) {
			return nil, errParameter("Param subscribed_fields[0] must be one of {" + strings.Join(o.subscribableFields(), ", ") + "} - got \"" + f + "\"")
		}
	}
	o.fields = fields
	return object{"success": true}, nil
}

// subscribed reports whether the account's own subscription covers a webhook field.
// With the Facebook login Instagram's fields are chosen for the whole app, and the Page
// behind the account only needs the app installed.
func (a *account) subscribed(field string) bool {
	if a.connection() == instagramByFacebook {
		return len(a.owner.fields) > 0
	}
	return slices.Contains(a.owner.fields, field)
}

// AppSubscription is the webhook subscription of the app, for every account connected
// with the Facebook login. A field that is missing here is not delivered, whatever the
// account's own subscription says.
type AppSubscription struct {
	Object  string   `json:"object"` // page or instagram
	Fields  []string `json:"fields"` // none: no webhooks of the object at all
	Version string   `json:"version"`
}

// webhooksVersion is the default version of the app's subscriptions.
const webhooksVersion = "v26.0"

// app is the product's app at Meta. The app of an account with the Instagram login has
// no API for its subscription, so that one is not modelled.
type app struct{ subscriptions []AppSubscription }

func defaultApp() app {
	return app{[]AppSubscription{
		{Object: "page", Fields: pageFields, Version: webhooksVersion},
		{Object: "instagram", Fields: instagramFields, Version: webhooksVersion},
	}}
}

func (a app) subscribed(object, field string) bool {
	return slices.ContainsFunc(a.subscriptions, func(s AppSubscription) bool {
		return s.Object == object && slices.Contains(s.Fields, field)
	})
}

// subscribedTo reports whether both subscriptions cover a webhook: the account's and,
// with the Facebook login, the app's.
func (s *Sandbox) subscribedTo(it webhookItem) bool {
	a := s.byID[it.account]
	return a.subscribed(it.field) && (a.ownLogin() || s.app.subscribed(it.object, it.field))
}

// SubscribeApp replaces the app's subscription to one object, as Meta's dashboard does.
func (s *Sandbox) SubscribeApp(n AppSubscription) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.app.subscriptions, func(old AppSubscription) bool { return old.Object == n.Object })
	if i < 0 {
		return fmt.Errorf("object: %q is not an object; write page or instagram", n.Object)
	}
	if n.Version == "" {
		n.Version = webhooksVersion
	}
	s.app.subscriptions[i] = n
	s.logEvent("account", "", "", "The app is subscribed to %d fields of %s", len(n.Fields), n.Object)
	return nil
}

// isApp reports whether a token is the app's own: its id, "|" and one of its secrets.
func (s *Sandbox) isApp(token string) bool {
	id, secret, _ := strings.Cut(token, "|")
	return id == appID.String() && secret != "" && slices.ContainsFunc(s.accounts, func(a *account) bool {
		return !a.ownLogin() && a.AppSecret == secret
	})
}

// respondToApp answers the only modelled call with the app's own token: reading its
// subscriptions.
func (s *Sandbox) respondToApp(c *call) response {
	if c.method != http.MethodGet || c.path[0] != appID.String() || c.edge() != "subscriptions" {
		s.logRefusal(c, endpoint{}, errMissing)
		return s.errorResponse(c, errMissing)
	}
	data := []object{}
	for _, sub := range s.app.subscriptions {
		fields := []object{}
		for _, name := range sub.Fields {
			fields = append(fields, object{"name": name, "version": sub.Version})
		}
		if len(fields) > 0 {
			data = append(data, object{"object": sub.Object, "callback_url": s.outbox.callback(), "active": true, "fields": fields})
		}
	}
	return response{status: http.StatusOK, header: http.Header{}, body: object{"data": data}}
}
