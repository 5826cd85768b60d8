package activities

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/activities/pacing"
	"github.com/privatereply/privatereply/graph"
)

const (
	// repairInterval is how often a send is tried while a person has to repair the
	// account, so that a repaired token lets its replies go by themselves.
	repairInterval = 5 * time.Minute

	postBackoffMin, postBackoffMax = time.Minute, 15 * time.Minute
	liveBackoffMin, liveBackoffMax = 10 * time.Second, time.Minute

	// A fault that Meta answers with a code is tried a handful of times: these waits
	// spread them over hours.
	faultBackoffMin, faultBackoffMax, faultBackoffFactor = time.Minute, 3 * time.Hour, 4

	// maxJitter is the share by which a wait is lengthened at random, so that many
	// replies that failed together do not come back together.
	maxJitter = 0.2
)

// backoff works out when a send that Meta refused for now may be tried again.
type backoff struct {
	attempt int // from 1
	live    bool
	now     func() time.Time
}

// retryAt is the time that Meta named; without one it doubles from attempt to attempt.
func (w backoff) retryAt(failed *graph.Error) time.Time {
	pause := failed.RetryAfter
	if pause == 0 {
		pause = max(failed.Cooldown, w.delay(failed))
	}
	return w.now().Add(withJitter(pause)).UTC().Truncate(time.Millisecond)
}

func (w backoff) delay(failed *graph.Error) time.Duration {
	first, longest, growth := postBackoffMin, postBackoffMax, 2
	switch {
	case failed.Class == graph.AccountFault:
		return repairInterval
	case w.live:
		first, longest = liveBackoffMin, liveBackoffMax
	case failed.Code != 0 && (failed.Class == graph.Temporary || failed.Class == graph.Unlisted):
		first, longest, growth = faultBackoffMin, faultBackoffMax, faultBackoffFactor
	}
	pause := first
	for range w.attempt - 1 {
		if pause *= time.Duration(growth); pause >= longest {
			return longest
		}
	}
	return pause
}

// withJitter lengthens d, never shortens it: Meta counts calls that come too early.
func withJitter(d time.Duration) time.Duration {
	return d + time.Duration(rand.Float64()*maxJitter*float64(d))
}

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
