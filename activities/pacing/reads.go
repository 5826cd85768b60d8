package pacing

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/privatereply/privatereply"
)

const (
	// readInterval lies between two reads of one account, times the worker processes.
	// Meta allows two a second.
	readInterval = 600 * time.Millisecond
	// readRest is how long reads rest after a throttle for which Meta named no time.
	readRest = time.Minute
)

// Read waits for the turn of one call that reads the account's conversations, at most as
// long as patience. Without a turn, retryAt is when to ask again: those that are turned
// away together come back one after the other. While Meta holds back the account's
// private replies to posts, nothing is read either.
func (p *Pacer) Read(ctx context.Context, account privatereply.Account, patience time.Duration) (retryAt time.Time, ok bool) {
	return p.turn(ctx, p.reads, account, patience)
}

// ReadRefused tells that Meta limits the account's reads or look-ups. Both rest as long
// as Meta named; 0 is left to the pacer. The posts rest as well.
func (p *Pacer) ReadRefused(account privatereply.Account, reason privatereply.Reason, pause time.Duration) {
	now := p.now()
	if pause <= 0 {
		pause = readRest + time.Duration(rand.Float64()*maxJitter*float64(readRest))
	}
	p.turns(p.reads, account).pause(now.Add(pause))
	p.turns(p.lookUps, account).pause(now.Add(pause))
	p.bucket(Ask{Account: account}).pause(now, reason, pause)
}

// LookUp is Read for calls that look up a comment.
func (p *Pacer) LookUp(ctx context.Context, account privatereply.Account, patience time.Duration) (retryAt time.Time, ok bool) {
	return p.turn(ctx, p.lookUps, account, patience)
}

func (p *Pacer) turn(ctx context.Context, all map[key]*turns, account privatereply.Account, patience time.Duration) (time.Time, bool) {
	t, posts := p.turns(all, account), p.bucket(Ask{Account: account})
	now := p.now()
	until := now.Add(patience)
	for {
		at, ok := t.take(now, posts.restsUntil(), until)
		switch {
		case !ok:
			return at, false
		case !at.After(now):
			return time.Time{}, true
		}
		timer := time.NewTimer(at.Sub(now))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return at, false
		}
		now = later(at, p.now())
	}
}

func (p *Pacer) turns(all map[key]*turns, account privatereply.Account) *turns {
	k := key{platform: account.Platform, account: account.ID}
	p.mu.Lock()
	defer p.mu.Unlock()
	t := all[k]
	if t == nil {
		interval := readInterval * time.Duration(p.workers)
		t = &turns{interval: interval, limiter: rate.NewLimiter(rate.Every(interval), 1)}
		all[k] = t
	}
	return t
}

// turns spaces the calls of one kind for one account.
type turns struct {
	interval time.Duration

	mu      sync.Mutex
	limiter *rate.Limiter
	paused  time.Time // until when
	last    time.Time // when the last of those that were turned away comes back
}

// take takes a turn at now, or says when to try again: before until, in the same call,
// if ok. A turn is never taken ahead, so that a pause which begins meanwhile is kept.
func (t *turns) take(now, rest, until time.Time) (at time.Time, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at = later(now, later(t.paused, rest))
	if !at.After(now) {
		if t.limiter.AllowN(now, 1) {
			return now, true
		}
		missing := 1 - t.limiter.TokensAt(now)
		at = now.Add(max(time.Millisecond, time.Duration(missing*float64(t.interval))))
	}
	if !at.After(until) {
		return at, true
	}
	t.last = later(at, t.last.Add(t.interval))
	return t.last, false
}

func (t *turns) pause(until time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.paused = later(t.paused, until)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// restsUntil is when the bucket's rest ends; zero without one.
func (b *bucket) restsUntil() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.rest.until
}

// pause begins a rest, or makes it longer, for a call that was not one of b's sends.
func (b *bucket) pause(now time.Time, reason privatereply.Reason, pause time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rest.extend(now, reason, pause)
}
