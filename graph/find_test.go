package graph

import (
	"slices"
	"testing"
	"time"
)

// Guards the reconciliation after a send whose answer was lost: only a message that
// the account itself sent, then, with this text, and for no other reply, is proof.
func TestFindMessage(t *testing.T) {
	sent := time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)
	at := func(id, from, text string, after time.Duration) Message {
		return Message{ID: id, FromID: from, Text: text, At: sent.Add(after)}
	}
	sought := MessageCriteria{SenderIDs: []string{"17841400000000001", "100000000000001"}, Text: "Hé, see you", Since: sent, ExcludeIDs: []string{"m_known"}}
	const us, page, them = "17841400000000001", "100000000000001", "7000000000000001"
	for _, tc := range []struct {
		name     string
		messages []Message
		want     string
	}{
		{"nothing", nil, ""},
		{"to the letter", []Message{at("m_1", us, "Hé, see you", time.Second)}, "m_1"},
		{"from the Page behind the account", []Message{at("m_1", page, "Hé, see you", time.Second)}, "m_1"},
		{"at the very moment", []Message{at("m_1", us, "Hé, see you", 0)}, "m_1"},
		{"before", []Message{at("m_1", us, "Hé, see you", -time.Second)}, ""},
		{"the person quotes us", []Message{at("m_1", them, "Hé, see you", time.Second)}, ""},
		{"another reply's", []Message{at("m_known", us, "Hé, see you", time.Second)}, ""},
		{"another text", []Message{at("m_1", us, "Hé, see you!", time.Second)}, ""},
		{"another case", []Message{at("m_1", us, "hé, see you", time.Second)}, ""},
		{"trimmed and decomposed", []Message{at("m_1", us, " He\u0301, see you\r\n", time.Second)}, "m_1"},
		{"the exact one goes first", []Message{at("m_1", us, "Hé, see you ", time.Second), at("m_2", us, "Hé, see you", time.Minute)}, "m_2"},
		{"the oldest of equals", []Message{at("m_3", us, "Hé, see you", time.Minute), at("m_2", us, "Hé, see you", time.Second)}, "m_2"},
		{"the oldest of what was changed", []Message{at("m_2", us, "Hé, see you ", time.Second), at("m_3", us, " Hé, see you", time.Minute)}, "m_2"},
		{"no time", []Message{{ID: "m_1", FromID: us, Text: "Hé, see you"}}, ""},
		{"no sender", []Message{at("m_1", "", "Hé, see you", time.Second)}, ""},
		{"no id", []Message{at("", us, "Hé, see you", time.Second)}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for range 2 { // in any order
				got, found := FindMessage(tc.messages, sought)
				if got.ID != tc.want || found != (tc.want != "") {
					t.Errorf("found %q (%v), want %q", got.ID, found, tc.want)
				}
				slices.Reverse(tc.messages)
			}
		})
	}
	t.Run("line ends", func(t *testing.T) {
		s := MessageCriteria{SenderIDs: []string{us}, Text: "a\r\nb", Since: sent}
		if _, found := FindMessage([]Message{at("m_1", us, "a\nb", 0)}, s); !found {
			t.Error("not found")
		}
	})
	t.Run("an account without a Page", func(t *testing.T) {
		s := MessageCriteria{SenderIDs: []string{us, ""}, Text: "a", Since: sent}
		if m, found := FindMessage([]Message{at("m_1", "", "a", 0)}, s); found {
			t.Errorf("found %+v", m)
		}
	})
}
