package desk

import (
	"cmp"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/approvals/signin"
	"github.com/privatereply/privatereply/internal/replies"
)

const (
	// presenceTTL is how long somebody is present after their browser last said so. It says so
	// every 8 seconds.
	presenceTTL = 20 * time.Second
	// presenceInterval is the time between two looks of a stream for people who have gone
	// without a word.
	presenceInterval = 5 * time.Second
	// maxPresent limits the memory: the places at which all people together are present.
	// maxPresentOfUser limits those of one.
	maxPresent       = 2000
	maxPresentOfUser = 50
)

// The states of a person at a reply, as browsers say them.
const (
	presentOpen   = "open"   // it is on the screen, or its editor is open
	presentTyping = "typing" // a key was pressed in the last seconds
	presentGone   = "gone"
)

// presence is who has a reply open and who writes, in this desk's memory only. It only tells
// people of each other: nothing waits for it.
type presence struct {
	now func() time.Time

	mu      sync.Mutex
	places  map[place]sighting
	changed chan struct{} // closed at the next change
}

// place is one browser tab of a user at a reply.
type place struct{ reply, user, tab string }

type sighting struct {
	typing bool
	at     time.Time
}

func newPresence(now func() time.Time) *presence {
	return &presence{now: now, places: map[place]sighting{}, changed: make(chan struct{})}
}

// record takes down what a browser says. What would exceed the limits is left out.
func (p *presence) record(at place, state string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	before, known := p.places[at]
	if state == presentGone {
		if !known {
			return
		}
		delete(p.places, at)
		p.tell()
		return
	}
	if !known {
		own := 0
		for other, seen := range p.places {
			if now.Sub(seen.at) > presenceTTL {
				delete(p.places, other)
			} else if other.user == at.user {
				own++
			}
		}
		if own >= maxPresentOfUser || len(p.places) >= maxPresent {
			return
		}
	}
	typing := state == presentTyping
	p.places[at] = sighting{typing, now}
	if !known || before.typing != typing {
		p.tell()
	}
}

// tell wakes the streams. The lock is held.
func (p *presence) tell() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// changes is closed at the next change.
func (p *presence) changes() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.changed
}

// presentEvent is who else is at a reply, in the order of their names.
type presentEvent struct {
	ElementID string   `json:"key"`
	Open      []string `json:"open,omitempty"`
	Typing    []string `json:"typing,omitempty"`
}

func (e presentEvent) equal(o presentEvent) bool {
	return e.ElementID == o.ElementID && slices.Equal(e.Open, o.Open) && slices.Equal(e.Typing, o.Typing)
}

// others lists who else than user is present at the replies of the accounts that they see.
func (p *presence) others(user string, sees func(account string) bool) []presentEvent {
	type present struct {
		reply, user string
	}
	typing := map[present]bool{}
	p.mu.Lock()
	for at, seen := range p.places {
		if at.user == user || p.now().Sub(seen.at) > presenceTTL {
			continue
		}
		if id, ok := privatereply.ParseID(at.reply); ok && sees(id.Account) {
			who := present{at.reply, at.user}
			typing[who] = typing[who] || seen.typing
		}
	}
	p.mu.Unlock()
	byReply := map[string]*presentEvent{}
	for who, writes := range typing {
		e := byReply[who.reply]
		if e == nil {
			e = &presentEvent{ElementID: elementID(who.reply)}
			byReply[who.reply] = e
		}
		if writes {
			e.Typing = append(e.Typing, who.user)
		} else {
			e.Open = append(e.Open, who.user)
		}
	}
	all := []presentEvent{}
	for _, e := range byReply {
		slices.Sort(e.Open)
		slices.Sort(e.Typing)
		all = append(all, *e)
	}
	slices.SortFunc(all, func(a, b presentEvent) int { return cmp.Compare(a.ElementID, b.ElementID) })
	return all
}

// apiPresence takes down where a user is.
func (d *Desk) apiPresence(w http.ResponseWriter, r *http.Request) {
	var m struct {
		State string `json:"state"`
		Tab   string `json:"tab"`
	}
	if err := readJSON(w, r, &m); err != nil {
		writeJSONError(w, r, httpError{http.StatusBadRequest, "bad_request", err.Error()})
		return
	}
	id := r.PathValue("id")
	if !d.seesReply(r.Context(), id) {
		writeJSONError(w, r, httpError{http.StatusNotFound, string(replies.NotFound), replies.NotFoundError(id).Error()})
		return
	}
	if !slices.Contains([]string{presentOpen, presentTyping, presentGone}, m.State) || !keyPattern.MatchString(m.Tab) {
		writeJSONError(w, r, httpError{http.StatusBadRequest, "bad_request", `write a "state" of open, typing or gone, and a "tab" of 8 to 64 of A-Za-z0-9_-`})
		return
	}
	d.presence.record(place{id, signin.UserFrom(r.Context()).Name, m.Tab}, m.State)
	w.WriteHeader(http.StatusNoContent)
}
