package cli

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/lookup"
	"github.com/privatereply/privatereply/workflows"
)

// A conversation says which message came from where: a message with buttons has its text,
// which Meta does not show, and what a tap has sent is not taken for somebody else's.
func TestThreadOfCampaign(t *testing.T) {
	status := exampleStatus(func(s *workflows.PrivateReplyStatus) {
		s.Send = &workflows.SendStatus{Outcome: privatereply.OutcomeSent, MessageID: "m1"}
	})
	conversation := workflows.ConversationStatus{Taps: []workflows.TapStatus{
		{Payload: "p1", Title: "Yes, please", MessageID: "m3"}, {Payload: "p2", Title: "No", Reason: privatereply.NothingFollows},
	}}
	read := lookup.Thread{PersonID: "6000000000000001", Messages: []lookup.Message{
		{ID: "m1"}, {ID: "m2", FromPerson: true, Text: "Yes, please"}, {ID: "m3", Text: "Here it is"}, {ID: "m4", Text: "Call us"},
	}}
	want := []threadMessage{
		{ID: "m1", By: "rule wood", Text: "Hi lena, yes."},
		{ID: "m2", FromPerson: true, Text: "Yes, please"},
		{ID: "m3", By: "the tap on Yes, please", Text: "Here it is"},
		{ID: "m4", Elsewhere: true, Text: "Call us"},
	}
	if diff := cmp.Diff(want, newThread(read, status, conversation).Messages); diff != "" {
		t.Error(diff)
	}
}
