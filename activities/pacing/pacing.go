// Package pacing keeps each account below Meta's limits. A send asks for a permit just
// before it opens a connection. It gets one at once, or after a short wait, or else the
// time of its slot, until which the reply sleeps on a durable timer.
//
// Nothing here is stored. What must outlive the process lies in the replies that sleep:
// their timers keep the spacing.
package pacing

import (
	"context"
	"sync"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/graph"
)

// MaxWait is how long a send waits for its permit in its worker. Longer it would only
// keep a worker's slot from others.
const MaxWait = 2 * time.Second

// comeEarly is how long before its slot a live reply is to come back. Timers and task
// queues are late by more than the hundredth of a second that lies between two slots;
// what comes early waits here, where a slot is met exactly.
const comeEarly = MaxWait / 2

// Request is a private reply that asks for a permit.
type Request struct {
	Account  privatereply.Account // with the rates that are in force
	Live     bool                 // a comment on an Instagram live, which has a limit of its own
	Reply    string               // the workflow id
	Waited   bool                 // it has slept, as until a slot that it was given: newer ones stay behind it
	ByPerson bool                 // a person approved it: it does not wait behind what rules send
}

// Slot is when a send without a permit may ask again, and why it has to wait:
// privatereply.Paced, or what Meta holds against the account.
type Slot struct {
	At     time.Time
	Reason privatereply.Reason
}

// Pacer gives permits to the sends, reads, look-ups and comment writes of one worker
// process.
type Pacer struct {
	workers int
	now     func() time.Time
	started time.Time

	mu      sync.Mutex
	sends   map[key]*limiter
	reads   map[key]*callLimiter
	lookUps map[key]*callLimiter
	replies map[key]*callLimiter // in public
	hides   map[key]*callLimiter
}

type key struct {
	platform privatereply.Platform
	account  string
	live     bool
}

// New makes the pacer of one of so many worker processes; each holds an equal share of
// every account's rate. Its buckets are empty now: a burst after each deploy would add
// up to more than the limit. The clock is time.Now but in tests.
func New(workers int, now func() time.Time) *Pacer {
	return &Pacer{
		workers: max(1, workers), now: now, started: now(),
		sends: map[key]*limiter{}, reads: map[key]*callLimiter{}, lookUps: map[key]*callLimiter{},
		replies: map[key]*callLimiter{}, hides: map[key]*callLimiter{},
	}
}

// Wait waits for a permit, at most MaxWait. Without one, the slot says when to ask again.
// Whoever got a permit must report what came of it: Answered, Refused, Rejected or Unused.
func (p *Pacer) Wait(ctx context.Context, r Request) (Slot, bool) {
	l, now := p.limiter(r), p.now()
	at, slot, ok := l.reserve(now, r, now.Add(MaxWait))
	if !ok {
		if r.Live && slot.Reason == privatereply.Paced {
			slot.At = slot.At.Add(-comeEarly)
		}
		return slot, false
	}
	if !sleep(ctx, at.Sub(now)) {
		return Slot{At: at, Reason: privatereply.Paced}, false
	}
	return l.enter(later(at, p.now()), r)
}

// Answered reports that Meta took or refused the message for reasons of its own, and
// which share of its limits Meta says the account has used.
func (p *Pacer) Answered(r Request, usage graph.Usage) { p.limiter(r).answered(p.now(), r, usage) }

// Refused reports that Meta limits the account. It cools down as long as Meta named; 0 is
// left to the pacer. The slot says when this send may ask again.
func (p *Pacer) Refused(r Request, reason privatereply.Reason, pause time.Duration) Slot {
	return p.limiter(r).refused(p.now(), r, reason, pause)
}

// Rejected reports that Meta does not accept the account's token, or does not let it do
// this. The account cools down, unless Meta has taken other sends of it since it rejected
// this one before: then it is this one that Meta does not accept.
func (p *Pacer) Rejected(r Request, reason privatereply.Reason, pause time.Duration) Slot {
	return p.limiter(r).rejected(p.now(), r, reason, pause)
}

// Unused reports that a permit taught nothing of Meta's mind: the send was not made after
// all, or nobody answered.
func (p *Pacer) Unused(r Request) { p.limiter(r).unused(r) }

// AccountStatus is what holds the sends of an account in this process.
type AccountStatus struct {
	Paused  bool
	Reason  privatereply.Reason // why, if they are
	Waiting int                 // slots that this process gave and that are still to come
}

// Status is that of the account's sends to posts, or of those on its lives.
func (p *Pacer) Status(account privatereply.Account, live bool) AccountStatus {
	p.mu.Lock()
	l := p.sends[key{account.Platform, account.ID, live}]
	p.mu.Unlock()
	if l == nil {
		return AccountStatus{}
	}
	return l.status(p.now())
}

// limiter finds the limiter that r counts for, with the rates that are in force.
func (p *Pacer) limiter(r Request) *limiter {
	k := key{r.Account.Platform, r.Account.ID, r.Live}
	p.mu.Lock()
	defer p.mu.Unlock()
	l, pace := p.sends[k], paceOf(r, p.workers)
	if l == nil {
		l = newLimiter(r.Live, pace, p.started)
		p.sends[k] = l
	}
	l.setPace(p.now(), pace)
	return l
}

// sleep reports whether it slept for d: not if ctx ended before.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
