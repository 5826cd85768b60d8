package meta

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/privatereply/privatereply"
	"go.uber.org/zap"
)

// Sandbox is Meta in one process. It is an http.Handler: the Graph API under
// /facebook/{version}/, /instagram/{version}/ and /{version}/ (which takes the
// tokens of both), the control API under /sandbox/, the page at /.
//
// Everything it knows is behind one lock. Each call touches a few map entries and
// never walks a list of comments, so the lock is held for microseconds.
type Sandbox struct {
	cfg    Config
	log    *zap.Logger
	mux    *http.ServeMux
	outbox *outbox
	closed chan struct{}
	stop   sync.Once

	mu       sync.Mutex
	serial   int64
	accounts []*account
	byID     map[string]*account
	owners   map[string]*owner
	tokens   map[string]*credential
	comments map[string]*comment // by number: visitor posts too
	posts    map[string]*post    // by every id a post has
	threads  map[string]*person  // by conversation id
	messages map[string]*message
	faults   faults
	appCalls *meter
	app      app
	said     int           // errors answered, for the rotation of languages
	early    []webhookItem // echoes that go out before the answer of the call being performed
	activity eventLog
	recent   recent
	version  int           // grows with everything that happens
	changed  chan struct{} // closed and replaced whenever something happens
}

// New builds a sandbox whose accounts have a post, a reel and an ad each.
func New(cfg Config) *Sandbox {
	cfg = cfg.withDefaults()
	s := &Sandbox{
		cfg:      cfg,
		log:      cfg.Log,
		closed:   make(chan struct{}),
		serial:   firstSerial(cfg.Now()),
		byID:     map[string]*account{},
		owners:   map[string]*owner{},
		tokens:   map[string]*credential{},
		comments: map[string]*comment{},
		posts:    map[string]*post{},
		threads:  map[string]*person{},
		messages: map[string]*message{},
		app:      newApp(),
		changed:  make(chan struct{}),
	}
	s.outbox = newOutbox(cfg, s.delivered, s.wake)
	for _, a := range cfg.Accounts {
		s.addAccount(a)
	}
	s.setLimits(cfg.Limits)
	for _, a := range s.accounts {
		s.seed(a)
	}
	s.mux = s.routes()
	return s
}

// ServeHTTP serves the Graph API, the control API and the page.
func (s *Sandbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, set := w.Header()["Date"]; !set {
		w.Header().Set("Date", s.now().Format(http.TimeFormat))
	}
	s.mux.ServeHTTP(w, r)
}

// Close ends every hanging call and stops the delivery of webhooks. Call it
// before the server that serves s is closed, because that waits for open calls.
func (s *Sandbox) Close() {
	s.stop.Do(func() {
		close(s.closed)
		s.outbox.close()
	})
}

// Wait returns when done says true, asking again whenever something has happened
// in the sandbox, or when ctx ends. done may call the sandbox.
func (s *Sandbox) Wait(ctx context.Context, done func() bool) error {
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		if done() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// wake lets everybody in Wait look again.
func (s *Sandbox) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wakeLocked()
}

func (s *Sandbox) wakeLocked() {
	s.version++
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *Sandbox) now() time.Time { return s.cfg.Now().UTC() }

// seed gives an account what a page needs to be useful at once: a post, a reel
// and an ad of that post. Nothing is live.
func (s *Sandbox) seed(a *account) {
	now := s.now()
	first := s.addPost(a, privatereply.SourcePost, "Fresh out of the workshop: our oak side table.", now.Add(-72*time.Hour))
	s.addPost(a, privatereply.SourceReel, "Sixty seconds of sawdust: how the table is made.", now.Add(-48*time.Hour))
	ad := s.addPost(a, privatereply.SourceAd, "The oak side table, now with free delivery.", now.Add(-24*time.Hour))
	ad.original = first
}
