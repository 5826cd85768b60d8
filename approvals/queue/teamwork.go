package queue

import (
	"slices"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/workflows"
)

// teamwork is what people change in a waiting reply without deciding it.
type teamwork struct {
	state                      privatereply.State
	text, proposedBy, assignee string
	message                    workflows.MessageMemo
}

func teamworkOf(r replies.Row) teamwork {
	return teamwork{r.State, r.Text, r.ProposedBy, r.Assignee, r.Message}
}

// touch is a change that was made at this desk: the visibility store is a moment behind.
type touch struct {
	was teamwork
	is  replies.Row
	at  time.Time
}

// RecordChange changes a waiting reply in the view at once.
func (q *Queue) RecordChange(id string, change func(*replies.Row)) {
	q.mu.Lock()
	defer q.mu.Unlock()
	v := q.view
	row, ok := v.Row(id)
	if !ok {
		return
	}
	made := touch{was: teamworkOf(row), at: q.now()}
	if earlier, ok := q.touched[id]; ok {
		made.was = earlier.was
	}
	change(&row)
	made.is = row
	q.touched[id] = made
	rows := slices.Clone(v.Rows)
	rows[v.byID[id]] = row
	next := newView(rows, v.Total, v.ReadAt)
	next.Err = v.Err
	q.publish(next, nil)
	q.refreshSoon()
}

// RecordReopened has a rejected reply waited for again.
func (q *Queue) RecordReopened(id string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.decided, id)
	q.refreshSoon()
}

// withTouched adds to rows the changes of this desk that they do not have yet. A row that is
// neither as before a change nor as after it was changed elsewhere since. The lock is held.
func (q *Queue) withTouched(rows []replies.Row, now time.Time) []replies.Row {
	for id, t := range q.touched {
		if now.Sub(t.at) > decisionTTL {
			delete(q.touched, id)
		}
	}
	if len(q.touched) == 0 {
		return rows
	}
	rows = slices.Clone(rows)
	for i, r := range rows {
		t, ok := q.touched[r.ID]
		if !ok {
			continue
		}
		if teamworkOf(r) != t.was {
			if teamworkOf(r) != teamworkOf(t.is) {
				delete(q.touched, r.ID)
			}
			continue
		}
		rows[i].State, rows[i].Text, rows[i].ProposedBy, rows[i].Assignee = t.is.State, t.is.Text, t.is.ProposedBy, t.is.Assignee
		rows[i].Message = t.is.Message
	}
	return rows
}
