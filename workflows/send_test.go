package workflows

import (
	"context"
	"errors"
	"slices"
	"strings"
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
			s := newReplyTest(t, comment(), auto())
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
			s := newReplyTest(t, comment(), auto())
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
	s := newReplyTest(t, comment(), auto())
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
	s := newReplyTest(t, comment(), auto())
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
	s := newReplyTest(t, comment(), auto())
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
	failing := func(s *replyTest) {
		s.OnActivity(FindMessageActivity, mock.Anything, mock.Anything).Return(FindMessageResult{}, temporal.NewNonRetryableApplicationError("no", "not_permitted", nil))
	}
	for name, prepare := range map[string]func(*replyTest){
		"Meta hides a part of it":  func(s *replyTest) { s.unreadable = true },
		"it cannot be read":        failing,
		"nobody knows whose it is": func(s *replyTest) { s.in.Comment.PersonID = "" },
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
				s := newReplyTest(t, comment(), auto())
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
	s := newReplyTest(t, comment(), auto())
	s.others = true
	s.sends = []func(SendPrivateReplyInput) privatereply.SendResult{unknown, refused(privatereply.NotRepliableOrAlreadyReplied)}
	if status := s.play(); status.State != privatereply.Undeliverable || status.Reason != privatereply.AlreadyReplied {
		t.Errorf("ended as %s %s", status.State, status.Reason)
	}
}

// A request to stop ends a send that sleeps and forbids every repeat; who asked is
// told what came of it. What it does to a send that a worker has needs a real
// server: see TestRejectWhileWorkerSends.
func TestStopRequestWhileSending(t *testing.T) {
	asleep := []func(SendPrivateReplyInput) privatereply.SendResult{notSent(privatereply.Throttled, true, 3*time.Hour), delivered}
	tests := []struct {
		name   string
		sends  []func(SendPrivateReplyInput) privatereply.SendResult
		object func(*replyTest)
		state  privatereply.State
		reason privatereply.Reason
		count  int
		answer *DecisionResult
	}{
		{"rejected while it sleeps", asleep, func(s *replyTest) {
			s.updateAt(time.Hour, "u", RejectMessage, Reject{Approver: "ana"})
		}, privatereply.Rejected, privatereply.RejectedByApprover, 1, &DecisionResult{Accepted: true, State: privatereply.Rejected}},
		{"rejected by Signal while it sleeps", asleep, func(s *replyTest) {
			s.signalAt(time.Hour, RejectMessage, Reject{Approver: "ana"})
		}, privatereply.Rejected, privatereply.RejectedByApprover, 1, nil},
		{"removed while it sleeps", asleep, func(s *replyTest) {
			s.signalAt(time.Hour, CommentRemovedSignal, nil)
		}, privatereply.Withdrawn, privatereply.CommentRemoved, 1, nil},
		{"the broadcast ends while it sleeps", asleep, func(s *replyTest) {
			s.signalAt(time.Hour, BroadcastEndedSignal, EventTime{start.Add(time.Hour)})
		}, privatereply.Expired, privatereply.DeadlineWhileSending, 1, nil},
		{"a later end of the broadcast changes nothing", asleep, func(s *replyTest) {
			s.signalAt(time.Hour, BroadcastEndedSignal, EventTime{start.Add(30 * 24 * time.Hour)})
		}, privatereply.NoResponse, "", 2, nil},
		{"removed before the guarded repeat", []func(SendPrivateReplyInput) privatereply.SendResult{unknown}, func(s *replyTest) {
			s.signalAt(5*time.Second, CommentRemovedSignal, nil)
		}, privatereply.DeliveryUnknown, privatereply.Unresolved, 1, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newReplyTest(t, comment(), auto())
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
			s := newReplyTest(t, comment(), auto())
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
	approve := func(s *replyTest) { s.updateAt(time.Minute, "u", ApproveMessage, Approve{Approver: "ana"}) }
	tests := []struct {
		name     string
		comment  privatereply.Comment
		decision privatereply.Decision
		facts    LookUpCommentResult
		fail     error
		takes    time.Duration
		tell     func(*replyTest)
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
		{"the person is faster", comment(), ask(), LookUpCommentResult{NotRepliable: true}, nil, 9 * time.Second, func(s *replyTest) {
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
			s := newReplyTest(t, tt.comment, tt.decision)
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
	s := newReplyTest(t, comment(), auto())
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
	s := newReplyTest(t, comment(), auto())
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
	rejected := func(s *replyTest) { s.updateAt(time.Hour, "u", RejectMessage, Reject{Approver: "ana"}) }
	removed := func(s *replyTest) { s.signalAt(time.Hour, CommentRemovedSignal, nil) }
	ended := func(s *replyTest) { s.signalAt(time.Hour, BroadcastEndedSignal, EventTime{start.Add(time.Hour)}) }
	for name, tt := range map[string]struct {
		noAuthor bool
		stop     func(*replyTest)
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
			s := newReplyTest(t, c, auto())
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

// What follows an attempt depends on what all attempts so far have proved.
func TestNextStep(t *testing.T) {
	type result = privatereply.SendResult
	at := func(d time.Duration) time.Time { return start.Add(d) }
	sent := result{Outcome: privatereply.OutcomeSent}
	noAnswer := result{Outcome: privatereply.OutcomeUnknown, Reason: privatereply.NoAnswer, SentAt: at(0)}
	code2 := result{Outcome: privatereply.OutcomeNotSent, Reason: privatereply.Outage, Code: 2, Doubtful: true, SentAt: at(time.Minute)}
	code1200 := result{Outcome: privatereply.OutcomeNotSent, Reason: privatereply.Outage, Code: 1200}
	notConnected := result{Outcome: privatereply.OutcomeNotSent, Reason: privatereply.NotConnected}
	throttled := result{Outcome: privatereply.OutcomeNotSent, Reason: privatereply.Throttled, Code: 80001}
	token := result{Outcome: privatereply.OutcomeNotSent, Reason: privatereply.TokenRejected, Code: 190}
	app := result{Outcome: privatereply.OutcomeNotSent, Reason: privatereply.AppMisconfigured, Code: 101}
	over := result{Outcome: privatereply.OutcomeNotSent, Reason: privatereply.BroadcastEnded}
	gone := result{Outcome: privatereply.OutcomeRefused, Reason: privatereply.PersonUnavailable, Code: 551}
	used := result{Outcome: privatereply.OutcomeRefused, Reason: privatereply.AlreadyReplied, Code: 10900}
	unclear := result{Outcome: privatereply.OutcomeRefused, Reason: privatereply.NotRepliableOrAlreadyReplied, Code: 100}
	times := func(n int, r result) []result {
		var all []result
		for range n {
			all = append(all, r)
		}
		return all
	}
	tests := []struct {
		name    string
		results []result
		want    step
		inDoubt bool
	}{
		{"sent", []result{sent}, stepDelivered, false},
		{"not connected", []result{notConnected}, stepRetry, false},
		{"not connected for days", times(500, notConnected), stepRetry, false},
		{"throttled for days", times(500, throttled), stepRetry, false},
		{"a token that nobody repairs", times(500, token), stepRetry, false},
		{"an app that nobody repairs", times(500, app), stepRetry, false},
		{"a passing code", times(maxFaults-1, code1200), stepRetry, false},
		{"a passing code that stays", times(maxFaults, code1200), stepRefused, false},
		{"a passing code between throttles", append(times(maxFaults-1, code1200), throttled, token), stepRetry, false},
		{"a doubtful code that stays", times(maxFaults, code2), stepReconcile, true},
		{"no answer", []result{noAnswer}, stepRepeat, true},
		{"no answer twice", []result{noAnswer, noAnswer}, stepReconcile, true},
		{"no answer, throttled", []result{noAnswer, throttled}, stepRetry, true},
		{"no answer, throttled, no answer", []result{noAnswer, throttled, noAnswer}, stepReconcile, true},
		{"already replied", []result{used}, stepRefused, false},
		{"throttled, already replied", []result{throttled, used}, stepRefused, false},
		{"not connected, already replied", []result{notConnected, used}, stepRefused, false},
		{"a code that proves nothing was done, already replied", []result{code1200, used}, stepRefused, false},
		{"doubtful, already replied", []result{code2, used}, stepReconcile, true},
		{"no answer, already replied", []result{noAnswer, used}, stepReconcile, true},
		{"Instagram's refusal", []result{unclear}, stepRetryRefusal, false},
		{"Instagram's refusal twice", []result{unclear, unclear}, stepRefused, false},
		{"no answer, Instagram's refusal", []result{noAnswer, unclear}, stepReconcile, true},
		{"refused", []result{gone}, stepRefused, false},
		{"no answer, refused", []result{noAnswer, gone}, stepReconcile, true},
		{"the broadcast is over", []result{over}, stepStop, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var e evidence
			for _, r := range tt.results {
				e = e.after(r, at(time.Hour))
			}
			if got := e.decide(true); got != tt.want || e.inDoubt() != tt.inDoubt {
				t.Errorf("step %d, in doubt %v; want %d, %v", got, e.inDoubt(), tt.want, tt.inDoubt)
			}
		})
	}
	t.Run("what may have arrived, and what is a guess", func(t *testing.T) {
		unlisted := result{Outcome: privatereply.OutcomeNotSent, Reason: privatereply.Refused, Code: 4711, Doubtful: true, SentAt: at(0)}
		for want, r := range map[bool]result{true: code2, false: unlisted} {
			if e := (evidence{}).after(r, at(0)); e.strong != want {
				t.Errorf("%+v: strong is %v", r, e.strong)
			}
		}
	})
	t.Run("the earliest attempt that may have arrived counts", func(t *testing.T) {
		var e evidence
		for _, r := range []result{code2, noAnswer, code2} {
			e = e.after(r, at(time.Hour))
		}
		if !e.doubtSince.Equal(at(0)) {
			t.Errorf("in doubt since %v", e.doubtSince)
		}
	})
	t.Run("after a reset Meta may mean an attempt before it", func(t *testing.T) {
		for want, results := range map[step][]result{
			stepReconcile: {used}, stepRetryRefusal: {unclear}, stepRefused: {gone}, stepRepeat: {noAnswer}, stepRetry: {throttled},
		} {
			e := evidence{resetSince: at(-time.Hour)}
			for _, r := range results {
				e = e.after(r, at(time.Hour))
			}
			if got := e.decide(true); got != want {
				t.Errorf("%+v: step %d, want %d", results, got, want)
			}
			if want == stepReconcile && (e.doubt != privatereply.WorkflowReset || e.strong || !e.doubtSince.Equal(at(-time.Hour))) {
				t.Errorf("the doubt is %+v", e)
			}
		}
		e := evidence{resetSince: at(-time.Hour)}.after(unclear, at(0)).after(unclear, at(time.Minute))
		if got := e.decide(true); got != stepReconcile {
			t.Errorf("Instagram's refusal twice: step %d", got)
		}
	})
	t.Run("what Meta takes twice is repeated only if it was proven not sent", func(t *testing.T) {
		for _, tt := range []struct {
			results []result
			want    step
		}{
			{[]result{sent}, stepDelivered},
			{[]result{noAnswer}, stepReconcile},
			{[]result{throttled}, stepRetry},
			{[]result{notConnected, notConnected}, stepRetry},
			{times(maxFaults, code1200), stepRefused},
			{[]result{gone}, stepRefused},
			{[]result{unclear}, stepRefused},
		} {
			var e evidence
			for _, r := range tt.results {
				e = e.after(r, at(time.Hour))
			}
			if got := e.decide(false); got != tt.want {
				t.Errorf("%+v: step %d, want %d", tt.results, got, tt.want)
			}
		}
	})
}

// What the conversation proves depends on Meta's last word and on whether every attempt
// was answered.
func TestReconcile(t *testing.T) {
	last := func(o privatereply.Outcome, r privatereply.Reason) privatereply.SendResult {
		return privatereply.SendResult{Outcome: o, Reason: r}
	}
	facebook := last(privatereply.OutcomeRefused, privatereply.AlreadyReplied)
	instagram := last(privatereply.OutcomeRefused, privatereply.NotRepliableOrAlreadyReplied)
	blocked := last(privatereply.OutcomeRefused, privatereply.PersonUnavailable)
	silent := last(privatereply.OutcomeUnknown, privatereply.NoAnswer)
	fault := last(privatereply.OutcomeNotSent, privatereply.Outage)
	there, absent := FindMessageResult{MessageID: "m_1", Readable: true}, FindMessageResult{Readable: true}
	none := FindMessageResult{Readable: true, Empty: true}
	answeredByOther, unreadable := FindMessageResult{Readable: true, Others: true}, FindMessageResult{}
	unknown := end{privatereply.DeliveryUnknown, privatereply.NoAnswer}
	tests := []struct {
		name       string
		last       privatereply.SendResult
		unanswered int
		found      FindMessageResult
		want       end
	}{
		{"there", silent, 2, there, end{privatereply.Sent, privatereply.FoundInConversation}},
		{"there, and refused", blocked, 1, there, end{privatereply.Sent, privatereply.FoundInConversation}},
		{"used by somebody else", facebook, 1, absent, end{privatereply.Undeliverable, privatereply.AlreadyReplied}},
		{"used by somebody else, whose words are there", instagram, 1, answeredByOther, end{privatereply.Undeliverable, privatereply.AlreadyReplied}},
		{"used, or the comment is gone", instagram, 1, absent, end{privatereply.Undeliverable, privatereply.NotRepliableOrAlreadyReplied}},
		{"used, nobody can read by whom", facebook, 1, unreadable, end{privatereply.Sent, privatereply.ConfirmedByRefusal}},
		{"a guess that it arrived, used, nobody can read by whom", facebook, 0, unreadable, unknown},
		{"a guess that it arrived, used by somebody else", facebook, 0, absent, end{privatereply.Undeliverable, privatereply.AlreadyReplied}},
		{"Instagram's code, nobody can read", instagram, 1, unreadable, unknown},
		{"never answered, absent", silent, 2, absent, unknown},
		{"never answered, nobody can read", silent, 2, unreadable, unknown},
		{"never answered, then refused, absent", blocked, 1, absent, unknown},
		{"a fault, nobody can read", fault, 0, unreadable, unknown},
		{"a fault, absent", fault, 0, absent, end{}},
		{"a fault, no conversation", fault, 0, none, end{}},
		{"never answered, no conversation", silent, 2, none, unknown},
		{"used, no conversation is shown", facebook, 1, none, end{privatereply.Sent, privatereply.ConfirmedByRefusal}},
		{"Instagram's code, no conversation is shown", instagram, 1, none, unknown},
		{"a fault, then refused, absent", blocked, 0, absent, end{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := evidence{last: tt.last, unanswered: tt.unanswered, doubt: privatereply.NoAnswer, doubtSince: start, strong: !strings.HasPrefix(tt.name, "a guess")}
			if got := e.reconcile(tt.found); got != tt.want {
				t.Errorf("%+v, want %+v", got, tt.want)
			}
		})
	}
}

type sendAnswers = []func(SendPrivateReplyInput) privatereply.SendResult

// A reply that its account's pace holds back says when it will be tried, in its
// status and for lists, counts no attempt, and goes at its slot.
func TestPaced(t *testing.T) {
	s := newReplyTest(t, comment(), auto())
	s.sends = sendAnswers{paced(time.Hour), paced(time.Hour + 5*time.Second), delivered}
	var shown []any
	s.OnUpsertMemo(mock.Anything).Run(func(args mock.Arguments) {
		shown = append(shown, args.Get(0).(map[string]any)[MemoNextTry])
	}).Return(nil)
	s.statusAt(30*time.Minute, func(status PrivateReplyStatus) {
		if status.State != privatereply.Sending || status.Reason != privatereply.Paced || status.Send == nil {
			t.Fatalf("while it waits: %+v", status)
		}
		if got := *status.Send; got.Reason != privatereply.Paced || !got.RetryAt.Equal(start.Add(time.Hour)) || got.Attempts != 0 {
			t.Errorf("while it waits: %+v", got)
		}
	})
	status := s.play()
	if status.State != privatereply.NoResponse || status.Reason != "" || status.Send.Attempts != 1 || !status.Send.RetryAt.IsZero() {
		t.Errorf("ended as %s %s, %+v", status.State, status.Reason, status.Send)
	}
	if len(shown) != 1 || !shown[0].(time.Time).Equal(start.Add(time.Hour)) {
		t.Errorf("lists were told %v, want the first slot and no wait of seconds", shown)
	}
	for i, want := range []SendPrivateReplyInput{{Attempt: 1}, {Attempt: 1, Waited: true}, {Attempt: 1, Waited: true}} {
		got := s.sent[i]
		if got.Attempt != want.Attempt || got.Waited != want.Waited || got.ByPerson {
			t.Errorf("ask %d: attempt %d, waited %v, by person %v", i, got.Attempt, got.Waited, got.ByPerson)
		}
	}
}

// What was held back has written nothing: Meta's "already replied" is then about
// somebody else's reply.
func TestHeldBackWroteNothing(t *testing.T) {
	for _, reason := range []privatereply.Reason{privatereply.Paced, privatereply.Throttled, privatereply.TokenRejected} {
		s := newReplyTest(t, comment(), auto())
		s.sends = sendAnswers{notSent(reason, false, time.Hour), refused(privatereply.AlreadyReplied)}
		status := s.play()
		if status.State != privatereply.Undeliverable || status.Reason != privatereply.AlreadyReplied || status.Send.Attempts != 1 {
			t.Errorf("%s: ended as %s %s after %d attempts", reason, status.State, status.Reason, status.Send.Attempts)
		}
	}
}

// A reply whose slot lies after its deadline says so at once, goes on asking for an
// earlier one, a few times in all, and expires at its deadline.
func TestSlotAfterDeadline(t *testing.T) {
	t.Run("nobody makes room", func(t *testing.T) {
		s := newReplyTest(t, comment(), auto())
		s.sends = sendAnswers{paced(week)}
		s.statusAt(time.Hour, func(status PrivateReplyStatus) {
			if status.State != privatereply.Sending || status.Reason != privatereply.Paced || !status.Send.RetryAt.After(status.Deadline) {
				t.Errorf("while it waits: %+v", status)
			}
		})
		status := s.play()
		if status.State != privatereply.Expired || status.Reason != privatereply.DeadlineWhileSending || status.Send.Reason != privatereply.Paced {
			t.Errorf("ended as %s %s, send %s", status.State, status.Reason, status.Send.Reason)
		}
		if n := len(s.sent); n < 10 || n > 20 {
			t.Errorf("asked %d times in a week", n)
		}
		if !s.now().Equal(status.Deadline) {
			t.Errorf("expired at %v, its deadline is %v", s.now(), status.Deadline)
		}
	})
	t.Run("somebody makes room", func(t *testing.T) {
		s := newReplyTest(t, comment(), auto())
		s.sends = sendAnswers{paced(week), paced(week), delivered}
		if status := s.play(); status.State != privatereply.NoResponse || len(s.sent) != 3 {
			t.Errorf("ended as %s after %d asks", status.State, len(s.sent))
		}
	})
}

// A live reply that waits joins its broadcast, once; one that goes at once, or in a
// moment, does not, nor does one that has no broadcast to join.
func TestJoinBroadcast(t *testing.T) {
	onPage := onLive(onFacebook(comment()))
	noMedia := onLive(comment())
	noMedia.MediaID = ""
	tests := []struct {
		name     string
		comment  privatereply.Comment
		decision privatereply.Decision
		sends    sendAnswers
		approve  time.Duration
		joins    int
	}{
		{"waits for a person", onLive(comment()), ask(), nil, time.Minute, 1},
		{"held", onLive(comment()), autoAfter(time.Minute), nil, 0, 1},
		{"goes at once", onLive(comment()), auto(), nil, 0, 0},
		{"goes in a moment", onLive(comment()), auto(), sendAnswers{paced(15 * time.Second), delivered}, 0, 0},
		{"sleeps before its send", onLive(comment()), auto(), sendAnswers{paced(time.Minute), delivered}, 0, 1},
		{"waits, is held back twice", onLive(comment()), ask(), sendAnswers{paced(2 * time.Minute), paced(3 * time.Minute), delivered}, time.Minute, 1},
		{"on a Page's live", onPage, ask(), nil, time.Minute, 0},
		{"without a media id", noMedia, ask(), nil, time.Minute, 0},
		{"on a post", comment(), ask(), nil, time.Minute, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newReplyTest(t, tt.comment, tt.decision)
			if tt.sends != nil {
				s.sends = tt.sends
			}
			if tt.approve > 0 {
				s.updateAt(tt.approve, "u", ApproveMessage, Approve{Approver: "ana"})
			}
			if status := s.play(); status.State != privatereply.NoResponse {
				t.Fatalf("ended as %s %s", status.State, status.Reason)
			}
			if len(s.onAir) != tt.joins {
				t.Fatalf("joined %d times, want %d", len(s.onAir), tt.joins)
			}
			want := JoinBroadcastInput{
				Platform: privatereply.Instagram, Account: "17841400000000001", Media: "17800000000000001",
				Joined: LiveReplyJoined{Reply: "reply:instagram:17841400000000001:18000000000000001", At: start.Add(-time.Minute)},
			}
			if tt.joins > 0 && !cmp.Equal(s.onAir[0], want) {
				t.Errorf("joined %+v, want %+v", s.onAir[0], want)
			}
		})
	}
}

// The Web UI says in words that a reply will not make it.
func TestDetailsOfSlotAfterDeadline(t *testing.T) {
	var said []string
	r := &reply{send: SendStatus{Reason: privatereply.Paced, RetryAt: start.Add(time.Hour)}}
	for _, deadline := range []time.Duration{30 * time.Minute, 2 * time.Hour} {
		r.deadline.At = start.Add(deadline)
		said = said[:0]
		r.describeSend(func(format string, _ ...any) { said = append(said, format) })
		warns := slices.ContainsFunc(said, func(line string) bool { return strings.Contains(line, "will not make its deadline") })
		if warns != (deadline < time.Hour) {
			t.Errorf("deadline after %v: %q", deadline, said)
		}
	}
}

// The slot comes from the worker's clock, the sleep from the server's. A worker whose
// clock is some seconds behind gives slots that have passed: each such try is followed by
// a longer pause.
func TestClockBehindMakesNoHotLoop(t *testing.T) {
	for _, behind := range []time.Duration{5 * time.Second, 10 * time.Minute} {
		s := newReplyTest(t, comment(), auto())
		slot := start.Add(3 * time.Second) // by the worker's clock
		asks := 0
		s.sends = []func(SendPrivateReplyInput) privatereply.SendResult{func(in SendPrivateReplyInput) privatereply.SendResult {
			asks++
			if asks > 3000 || !s.now().Add(-behind).Before(slot) {
				return delivered(in)
			}
			return privatereply.SendResult{Outcome: privatereply.OutcomeNotSent, Reason: privatereply.Paced, RetryAt: slot.Add(-behind)}
		}}
		s.play()
		if asks > 100 {
			t.Errorf("%v behind: the activity was scheduled %d times", behind, asks)
		}
	}
}
