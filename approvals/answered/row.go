package answered

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/lookup"
)

// errNotRead is the error of words that nobody has tried to read yet.
var errNotRead = errors.New("answered: not read yet")

// unread says for people why there are no words.
func (r *reader) unread(g *group, err error) string {
	switch asked := r.people[g.rows[0].ID]; {
	case r.threads == nil:
		return "This desk does not read from Meta."
	case errors.Is(err, errNoWords):
		return "Meta shows none of the person's newest messages."
	case g.person == "" && asked.err != nil:
		return "The reply cannot be asked whom it went to. This is tried again."
	case errors.Is(err, errNotRead):
		return "They are being read."
	}
	return lookup.Words(err)
}

// row is what the list has of a person; ok is false for somebody to whom nobody can write any
// more, and for whom an agent could but who does not wait.
func (r *reader) row(g *group, now time.Time) (row Row, ok bool) {
	row = Row{Reply: g.rows[0], Replies: len(g.rows), Name: g.rows[0].Person, conversation: g.conversation()}
	t, err := g.thread()
	if err == nil {
		row.Name = cmp.Or(t.PersonName, row.Name)
		row.setThread(t)
	} else {
		row.Unread = r.unread(g, err)
		w := r.windowOf(g)
		if last, ok := t.Last(); ok && last.At.After(w.answeredAt) {
			w.answeredAt = last.At // of the account: none of the person's is shown
		}
		row.setWindow(w)
	}
	limits := privatereply.LimitsOf(row.Reply.Platform)
	row.Channel = limits.FollowUpChannel(now, row.WrittenAt, g.box.account.HumanAgent)
	if !row.WrittenAt.IsZero() {
		row.Until = limits.SendUntil(privatereply.ChannelStandard, row.WrittenAt)
		if g.box.account.HumanAgent && !now.Before(row.Until) {
			row.Until = limits.SendUntil(privatereply.ChannelHumanAgent, row.WrittenAt)
		}
	}
	row.Key = cmp.Or(row.conversation, row.Reply.ID) + " " + row.WrittenAt.UTC().Format(time.RFC3339)
	switch {
	case row.WrittenAt.IsZero(): // nobody is forgotten because nobody can be asked
		return row, g.running()
	case !row.Until.After(now):
		return row, false
	case now.Before(limits.WindowCloses(row.WrittenAt)):
		return row, true
	}
	return row, row.WaitsForUs
}

// setThread takes over the words of a conversation in which the person wrote.
func (row *Row) setThread(t lookup.Thread) {
	said, _ := t.LastFromPerson()
	last, _ := t.Last()
	row.WrittenAt, row.WaitsForUs = said.At, last.FromPerson
	from := len(t.Messages) - 1
	if row.WaitsForUs {
		for from > 0 && t.Messages[from-1].FromPerson {
			from--
		}
	} else {
		// What they wrote before we did stays under what we wrote.
		row.AnsweredAt = last.At
		for from > 0 && !t.Messages[from-1].FromPerson {
			from--
		}
		for from > 0 && t.Messages[from-1].FromPerson {
			from--
		}
	}
	row.Earlier = from == 0 && !t.Complete || len(t.Messages)-from > maxMessages
	row.Messages = slices.Clone(t.Messages[max(from, len(t.Messages)-maxMessages):])
}

// setWindow takes over what workflows know where there are no words.
func (row *Row) setWindow(w window) {
	row.WrittenAt = w.writtenAt
	row.WaitsForUs = true // rather one too many than one forgotten
	if w.answeredAt.After(w.writtenAt) && !w.writtenAt.IsZero() {
		row.AnsweredAt, row.WaitsForUs = w.answeredAt, false
	}
}

// windowOf is when a person wrote last, as the conversation's workflow says, or the reply.
func (r *reader) windowOf(g *group) window {
	w := r.windows[g.conversation()]
	if !w.writtenAt.IsZero() {
		return w
	}
	for _, row := range g.rows {
		if closes := r.people[row.ID].closesAt; !closes.IsZero() {
			if at := closes.Add(-privatereply.StandardWindow); at.After(w.writtenAt) {
				w.writtenAt = at
			}
		}
	}
	return w
}
