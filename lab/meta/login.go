package meta

import (
	"crypto/rand"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/privatereply/privatereply"
)

// appUser is a person who can log in to the app: the one who runs every Page, or the
// owner of an Instagram account with its own login.
type appUser struct {
	id          string // app-scoped
	name        string
	permissions []userPermission
	pages       []*owner // that the app may use, in the order of the accounts
	loggedInAt  time.Time
}

// userPermission is a permission that a person was asked for.
type userPermission struct {
	name   string
	status string // granted or declined
}

const (
	statusGranted  = "granted"
	statusDeclined = "declined"
)

// publicProfile is the permission that every login with Facebook grants.
const publicProfile = "public_profile"

// What a login can ask for: meta-platform-2.md §1.4.
var (
	facebookPermissions = []string{"pages_show_list", "pages_manage_metadata", "pages_read_engagement", "pages_read_user_content",
		"pages_manage_engagement", "pages_messaging", "instagram_basic", "instagram_manage_comments", "instagram_manage_messages",
		"business_management", publicProfile}
	instagramPermissions = []string{"instagram_business_basic", "instagram_business_manage_comments", "instagram_business_manage_messages"}
)

// granted are the names of the permissions that u gave.
func (u *appUser) granted() []string {
	names := []string{}
	for _, p := range u.permissions {
		if p.status == statusGranted {
			names = append(names, p.name)
		}
	}
	return names
}

func (u *appUser) has(permission string) bool { return slices.Contains(u.granted(), permission) }

func (u *appUser) declined(permission string) bool {
	return slices.Contains(u.permissions, userPermission{permission, statusDeclined})
}

func (u *appUser) setPermission(name, status string) {
	i := slices.IndexFunc(u.permissions, func(p userPermission) bool { return p.name == name })
	if i < 0 {
		u.permissions = append(u.permissions, userPermission{name, status})
		return
	}
	u.permissions[i].status = status
}

// granularScopes names the Pages and accounts that each permission covers.
func (u *appUser) granularScopes() []object {
	scopes := []object{}
	for _, name := range u.granted() {
		var targets []string
		for _, o := range u.pages {
			switch {
			case name == publicProfile || name == "business_management":
			case !strings.HasPrefix(name, "instagram_"):
				targets = append(targets, o.id)
			case o.instagram != nil:
				targets = append(targets, o.instagram.ID)
			}
		}
		scope := object{"scope": name}
		if len(targets) > 0 {
			scope["target_ids"] = targets
		}
		scopes = append(scopes, scope)
	}
	return scopes
}

// loginCode is the code with which a login dialog leads back to the app.
type loginCode struct {
	login       privatereply.Login
	clientID    string
	redirectURI string
	user        *appUser
	until       time.Time
	used        bool
}

// How long a code is good: meta-platform-2.md §1.2.
const (
	facebookCodeLife  = 10 * time.Minute
	instagramCodeLife = time.Hour
)

// loginRequest is what a link to a login dialog asks for.
type loginRequest struct {
	login       privatereply.Login
	clientID    string
	redirectURI string
	state       string
	asked       []string // permissions
	allOrNone   bool     // they come from a configuration of Login for Business
	again       bool     // ask for what was declined before, too
	otherLogin  bool     // make the person log in, so that they can choose another account
}

// dialogError is what Meta tells the person in front of a dialog that cannot be shown.
type dialogError string

func (e dialogError) Error() string { return string(e) }

// readLoginRequest reads the query of a login dialog. Its error is for the person in
// front of the dialog: Meta leads back to the app only once it knows where to.
func (s *Sandbox) readLoginRequest(login privatereply.Login, query url.Values) (loginRequest, error) {
	q := loginRequest{login: login, clientID: query.Get("client_id"), redirectURI: query.Get("redirect_uri"), state: query.Get("state")}
	facebook := login == privatereply.LoginFacebook
	appID, known := s.cfg.App.FacebookID, facebookPermissions
	if !facebook {
		appID, known = s.cfg.App.InstagramID, instagramPermissions
	}
	switch {
	case facebook && (appID == "" || q.clientID != appID):
		return q, dialogError("Invalid App ID: the provided app ID does not look like a valid app ID. (101)")
	case appID == "" || q.clientID != appID:
		return q, dialogError("Invalid request: Invalid platform app")
	case facebook && !s.allowsRedirect(q.redirectURI):
		return q, dialogError("Can't load URL: the domain of this URL isn't included in the app's domains. (191)")
	case !s.allowsRedirect(q.redirectURI):
		return q, dialogError("Invalid request: Request parameters are invalid: Invalid redirect_uri")
	}
	if kind := query.Get("response_type"); kind != "code" && (kind != "" || !facebook) {
		return q, dialogError("Invalid response_type: " + kind + " (this simulation gives codes only)")
	}
	q.asked = strings.FieldsFunc(query.Get("scope"), func(r rune) bool { return r == ',' || r == ' ' })
	for _, name := range q.asked {
		if !slices.Contains(known, name) {
			return q, dialogError("Invalid Scopes: " + name + ". This message is only shown to developers.")
		}
	}
	if facebook {
		if query.Get("config_id") != "" {
			q.asked, q.allOrNone = facebookPermissions, true
		}
		q.again = slices.Contains([]string{"rerequest", "reauthenticate"}, query.Get("auth_type"))
		return q, nil
	}
	if len(q.asked) == 0 {
		return q, dialogError("Invalid request: Request parameters are invalid: scope is required")
	}
	q.again = true
	q.otherLogin = query.Get("force_reauth") == "true" || query.Get("force_authentication") == "1"
	return q, nil
}

// allowsRedirect reports whether a login may lead back to the address.
func (s *Sandbox) allowsRedirect(uri string) bool {
	if allowed := s.cfg.App.RedirectURIs; len(allowed) > 0 {
		return slices.Contains(allowed, uri)
	}
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || strings.Contains(uri, "#") {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// offered are the permissions that the dialog shows to u: without being asked again,
// Meta leaves out what was declined before.
func (q loginRequest) offered(u *appUser) []string {
	return slices.DeleteFunc(slices.Clone(q.asked), func(name string) bool {
		return name == publicProfile || !q.again && u.declined(name)
	})
}

// LoginAnswer is what a person does in a login dialog. The zero answer grants
// everything that is asked for.
type LoginAnswer struct {
	Decline bool     `json:"decline"`
	Without []string `json:"without"` // permissions that are taken off
	Pages   []string `json:"pages"`   // that the app may use, with the Facebook login; nil: all
	Account string   `json:"account"` // that logs in, with the Instagram login; empty: the first one
}

// AnswerLogin plays a person in the login dialog at the address, and returns where the
// dialog leads back to.
func (s *Sandbox) AnswerLogin(address string, n LoginAnswer) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", fmt.Errorf("url: %w", err)
	}
	var login privatereply.Login
	switch {
	case strings.HasPrefix(u.Path, "/login/facebook/"):
		login = privatereply.LoginFacebook
	case strings.HasPrefix(u.Path, "/login/instagram/"):
		login = privatereply.LoginInstagram
	default:
		return "", fmt.Errorf("url: %q is no login dialog; its path begins with /login/facebook/ or /login/instagram/", u.Path)
	}
	q, err := s.readLoginRequest(login, u.Query())
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.answerLogin(q, n)
}

func (s *Sandbox) answerLogin(q loginRequest, n LoginAnswer) (string, error) {
	if n.Decline {
		s.logEvent("account", "", "", "A login with %s was declined", q.login)
		answer := url.Values{"error": {"access_denied"}, "error_reason": {"user_denied"}, "error_description": {"Permissions error"}}
		if q.login == privatereply.LoginFacebook {
			answer.Set("error_code", "200")
		}
		return q.back(answer, ""), nil
	}
	for _, name := range n.Without {
		if !slices.Contains(q.asked, name) {
			return "", fmt.Errorf("without: %q is not asked for", name)
		}
	}
	if q.allOrNone && len(n.Without) > 0 {
		return "", fmt.Errorf("without: the permissions of a configuration are granted together or not at all")
	}
	code := &loginCode{login: q.login, clientID: q.clientID, redirectURI: q.redirectURI}
	fragment, life := "_=_", facebookCodeLife
	var err error
	if q.login == privatereply.LoginFacebook {
		code.user, err = s.grantPages(q, n)
	} else {
		fragment, life = "_", instagramCodeLife
		code.user, err = s.grantInstagram(q, n)
	}
	if err != nil {
		return "", err
	}
	code.user.loggedInAt = s.now()
	code.until = s.now().Add(life)
	text := "AQ" + rand.Text() + rand.Text()
	s.codes[text] = code
	return q.back(url.Values{"code": {text}}, fragment), nil
}

// back is the address to which the dialog leads back.
func (q loginRequest) back(answer url.Values, fragment string) string {
	if q.state != "" {
		answer.Set("state", q.state)
	}
	separator := "?"
	if strings.Contains(q.redirectURI, "?") {
		separator = "&"
	}
	to := q.redirectURI + separator + answer.Encode()
	if fragment != "" {
		to += "#" + fragment
	}
	return to
}

// grantPages records what the person granted in Facebook's dialog. Pages that are not
// chosen keep the tokens that they have.
func (s *Sandbox) grantPages(q loginRequest, n LoginAnswer) (*appUser, error) {
	u := s.facebookUser
	var chosen []*owner
	for _, o := range s.pageOwners() {
		if n.Pages == nil || slices.Contains(n.Pages, o.id) {
			chosen = append(chosen, o)
		}
	}
	for _, id := range n.Pages {
		if !slices.ContainsFunc(chosen, func(o *owner) bool { return o.id == id }) {
			return nil, fmt.Errorf("pages: %q is %w", id, ErrUnknown)
		}
	}
	u.setPermission(publicProfile, statusGranted)
	for _, name := range q.offered(u) {
		status := statusGranted
		if slices.Contains(n.Without, name) {
			status = statusDeclined
		}
		u.setPermission(name, status)
	}
	u.pages = chosen
	for _, o := range chosen {
		o.user, o.permissions = u, u.granted()
		s.logEvent("account", o.chargedAccount().ID, o.chargedAccount().ID, "%s was granted to the app, with %d permissions", o.name, len(o.permissions))
	}
	return u, nil
}

// grantInstagram records what the owner of an Instagram account granted.
func (s *Sandbox) grantInstagram(q loginRequest, n LoginAnswer) (*appUser, error) {
	i := slices.IndexFunc(s.accounts, func(a *account) bool { return a.ownLogin() && (n.Account == "" || a.ID == n.Account) })
	if i < 0 {
		return nil, fmt.Errorf("account: %q is %w: no account with the Instagram login has it", n.Account, ErrUnknown)
	}
	a := s.accounts[i]
	u := a.owner.user
	u.permissions = nil
	for _, name := range q.asked {
		if !slices.Contains(n.Without, name) {
			u.setPermission(name, statusGranted)
		}
	}
	a.owner.permissions = u.granted()
	s.logEvent("account", a.ID, a.ID, "%s was granted to the app, with %d permissions", a.Name, len(a.owner.permissions))
	return u, nil
}

// pageOwners are the Pages of all accounts, in their order.
func (s *Sandbox) pageOwners() []*owner {
	var list []*owner
	for _, a := range s.accounts {
		if !a.ownLogin() && !slices.Contains(list, a.owner) {
			list = append(list, a.owner)
		}
	}
	return list
}

// removeApp takes everything back that u granted: every token of u dies, and the app is
// subscribed to none of u's Pages any more.
func (s *Sandbox) removeApp(u *appUser) {
	for _, cred := range s.tokens {
		if cred.user == u || cred.instagram() && cred.owner.user == u {
			cred.state = TokenAppRemoved
		}
	}
	for _, a := range s.accounts {
		if o := a.owner; o.user == u {
			o.permissions, o.fields = nil, nil
		}
	}
	for text, code := range s.codes {
		if code.user == u {
			delete(s.codes, text)
		}
	}
	u.permissions = nil
	if u == s.facebookUser {
		u.pages = nil
	}
}
