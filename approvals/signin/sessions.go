package signin

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"slices"
	"sync"
	"time"
)

const (
	// sessionLifetime is the longest life of a session, and sessionIdleTimeout the longest
	// time without a request: a phone that was lost should not decide next week.
	sessionLifetime    = 7 * 24 * time.Hour
	sessionIdleTimeout = 24 * time.Hour
	// maxSessions limits the sessions of one user; the oldest ends first.
	maxSessions = 20
)

// sessionStore has the sessions of users with a token, in memory: after a restart users
// sign in again. It has the hashes of secrets, not the secrets.
type sessionStore struct {
	now func() time.Time

	mu     sync.Mutex
	byHash map[[sha256.Size]byte]*session
}

type session struct {
	name       string
	tokenHash  []byte // of the user's token at sign-in
	createdAt  time.Time
	lastUsedAt time.Time
	client     string // the User-Agent
}

// Session is one sign-in, for the page of people.
type Session struct {
	Name       string
	CreatedAt  time.Time
	LastUsedAt time.Time
	Client     string
}

func newSessionStore(now func() time.Time) *sessionStore {
	return &sessionStore{now: now, byHash: map[[sha256.Size]byte]*session{}}
}

// create starts a session for the user of a token, and returns the session's secret.
func (s *sessionStore) create(holder userEntry, client string) string {
	secret := rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	var own [][sha256.Size]byte
	for key, v := range s.byHash {
		switch {
		case v.expired(now):
			delete(s.byHash, key)
		case v.name == holder.Name:
			own = append(own, key)
		}
	}
	slices.SortFunc(own, func(a, b [sha256.Size]byte) int { return s.byHash[a].lastUsedAt.Compare(s.byHash[b].lastUsedAt) })
	for len(own) >= maxSessions {
		delete(s.byHash, own[0])
		own = own[1:]
	}
	const clientChars = 200
	s.byHash[sha256.Sum256([]byte(secret))] = &session{name: holder.Name, tokenHash: holder.hash, createdAt: now, lastUsedAt: now, client: client[:min(len(client), clientChars)]}
	return secret
}

// lookup returns a valid session's user and the hash of the token that it began with.
func (s *sessionStore) lookup(secret string) (name string, hash []byte, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.byHash[sha256.Sum256([]byte(secret))]
	if !ok || found.expired(s.now()) {
		return "", nil, false
	}
	found.lastUsedAt = s.now()
	return found.name, found.tokenHash, true
}

func (s *session) expired(now time.Time) bool {
	return now.Sub(s.createdAt) > sessionLifetime || now.Sub(s.lastUsedAt) > sessionIdleTimeout
}

func (s *sessionStore) remove(secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byHash, sha256.Sum256([]byte(secret)))
}

// removeUser ends every session of a user, and returns their number.
func (s *sessionStore) removeUser(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for key, v := range s.byHash {
		if v.name == name {
			delete(s.byHash, key)
			n++
		}
	}
	return n
}

// list returns the valid sessions, the last used first.
func (s *sessionStore) list() []Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Session
	for _, v := range s.byHash {
		if !v.expired(s.now()) {
			all = append(all, Session{Name: v.name, CreatedAt: v.createdAt, LastUsedAt: v.lastUsedAt, Client: v.client})
		}
	}
	slices.SortFunc(all, func(a, b Session) int {
		return cmp.Or(b.LastUsedAt.Compare(a.LastUsedAt), cmp.Compare(a.Name, b.Name))
	})
	return all
}
