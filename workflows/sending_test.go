package workflows

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/privatereply/privatereply"
)

// Whatever Meta answers, the person gets at most one message, and the reply ends
// in the state that the answers prove.
func TestSend(t *testing.T) {
	type answers = []func(SendPrivateReply) privatereply.SendResult
	type want struct {
		state  privatereply.State
		reason privatereply.Reason
		sends  int
		looks  int
	}
	throttled := notSent(privatereply.Throttled, true, time.Hour)
	offline := notSent(privatereply.NotConnected, false, time.Minute)
	doubtful := func(in SendPrivateReply) privatereply.SendResult {
		result := notSent(privatereply.Outage, true, time.Minute)(in)
		result.Doubtful = true
		return result
	}
	tests := []struct {
		name    string
		answers answers
		looks   []string
		want    want
	}{
		{"refused for good", answers{refused(privatereply.PersonUnavailable)}, nil,
			want{privatereply.Undeliverable, privatereply.PersonUnavailable, 1, 0}},
		{"somebody else replied already", answers{refused(privatereply.AlreadyReplied)}, nil,
			want{privatereply.Undeliverable, privatereply.AlreadyReplied, 1, 0}},
		{"offline, then sent", answers{offline, delivered}, nil,
			want{privatereply.NoResponse, "", 2, 0}},
		{"offline, then somebody else replied", answers{offline, refused(privatereply.AlreadyReplied)}, nil,
			want{privatereply.Undeliverable, privatereply.AlreadyReplied, 2, 0}},
		{"throttled, then sent", answers{throttled, delivered}, nil,
			want{privatereply.NoResponse, "", 2, 0}},
		{"throttled, then already replied", answers{throttled, refused(privatereply.AlreadyReplied)}, nil,
			want{privatereply.NoResponse, privatereply.ConfirmedByRefusal, 2, 0}},
		{"throttled until the deadline", answers{notSent(privatereply.Throttled, true, week)}, nil,
			want{privatereply.Expired, privatereply.DeadlineWhileSending, 1, 0}},
		{"the broadcast is over at a later try", answers{offline, notSent(privatereply.BroadcastOver, false, 0)}, nil,
			want{privatereply.Expired, privatereply.BroadcastOver, 2, 0}},
		{"Instagram's refusal passes", answers{refused(privatereply.NotRepliableOrAlreadyReplied), delivered}, nil,
			want{privatereply.NoResponse, "", 2, 0}},
		{"Instagram's refusal stays", answers{refused(privatereply.NotRepliableOrAlreadyReplied)}, nil,
			want{privatereply.Undeliverable, privatereply.NotRepliableOrAlreadyReplied, 2, 0}},
		{"throttled, then Instagram's refusal, found", answers{throttled, refused(privatereply.NotRepliableOrAlreadyReplied)}, []string{"m_2"},
			want{privatereply.NoResponse, privatereply.FoundInConversation, 2, 1}},

		{"a doubtful refusal, then Instagram's, not found", answers{doubtful, refused(privatereply.NotRepliableOrAlreadyReplied)}, nil,
			want{privatereply.DeliveryUnknown, privatereply.Unresolved, 2, 1}},
		{"a doubtful refusal, found at the deadline", answers{doubtful, notSent(privatereply.Throttled, true, week)}, []string{"m_2"},
			want{privatereply.NoResponse, privatereply.FoundInConversation, 2, 1}},
		{"a doubtful refusal, not found at the deadline", answers{doubtful, notSent(privatereply.Throttled, true, week)}, nil,
			want{privatereply.Expired, privatereply.DeadlineWhileSending, 2, 1}},

		{"unknown, found in the conversation", answers{unknown}, []string{"m_2"},
			want{privatereply.NoResponse, privatereply.FoundInConversation, 1, 1}},
		{"unknown, the repeat is delivered", answers{unknown, delivered}, nil,
			want{privatereply.NoResponse, "", 2, 1}},
		{"unknown, the repeat is refused as a second one", answers{unknown, refused(privatereply.AlreadyReplied)}, nil,
			want{privatereply.NoResponse, privatereply.ConfirmedByRefusal, 2, 1}},
		{"unknown, Instagram refuses the repeat, found", answers{unknown, refused(privatereply.NotRepliableOrAlreadyReplied)}, []string{"", "m_2"},
			want{privatereply.NoResponse, privatereply.FoundInConversation, 2, 2}},
		{"unknown, Instagram refuses the repeat, not found", answers{unknown, refused(privatereply.NotRepliableOrAlreadyReplied)}, nil,
			want{privatereply.DeliveryUnknown, privatereply.Unresolved, 2, 2}},
		{"unknown, the repeat is refused otherwise", answers{unknown, refused(privatereply.PersonUnavailable)}, nil,
			want{privatereply.DeliveryUnknown, privatereply.Unresolved, 2, 2}},
		{"unknown twice", answers{unknown}, nil,
			want{privatereply.DeliveryUnknown, privatereply.Unresolved, 2, 2}},
		{"unknown, the repeat waits, then is delivered", answers{unknown, offline, delivered}, nil,
			want{privatereply.NoResponse, "", 3, 1}},
		{"unknown, the repeat waits past the deadline", answers{unknown, notSent(privatereply.Throttled, true, week)}, nil,
			want{privatereply.DeliveryUnknown, privatereply.Unresolved, 2, 2}},
		{"unknown, the broadcast is over", answers{unknown, notSent(privatereply.BroadcastOver, false, 0)}, nil,
			want{privatereply.DeliveryUnknown, privatereply.Unresolved, 2, 2}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := tell(t, comment(), auto())
			s.sends = tt.answers
			if tt.looks != nil {
				s.looks = tt.looks
			}
			status := s.play()
			got := want{status.State, status.Reason, len(s.sent), len(s.lookedFor)}
			if got != tt.want {
				t.Errorf("ended as %v, want %v", got, tt.want)
			}
			if status.Send.Attempts != len(s.sent) {
				t.Errorf("status says %d attempts, %d were made", status.Send.Attempts, len(s.sent))
			}
		})
	}
}

// Meta's last error stays in the status while the account rests and when the deadline
// comes: a person must see why nothing was sent.
func TestLastErrorStays(t *testing.T) {
	expired := func(in SendPrivateReply) privatereply.SendResult {
		r := notSent(privatereply.TokenRejected, true, time.Hour)(in)
		r.Code, r.Subcode, r.TraceID = 190, 463, "Atrace1"
		return r
	}
	resting := notSent(privatereply.TokenRejected, false, week)
	tooLate := notSent(privatereply.DeadlineWhileSending, false, week)
	for name, answers := range map[string][]func(SendPrivateReply) privatereply.SendResult{
		"the account rests":             {expired, resting},
		"the task came too late":        {expired, tooLate},
		"it rests, then comes too late": {expired, resting, tooLate},
	} {
		t.Run(name, func(t *testing.T) {
			s := tell(t, comment(), auto())
			s.sends = answers
			status := s.play()
			if status.State != privatereply.Expired || status.Send.Reason != privatereply.TokenRejected ||
				status.Send.Code != 190 || status.Send.Subcode != 463 || status.Send.TraceID != "Atrace1" {
				t.Errorf("ended as %s %s with %+v", status.State, status.Reason, *status.Send)
			}
		})
	}
}

// A send that was made long after it was asked for, by a worker that was lost, counts
// from when Meta has the message: what the person wrote before is no answer.
func TestFoundMessageTellsWhen(t *testing.T) {
	s := tell(t, comment(), auto())
	s.sends = []func(SendPrivateReply) privatereply.SendResult{func(SendPrivateReply) privatereply.SendResult { panic("lost") }}
	s.looks, s.foundAt = []string{"m_2"}, start.Add(3*time.Hour)
	status := s.play()
	if !status.Send.SentAt.Equal(s.foundAt) || !s.joined[0].Joined.SentAt.Equal(s.foundAt) {
		t.Errorf("sent at %v, joined with %v; want %v", status.Send.SentAt, s.joined[0].Joined.SentAt, s.foundAt)
	}
}

// A send is asked for without the texts that the history holds already.
func TestSendCarriesNoTexts(t *testing.T) {
	s := tell(t, comment(), auto())
	s.play()
	want := comment()
	want.Username, want.Text, want.AdTitle = "", "", ""
	want.ReceivedAt = s.sent[0].Comment.ReceivedAt
	if diff := cmp.Diff(want, s.sent[0].Comment); diff != "" {
		t.Errorf("the send is about (-want +got):\n%s", diff)
	}
}

// A panic or a lost worker proves nothing: the send is settled, not repeated blindly.
func TestSendThatNeverTold(t *testing.T) {
	s := tell(t, comment(), auto())
	s.looks = []string{"m_2"}
	s.sends = []func(SendPrivateReply) privatereply.SendResult{func(SendPrivateReply) privatereply.SendResult { panic("lost") }}
	status := s.play()
	if status.Reason != privatereply.FoundInConversation || len(s.sent) != 1 {
		t.Errorf("ended as %s %s with %d sends", status.State, status.Reason, len(s.sent))
	}
	if got := s.lookedFor[0]; !got.Since.Equal(start.Add(-privatereply.ClockSkew)) || got.Text != auto().Text || got.Person != comment().PersonID {
		t.Errorf("looked for %+v", got)
	}
}

// Without the person's id there is no conversation to look into.
func TestSettleWithoutPerson(t *testing.T) {
	c := comment()
	c.PersonID = ""
	s := tell(t, c, auto())
	s.sends = []func(SendPrivateReply) privatereply.SendResult{unknown, refused(privatereply.AlreadyReplied)}
	status := s.play()
	if status.Reason != privatereply.ConfirmedByRefusal || len(s.lookedFor) != 0 || len(s.joined) != 0 {
		t.Errorf("ended as %s %s, looked %d times, joined %d", status.State, status.Reason, len(s.lookedFor), len(s.joined))
	}
}

// An objection stops a send that sleeps and forbids every repeat; who objected is
// told what came of it. What it does to a send that a worker has needs a real
// server: see TestRejectWhileWorkerSends.
func TestObjectionWhileSending(t *testing.T) {
	asleep := []func(SendPrivateReply) privatereply.SendResult{notSent(privatereply.Throttled, true, 3*time.Hour), delivered}
	tests := []struct {
		name   string
		sends  []func(SendPrivateReply) privatereply.SendResult
		object func(*story)
		state  privatereply.State
		reason privatereply.Reason
		count  int
		answer *Answer
	}{
		{"rejected while it sleeps", asleep, func(s *story) {
			s.updateAt(time.Hour, "u", RejectMessage, Reject{Approver: "ana"})
		}, privatereply.Rejected, privatereply.RejectedByApprover, 1, &Answer{Accepted: true, State: privatereply.Rejected}},
		{"rejected by Signal while it sleeps", asleep, func(s *story) {
			s.signalAt(time.Hour, RejectMessage, Reject{Approver: "ana"})
		}, privatereply.Rejected, privatereply.RejectedByApprover, 1, nil},
		{"removed while it sleeps", asleep, func(s *story) {
			s.signalAt(time.Hour, CommentRemovedSignal, nil)
		}, privatereply.Withdrawn, privatereply.CommentRemoved, 1, nil},
		{"the broadcast ends while it sleeps", asleep, func(s *story) {
			s.signalAt(time.Hour, BroadcastEndedSignal, At{start.Add(time.Hour)})
		}, privatereply.Expired, privatereply.DeadlineWhileSending, 1, nil},
		{"a later end of the broadcast changes nothing", asleep, func(s *story) {
			s.signalAt(time.Hour, BroadcastEndedSignal, At{start.Add(30 * 24 * time.Hour)})
		}, privatereply.NoResponse, "", 2, nil},
		{"removed before the guarded repeat", []func(SendPrivateReply) privatereply.SendResult{unknown}, func(s *story) {
			s.signalAt(5*time.Second, CommentRemovedSignal, nil)
		}, privatereply.DeliveryUnknown, privatereply.Unresolved, 1, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := tell(t, comment(), auto())
			if tt.sends != nil {
				s.sends = tt.sends
			}
			tt.object(s)
			status := s.play()
			if status.State != tt.state || status.Reason != tt.reason || len(s.sent) != tt.count {
				t.Errorf("ended as %s %s with %d sends, want %s %s with %d",
					status.State, status.Reason, len(s.sent), tt.state, tt.reason, tt.count)
			}
			if tt.answer == nil {
				return
			}
			if err := s.rejections["u"]; err != nil {
				t.Fatalf("the update failed: %v", err)
			}
			if got, ok := s.answers["u"].(*Answer); !ok || *got != *tt.answer {
				t.Errorf("answer %+v, want %+v", s.answers["u"], *tt.answer)
			}
		})
	}
}

// A person resolves what nobody could prove, and nothing is sent by it.
func TestResolve(t *testing.T) {
	yes, no := true, false
	tests := []struct {
		name   string
		says   *bool
		state  privatereply.State
		reason privatereply.Reason
		joined int
	}{
		{"delivered", &yes, privatereply.NoResponse, privatereply.ResolvedDelivered, 1},
		{"not delivered", &no, privatereply.Undeliverable, privatereply.ResolvedNotDelivered, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := tell(t, comment(), auto())
			s.sends = []func(SendPrivateReply) privatereply.SendResult{unknown}
			s.updateAt(time.Hour, "empty", ResolveMessage, map[string]any{"approver": "ana"})
			s.updateAt(2*time.Hour, "u", ResolveMessage, Resolve{Approver: "ana", Delivered: tt.says})
			status := s.play()
			if status.State != tt.state || status.Reason != tt.reason || len(s.sent) != 2 || len(s.joined) != tt.joined {
				t.Errorf("ended as %s %s with %d sends, joined %d", status.State, status.Reason, len(s.sent), len(s.joined))
			}
			if status.Approver != "ana" || !status.DecidedAt.Equal(start.Add(2*time.Hour)) {
				t.Errorf("decided by %q at %v", status.Approver, status.DecidedAt)
			}
			if s.rejections["empty"] == nil {
				t.Error("a resolve that says nothing was accepted")
			}
		})
	}
}

// Meta is asked about a comment when a person must decide or the webhook is old.
// What it says can bring the deadline nearer and end the reply, never more.
func TestLookUp(t *testing.T) {
	approve := func(s *story) { s.updateAt(time.Minute, "u", ApproveMessage, Approve{Approver: "ana"}) }
	tests := []struct {
		name     string
		comment  privatereply.Comment
		decision privatereply.Decision
		facts    CommentFacts
		fail     error
		takes    time.Duration
		tell     func(*story)
		asked    int
		state    privatereply.State
		reason   privatereply.Reason
		from     privatereply.Clock
	}{
		{"not repliable", onFacebook(comment()), ask(), CommentFacts{NotRepliable: true}, nil, 0, nil,
			1, privatereply.Undeliverable, privatereply.NotRepliable, privatereply.ClockEntry},
		{"older than it seemed", comment(), ask(), CommentFacts{CreatedAt: start.Add(-time.Hour)}, nil, 0, nil,
			1, privatereply.Expired, privatereply.NobodyDecided, privatereply.ClockCreated},
		{"much older than it seemed", comment(), ask(), CommentFacts{CreatedAt: start.Add(-week)}, nil, 0, nil,
			1, privatereply.Expired, privatereply.NobodyDecided, privatereply.ClockCreated},
		{"never further", comment(), ask(), CommentFacts{CreatedAt: start}, nil, 0, nil,
			1, privatereply.Expired, privatereply.NobodyDecided, privatereply.ClockEntry},
		{"it fails", comment(), ask(), CommentFacts{}, errors.New("no permission"), 0, approve,
			1, privatereply.NoResponse, "", privatereply.ClockEntry},
		{"the person is faster", comment(), ask(), CommentFacts{NotRepliable: true}, nil, 9 * time.Second, func(s *story) {
			s.updateAt(time.Second, "u", ApproveMessage, Approve{Approver: "ana"})
		}, 1, privatereply.NoResponse, "", privatereply.ClockEntry},
		{"a fresh automatic reply does not ask", comment(), auto(), CommentFacts{NotRepliable: true}, nil, 0, nil,
			0, privatereply.NoResponse, "", privatereply.ClockEntry},
		{"an old automatic reply asks", older(comment(), 2*time.Hour), auto(), CommentFacts{NotRepliable: true}, nil, 0, nil,
			1, privatereply.Undeliverable, privatereply.NotRepliable, privatereply.ClockEntry},
		{"an old held reply asks", older(comment(), 2*time.Hour), autoAfter(time.Minute), CommentFacts{NotRepliable: true}, nil, 0, nil,
			1, privatereply.Undeliverable, privatereply.NotRepliable, privatereply.ClockEntry},
		{"a live comment is spared", onLive(comment()), ask(), CommentFacts{NotRepliable: true}, nil, 0, approve,
			0, privatereply.NoResponse, "", privatereply.ClockBroadcast},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := tell(t, tt.comment, tt.decision)
			s.facts, s.factsErr, s.factsTake = tt.facts, tt.fail, tt.takes
			if tt.tell != nil {
				tt.tell(s)
			}
			status := s.play()
			if status.State != tt.state || status.Reason != tt.reason || status.DeadlineFrom != tt.from {
				t.Errorf("ended as %s %s, deadline from %s; want %s %s from %s",
					status.State, status.Reason, status.DeadlineFrom, tt.state, tt.reason, tt.from)
			}
			if s.lookedUp != tt.asked {
				t.Errorf("Meta was asked %d times, want %d", s.lookedUp, tt.asked)
			}
		})
	}
}
