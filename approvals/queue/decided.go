package queue

import (
	"context"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/replies"
)

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
