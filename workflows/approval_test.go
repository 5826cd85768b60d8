package workflows

import (
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/testsuite"

	"github.com/privatereply/privatereply"
)

// What cannot be followed is refused in words that say what is wrong and what to
// do, before anything is written to history.
func TestRefusedUpdates(t *testing.T) {
	approved := func(s *replyTest) { s.updateAt(time.Minute, "first", ApproveMessage, Approve{Approver: "ana"}) }
	unproposed := ask()
	unproposed.Text = ""
	tests := []struct {
		name     string
		decision privatereply.Decision
		before   func(*replyTest)
		update   string
		payload  any
		want     string
	}{
		{"no approver", ask(), nil, ApproveMessage, Approve{}, "approver: is missing"},
		{"a blank approver", ask(), nil, ApproveMessage, Approve{Approver: " "}, "approver: is missing"},
		{"a long approver", ask(), nil, ApproveMessage, Approve{Approver: strings.Repeat("é", 101)}, "approver: has 101 characters; at most 100"},
		{"a control character", ask(), nil, ApproveMessage, Approve{Approver: "ana\x1b[2J"}, "control character"},
		{"no text anywhere", unproposed, nil, ApproveMessage, Approve{Approver: "ana"}, "text: is missing, and nobody proposed one"},
		{"a blank text", ask(), nil, ApproveMessage, Approve{Approver: "ana", Text: " \n"}, "it is empty"},
		{"a text over the limit", ask(), nil, ApproveMessage, Approve{Approver: "ana", Text: strings.Repeat("値", 334)}, "it has 1002 bytes; instagram takes at most 1000"},
		{"a mistyped field", ask(), nil, ApproveMessage, map[string]any{"approver": "ana", "txt": "Hi"}, `unknown field "txt"`},
		{"a wrong type", ask(), nil, ApproveMessage, map[string]any{"approver": 7}, `field "approver" cannot be a JSON number`},
		{"not an object", ask(), nil, ApproveMessage, "ana", "it is a JSON string, not an object"},
		{"a long reason", ask(), nil, RejectMessage, Reject{Approver: "ana", Reason: strings.Repeat("x", 501)}, "reason: has 501 characters"},
		{"approve after approve", ask(), approved, ApproveMessage, Approve{Approver: "ben"}, "already decided: ana approved this reply at 12:01:00 UTC on 2 Mar 2026; it is delivered"},
		{"reject after the send", ask(), approved, RejectMessage, Reject{Approver: "ben"}, "already decided: ana approved this reply"},
		{"approve what a rule sent", auto(), nil, ApproveMessage, Approve{Approver: "ben"}, `already decided: rule "price" sends this reply by itself; it is delivered`},
		{"resolve what is not unknown", ask(), nil, ResolveMessage, map[string]any{"approver": "ana", "delivered": true}, "there is nothing to resolve: it waits for a decision"},
		{"resolve without a verdict", ask(), nil, ResolveMessage, map[string]any{"approver": "ana"}, "delivered: is missing"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newReplyTest(t, comment(), tt.decision)
			if tt.before != nil {
				tt.before(s)
			}
			var refusal error
			accepted := false
			s.at(2*time.Minute, func() {
				s.UpdateWorkflow(tt.update, "second", &testsuite.TestUpdateCallback{
					OnAccept:   func() { accepted = true },
					OnReject:   func(err error) { refusal = err },
					OnComplete: func(any, error) {},
				}, tt.payload)
			})
			s.play()
			if accepted || refusal == nil {
				t.Fatal("the update was accepted")
			}
			if !strings.Contains(refusal.Error(), tt.want) {
				t.Errorf("refused with %q, want %q in it", refusal, tt.want)
			}
		})
	}
}

// A signal that cannot be followed leaves a trace: the SDK drops what it cannot decode.
func TestRefusedSignals(t *testing.T) {
	tests := []struct {
		name    string
		signal  string
		payload any
		want    string
	}{
		{"a mistyped field does not send the proposal", ApproveMessage, map[string]any{"approver": "ana", "txt": "Hi"}, `unknown field "txt"`},
		{"nothing at all", ApproveMessage, nil, "approver: is missing"},
		{"no JSON object", ApproveMessage, []string{"ana"}, "it is a JSON array, not an object"},
		{"bytes", RejectMessage, []byte("ana"), "not as it should be"},
		{"a payload where none belongs", CommentRemovedSignal, map[string]any{"comment": 1}, `unknown field "comment"`},
		{"an end without a time", BroadcastEndedSignal, struct{}{}, `"at" is missing`},
		{"an answer without a time", PersonRespondedSignal, struct{}{}, `"at" is missing`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newReplyTest(t, comment(), ask())
			s.signalAt(time.Minute, tt.signal, tt.payload)
			s.updateAt(time.Hour, "u", RejectMessage, Reject{Approver: "ana"})
			status := s.play()
			if status.State != privatereply.Rejected || len(s.sent) != 0 {
				t.Errorf("ended as %s with %d sends", status.State, len(s.sent))
			}
			if len(status.RefusedSignals) != 1 {
				t.Fatalf("refused signals: %v", status.RefusedSignals)
			}
			got := status.RefusedSignals[0]
			if got.Name != tt.signal || !strings.Contains(got.Why, tt.want) || !got.At.Equal(start.Add(time.Minute)) {
				t.Errorf("refused %+v, want %q because of %q", got, tt.signal, tt.want)
			}
		})
	}
	t.Run("only the last ten are kept", func(t *testing.T) {
		s := newReplyTest(t, comment(), ask())
		for i := range 15 {
			s.signalAt(time.Duration(i+1)*time.Minute, ApproveMessage, nil)
		}
		if got := s.play().RefusedSignals; len(got) != 10 || !got[0].At.Equal(start.Add(6*time.Minute)) {
			t.Errorf("%d refused signals from %v on", len(got), got[0].At)
		}
	})
}

// The first decision wins; a repeat of it with the same Update id gets the same
// answer, a second approver a sentence.
func TestTwoApprovers(t *testing.T) {
	s := newReplyTest(t, comment(), ask())
	s.at(time.Minute, func() {
		for _, who := range []string{"ana", "ben"} {
			s.UpdateWorkflow(ApproveMessage, who, &testsuite.TestUpdateCallback{
				OnAccept:   func() {},
				OnReject:   func(err error) { s.rejections[who] = err },
				OnComplete: func(answer any, err error) { s.answers[who], s.rejections[who] = answer, err },
			}, Approve{Approver: who, Text: "from " + who})
		}
	})
	status := s.play()
	if len(s.sent) != 1 || s.sent[0].Message.Text != "from ana" || status.Approver != "ana" {
		t.Errorf("%d sends, approved by %s", len(s.sent), status.Approver)
	}
	if got, ok := s.answers["ana"].(*DecisionResult); !ok || !got.Accepted || got.State != privatereply.Sending || !got.Deadline.Equal(start.Add(week-3*time.Minute)) {
		t.Errorf("ana was told %+v", s.answers["ana"])
	}
	if err := s.rejections["ben"]; err == nil || !strings.Contains(err.Error(), "already decided: ana approved this reply at 12:01:00") {
		t.Errorf("ben was told %v", err)
	}
}

// A hand-started reply whose input cannot be used fails with the field's name.
func TestBadInput(t *testing.T) {
	noID, twoIDs, badSource, noText, badAction := comment(), comment(), comment(), auto(), auto()
	noID.CommentID, twoIDs.PostID, badSource.Source, noText.Text, badAction.Action = "", "1", "posts", "", "send"
	tests := []struct {
		name string
		in   PrivateReplyInput
		want string
	}{
		{"no id", PrivateReplyInput{Comment: noID, Decision: auto()}, "comment.comment_id, comment.post_id"},
		{"two ids", PrivateReplyInput{Comment: twoIDs, Decision: auto()}, "comment.comment_id, comment.post_id"},
		{"an unknown source", PrivateReplyInput{Comment: badSource, Decision: auto()}, "comment.source"},
		{"no text to send", PrivateReplyInput{Comment: comment(), Decision: noText}, "decision.text"},
		{"an unknown action", PrivateReplyInput{Comment: comment(), Decision: badAction}, "decision.action"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var suite testsuite.WorkflowTestSuite
			env := suite.NewTestWorkflowEnvironment()
			env.ExecuteWorkflow(PrivateReply, tt.in)
			if err := env.GetWorkflowError(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("failed with %v, want %q", err, tt.want)
			}
		})
	}
}
