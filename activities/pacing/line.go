package pacing

import (
	"slices"
	"time"
)

// forgetAfter is how long after its slot a reply that has not come back is
// remembered. Most of them were stopped, or came back to another worker.
const forgetAfter = time.Hour

// line is who waits for a slot, by the time of the slot.
type line struct {
	places []place
	due    map[string]time.Time // by reply
}

// place is one reply's. Thousands are gone through for each ask: it is kept small.
type place struct {
	due      time.Time
	since    time.Time
	reply    string
	byPerson bool
}

// before reports whether it is p's turn before a's: p waits longer, or is a
// person's where a is a rule's.
func (p place) before(a Ask) bool {
	switch {
	case p.byPerson != a.ByPerson:
		return p.byPerson
	case p.since.Equal(a.Since):
		return p.reply < a.Reply
	}
	return p.since.Before(a.Since)
}

// put gives a the place of a slot, instead of the one that it had.
func (l *line) put(a Ask, due time.Time) {
	l.remove(a)
	if l.due == nil {
		l.due = map[string]time.Time{}
	}
	l.due[a.Reply] = due
	l.places = slices.Insert(l.places, l.first(due), place{due: due, since: a.Since, reply: a.Reply, byPerson: a.ByPerson})
}

func (l *line) remove(a Ask) {
	due, waits := l.due[a.Reply]
	if !waits {
		return
	}
	delete(l.due, a.Reply)
	at := l.first(due)
	for l.places[at].reply != a.Reply {
		at++ // another one with the same slot
	}
	l.places = slices.Delete(l.places, at, at+1)
}

// from are the places whose slots are not before at.
func (l *line) from(at time.Time) []place {
	l.forget(at.Add(-forgetAfter))
	return l.places[l.first(at):]
}

// first is the index of the first place whose slot is not before at.
func (l *line) first(at time.Time) int {
	i, _ := slices.BinarySearchFunc(l.places, at, func(p place, at time.Time) int { return p.due.Compare(at) })
	return i
}

func (l *line) forget(before time.Time) {
	n := l.first(before)
	for _, p := range l.places[:n] {
		delete(l.due, p.reply)
	}
	l.places = slices.Delete(l.places, 0, n)
}
