package queue

import (
	"slices"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/replies"
)

// maxChanges limits the changes that are held for slow watchers.
const maxChanges = 64

// Change is the difference between two views.
type Change struct {
	Version int
	Added   []replies.Row // new, in a new state, with a new deadline, new words or other people
	Removed []replies.Row // as they were
	Decided []Decision
}

// Only is the part of c that somebody may see.
func (c Change) Only(sees func(account string) bool) Change {
	hidden := func(r replies.Row) bool { return !sees(r.Account) }
	c.Added = slices.DeleteFunc(slices.Clone(c.Added), hidden)
	c.Removed = slices.DeleteFunc(slices.Clone(c.Removed), hidden)
	c.Decided = slices.DeleteFunc(slices.Clone(c.Decided), func(d Decision) bool {
		id, ok := privatereply.ParseID(d.ID)
		return !ok || !sees(id.Account)
	})
	return c
}

// Matches reports whether a changed row matches f.
func (c Change) Matches(f Filter) bool {
	for _, rows := range [][]replies.Row{c.Added, c.Removed} {
		for _, r := range rows {
			if f.Matches(r) {
				return true
			}
		}
	}
	return false
}

// publish makes v the view. The lock is held.
func (q *Queue) publish(v *View, decided []Decision) {
	c := diff(q.view, v)
	c.Decided = decided
	same := len(c.Added) == 0 && len(c.Removed) == 0 && len(decided) == 0 && (q.view.Err == nil) == (v.Err == nil) && q.view.Total == v.Total
	if !same {
		q.version++
		c.Version = q.version
		q.changes = append(q.changes, c)
		q.changes = q.changes[max(0, len(q.changes)-maxChanges):]
	}
	v.Version = q.version
	q.view = v
	if same {
		return
	}
	for w := range q.watchers {
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
}

func diff(was, is *View) Change {
	var c Change
	for _, r := range is.Rows {
		if old, ok := was.Row(r.ID); !ok || old.State != r.State || !old.Deadline.Equal(r.Deadline) || !old.EditedAt.Equal(r.EditedAt) || teamworkOf(old) != teamworkOf(r) {
			c.Added = append(c.Added, r)
			if ok {
				c.Removed = append(c.Removed, old)
			}
		}
	}
	for _, r := range was.Rows {
		if _, ok := is.byID[r.ID]; !ok {
			c.Removed = append(c.Removed, r)
		}
	}
	return c
}

// Watcher receives the changes of a queue.
type Watcher struct {
	queue *Queue
	wake  chan struct{}
	seen  int
}

// Watch returns a watcher of the changes after a version. Close it at the end.
func (q *Queue) Watch(version int) *Watcher {
	w := &Watcher{queue: q, wake: make(chan struct{}, 1), seen: version}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.watchers[w] = struct{}{}
	if version != q.version {
		w.wake <- struct{}{}
	}
	q.refreshSoon()
	return w
}

// Close ends the watch.
func (w *Watcher) Close() {
	w.queue.mu.Lock()
	defer w.queue.mu.Unlock()
	delete(w.queue.watchers, w)
}

// Changed receives a value after a change.
func (w *Watcher) Changed() <-chan struct{} { return w.wake }

// Next returns the changes since the last call, and the view. Missed reports that older
// changes were dropped.
func (w *Watcher) Next() (changes []Change, view *View, missed bool) {
	w.queue.mu.Lock()
	defer w.queue.mu.Unlock()
	for _, c := range w.queue.changes {
		if c.Version > w.seen {
			changes = append(changes, c)
		}
	}
	missed = w.seen > w.queue.version || len(changes) < w.queue.version-w.seen
	w.seen = w.queue.version
	return changes, w.queue.view, missed
}

// refreshSoon wakes Run.
func (q *Queue) refreshSoon() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}
