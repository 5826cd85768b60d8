package meta

import (
	"fmt"
	"net/http"
	"time"

	"github.com/privatereply/privatereply"
	"go.uber.org/zap"
)

// Operation is a kind of call, for counts and for the choice of a fault's victims.
type Operation string

// The operations of the Graph API.
const (
	OpPrivateReply  Operation = "private-reply"
	OpFollowUp      Operation = "follow-up"     // a message to recipient.id
	OpThreadReply   Operation = "thread-reply"  // POST /{conversation}/messages
	OpComment       Operation = "comment"       // one comment or post looked up
	OpFeed          Operation = "feed"          // posts, media and their comments
	OpConversations Operation = "conversations" // conversations and their messages
	OpLiveMedia     Operation = "live-media"
	OpAccount       Operation = "account" // the account itself, its token, permissions and subscription
)

func (o Operation) sends() bool { return o == OpPrivateReply || o == OpFollowUp || o == OpThreadReply }

// endpoint is what a call turned out to be.
type endpoint struct {
	op      Operation
	account *account // whom the call counts for
	comment *comment // what a private reply answers, when it is known here
	run     func() (any, *refusal)
	free    bool // any token will do, whatever its permissions

	recipient string // whom a follow-up goes to
	limit     int    // of a list: how many items are asked for
}

// answer is what goes back to the caller.
type answer struct {
	status int
	header http.Header
	body   any
	page   string // goes out instead of body, if isPage is set
	isPage bool
	fault  *activeFault  // what happens to the answer on its way
	echo   []webhookItem // delivered before the answer goes out
}

func (s *Sandbox) graph(h host) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c, refused := readCall(r, h)
		c.sandbox = s
		s.write(w, r, c, s.answer(c, refused))
	}
}

// answer does what the call asks, as far as Meta's rules and the faults let it.
func (s *Sandbox) answer(c *call, refused *refusal) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if refused == nil && s.isApp(c.token) && c.host != hostInstagram {
		return s.answerApp(c)
	}
	if refused == nil {
		refused = s.identify(c)
	}
	if refused != nil {
		s.noteRefusal(c, endpoint{}, refused)
		return s.refuse(c, refused)
	}
	e := s.route(c)
	if c.method == http.MethodGet && c.edge() != "" {
		e.limit = limitOf(c.params["limit"], usualPage, mostPosts)
	}
	if refused := s.checkToken(c); refused != nil {
		s.noteRefusal(c, e, refused)
		return s.refuse(c, refused)
	}
	if f := s.faults.take(e, stageDelay); f != nil {
		s.note("fault", e.account.ID, f.ID, "%s: %s waits %d ms", f.Name, e.op, f.DelayMilliseconds)
		s.mu.Unlock()
		s.pause(time.Duration(f.DelayMilliseconds) * time.Millisecond)
		s.mu.Lock()
	}
	a := s.perform(c, e)
	s.usage(a.header, e.account)
	return a
}

// perform counts the call, lets the faults of before strike, keeps Meta's rules,
// and lets the faults of after strike what was accepted.
func (s *Sandbox) perform(c *call, e endpoint) answer {
	now := s.now()
	e.account.stats.call(e, now)
	if refused, wait := s.overLimit(e, now); refused != nil {
		return s.throttle(c, e, refused, minutes(wait))
	}
	if f := s.faults.take(e, stageBefore); f != nil {
		return s.strikeBefore(c, e, f)
	}
	if refused := s.checkPermission(e); refused != nil {
		s.noteRefusal(c, e, refused)
		return s.refuse(c, refused)
	}
	body, refused := e.run()
	if refused != nil {
		s.noteRefusal(c, e, refused)
		return s.refuse(c, refused)
	}
	e.account.stats.accepted++
	a := answer{status: http.StatusOK, header: http.Header{}, body: body, echo: s.early}
	s.early = nil
	if f := s.faults.take(e, stageAfter); f != nil {
		s.note("fault", e.account.ID, f.ID, "%s: the %s was accepted, its answer is spoilt", f.Name, e.op)
		a.fault = f
		switch f.Name {
		case "time-paging":
			c.pageByTime(a.body)
		case "circle":
			c.pageInCircle(a.body)
		}
	}
	return a
}

// refuse builds the answer for one of Meta's errors.
func (s *Sandbox) refuse(c *call, r *refusal) answer {
	e := object{"message": s.inSomeLanguage(r), "type": r.kind, "code": r.code, "fbtrace_id": traceID()}
	if r.kind == "" {
		e["type"] = "OAuthException"
	}
	if r.kind == instagramType && c.host == hostFacebook {
		e["type"] = "OAuthException"
	}
	if r.subcode != 0 {
		e["error_subcode"] = r.subcode
	}
	if r.transient {
		e["is_transient"] = true
	}
	if r.titled {
		e["error_user_title"], e["error_user_msg"] = e["message"], e["message"]
	}
	status := r.status
	if status == 0 {
		status = http.StatusBadRequest
	}
	return answer{status: status, header: http.Header{}, body: object{"error": e}}
}

func (s *Sandbox) noteRefusal(c *call, e endpoint, r *refusal) {
	account := ""
	if e.account != nil {
		account = e.account.ID
		e.account.stats.refuse(r)
	}
	name := string(e.op)
	if name == "" {
		name = fmt.Sprint(c.method, " ", c.path)
	}
	s.note("call", account, "", "Refused %s with %d/%d: %s", name, r.code, r.subcode, r.text)
	s.log.Debug("refused", zap.String("op", name), zap.String("account", account), zap.Int("code", r.code), zap.Int("subcode", r.subcode))
}

// route finds out what is called, and by whom. The node decides which edges
// there are; whatever else is answered with 100/33, as at Meta.
func (s *Sandbox) route(c *call) endpoint {
	id, key := c.path[0], c.method+" "+c.edge()
	if id == "debug_token" && key == "GET " && c.host != hostInstagram {
		return endpoint{op: OpAccount, account: c.owner.any(), free: true, run: func() (any, *refusal) { return c.debugToken() }}
	}
	if o := c.owner; id == "me" || id == o.id || (o.ownLogin && id == o.appScopedID) {
		return s.routeOwner(c, key)
	}
	if a := c.owner.instagram; a != nil && id == a.ID {
		return s.routeInstagram(c, a, key)
	}
	if p := s.posts[id]; p != nil && p.account.owner == c.owner && !p.removed {
		return s.routePost(c, p, key)
	}
	if m := s.find(id); m != nil && m.account.owner == c.owner && m.readable() {
		return s.routeComment(c, m, key)
	}
	if p := s.threads[id]; p != nil && p.account.owner == c.owner {
		return s.routeThread(c, p, key)
	}
	if m := s.messages[id]; m != nil && m.person.account.owner == c.owner && key == "GET " {
		return endpoint{op: OpConversations, account: m.person.account, run: func() (any, *refusal) { return c.message(m, c.fields) }}
	}
	return s.missing(c)
}

// missing answers 100/33, and counts the call as the kind it would have been.
func (s *Sandbox) missing(c *call) endpoint {
	e := endpoint{op: OpComment, account: c.owner.any(), free: true}
	e.run = func() (any, *refusal) {
		if c.edge() != "" {
			return nil, errUnsupported
		}
		return nil, errMissing
	}
	return e
}

func (s *Sandbox) routeOwner(c *call, key string) endpoint {
	o := c.owner
	account := func(run func() (any, *refusal)) endpoint {
		return endpoint{op: OpAccount, account: o.any(), run: run, free: true}
	}
	switch key {
	case "GET ":
		return account(func() (any, *refusal) { return project(o, c.fields, []string{"name", "id"}, c.ownerField) })
	case "GET permissions":
		return account(func() (any, *refusal) { return c.permissions(), nil })
	case "GET subscribed_apps":
		return account(func() (any, *refusal) { return c.subscription(), nil })
	case "POST subscribed_apps", "DELETE subscribed_apps":
		return account(func() (any, *refusal) { return c.subscribe() })
	case "POST messages":
		return s.routeMessages(c)
	case "GET conversations":
		return s.routeConversations(c)
	}
	if o.ownLogin {
		return s.routeInstagram(c, o.instagram, key)
	}
	if key == "GET feed" && o.page != nil {
		return endpoint{op: OpFeed, account: o.page, run: func() (any, *refusal) { return c.feed(o.page) }}
	}
	return s.missing(c)
}

// routeInstagram is an Instagram account as a node: what the Page's token reads
// of it, or the rest of what its own token does.
func (s *Sandbox) routeInstagram(c *call, a *account, key string) endpoint {
	switch key {
	case "GET ":
		return endpoint{op: OpAccount, account: a, free: true, run: func() (any, *refusal) {
			return project(a, c.fields, []string{"username", "id"}, c.instagramField)
		}}
	case "POST messages":
		// With the Facebook login only the Page sends.
		e := s.routeMessages(c)
		e.run, e.free = func() (any, *refusal) { return nil, errCapability }, true
		return e
	case "GET media":
		return endpoint{op: OpFeed, account: a, run: func() (any, *refusal) { return c.media(a) }}
	case "GET live_media":
		return endpoint{op: OpLiveMedia, account: a, run: func() (any, *refusal) { return c.liveMedia(a) }}
	}
	return s.missing(c)
}

func (s *Sandbox) routePost(c *call, p *post, key string) endpoint {
	switch {
	case key == "GET ":
		return endpoint{op: OpComment, account: p.account, run: func() (any, *refusal) { return c.lookUpPost(p) }}
	case key == "GET comments" && (p.source != privatereply.SourceAd || !p.account.instagram()):
		return endpoint{op: OpFeed, account: p.account, run: func() (any, *refusal) { return c.postComments(p, c.edgeRequest()) }}
	}
	return s.missing(c)
}

func (s *Sandbox) routeComment(c *call, m *comment, key string) endpoint {
	answers := "comments"
	if m.account.instagram() {
		answers = "replies"
	}
	switch key {
	case "GET ":
		return endpoint{op: OpComment, account: m.account, run: func() (any, *refusal) { return c.lookUp(m, c.fields) }}
	case "GET " + answers:
		return endpoint{op: OpFeed, account: m.account, run: func() (any, *refusal) { return c.answersTo(m, c.edgeRequest()) }}
	}
	return s.missing(c) // among them POST private_replies, gone since v3.3
}
