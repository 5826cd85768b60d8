package meta

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// host is which of Meta's two hosts was called. The bare path takes both.
type host string

const (
	hostEither    host = ""
	hostFacebook  host = "facebook"
	hostInstagram host = "instagram"
)

// maxBody bounds what a Graph call may send.
const maxBody = 1 << 20

// call is one request to the Graph API.
type call struct {
	sandbox *Sandbox
	host    host
	base    string // scheme, host and mount point, for the next links
	version string
	method  string
	path    []string // node, and edge if there is one
	params  map[string]string
	fields  []field
	token   string
	owner   *owner // of the token
}

var versionPattern = regexp.MustCompile(`^v[0-9]+\.[0-9]+$`)

// readCall reads a request whose path begins with the mount point of h.
func readCall(r *http.Request, h host) (*call, *refusal) {
	c := &call{host: h, method: r.Method, base: "http://" + r.Host}
	path := strings.Trim(r.URL.Path, "/")
	if h != hostEither {
		c.base += "/" + string(h)
		path = strings.TrimPrefix(strings.TrimPrefix(path, string(h)), "/")
	}
	parts := strings.Split(path, "/")
	if len(parts) < 2 || len(parts) > 3 || !versionPattern.MatchString(parts[0]) {
		return c, &refusal{code: 2500, about: aboutParameter, text: "Unknown path components: /" + path}
	}
	c.version, c.path = parts[0], parts[1:]
	if err := c.readParams(r); err != nil {
		return c, badParameter("The request cannot be read: " + err.Error())
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
			return c, badParameter(err.Error())
		}
		c.fields = fields
	}
	return c, nil
}

// edge is the second part of the path, or "".
func (c *call) edge() string {
	if len(c.path) == 2 {
		return c.path[1]
	}
	return ""
}

// readParams collects the query and the body, a form or a JSON object, into one
// list as Meta does. A nested JSON value stays JSON.
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

// identify finds whose token it is.
func (s *Sandbox) identify(c *call) *refusal {
	if c.token == "" {
		return errNoToken
	}
	cred := s.tokens[c.token]
	if cred == nil || !cred.owner.speaksTo(c.host) {
		return errBadToken
	}
	c.owner = cred.owner
	return nil
}

// checkToken refuses a token that is no longer good, or that lacks its proof.
func (s *Sandbox) checkToken(c *call) *refusal {
	if subcode := tokenSubcodes[s.tokens[c.token].stateAt(s.now())]; subcode != 0 {
		return tokenError(subcode, c.host)
	}
	return s.checkProof(c)
}

// speaksTo reports whether the owner's tokens can be read by the host: each host
// cannot even parse the other's.
func (o *owner) speaksTo(h host) bool {
	return h == hostEither || o.ownLogin == (h == hostInstagram)
}

func tokenError(subcode int, h host) *refusal {
	status := http.StatusUnauthorized
	if h == hostInstagram {
		status = http.StatusBadRequest
	}
	return &refusal{status: status, code: 190, subcode: subcode, about: aboutToken,
		text: "Error validating access token: the session has been invalidated or has expired."}
}

// checkProof checks appsecret_proof where it is sent, and wants it where the app
// requires it. For the Instagram login Meta does not say which of the two secrets
// it takes, so both are.
func (s *Sandbox) checkProof(c *call) *refusal {
	proof := c.params["appsecret_proof"]
	required := false
	for _, a := range c.owner.accounts() {
		required = required || a.RequireProof
		for _, secret := range []string{a.AppSecret, a.InstagramAppSecret} {
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
