package meta

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/privatereply/privatereply"
	"go.uber.org/zap"
)

// host is one of Meta's two API hosts; hostEither accepts the tokens of both.
type host string

const (
	hostEither    host = ""
	hostFacebook  host = "facebook"
	hostInstagram host = "instagram"
)

// maxBody bounds the body of a request, in bytes.
const maxBody = 1 << 20

// call is one request to the Graph API.
type call struct {
	sandbox *Sandbox
	host    host
	origin  string // scheme and host
	base    string // origin and mount point, for the next links
	version string
	method  string
	path    []string // node, edge if there is one, and a permission where one is taken back
	params  map[string]string
	fields  []field
	token   string

	credential *credential // of the token
	owner      *owner      // of the token; nil: it is a person's
	user       *appUser    // whose token it is, if owner is nil
	flatErrors bool        // errors have the form of api.instagram.com
}

var versionPattern = regexp.MustCompile(`^v[0-9]+\.[0-9]+$`)

func newCall(r *http.Request, h host) *call {
	c := &call{host: h, method: r.Method, origin: "http://" + r.Host}
	c.base = c.origin
	if h != hostEither {
		c.base += "/" + string(h)
	}
	return c
}

// readCall reads a request whose path begins with the mount point of h.
func readCall(r *http.Request, h host) (*call, *graphError) {
	c := newCall(r, h)
	path := strings.Trim(r.URL.Path, "/")
	if h != hostEither {
		path = strings.TrimPrefix(strings.TrimPrefix(path, string(h)), "/")
	}
	parts := strings.Split(path, "/")
	onePermission := len(parts) == 4 && parts[2] == "permissions"
	if len(parts) < 2 || len(parts) > 3 && !onePermission || !versionPattern.MatchString(parts[0]) {
		return c, &graphError{code: 2500, topic: topicParameter, text: "Unknown path components: /" + path}
	}
	c.version, c.path = parts[0], parts[1:]
	if err := c.readParams(r); err != nil {
		return c, errParameter("The request cannot be read: " + err.Error())
	}
	if asked := strings.ToUpper(c.params["method"]); c.method == http.MethodPost && asked != "" {
		c.method = asked // Meta lets a POST ask to be another method
	}
	c.token = c.params["access_token"]
	if bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		c.token = bearer
	}
	if text := c.params["fields"]; text != "" {
		fields, err := parseFields(text)
		if err != nil {
			return c, errParameter(err.Error())
		}
		c.fields = fields
	}
	return c, nil
}

// edge is the second part of the path, empty for a call of the node itself.
func (c *call) edge() string {
	if len(c.path) > 1 {
		return c.path[1]
	}
	return ""
}

// readParams merges the query and the body, a form or a JSON object, into one set of
// parameters as Meta does. A nested JSON value stays JSON.
func (c *call) readParams(r *http.Request) error {
	c.params = map[string]string{}
	first := func(values url.Values) {
		for name, v := range values {
			c.params[name] = v[0]
		}
	}
	first(r.URL.Query())
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil || len(body) == 0 {
		return err
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return err
	}
	if kind != "application/json" {
		form, err := url.ParseQuery(string(body))
		first(form)
		return err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil {
		return err
	}
	for name, raw := range fields {
		var text string
		if json.Unmarshal(raw, &text) != nil {
			text = string(raw)
		}
		c.params[name] = text
	}
	return nil
}

// authenticate finds the owner of the call's token.
func (s *Sandbox) authenticate(c *call) *graphError {
	if c.token == "" {
		return errNoToken
	}
	cred := s.tokens[c.token]
	if cred == nil || !cred.acceptedBy(c.host) {
		return errBadToken
	}
	c.credential, c.owner = cred, cred.owner
	if cred.owner == nil {
		c.user = cred.user
	}
	return nil
}

// checkToken refuses a token that is no longer valid or that lacks its appsecret_proof.
func (s *Sandbox) checkToken(c *call) *graphError {
	if subcode := tokenSubcodes[s.tokens[c.token].stateAt(s.now())]; subcode != 0 {
		return errInvalidToken(subcode, c.host)
	}
	return s.checkProof(c)
}

func errInvalidToken(subcode int, h host) *graphError {
	status := http.StatusUnauthorized
	if h == hostInstagram {
		status = http.StatusBadRequest
	}
	return &graphError{status: status, code: 190, subcode: subcode, topic: topicToken,
		text: "Error validating access token: the session has been invalidated or has expired."}
}

// checkProof checks appsecret_proof where it is sent, and demands it where the app
// requires it. For the Instagram login Meta does not say which of the two secrets it
// uses, so both are accepted.
func (s *Sandbox) checkProof(c *call) *graphError {
	proof := c.params["appsecret_proof"]
	required := false
	for _, a := range c.accounts() {
		required = required || a.RequireProof
		for _, secret := range []string{a.AppSecret, a.InstagramAppSecret, s.cfg.App.FacebookSecret, s.cfg.App.InstagramSecret} {
			if secret != "" && hmac.Equal([]byte(proof), []byte(appsecretProof(secret, c.token))) {
				return nil
			}
		}
	}
	switch {
	case proof != "":
		return errBadProof
	case required:
		return errNoProof
	}
	return nil
}

func appsecretProof(secret, token string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(token))
	return hex.EncodeToString(mac.Sum(nil))
}

// endpoint is the operation that a call was routed to.
type endpoint struct {
	op                Operation
	account           *account // whom the call counts for
	comment           *comment // what is answered or hidden, or whose replies are listed, when it is known here
	run               func() (any, *graphError)
	withoutPermission bool // any token will do, whatever its permissions

	recipient string // whom a follow-up goes to, or whose conversation is looked for
	pageLimit int    // of a list: how many items are asked for
}

// response is the answer to a call, with the fault that changes it on its way.
type response struct {
	status     int
	header     http.Header
	body       any
	rawBody    string // goes out instead of body, if hasRawBody is set
	hasRawBody bool
	fault      *activeFault  // what happens to the answer on its way
	echoes     []webhookItem // delivered before the answer goes out
}

func (s *Sandbox) graphHandler(h host) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c, refused := readCall(r, h)
		c.sandbox = s
		s.writeResponse(w, r, c, s.respond(c, refused))
	}
}

// respond performs a call as far as Meta's rules and the faults allow, and builds its
// response.
func (s *Sandbox) respond(c *call, refused *graphError) response {
	s.mu.Lock()
	defer s.mu.Unlock()
	if refused == nil && c.host != hostInstagram {
		switch {
		case c.path[0] == "oauth" && c.edge() == "access_token":
			return s.serve(c, s.routeFacebookTokens(c))
		case s.isApp(c.token) && c.path[0] == "debug_token":
			return s.serve(c, s.routeDebugToken(c))
		case s.isApp(c.token):
			return s.respondToApp(c)
		}
	}
	if refused == nil {
		refused = s.authenticate(c)
	}
	if refused != nil {
		s.logRefusal(c, endpoint{}, refused)
		return s.errorResponse(c, refused)
	}
	e := s.route(c)
	if c.method == http.MethodGet && c.edge() != "" {
		e.pageLimit = parseLimit(c.params["limit"], defaultPageSize, maxPageSize)
	}
	if refused := s.checkToken(c); refused != nil {
		s.logRefusal(c, e, refused)
		return s.errorResponse(c, refused)
	}
	return s.serve(c, e)
}

// serve waits as the faults of stageDelay demand and performs the call.
func (s *Sandbox) serve(c *call, e endpoint) response {
	if f := s.faults.match(e, stageDelay); f != nil {
		s.logEvent("fault", e.account.ID, f.ID, "%s: %s waits %d ms", f.Name, e.op, f.DelayMilliseconds)
		s.mu.Unlock()
		s.delay(time.Duration(f.DelayMilliseconds) * time.Millisecond)
		s.mu.Lock()
	}
	a := s.perform(c, e)
	s.setUsageHeaders(a.header, e.account)
	return a
}

// perform counts the call, applies the faults of stageBefore, enforces Meta's rules,
// and applies the faults of stageAfter to what was accepted.
func (s *Sandbox) perform(c *call, e endpoint) response {
	now := s.now()
	e.account.counters.countCall(e, now)
	if refused, wait := s.countCall(e, now); refused != nil {
		return s.throttledResponse(c, e, refused, ceilMinutes(wait))
	}
	if f := s.faults.match(e, stageBefore); f != nil {
		return s.faultResponse(c, e, f)
	}
	if refused := s.checkPermission(e); refused != nil {
		s.logRefusal(c, e, refused)
		return s.errorResponse(c, refused)
	}
	body, refused := e.run()
	if refused != nil {
		s.logRefusal(c, e, refused)
		return s.errorResponse(c, refused)
	}
	e.account.counters.accepted++
	a := response{status: http.StatusOK, header: http.Header{}, body: body, echoes: s.earlyEchoes}
	s.earlyEchoes = nil
	if f := s.faults.match(e, stageAfter); f != nil {
		s.logEvent("fault", e.account.ID, f.ID, "%s: the %s was accepted, its answer is changed", f.Name, e.op)
		a.fault = f
		switch f.Name {
		case "time-paging":
			c.pageByTime(a.body)
		case "circle":
			c.pageInLoop(a.body)
		case "without-expiry":
			a.body = withoutExpiry(a.body)
		case "documented":
			a.body = documentedExchange(a.body)
		}
	}
	return a
}

// errorResponse builds the response for one of Meta's errors.
func (s *Sandbox) errorResponse(c *call, r *graphError) response {
	e := object{"message": s.nextTranslation(r), "type": r.errorType, "code": r.code, "fbtrace_id": newTraceID()}
	if r.errorType == "" {
		e["type"] = "OAuthException"
	}
	if r.errorType == typeInstagram && c.host == hostFacebook {
		e["type"] = "OAuthException"
	}
	if r.subcode != 0 {
		e["error_subcode"] = r.subcode
	}
	if r.transient {
		e["is_transient"] = true
	}
	if r.userFacing {
		e["error_user_title"], e["error_user_msg"] = e["message"], e["message"]
	}
	status := r.status
	if status == 0 {
		status = http.StatusBadRequest
	}
	if c.flatErrors {
		return response{status: status, header: http.Header{}, body: object{"error_type": e["type"], "code": status, "error_message": e["message"]}}
	}
	return response{status: status, header: http.Header{}, body: object{"error": e}}
}

// logRefusal counts a refused call and writes it to the event log.
func (s *Sandbox) logRefusal(c *call, e endpoint, r *graphError) {
	account := ""
	if e.account != nil {
		account = e.account.ID
		e.account.counters.countRefusal(r)
	}
	name := string(e.op)
	if name == "" {
		name = fmt.Sprint(c.method, " ", c.path)
	}
	s.logEvent("call", account, "", "Refused %s with %d/%d: %s", name, r.code, r.subcode, r.text)
	s.log.Debug("refused", zap.String("op", name), zap.String("account", account), zap.Int("code", r.code), zap.Int("subcode", r.subcode))
}

// route finds the endpoint of a call. The node decides which edges exist; everything
// else is answered with 100/33, as at Meta.
func (s *Sandbox) route(c *call) endpoint {
	id, key := c.path[0], c.method+" "+c.edge()
	if id == "debug_token" && key == "GET " && c.host != hostInstagram {
		return s.routeDebugToken(c)
	}
	if c.owner == nil {
		return s.routeUser(c, key)
	}
	if o := c.owner; id == "me" || id == o.id || (o.ownLogin && id == o.appScopedID) {
		return s.routeOwner(c, key)
	}
	if a := c.owner.instagram; a != nil && id == a.ID {
		return s.routeInstagram(c, a, key)
	}
	if p := s.posts[id]; p != nil && p.account.owner == c.owner && p.readable() {
		return s.routePost(c, p, key)
	}
	if m := s.findComment(id); m != nil && m.account.owner == c.owner {
		if e, ok := s.routeComment(c, m, key); ok {
			return e
		}
	}
	if p := s.conversations[id]; p != nil && p.account.owner == c.owner {
		return s.routeThread(c, p, key)
	}
	if m := s.messages[id]; m != nil && m.person.account.owner == c.owner && key == "GET " {
		return endpoint{op: OpConversations, account: m.person.account, run: func() (any, *graphError) { return c.readMessage(m, c.fields) }}
	}
	return s.routeNotFound(c)
}

// routeNotFound answers 100/33.
func (s *Sandbox) routeNotFound(c *call) endpoint {
	e := endpoint{op: OpComment, account: c.chargedAccount(), withoutPermission: true}
	e.run = func() (any, *graphError) {
		if c.edge() != "" {
			return nil, errUnsupported
		}
		return nil, errMissing
	}
	return e
}

func (s *Sandbox) routeOwner(c *call, key string) endpoint {
	o := c.owner
	account := func(op Operation, run func() (any, *graphError)) endpoint {
		return endpoint{op: op, account: o.chargedAccount(), run: run, withoutPermission: true}
	}
	switch key {
	case "GET ":
		return account(OpAccount, func() (any, *graphError) { return selectFields(o, c.fields, []string{"name", "id"}, c.ownerField) })
	case "GET permissions":
		return account(OpPermissions, func() (any, *graphError) { return c.listPermissions(), nil })
	case "GET subscribed_apps":
		return account(OpSubscription, func() (any, *graphError) { return c.listSubscribedApps(), nil })
	case "POST subscribed_apps", "DELETE subscribed_apps":
		return account(OpSubscription, func() (any, *graphError) { return c.subscribe() })
	case "POST messages":
		return s.routeMessages(c)
	case "GET conversations":
		return s.routeConversations(c)
	}
	if o.ownLogin {
		return s.routeInstagram(c, o.instagram, key)
	}
	if key == "GET feed" && o.page != nil {
		return endpoint{op: OpFeed, account: o.page, run: func() (any, *graphError) { return c.listFeed(o.page) }}
	}
	return s.routeNotFound(c)
}

// routeInstagram routes a call whose node is an Instagram account: with the Page's
// token only reads, with its own token also what routeOwner leaves.
func (s *Sandbox) routeInstagram(c *call, a *account, key string) endpoint {
	switch key {
	case "GET ":
		return endpoint{op: OpAccount, account: a, withoutPermission: true, run: func() (any, *graphError) {
			return selectFields(a, c.fields, []string{"username", "id"}, c.instagramField)
		}}
	case "POST messages":
		// With the Facebook login only the Page sends.
		e := s.routeMessages(c)
		e.run, e.withoutPermission = func() (any, *graphError) { return nil, errCapability }, true
		return e
	case "GET media":
		return endpoint{op: OpFeed, account: a, run: func() (any, *graphError) { return c.listMedia(a) }}
	case "GET live_media":
		return endpoint{op: OpLiveMedia, account: a, run: func() (any, *graphError) { return c.listLiveMedia(a) }}
	}
	return s.routeNotFound(c)
}

func (s *Sandbox) routePost(c *call, p *post, key string) endpoint {
	switch {
	case p.visitorPost != nil && (key == "POST " || key == "POST comments"):
		return s.routeCommentWrite(c, p.visitorPost, key)
	case key == "GET ":
		return endpoint{op: OpComment, account: p.account, run: func() (any, *graphError) { return c.readPost(p) }}
	case key == "GET comments" && (p.source != privatereply.SourceAd || !p.account.instagram()):
		return endpoint{op: OpFeed, account: p.account, run: func() (any, *graphError) { return c.listPostComments(p, c.edgeRequest()) }}
	}
	return s.routeNotFound(c)
}

// routeComment routes a call whose node is a comment; false if the node has no such call,
// or cannot be read.
func (s *Sandbox) routeComment(c *call, m *comment, key string) (endpoint, bool) {
	answers := "comments"
	if m.account.instagram() {
		answers = "replies"
	}
	switch {
	case key == "POST " || key == "POST "+answers:
		return s.routeCommentWrite(c, m, key), true
	case !m.readable():
	case key == "GET ":
		return endpoint{op: OpComment, account: m.account, run: func() (any, *graphError) { return c.readComment(m, c.fields) }}, true
	case key == "GET "+answers:
		return endpoint{op: OpCommentReplies, account: m.account, comment: m, run: func() (any, *graphError) { return c.listReplies(m, c.edgeRequest()) }}, true
	}
	return endpoint{}, false // among them POST private_replies, gone since v3.3
}
