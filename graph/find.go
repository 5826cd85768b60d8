package graph

import (
	"slices"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"
)

// Sought describes a message that may have been delivered although no answer to
// its send came back.
type Sought struct {
	From  []string  // the ids that the account has in its conversations
	Text  string    // as it was sent
	Since time.Time // not earlier. Graph's times are whole seconds: leave it room
	Known []string  // ids of messages that are other replies' own
}

// FindMessage looks for s among messages, in any order. A text that Meta kept to
// the letter goes before one that it trimmed or composed anew, and of several equal
// ones the oldest is meant. A message whose sender or time Meta does not tell is
// never it: it proves nothing.
func FindMessage(messages []Message, s Sought) (Message, bool) {
	var best Message
	var exact, found bool
	for _, m := range messages {
		if m.ID == "" || m.At.IsZero() || m.At.Before(s.Since) ||
			m.FromID == "" || !slices.Contains(s.From, m.FromID) || slices.Contains(s.Known, m.ID) {
			continue
		}
		same := m.Text == s.Text
		if !same && plain(m.Text) != plain(s.Text) {
			continue
		}
		if !found || same && !exact || same == exact && m.At.Before(best.At) {
			best, exact, found = m, same, true
		}
	}
	return best, found
}

// plain is text in the form that survives a messenger: composed, with plain line
// ends, without space around it.
func plain(text string) string {
	return strings.TrimSpace(norm.NFC.String(strings.ReplaceAll(text, "\r\n", "\n")))
}
