package pacing

import (
	"maps"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/graph"
)

// bucket paces one kind of reply of one account: those to posts, or those to live
// comments. A token is taken only when a send gets leave, so that the rate holds
// whatever comes too late, twice or never; who has to wait has a place in the line
// and pays when it comes.
type bucket struct {
	live bool

	mu   sync.Mutex
	pace pace
	all  *rate.Limiter
	// kept fills with those of all's tokens that rules must leave to persons.
	kept *rate.Limiter
	line line
	rest rest
	// tries is when replies that have to come back last got leave.
	tries tries

	taken      time.Time            // when Meta last took a send
	rejections map[string]time.Time // by reply, those that it rejected last time
}

func newBucket(live bool, p pace, emptyAt time.Time) *bucket {
	empty := func(perSecond float64, burst int) *rate.Limiter {
		l := rate.NewLimiter(rate.Limit(perSecond), burst)
		l.AllowN(emptyAt, burst)
		return l
	}
	return &bucket{live: live, pace: p, all: empty(p.perSecond, p.burst), kept: empty(p.perSecond*personsShare, p.kept)}
}

// setPace changes the rate. Who sleeps already keeps its slot.
func (b *bucket) setPace(now time.Time, p pace) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p == b.pace {
		return
	}
	b.pace = p
	b.all.SetLimitAt(now, rate.Limit(p.perSecond))
	b.all.SetBurstAt(now, p.burst)
	b.kept.SetLimitAt(now, rate.Limit(p.perSecond*personsShare))
	b.kept.SetBurstAt(now, p.kept)
}

// ask gives leave, or a slot and with it a place in the line.
func (b *bucket) ask(now time.Time, a Ask) (Slot, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a = b.tries.place(a)
	slot := b.slot(now, a)
	if slot.At.After(now) || !b.all.AllowN(now, 1) {
		b.line.put(a, slot.At)
		return slot, false
	}
	if a.ByPerson {
		b.kept.AllowN(now, 1)
	}
	b.line.remove(a)
	b.rest.probe(now, a)
	b.tries.note(now, a.Reply)
	return Slot{}, true
}

// slot is the first moment that the tokens allow when everybody whose turn is
// before a's takes one.
func (b *bucket) slot(now time.Time, a Ask) Slot {
	from, reason := now, privatereply.Paced
	has, refill := b.tokens(now, a), b.pace.refill(b.kept.TokensAt(now))
	if at := b.rest.holds(now); at.After(now) {
		// One is tried when the rest is over; the others follow at the rate.
		from, reason = at, b.rest.reason
		has, refill = 1, b.pace.refill(0)
	}
	at := from.Add(b.pace.gather(1-has, a.ByPerson, refill))
	others := 0.0
	for _, p := range b.line.from(now.Add(-b.lateness())) {
		if p.due.After(at) {
			break
		}
		if p.reply != a.Reply && p.before(a) {
			others++
			at = from.Add(b.pace.gather(1+others-has, a.ByPerson, refill))
		}
	}
	return Slot{At: at, Reason: reason}
}

// tokens are those that a may take.
func (b *bucket) tokens(now time.Time, a Ask) float64 {
	tokens := b.all.TokensAt(now)
	if !a.ByPerson {
		tokens -= b.kept.TokensAt(now)
	}
	return tokens
}

// lateness is how long a token is left for a reply that does not come at its slot:
// timers and task queues have their delays. Longer than the bucket can save tokens,
// and replies that were stopped in their sleep would hold up all others.
func (b *bucket) lateness() time.Duration {
	const longest = 5 * time.Second
	return min(longest, b.pace.seconds(float64(b.pace.burst)/2/b.pace.perSecond))
}

func (b *bucket) answered(now time.Time, a Ask, usage graph.Usage) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.taken = now
	b.tries.forget(a.Reply)
	delete(b.rejections, a.Reply)
	if b.rest.end(a) {
		b.drain(now)
	}
	if pause := pauseFor(usage, b.live); pause > 0 {
		b.rest.extend(now, privatereply.Throttled, pause)
	}
}

func (b *bucket) refused(now time.Time, a Ask, reason privatereply.Reason, pause time.Duration) Slot {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.restFor(now, a, reason, pause)
}

func (b *bucket) reject(now time.Time, a Ask, reason privatereply.Reason, pause time.Duration) Slot {
	b.mu.Lock()
	defer b.mu.Unlock()
	before, again := b.rejections[a.Reply]
	maps.DeleteFunc(b.rejections, func(_ string, at time.Time) bool { return now.Sub(at) > forgetAfter })
	if b.rejections == nil {
		b.rejections = map[string]time.Time{}
	}
	b.rejections[a.Reply] = now
	if again && b.taken.After(before) {
		b.rest.release(a)
		return Slot{At: now.Add(pause), Reason: reason}
	}
	// To the end of the line: if it is this reply that Meta does not like after all,
	// another one must show it.
	a.Since = now
	return b.restFor(now, a, reason, pause)
}

func (b *bucket) restFor(now time.Time, a Ask, reason privatereply.Reason, pause time.Duration) Slot {
	a = b.tries.place(a)
	b.rest.begin(now, a, reason, pause, b.live)
	slot := b.slot(now, a)
	b.line.put(a, slot.At)
	return slot
}

func (b *bucket) unused(a Ask) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rest.release(a)
}

// drain empties the bucket: what it saved while the account had to rest must not
// go at once when it may send again.
func (b *bucket) drain(now time.Time) {
	for _, l := range []*rate.Limiter{b.all, b.kept} {
		l.AllowN(now, int(max(0, l.TokensAt(now))))
	}
}
