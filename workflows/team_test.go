package workflows

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/testsuite"

	"github.com/privatereply/privatereply"
)

// A proposal is what the approver sees and sends, from whoever it comes, and the newest
// counts. It never sends by itself: what a rule held waits for a person then.
func TestPropose(t *testing.T) {
	s := newReplyTest(t, comment(), autoAfter(10*time.Minute))
	var memos []any
	s.OnUpsertMemo(mock.Anything).Run(func(args mock.Arguments) { memos = append(memos, args.Get(0)) }).Return(nil)
	s.updateAt(time.Minute, "ana", ProposeMessage, Propose{By: " ana ", Text: "first", Note: "is the price right?"})
	s.signalAt(2*time.Minute, ProposeMessage, Propose{By: "tool", Text: "second"})
	s.statusAt(3*time.Minute, func(is PrivateReplyStatus) {
		if is.State != privatereply.AwaitingApproval || is.Text != "second" || is.ProposedBy != "tool" || is.ProposalNote != "" ||
			!is.ProposedAt.Equal(start.Add(2*time.Minute)) || !is.HoldUntil.IsZero() || is.Decision.Text != auto().Text {
			t.Errorf("proposed: %+v", is)
		}
	})
	s.updateAt(time.Hour, "ben", ApproveMessage, Approve{Approver: "ben", TextSHA256: privatereply.TextSHA256("second")})
	status := s.play()
	if len(s.sent) != 1 || s.sent[0].Message.Text != "second" || status.Approver != "ben" || status.ProposedBy != "tool" || len(s.rejections) > 0 {
		t.Errorf("sent %v, %+v, refused %v", s.sent, status, s.rejections)
	}
	want := []any{
		map[string]any{MemoText: "first", MemoTeam: TeamMemo{ProposedBy: "ana"}},
		map[string]any{MemoText: "second", MemoTeam: TeamMemo{ProposedBy: "tool"}},
		map[string]any{MemoTeam: TeamMemo{ProposedBy: "tool", Approver: "ben", DecidedAt: start.Add(time.Hour)}},
	}
	if diff := cmp.Diff(want, memos); diff != "" {
		t.Errorf("lists are told (-want +got):\n%s", diff)
	}
	if answer, ok := s.answers["ana"].(*DecisionResult); !ok || !answer.Accepted || answer.State != privatereply.AwaitingApproval {
		t.Errorf("ana was told %+v", s.answers["ana"])
	}
}

// The memo follows what is sent, whoever wrote it, and costs a reply that a rule sends by
// itself nothing.
func TestMemoFollowsTheText(t *testing.T) {
	for name, tt := range map[string]struct {
		decision privatereply.Decision
		tell     func(*replyTest)
		want     []any
	}{
		"by a rule": {auto(), nil, nil},
		"approved as proposed": {ask(), func(s *replyTest) { s.updateAt(time.Hour, "u", ApproveMessage, Approve{Approver: "ana"}) },
			[]any{map[string]any{MemoTeam: TeamMemo{Approver: "ana", DecidedAt: start.Add(time.Hour)}}}},
		"edited": {ask(), func(s *replyTest) {
			s.updateAt(time.Hour, "u", ApproveMessage, Approve{Approver: "ana", Text: "mine"})
		}, []any{map[string]any{MemoText: "mine", MemoTeam: TeamMemo{Approver: "ana", DecidedAt: start.Add(time.Hour), Edited: true}}}},
		"rejected": {ask(), func(s *replyTest) { s.signalAt(time.Hour, RejectMessage, Reject{Approver: "ana"}) },
			[]any{map[string]any{MemoTeam: TeamMemo{Approver: "ana", DecidedAt: start.Add(time.Hour)}}}},
		"assigned and given back": {ask(), func(s *replyTest) {
			s.updateAt(time.Hour, "1", AssignMessage, Assign{By: "ana", To: "ben"})
			s.updateAt(2*time.Hour, "2", AssignMessage, Assign{By: "ana", To: "ben"})
			s.updateAt(3*time.Hour, "3", AssignMessage, Assign{By: "ben"})
		}, []any{map[string]any{MemoTeam: TeamMemo{Assignee: "ben"}}, map[string]any{MemoTeam: nil}}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newReplyTest(t, comment(), tt.decision)
			var memos []any
			s.OnUpsertMemo(mock.Anything).Run(func(args mock.Arguments) { memos = append(memos, args.Get(0)) }).Return(nil)
			if tt.tell != nil {
				tt.tell(s)
			}
			s.play()
			if diff := cmp.Diff(tt.want, memos); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// What cannot be followed is refused in words: see TestRefusedUpdates.
func TestRefusedTeamwork(t *testing.T) {
	approved := func(s *replyTest) { s.updateAt(time.Minute, "first", ApproveMessage, Approve{Approver: "ana"}) }
	proposed := func(s *replyTest) {
		s.updateAt(time.Minute, "first", ProposeMessage, Propose{By: "ana", Text: "other words"})
	}
	noted := func(s *replyTest) {
		for i := range MaxNotes {
			s.updateAt(time.Minute, fmt.Sprint(i), NoteMessage, Note{By: "ana", Text: "a note"})
		}
	}
	tests := []struct {
		name    string
		before  func(*replyTest)
		update  string
		payload any
		want    string
	}{
		{"nobody proposes", nil, ProposeMessage, Propose{Text: "Hi"}, `by: is missing; say who you are, such as {"by":"ana"}`},
		{"nothing proposed", nil, ProposeMessage, Propose{By: "ana"}, "text: is missing; give the text that you propose"},
		{"a blank text", nil, ProposeMessage, Propose{By: "ana", Text: " \n"}, "it is empty"},
		{"a text over the limit", nil, ProposeMessage, Propose{By: "ana", Text: strings.Repeat("値", 334)}, "it has 1002 bytes; instagram takes at most 1000"},
		{"a long note with it", nil, ProposeMessage, Propose{By: "ana", Text: "Hi", Note: strings.Repeat("é", 501)}, "note: has 501 characters; at most 500"},
		{"a mistyped field", nil, ProposeMessage, map[string]any{"by": "ana", "txt": "Hi"}, `unknown field "txt"; write JSON such as {"by":"ana"`},
		{"proposed after the decision", approved, ProposeMessage, Propose{By: "ben", Text: "Hi"}, "already decided: ana approved this reply at 12:01:00"},
		{"approved what somebody proposed otherwise", proposed, ApproveMessage, Approve{Approver: "ben", TextSHA256: privatereply.TextSHA256(ask().Text)},
			"ana proposed another text at 12:01:00 UTC on 2 Mar 2026: `other words`; read it, then decide again"},
		{"approved what nobody proposed", nil, ApproveMessage, Approve{Approver: "ben", TextSHA256: "ab"}, "text_sha256: is not that of the proposed text"},
		{"nobody notes", nil, NoteMessage, Note{Text: "x"}, "by: is missing"},
		{"an empty note", nil, NoteMessage, Note{By: "ana", Text: " "}, "text: is missing; write the note"},
		{"a long note", nil, NoteMessage, Note{By: "ana", Text: strings.Repeat("é", 501)}, "the note has 501 characters; at most 500"},
		{"one note too many", noted, NoteMessage, Note{By: "ana", Text: "x"}, "this reply has 50 notes; it takes no more"},
		{"nobody assigns", nil, AssignMessage, Assign{To: "ben"}, "by: is missing"},
		{"assigned to a control character", nil, AssignMessage, Assign{By: "ana", To: "b\x1ben"}, "to: has a control character"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newReplyTest(t, comment(), ask())
			if tt.before != nil {
				tt.before(s)
			}
			var refusal error
			s.at(2*time.Minute, func() {
				s.UpdateWorkflow(tt.update, "second", &testsuite.TestUpdateCallback{
					OnAccept: func() {}, OnReject: func(err error) { refusal = err }, OnComplete: func(any, error) {},
				}, tt.payload)
			})
			s.play()
			if len(s.rejections) > 0 {
				t.Errorf("refused before: %v", s.rejections)
			}
			if refusal == nil || !strings.Contains(refusal.Error(), tt.want) {
				t.Errorf("refused with %v, want %q in it", refusal, tt.want)
			}
		})
	}
	t.Run("a signal is recorded", func(t *testing.T) {
		s := newReplyTest(t, comment(), ask())
		s.signalAt(time.Minute, ProposeMessage, map[string]any{"by": "tool"})
		if got := s.play().RefusedSignals; len(got) != 1 || got[0].Name != ProposeMessage || !strings.Contains(got[0].Why, "text: is missing") {
			t.Errorf("refused signals: %+v", got)
		}
	})
}

// Notes are taken in every state, also after the reply was sent, and the person's edit takes
// no proposal of a person away.
func TestNotesAndEdits(t *testing.T) {
	s := newReplyTest(t, comment(), ask())
	other := ask()
	other.Text = "what a rule says of the new words"
	s.updateAt(time.Minute, "1", ProposeMessage, Propose{By: "ana", Text: "ana's words"})
	s.signalAt(2*time.Minute, CommentEditedSignal, CommentEdited{Text: "It arrived broken", At: start.Add(2 * time.Minute), Decision: &other})
	s.statusAt(3*time.Minute, func(is PrivateReplyStatus) {
		if is.Text != "ana's words" || is.Comment.Text != "It arrived broken" || is.Decision.Text != other.Text || is.ProposedBy != "ana" {
			t.Errorf("after the edit: %+v", is)
		}
	})
	s.updateAt(time.Hour, "2", ApproveMessage, Approve{Approver: "ben", CommentSHA256: privatereply.TextSHA256("It arrived broken")})
	s.updateAt(48*time.Hour, "3", NoteMessage, Note{By: "ben", Text: " sent a voucher "})
	status := s.play()
	if len(s.sent) != 1 || s.sent[0].Message.Text != "ana's words" || len(s.rejections) > 0 {
		t.Errorf("sent %v, refused %v", s.sent, s.rejections)
	}
	if want := []TeamNote{{By: "ben", Text: "sent a voucher", At: start.Add(48 * time.Hour)}}; !cmp.Equal(status.Notes, want) {
		t.Errorf("notes %+v, want %+v", status.Notes, want)
	}
}

// Only what a person rejected and Meta was never asked for can be reopened, and each refusal
// says why.
func TestReopenOptions(t *testing.T) {
	now := start.Add(time.Hour)
	rejected := PrivateReplyStatus{
		State: privatereply.Rejected, Reason: privatereply.RejectedByApprover, Approver: "ana", DecidedAt: start, RejectReason: "spam",
		Comment: comment(), Decision: autoAfter(time.Minute), Text: "proposed", Deadline: start.Add(week), DeadlineFrom: privatereply.ClockEntry,
		ProposedBy: "cem", Notes: []TeamNote{{By: "cem", Text: "please", At: start}},
	}
	tests := []struct {
		name   string
		change func(*PrivateReplyStatus)
		want   string
	}{
		{"sent", func(s *PrivateReplyStatus) { s.State, s.Reason = privatereply.NoResponse, "" }, "It was delivered and never answered."},
		{"waiting", func(s *PrivateReplyStatus) { s.State = privatereply.AwaitingApproval }, "there is nothing to reopen. A person must decide."},
		{"expired", func(s *PrivateReplyStatus) { s.State, s.Reason = privatereply.Expired, privatereply.NobodyDecided }, "Nobody decided before the deadline."},
		{"withdrawn", func(s *PrivateReplyStatus) {
			s.State, s.Reason = privatereply.Withdrawn, privatereply.CommentRemoved
		}, "The person removed the comment."},
		{"the account left", func(s *PrivateReplyStatus) { s.Reason = privatereply.AccountDisconnected }, "only what a person rejected can be reopened. The account was disconnected"},
		{"an operator stopped it", func(s *PrivateReplyStatus) { s.Reason, s.Approver = privatereply.StoppedByOperator, "" }, "An operator stopped it."},
		{"on its way", func(s *PrivateReplyStatus) { s.Send = &SendStatus{Attempts: 1} }, "was on its way to Meta when it was rejected"},
		{"too late", func(s *PrivateReplyStatus) { s.Deadline = now }, "too late: the deadline of this reply was 13:00:00 UTC on 2 Mar 2026"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status := rejected
			tt.change(&status)
			_, _, err := ReopenOptions(RejectedReply{ID: "reply:x", RunID: "r", Status: status}, "ben", "", "queue", now)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("err = %v, want %q in it", err, tt.want)
			}
		})
	}
	if _, _, err := ReopenOptions(RejectedReply{Status: rejected}, " ", "", "queue", now); err == nil || !strings.Contains(err.Error(), "by: is missing") {
		t.Errorf("nobody reopens: %v", err)
	}
	rejected.Send = &SendStatus{Reason: privatereply.Paced} // Meta was not asked
	options, in, err := ReopenOptions(RejectedReply{ID: "reply:x", RunID: "r", PersonKey: "ab", Status: rejected, Events: EventsOfFacts}, "ben", "by mistake", "queue", now)
	if err != nil || options.ID != "reopen:r" || in.Reply != "reply:x" || in.PersonKey != "ab" {
		t.Fatalf("%+v, %+v, %v", options, in, err)
	}

	// The new run waits for a person with all that was known, and until the same deadline.
	s := newReplyTest(t, comment(), ask())
	s.in = in.Input
	s.statusAt(time.Minute, func(is PrivateReplyStatus) {
		if is.State != privatereply.AwaitingApproval || is.Text != "proposed" || is.ProposedBy != "cem" || len(is.Notes) != 1 ||
			is.Reopened == nil || is.Reopened.By != "ben" || is.Reopened.RejectedBy != "ana" || !is.Deadline.Equal(rejected.Deadline) || is.Approver != "" {
			t.Errorf("reopened: %+v", is)
		}
	})
	s.in.InitialState.Events = NoEvents
	s.updateAt(time.Hour, "u", ApproveMessage, Approve{Approver: "ben"})
	if s.play(); len(s.sent) != 1 || s.sent[0].Message.Text != "proposed" {
		t.Errorf("sent %v, refused %v", s.sent, s.rejections)
	}
}
