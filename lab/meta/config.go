package meta

import (
	"time"

	"github.com/privatereply/privatereply"
	"go.uber.org/zap"
)

// Config says what New builds. Only Accounts is needed.
type Config struct {
	Accounts        []Account        // taken as they are; whoever read the accounts file has checked them
	WebhookURL      string           // the callback; empty: webhooks are built and kept, not posted
	VerifyToken     string           // for the callback's verification
	Limits          Limits           // zero fields are Meta's own limits
	WebhookSettings WebhookSettings  // how webhooks are delivered
	WebhookTimeout  time.Duration    // how long a callback may take; 0 is Meta's 5 s
	RetryDelays     []time.Duration  // waits before a failed webhook is repeated; nil spreads them over 36 h
	Now             func() time.Time // Meta's clock; nil is the machine's
	Log             *zap.Logger      // nil logs nothing
}

// Account is an Instagram professional account or a Facebook Page, with the
// secrets that Meta and the product share about it.
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
	SeparateMessagingIDs bool   // people have one id as commenters and another one in messages
}

func (a Account) instagram() bool { return a.Platform == privatereply.Instagram }

// ownLogin reports whether a belongs to graph.instagram.com.
func (a Account) ownLogin() bool {
	return a.instagram() && a.Login == privatereply.LoginInstagram
}

// ownerID is the id of what the account's token belongs to, and the node that sends.
func (a Account) ownerID() string {
	if a.instagram() && !a.ownLogin() {
		return a.PageID
	}
	return a.ID
}

// webhookSecret signs the account's webhooks: an app with the Instagram login has
// a secret of its own for them.
func (a Account) webhookSecret() string {
	if a.ownLogin() && a.InstagramAppSecret != "" {
		return a.InstagramAppSecret
	}
	return a.AppSecret
}

// Limits are Meta's limits on calls, for each account. A zero field is Meta's own
// number, a negative one is no limit.
type Limits struct {
	PostsPerHour           int `json:"posts_per_hour"`           // private replies to posts, reels and ads; 750
	LivePerSecond          int `json:"live_per_second"`          // private replies to Instagram live comments; 100
	SendsPerSecond         int `json:"sends_per_second"`         // follow-ups; 100
	ConversationsPerSecond int `json:"conversations_per_second"` // Conversations API; 2
	AppPerHour             int `json:"app_per_hour"`             // every call of the app; no limit unless set
}

// callbackTimeout is how long Meta waits for a callback: see its Messenger
// Platform webhooks page.
const callbackTimeout = 5 * time.Second

// retryAfter spreads the repeats of a failed webhook over about 36 hours: at
// once, a few more times, then less and less often. Meta gives no exact schedule.
var retryAfter = []time.Duration{
	100 * time.Millisecond, time.Second, 5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute,
	15 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour, 8 * time.Hour, 12 * time.Hour,
}

func (c Config) withDefaults() Config {
	if c.WebhookTimeout == 0 {
		c.WebhookTimeout = callbackTimeout
	}
	if c.RetryDelays == nil {
		c.RetryDelays = retryAfter
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = zap.NewNop()
	}
	return c
}
