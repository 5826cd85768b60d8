package replies

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/workflows"
)

// The story is in the order of time, whoever tells it: the status, people's messages,
// attempts and searches. Without a status, what the history has is told all the same.
func TestStory(t *testing.T) {
	at := func(minute int) time.Time { return time.Date(2026, 1, 2, 3, minute, 0, 0, time.UTC) }
	delivered := true
	history := History{
		Messages: []MessageEvent{
			{Name: workflows.ApproveMessage, At: at(2), By: "ana", Text: "12 euros"},
			{Name: workflows.ResolveMessage, At: at(6), By: "ben", Delivered: &delivered},
			{Name: "wink", At: at(7), Signal: true},
		},
		Attempts: []Attempt{
			{Number: 1, At: at(3), EndedAt: at(4), Problem: "The worker did not say how it ended."},
			{Number: 2, At: at(4), EndedAt: at(4), Result: &privatereply.SendResult{Outcome: privatereply.OutcomeSent, MessageID: "m_1"}},
			{Number: 3, At: at(8)},
		},
		Searches: []Search{{At: at(5), Done: true}},
	}
	status := &workflows.PrivateReplyStatus{
		Comment:        privatereply.Comment{ReceivedAt: at(1), Via: privatereply.ViaWebhook},
		Decision:       privatereply.Decision{Action: privatereply.ActionAsk, Rule: "price"},
		RefusedSignals: []workflows.RefusedSignal{{Name: "approve", Why: "no approver", At: at(2).Add(-time.Second)}},
	}
	fromHistory := []Event{
		{at(2), EventPerson, "ana approved it", "12 euros", ""},
		{at(3), EventBad, "Attempt 1", "", "The worker did not say how it ended."},
		{at(4), EventGood, "Attempt 2: Meta delivered it", "", " Message m_1."},
		{at(5), EventNote, "Looked for it in the conversation: it is not there", "", ""},
		{at(6), EventPerson, "ben found that it was delivered", "", ""},
		{at(7), EventNote, "A message came: wink", "", ""},
		{at(8), EventSend, "Attempt 3: under way", "", ""},
	}
	if diff := cmp.Diff(fromHistory, Story(nil, history)); diff != "" {
		t.Errorf("without a status: %s", diff)
	}
	fromStatus := []Event{
		{at(1), EventNote, "The comment arrived here", "", "by webhook"},
		{at(1), EventNote, "By rule “price” a person is asked", "", ""},
		{at(2).Add(-time.Second), EventBad, "A message was refused: approve", "", "no approver"},
	}
	if diff := cmp.Diff(append(fromStatus, fromHistory...), Story(status, history)); diff != "" {
		t.Errorf("with a status: %s", diff)
	}
}

// What goes with a reply is in its story: who tapped what and what came of it, the public
// reply, and who had the comment hidden.
func TestStoryOfEffects(t *testing.T) {
	at := func(minute int) time.Time { return time.Date(2026, 1, 2, 3, minute, 0, 0, time.UTC) }
	none := ""
	history := History{Messages: []MessageEvent{
		{Name: workflows.ProposeMessage, At: at(1), By: "tool", Text: "Hello", Buttons: []privatereply.Button{{Title: "The list", Then: "…"}}},
		{Name: workflows.ApproveMessage, At: at(2), By: "ana", PublicText: &none},
		{Name: workflows.PersonRespondedSignal, At: at(4), Payload: "p1"},
		{Name: workflows.TapAnsweredSignal, At: at(5), Payload: "p1"},
		{Name: workflows.RejectMessage, At: at(6), By: "ben", Reason: "spam", Hide: true},
	}}
	status := &workflows.PrivateReplyStatus{
		Decision:    privatereply.Decision{Action: privatereply.ActionAsk, Rule: "list"},
		PublicReply: &workflows.PublicReplyStatus{State: workflows.EffectUnknown, Text: "Sent you a message!", Reason: privatereply.NoAnswer, At: at(3), Code: 1},
		Hide:        &workflows.HideStatus{State: workflows.EffectDone, Hidden: true, By: "ben", At: at(7)},
		Taps:        []workflows.TapStatus{{Payload: "p1", Title: "The list", At: at(4), Times: 1, State: privatereply.OutcomeSent}},
	}
	want := []Event{
		{at(1), EventPerson, "tool proposed a text", "Hello", "Buttons: “The list”."},
		{at(2), EventPerson, "ana approved it", "", "Without a public reply."},
		{at(3), EventBad, "Nobody knows whether the public reply was posted; look under the comment. The request went out, but no readable answer came back.", "Sent you a message!", " Meta's error 1."},
		{at(4), EventGood, "The person tapped “The list”", "", ""},
		{at(5), EventNote, "The text of “The list” was sent", "", ""},
		{at(6), EventPerson, "ben rejected it and had the comment hidden", "spam", ""},
		{at(7), EventGood, "ben hid the comment.", "", ""},
	}
	if diff := cmp.Diff(want, Story(status, history)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
