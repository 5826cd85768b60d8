package desk

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/approvals/health"
	"github.com/privatereply/privatereply/internal/replies"
)

// maxPersonRows limits the comments of one person on the person's page.
const maxPersonRows = 200

type personView struct {
	pageFrame
	Row     card // the reply from which the page was opened
	Cards   []card
	Held    map[string]*health.Held
	Replies int    // messages that the person got
	More    bool   // there are older comments
	Missing string // why there may be more than is shown
	Error   string
}

// personPage shows every comment of a person on an account, and its reply, that Temporal
// holds: the newest first.
func (d *Desk) personPage(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	row, err := d.Replies.Row(r.Context(), id)
	var refusal *replies.Error
	switch {
	case errors.As(err, &refusal):
		d.errorPage(w, r, http.StatusNotFound, sentence(refusal.Message))
		return
	case err != nil:
		d.errorPage(w, r, http.StatusBadGateway, staleMessage)
		return
	}
	page := personView{pageFrame: d.newFrame(r, "person", personName(row.Person)), Row: d.newCard(r, row)}
	keys, missing := d.personKeys(r.Context(), row)
	page.Missing = missing
	rows := []replies.Row{row}
	if len(keys) > 0 {
		found, next, err := d.Replies.Newest(r.Context(), replies.Filter{Account: row.Account, PersonKeys: keys}, replies.Cursor{}, maxPersonRows)
		if err != nil {
			page.Error = d.errorMessage(err)
		}
		page.More = !next.IsZero()
		if !slices.ContainsFunc(found, func(f replies.Row) bool { return f.ID == id }) {
			found = append(found, row) // it began a moment ago, or long ago
		}
		rows = found
	}
	page.Held = d.held(r.Context(), rows)
	for _, row := range rows {
		page.Cards = append(page.Cards, d.newCard(r, row))
		if isDelivered(row.State) {
			page.Replies++
		}
	}
	d.render(w, http.StatusOK, "person", layout, page)
}

// personKeys are the keys of the person of a reply, under every encryption key, and why
// there may be more.
func (d *Desk) personKeys(ctx context.Context, row replies.Row) (keys []string, missing string) {
	s, err := d.Replies.Status(ctx, row.ID)
	switch {
	case err == nil && s.Comment.PersonID != "":
		return d.Replies.PersonKeys(row.Platform, row.Account, s.Comment.PersonID), ""
	case row.PersonKey != "": // from before the last change of the encryption keys nothing is found
		return []string{row.PersonKey}, "The reply could not be asked who it is: what is older than the last change of the encryption keys is missing."
	case err == nil:
		return nil, "Meta did not say who wrote this comment."
	}
	return nil, "The reply could not be asked who it is. Look again later."
}

// isDelivered reports that the person got the private reply.
func isDelivered(s privatereply.State) bool {
	switch s {
	case privatereply.Sent, privatereply.Responded, privatereply.WindowClosed, privatereply.NoResponse:
		return true
	}
	return false
}

const (
	// tallyTTL is the age up to which what is known of a person's comments is shown again,
	// and maxTallies how many people are remembered.
	tallyTTL   = 10 * time.Second
	maxTallies = 5000
	// tallyKeys is the number of people in one query, tallyRows that of their comments.
	tallyKeys = 50
	tallyRows = 1000
)

// tally is what a person has written and got, as far as Temporal holds it.
type tally struct {
	began   []time.Time // of the replies to each comment, sorted
	replies int         // that were delivered
}

// Words says how many comments a person has written up to one, and how many replies there
// were.
func (t tally) Words(began time.Time) string {
	n := 0
	for _, at := range t.began {
		if !at.After(began) {
			n++
		}
	}
	words := ordinal(max(n, 1)) + " comment"
	switch t.replies {
	case 0:
		return words
	case 1:
		return words + ", one reply"
	}
	return words + ", " + cardinal(t.replies) + " replies"
}

var (
	ordinals  = []string{"", "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"}
	cardinals = []string{"no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"}
)

func ordinal(n int) string {
	if n < len(ordinals) {
		return ordinals[n]
	}
	switch ending := n % 10; {
	case n%100/10 == 1 || ending == 0 || ending > 3:
		return fmt.Sprintf("%dth", n)
	case ending == 1:
		return fmt.Sprintf("%dst", n)
	case ending == 2:
		return fmt.Sprintf("%dnd", n)
	}
	return fmt.Sprintf("%drd", n)
}

func cardinal(n int) string {
	if n < len(cardinals) {
		return cardinals[n]
	}
	return fmt.Sprint(n)
}

// tallies counts the comments of people, for all browsers.
type tallies struct {
	mu    sync.Mutex
	known map[string]knownTally // by PersonKey
}

type knownTally struct {
	tally
	readAt time.Time
}

// tallies counts the comments of the people of some rows, by their PersonKey. Who is missing
// is not known. One query answers for all who are not remembered.
func (d *Desk) tally(ctx context.Context, rows []replies.Row) map[string]tally {
	now := d.now()
	found := map[string]tally{}
	var due []string
	d.tallies.mu.Lock()
	for _, row := range rows {
		known, ok := d.tallies.known[row.PersonKey]
		switch {
		case row.PersonKey == "":
		case ok && now.Sub(known.readAt) < tallyTTL:
			found[row.PersonKey] = known.tally
		case !slices.Contains(due, row.PersonKey) && len(due) < tallyKeys:
			due = append(due, row.PersonKey)
		}
	}
	d.tallies.mu.Unlock()
	if len(due) == 0 {
		return found
	}
	all, next, err := d.Replies.Page(ctx, replies.Filter{PersonKeys: due}, tallyRows, nil)
	if err != nil || len(next) > 0 { // a part of the comments would be a wrong number
		return found
	}
	read := map[string]tally{}
	for _, row := range all {
		t := read[row.PersonKey]
		t.began = append(t.began, row.StartedAt)
		if isDelivered(row.State) {
			t.replies++
		}
		read[row.PersonKey] = t
	}
	d.tallies.mu.Lock()
	defer d.tallies.mu.Unlock()
	if d.tallies.known == nil || len(d.tallies.known) > maxTallies {
		d.tallies.known = map[string]knownTally{}
	}
	for key, t := range read {
		slices.SortFunc(t.began, time.Time.Compare)
		found[key], d.tallies.known[key] = t, knownTally{t, now}
	}
	return found
}
