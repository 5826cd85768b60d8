package notify

import (
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/approvals/answered"
	"github.com/privatereply/privatereply/approvals/health"
	"github.com/privatereply/privatereply/approvals/queue"
	"github.com/privatereply/privatereply/internal/replies"
)

const (
	// batchDelay is the wait after the first new thing, so that a burst is one message.
	batchDelay = 10 * time.Second
	// minInterval is the least time between two messages, also of what cannot wait, and
	// liveInterval between those about a broadcast that goes on.
	minInterval  = time.Minute
	liveInterval = 5 * time.Minute
	// urgentBefore is the time before its deadline at which a reply is urgent;
	// liveUrgentBefore for a comment on a live broadcast, which can end earlier at any
	// moment. closingBefore is that of a window.
	urgentBefore     = time.Hour
	liveUrgentBefore = 15 * time.Minute
	closingBefore    = time.Hour
	// maxAgeAtStart limits the age of replies that are new at the start: older ones were in
	// a message of the process before.
	maxAgeAtStart = 10 * time.Minute
	// maxBackoff is the longest wait after a failure.
	maxBackoff = 5 * time.Minute
	// repeatProblem is how long a problem that has gone and come back is not told again.
	repeatProblem = time.Hour
)

// kind is what a notice is about.
type kind int

const (
	broken  kind = iota // an account cannot send or receive
	urgent              // a reply runs out of time
	closing             // a person's window closes
	fresh               // a reply began to wait
	unknown             // nobody knows whether a reply arrived
)

// notice is one thing to be told once.
type notice struct {
	kind
	platform privatereply.Platform
	account  string
	since    time.Time
	// until is when it is too late to act; zero: never.
	until    time.Time
	live     bool
	problem  health.Problem
	told     bool
	toldAt   time.Time
	outdated bool // it is not so any more
}

// facts are what a message can be made of.
type facts struct {
	queue    *queue.View
	answered answered.View
	problems health.View
}

// notices is what there is to tell, and what was told.
type notices struct {
	startedAt time.Time
	every     time.Duration
	all       map[string]*notice
	started   bool // the queue has been read once
}

func newNotices(now time.Time, every time.Duration) *notices {
	return &notices{startedAt: now, every: every, all: map[string]*notice{}}
}

// update takes over what is known now, and drops what was decided or repaired.
func (l *notices) update(f facts, now time.Time) {
	for _, about := range l.all {
		about.outdated = true
	}
	if f.queue.Err == nil {
		for _, r := range f.queue.Rows {
			l.updateReply(r, now)
		}
		l.started = l.started || !f.queue.ReadAt.IsZero()
	}
	for _, row := range f.answered.Closing(now, closingBefore) {
		l.add("closing "+row.Key, notice{kind: closing, platform: row.Reply.Platform, account: row.Reply.Account, until: row.Until}, now)
	}
	for _, p := range f.problems.Problems {
		l.add("broken "+string(p.Platform)+" "+p.Account+" "+string(p.Reason), notice{kind: broken, platform: p.Platform, account: p.Account, problem: p}, now).problem = p
	}
	for key, about := range l.all {
		switch {
		case !about.outdated:
		case f.queue.Err != nil && (about.kind == fresh || about.kind == urgent || about.kind == unknown):
			about.outdated = false // nobody knows
		case about.kind == broken && about.told && now.Sub(about.toldAt) < repeatProblem:
		default:
			delete(l.all, key)
		}
	}
}

func (l *notices) updateReply(r replies.Row, now time.Time) {
	n := notice{platform: r.Platform, account: r.Account, until: r.Deadline, live: r.OnLive()}
	switch r.State {
	case privatereply.AwaitingApproval:
		n.kind = fresh
		// What waited before this process began was in a message of the one before.
		n.told = !r.StartedAt.After(l.startedAt.Add(-maxAgeAtStart))
		known := l.add("fresh "+r.ID, n, now)
		known.until = r.Deadline
		if isUrgent(r, now) {
			n.kind, n.told = urgent, false
			l.add("urgent "+r.ID, n, now)
			known.told = true // it is in the other one
		}
	case privatereply.DeliveryUnknown:
		n.kind, n.until, n.live, n.told = unknown, time.Time{}, false, !l.started
		l.add("unknown "+r.ID, n, now)
	}
}

// add adds a notice, if it is not known.
func (l *notices) add(key string, n notice, now time.Time) *notice {
	known, ok := l.all[key]
	if !ok {
		n.since = now
		known = &n
		l.all[key] = known
	}
	known.outdated = false
	return known
}

func isUrgent(r replies.Row, now time.Time) bool {
	if r.OnLive() {
		return r.Deadline.Sub(now) < liveUrgentBefore
	}
	return r.Deadline.Sub(now) < urgentBefore
}

// pending is what was not told yet.
func (l *notices) pending() []*notice {
	var all []*notice
	for _, about := range l.all {
		if !about.told && !about.outdated {
			all = append(all, about)
		}
	}
	return all
}

func (l *notices) recordSent(message []*notice, now time.Time) {
	for _, about := range message {
		about.told, about.toldAt = true, now
	}
}

// cannotWait reports whether a notice would come too late at a time.
func (n *notice) cannotWait(at time.Time) bool {
	switch {
	case n.kind == broken, n.kind == fresh && n.live:
		return true
	case n.kind == urgent || n.kind == closing:
		return n.live || n.until.Before(at.Add(liveUrgentBefore))
	}
	return !n.until.IsZero() && n.until.Before(at)
}

// spacing is the least time between two messages about such a thing.
func (n *notice) spacing() time.Duration {
	if n.live {
		return liveInterval
	}
	return minInterval
}

// chatState is the rhythm of the messages to one address.
type chatState struct {
	every      time.Duration
	lastSentAt time.Time
	failures   int
	retryAt    time.Time
}

// next is the message to post now, of what is pending, or nothing. Quiet is when the quiet
// hours end; zero: there are none now.
func (c *chatState) next(pending []*notice, now, quiet time.Time) []*notice {
	if now.Before(c.retryAt) {
		return nil
	}
	open := c.lastSentAt.Add(c.every)
	if c.lastSentAt.IsZero() {
		open = now
	}
	if quiet.After(open) {
		open = quiet
	}
	due := !now.Before(open)
	var message []*notice
	var since time.Time
	for _, about := range pending {
		// At night only what cannot wait goes out; by day it takes the others along.
		if !quiet.IsZero() && !about.cannotWait(quiet) {
			continue
		}
		message = append(message, about)
		since = earlier(since, about.since)
		due = due || about.cannotWait(open) && !now.Before(c.lastSentAt.Add(about.spacing()))
	}
	if !due || since.IsZero() || now.Before(since.Add(batchDelay)) {
		return nil
	}
	return message
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func (c *chatState) recordSent(now time.Time) {
	c.lastSentAt, c.failures, c.retryAt = now, 0, time.Time{}
}

func (c *chatState) recordFailure(now time.Time) {
	c.failures++
	c.retryAt = now.Add(min(maxBackoff, 2*time.Second<<min(c.failures, 10)))
}
