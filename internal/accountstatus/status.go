// Package accountstatus gathers what is known of each account: its token, webhooks, sweeps
// and waiting replies. The desk and the command line show the same.
package accountstatus

import (
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/workflows"
)

// Status is what is known of one account. It holds no secret. What could not be read is
// missing, and Unread says why.
type Status struct {
	Platform privatereply.Platform `json:"platform"`
	ID       string                `json:"id"`
	Name     string                `json:"name"`
	Login    privatereply.Login    `json:"login"`
	PageID   string                `json:"page_id,omitempty"`
	// Connected reports that the account was connected here, and not written by people into
	// accounts.yaml: its token is renewed, and it can be disconnected.
	Connected   bool      `json:"connected"`
	ConnectedAt time.Time `json:"connected_at,omitzero"`

	Token    Token            `json:"token"`
	Webhooks Webhooks         `json:"webhooks"`
	Sweeps   Sweeps           `json:"sweeps"`
	Sends    Sends            `json:"sends"`
	Waiting  replies.Forecast `json:"waiting"`

	Unread []string `json:"unread,omitempty"` // sentences
}

// Token is the state of an account's access token.
type Token struct {
	State       TokenState `json:"state"`
	ExpiresAt   time.Time  `json:"expires_at,omitzero"`
	IssuedAt    time.Time  `json:"issued_at,omitzero"`
	CheckedAt   time.Time  `json:"checked_at,omitzero"`    // end of the last renewal workflow
	LastRenewal string     `json:"last_renewal,omitempty"` // its outcome
	// LastReason is why the last renewal failed, or that the token has ended.
	LastReason         privatereply.Reason `json:"last_reason,omitempty"`
	Problem            string              `json:"problem,omitempty"`             // what is wrong, and what to do
	MissingPermissions []string            `json:"missing_permissions,omitempty"` // that were taken away
}

// TokenState is how long a token lives.
type TokenState string

// The states of a token.
const (
	TokenGood     TokenState = "good"      // it ends later than in 14 days, or never
	TokenEndsSoon TokenState = "ends_soon" // within 14 days, or half of a shorter life
	TokenEnded    TokenState = "ended"
	TokenUnknown  TokenState = "unknown" // nobody knows its end
	TokenMissing  TokenState = "missing" // it cannot be read
)

// Webhooks is the state of an account's webhooks.
type Webhooks struct {
	LastReplyAt  time.Time `json:"last_reply_at,omitzero"` // when the newest reply to a comment of the account began
	Resubscribed []string  `json:"resubscribed,omitempty"` // fields that Meta had removed, and that the last check subscribed again
	CheckedAt    time.Time `json:"checked_at,omitzero"`
}

// Sweeps is the state of an account's sweeps.
type Sweeps struct {
	Every  time.Duration         `json:"every_ns"`
	Paused string                `json:"paused,omitempty"` // why; empty: they run
	NextAt time.Time             `json:"next_at,omitzero"`
	LastAt time.Time             `json:"last_at,omitzero"` // when the last pass began
	Last   workflows.SweepCounts `json:"last"`             // what it found
	Failed bool                  `json:"failed,omitempty"`
}

// Sends is the state of an account's sends.
type Sends struct {
	PostsPerHour float64 `json:"posts_per_hour"`
	// SentLastHour is how many comments of the last hour have their reply.
	SentLastHour int64 `json:"sent_last_hour"`
	// Held is why replies wait for their next try, by the one that is tried first; empty:
	// none is held back by Meta.
	Held *Held `json:"held,omitempty"`
}

// Held is why Meta keeps an account's replies from going out.
type Held struct {
	Reason  privatereply.Reason `json:"reason"`
	Code    int                 `json:"code,omitempty"`
	Subcode int                 `json:"subcode,omitempty"`
	NextTry time.Time           `json:"next_try,omitzero"`
}

// Words says the reason in a sentence.
func (h Held) Words() string { return h.Reason.Sentence() }
