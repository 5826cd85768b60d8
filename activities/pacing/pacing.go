// Package pacing keeps each account below Meta's limits for private replies. A
// send asks for leave just before it opens a connection. It gets leave at once, or
// after a short wait, or the time of its slot, for which the reply then sleeps on
// a durable timer.
//
// Nothing here is stored. What must outlive the process lies in the replies that
// sleep: their timers keep the spacing, and each brings along since when it waits,
// so that any worker can put it into its place in the line.
package pacing

import (
	"context"
	"sync"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/graph"
)

// MaxWait is how long a send waits for leave in its worker. Longer it would only
// keep a worker's slot from others.
const MaxWait = 2 * time.Second

// comeEarly is how much before its slot a live reply is to come back. Timers and task
// queues are late by more than the hundredth of a second that lies between two
// slots; what comes early waits here, where a slot is met exactly.
const comeEarly = MaxWait / 2

// Ask is a send that asks for leave.
type Ask struct {
	Account  privatereply.Account // with the rates that are in force
	Live     bool                 // a comment on an Instagram live, which has a limit of its own
	Reply    string               // the workflow id
	Since    time.Time            // when it was decided: who waits longer since then, or since its last try, goes first
	ByPerson bool                 // a person approved it: it does not stand behind what rules send
}

// Slot is when a send without leave may ask again, and why it has to wait:
// privatereply.Paced, or what Meta holds against the account.
type Slot struct {
	At     time.Time
	Reason privatereply.Reason
}

// Pacer gives leave to the sends of one worker process.
type Pacer struct {
	workers int
	now     func() time.Time
	started time.Time

	mu      sync.Mutex
	buckets map[key]*bucket
	reads   map[key]*turns
	lookUps map[key]*turns
}

type key struct {
	platform privatereply.Platform
	account  string
	live     bool
}

// New makes the pacer of one of so many worker processes; each holds an equal
// share of every account's rate. Its buckets are empty now: a burst after each
// deploy would add up to more than the limit. The clock is time.Now but in tests.
func New(workers int, now func() time.Time) *Pacer {
	return &Pacer{workers: max(1, workers), now: now, started: now(), buckets: map[key]*bucket{}, reads: map[key]*turns{}, lookUps: map[key]*turns{}}
}

// Wait waits for leave, at most MaxWait. Without it a slot says when to ask again.
// Whoever got leave must tell what came of it: Answered, Refused, Rejected or Unused.
func (p *Pacer) Wait(ctx context.Context, a Ask) (Slot, bool) {
	b := p.bucket(a)
	patience := p.now().Add(MaxWait)
	for {
		slot, ok := b.ask(p.now(), a)
		if ok {
			return Slot{}, true
		}
		if slot.At.After(patience) {
			if a.Live && slot.Reason == privatereply.Paced {
				slot.At = slot.At.Add(-comeEarly)
			}
			return slot, false
		}
		timer := time.NewTimer(slot.At.Sub(p.now()))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return slot, false
		}
	}
}

// Answered tells that Meta took or refused the message for reasons of its own,
// and which share of its limits Meta says the account has used.
func (p *Pacer) Answered(a Ask, usage graph.Usage) { p.bucket(a).answered(p.now(), a, usage) }

// Refused tells that Meta limits the account. It rests as long as Meta named; 0 is
// left to the pacer. The slot says when this send may ask again.
func (p *Pacer) Refused(a Ask, reason privatereply.Reason, rest time.Duration) Slot {
	return p.bucket(a).refused(p.now(), a, reason, rest)
}

// Rejected tells that Meta does not accept the account's token, or does not let it do
// this. The account rests, unless Meta has taken other sends of it since it rejected
// this one before: then it is this one that Meta does not like.
func (p *Pacer) Rejected(a Ask, reason privatereply.Reason, rest time.Duration) Slot {
	return p.bucket(a).reject(p.now(), a, reason, rest)
}

// Unused tells that nothing is known of Meta's mind: the send was not made after
// all, or nobody answered.
func (p *Pacer) Unused(a Ask) { p.bucket(a).unused(a) }

// bucket finds the bucket that a counts for, with the rates that are in force.
func (p *Pacer) bucket(a Ask) *bucket {
	k := key{a.Account.Platform, a.Account.ID, a.Live}
	p.mu.Lock()
	defer p.mu.Unlock()
	b, pace := p.buckets[k], paceOf(a, p.workers)
	if b == nil {
		b = newBucket(a.Live, pace, p.started)
		p.buckets[k] = b
	}
	b.setPace(p.now(), pace)
	return b
}
