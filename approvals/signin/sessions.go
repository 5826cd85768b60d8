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
	// sessionLife is the longest that a session lives, sessionIdle the longest that
	// it lies unused: a phone that was lost should not decide next week.
	sessionLife = 7 * 24 * time.Hour
	sessionIdle = 24 * time.Hour
	// maxSessions is how many sessions one user may have; the oldest goes first.
	maxSessions = 20
)

// sessions are who is signed in with a token. They live in memory: after a restart
// people sign in again.
type sessions struct {
	now func() time.Time

	mu  sync.Mutex
	all map[[sha256.Size]byte]*session
}

type session struct {
	name   string
	hash   []byte // of the token that it began with
	begun  time.Time
	used   time.Time
	client string // what the browser calls itself
}

// Session is one sign-in, for those who manage them.
type Session struct {
	Name   string
	Begun  time.Time
	Used   time.Time
	Client string
}

func newSessions(now func() time.Time) *sessions {
	return &sessions{now: now, all: map[[sha256.Size]byte]*session{}}
}

// begin starts a session for the holder of a token and returns its secret.
func (s *sessions) begin(holder entry, client string) string {
	secret := rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	var own [][sha256.Size]byte
	for key, v := range s.all {
		switch {
		case v.over(now):
			delete(s.all, key)
		case v.name == holder.Name:
			own = append(own, key)
		}
	}
	slices.SortFunc(own, func(a, b [sha256.Size]byte) int { return s.all[a].used.Compare(s.all[b].used) })
	for len(own) >= maxSessions {
		delete(s.all, own[0])
		own = own[1:]
	}
	const clientChars = 200
	s.all[sha256.Sum256([]byte(secret))] = &session{name: holder.Name, hash: holder.hash, begun: now, used: now, client: client[:min(len(client), clientChars)]}
	return secret
}

// use finds whose session it is, and the hash of the token that it began with, if it is
// still good.
func (s *sessions) use(secret string) (name string, hash []byte, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.all[sha256.Sum256([]byte(secret))]
	if !ok || found.over(s.now()) {
		return "", nil, false
	}
	found.used = s.now()
	return found.name, found.hash, true
}

func (s *session) over(now time.Time) bool {
	return now.Sub(s.begun) > sessionLife || now.Sub(s.used) > sessionIdle
}

func (s *sessions) end(secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, sha256.Sum256([]byte(secret)))
}

// endAll ends every session of a user, and says how many they were.
func (s *sessions) endAll(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for key, v := range s.all {
		if v.name == name {
			delete(s.all, key)
			n++
		}
	}
	return n
}

// list shows the sessions that are good, the last used first.
func (s *sessions) list() []Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Session
	for _, v := range s.all {
		if !v.over(s.now()) {
			all = append(all, Session{Name: v.name, Begun: v.begun, Used: v.used, Client: v.client})
		}
	}
	slices.SortFunc(all, func(a, b Session) int {
		return cmp.Or(b.Used.Compare(a.Used), cmp.Compare(a.Name, b.Name))
	})
	return all
}
