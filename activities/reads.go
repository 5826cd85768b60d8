package activities

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/activities/pacing"
	"github.com/privatereply/privatereply/graph"
)

// maxReadAttempts is how often something is read that Meta answers with a code that nobody knows.
const maxReadAttempts = 6

// readPacer paces the reading of an account's conversations, and says when to try again.
type readPacer struct {
	pacer   *pacing.Pacer
	account privatereply.Account
	now     func() time.Time
}

// wait waits for the turn of one call to Meta, not longer than a send does: a crowd of
// reads must not take the worker's slots from everything else.
func (r readPacer) wait(ctx context.Context) error {
	if at, ok := r.pacer.Read(ctx, r.account, pacing.MaxWait); !ok {
		return notYetError(at.Sub(r.now()))
	}
	return nil
}

// notYetError is the error of a call whose turn has not come.
func notYetError(wait time.Duration) error {
	return temporal.NewApplicationErrorWithOptions("other calls of this account come first", string(privatereply.Paced),
		temporal.ApplicationErrorOptions{NextRetryDelay: max(wait, time.Second), Category: temporal.ApplicationErrorCategoryBenign})
}

// retryError says whether a read that failed is tried again, and when. What a person can mend
// is waited for, but not a permission: the account may well do without it.
func (r readPacer) retryError(ctx context.Context, err error) error {
	var refused *graph.Error
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, ErrUnknownAccount):
		return temporal.NewNonRetryableApplicationError(err.Error(), string(privatereply.AccountUnknown), nil)
	case !errors.As(err, &refused):
		return err
	}
	attempt := int(activity.GetInfo(ctx).Attempt)
	switch refused.Class {
	case graph.Throttled:
		pause := refused.RetryAfter
		if pause == 0 {
			pause = max(refused.Cooldown, refused.Usage.RegainAfter)
		}
		r.pacer.ReadRefused(r.account, refused.Reason, pause)
		wait := backoff{attempt: attempt, live: true, now: r.now}
		return retryError(err, refused.Reason, wait.retryAt(refused).Sub(r.now()))
	case graph.AccountFault:
		if refused.Reason != privatereply.NotPermitted {
			return retryError(err, refused.Reason, withJitter(repairInterval))
		}
	case graph.NotWritten, graph.Temporary, graph.Unknown:
		return err // after the wait of the workflow's retry policy
	case graph.Unlisted:
		if attempt < maxReadAttempts {
			return err
		}
	}
	return temporal.NewNonRetryableApplicationError(err.Error(), string(refused.Reason), nil)
}
