package signin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Options are the ways to sign in. At least one of Users, Header and DevUser is set.
type Options struct {
	Users *Users // nil: no tokens
	// Header is the header in which a trusted proxy names the user; empty: none. It counts
	// only in requests from Proxies.
	Header    string
	Proxies   []netip.Prefix
	ProxyRole Role // of users who are not in the file; empty: they are refused
	// DevUser is the admin that every request from this machine is, without signing in. For
	// development only.
	DevUser string
}

// Authenticator finds the user of a request, by token, session or trusted proxy.
type Authenticator struct {
	opts     Options
	sessions *sessionStore
	failures *failureLimiter
}

// NewAuthenticator fails if nobody could sign in by the options, or everybody could.
func NewAuthenticator(o Options) (*Authenticator, error) {
	switch {
	case o.Users == nil && o.Header == "" && o.DevUser == "":
		return nil, errors.New("nobody could sign in: set PRIVATEREPLY_APPROVALS_USERS to a file that `approvals user NAME --role admin` makes entries for, or PRIVATEREPLY_APPROVALS_PROXY_HEADER behind a proxy that signs people in")
	case o.Header != "" && len(o.Proxies) == 0:
		return nil, errors.New("PRIVATEREPLY_APPROVALS_PROXY_HEADER needs PRIVATEREPLY_APPROVALS_PROXIES: anybody could write the header otherwise")
	case o.Header == "" && len(o.Proxies) > 0 && o.Users == nil && o.DevUser == "":
		return nil, errors.New("PRIVATEREPLY_APPROVALS_PROXIES alone signs nobody in: set PRIVATEREPLY_APPROVALS_PROXY_HEADER as well")
	}
	return &Authenticator{opts: o, sessions: newSessionStore(time.Now), failures: newFailureLimiter(time.Now)}, nil
}

// AcceptsTokens reports whether people can sign in with a token.
func (g *Authenticator) AcceptsTokens() bool { return g.opts.Users != nil }

// Err says why the newest users file is not in force.
func (g *Authenticator) Err() error { return g.opts.Users.Err() }

// CheckAccounts says which accounts of the users file are none that known knows.
func (g *Authenticator) CheckAccounts(known func(idOrName string) bool) error {
	return g.opts.Users.CheckAccounts(known)
}

// Authenticate returns the user of a request. ErrTooManyAttempts means that its address
// tried too many wrong tokens.
func (g *Authenticator) Authenticate(r *http.Request) (User, error) {
	name := g.proxyName(r)
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		token = strings.TrimSpace(token)
		// A proxy that signs people in may forward the token that it got for them.
		if name == "" || strings.HasPrefix(token, tokenPrefix) || g.knowsToken(token) {
			holder, err := g.authenticateToken(r, token)
			return holder.User, err
		}
	}
	if g.opts.DevUser != "" && fromLoopback(r) {
		return User{Name: g.opts.DevUser, Role: Admin}, nil
	}
	if name != "" {
		return g.proxyUser(name)
	}
	if cookie, err := r.Cookie(cookieName(r)); err == nil {
		if user, ok := g.sessionUser(cookie.Value); ok {
			return user, nil
		}
	}
	return User{}, ErrNotSignedIn
}

// proxyName is the name by a trusted proxy; empty: none.
func (g *Authenticator) proxyName(r *http.Request) string {
	if g.opts.Header == "" || !g.fromProxy(r) {
		return ""
	}
	return strings.TrimSpace(r.Header.Get(g.opts.Header))
}

func (g *Authenticator) knowsToken(token string) bool {
	_, ok := g.opts.Users.byToken(token)
	return ok
}

// Why a request has no user.
var (
	ErrNotSignedIn     = errors.New("you are not signed in")
	ErrUnknownToken    = errors.New("this token is not known; ask the person who runs the desk for a new one")
	ErrTooManyAttempts = errors.New("too many wrong tokens came from your address; wait a minute and try again")
	ErrNoRole          = errors.New("you are known, but may not use the desk; ask the person who runs it to enter your name in its users file")
)

func (g *Authenticator) authenticateToken(r *http.Request, token string) (userEntry, error) {
	holder, ok := g.opts.Users.byToken(token)
	if ok {
		return holder, nil // also from an address with too many wrong tokens
	}
	if !g.failures.allow(g.ClientAddress(r)) {
		return userEntry{}, ErrTooManyAttempts
	}
	return userEntry{}, ErrUnknownToken
}

// sessionUser returns the user of a session. It reads the users file each time: a session
// ends with the token that it began with, so that a stolen token can be revoked.
func (g *Authenticator) sessionUser(secret string) (User, bool) {
	name, hash, ok := g.sessions.lookup(secret)
	if !ok {
		return User{}, false
	}
	now, ok := g.opts.Users.byName(name)
	if !ok || !bytes.Equal(now.hash, hash) {
		g.sessions.remove(secret)
		return User{}, false
	}
	return now.User, true
}

func (g *Authenticator) proxyUser(name string) (User, error) {
	if checkName(name) != nil {
		return User{}, ErrNoRole
	}
	if known, ok := g.opts.Users.byName(name); ok {
		return known.User, nil
	}
	if g.opts.ProxyRole == "" {
		return User{}, ErrNoRole
	}
	return User{Name: name, Role: g.opts.ProxyRole}, nil
}

// SignIn starts a session for the user of a token.
func (g *Authenticator) SignIn(w http.ResponseWriter, r *http.Request, token string) (User, error) {
	holder, err := g.authenticateToken(r, strings.TrimSpace(token))
	if err != nil {
		return User{}, err
	}
	http.SetCookie(w, &http.Cookie{
		Name: cookieName(r), Value: g.sessions.create(holder, r.UserAgent()), Path: "/",
		MaxAge: int(sessionLifetime.Seconds()), HttpOnly: true, Secure: !toLoopback(r),
		// Lax and not strict: a link in a chat must find people signed in.
		SameSite: http.SameSiteLaxMode,
	})
	return holder.User, nil
}

// SignOut ends the session of a request.
func (g *Authenticator) SignOut(w http.ResponseWriter, r *http.Request) {
	if cookie, err := r.Cookie(cookieName(r)); err == nil {
		g.sessions.remove(cookie.Value)
	}
	http.SetCookie(w, &http.Cookie{Name: cookieName(r), Path: "/", MaxAge: -1, HttpOnly: true, Secure: !toLoopback(r), SameSite: http.SameSiteLaxMode})
}

// Sessions lists who is signed in with a token, the last used first.
func (g *Authenticator) Sessions() []Session { return g.sessions.list() }

// SignOutUser signs a user out everywhere.
func (g *Authenticator) SignOutUser(name string) int { return g.sessions.removeUser(name) }

// User is the user of the users file with a name.
func (g *Authenticator) User(name string) (User, bool) {
	entry, ok := g.opts.Users.byName(name)
	return entry.User, ok
}

// Users lists the users of the users file.
func (g *Authenticator) Users() []User { return g.opts.Users.All() }

// cookieName has the prefix __Host-, with which browsers refuse cookies of other hosts,
// wherever they allow it.
func cookieName(r *http.Request) string {
	if toLoopback(r) {
		return "desk"
	}
	return "__Host-desk"
}

// toLoopback reports whether the request has a loopback name as its host. Only then may a
// cookie travel without TLS.
func toLoopback(r *http.Request) bool {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// fromLoopback reports whether the request comes from this machine and names it: a foreign
// page whose name resolves to this machine has another host.
func fromLoopback(r *http.Request) bool {
	ip, err := remoteAddr(r)
	return err == nil && ip.IsLoopback() && toLoopback(r)
}

func (g *Authenticator) fromProxy(r *http.Request) bool {
	ip, err := remoteAddr(r)
	return err == nil && g.trusted(ip)
}

func (g *Authenticator) trusted(ip netip.Addr) bool {
	for _, p := range g.opts.Proxies {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}

// ClientAddress is the address by which wrong tokens are counted: behind trusted proxies
// the one in X-Forwarded-For.
func (g *Authenticator) ClientAddress(r *http.Request) string {
	ip, err := remoteAddr(r)
	if err != nil {
		return r.RemoteAddr
	}
	forwarded := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(forwarded) - 1; i >= 0 && g.trusted(ip); i-- {
		next, err := netip.ParseAddr(strings.TrimSpace(forwarded[i]))
		if err != nil {
			break
		}
		ip = next.Unmap()
	}
	return ip.String()
}

func remoteAddr(r *http.Request) (netip.Addr, error) {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("remote address: %w", err)
	}
	return at.Addr().Unmap(), nil
}

type userKey struct{}

// WithUser returns a context with a user.
func WithUser(ctx context.Context, u User) context.Context {
	return context.WithValue(ctx, userKey{}, u)
}

// UserFrom is the user of a context.
func UserFrom(ctx context.Context) User {
	u, _ := ctx.Value(userKey{}).(User)
	return u
}

const (
	// failureBurst is the number of wrong tokens that an address may try at once, and
	// failureEvery the time until it may try another. A token cannot be guessed anyway; the
	// limit saves log and CPU.
	failureBurst = 5
	failureEvery = 12 * time.Second
	// maxAddresses limits the memory. When it is reached, all addresses are dropped.
	maxAddresses = 10_000
)

// failureLimiter limits wrong tokens by address.
type failureLimiter struct {
	now func() time.Time

	mu        sync.Mutex
	byAddress map[string]*rate.Limiter
}

func newFailureLimiter(now func() time.Time) *failureLimiter {
	return &failureLimiter{now: now, byAddress: map[string]*rate.Limiter{}}
}

// allow counts a wrong token, and reports whether the address is below its limit.
func (f *failureLimiter) allow(address string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	l, ok := f.byAddress[address]
	if !ok {
		if len(f.byAddress) >= maxAddresses {
			clear(f.byAddress)
		}
		l = rate.NewLimiter(rate.Every(failureEvery), failureBurst)
		f.byAddress[address] = l
	}
	return l.AllowN(f.now(), 1)
}
