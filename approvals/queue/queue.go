// Package queue keeps the replies that wait for a person in memory, for all browsers
// at once: one reader asks Temporal's visibility store, however many people look.
package queue

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/privatereply/privatereply/internal/replies"
)

// Source is what the queue reads from.
type Source interface {
	Count(ctx context.Context, f replies.Filter) (int64, error)
	Earliest(ctx context.Context, f replies.Filter, limit int) ([]replies.Row, error)
	Page(ctx context.Context, f replies.Filter, size int, token []byte) ([]replies.Row, []byte, error)
}

const (
	// watchedInterval lies between two looks while somebody watches, idleInterval otherwise.
	watchedInterval = time.Second
	idleInterval    = 10 * time.Second
	// readTimeout bounds one look.
	readTimeout = 20 * time.Second
)

// Queue is the shared view. Run keeps it up to date.
type Queue struct {
	reader *reader
	log    *zap.Logger
	now    func() time.Time
	wake   chan struct{}
	ready  chan struct{} // closed when the first look has ended

	mu       sync.Mutex
	view     *View
	version  int
	changes  []Change // the last maxChanges
	decided  map[string]Decision
	watchers map[*Watcher]struct{}
}

// New makes a queue that is empty until Run has looked.
func New(source Source, log *zap.Logger) *Queue {
	return &Queue{
		reader: &reader{source: source}, log: log, now: time.Now,
		wake: make(chan struct{}, 1), ready: make(chan struct{}),
		view: &View{}, decided: map[string]Decision{}, watchers: map[*Watcher]struct{}{},
	}
}

// Run looks again and again until ctx is done.
func (q *Queue) Run(ctx context.Context) {
	for looked := false; ctx.Err() == nil; looked = true {
		q.refresh(ctx)
		if !looked {
			close(q.ready)
		}
		select {
		case <-ctx.Done():
		case <-time.After(q.refreshInterval()):
		case <-q.wake:
		}
	}
}

// View is the newest look. It waits for the first one, at most until ctx is done.
func (q *Queue) View(ctx context.Context) *View {
	select {
	case <-q.ready:
	case <-ctx.Done():
	}
	return q.current()
}

func (q *Queue) current() *View {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.view
}

func (q *Queue) refreshInterval() time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.watchers) == 0 {
		return idleInterval
	}
	return watchedInterval
}

// refresh brings the view up to date. A failure keeps the view before, and marks it.
func (q *Queue) refresh(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	was, now := q.current(), q.now()
	rows, total, err := q.reader.read(ctx, was, now)
	states := q.readDecided(ctx, err)

	q.mu.Lock()
	defer q.mu.Unlock()
	news := q.updateDecided(states, now)
	if err != nil {
		if was.Err == nil {
			q.log.Warn("cannot read the queue", zap.Error(err))
		}
		q.publish(was.withError(err), news)
		return
	}
	left := q.withoutDecided(rows)
	q.publish(newView(left, total-int64(len(rows)-len(left)), now), news)
}
