package notify

import (
	"fmt"
	"strings"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/approvals/queue"
	"github.com/privatereply/privatereply/internal/replies"
)

const (
	// gather is how long the first reply waits for others, so that a burst is one
	// message.
	gather = 10 * time.Second
	// apart is the least time between two messages.
	apart = time.Minute
	// lead is how long before its deadline a reply is called for again, liveLead the
	// same for a comment on a live broadcast, which can end earlier at any moment.
	lead     = time.Hour
	liveLead = 15 * time.Minute
	// oldNews is how long before the start a reply may have begun to wait to be told of:
	// what the process before has told is not told again.
	oldNews = 10 * time.Minute
	// maxBackoff is the longest wait after a failure.
	maxBackoff = 5 * time.Minute
)

// ledger knows what was told.
type ledger struct {
	start    time.Time
	replies  map[string]*mention
	lastTold time.Time
	tries    int
	notUntil time.Time
}

// mention is what is due and told about one reply that waits.
type mention struct {
	row       replies.Row
	newSince  time.Time // zero: nothing to tell
	nearSince time.Time
	nearTold  bool
}

func newLedger(now time.Time) *ledger { return &ledger{start: now, replies: map[string]*mention{}} }

// look takes over what waits now. What was decided meanwhile is not told any more.
func (l *ledger) look(v *queue.View, now time.Time) {
	waits := map[string]bool{}
	for _, r := range v.Rows {
		if r.State != privatereply.AwaitingApproval {
			continue
		}
		waits[r.ID] = true
		m, known := l.replies[r.ID]
		if !known {
			m = &mention{}
			if r.StartedAt.After(l.start.Add(-oldNews)) {
				m.newSince = now
			}
			l.replies[r.ID] = m
		}
		m.row = r
		if !m.nearTold && m.nearSince.IsZero() && near(r, now) {
			m.nearSince = now
		}
	}
	for id := range l.replies {
		if !waits[id] {
			delete(l.replies, id)
		}
	}
}

func near(r replies.Row, now time.Time) bool {
	if r.OnLive() {
		return r.Deadline.Sub(now) < liveLead
	}
	return r.Deadline.Sub(now) < lead
}

// message is what is told at once.
type message struct{ fresh, near []*mention }

// due is the message to send now, or nil.
func (l *ledger) due(now time.Time) *message {
	if now.Before(l.notUntil) || now.Before(l.lastTold.Add(apart)) {
		return nil
	}
	var m message
	var since time.Time
	for _, about := range l.replies {
		switch {
		case !about.nearSince.IsZero():
			m.near = append(m.near, about)
			since = earlier(since, about.nearSince)
		case !about.newSince.IsZero():
			m.fresh = append(m.fresh, about)
			since = earlier(since, about.newSince)
		}
	}
	if since.IsZero() || now.Before(since.Add(gather)) {
		return nil
	}
	return &m
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

func (l *ledger) told(m *message, now time.Time) {
	l.lastTold, l.tries, l.notUntil = now, 0, time.Time{}
	for _, about := range m.fresh {
		about.newSince = time.Time{}
	}
	for _, about := range m.near {
		about.newSince, about.nearSince, about.nearTold = time.Time{}, time.Time{}, true
	}
}

func (l *ledger) failed(now time.Time) {
	l.tries++
	l.notUntil = now.Add(min(maxBackoff, 2*time.Second<<min(l.tries, 10)))
}

// text says it in at most three lines. It holds numbers and times only, so that
// nothing in it needs to be escaped.
func (m *message) text(desk string, now time.Time) string {
	var lines []string
	if n := len(m.fresh); n > 0 {
		line := fmt.Sprintf("%s for a decision", waits(n, "new reply waits", "new replies wait"))
		if live := lives(m.fresh); live > 0 {
			line += fmt.Sprintf(", %d of a live broadcast", live)
		}
		lines = append(lines, line+". Earliest deadline "+until(m.fresh, now)+".")
	}
	if n := len(m.near); n > 0 {
		lines = append(lines, fmt.Sprintf(":hourglass: %s out of time: the earliest deadline is %s.", waits(n, "reply runs", "replies run"), until(m.near, now)))
	}
	return strings.Join(append(lines, desk), "\n")
}

func waits(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func lives(all []*mention) int {
	n := 0
	for _, m := range all {
		if m.row.OnLive() {
			n++
		}
	}
	return n
}

func until(all []*mention, now time.Time) string {
	first := all[0].row.Deadline
	for _, m := range all {
		first = earlier(first, m.row.Deadline)
	}
	switch left := first.Sub(now).Round(time.Minute); {
	case left < time.Minute:
		return "in less than a minute"
	case left < 2*time.Hour:
		return fmt.Sprintf("in %d minutes", int(left.Minutes()))
	case left < 48*time.Hour:
		return fmt.Sprintf("in %d hours", int(left.Hours()))
	default:
		return fmt.Sprintf("in %d days", int(left.Hours())/24)
	}
}
