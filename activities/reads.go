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

// maxReads is how often something is read that Meta answers with a code that nobody knows.
const maxReads = 6

// reads paces the reading of an account's conversations, and says when to try again.
type reads struct {
	pacer   *pacing.Pacer
	account privatereply.Account
	now     func() time.Time
}

// turn waits for the turn of one call to Meta, not longer than a send does: a crowd of
// reads must not take the worker's slots from everything else.
func (r reads) turn(ctx context.Context) error {
	if at, ok := r.pacer.Read(ctx, r.account, pacing.MaxWait); !ok {
		return notYet(at.Sub(r.now()))
	}
	return nil
}

// notYet is the error of a call whose turn has not come.
func notYet(wait time.Duration) error {
	return temporal.NewApplicationErrorWithOptions("other calls of this account come first", string(privatereply.Paced),
		temporal.ApplicationErrorOptions{NextRetryDelay: max(wait, time.Second), Category: temporal.ApplicationErrorCategoryBenign})
}

// later says whether a read that failed is tried again, and when. What a person can mend
// is waited for, but not a permission: the account may well do without it.
func (r reads) later(ctx context.Context, err error) error {
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
		wait := waiting{attempt: attempt, live: true, now: r.now}
		return again(err, refused.Reason, wait.until(refused).Sub(r.now()))
	case graph.AccountFault:
		if refused.Reason != privatereply.NotPermitted {
			return again(err, refused.Reason, jitter(repairInterval))
		}
	case graph.NotWritten, graph.Temporary, graph.Unknown:
		return err // after the wait of the workflow's retry policy
	case graph.Unlisted:
		if attempt < maxReads {
			return err
		}
	}
	return temporal.NewNonRetryableApplicationError(err.Error(), string(refused.Reason), nil)
}
