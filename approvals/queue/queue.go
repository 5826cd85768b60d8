// Package queue holds the replies that wait for a person in memory, for all browsers: one
// reader asks Temporal's visibility store, whatever the number of users.
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

// Source lists and counts replies; *replies.Client in production.
type Source interface {
	Count(ctx context.Context, f replies.Filter) (int64, error)
	Earliest(ctx context.Context, f replies.Filter, limit int) ([]replies.Row, error)
	Page(ctx context.Context, f replies.Filter, size int, token []byte) ([]replies.Row, []byte, error)
}

const (
	// watchedInterval is the time between two reads while somebody watches, idleInterval
	// otherwise.
	watchedInterval = time.Second
	idleInterval    = 10 * time.Second
	// readTimeout limits one read.
	readTimeout = 20 * time.Second
)

// Queue is the shared view of the waiting replies. Run keeps it up to date.
type Queue struct {
	reader *reader
	log    *zap.Logger
	now    func() time.Time
	wake   chan struct{}
	ready  chan struct{} // closed after the first read

	mu       sync.Mutex
	view     *View
	version  int
	changes  []Change // the last maxChanges
	decided  map[string]Decision
	touched  map[string]touch
	watchers map[*Watcher]struct{}
}

// New returns a queue that is empty until Run has read.
func New(source Source, log *zap.Logger) *Queue {
	return &Queue{
		reader: &reader{source: source}, log: log, now: time.Now,
		wake: make(chan struct{}, 1), ready: make(chan struct{}),
		view: &View{}, decided: map[string]Decision{}, touched: map[string]touch{}, watchers: map[*Watcher]struct{}{},
	}
}

// Run reads the queue at intervals until ctx is done.
func (q *Queue) Run(ctx context.Context) {
	for hasRead := false; ctx.Err() == nil; hasRead = true {
		q.refresh(ctx)
		if !hasRead {
			close(q.ready)
		}
		select {
		case <-ctx.Done():
		case <-time.After(q.refreshInterval()):
		case <-q.wake:
		}
	}
}

// View is the newest view. It waits for the first read, at most until ctx is done.
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

// refresh reads the queue. After a failure the view stays, marked with the error.
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
	left := q.withTouched(q.withoutDecided(rows), now)
	q.publish(newView(left, total-int64(len(rows)-len(left)), now), news)
}

// States are the states of the queue: what a person can decide, stop or resolve.
var States = []privatereply.State{privatereply.AwaitingApproval, privatereply.Holding, privatereply.DeliveryUnknown}

const (
	// maxRows limits the memory, to about 40 MB. Of more replies, those with the earliest
	// deadlines are held.
	maxRows = 20_000
	// pageRows is the number of rows that one call reads.
	pageRows = 1000
	// fullReadSpacing is the pause after a full read, in durations of that read: a large
	// queue must not overload the visibility store.
	fullReadSpacing = 5
	// fullReadInterval is the age at which a full read is repeated although nothing seems
	// to have changed.
	fullReadInterval = 30 * time.Second
	// visibilityLag is the longest delay of the visibility store behind the workflows.
	visibilityLag = 10 * time.Second
)

// reader reads the waiting replies. One goroutine uses it.
type reader struct {
	source       Source
	lastFullRead time.Time     // when everything was read
	fullReadTook time.Duration // how long that took
}

// read counts the waiting replies. It reads a small queue in full. Of a large one it reads
// the new replies, and everything only if these and the old ones do not add up to the
// count, and at intervals. The total is more than the rows only beyond maxRows.
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
	if total <= maxRows { // replies may have come or gone between the two calls
		total = int64(len(rows))
	}
	return rows, total, nil
}

// merge adds the rows that are new.
func merge(rows, fresh []replies.Row) []replies.Row {
	known := make(map[string]bool, len(rows))
	for _, r := range rows {
		known[r.ID] = true
	}
	fresh = slices.DeleteFunc(slices.Clone(fresh), func(r replies.Row) bool { return known[r.ID] })
	return append(slices.Clone(rows), fresh...)
}

const (
	// decisionTTL is the time for which a decision of this desk is followed: long enough
	// for the usual delivery and for the visibility store's delay.
	decisionTTL = time.Minute
	// standingTTL is the time for which one is followed that stands still.
	standingTTL = time.Hour
	// maxDecidedRead limits the decisions in one call. Older ones are no longer followed.
	maxDecidedRead = 200
)

// Decision is a decision that was made at this desk.
type Decision struct {
	ID    string             `json:"id"`
	Verb  string             `json:"verb"` // approve, reject or resolve
	By    string             `json:"by"`
	At    time.Time          `json:"at"`
	State privatereply.State `json:"state"` // as far as it is known
	// NextTry is that of a reply that stands still in Sending.
	NextTry time.Time `json:"next_try,omitzero"`
}

// RecordDecision removes a decided reply from the view at once: the visibility store is a
// moment behind.
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

// withoutDecided drops the rows that were decided at this desk. The lock is held.
func (q *Queue) withoutDecided(rows []replies.Row) []replies.Row {
	return slices.DeleteFunc(slices.Clone(rows), func(r replies.Row) bool {
		d, ok := q.decided[r.ID]
		// An approved reply may come back as one whose delivery is unknown.
		return ok && (r.State != privatereply.DeliveryUnknown || d.Verb == "resolve")
	})
}

// readDecided reads the states of recent decisions, in one call.
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

// updateDecided takes over the states of decided replies and drops old decisions. It
// returns the changed ones. The lock is held.
func (q *Queue) updateDecided(rows []replies.Row, now time.Time) []Decision {
	var news []Decision
	for _, r := range rows {
		d, ok := q.decided[r.ID]
		// The visibility store may still have the state before the decision.
		if !ok || d.State == r.State && d.NextTry.Equal(r.NextTry) || r.State == privatereply.AwaitingApproval || r.State == privatereply.Holding {
			continue
		}
		d.State, d.NextTry = r.State, r.NextTry
		q.decided[r.ID] = d
		news = append(news, d)
	}
	for id, d := range q.decided {
		if age := now.Sub(d.At); age > decisionTTL && (d.NextTry.IsZero() || age > standingTTL) {
			delete(q.decided, id)
		}
	}
	return news
}
