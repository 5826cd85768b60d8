package meta

import (
	"fmt"
	"slices"
	"time"
)

// maxEvents bounds what the page and /sandbox/events can look back on.
const maxEvents = 500

// Event is one thing that happened, in words for the developer.
type Event struct {
	Seq     int       `json:"seq"` // counts up by one
	At      time.Time `json:"at"`
	Kind    string    `json:"kind"` // comment, person, post, live, call, fault, webhook, account
	Account string    `json:"account,omitempty"`
	ID      string    `json:"id,omitempty"`
	Text    string    `json:"text"`
}

// eventLog keeps the newest entries.
type eventLog struct {
	seq  int
	kept []Event // a ring once it is full
}

func (l *eventLog) add(e Event) {
	l.seq++
	e.Seq = l.seq
	if len(l.kept) < maxEvents {
		l.kept = append(l.kept, e)
		return
	}
	l.kept[(l.seq-1)%maxEvents] = e
}

// after gives what came after seq, oldest first.
func (l *eventLog) after(seq int) []Event {
	n := min(l.seq-seq, len(l.kept))
	list := make([]Event, 0, max(n, 0))
	for i := l.seq - n; i < l.seq; i++ {
		list = append(list, l.kept[i%maxEvents])
	}
	return list
}

// Events is the recent activity after the entry with the number after, oldest
// first; 0 gives all that is kept.
func (s *Sandbox) Events(after int) []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.activity.after(after)
}

// note writes an entry of the activity and wakes those in Wait.
func (s *Sandbox) note(kind, account, id, format string, args ...any) {
	s.activity.add(Event{At: s.now(), Kind: kind, Account: account, ID: id, Text: fmt.Sprintf(format, args...)})
	s.wakeLocked()
}

// recentKept is how many comments and people the page shows.
const recentKept = 30

// recent holds what the page shows, newest first.
type recent struct {
	comments []*comment
	people   []*person
}

func (r *recent) comment(c *comment) { r.comments = toFront(r.comments, c) }
func (r *recent) person(p *person)   { r.people = toFront(r.people, p) }

func toFront[T comparable](list []T, v T) []T {
	if i := slices.Index(list, v); i >= 0 {
		list = slices.Delete(list, i, i+1)
	} else if len(list) == recentKept {
		list = list[:recentKept-1]
	}
	return slices.Insert(list, 0, v)
}
