package meta

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/privatereply/privatereply"
)

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

// Lives of tokens, in Meta's own numbers: see meta-platform-2.md §1.3.
const (
	tokenLife      = 60 * 24 * time.Hour
	shortTokenLife = time.Hour
	minAgeShare    = 60 // of a token's life that must be over before it can be renewed
	dataAccessLife = 90 * 24 * time.Hour
)

// credential is an access token with its state and expiry. It belongs to a Page or an
// Instagram account, or to the person who logged in with Facebook.
type credential struct {
	token  string
	state  TokenState
	issued time.Time // zero: long ago
	until  time.Time // zero: it does not expire
	short  bool      // short-lived: the first one of a login
	owner  *owner    // nil for a person's token
	user   *appUser  // who logged in; nil: the token was made elsewhere
	pages  map[*owner]*credential
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

// acceptedBy reports whether the host accepts the token: neither host can parse the
// other's.
func (c *credential) acceptedBy(h host) bool {
	return h == hostEither || c.instagram() == (h == hostInstagram)
}

// instagram reports whether the token is one of the Instagram login.
func (c *credential) instagram() bool { return c.owner != nil && c.owner.ownLogin }

// tokensOf are the tokens of a Page or an Instagram account.
func (s *Sandbox) tokensOf(o *owner) iter.Seq[*credential] {
	return func(yield func(*credential) bool) {
		for _, cred := range s.tokens {
			if cred.owner == o && !yield(cred) {
				return
			}
		}
	}
}

// describeTokens adds the state of the newest token of o.
func (s *Sandbox) describeTokens(o *owner, info *AccountInfo) {
	var newest *credential
	for cred := range s.tokensOf(o) {
		if newest == nil || cred.issued.After(newest.issued) {
			newest = cred
		}
	}
	if newest == nil {
		return
	}
	info.Token = newest.stateAt(s.now())
	if !newest.until.IsZero() {
		info.TokenUntil = new(newest.until)
	}
	if newest.user != nil {
		info.ConnectedBy = newest.user.id
	}
}

// replaceToken gives a new token to a and to the account that shares its token.
func (s *Sandbox) replaceToken(a *account, token string) {
	old := a.Token
	for cred := range s.tokensOf(a.owner) {
		delete(s.tokens, cred.token)
	}
	for _, sharing := range a.owner.accounts() {
		if sharing.Token == old {
			sharing.Token = token
		}
	}
	s.tokens[token] = &credential{token: token, state: TokenValid, owner: a.owner}
}

// issueToken makes a token that lives for life; 0 is without end.
func (s *Sandbox) issueToken(cred credential, life time.Duration) *credential {
	prefix := "EAA"
	if cred.instagram() {
		prefix = "IGAA"
	}
	cred.token, cred.state, cred.issued = prefix+rand.Text()+rand.Text(), TokenValid, s.now()
	if life > 0 {
		cred.until = cred.issued.Add(life)
	}
	s.tokens[cred.token] = &cred
	return &cred
}

// pageToken is the token of a Page that a person's token gives: the same one each time.
// With a long-lived one it has no end.
func (s *Sandbox) pageToken(of *credential, o *owner) string {
	page := of.pages[o]
	if page == nil {
		var life time.Duration
		if of.short {
			life = of.until.Sub(s.now())
		}
		page = s.issueToken(credential{owner: o, user: of.user}, life)
		if of.pages == nil {
			of.pages = map[*owner]*credential{}
		}
		of.pages[o] = page
	}
	return page.token
}

// tokenLifeOf is how long a long-lived token of o lives; without o, a person's.
func (s *Sandbox) tokenLifeOf(o *owner) time.Duration {
	if o != nil && o.ownLogin && o.instagram.TokenLife > 0 {
		return o.instagram.TokenLife
	}
	return s.cfg.TokenLife
}

// minTokenAge is how old a token with that life must be before it can be renewed.
func (s *Sandbox) minTokenAge(life time.Duration) time.Duration {
	if s.cfg.MinTokenAge > 0 {
		return s.cfg.MinTokenAge
	}
	return life / minAgeShare
}

// The errors of a login and of the tokens that come of it: meta-platform-2.md §1.3 and §7.
var (
	errUnknownApp      = &graphError{code: 101, topic: topicParameter, text: "Error validating application. Cannot get application info due to a system error."}
	errClientSecret    = &graphError{code: 1, topic: topicToken, text: "Error validating client secret."}
	errCodeMalformed   = &graphError{code: 100, topic: topicToken, text: "Invalid verification code format."}
	errCodeUsed        = &graphError{code: 100, subcode: 36009, topic: topicToken, text: "This authorization code has been used."}
	errCodeExpired     = &graphError{code: 100, subcode: 36007, topic: topicToken, text: "This authorization code has expired."}
	errRedirectDiffers = &graphError{code: 100, subcode: 36008, topic: topicToken, text: "Error validating verification code. Please make sure your redirect_uri is identical to the one you used in the OAuth dialog request"}
	errPlatformApp     = &graphError{topic: topicParameter, text: "Invalid platform app"}
	errNoMatchingCode  = &graphError{topic: topicToken, text: "Matching code was not found or was already used."}
	errTooYoung        = &graphError{code: 100, errorType: typeInstagram, topic: topicToken, text: "The access token must be at least 24 hours old to be refreshed"}
	errShortLived      = &graphError{code: 100, errorType: typeInstagram, topic: topicToken, text: "Only a long-lived access token can be refreshed"}
)

// sameSecret reports whether the secret is the one of an app that has one.
func sameSecret(got, want string) bool {
	return want != "" && subtle.ConstantTimeCompare([]byte(got), []byte(want)) == 1
}

// takeCode finds the login of a code and uses the code up. It is good once, for the app
// and the address that the dialog was opened with.
func (s *Sandbox) takeCode(c *call) (*loginCode, *graphError) {
	code := s.codes[c.params["code"]]
	switch {
	case code == nil || code.clientID != c.params["client_id"]:
		return nil, errCodeMalformed
	case code.used:
		return nil, errCodeUsed
	case !s.now().Before(code.until):
		return nil, errCodeExpired
	case code.redirectURI != c.params["redirect_uri"]:
		return nil, errRedirectDiffers
	}
	code.used = true
	return code, nil
}

// tokenAnswer is the answer with a new token.
func (s *Sandbox) tokenAnswer(cred *credential) object {
	return object{"access_token": cred.token, "token_type": "bearer", "expires_in": int64(cred.until.Sub(s.now()) / time.Second)}
}

// withoutExpiry is a token's answer as Meta sometimes gives it.
func withoutExpiry(body any) any {
	if o, ok := body.(object); ok {
		delete(o, "expires_in")
	}
	return body
}

// routeFacebookTokens finds the endpoint of oauth/access_token on graph.facebook.com.
func (s *Sandbox) routeFacebookTokens(c *call) endpoint {
	e := endpoint{op: OpCodeExchange, account: s.nobody, withoutPermission: true}
	grant := c.exchangeFacebookCode
	if c.params["grant_type"] == "fb_exchange_token" {
		e.op, grant = OpTokenExchange, c.lengthenUserToken
	}
	e.run = func() (any, *graphError) {
		app := s.cfg.App
		switch {
		case c.method != http.MethodGet && c.method != http.MethodPost:
			return nil, errUnsupported
		case app.FacebookID == "" || c.params["client_id"] != app.FacebookID:
			return nil, errUnknownApp
		case !sameSecret(c.params["client_secret"], app.FacebookSecret):
			return nil, errClientSecret
		}
		return grant()
	}
	return e
}

func (c *call) exchangeFacebookCode() (any, *graphError) {
	s := c.sandbox
	code, refused := s.takeCode(c)
	if refused != nil {
		return nil, refused
	}
	cred := s.issueToken(credential{user: code.user, short: true}, min(shortTokenLife, s.cfg.TokenLife))
	return s.tokenAnswer(cred), nil
}

// lengthenUserToken gives a long-lived token for a person's token.
func (c *call) lengthenUserToken() (any, *graphError) {
	s := c.sandbox
	old := s.tokens[c.params["fb_exchange_token"]]
	if old == nil || old.owner != nil {
		return nil, errBadToken
	}
	if subcode := tokenSubcodes[old.stateAt(s.now())]; subcode != 0 {
		return nil, errInvalidToken(subcode, c.host)
	}
	return s.tokenAnswer(s.issueToken(credential{user: old.user}, s.tokenLifeOf(nil))), nil
}

// serveInstagramCode answers the code exchange on api.instagram.com, which takes forms
// only.
func (s *Sandbox) serveInstagramCode(w http.ResponseWriter, r *http.Request) {
	c := newCall(r, hostInstagram)
	c.sandbox, c.path, c.flatErrors, c.params = s, []string{"oauth", "access_token"}, true, map[string]string{}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	var unreadable *graphError
	if err := r.ParseMultipartForm(maxBody); err != nil && !errors.Is(err, http.ErrNotMultipart) {
		unreadable = errParameter("The request cannot be read: " + err.Error())
	}
	for name, values := range r.PostForm {
		c.params[name] = values[0]
	}
	s.mu.Lock()
	a := s.serve(c, s.routeInstagramCode(c, unreadable))
	s.mu.Unlock()
	s.writeResponse(w, r, c, a)
}

func (s *Sandbox) routeInstagramCode(c *call, unreadable *graphError) endpoint {
	e := endpoint{op: OpCodeExchange, account: s.nobody, withoutPermission: true}
	if code := s.codes[c.params["code"]]; code != nil && code.login == privatereply.LoginInstagram {
		e.account = code.user.pages[0].instagram
	}
	e.run = func() (any, *graphError) {
		app := s.cfg.App
		switch {
		case unreadable != nil:
			return nil, unreadable
		case app.InstagramID == "" || c.params["client_id"] != app.InstagramID || !sameSecret(c.params["client_secret"], app.InstagramSecret):
			return nil, errPlatformApp
		case c.params["grant_type"] != "authorization_code":
			return nil, errParameter("Invalid grant_type")
		}
		code, refused := s.takeCode(c)
		switch refused {
		case nil:
		case errRedirectDiffers:
			return nil, refused
		default:
			return nil, errNoMatchingCode
		}
		o := code.user.pages[0]
		cred := s.issueToken(credential{owner: o, user: code.user, short: true}, min(shortTokenLife, s.tokenLifeOf(o)))
		return object{"access_token": cred.token, "user_id": json.Number(o.appScopedID), "permissions": o.permissions}, nil
	}
	return e
}

// documentedExchange is the answer to Instagram's code in the documented form.
func documentedExchange(body any) any {
	o, ok := body.(object)
	granted, isInstagram := o["permissions"].([]string)
	if !ok || !isInstagram {
		return body
	}
	return object{"data": []object{{"access_token": o["access_token"], "user_id": o["user_id"].(json.Number).String(), "permissions": strings.Join(granted, ",")}}}
}

// instagramTokenHandler serves a call about tokens on graph.instagram.com, which has no
// version.
func (s *Sandbox) instagramTokenHandler(route func(*Sandbox, *call) endpoint) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c := newCall(r, hostInstagram)
		c.sandbox, c.path = s, []string{strings.TrimPrefix(r.URL.Path, "/instagram/")}
		err := c.readParams(r)
		s.mu.Lock()
		e := route(s, c)
		switch {
		case err != nil:
			e.run = func() (any, *graphError) { return nil, errParameter("The request cannot be read: " + err.Error()) }
		case c.method != http.MethodGet:
			e.run = func() (any, *graphError) { return nil, errUnsupported }
		}
		a := s.serve(c, e)
		s.mu.Unlock()
		s.writeResponse(w, r, c, a)
	}
}

// instagramToken finds the token that a call is about, if it is one of the Instagram
// login, and the account that the call counts for.
func (s *Sandbox) instagramToken(c *call) (*credential, *account) {
	cred := s.tokens[c.params["access_token"]]
	if cred == nil || !cred.instagram() {
		return nil, s.nobody
	}
	return cred, cred.owner.instagram
}

// routeLongToken finds the endpoint of a long-lived token for a short-lived one.
func (s *Sandbox) routeLongToken(c *call) endpoint {
	cred, account := s.instagramToken(c)
	return endpoint{op: OpTokenExchange, account: account, withoutPermission: true, run: func() (any, *graphError) {
		switch {
		case c.params["grant_type"] != "ig_exchange_token":
			return nil, errParameter("Invalid grant_type")
		case !sameSecret(c.params["client_secret"], s.cfg.App.InstagramSecret):
			return nil, errClientSecret
		case cred == nil:
			return nil, errBadToken
		case cred.stateAt(s.now()) != TokenValid:
			return nil, errInvalidToken(tokenSubcodes[cred.stateAt(s.now())], c.host)
		case !cred.short:
			return nil, errParameter("The access token is long-lived already")
		}
		return s.tokenAnswer(s.issueToken(credential{owner: cred.owner, user: cred.user}, s.tokenLifeOf(cred.owner))), nil
	}}
}

// routeRefresh finds the endpoint that renews a long-lived token. The old one lives on
// until its own end.
func (s *Sandbox) routeRefresh(c *call) endpoint {
	cred, account := s.instagramToken(c)
	return endpoint{op: OpTokenRefresh, account: account, withoutPermission: true, run: func() (any, *graphError) {
		now := s.now()
		switch {
		case c.params["grant_type"] != "ig_refresh_token":
			return nil, errParameter("Invalid grant_type")
		case cred == nil:
			return nil, errBadToken
		case cred.stateAt(now) != TokenValid:
			return nil, errInvalidToken(tokenSubcodes[cred.stateAt(now)], c.host)
		case cred.short:
			return nil, errShortLived
		case !slices.Contains(cred.owner.permissions, "instagram_business_basic"):
			return nil, errPermission
		}
		life := s.tokenLifeOf(cred.owner)
		if now.Sub(cred.issued) < s.minTokenAge(life) {
			return nil, errTooYoung
		}
		renewed := s.issueToken(credential{owner: cred.owner, user: cred.user}, life)
		s.logEvent("account", account.ID, account.ID, "The token of %s was renewed; it ends at %s", account.Name, renewed.until.Format(time.RFC3339))
		return s.tokenAnswer(renewed), nil
	}}
}

// routeDebugToken finds the endpoint that describes a token, for any token of
// graph.facebook.com and for the app's own.
func (s *Sandbox) routeDebugToken(c *call) endpoint {
	e := endpoint{op: OpDebugToken, account: c.chargedAccount(), withoutPermission: true}
	e.run = func() (any, *graphError) {
		if c.method != http.MethodGet {
			return nil, errUnsupported
		}
		return c.debugToken(), nil
	}
	return e
}

// debugToken describes a token. An invalid token is an answer here, not an error.
func (c *call) debugToken() object {
	cred := c.sandbox.tokens[c.params["input_token"]]
	if cred == nil || cred.instagram() {
		return object{"data": object{"is_valid": false, "scopes": []string{},
			"error": object{"code": errBadToken.code, "message": errBadToken.text}}}
	}
	state := cred.stateAt(c.sandbox.now())
	data := object{"app_id": c.sandbox.appID().String(), "application": appName, "expires_at": cred.expiresAt(),
		"data_access_expires_at": 0, "is_valid": state == TokenValid}
	if !cred.issued.IsZero() {
		data["issued_at"] = cred.issued.Unix()
	}
	if cred.user != nil {
		data["user_id"] = cred.user.id
		data["data_access_expires_at"] = cred.user.loggedInAt.Add(dataAccessLife).Unix()
		data["granular_scopes"] = cred.user.granularScopes()
	}
	if cred.owner != nil {
		data["type"], data["profile_id"], data["scopes"] = "PAGE", cred.owner.id, append([]string{}, cred.owner.permissions...)
	} else {
		data["type"], data["scopes"] = "USER", cred.user.granted()
	}
	if subcode := tokenSubcodes[state]; subcode != 0 {
		r := errInvalidToken(subcode, c.host)
		data["error"] = object{"code": r.code, "subcode": r.subcode, "message": r.text}
	}
	return object{"data": data}
}
