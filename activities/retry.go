package activities

import (
	"cmp"
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

	// The least and the longest wait of a send that Meta refused without naming a time.
	postBackoffMin, postBackoffMax = time.Minute, 15 * time.Minute
	liveBackoffMin, liveBackoffMax = 10 * time.Second, time.Minute

	// A fault that Meta answers with a code is tried a handful of times: these waits
	// spread them over hours.
	faultBackoffMin, faultBackoffMax, faultBackoffFactor = time.Minute, 3 * time.Hour, 4

	// maxJitter is the share by which a wait is lengthened at random, so that many
	// replies that failed together do not come back together.
	maxJitter = 0.2
)

// backoff is the wait before the next attempt of a send or read that Meta refused for now.
type backoff struct {
	attempt int // from 1
	live    bool
	repair  time.Duration // while a person has to repair the account; 0 is repairInterval
	now     func() time.Time
}

// retryAt is the time of the next attempt: the time that Meta named, or after a delay.
func (b backoff) retryAt(failed *graph.Error) time.Time {
	pause := failed.RetryAfter
	if pause == 0 {
		pause = max(failed.Cooldown, b.delay(failed))
	}
	return b.now().Add(withJitter(pause)).UTC().Truncate(time.Millisecond)
}

// delay grows exponentially from attempt to attempt.
func (b backoff) delay(failed *graph.Error) time.Duration {
	first, longest, growth := postBackoffMin, postBackoffMax, 2
	switch {
	case failed.Class == graph.AccountFault:
		return cmp.Or(b.repair, repairInterval)
	case b.live:
		first, longest = liveBackoffMin, liveBackoffMax
	case failed.Code != 0 && (failed.Class == graph.Temporary || failed.Class == graph.Unlisted):
		first, longest, growth = faultBackoffMin, faultBackoffMax, faultBackoffFactor
	}
	pause := first
	for range b.attempt - 1 {
		if pause *= time.Duration(growth); pause >= longest {
			return longest
		}
	}
	return pause
}

// throttleTime is how long Meta throttles the account: the time that it named, else the
// longer one of its code and its usage headers. It is 0 if none is known.
func throttleTime(failed *graph.Error) time.Duration {
	if failed.RetryAfter != 0 {
		return failed.RetryAfter
	}
	return max(failed.Cooldown, failed.Usage.RegainAfter)
}

// withJitter lengthens d, never shortens it: Meta counts calls that come too early.
func withJitter(d time.Duration) time.Duration {
	return d + time.Duration(rand.Float64()*maxJitter*float64(d))
}

// maxReadAttempts is how often a read is attempted that Meta answers with an undocumented code.
const maxReadAttempts = 6

// readPacer paces the calls that read the conversations of one account, and makes the
// errors that say when to try again.
type readPacer struct {
	pacer   *pacing.Pacer
	account privatereply.Account
	now     func() time.Time
}

// wait waits for the slot of one call to Meta, at most pacing.MaxWait: many reads must not
// take the worker's slots from everything else.
func (r readPacer) wait(ctx context.Context) error {
	if at, ok := r.pacer.Read(ctx, r.account, pacing.MaxWait); !ok {
		return notYetError(at.Sub(r.now()))
	}
	return nil
}

// waitToLookUp is wait for a call that looks up comments.
func (r readPacer) waitToLookUp(ctx context.Context) error {
	if at, ok := r.pacer.LookUp(ctx, r.account, pacing.MaxWait); !ok {
		return notYetError(at.Sub(r.now()))
	}
	return nil
}

var errOtherCallsFirst = errors.New("other calls of this account come first")

// notYetError is the error of a call that has no slot yet. It is tried again after wait.
func notYetError(wait time.Duration) error {
	return retryError(errOtherCallsFirst, privatereply.Paced, max(wait, time.Second))
}

// retryError is an error after which Temporal tries the activity again: after delay, or
// after the interval of the retry policy if delay is 0. It is expected, so that the SDK
// neither logs nor counts it as a failure.
func retryError(err error, reason privatereply.Reason, delay time.Duration) error {
	return temporal.NewApplicationErrorWithOptions(err.Error(), string(reason), temporal.ApplicationErrorOptions{
		NextRetryDelay: delay,
		Category:       temporal.ApplicationErrorCategoryBenign,
	})
}

// retryError says whether a read that failed is tried again, and when. A token that a person
// can repair is waited for, a missing permission is not: the account may work without it.
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
		r.pacer.ReadRefused(r.account, refused.Reason, throttleTime(refused))
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
