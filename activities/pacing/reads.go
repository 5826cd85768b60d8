package pacing

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/privatereply/privatereply"
)

const (
	// readInterval lies between two reads of one account, times the worker processes.
	// Meta allows two a second.
	readInterval = 600 * time.Millisecond
	// readCooldown is for a throttle for which Meta named no time.
	readCooldown = time.Minute
)

// Read waits for the turn of one call that reads the account's conversations, at most as
// long as patience. Without a turn, retryAt is when to ask again: those that are turned
// away together come back one after the other. While Meta holds back the account's
// private replies to posts, nothing is read either.
func (p *Pacer) Read(ctx context.Context, account privatereply.Account, patience time.Duration) (retryAt time.Time, ok bool) {
	return p.waitToCall(ctx, p.readLimiter(p.reads, account), account, patience)
}

// LookUp is Read for calls that look up a comment.
func (p *Pacer) LookUp(ctx context.Context, account privatereply.Account, patience time.Duration) (retryAt time.Time, ok bool) {
	return p.waitToCall(ctx, p.readLimiter(p.lookUps, account), account, patience)
}

// ReadRefused reports that Meta limits the account's reads or look-ups. Both cool down as
// long as Meta named; 0 is left to the pacer. The replies to posts do as well.
func (p *Pacer) ReadRefused(account privatereply.Account, reason privatereply.Reason, pause time.Duration) {
	if pause <= 0 {
		pause = jitter(readCooldown)
	}
	now := p.now()
	p.readLimiter(p.reads, account).pause(now.Add(pause))
	p.readLimiter(p.lookUps, account).pause(now.Add(pause))
	p.limiter(Request{Account: account}).pause(now, reason, pause)
}

func (p *Pacer) waitToCall(ctx context.Context, l *callLimiter, account privatereply.Account, patience time.Duration) (time.Time, bool) {
	posts, now := p.limiter(Request{Account: account}), p.now()
	at, ok := l.reserve(now, posts.pausedUntil(), now.Add(patience))
	if !ok || !sleep(ctx, at.Sub(now)) {
		return at, false
	}
	return l.enter(later(at, p.now()), posts.pausedUntil())
}

func (p *Pacer) readLimiter(all map[key]*callLimiter, account privatereply.Account) *callLimiter {
	return p.callLimiter(all, account, readInterval, 1)
}

// callLimiter finds the limiter of one kind of calls. Interval and burst are those of all
// worker processes together.
func (p *Pacer) callLimiter(all map[key]*callLimiter, account privatereply.Account, interval time.Duration, burst int) *callLimiter {
	k := key{platform: account.Platform, account: account.ID}
	p.mu.Lock()
	defer p.mu.Unlock()
	l := all[k]
	if l == nil {
		interval *= time.Duration(p.workers)
		l = &callLimiter{interval: interval, tokens: rate.NewLimiter(rate.Every(interval), max(1, burst/p.workers))}
		all[k] = l
	}
	return l
}

// callLimiter spaces the calls of one kind for one account.
type callLimiter struct {
	interval time.Duration
	tokens   *rate.Limiter

	mu     sync.Mutex
	paused time.Time // until when
	slots  slots     // of those that were turned away
}

// reserve takes a token that a call may use at the time given, if ok. Otherwise that is
// when to ask again. Posts is until when the account's sends to posts are paused.
func (l *callLimiter) reserve(now, posts, until time.Time) (at time.Time, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if end := later(l.paused, posts); end.After(now) {
		return l.slots.add(end, l.interval), false
	}
	at = now.Add(seconds((1 - l.tokens.TokensAt(now)) * l.interval.Seconds()))
	if at.After(until) {
		l.slots.pending(now)
		return l.slots.add(at, l.interval), false
	}
	l.tokens.ReserveN(now, 1)
	return at, true
}

// enter lets a call begin, unless a pause has begun meanwhile.
func (l *callLimiter) enter(now, posts time.Time) (retryAt time.Time, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if end := later(l.paused, posts); end.After(now) {
		return l.slots.add(end, l.interval), false
	}
	return time.Time{}, true
}

func (l *callLimiter) pause(until time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.paused = later(l.paused, until)
}
