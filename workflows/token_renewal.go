package workflows

import (
	"time"

	"github.com/privatereply/privatereply"
)

// TokenRenewalInput starts TokenRenewal.
type TokenRenewalInput struct {
	Platform privatereply.Platform `json:"platform"`
	Account  string                `json:"account"`
}

// RenewalOutcome is how a TokenRenewal ended.
type RenewalOutcome string

// The outcomes of a TokenRenewal.
const (
	TokenRenewed  RenewalOutcome = "renewed"
	TokenNotDue   RenewalOutcome = "not_due"   // less than a third of its life is over
	TokenNoEnd    RenewalOutcome = "no_end"    // it lives until Meta ends it
	TokenTooYoung RenewalOutcome = "too_young" // Meta renews only tokens of a certain age
	TokenTooLate  RenewalOutcome = "too_late"  // it has ended: only a person can connect the account again
	TokenFailed   RenewalOutcome = "failed"    // the next run tries again
)

// TokenRenewalResult is the result of a TokenRenewal. It holds times and no token.
type TokenRenewalResult struct {
	Outcome            RenewalOutcome      `json:"outcome"`
	Reason             privatereply.Reason `json:"reason,omitempty"`              // of a failure
	ExpiresAt          time.Time           `json:"expires_at,omitzero"`           // of the token that is in force
	RenewedAt          time.Time           `json:"renewed_at,omitzero"`           // when Meta gave the token that is in force
	NextAt             time.Time           `json:"next_at,omitzero"`              // when the token is due
	Subscribed         []string            `json:"subscribed,omitempty"`          // webhook fields that were missing and are subscribed again
	MissingPermissions []string            `json:"missing_permissions,omitempty"` // that the token needs and does not have any more
	Detail             string              `json:"detail,omitempty"`              // what failed, and what to do
}

// Problem says in a sentence what a person must know or do; empty: nothing.
func (r TokenRenewalResult) Problem() string { return r.Detail }
