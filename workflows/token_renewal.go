package workflows

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/privatereply/privatereply"
)

// TokenActivities are those of TokenRenewal. Tokens never leave them.
type TokenActivities interface {
	ReadToken(context.Context, TokenRenewalInput) (TokenTimes, error)
	RenewToken(context.Context, RenewTokenInput) (RenewTokenResult, error)
	CheckConnection(context.Context, TokenRenewalInput) (CheckConnectionResult, error)
}

// renewalTimeout is how long one try of a step of TokenRenewal may take: some calls to Meta,
// and the wait for another program that writes the accounts folder.
const renewalTimeout = time.Minute

// maxRenewalAttempts is how often a step is tried. The Schedule's next run is the long
// back-off.
const maxRenewalAttempts = 3

// renewalShare is the part of a token's life after which it is renewed: a third leaves two
// thirds for everything that fails.
const renewalShare = 3

// TokenRenewal renews the token of a connected account when a third of its life is over, and
// looks whether Meta has silently taken away webhooks or permissions. What fails is its
// result, and the next run of its Schedule tries again: it never fails itself.
func TokenRenewal(ctx workflow.Context, in TokenRenewalInput) (*TokenRenewalResult, error) {
	result := &TokenRenewalResult{}
	renewToken(ctx, in, result)
	if result.Outcome != TokenTooLate && result.Reason != privatereply.AccountUnknown {
		checkConnection(ctx, in, result)
	}
	workflow.SetCurrentDetails(ctx, result.details())
	return result, nil
}

// renewToken decides by the token's times, and renews it if it is due.
func renewToken(ctx workflow.Context, in TokenRenewalInput, result *TokenRenewalResult) {
	token, err := execute(ctx, renewalActivity("Read when the token ends"), TokenActivities.ReadToken, in).result(ctx)
	if err != nil {
		result.fail(err)
		return
	}
	result.setToken(token)
	now := workflow.Now(ctx)
	switch {
	case token.ExpiresAt.IsZero():
		result.Outcome = TokenNoEnd
		return
	case !now.Before(token.ExpiresAt):
		result.tooLate()
		return
	case now.Before(result.NextAt):
		result.Outcome = TokenNotDue
		return
	}
	renewed, err := execute(ctx, renewalActivity("Renew the token"), TokenActivities.RenewToken,
		RenewTokenInput{TokenRenewalInput: in, IssuedAt: token.IssuedAt}).result(ctx)
	if err != nil {
		result.fail(err)
		result.Detail += fmt.Sprintf(". The token that is in force ends at %s; the next run tries again", formatTime(token.ExpiresAt))
		return
	}
	if renewed.Outcome == TokenTooLate {
		result.tooLate()
		return
	}
	result.Outcome, result.Reason, result.Detail = renewed.Outcome, renewed.Reason, renewed.Detail
	if !renewed.Token.IssuedAt.IsZero() {
		result.setToken(renewed.Token)
	}
}

// checkConnection subscribes again to webhooks that Meta has removed, and asks for the
// permissions. A problem of the token itself is told by the renewal.
func checkConnection(ctx workflow.Context, in TokenRenewalInput, result *TokenRenewalResult) {
	checked, err := execute(ctx, renewalActivity("Look at webhooks and permissions"), TokenActivities.CheckConnection, in).result(ctx)
	if err != nil {
		_, detail := describeFailure(err)
		checked.Detail = "Webhooks and permissions could not be checked: " + detail
	}
	result.Subscribed, result.MissingPermissions = checked.Subscribed, checked.MissingPermissions
	if checked.TokenRejected && result.Outcome != TokenFailed {
		result.Outcome, result.Reason = TokenFailed, privatereply.TokenRejected
	}
	if result.Detail == "" {
		result.Detail = checked.Detail
	}
}

func renewalActivity(summary string) workflow.ActivityOptions {
	return workflow.ActivityOptions{
		StartToCloseTimeout: renewalTimeout,
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: 5 * time.Second, MaximumAttempts: maxRenewalAttempts},
		Summary:             summary,
	}
}

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

func (r *TokenRenewalResult) setToken(t TokenTimes) {
	r.ExpiresAt, r.RenewedAt, r.NextAt = t.ExpiresAt, t.IssuedAt, time.Time{}
	if !t.ExpiresAt.IsZero() {
		r.NextAt = t.IssuedAt.Add(t.ExpiresAt.Sub(t.IssuedAt) / renewalShare)
	}
}

func (r *TokenRenewalResult) tooLate() {
	r.Outcome, r.Reason, r.NextAt = TokenTooLate, privatereply.TokenRejected, time.Time{}
	r.Detail = "The token has ended, and Meta renews none that has: connect the account again"
}

func (r *TokenRenewalResult) fail(err error) {
	r.Outcome = TokenFailed
	r.Reason, r.Detail = describeFailure(err)
}

// describeFailure is the reason and the words of a failed activity, whose errors hold no
// secret.
func describeFailure(err error) (privatereply.Reason, string) {
	var failed *temporal.ApplicationError
	if errors.As(err, &failed) {
		reason := privatereply.Reason(failed.Type())
		if reason.Sentence() == string(reason) { // the type of an error that has no reason
			reason = ""
		}
		return reason, failed.Message()
	}
	return privatereply.NoWorker, "no worker did it in time"
}

// details is the result for Temporal's Web UI.
func (r *TokenRenewalResult) details() string {
	var b strings.Builder
	line := func(name, text string) {
		if text != "" {
			fmt.Fprintf(&b, "**%s** %s\n\n", name, text)
		}
	}
	at := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return formatTime(t)
	}
	line("Outcome", string(r.Outcome))
	line("Ends", at(r.ExpiresAt))
	line("Due", at(r.NextAt))
	line("Subscribed again", strings.Join(r.Subscribed, ", "))
	line("Missing permissions", strings.Join(r.MissingPermissions, ", "))
	line("Problem", r.Detail)
	return strings.TrimSpace(b.String())
}

// TokenTimes are the times of a token.
type TokenTimes struct {
	IssuedAt  time.Time `json:"issued_at,omitzero"`
	ExpiresAt time.Time `json:"expires_at,omitzero"` // zero: it has no end
}

// RenewTokenInput asks to renew the token that was issued at IssuedAt, unless another one is
// in its place by now.
type RenewTokenInput struct {
	TokenRenewalInput
	IssuedAt time.Time `json:"issued_at"`
}

// RenewTokenResult is what became of a token: Token are the times of the one that is in force,
// zero if that has not changed.
type RenewTokenResult struct {
	Outcome RenewalOutcome      `json:"outcome"`
	Reason  privatereply.Reason `json:"reason,omitempty"`
	Detail  string              `json:"detail,omitempty"`
	Token   TokenTimes          `json:"token,omitzero"`
}

// CheckConnectionResult is what was found at Meta.
type CheckConnectionResult struct {
	Subscribed         []string `json:"subscribed,omitempty"` // again
	MissingPermissions []string `json:"missing_permissions,omitempty"`
	TokenRejected      bool     `json:"token_rejected,omitempty"`
	Detail             string   `json:"detail,omitempty"`
}
