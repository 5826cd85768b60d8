package graph

import (
	"slices"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"
)

// MessageCriteria describes a message that may have been delivered although no answer to
// its send came back.
type MessageCriteria struct {
	SenderIDs  []string  // the ids that the account has in its conversations
	Text       string    // as it was sent
	Since      time.Time // not earlier. Graph's times are whole seconds: leave it room
	ExcludeIDs []string  // ids of messages that are other replies' own
}

// FindMessage looks for s among messages, in any order. A text that Meta kept to
// the letter goes before one that it trimmed or composed anew, and of several equal
// ones the oldest is meant. A message whose sender or time Meta does not tell is
// never it: it proves nothing.
func FindMessage(messages []Message, s MessageCriteria) (Message, bool) {
	var best Message
	var exact, found bool
	for _, m := range messages {
		if m.ID == "" || m.At.IsZero() || m.At.Before(s.Since) ||
			m.FromID == "" || !slices.Contains(s.SenderIDs, m.FromID) || slices.Contains(s.ExcludeIDs, m.ID) {
			continue
		}
		same := m.Text == s.Text
		if !same && normalize(m.Text) != normalize(s.Text) {
			continue
		}
		if !found || same && !exact || same == exact && m.At.Before(best.At) {
			best, exact, found = m, same, true
		}
	}
	return best, found
}

// normalize is text in the form that survives a messenger: composed, with plain line
// ends, without space around it.
func normalize(text string) string {
	return strings.TrimSpace(norm.NFC.String(strings.ReplaceAll(text, "\r\n", "\n")))
}
