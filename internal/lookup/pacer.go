package lookup

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/graph"
)

const (
	// interval lies between two reads of one kind and account: Meta allows two a second
	// about conversations.
	interval = 600 * time.Millisecond
	// patience is how long a read waits for its turn. People look again; they do not wait.
	patience = 6 * time.Second
	// pauseDefault follows a throttle for which Meta named no time. pauseMax bounds what it
	// named.
	pauseDefault = 30 * time.Second
	pauseMax     = time.Hour
)

// readKind is what Meta counts apart.
type readKind string

const (
	conversations readKind = "conversations"
	content       readKind = "content" // posts and comments
)

// pacer spaces the reads of each account.
type pacer struct {
	now func() time.Time

	mu       sync.Mutex
	limiters map[string]*rate.Limiter
	pauses   map[string]pause // by account
}

// pause is a time in which Meta is not asked, because of err.
type pause struct {
	until time.Time
	err   error
}

func newPacer(now func() time.Time) *pacer {
	return &pacer{now: now, limiters: map[string]*rate.Limiter{}, pauses: map[string]pause{}}
}

// paced returns a context with which every request about content waits for its turn.
func (p *pacer) paced(ctx context.Context, a privatereply.Account) context.Context {
	return graph.WithBeforeRequest(ctx, func(ctx context.Context) error { return p.wait(ctx, a, content) })
}

// wait returns when a read may begin. Its error is ErrBusy if that would take too long,
// and Meta's own while Meta holds the account's reads back.
func (p *pacer) wait(ctx context.Context, a privatereply.Account, kind readKind) error {
	account := key(a, "")
	p.mu.Lock()
	if held := p.pauses[account]; p.now().Before(held.until) {
		p.mu.Unlock()
		return held.err
	}
	l := p.limiters[account+string(kind)]
	if l == nil {
		l = rate.NewLimiter(rate.Every(interval), 1)
		p.limiters[account+string(kind)] = l
	}
	p.mu.Unlock()
	turn := l.Reserve()
	if turn.Delay() > patience {
		turn.Cancel()
		return ErrBusy
	}
	timer := time.NewTimer(turn.Delay())
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		turn.Cancel()
		return ctx.Err()
	}
}

// refused begins a pause if Meta limits the account, and returns err.
func (p *pacer) refused(a privatereply.Account, err error) error {
	var e *graph.Error
	if !errors.As(err, &e) || e.Class != graph.Throttled {
		return err
	}
	length := max(e.RetryAfter, e.Cooldown)
	if length <= 0 {
		length = pauseDefault
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	account, until := key(a, ""), p.now().Add(min(length, pauseMax))
	if until.After(p.pauses[account].until) {
		p.pauses[account] = pause{until, err}
	}
	return err
}
