package pacing

import (
	"math/rand/v2"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/graph"
)

const (
	// Meta often names no time. A throttle is then given a minute, doubling to 15,
	// as calls that come too early count as well; a live reply has no such time.
	postRest, longestPostRest = time.Minute, 15 * time.Minute
	liveRest, longestLiveRest = 10 * time.Second, time.Minute

	// A bucket that is nearly used up rests a minute, the step in which Meta counts.
	nearlyUsed     = 90.0 // percent
	nearlyUsedRest = time.Minute

	// probeTime is how long the first send after a rest may be on its way before
	// another one is tried: its worker's own time-outs are shorter.
	probeTime = 20 * time.Second
	// probePause is when those that meet a probe under way look again.
	probePause = 500 * time.Millisecond

	maxJitter = 0.2
)

// pauseFor is how long to rest because of what Meta says is used. A live reply goes on until Meta refuses
// one: the percentages are of limits per hour and per day, and a broadcast is over
// before they are.
func pauseFor(u graph.Usage, live bool) time.Duration {
	switch {
	case u.RegainAfter > 0:
		return u.RegainAfter
	case u.Percent >= nearlyUsed && !live:
		return nearlyUsedRest
	}
	return 0
}

// rest is a time in which Meta does not want the account's sends. When it is over
// one send goes as a probe; only its answer lets the others follow.
type rest struct {
	until   time.Time // zero: there is none
	reason  privatereply.Reason
	times   int // in a row that Meta refused
	prober  string
	probing time.Time // until when the probe may be on its way
}

// holds is until when nothing may go at now; it lies before now when something may.
func (r *rest) holds(now time.Time) time.Time {
	if !now.Before(r.until) && now.Before(r.probing) {
		return now.Add(probePause)
	}
	return r.until
}

// probe notes that a has leave. After a rest that makes it the probe.
func (r *rest) probe(now time.Time, a Ask) {
	if !r.until.IsZero() {
		r.prober, r.probing = a.Reply, now.Add(probeTime)
	}
}

// end ends the rest if a was its probe.
func (r *rest) end(a Ask) bool {
	if r.until.IsZero() || r.prober != a.Reply {
		return false
	}
	*r = rest{}
	return true
}

// release lets another send be the probe, if a was it.
func (r *rest) release(a Ask) {
	if r.prober == a.Reply {
		r.prober, r.probing = "", time.Time{}
	}
}

// begin begins a rest, or a longer one after a probe. Sends that were on their way
// together are refused together; they count once.
func (r *rest) begin(now time.Time, a Ask, reason privatereply.Reason, pause time.Duration, live bool) {
	if r.times == 0 || r.prober == a.Reply {
		r.times++
	}
	if pause <= 0 {
		first, longest := postRest, longestPostRest
		if live {
			first, longest = liveRest, longestLiveRest
		}
		pause = min(longest, first<<min(r.times-1, 8))
		pause += time.Duration(rand.Float64() * maxJitter * float64(pause))
	}
	r.release(a)
	r.extend(now, reason, pause)
}

func (r *rest) extend(now time.Time, reason privatereply.Reason, pause time.Duration) {
	if until := now.Add(pause); until.After(r.until) {
		r.until, r.reason = until, reason
	}
}
