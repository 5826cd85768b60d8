package activities

import (
	"math/rand/v2"
	"time"

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
