package pacing

import (
	"maps"
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/graph"
)

const (
	// postBurst is how many replies to posts may go at once after a quiet time. With the
	// default of 700 an hour no hour has more than 730; Meta's limit is 750.
	postBurst = 30
	// liveBurst is the part of a second's worth that live replies may go at once. More
	// would not do: Meta counts any second, and one that begins with a burst has the burst
	// and the rate. 90 and a twentieth of it leave 5 of Meta's 100 for what the network
	// delays and bunches.
	liveBurst = 1.0 / 20
	// leastRate is the part of its rate that a process keeps when its burst alone is more
	// than its share of the limit: then there are more processes than Meta takes sends.
	leastRate = 1.0 / 10
	// reservedShare is the part of the bucket that rules leave to what persons approve.
	reservedShare = 1.0 / 5
	// longestWait keeps arithmetic with absurdly low rates within a Duration.
	longestWait = 365 * 24 * time.Hour
	// rejectionsKept is how long it is remembered which replies Meta rejected.
	rejectionsKept = time.Hour
)

// pace is how fast one process may send for one account.
type pace struct {
	perSecond float64
	burst     int
	reserved  int // of the burst, for what persons approve
}

func paceOf(r Request, workers int) pace {
	share := 1 / float64(workers)
	perSecond, burst, window := r.Account.PostsPerHour/time.Hour.Seconds()*share, postBurst*share, time.Hour
	if r.Live {
		perSecond = r.Account.LivePerSecond * share
		burst, window = perSecond*liveBurst, time.Second
	}
	p := pace{perSecond: perSecond, burst: max(1, int(math.Ceil(burst)))}
	// A process cannot send a part of a reply at once. What its burst was rounded up by
	// comes off the rate: the bursts of many processes add up.
	p.perSecond = max(perSecond-(float64(p.burst)-burst)/window.Seconds(), perSecond*leastRate)
	if p.burst > 2 {
		p.reserved = max(1, int(float64(p.burst)*reservedShare))
	}
	return p
}

// apart is the time between two slots.
func (p pace) apart() time.Duration { return seconds(1 / p.perSecond) }

func seconds(s float64) time.Duration {
	return time.Duration(min(max(0, s)*float64(time.Second), float64(longestWait)))
}

// limiter paces one kind of reply of one account: those to posts, or those to live
// comments. A token is taken only when a send gets its permit, so that the rate holds
// whatever comes back too late, twice or never.
type limiter struct {
	live bool

	mu     sync.Mutex
	pace   pace
	tokens *rate.Limiter
	// reserved fills with those of the tokens that rules must leave to persons.
	reserved *rate.Limiter
	// Those that were turned away: what persons approved, and what rules send.
	persons, rules slots
	cooldown       cooldown

	takenAt    time.Time            // when Meta last took a send
	rejections map[string]time.Time // by reply, those that it rejected last time
}

func newLimiter(live bool, p pace, emptyAt time.Time) *limiter {
	empty := func(perSecond float64, burst int) *rate.Limiter {
		l := rate.NewLimiter(rate.Limit(perSecond), burst)
		l.AllowN(emptyAt, burst)
		return l
	}
	return &limiter{live: live, pace: p, tokens: empty(p.perSecond, p.burst), reserved: empty(p.perSecond*reservedShare, p.reserved)}
}

// setPace changes the rate. Who sleeps already keeps its slot.
func (l *limiter) setPace(now time.Time, p pace) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p == l.pace {
		return
	}
	l.pace = p
	l.tokens.SetLimitAt(now, rate.Limit(p.perSecond))
	l.tokens.SetBurstAt(now, p.burst)
	l.reserved.SetLimitAt(now, rate.Limit(p.perSecond*reservedShare))
	l.reserved.SetBurstAt(now, p.reserved)
}

// reserve takes a token that r may use at the time given, if that is not after until.
// Otherwise r is turned away with a slot.
func (l *limiter) reserve(now time.Time, r Request, until time.Time) (at time.Time, slot Slot, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if end := l.cooldown.blockedUntil(now); end.After(now) {
		return time.Time{}, l.turnAway(now, r, end, l.cooldown.reason), false
	}
	at = now.Add(l.wait(now, r))
	if at.After(until) || l.standsBehind(now, r) {
		return time.Time{}, l.turnAway(now, r, at, privatereply.Paced), false
	}
	l.tokens.ReserveN(now, 1)
	if r.ByPerson {
		l.reserved.AllowN(now, 1)
	}
	return at, Slot{}, true
}

// enter gives the permit, now that the token's time has come. A cooldown that has begun
// meanwhile costs the token.
func (l *limiter) enter(now time.Time, r Request) (Slot, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if end := l.cooldown.blockedUntil(now); end.After(now) {
		return l.turnAway(now, r, end, l.cooldown.reason), false
	}
	l.cooldown.probe(now, r)
	return Slot{}, true
}

// wait is how long it takes until r has a token.
func (l *limiter) wait(now time.Time, r Request) time.Duration {
	missing, perSecond := 1-l.tokens.TokensAt(now), l.pace.perSecond
	if !r.ByPerson {
		reserved := l.reserved.TokensAt(now)
		missing += reserved
		if reserved < float64(l.pace.reserved) { // it fills meanwhile
			perSecond *= 1 - reservedShare
		}
	}
	return seconds(missing / perSecond)
}

// standsBehind reports whether r is a rule's and must let others go first: what persons
// approved, and those that had a slot before r came. When half of the bucket has been
// saved up those do not come, perhaps because they were stopped.
func (l *limiter) standsBehind(now time.Time, r Request) bool {
	if r.ByPerson {
		return false
	}
	saved := l.tokens.TokensAt(now) - l.reserved.TokensAt(now)
	if saved >= max(1, float64(l.pace.burst-l.pace.reserved)/2) {
		l.persons, l.rules = nil, nil
		return false
	}
	return l.persons.pending(now) > 0 || !r.Waited && l.rules.pending(now) > 0
}

// turnAway gives r the next slot that is not before from.
func (l *limiter) turnAway(now time.Time, r Request, from time.Time, reason privatereply.Reason) Slot {
	s, apart := &l.rules, l.pace.apart()
	switch missing := float64(l.pace.reserved) - l.reserved.TokensAt(now); {
	case r.ByPerson:
		s = &l.persons
	case s.last().Before(now.Add(seconds(missing / (l.pace.perSecond * reservedShare)))):
		apart = seconds(apart.Seconds() / (1 - reservedShare)) // while the reserve fills
	}
	s.pending(now)
	return Slot{At: s.add(from, apart), Reason: reason}
}

func (l *limiter) answered(now time.Time, r Request, usage graph.Usage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.takenAt = now
	delete(l.rejections, r.Reply)
	if l.cooldown.end(r) {
		l.drain(now)
	}
	if pause := pauseFor(usage, l.live); pause > 0 {
		l.cooldown.extend(now, privatereply.Throttled, pause)
	}
}

func (l *limiter) refused(now time.Time, r Request, reason privatereply.Reason, pause time.Duration) Slot {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.coolDown(now, r, reason, pause)
}

func (l *limiter) rejected(now time.Time, r Request, reason privatereply.Reason, pause time.Duration) Slot {
	l.mu.Lock()
	defer l.mu.Unlock()
	before, again := l.rejections[r.Reply]
	maps.DeleteFunc(l.rejections, func(_ string, at time.Time) bool { return now.Sub(at) > rejectionsKept })
	if l.rejections == nil {
		l.rejections = map[string]time.Time{}
	}
	l.rejections[r.Reply] = now
	if again && l.takenAt.After(before) {
		l.cooldown.release(r)
		return Slot{At: now.Add(pause), Reason: reason}
	}
	return l.coolDown(now, r, reason, pause)
}

func (l *limiter) coolDown(now time.Time, r Request, reason privatereply.Reason, pause time.Duration) Slot {
	l.cooldown.begin(now, r, reason, pause, l.live)
	return l.turnAway(now, r, l.cooldown.until, reason)
}

func (l *limiter) unused(r Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cooldown.release(r)
}

// pause begins a cooldown, or makes it longer, for a call that was not one of l's sends.
func (l *limiter) pause(now time.Time, reason privatereply.Reason, pause time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cooldown.extend(now, reason, pause)
}

// pausedUntil is when the cooldown ends; zero without one.
func (l *limiter) pausedUntil() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cooldown.until
}

func (l *limiter) status(now time.Time) AccountStatus {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := AccountStatus{Waiting: l.persons.pending(now) + l.rules.pending(now)}
	if l.cooldown.pauses(now) {
		s.Paused, s.Reason = true, l.cooldown.reason
	}
	return s
}

// drain empties the bucket: what it saved during a cooldown must not go at once when the
// account may send again.
func (l *limiter) drain(now time.Time) {
	for _, b := range []*rate.Limiter{l.tokens, l.reserved} {
		b.AllowN(now, int(max(0, b.TokensAt(now))))
	}
}

// slots are the times, in order, at which those that were turned away may ask again.
type slots []time.Time

// add gives the next slot: not before from, and apart from the one before it.
func (s *slots) add(from time.Time, apart time.Duration) time.Time {
	if len(*s) > 0 {
		from = later(from, s.last().Add(apart))
	}
	*s = append(*s, from)
	return from
}

// last is the last slot; zero if there is none.
func (s *slots) last() time.Time {
	if len(*s) == 0 {
		return time.Time{}
	}
	return (*s)[len(*s)-1]
}

// pending is how many slots are still to come.
func (s *slots) pending(now time.Time) int {
	n := 0
	for n < len(*s) && !(*s)[n].After(now) {
		n++
	}
	*s = (*s)[n:]
	return len(*s)
}
