package signin

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// usersFile writes users, and returns the file and a token for each.
func usersFile(t *testing.T, users ...User) (path string, tokens map[string]string) {
	t.Helper()
	tokens = map[string]string{}
	var file strings.Builder
	for _, u := range users {
		token, lines, err := NewUser(u.Name, u.Role)
		if err != nil {
			t.Fatal(err)
		}
		tokens[u.Name] = token
		file.WriteString(lines)
	}
	path = filepath.Join(t.TempDir(), "users.yaml")
	write(t, path, file.String())
	return path, tokens
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func newGuard(t *testing.T, o Options, users ...User) (*Authenticator, map[string]string) {
	t.Helper()
	var tokens map[string]string
	if len(users) > 0 {
		path, all := usersFile(t, users...)
		var err error
		if o.Users, err = OpenUsers(path); err != nil {
			t.Fatal(err)
		}
		tokens = all
	}
	g, err := NewAuthenticator(o)
	if err != nil {
		t.Fatal(err)
	}
	return g, tokens
}

var (
	ana  = User{Name: "ana", Role: Approver}
	vera = User{Name: "vera", Role: Viewer}
)

func request(remote, host string, change func(*http.Request)) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "http://"+host+"/", nil)
	r.RemoteAddr = remote
	if change != nil {
		change(r)
	}
	return r
}

// Only a proxy that was named is believed, and only the users that were meant come
// in through it.
func TestWhoComesThroughTheProxy(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	tests := []struct {
		name   string
		role   Role // of others
		remote string
		header string
		want   User
		err    error
	}{
		{"a known user has the file's role", Viewer, "10.1.2.3:999", "ana", ana, nil},
		{"an unknown user has the proxy's role", Viewer, "10.1.2.3:999", "carl", User{Name: "carl", Role: Viewer}, nil},
		{"an unknown user without a role stays out", "", "10.1.2.3:999", "carl", User{}, ErrNoRole},
		{"a header from elsewhere is nobody", Admin, "192.0.2.1:999", "ana", User{}, ErrNotSignedIn},
		{"a mapped address is the address", Viewer, "[::ffff:10.1.2.3]:999", "ana", ana, nil},
		{"an empty header is nobody", Admin, "10.1.2.3:999", "", User{}, ErrNotSignedIn},
		{"a name that history would refuse", Admin, "10.1.2.3:999", "a\u202eb", User{}, ErrNoRole},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g, _ := newGuard(t, Options{Header: "X-User", Proxies: proxies, ProxyRole: tt.role}, ana, vera)
			got, err := g.Authenticate(request(tt.remote, "desk.example.com", func(r *http.Request) { r.Header.Set("X-User", tt.header) }))
			if !reflect.DeepEqual(got, tt.want) || !errors.Is(err, tt.err) {
				t.Errorf("got %v, %v; want %v, %v", got, err, tt.want, tt.err)
			}
		})
	}
}

// A proxy that signs people in may forward its own token for them: it locks nobody out
// whom the proxy names, and lets nobody in whom it does not.
func TestForwardedAuthorization(t *testing.T) {
	const foreign = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbmEifQ.c2ln"
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	g, tokens := newGuard(t, Options{Header: "X-User", Proxies: proxies, ProxyRole: Viewer}, ana, vera)
	tests := []struct {
		name           string
		remote, header string
		token          string
		want           User
		err            error
	}{
		{"a foreign token of whom the proxy names", "10.1.2.3:999", "carl", foreign, User{Name: "carl", Role: Viewer}, nil},
		{"of whom the file knows", "10.1.2.3:999", "ana", foreign, ana, nil},
		{"a name that may not come in", "10.1.2.3:999", "a\u202eb", foreign, User{}, ErrNoRole},
		{"of nobody", "10.1.2.3:999", "", foreign, User{}, ErrUnknownToken},
		{"with a name from elsewhere", "192.0.2.1:999", "ana", foreign, User{}, ErrUnknownToken},
		{"our token counts more than the proxy's name", "10.1.2.3:999", "carl", tokens["ana"], ana, nil},
		{"a wrong token of ours", "10.1.2.3:999", "carl", tokenPrefix + "guess", User{}, ErrUnknownToken},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := g.Authenticate(request(tt.remote, "desk.example.com", func(r *http.Request) {
				r.Header.Set("X-User", tt.header)
				r.Header.Set("Authorization", "Bearer "+tt.token)
			}))
			if !reflect.DeepEqual(got, tt.want) || !errors.Is(err, tt.err) {
				t.Errorf("got %v, %v; want %v, %v", got, err, tt.want, tt.err)
			}
		})
	}
	many := func(r *http.Request) {
		r.Header.Set("X-User", "carl")
		r.Header.Set("Authorization", "Bearer "+foreign)
	}
	for range 2 * failureBurst {
		if _, err := g.Authenticate(request("10.1.2.3:999", "desk.example.com", many)); err != nil {
			t.Fatalf("a user of the proxy is slowed down: %v", err)
		}
	}
}

// Everybody on a development machine is one user without signing in, but nobody
// else is: not from the network, and not a website whose name was pointed here.
func TestDevUserOnlyHere(t *testing.T) {
	g, _ := newGuard(t, Options{DevUser: "you"})
	for _, tt := range []struct {
		name, remote, host string
		in                 bool
	}{
		{"this machine", "127.0.0.1:999", "127.0.0.1:8090", true},
		{"this machine by name", "[::1]:999", "localhost:8090", true},
		{"a website pointed here", "127.0.0.1:999", "evil.example.com", false},
		{"the network", "192.0.2.1:999", "127.0.0.1:8090", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			user, err := g.Authenticate(request(tt.remote, tt.host, nil))
			if (err == nil) != tt.in {
				t.Errorf("got %v, %v", user, err)
			}
		})
	}
}

// A session lives in a cookie that scripts, other sites and clear connections do
// not get, and ends when its user leaves the file.
func TestSession(t *testing.T) {
	path, tokens := usersFile(t, ana, vera)
	users, err := OpenUsers(path)
	if err != nil {
		t.Fatal(err)
	}
	g, err := NewAuthenticator(Options{Users: users})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		host, name string
		secure     bool
	}{
		{"desk.example.com", "__Host-desk", true},
		{"192.168.1.5:8090", "__Host-desk", true},
		{"127.0.0.1:8090", "desk", false},
		{"localhost:8090", "desk", false},
	} {
		t.Run(tt.host, func(t *testing.T) {
			w := httptest.NewRecorder()
			if _, err := g.SignIn(w, request("127.0.0.1:9", tt.host, nil), tokens["ana"]); err != nil {
				t.Fatal(err)
			}
			cookie := w.Result().Cookies()[0]
			if cookie.Name != tt.name || cookie.Secure != tt.secure || !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || cookie.Value == tokens["ana"] {
				t.Errorf("the cookie is %v", cookie)
			}
			with := func(r *http.Request) { r.AddCookie(cookie) }
			if user, err := g.Authenticate(request("127.0.0.1:9", tt.host, with)); !reflect.DeepEqual(user, ana) || err != nil {
				t.Errorf("got %v, %v", user, err)
			}
			g.SignOut(httptest.NewRecorder(), request("127.0.0.1:9", tt.host, with))
			if user, err := g.Authenticate(request("127.0.0.1:9", tt.host, with)); err == nil {
				t.Errorf("signed out, but still %v", user)
			}
		})
	}
	t.Run("everywhere", func(t *testing.T) {
		w := httptest.NewRecorder()
		if _, err := g.SignIn(w, request("127.0.0.1:9", "localhost", nil), tokens["ana"]); err != nil {
			t.Fatal(err)
		}
		if n := g.SignOutUser("ana"); n != 1 {
			t.Errorf("%d sessions ended", n)
		}
		if _, err := g.Authenticate(request("127.0.0.1:9", "localhost", func(r *http.Request) { r.AddCookie(w.Result().Cookies()[0]) })); !errors.Is(err, ErrNotSignedIn) {
			t.Errorf("got %v", err)
		}
	})
}

// Who is taken out of the users file is out, without a restart.
func TestTakenOutOfTheFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path, tokens := usersFile(t, ana, vera)
		users, err := OpenUsers(path)
		if err != nil {
			t.Fatal(err)
		}
		g, err := NewAuthenticator(Options{Users: users})
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		if _, err := g.SignIn(w, request("127.0.0.1:9", "localhost", nil), tokens["ana"]); err != nil {
			t.Fatal(err)
		}
		_, lines, err := NewUser("vera", Viewer)
		if err != nil {
			t.Fatal(err)
		}
		write(t, path, lines)
		time.Sleep(2 * time.Second) // the file is looked at once a second; this clock costs nothing
		_, cookieErr := g.Authenticate(request("127.0.0.1:9", "localhost", func(r *http.Request) { r.AddCookie(w.Result().Cookies()[0]) }))
		_, tokenErr := g.Authenticate(request("127.0.0.1:9", "localhost", func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+tokens["ana"]) }))
		if !errors.Is(cookieErr, ErrNotSignedIn) || !errors.Is(tokenErr, ErrUnknownToken) {
			t.Errorf("by session: %v; by token: %v", cookieErr, tokenErr)
		}
	})
}

// A users file that is being written ends nobody's session.
func TestHalfWrittenFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path, tokens := usersFile(t, vera, ana)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		users, err := OpenUsers(path)
		if err != nil {
			t.Fatal(err)
		}
		g, err := NewAuthenticator(Options{Users: users})
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		if _, err := g.SignIn(w, request("127.0.0.1:9", "localhost", nil), tokens["ana"]); err != nil {
			t.Fatal(err)
		}
		half := strings.Index(string(whole), "- name: ana")
		for _, part := range []string{"", string(whole[:half]), string(whole[:half+5]), string(whole)} {
			write(t, path, part)
			time.Sleep(time.Second) // less than two looks
			if user, err := g.Authenticate(request("127.0.0.1:9", "localhost", func(r *http.Request) { r.AddCookie(w.Result().Cookies()[0]) })); !reflect.DeepEqual(user, ana) || err != nil {
				t.Errorf("with %d of %d bytes written: %v, %v", len(part), len(whole), user, err)
			}
		}
	})
}

// A session ends with the token that it began with, and does not come back: neither
// with another token of the same name, nor with the same one.
func TestSessionEndsWithItsToken(t *testing.T) {
	lines := func(t *testing.T, u User) string {
		_, lines, err := NewUser(u.Name, u.Role)
		if err != nil {
			t.Fatal(err)
		}
		return lines
	}
	for _, tt := range []struct {
		name  string
		files func(t *testing.T, own string) []string
	}{
		{"another token", func(t *testing.T, _ string) []string { return []string{lines(t, ana)} }},
		{"out, and in with another", func(t *testing.T, _ string) []string { return []string{lines(t, vera), lines(t, ana)} }},
		{"out, and in with the same", func(t *testing.T, own string) []string { return []string{lines(t, vera), own} }},
		{"another token, and the same again", func(t *testing.T, own string) []string { return []string{lines(t, ana), own} }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				path, tokens := usersFile(t, ana)
				own, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				users, err := OpenUsers(path)
				if err != nil {
					t.Fatal(err)
				}
				g, err := NewAuthenticator(Options{Users: users})
				if err != nil {
					t.Fatal(err)
				}
				w := httptest.NewRecorder()
				if _, err := g.SignIn(w, request("127.0.0.1:9", "localhost", nil), tokens["ana"]); err != nil {
					t.Fatal(err)
				}
				for _, file := range tt.files(t, string(own)) {
					write(t, path, file)
					time.Sleep(2 * time.Second) // as in TestTakenOutOfTheFile
					user, err := g.Authenticate(request("127.0.0.1:9", "localhost", func(r *http.Request) { r.AddCookie(w.Result().Cookies()[0]) }))
					if !errors.Is(err, ErrNotSignedIn) {
						t.Errorf("got %v, %v", user, err)
					}
				}
				if n := len(g.Sessions()); n != 0 {
					t.Errorf("%d sessions are listed", n)
				}
			})
		})
	}
}

// A session ends when it lies unused, and at the latest after a week.
func TestSessionsEnd(t *testing.T) {
	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	s := newSessionStore(func() time.Time { return now })
	idle, old := s.create(userEntry{User: ana}, "a phone"), s.create(userEntry{User: ana}, "a laptop")
	for range 7 {
		now = now.Add(23 * time.Hour)
		s.lookup(old)
	}
	if _, _, ok := s.lookup(idle); ok {
		t.Error("an unused session is still good")
	}
	if _, _, ok := s.lookup(old); !ok {
		t.Error("a session in use has ended")
	}
	now = now.Add(23 * time.Hour)
	if _, _, ok := s.lookup(old); ok {
		t.Error("a session is good for more than a week")
	}
	for range 3 * maxSessions {
		s.create(userEntry{User: ana}, "a robot")
	}
	if n := len(s.list()); n != maxSessions {
		t.Errorf("one user has %d sessions", n)
	}
}

// Wrong tokens are slowed down by address, and never keep the right one out.
func TestWrongTokens(t *testing.T) {
	g, tokens := newGuard(t, Options{Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/32")}, Header: "X-User"}, ana)
	try := func(remote, forwarded, token string) error {
		_, err := g.Authenticate(request(remote, "desk.example.com", func(r *http.Request) {
			r.Header.Set("Authorization", "Bearer "+token)
			if forwarded != "" {
				r.Header.Set("X-Forwarded-For", forwarded)
			}
		}))
		return err
	}
	for range failureBurst {
		if err := try("192.0.2.1:5", "", "guess"); !errors.Is(err, ErrUnknownToken) {
			t.Fatal(err)
		}
	}
	if err := try("192.0.2.1:5", "", "guess"); !errors.Is(err, ErrTooManyAttempts) {
		t.Errorf("one more guess: %v", err)
	}
	if err := try("192.0.2.1:5", "198.51.100.7", "guess"); !errors.Is(err, ErrTooManyAttempts) {
		t.Errorf("a guess that pretends to be somebody else: %v", err)
	}
	if err := try("192.0.2.1:5", "", tokens["ana"]); err != nil {
		t.Errorf("the right token from the same address: %v", err)
	}
	if err := try("192.0.2.2:5", "", "guess"); !errors.Is(err, ErrUnknownToken) {
		t.Errorf("a first mistake from elsewhere: %v", err)
	}
	for range failureBurst + 1 {
		_ = try("10.0.0.1:5", "203.0.113.9", "guess")
	}
	if err := try("10.0.0.1:5", "203.0.113.10", "guess"); !errors.Is(err, ErrUnknownToken) {
		t.Errorf("behind the proxy one guesser slows another down: %v", err)
	}
}

// A guard that lets nobody in, or anybody, is refused with what to set.
func TestNewGuardRefuses(t *testing.T) {
	for name, o := range map[string]Options{
		"PRIVATEREPLY_APPROVALS_USERS":   {},
		"PRIVATEREPLY_APPROVALS_PROXIES": {Header: "X-User"},
	} {
		if _, err := NewAuthenticator(o); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// A users file that is wrong says where, and never repeats a token.
func TestUsersFile(t *testing.T) {
	const hash = "9dac48e6e0cb665a8b48f77e81b93903c12859e344af0bd8b90460e9323584c8"
	tests := []struct {
		name, file, problem string
	}{
		{"good", "- {name: ana, role: approver, token_sha256: " + hash + "}\n- {name: proxied, role: viewer}", ""},
		{"empty", "", "there is no user"},
		{"a role that is none", "- {name: ana, role: boss, token_sha256: " + hash + "}", `user 1: role: "boss"`},
		{"the token itself", "- {name: ana, role: viewer, token_sha256: desk-SECRETSECRET}", "user 1: token_sha256"},
		{"an unknown field", "- {name: ana, role: viewer, token: desk-SECRETSECRET}", "unknown field"},
		{"twice", "- {name: ana, role: viewer}\n- {name: ana, role: admin}", `user 2: name: "ana" is there twice`},
		{"no name", "- {role: viewer}", "user 1: name"},
		{"a map", "users: []", "not a list"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "users.yaml")
			write(t, path, tt.file)
			_, err := OpenUsers(path)
			switch {
			case tt.problem == "" && err != nil:
				t.Fatal(err)
			case tt.problem != "" && (err == nil || !strings.Contains(err.Error(), tt.problem)):
				t.Fatalf("got %v, want %q", err, tt.problem)
			case err != nil && strings.Contains(err.Error(), "SECRET"):
				t.Fatalf("the error shows a token: %v", err)
			}
		})
	}
}

// Each role may do what the one before it may, and no more.
func TestRoles(t *testing.T) {
	for i, has := range roles {
		for j, needs := range roles {
			if got := (User{Role: has}).May(needs); got != (i >= j) {
				t.Errorf("%s may do what needs %s: %v", has, needs, got)
			}
		}
	}
	if (User{}).May(Viewer) {
		t.Error("nobody may look")
	}
}

// A user's accounts are those of the file, also for whom a proxy names; a list that would mean
// nobody or everybody by mistake is refused, and an account that nobody knows is named.
func TestAccountsOfUsers(t *testing.T) {
	for lines, want := range map[string]string{
		"  accounts: [\"17841\", Oak Corner]\n": "[17841 Oak Corner]",
		"":                                      "[]",
		"  accounts: []\n":                      "refused",
		"  accounts: [\"\"]\n":                  "refused",
		"  accounts: Oak Corner\n":              "refused",
	} {
		path, _ := usersFile(t, ana)
		file, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		write(t, path, string(file)+lines)
		users, err := OpenUsers(path)
		if want == "refused" {
			if err == nil {
				t.Errorf("%q is taken", lines)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		g, err := NewAuthenticator(Options{Users: users, Header: "X-User", Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
		if err != nil {
			t.Fatal(err)
		}
		user, err := g.Authenticate(request("10.1.2.3:999", "desk.example.com", func(r *http.Request) { r.Header.Set("X-User", "ana") }))
		if got := fmt.Sprint(user.Accounts); err != nil || got != want {
			t.Errorf("%q: accounts %s, %v", lines, got, err)
		}
		err = g.CheckAccounts(func(a string) bool { return a == "17841" })
		if told := err != nil && strings.Contains(err.Error(), `"Oak Corner"`); told != (len(user.Accounts) > 0) {
			t.Errorf("%q: the check says %v", lines, err)
		}
	}
}
