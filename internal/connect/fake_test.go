package connect

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/graph"
	"github.com/privatereply/privatereply/internal/config"
)

const (
	appSecret = "0123456789abcdef0123456789abcdef"
	redirect  = "https://desk.example.com/accounts/callback"
	session   = "session-of-ana"
	goodCode  = "AQAlogincode"

	pageID      = "100000000000001"
	barePageID  = "100000000000002"
	instagramID = "17841400000000001"
	ownLoginID  = "17841400000000002"

	facebookApp, instagramApp = "11", "22"
)

// everything is what both logins ask for.
var everything = func() string {
	var all []string
	for _, login := range []privatereply.Login{privatereply.LoginFacebook, privatereply.LoginInstagram} {
		for _, p := range permissions(login) {
			all = append(all, p.Name)
		}
	}
	return strings.Join(all, ",")
}()

// fakeMeta stands in Meta's place for a person who has two Pages, the first with an
// Instagram account, and an Instagram account with its own login.
type fakeMeta struct {
	mu         sync.Mutex
	granted    string
	tasks      string              // of the first Page
	codes      map[string]bool     // that are good
	subscribed map[string][]string // app id and fields, by node
	answers    map[string]string   // errors instead, by "METHOD path"
	calls      []string
}

func (m *fakeMeta) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_ = r.ParseForm()
	path := r.URL.Path
	for prefix, short := range map[string]string{"/facebook/v26.0/": "fb/", "/instagram/v26.0/": "ig/", "/instagram/access_token": "ig/access_token"} {
		if rest, ok := strings.CutPrefix(path, prefix); ok {
			path = short + rest
		}
	}
	call := r.Method + " " + path
	m.calls = append(m.calls, call)
	if refusal, ok := m.answers[call]; ok {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, refusal)
		return
	}
	body := `{"error":{"code":100,"message":"no such call"}}`
	node := strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(strings.SplitN(call, " ", 2)[1], "fb/"), "ig/"), "/subscribed_apps")
	const picture = `"picture":{"data":{"url":"https://cdn.example.com/p"}}`
	switch {
	case strings.HasSuffix(call, "oauth/access_token"):
		code := r.Form.Get("code")
		switch {
		case r.Form.Get("grant_type") == "fb_exchange_token" && r.Form.Get("fb_exchange_token") == "EAAshort":
			body = `{"access_token":"EAAlong","expires_in":5184000}`
		case !m.codes[code] || r.Form.Get("redirect_uri") != redirect || r.Form.Get("client_secret") != appSecret:
			body = `{"error":{"code":100,"error_subcode":36009,"message":"` + code + ` was used"}}`
		case call == "POST fb/oauth/access_token":
			body = `{"access_token":"EAAshort","expires_in":3600}`
		default:
			body = `{"access_token":"IGshort","user_id":26000000000000001,"permissions":"` + m.granted + `"}`
		}
		delete(m.codes, code)
	case call == "GET ig/access_token":
		body = `{"access_token":"IGlong","expires_in":5184000}`
	case call == "GET ig/me":
		body = `{"id":"26000000000000001","user_id":"` + ownLoginID + `","username":"oak.corner"}`
	case call == "GET fb/me":
		body = `{"id":"10200000000000001","name":"Ana Beispiel"}`
	case call == "GET fb/me/permissions":
		var each []string
		for name := range strings.SplitSeq(m.granted, ",") {
			each = append(each, `{"permission":"`+name+`","status":"granted"}`)
		}
		body = `{"data":[` + strings.Join(each, ",") + `]}`
	case call == "GET fb/me/accounts":
		body = `{"data":[{"id":"` + pageID + `","name":"Clean Slate","access_token":"EAApage","tasks":[` + m.tasks + `],` + picture +
			`,"instagram_business_account":{"id":"` + instagramID + `","username":"clean.slate"}},
			{"id":"` + barePageID + `","name":"Bare Page","access_token":"EAAbare","tasks":["MESSAGING"]}]}`
	case strings.HasSuffix(call, "/subscribed_apps"):
		switch r.Method {
		case http.MethodPost:
			app := facebookApp
			if strings.Contains(call, "ig/") {
				app = instagramApp
			}
			m.subscribed[node] = append([]string{app}, strings.Split(r.Form.Get("subscribed_fields"), ",")...)
			body = `{"success":true}`
		case http.MethodDelete:
			delete(m.subscribed, node)
			body = `{"success":true}`
		default:
			body = `{"data":[]}`
			if s := m.subscribed[node]; len(s) > 0 {
				body = `{"data":[{"id":"` + s[0] + `","name":"An app","subscribed_fields":["` + strings.Join(s[1:], `","`) + `"]}]}`
			}
		}
	}
	if strings.HasPrefix(body, `{"error"`) {
		w.WriteHeader(http.StatusBadRequest)
	}
	fmt.Fprint(w, body)
}

// lab is a Connector with a Meta, a folder and a clock.
type lab struct {
	*Connector
	t        *testing.T
	meta     *fakeMeta
	accounts *config.Accounts
	folder   string
	clock    time.Time
}

func newLab(t *testing.T) *lab {
	t.Helper()
	l := &lab{t: t, folder: t.TempDir(), clock: time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC), meta: &fakeMeta{
		granted: everything, tasks: `"MESSAGING","MODERATE"`, codes: map[string]bool{goodCode: true},
		subscribed: map[string][]string{}, answers: map[string]string{},
	}}
	server := httptest.NewServer(l.meta)
	t.Cleanup(server.Close)
	client, err := graph.New(graph.Options{FacebookURL: server.URL + "/facebook", InstagramURL: server.URL + "/instagram"})
	if err != nil {
		t.Fatal(err)
	}
	settings := config.Connect{
		FacebookAppID: facebookApp, FacebookAppSecret: appSecret, InstagramAppID: instagramApp, InstagramSecret: appSecret,
		FacebookLoginURL: config.MetaURL(server.URL + "/login/facebook"), InstagramLoginURL: config.MetaURL(server.URL + "/login/instagram"),
		InstagramTokenURL: config.MetaURL(server.URL + "/login/instagram"),
	}
	if l.accounts, err = config.OpenFolder(l.folder, settings, nil); err != nil {
		t.Fatal(err)
	}
	l.Connector = New(Config{Settings: settings, Graph: client, Accounts: l.accounts, Now: func() time.Time { return l.clock }})
	return l
}

// begin begins a login and returns its state.
func (l *lab) begin(login privatereply.Login) string {
	l.t.Helper()
	to, err := l.Begin(login, redirect, session)
	if err != nil {
		l.t.Fatal(err)
	}
	u, err := url.Parse(to)
	if err != nil {
		l.t.Fatal(err)
	}
	return u.Query().Get("state")
}

// login goes through a login to its Grant.
func (l *lab) login(login privatereply.Login) Grant {
	l.t.Helper()
	g, err := l.Callback(l.t.Context(), session, url.Values{"state": {l.begin(login)}, "code": {goodCode}})
	if err != nil {
		l.t.Fatal(err)
	}
	l.meta.mu.Lock()
	defer l.meta.mu.Unlock()
	l.meta.codes[goodCode] = true // for the next one
	return g
}

// count is how often a call was made.
func (l *lab) count(call string) int {
	l.meta.mu.Lock()
	defer l.meta.mu.Unlock()
	n := 0
	for _, c := range l.meta.calls {
		if c == call {
			n++
		}
	}
	return n
}

// checkSecrets fails if a text has one of the secrets of a login, or the person's name.
func checkSecrets(t *testing.T, where, text string) {
	t.Helper()
	for _, secret := range []string{appSecret, goodCode, "EAAshort", "EAAlong", "EAApage", "EAAbare", "IGshort", "IGlong", "Ana Beispiel"} {
		if strings.Contains(text, secret) {
			t.Errorf("%s shows %s: %s", where, secret, text)
		}
	}
}

func said(err error) string {
	if err == nil {
		return ""
	}
	all := fmt.Sprintf("%v %+v %#v", err, err, err)
	for ; err != nil; err = errors.Unwrap(err) {
		all += fmt.Sprintf(" %v %+v", err, err)
	}
	return all
}
