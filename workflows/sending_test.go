package workflows

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/temporal"

	"github.com/privatereply/privatereply"
)

// Whatever Meta answers, the person gets at most one message, and the reply ends
// in the state that the answers prove.
func TestSend(t *testing.T) {
	type answers = []func(SendPrivateReplyInput) privatereply.SendResult
	type want struct {
		state  privatereply.State
		reason privatereply.Reason
		sends  int
		looks  int
	}
	throttled := notSent(privatereply.Throttled, true, time.Hour)
	offline := notSent(privatereply.NotConnected, false, time.Minute)
	outage := notSent(privatereply.Outage, true, time.Minute)
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
		{"throttled, then somebody else replied", answers{throttled, refused(privatereply.AlreadyReplied)}, nil,
			want{privatereply.Undeliverable, privatereply.AlreadyReplied, 2, 0}},
		{"throttled until the deadline", answers{notSent(privatereply.Throttled, true, week)}, nil,
			want{privatereply.Expired, privatereply.DeadlineWhileSending, 1, 0}},
		{"the broadcast is over at a later try", answers{offline, notSent(privatereply.BroadcastEnded, false, 0)}, nil,
			want{privatereply.Expired, privatereply.BroadcastEnded, 2, 0}},
		{"Instagram's refusal passes", answers{refused(privatereply.NotRepliableOrAlreadyReplied), delivered}, nil,
			want{privatereply.NoResponse, "", 2, 0}},
		{"Instagram's refusal stays", answers{refused(privatereply.NotRepliableOrAlreadyReplied)}, nil,
			want{privatereply.Undeliverable, privatereply.NotRepliableOrAlreadyReplied, 2, 0}},
		{"throttled, then Instagram's refusal", answers{throttled, refused(privatereply.NotRepliableOrAlreadyReplied)}, nil,
			want{privatereply.Undeliverable, privatereply.NotRepliableOrAlreadyReplied, 3, 0}},
		{"a code that passes", answers{fault(2), fault(2), delivered}, nil,
			want{privatereply.NoResponse, "", 3, 0}},
		{"a code that stays", answers{fault(2)}, nil,
			want{privatereply.Undeliverable, privatereply.Outage, maxFaults, 0}},
		{"a doubtful code that stays, not found", answers{doubtful(fault(2))}, nil,
			want{privatereply.Undeliverable, privatereply.Outage, maxFaults, 1}},
		{"a doubtful code that stays, found", answers{doubtful(fault(2))}, []string{"m_2"},
			want{privatereply.NoResponse, privatereply.FoundInConversation, maxFaults, 1}},

		{"a doubtful refusal, then already replied, not found", answers{doubtful(outage), refused(privatereply.AlreadyReplied)}, nil,
			want{privatereply.Undeliverable, privatereply.AlreadyReplied, 2, 1 + len(lagRetries)}},
		{"a doubtful refusal, then Instagram's, not found", answers{doubtful(outage), refused(privatereply.NotRepliableOrAlreadyReplied)}, nil,
			want{privatereply.Undeliverable, privatereply.NotRepliableOrAlreadyReplied, 2, 1 + len(lagRetries)}},
		{"a doubtful refusal, then refused otherwise, not found", answers{doubtful(outage), refused(privatereply.PersonUnavailable)}, nil,
			want{privatereply.Undeliverable, privatereply.PersonUnavailable, 2, 1}},
		{"a doubtful refusal, found at the deadline", answers{doubtful(outage), notSent(privatereply.Throttled, true, week)}, []string{"m_2"},
			want{privatereply.NoResponse, privatereply.FoundInConversation, 2, 1}},
		{"a doubtful refusal, not found at the deadline", answers{doubtful(outage), notSent(privatereply.Throttled, true, week)}, nil,
			want{privatereply.Expired, privatereply.DeadlineWhileSending, 2, 1}},

		{"unknown, the repeat is delivered", answers{unknown, delivered}, nil,
			want{privatereply.NoResponse, "", 2, 0}},
		{"unknown, the repeat is refused as a second one, found", answers{unknown, refused(privatereply.AlreadyReplied)}, []string{"m_2"},
			want{privatereply.NoResponse, privatereply.FoundInConversation, 2, 1}},
		{"unknown, the repeat is refused as a second one, not found", answers{unknown, refused(privatereply.AlreadyReplied)}, nil,
			want{privatereply.Undeliverable, privatereply.AlreadyReplied, 2, 1 + len(lagRetries)}},
		{"unknown, Instagram refuses the repeat, found", answers{unknown, refused(privatereply.NotRepliableOrAlreadyReplied)}, []string{"m_2"},
			want{privatereply.NoResponse, privatereply.FoundInConversation, 2, 1}},
		{"unknown, Instagram refuses the repeat, not found", answers{unknown, refused(privatereply.NotRepliableOrAlreadyReplied)}, nil,
			want{privatereply.Undeliverable, privatereply.NotRepliableOrAlreadyReplied, 2, 1 + len(lagRetries)}},
		{"unknown, the repeat is refused otherwise", answers{unknown, refused(privatereply.PersonUnavailable)}, nil,
			want{privatereply.DeliveryUnknown, privatereply.Unresolved, 2, 1}},
		{"unknown twice, found", answers{unknown}, []string{"m_2"},
			want{privatereply.NoResponse, privatereply.FoundInConversation, 2, 1}},
		{"unknown twice", answers{unknown}, nil,
			want{privatereply.DeliveryUnknown, privatereply.Unresolved, 2, 1}},
		{"unknown, the repeat waits, then is delivered", answers{unknown, offline, delivered}, nil,
			want{privatereply.NoResponse, "", 3, 0}},
		{"unknown, the repeat waits past the deadline", answers{unknown, notSent(privatereply.Throttled, true, week)}, nil,
			want{privatereply.DeliveryUnknown, privatereply.Unresolved, 2, 1}},
		{"unknown, the broadcast is over", answers{unknown, notSent(privatereply.BroadcastEnded, false, 0)}, nil,
			want{privatereply.DeliveryUnknown, privatereply.Unresolved, 2, 1}},
		{"unknown, then throttled, then unknown", answers{unknown, throttled, unknown}, []string{"m_2"},
			want{privatereply.NoResponse, privatereply.FoundInConversation, 3, 1}},
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
	expired := func(in SendPrivateReplyInput) privatereply.SendResult {
		r := notSent(privatereply.TokenRejected, true, time.Hour)(in)
		r.Code, r.Subcode, r.TraceID = 190, 463, "Atrace1"
		return r
	}
	resting := notSent(privatereply.TokenRejected, false, week)
	tooLate := notSent(privatereply.DeadlineWhileSending, false, week)
	for name, answers := range map[string][]func(SendPrivateReplyInput) privatereply.SendResult{
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
	s.sends = []func(SendPrivateReplyInput) privatereply.SendResult{
		func(SendPrivateReplyInput) privatereply.SendResult { panic("lost") }, refused(privatereply.AlreadyReplied),
	}
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

// A panic or a lost worker proves nothing: the send is repeated once, when the attempt is
// surely over, and then the conversation decides.
func TestSendThatNeverTold(t *testing.T) {
	s := tell(t, comment(), auto())
	s.looks = []string{"m_2"}
	s.sends = []func(SendPrivateReplyInput) privatereply.SendResult{
		func(SendPrivateReplyInput) privatereply.SendResult { panic("lost") },
		refused(privatereply.NotRepliableOrAlreadyReplied),
	}
	status := s.play()
	if status.Reason != privatereply.FoundInConversation || len(s.sent) != 2 {
		t.Errorf("ended as %s %s with %d sends", status.State, status.Reason, len(s.sent))
	}
	if s.timers[0] != attemptTimeout {
		t.Errorf("repeated after %v", s.timers[0])
	}
	if got := s.lookedFor[0]; !got.Since.Equal(start.Add(-privatereply.ClockSkew)) || got.Text != auto().Text || got.Person != comment().PersonID {
		t.Errorf("looked for %+v", got)
	}
}

// A conversation that cannot be read decides nothing, and neither does one that nobody
// can look for. Only Facebook's "already replied" is a word of its own then.
func TestConversationThatCannotBeRead(t *testing.T) {
	failing := func(s *story) {
		s.OnActivity(FindMessageActivity, mock.Anything, mock.Anything).Return(FindMessageResult{}, temporal.NewNonRetryableApplicationError("no", "not_permitted", nil))
	}
	for name, prepare := range map[string]func(*story){
		"Meta hides a part of it":  func(s *story) { s.unreadable = true },
		"it cannot be read":        failing,
		"nobody knows whose it is": func(s *story) { s.in.Comment.PersonID = "" },
	} {
		for _, tt := range []struct {
			answer func(SendPrivateReplyInput) privatereply.SendResult
			state  privatereply.State
			reason privatereply.Reason
		}{
			{refused(privatereply.AlreadyReplied), privatereply.NoResponse, privatereply.ConfirmedByRefusal},
			{refused(privatereply.NotRepliableOrAlreadyReplied), privatereply.DeliveryUnknown, privatereply.Unresolved},
			{unknown, privatereply.DeliveryUnknown, privatereply.Unresolved},
		} {
			t.Run(name+", "+string(tt.reason), func(t *testing.T) {
				s := tell(t, comment(), auto())
				prepare(s)
				s.sends = []func(SendPrivateReplyInput) privatereply.SendResult{unknown, tt.answer}
				status := s.play()
				if status.State != tt.state || status.Reason != tt.reason {
					t.Errorf("ended as %s %s, want %s %s", status.State, status.Reason, tt.state, tt.reason)
				}
				if s.in.Comment.PersonID == "" && (len(s.lookedFor) != 0 || len(s.joined) != 0) {
					t.Errorf("looked %d times, joined %d", len(s.lookedFor), len(s.joined))
				}
			})
		}
	}
}

// Where Instagram's code leaves it open who used the one reply, another message of the
// account tells.
func TestSomebodyElseAnsweredOnInstagram(t *testing.T) {
	s := tell(t, comment(), auto())
	s.others = true
	s.sends = []func(SendPrivateReplyInput) privatereply.SendResult{unknown, refused(privatereply.NotRepliableOrAlreadyReplied)}
	if status := s.play(); status.State != privatereply.Undeliverable || status.Reason != privatereply.AlreadyReplied {
		t.Errorf("ended as %s %s", status.State, status.Reason)
	}
}

// An objection stops a send that sleeps and forbids every repeat; who objected is
// told what came of it. What it does to a send that a worker has needs a real
// server: see TestRejectWhileWorkerSends.
func TestObjectionWhileSending(t *testing.T) {
	asleep := []func(SendPrivateReplyInput) privatereply.SendResult{notSent(privatereply.Throttled, true, 3*time.Hour), delivered}
	tests := []struct {
		name   string
		sends  []func(SendPrivateReplyInput) privatereply.SendResult
		object func(*story)
		state  privatereply.State
		reason privatereply.Reason
		count  int
		answer *DecisionResult
	}{
		{"rejected while it sleeps", asleep, func(s *story) {
			s.updateAt(time.Hour, "u", RejectMessage, Reject{Approver: "ana"})
		}, privatereply.Rejected, privatereply.RejectedByApprover, 1, &DecisionResult{Accepted: true, State: privatereply.Rejected}},
		{"rejected by Signal while it sleeps", asleep, func(s *story) {
			s.signalAt(time.Hour, RejectMessage, Reject{Approver: "ana"})
		}, privatereply.Rejected, privatereply.RejectedByApprover, 1, nil},
		{"removed while it sleeps", asleep, func(s *story) {
			s.signalAt(time.Hour, CommentRemovedSignal, nil)
		}, privatereply.Withdrawn, privatereply.CommentRemoved, 1, nil},
		{"the broadcast ends while it sleeps", asleep, func(s *story) {
			s.signalAt(time.Hour, BroadcastEndedSignal, EventTime{start.Add(time.Hour)})
		}, privatereply.Expired, privatereply.DeadlineWhileSending, 1, nil},
		{"a later end of the broadcast changes nothing", asleep, func(s *story) {
			s.signalAt(time.Hour, BroadcastEndedSignal, EventTime{start.Add(30 * 24 * time.Hour)})
		}, privatereply.NoResponse, "", 2, nil},
		{"removed before the guarded repeat", []func(SendPrivateReplyInput) privatereply.SendResult{unknown}, func(s *story) {
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
			if got, ok := s.answers["u"].(*DecisionResult); !ok || *got != *tt.answer {
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
			s.sends = []func(SendPrivateReplyInput) privatereply.SendResult{unknown}
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

func created(at time.Time) LookUpCommentResult {
	return LookUpCommentResult{CreatedAt: at, Deadline: privatereply.DeadlineFromCreation(at).At}
}

// Meta is asked about a comment when a person must decide or the webhook is old.
// What it says can bring the deadline nearer and end the reply, never more.
func TestLookUp(t *testing.T) {
	approve := func(s *story) { s.updateAt(time.Minute, "u", ApproveMessage, Approve{Approver: "ana"}) }
	tests := []struct {
		name     string
		comment  privatereply.Comment
		decision privatereply.Decision
		facts    LookUpCommentResult
		fail     error
		takes    time.Duration
		tell     func(*story)
		asked    int
		state    privatereply.State
		reason   privatereply.Reason
		from     privatereply.Clock
	}{
		{"not repliable", onFacebook(comment()), ask(), LookUpCommentResult{NotRepliable: true}, nil, 0, nil,
			1, privatereply.Undeliverable, privatereply.NotRepliable, privatereply.ClockEntry},
		{"older than it seemed", comment(), ask(), created(start.Add(-time.Hour)), nil, 0, nil,
			1, privatereply.Expired, privatereply.NobodyDecided, privatereply.ClockCreated},
		{"much older than it seemed", comment(), ask(), created(start.Add(-week)), nil, 0, nil,
			1, privatereply.Expired, privatereply.NobodyDecided, privatereply.ClockCreated},
		{"never further", comment(), ask(), created(start), nil, 0, nil,
			1, privatereply.Expired, privatereply.NobodyDecided, privatereply.ClockEntry},
		{"it fails", comment(), ask(), LookUpCommentResult{}, errors.New("no permission"), 0, approve,
			1, privatereply.NoResponse, "", privatereply.ClockEntry},
		{"the person is faster", comment(), ask(), LookUpCommentResult{NotRepliable: true}, nil, 9 * time.Second, func(s *story) {
			s.updateAt(time.Second, "u", ApproveMessage, Approve{Approver: "ana"})
		}, 1, privatereply.NoResponse, "", privatereply.ClockEntry},
		{"a fresh automatic reply does not ask", comment(), auto(), LookUpCommentResult{NotRepliable: true}, nil, 0, nil,
			0, privatereply.NoResponse, "", privatereply.ClockEntry},
		{"an old automatic reply asks", older(comment(), 2*time.Hour), auto(), LookUpCommentResult{NotRepliable: true}, nil, 0, nil,
			1, privatereply.Undeliverable, privatereply.NotRepliable, privatereply.ClockEntry},
		{"an old held reply asks", older(comment(), 2*time.Hour), autoAfter(time.Minute), LookUpCommentResult{NotRepliable: true}, nil, 0, nil,
			1, privatereply.Undeliverable, privatereply.NotRepliable, privatereply.ClockEntry},
		{"a live comment is spared", onLive(comment()), ask(), LookUpCommentResult{NotRepliable: true}, nil, 0, approve,
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

// The earliest attempt that may have arrived is the one to look for: here Meta delivered
// the first one, which it answered with a general fault.
func TestFirstDoubtfulAttemptCounts(t *testing.T) {
	s := tell(t, comment(), auto())
	s.sends = []func(SendPrivateReplyInput) privatereply.SendResult{
		func(SendPrivateReplyInput) privatereply.SendResult { // written at start, and delivered
			return privatereply.SendResult{Outcome: privatereply.OutcomeNotSent, Reason: privatereply.Outage, Code: 2, Wrote: true, Doubtful: true,
				SentAt: start, RetryAt: start.Add(time.Minute)}
		},
		func(SendPrivateReplyInput) privatereply.SendResult { // a minute later, the connection breaks
			return privatereply.SendResult{Outcome: privatereply.OutcomeUnknown, Reason: privatereply.NoAnswer, Wrote: true, SentAt: start.Add(time.Minute)}
		},
		refused(privatereply.NotRepliableOrAlreadyReplied), // Instagram's word for "already replied"
	}
	deliveredAt := start.Add(time.Second)
	s.OnActivity(FindMessageActivity, mock.Anything, mock.Anything).Return(func(_ context.Context, in FindMessageInput) (FindMessageResult, error) {
		if deliveredAt.Before(in.Since) {
			t.Errorf("looked since %v; the message is of %v", in.Since, deliveredAt)
			return FindMessageResult{Readable: true}, nil
		}
		return FindMessageResult{MessageID: "m_2", SentAt: deliveredAt, Readable: true}, nil
	})
	status := s.play()
	if status.Reason != privatereply.FoundInConversation {
		t.Errorf("ended as %s %s with a message in the conversation", status.State, status.Reason)
	}
}

// Code 2 also means that the person blocks the account: it is tried a handful of times
// and ends with its code.
func TestFaultsAreBounded(t *testing.T) {
	s := tell(t, comment(), auto())
	s.sends = []func(SendPrivateReplyInput) privatereply.SendResult{func(in SendPrivateReplyInput) privatereply.SendResult {
		pause := min(time.Minute<<min(in.Attempt-1, 8), 15*time.Minute)
		return privatereply.SendResult{Outcome: privatereply.OutcomeNotSent, Reason: privatereply.Outage, Code: 2, Subcode: 1545133, Wrote: true, Doubtful: true,
			SentAt: s.now(), RetryAt: s.now().Add(pause * 11 / 10)}
	}}
	status := s.play()
	if len(s.sent) > 20 {
		t.Errorf("%d calls for one person who blocks the account", len(s.sent))
	}
	if status.State != privatereply.Undeliverable || status.Send.Code != 2 || status.Send.Subcode != 1545133 {
		t.Errorf("ended as %s %s with %+v", status.State, status.Reason, *status.Send)
	}
	for i, sent := range s.sent[2:] { // the first retry queues by the first try, which was made when it was decided
		if !sent.Since.After(s.sent[i+1].Since) {
			t.Errorf("attempt %d queues by %v, the one before by %v", i+3, sent.Since, s.sent[i+1].Since)
		}
	}
}

// Meta answers in a way that does not prove that it did nothing. Somebody rejects while
// the reply waits for its next try, or the deadline comes. What cannot be read proves
// nothing.
func TestDoubtThatNothingRemoves(t *testing.T) {
	late := doubtful(func(SendPrivateReplyInput) privatereply.SendResult {
		r := notSent(privatereply.Outage, true, 2*time.Hour)(SendPrivateReplyInput{})
		r.Code = 2
		return r
	})
	rejected := func(s *story) { s.updateAt(time.Hour, "u", RejectMessage, Reject{Approver: "ana"}) }
	removed := func(s *story) { s.signalAt(time.Hour, CommentRemovedSignal, nil) }
	ended := func(s *story) { s.signalAt(time.Hour, BroadcastEndedSignal, EventTime{start.Add(time.Hour)}) }
	for name, tt := range map[string]struct {
		noAuthor bool
		stop     func(*story)
		reason   privatereply.Reason
	}{
		"rejected, the look fails":     {false, rejected, privatereply.TooLate},
		"rejected, no author, no look": {true, rejected, privatereply.TooLate},
		"withdrawn, the look fails":    {false, removed, privatereply.TooLate},
		"the deadline, the look fails": {false, ended, privatereply.Outage},
		"the deadline, no author":      {true, ended, privatereply.Outage},
	} {
		t.Run(name, func(t *testing.T) {
			c := comment()
			if tt.noAuthor {
				c.PersonID = ""
			}
			s := tell(t, c, auto())
			s.sends = []func(SendPrivateReplyInput) privatereply.SendResult{late}
			s.OnActivity(FindMessageActivity, mock.Anything, mock.Anything).Return(FindMessageResult{}, errors.New("613: too many calls")).Maybe()
			tt.stop(s)
			s.statusAt(5*time.Hour, func(status PrivateReplyStatus) {
				if status.State != privatereply.DeliveryUnknown || status.Reason != tt.reason {
					t.Errorf("nobody knows whether it arrived, and the reply says %s %s", status.State, status.Reason)
				}
			})
			s.play()
			if answer, told := s.answers["u"].(*DecisionResult); told && (answer.Accepted || answer.State != privatereply.DeliveryUnknown || answer.Reason != privatereply.TooLate) {
				t.Errorf("ana was told %+v", answer)
			}
		})
	}
}
