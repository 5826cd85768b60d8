package pacing

import (
	"math/rand/v2"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/graph"
)

const (
	// Meta often names no time. A throttle is then given a minute, doubling to 15, as
	// calls that come too early count as well; a live reply has no such time.
	postCooldown, longestPostCooldown = time.Minute, 15 * time.Minute
	liveCooldown, longestLiveCooldown = 10 * time.Second, time.Minute

	// A limit that is nearly used up gets a minute, the step in which Meta counts.
	nearlyUsed         = 90.0 // percent
	nearlyUsedCooldown = time.Minute

	// probeTime is how long the first send after a cooldown may be on its way before
	// another one is tried: its worker's own time-outs are shorter.
	probeTime = 20 * time.Second
	// probePause is when those that meet a probe under way ask again, at the earliest.
	probePause = 500 * time.Millisecond
	// probeComes is how long after a cooldown its probe may take to come. A reply that
	// sleeps comes at once; where none comes, nothing is known, and nothing is held back.
	probeComes = time.Minute

	maxJitter = 0.2
)

// cooldown is the circuit breaker of an account's sends: a time in which Meta does not want
// them. When it is over one send goes as a probe (half-open); only its answer lets the
// others follow.
type cooldown struct {
	until      time.Time // zero: there is none
	reason     privatereply.Reason
	refusals   int       // in a row
	prober     string    // the reply
	probeUntil time.Time // until when the probe may be on its way
}

// blockedUntil is until when nothing may go at now; it is not after now when one may.
func (c *cooldown) blockedUntil(now time.Time) time.Time {
	if !now.Before(c.until) && now.Before(c.probeUntil) {
		return now.Add(probePause)
	}
	return c.until
}

// probe notes that r has a permit. After a cooldown that makes it the probe.
func (c *cooldown) probe(now time.Time, r Request) {
	if !c.until.IsZero() {
		c.prober, c.probeUntil = r.Reply, now.Add(probeTime)
	}
}

// end ends the cooldown if r was its probe.
func (c *cooldown) end(r Request) bool {
	if c.until.IsZero() || c.prober != r.Reply {
		return false
	}
	*c = cooldown{}
	return true
}

// release lets another send be the probe, if r was it.
func (c *cooldown) release(r Request) {
	if c.prober == r.Reply {
		c.prober, c.probeUntil = "", time.Time{}
	}
}

// begin begins a cooldown, or a longer one after a probe. Sends that were on their way
// together are refused together; they count once.
func (c *cooldown) begin(now time.Time, r Request, reason privatereply.Reason, pause time.Duration, live bool) {
	if c.refusals == 0 || c.prober == r.Reply {
		c.refusals++
	}
	if pause <= 0 {
		first, longest := postCooldown, longestPostCooldown
		if live {
			first, longest = liveCooldown, longestLiveCooldown
		}
		pause = jitter(min(longest, first<<min(c.refusals-1, 8)))
	}
	c.release(r)
	c.extend(now, reason, pause)
}

func (c *cooldown) extend(now time.Time, reason privatereply.Reason, pause time.Duration) {
	if until := now.Add(pause); until.After(c.until) {
		c.until, c.reason = until, reason
	}
}

// pauses reports whether nothing goes at now. After a refusal that is so until a probe was
// taken, too.
func (c *cooldown) pauses(now time.Time) bool {
	return now.Before(c.until) || c.refusals > 0 && now.Before(c.until.Add(probeComes))
}

// pauseFor is how long to pause because of what Meta says is used. A live reply goes on
// until Meta refuses one: the percentages are of limits per hour and per day, and a
// broadcast is over before they are.
func pauseFor(u graph.Usage, live bool) time.Duration {
	switch {
	case u.RegainAfter > 0:
		return u.RegainAfter
	case u.Percent >= nearlyUsed && !live:
		return nearlyUsedCooldown
	}
	return 0
}

// jitter lengthens d, never shortens it: Meta counts calls that come too early.
func jitter(d time.Duration) time.Duration {
	return d + time.Duration(rand.Float64()*maxJitter*float64(d))
}
