// Package meta simulates Meta for development and tests: a Graph API and a source
// of webhooks in one HTTP handler, with a control API and a page on which a
// developer plays the person who comments.
//
// It enforces Meta's rules (one private reply to a comment, seven days,
// only during an Instagram live, 24 hours after the person wrote, the limits per
// account) and injects failures on request: see [FaultKinds]. Its state lives in
// memory. It is not a server for real people's data.
//
// It shares no code with the product's own Graph client, so that the two cannot
// be wrong in the same way.
package meta

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/privatereply/privatereply"
	"go.uber.org/zap"
)

// Config is the argument of New. Only Accounts is required.
type Config struct {
	Accounts        []Account        // taken as they are; whoever read the accounts file has checked them
	WebhookURL      string           // the callback; empty: webhooks are built and kept, not posted
	VerifyToken     string           // for the callback's verification
	App             App              // the app that people connect their accounts to; without ids nobody can log in
	TokenLife       time.Duration    // of a long-lived token; 0 is Meta's 60 days
	MinTokenAge     time.Duration    // a younger token is not renewed; 0 is a sixtieth of its life, Meta's 24 h of 60 days
	Limits          Limits           // zero fields are Meta's own limits
	WebhookSettings WebhookSettings  // how webhooks are delivered
	WebhookTimeout  time.Duration    // how long a callback may take; 0 is Meta's 5 s
	RetryDelays     []time.Duration  // waits before a failed webhook is repeated; nil spreads them over 36 h
	Now             func() time.Time // Meta's clock; nil is the machine's
	Log             *zap.Logger      // nil logs nothing
}

// Account is an Instagram professional account or a Facebook Page, with the secrets
// that Meta and the product share.
type Account struct {
	Platform             privatereply.Platform
	ID                   string // entry.id of its webhooks
	Name                 string
	Login                privatereply.Login
	PageID               string // the Page behind an Instagram account with the Facebook login
	Token                string
	AppSecret            string
	InstagramAppSecret   string // signs the webhooks of Instagram accounts with the Instagram login
	HumanAgent           bool   // the app has the Human Agent feature
	RequireProof         bool   // "Require App Secret": a call without appsecret_proof is refused
	TextOnlyReplies      bool   // a private reply with buttons or quick replies is refused
	SeparateMessagingIDs bool   // people have one id as commenters and another one in messages

	Unconnected bool          // the app has no token of it and is not subscribed until somebody logs in; Token stays empty
	TokenLife   time.Duration // of the tokens of an account with the Instagram login, Token included; 0 is Config.TokenLife, and Token has no end
	NoUserID    bool          // a kind of account whose /me has no user_id, with the Instagram login: its id is the account's
	Business    string        // the business portfolio that owns the Page; it is found through /me/businesses only
	OtherApp    string        // the name of another app that is subscribed to its webhooks
}

// App is the app at Meta that people connect their accounts to. With the Instagram login
// it has an id and a secret of its own.
type App struct {
	FacebookID, FacebookSecret   string
	InstagramID, InstagramSecret string
	RedirectURIs                 []string // where a login may lead back to, word for word; none: any loopback address
}

func (a Account) instagram() bool { return a.Platform == privatereply.Instagram }

// ownLogin reports whether the account belongs to graph.instagram.com.
func (a Account) ownLogin() bool {
	return a.instagram() && a.Login == privatereply.LoginInstagram
}

// ownerID is the id of the token's owner, which is also the node that sends.
func (a Account) ownerID() string {
	if a.instagram() && !a.ownLogin() {
		return a.PageID
	}
	return a.ID
}

// webhookSecret is the secret that signs the account's webhooks: an app with the
// Instagram login has one of its own for them.
func (a Account) webhookSecret() string {
	if a.ownLogin() && a.InstagramAppSecret != "" {
		return a.InstagramAppSecret
	}
	return a.AppSecret
}

// Limits are Meta's rate limits for each account. A zero field is Meta's own number, a
// negative one is no limit.
type Limits struct {
	PostsPerHour           int `json:"posts_per_hour"`           // private replies to posts, reels and ads; 750
	LivePerSecond          int `json:"live_per_second"`          // private replies to Instagram live comments; 100
	SendsPerSecond         int `json:"sends_per_second"`         // follow-ups; 100
	ConversationsPerSecond int `json:"conversations_per_second"` // Conversations API; 2
	AppPerHour             int `json:"app_per_hour"`             // every call of the app; no limit unless set
}

// callbackTimeout is how long Meta waits for the callback's answer: see its Messenger
// Platform webhooks page.
const callbackTimeout = 5 * time.Second

// defaultRetryDelays spread the retries of a failed webhook over about 36 hours: at
// once, then less and less often. Meta gives no exact schedule.
var defaultRetryDelays = []time.Duration{
	100 * time.Millisecond, time.Second, 5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute,
	15 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour, 8 * time.Hour, 12 * time.Hour,
}

func (c Config) withDefaults() Config {
	if c.WebhookTimeout == 0 {
		c.WebhookTimeout = callbackTimeout
	}
	if c.TokenLife == 0 {
		c.TokenLife = tokenLife
	}
	if c.RetryDelays == nil {
		c.RetryDelays = defaultRetryDelays
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = zap.NewNop()
	}
	return c
}

// Sandbox simulates Meta in one process. It is an http.Handler: the Graph API under
// /facebook/{version}/, /instagram/{version}/ and /{version}/ (which accepts the tokens
// of both), the login dialogs under /login/, the control API under /sandbox/, the page
// at /.
//
// One mutex guards its state. Each call touches a few map entries and never walks a
// list of comments, so the mutex is held for microseconds.
type Sandbox struct {
	cfg    Config
	log    *zap.Logger
	mux    *http.ServeMux
	outbox *outbox
	closed chan struct{}
	stop   sync.Once

	mu             sync.Mutex
	serial         int64
	accounts       []*account
	byID           map[string]*account
	owners         map[string]*owner
	tokens         map[string]*credential
	codes          map[string]*loginCode
	facebookUser   *appUser            // who logs in with Facebook: one person, who runs every Page
	nobody         *account            // what calls that belong to no account count for
	comments       map[string]*comment // by number: visitor posts too
	posts          map[string]*post    // by every id a post has
	conversations  map[string]*person  // by conversation id
	messages       map[string]*message
	faults         faults
	appCalls       *limiter
	app            app
	errorsAnswered int           // errors answered, for the rotation of languages
	earlyEchoes    []webhookItem // echoes that go out before the answer of the call being performed
	events         eventLog
	recent         recentView
	version        int           // grows with everything that happens
	changed        chan struct{} // closed and replaced whenever something happens
}

// New builds a sandbox. Each account has a post, a reel and an ad.
func New(cfg Config) *Sandbox {
	cfg = cfg.withDefaults()
	s := &Sandbox{
		cfg:           cfg,
		log:           cfg.Log,
		closed:        make(chan struct{}),
		serial:        firstSerial(cfg.Now()),
		byID:          map[string]*account{},
		owners:        map[string]*owner{},
		tokens:        map[string]*credential{},
		codes:         map[string]*loginCode{},
		facebookUser:  &appUser{id: scopedID("102", "app-user", cfg.App.FacebookID), name: "Robin Keeper"},
		nobody:        newAccount(Account{Platform: privatereply.Facebook}),
		comments:      map[string]*comment{},
		posts:         map[string]*post{},
		conversations: map[string]*person{},
		messages:      map[string]*message{},
		app:           defaultApp(),
		changed:       make(chan struct{}),
	}
	s.outbox = newOutbox(cfg, s.recordDelivery, s.notifyWaiters)
	for _, a := range cfg.Accounts {
		s.addAccount(a)
	}
	s.setLimits(cfg.Limits)
	for i, a := range s.accounts {
		s.seed(a, firstCaptions[i%len(firstCaptions)])
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

// Close ends every hanging call and stops the delivery of webhooks. Call it before
// closing the server that serves s, because that waits for open calls.
func (s *Sandbox) Close() {
	s.stop.Do(func() {
		close(s.closed)
		s.outbox.close()
	})
}

// Wait returns when done reports true or ctx ends. It calls done again after every
// event in the sandbox; done may call the sandbox.
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

// notifyWaiters lets every caller of Wait check its condition again.
func (s *Sandbox) notifyWaiters() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notifyWaitersLocked()
}

func (s *Sandbox) notifyWaitersLocked() {
	s.version++
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *Sandbox) now() time.Time { return s.cfg.Now().UTC() }

// seed gives an account its first content: a post, a reel and an ad of that post.
// Nothing is live.
func (s *Sandbox) seed(a *account, captions [3]string) {
	now := s.now()
	first := s.addPost(a, privatereply.SourcePost, captions[0], now.Add(-72*time.Hour))
	s.addPost(a, privatereply.SourceReel, captions[1], now.Add(-48*time.Hour))
	ad := s.addPost(a, privatereply.SourceAd, captions[2], now.Add(-24*time.Hour))
	ad.original = first
}

// firstCaptions are those of the first post, reel and ad of each account, in turn.
var firstCaptions = [][3]string{
	{"Fresh out of the workshop: our oak side table.", "Sixty seconds of sawdust: how the table is made.", "The oak side table, now with free delivery."},
	{
		"The walnut shelf is back.\n\nThree boards, no screws: it hangs on two brass pins and takes twenty kilos. We cut it to your wall, " +
			"in steps of a centimetre. Orders of this week leave before the holidays.\n\n#walnut #shelf #workshop",
		"From plank to shelf in one afternoon.", "The walnut shelf: cut to your wall, delivered in a week.",
	},
	{"New in the shop: the copper kettle, 1.7 litres.", "Listen to it: the kettle that hums before it boils.", "The copper kettle, with a lid for life."},
	{"Behind the counter today: linen, dyed with onion skins.", "How we dye: ten minutes in thirty seconds.", "Linen napkins, a set of four, for the long table."},
}

// Ids have the shapes of Meta's: digits only, 15 to 18 of them, and a Facebook
// comment is "<post>_<comment>". The serial number starts at the clock, so that a
// sandbox that starts again never gives an id a second time.

// idsPerMillisecond is how many ids each millisecond of the clock provides.
const idsPerMillisecond = 10

func firstSerial(now time.Time) int64 { return now.UnixMilli() * idsPerMillisecond }

func (s *Sandbox) nextSerialNumber() string {
	s.serial++
	return fmt.Sprintf("%014d", s.serial)
}

func (s *Sandbox) newMediaID() string { return "179" + s.nextSerialNumber() }

func (s *Sandbox) newInstagramCommentID() string { return "180" + s.nextSerialNumber() }

func (s *Sandbox) newPostNumber() string { return "2" + s.nextSerialNumber() }

func (s *Sandbox) newCommentNumber() string { return "3" + s.nextSerialNumber() }

func (s *Sandbox) newVideoID() string { return "9" + s.nextSerialNumber() }

func (s *Sandbox) newAdID() string { return "1202" + s.nextSerialNumber() }

func (s *Sandbox) newMessageID(instagram bool) string {
	sum := sha256.Sum256([]byte(s.nextSerialNumber()))
	text := base64.RawURLEncoding.EncodeToString(sum[:])
	if instagram {
		return "aWdfZ" + text
	}
	return "m_" + text
}

func (s *Sandbox) newConversationID(instagram bool) string {
	n := s.nextSerialNumber()
	if instagram {
		return "aWdfZAG06" + base64.RawURLEncoding.EncodeToString([]byte("IGMessageThread:"+n))
	}
	return "t_1" + n
}

// scopedID derives an id from words, the same in every sandbox: a person keeps the id
// when the sandbox restarts.
func scopedID(prefix string, words ...string) string {
	h := sha256.New()
	for _, w := range words {
		fmt.Fprintf(h, "%d:%s", len(w), w)
	}
	return fmt.Sprintf("%s%015d", prefix, binary.BigEndian.Uint64(h.Sum(nil))%1e15)
}

func personPrefix(a Account) string {
	if a.instagram() {
		return "6"
	}
	return "7"
}

func newTraceID() string {
	b := make([]byte, 16)
	rand.Read(b) // never fails: crypto/rand ends the process instead
	return "A" + base64.RawURLEncoding.EncodeToString(b)
}
