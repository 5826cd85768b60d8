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

	postFirstWait, postLongestWait = time.Minute, 15 * time.Minute
	liveFirstWait, liveLongestWait = 10 * time.Second, time.Minute

	// A fault that Meta answers with a code is tried a handful of times: these waits
	// spread them over hours.
	faultFirstWait, faultLongestWait, faultGrowth = time.Minute, 3 * time.Hour, 4

	// maxJitter is the share by which a wait is lengthened at random, so that many
	// replies that failed together do not come back together.
	maxJitter = 0.2
)

// waiting works out when a send that Meta refused for now may be tried again.
type waiting struct {
	attempt int // from 1
	live    bool
	now     func() time.Time
}

// until is the time that Meta named; without one it doubles from attempt to attempt.
func (w waiting) until(failed *graph.Error) time.Time {
	pause := failed.RetryAfter
	if pause == 0 {
		pause = max(failed.Cooldown, w.unnamed(failed))
	}
	return w.now().Add(jitter(pause)).UTC().Truncate(time.Millisecond)
}

func (w waiting) unnamed(failed *graph.Error) time.Duration {
	first, longest, growth := postFirstWait, postLongestWait, 2
	switch {
	case failed.Class == graph.AccountFault:
		return repairInterval
	case w.live:
		first, longest = liveFirstWait, liveLongestWait
	case failed.Code != 0 && (failed.Class == graph.Temporary || failed.Class == graph.Unlisted):
		first, longest, growth = faultFirstWait, faultLongestWait, faultGrowth
	}
	pause := first
	for range w.attempt - 1 {
		if pause *= time.Duration(growth); pause >= longest {
			return longest
		}
	}
	return pause
}

// jitter lengthens d, never shortens it: Meta counts calls that come too early.
func jitter(d time.Duration) time.Duration {
	return d + time.Duration(rand.Float64()*maxJitter*float64(d))
}
