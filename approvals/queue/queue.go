// Package queue keeps the replies that wait for a person in memory, for all browsers
// at once: one reader asks Temporal's visibility store, however many people look.
package queue

import (
	"context"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/privatereply/privatereply"
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

// States are what the queue holds: what a person can decide, stop or resolve.
var States = []privatereply.State{privatereply.AwaitingApproval, privatereply.Holding, privatereply.DeliveryUnknown}

const (
	// maxRows bounds the memory: about 40 MB. Of more, the earliest deadlines are held.
	maxRows = 20_000
	// pageRows is how many rows one call reads.
	pageRows = 1000
	// fullReadSpacing is how many times as long as reading everything took nothing is read
	// whole again: a large queue must not keep the visibility store busy.
	fullReadSpacing = 5
	// fullReadInterval is how old a whole read becomes when nothing seems to have changed.
	fullReadInterval = 30 * time.Second
	// visibilityLag is how far the visibility store may be behind the workflows.
	visibilityLag = 10 * time.Second
)

// reader reads what waits. It is used by one goroutine.
type reader struct {
	source       Source
	lastFullRead time.Time     // when everything was read
	fullReadTook time.Duration // how long that took
}

// read asks how many replies wait. A small queue is then read whole; of a large one
// only what is new is read, and everything only when the two do not add up to the
// count, and now and then. Total is more than the rows only beyond maxRows.
func (r *reader) read(ctx context.Context, was *View, now time.Time) (rows []replies.Row, total int64, err error) {
	waiting := replies.Filter{States: States, Running: true}
	if total, err = r.source.Count(ctx, waiting); err != nil {
		return nil, 0, err
	}
	if age := now.Sub(r.lastFullRead); total > pageRows && age < fullReadInterval {
		recent := waiting
		recent.StartedFrom = was.ReadAt.Add(-visibilityLag)
		fresh, _, err := r.source.Page(ctx, recent, pageRows, nil)
		if err != nil {
			return nil, 0, err
		}
		rows = merge(was.Rows, fresh)
		if int64(len(rows)) == total || age < fullReadSpacing*r.fullReadTook {
			return rows, max(total, int64(len(rows))), nil
		}
	}
	began := time.Now()
	if rows, err = r.source.Earliest(ctx, waiting, maxRows); err != nil {
		return nil, 0, err
	}
	r.lastFullRead, r.fullReadTook = now, time.Since(began)
	if total <= maxRows { // what came or went between the two calls
		total = int64(len(rows))
	}
	return rows, total, nil
}

// merge adds rows that are not there yet.
func merge(rows, fresh []replies.Row) []replies.Row {
	known := make(map[string]bool, len(rows))
	for _, r := range rows {
		known[r.ID] = true
	}
	fresh = slices.DeleteFunc(slices.Clone(fresh), func(r replies.Row) bool { return known[r.ID] })
	return append(slices.Clone(rows), fresh...)
}

const (
	// decisionTTL is how long a decision made here is followed: long enough to see the
	// usual delivery, and to outlive the visibility store's lag.
	decisionTTL = time.Minute
	// maxDecidedRead bounds one call. Older decisions are followed no longer.
	maxDecidedRead = 200
)

// Decision is what somebody decided at this desk.
type Decision struct {
	ID    string             `json:"id"`
	Verb  string             `json:"verb"` // approve, reject or resolve
	By    string             `json:"by"`
	At    time.Time          `json:"at"`
	State privatereply.State `json:"state"` // as far as it is known
}

// RecordDecision notes a decision, so that everybody sees it at once: the visibility store
// takes a moment.
func (q *Queue) RecordDecision(d Decision) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.decided[d.ID] = d
	v := q.view
	rows := slices.DeleteFunc(slices.Clone(v.Rows), func(r replies.Row) bool { return r.ID == d.ID })
	next := newView(rows, v.Total-int64(len(v.Rows)-len(rows)), v.ReadAt)
	next.Err = v.Err
	q.publish(next, []Decision{d})
	q.refreshSoon()
}

// withoutDecided leaves out what was decided here. The lock is held.
func (q *Queue) withoutDecided(rows []replies.Row) []replies.Row {
	return slices.DeleteFunc(slices.Clone(rows), func(r replies.Row) bool {
		d, ok := q.decided[r.ID]
		// An approved reply may come back as one whose delivery is unknown.
		return ok && (r.State != privatereply.DeliveryUnknown || d.Verb == "resolve")
	})
}

// readDecided asks for the states of what was decided here lately, in one call.
func (q *Queue) readDecided(ctx context.Context, failed error) []replies.Row {
	q.mu.Lock()
	var ids []string
	for id, d := range q.decided {
		if !d.State.Final() {
			ids = append(ids, id)
		}
	}
	watched := len(q.watchers) > 0
	q.mu.Unlock()
	if len(ids) == 0 || !watched || failed != nil {
		return nil
	}
	rows, _, err := q.reader.source.Page(ctx, replies.Filter{IDs: ids[:min(len(ids), maxDecidedRead)]}, maxDecidedRead, nil)
	if err != nil {
		q.log.Warn("cannot follow what was decided", zap.Error(err))
	}
	return rows
}

// updateDecided takes over the states of decided replies, and forgets old decisions. It
// returns those that changed. The lock is held.
func (q *Queue) updateDecided(rows []replies.Row, now time.Time) []Decision {
	var news []Decision
	for _, r := range rows {
		d, ok := q.decided[r.ID]
		// The store may still be where the reply was before the decision.
		if !ok || d.State == r.State || r.State == privatereply.AwaitingApproval || r.State == privatereply.Holding {
			continue
		}
		d.State = r.State
		q.decided[r.ID] = d
		news = append(news, d)
	}
	for id, d := range q.decided {
		if now.Sub(d.At) > decisionTTL {
			delete(q.decided, id)
		}
	}
	return news
}
