package pacing

import "time"

const (
	// triesKept is for how long at least a try is remembered: longer than the pause
	// between two tries of a reply that Meta refuses for now.
	triesKept = 3 * time.Hour
	// maxTries bounds those that are remembered, about 100 bytes each.
	maxTries = 20_000
)

// tries remembers when replies last got leave. A reply that Meta refuses for now, again
// and again, must not go before those that were decided since its last try: some hundreds
// of them would take all of the account's rate.
//
// There are two generations; when the newer one is old or full, the older one goes.
type tries struct {
	newer, older map[string]time.Time // by reply
	since        time.Time            // when the newer one began
}

// place is a with the time that its place in the line goes by.
func (t *tries) place(a Ask) Ask {
	at, ok := t.newer[a.Reply]
	if !ok {
		at = t.older[a.Reply]
	}
	if at.After(a.Since) {
		a.Since = at
	}
	return a
}

func (t *tries) note(now time.Time, reply string) {
	if t.newer == nil || now.Sub(t.since) > triesKept || len(t.newer) >= maxTries {
		t.older, t.newer, t.since = t.newer, map[string]time.Time{}, now
	}
	t.newer[reply] = now
}

func (t *tries) forget(reply string) {
	delete(t.newer, reply)
	delete(t.older, reply)
}
