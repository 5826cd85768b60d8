package answered

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/lookup"
	"github.com/privatereply/privatereply/internal/replies"
)

// View is an immutable snapshot of the people who answered.
type View struct {
	Rows   []Row // those who wait for us first, then the earliest end of the window
	More   bool  // there are more than were read
	ReadAt time.Time
	Err    error // why the last read failed
}

// Row is one person who answered an account's private reply.
type Row struct {
	Reply   replies.Row // the newest reply to the person that was answered
	Replies int         // how many were
	Name    string
	// Messages are what the person has written since the account wrote last, oldest first,
	// or the account's last word. Empty: Unread says why.
	Messages []lookup.Message
	// Earlier reports that there may be more before Messages.
	Earlier bool
	Unread  string // a sentence; empty: Messages is what there is
	// WaitsForUs reports that the last word is the person's, as far as anybody knows.
	WaitsForUs bool
	WrittenAt  time.Time // the person's newest message; zero: not known
	AnsweredAt time.Time // the account's newest message after it, if there is one
	// Channel is how a follow-up can be sent, and Until its end. Zero: not known.
	Channel privatereply.Channel
	Until   time.Time
	// Key is the same for as long as the person has written nothing new.
	Key string

	conversation string // its workflow id; empty: not known
}

// HumanAgentOnly reports that only a person may write, with Meta's tag.
func (r Row) HumanAgentOnly() bool { return r.Channel == privatereply.ChannelHumanAgent }

// compare orders rows as people should answer them.
func compare(a, b Row) int {
	if a.WaitsForUs != b.WaitsForUs {
		if a.WaitsForUs {
			return -1
		}
		return 1
	}
	if a.Until.IsZero() != b.Until.IsZero() { // an end that nobody knows comes last
		if b.Until.IsZero() {
			return -1
		}
		return 1
	}
	return cmp.Or(a.Until.Compare(b.Until), strings.Compare(a.Reply.ID, b.Reply.ID))
}

// Waiting is the number of those who wait for us among the accounts that sees is true for.
func (v View) Waiting(sees func(account string) bool) int {
	n := 0
	for _, r := range v.Rows {
		if r.WaitsForUs && sees(r.Reply.Account) {
			n++
		}
	}
	return n
}

// Closing lists those who wait for us and to whom nobody can write any more in less than
// within. Row.Key tells a message that was told already.
func (v View) Closing(now time.Time, within time.Duration) []Row {
	var found []Row
	for _, r := range v.Rows {
		if left := r.Until.Sub(now); r.WaitsForUs && !r.Until.IsZero() && left > 0 && left < within {
			found = append(found, r)
		}
	}
	return found
}

// Only is the part of v of the accounts that sees is true for.
func (v View) Only(sees func(account string) bool) View {
	v.Rows = slices.DeleteFunc(slices.Clone(v.Rows), func(r Row) bool { return !sees(r.Reply.Account) })
	return v
}

// same reports that nobody who watches sees a difference.
func same(was, is View) bool {
	return (was.Err == nil) == (is.Err == nil) && was.More == is.More && slices.EqualFunc(was.Rows, is.Rows, func(a, b Row) bool {
		return a.Reply.ID == b.Reply.ID && a.Key == b.Key && a.WaitsForUs == b.WaitsForUs && a.Unread == b.Unread &&
			a.Channel == b.Channel && a.Until.Equal(b.Until) && a.AnsweredAt.Equal(b.AnsweredAt) && len(a.Messages) == len(b.Messages)
	})
}
