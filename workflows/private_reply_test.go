package workflows

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/privatereply/privatereply"
)

const week = 7 * 24 * time.Hour

// Every path of the state diagram ends in its named state, with its reason and
// with as many sends as it may make.
func TestPrivateReplyEnds(t *testing.T) {
	type want struct {
		state  privatereply.State
		reason privatereply.Reason
		sends  int
	}
	tests := []struct {
		name     string
		comment  privatereply.Comment
		decision privatereply.Decision
		tell     func(*replyTest)
		want     want
	}{
		{"a rule ignores it", comment(), privatereply.Decision{Action: privatereply.ActionIgnore, Rule: "spam"}, nil,
			want{privatereply.Ignored, privatereply.IgnoredByRule, 0}},
		{"the default ignores it", comment(), privatereply.Decision{Action: privatereply.ActionIgnore}, nil,
			want{privatereply.Ignored, privatereply.IgnoredByDefault, 0}},
		{"sent by a rule, never answered", comment(), auto(), nil,
			want{privatereply.NoResponse, "", 1}},
		{"sent by a rule, answered", comment(), auto(), func(s *replyTest) {
			s.signalAt(time.Hour, PersonRespondedSignal, EventTime{start.Add(time.Hour)})
		}, want{privatereply.WindowClosed, "", 1}},
		{"held, then sent", comment(), autoAfter(2 * time.Minute), nil,
			want{privatereply.NoResponse, "", 1}},
		{"held, then rejected", comment(), autoAfter(2 * time.Minute), func(s *replyTest) {
			s.updateAt(time.Minute, "u", RejectMessage, Reject{Approver: "ana"})
		}, want{privatereply.Rejected, privatereply.RejectedByApprover, 0}},
		{"held, then removed", comment(), autoAfter(2 * time.Minute), func(s *replyTest) {
			s.signalAt(time.Minute, CommentRemovedSignal, nil)
		}, want{privatereply.Withdrawn, privatereply.CommentRemoved, 0}},
		{"held, then the broadcast ends", onLive(comment()), autoAfter(2 * time.Minute), func(s *replyTest) {
			s.signalAt(time.Minute, BroadcastEndedSignal, EventTime{start.Add(time.Minute)})
		}, want{privatereply.Expired, privatereply.BroadcastEnded, 0}},
		{"the hold is longer than the deadline", comment(), autoAfter(8 * 24 * time.Hour), nil,
			want{privatereply.Expired, privatereply.HoldPastDeadline, 0}},
		{"approved by Update", comment(), ask(), func(s *replyTest) {
			s.updateAt(time.Hour, "u", ApproveMessage, Approve{Approver: "ana"})
		}, want{privatereply.NoResponse, "", 1}},
		{"approved by Signal", comment(), ask(), func(s *replyTest) {
			s.signalAt(time.Hour, ApproveMessage, Approve{Approver: "ana"})
		}, want{privatereply.NoResponse, "", 1}},
		{"rejected by Update", comment(), ask(), func(s *replyTest) {
			s.updateAt(time.Hour, "u", RejectMessage, Reject{Approver: "ana", Reason: "spam"})
		}, want{privatereply.Rejected, privatereply.RejectedByApprover, 0}},
		{"rejected by Signal", comment(), ask(), func(s *replyTest) {
			s.signalAt(time.Hour, RejectMessage, Reject{Approver: "ana", Reason: "spam"})
		}, want{privatereply.Rejected, privatereply.RejectedByApprover, 0}},
		{"removed while it waits", comment(), ask(), func(s *replyTest) {
			s.signalAt(time.Hour, CommentRemovedSignal, struct{}{})
		}, want{privatereply.Withdrawn, privatereply.CommentRemoved, 0}},
		{"nobody decides", comment(), ask(), nil,
			want{privatereply.Expired, privatereply.NobodyDecided, 0}},
		{"the broadcast ends while it waits", onLive(comment()), ask(), func(s *replyTest) {
			s.signalAt(time.Hour, BroadcastEndedSignal, EventTime{start.Add(time.Hour)})
		}, want{privatereply.Expired, privatereply.BroadcastEnded, 0}},
		{"a broadcast has an end even if nobody says so", onLive(comment()), ask(), nil,
			want{privatereply.Expired, privatereply.BroadcastEnded, 0}},
		{"the broadcast ends after the send", onLive(comment()), auto(), func(s *replyTest) {
			s.signalAt(time.Hour, BroadcastEndedSignal, EventTime{start.Add(time.Hour)})
			s.signalAt(2*time.Hour, PersonRespondedSignal, EventTime{start.Add(2 * time.Hour)})
		}, want{privatereply.WindowClosed, "", 1}},
		{"too late when it arrives", older(comment(), week), auto(), nil,
			want{privatereply.Expired, privatereply.PastDeadline, 0}},
		{"stopped by an operator while it waits", comment(), ask(), func(s *replyTest) {
			s.at(time.Hour, s.CancelWorkflow)
		}, want{privatereply.Rejected, privatereply.StoppedByOperator, 0}},
		{"stopped by an operator after the send", comment(), auto(), func(s *replyTest) {
			s.at(time.Hour, s.CancelWorkflow)
		}, want{privatereply.NoResponse, privatereply.StoppedByOperator, 1}},
		{"the conversation goes on for ever", comment(), auto(), func(s *replyTest) {
			for at := time.Hour; at < 40*24*time.Hour; at += 20 * time.Hour {
				s.signalAt(at, PersonRespondedSignal, EventTime{start.Add(at)})
			}
		}, want{privatereply.WindowClosed, privatereply.ConversationContinues, 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newReplyTest(t, tt.comment, tt.decision)
			if tt.tell != nil {
				tt.tell(s)
			}
			status := s.play()
			got := want{status.State, status.Reason, len(s.sent)}
			if got != tt.want {
				t.Errorf("ended as %v, want %v", got, tt.want)
			}
			for id, err := range s.rejections {
				t.Errorf("update %s was refused: %v", id, err)
			}
		})
	}
}

func older(c privatereply.Comment, by time.Duration) privatereply.Comment {
	c.EntryAt = c.EntryAt.Add(-by)
	return c
}

// The deadline is counted from the best clock, and nothing waits longer.
func TestPrivateReplyDeadline(t *testing.T) {
	created := func(c privatereply.Comment, ago time.Duration) privatereply.Comment {
		c = onFacebook(c)
		c.CreatedAt = start.Add(-ago)
		return c
	}
	unknownEntry := comment()
	unknownEntry.EntryAt = time.Time{}
	futureEntry := comment()
	futureEntry.EntryAt = start.Add(time.Hour)
	tests := []struct {
		name    string
		comment privatereply.Comment
		from    privatereply.Clock
		waits   time.Duration // until it expires
	}{
		{"from entry", comment(), privatereply.ClockEntry, week - 3*time.Minute},
		{"from receipt", unknownEntry, privatereply.ClockReceived, week - 2*time.Minute},
		{"an entry in the future does not count", futureEntry, privatereply.ClockReceived, week - 2*time.Minute},
		{"from creation", created(comment(), time.Hour), privatereply.ClockCreated, week - time.Hour - 2*time.Minute},
		{"almost over", created(comment(), week-time.Hour), privatereply.ClockCreated, 58 * time.Minute},
		{"live", onLive(comment()), privatereply.ClockBroadcast, 4*time.Hour - time.Minute},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newReplyTest(t, tt.comment, ask())
			status := s.play()
			if status.State != privatereply.Expired {
				t.Fatalf("ended as %s", status.State)
			}
			if status.DeadlineFrom != tt.from || !status.Deadline.Equal(start.Add(tt.waits)) {
				t.Errorf("deadline %v from %s, want %v from %s", status.Deadline, status.DeadlineFrom, start.Add(tt.waits), tt.from)
			}
			if want := []time.Duration{tt.waits}; !slices.Equal(s.timers, want) {
				t.Errorf("timers %v, want %v", s.timers, want)
			}
		})
	}
}

// No timer is set that is not needed, and none is left behind.
func TestPrivateReplyTimers(t *testing.T) {
	t.Run("an automatic reply has no deadline timer", func(t *testing.T) {
		s := newReplyTest(t, comment(), auto())
		s.play()
		if want := []time.Duration{privatereply.ResponseWait}; !slices.Equal(s.timers, want) {
			t.Errorf("timers %v, want only the wait for an answer %v", s.timers, want)
		}
	})
	t.Run("an approved reply's deadline timer is cancelled", func(t *testing.T) {
		s := newReplyTest(t, comment(), ask())
		s.updateAt(time.Hour, "u", ApproveMessage, Approve{Approver: "ana"})
		s.play()
		if s.cancelled != 1 || len(s.timers) != 2 {
			t.Errorf("%d timers, %d cancelled; want 2 and 1", len(s.timers), s.cancelled)
		}
	})
	t.Run("a comment that is too late sets none", func(t *testing.T) {
		s := newReplyTest(t, older(comment(), week), ask())
		s.play()
		if len(s.timers) != 0 {
			t.Errorf("timers %v, want none", s.timers)
		}
	})
}

// A decision that a worker sees only after the deadline sends nothing, however it
// raced with the timer.
func TestDecisionAfterDeadline(t *testing.T) {
	deadline := week - 3*time.Minute
	t.Run("signal and timer in one task", func(t *testing.T) {
		s := newReplyTest(t, comment(), ask())
		s.at(deadline-time.Millisecond, func() { s.SignalWorkflowSkippingWorkflowTask(ApproveMessage, Approve{Approver: "ana"}) })
		status := s.play()
		if status.State != privatereply.Expired || status.Reason != privatereply.DecidedTooLate || len(s.sent) != 0 {
			t.Errorf("ended as %s %s with %d sends", status.State, status.Reason, len(s.sent))
		}
		if len(status.RefusedSignals) != 1 || status.RefusedSignals[0].Name != ApproveMessage {
			t.Errorf("refused signals: %v", status.RefusedSignals)
		}
	})
	t.Run("removal and timer in one task", func(t *testing.T) {
		s := newReplyTest(t, comment(), autoAfter(time.Hour))
		s.at(time.Hour-time.Millisecond, func() { s.SignalWorkflowSkippingWorkflowTask(CommentRemovedSignal, nil) })
		status := s.play()
		if status.State != privatereply.Withdrawn || len(s.sent) != 0 {
			t.Errorf("ended as %s with %d sends", status.State, len(s.sent))
		}
	})
	t.Run("update after the end of the broadcast was signalled", func(t *testing.T) {
		s := newReplyTest(t, onLive(comment()), ask())
		s.at(time.Hour, func() {
			s.SignalWorkflowSkippingWorkflowTask(BroadcastEndedSignal, EventTime{start.Add(time.Hour)})
			s.UpdateWorkflowNoRejection(ApproveMessage, "u", t, Approve{Approver: "ana"})
		})
		status := s.play()
		if status.State != privatereply.Expired || len(s.sent) != 0 {
			t.Errorf("ended as %s with %d sends", status.State, len(s.sent))
		}
	})
}

// The status tells the whole story in the words of the contract.
func TestPrivateReplyStatus(t *testing.T) {
	s := newReplyTest(t, comment(), ask())
	s.updateAt(time.Hour, "u", ApproveMessage, Approve{Approver: "ana", Text: "Hello!"})
	s.signalAt(2*time.Hour, PersonRespondedSignal, EventTime{start.Add(2 * time.Hour)})
	s.signalAt(3*time.Hour, PersonRespondedSignal, EventTime{start.Add(90 * time.Minute)}) // late
	s.statusAt(30*time.Minute, func(status PrivateReplyStatus) {
		if status.State != privatereply.AwaitingApproval || status.Send != nil || status.Window != nil {
			t.Errorf("waiting: %+v", status)
		}
	})
	s.statusAt(90*time.Minute, func(status PrivateReplyStatus) {
		if status.State != privatereply.Sent || status.Window != nil {
			t.Errorf("sent: %+v", status)
		}
	})
	got := s.play()
	want := &PrivateReplyStatus{
		State:        privatereply.WindowClosed,
		Deadline:     start.Add(week - 3*time.Minute),
		DeadlineFrom: privatereply.ClockEntry,
		Comment:      comment(),
		Decision:     ask(),
		Text:         "Hello!",
		Approver:     "ana",
		DecidedAt:    start.Add(time.Hour),
		Send: &SendStatus{
			Outcome: privatereply.OutcomeSent, Attempts: 1, MessageID: "m_1", RecipientID: "6000000000000001", SentAt: start.Add(time.Hour),
		},
		Window: &WindowStatus{RespondedAt: start.Add(90 * time.Minute), ClosesAt: start.Add(26 * time.Hour)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
	if want := start.Add(26 * time.Hour); !s.now().Equal(want) {
		t.Errorf("closed at %v, want %v", s.now(), want)
	}
	if len(s.joined) != 1 || !slices.Equal(s.joined[0].People, []string{"6000000000000001"}) {
		t.Errorf("joined %v", s.joined)
	}
}

// A tool may signal any time for an answer: the window of the year 9999 would close in
// the year 10000, which JSON cannot hold.
func TestAnswerOfTheYear9999(t *testing.T) {
	s := newReplyTest(t, comment(), auto())
	s.signalAt(time.Hour, PersonRespondedSignal, map[string]any{"at": "9999-12-31T23:59:59Z"})
	s.statusAt(2*time.Hour, func(status PrivateReplyStatus) {
		if want := start.Add(25 * time.Hour); !status.Window.ClosesAt.Equal(want) {
			t.Errorf("the window closes at %v, want %v", status.Window.ClosesAt, want)
		}
	})
	if status := s.play(); status.State != privatereply.WindowClosed {
		t.Errorf("ended as %s %s", status.State, status.Reason)
	}
}

// A late approval after a rejection in the same moment is refused, and its refusal is
// kept.
func TestApprovalAfterRejectionInOneTask(t *testing.T) {
	s := newReplyTest(t, comment(), ask())
	s.at(time.Hour, func() {
		s.SignalWorkflowSkippingWorkflowTask(RejectMessage, Reject{Approver: "ana"})
		s.SignalWorkflow(ApproveMessage, Approve{Approver: "ben"})
	})
	status := s.play()
	if status.State != privatereply.Rejected || len(s.sent) != 0 || len(status.RefusedSignals) != 1 || status.RefusedSignals[0].Name != ApproveMessage {
		t.Errorf("ended as %s with %d sends, refused %+v", status.State, len(s.sent), status.RefusedSignals)
	}
}

// start is when every story begins.
var start = time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)

// comment was written on an Instagram post a minute before start.
func comment() privatereply.Comment {
	return privatereply.Comment{
		Platform: privatereply.Instagram, Account: "17841400000000001", CommentID: "18000000000000001",
		MediaID: "17800000000000001", Source: privatereply.SourcePost,
		PersonID: "6000000000000001", Username: "someone", Text: "How much is it?",
		EntryAt: start.Add(-time.Minute), ReceivedAt: start, Via: privatereply.ViaWebhook,
	}
}

func onFacebook(c privatereply.Comment) privatereply.Comment {
	c.Platform, c.CommentID = privatereply.Facebook, "200000000000001_300000000000001"
	return c
}

func onLive(c privatereply.Comment) privatereply.Comment {
	c.Source = privatereply.SourceLive
	return c
}

func auto() privatereply.Decision {
	return privatereply.Decision{Action: privatereply.ActionAuto, Rule: "price", Text: "Our prices: …", Reason: privatereply.DecidedByRule}
}

func autoAfter(hold time.Duration) privatereply.Decision {
	d := auto()
	d.Hold = privatereply.Duration(hold)
	return d
}

func ask() privatereply.Decision {
	return privatereply.Decision{Action: privatereply.ActionAsk, Rule: "complaints", Text: "Sorry! What happened?", Reason: privatereply.DecidedByRule}
}

// replyTest plays one PrivateReply in the time-skipping environment against a Meta
// that answers as told.
type replyTest struct {
	*testsuite.TestWorkflowEnvironment
	t        *testing.T
	in       PrivateReplyInput
	id       string
	mu       sync.Mutex // the environment signals several at once
	workflow any        // PrivateReply, unless a test puts it into another one

	// What Meta answers to each send, in order; the last one goes on.
	sends []func(SendPrivateReplyInput) privatereply.SendResult
	// What a look into the conversation finds, in order; the last one goes on.
	looks      []string
	foundAt    time.Time
	unreadable bool // the conversation
	others     bool // the account wrote something else
	facts      LookUpCommentResult
	// What the look-up of the comment fails with, and how long it takes.
	factsErr   error
	factsTake  time.Duration
	sent       []SendPrivateReplyInput
	lookedFor  []FindMessageInput
	joined     []JoinConversationInput
	left       []string // conversations that heard of the end
	onAir      []JoinBroadcastInput
	lookedUp   int
	timers     []time.Duration
	cancelled  int
	answers    map[string]any
	rejections map[string]error
	counted    *counted
}

func newReplyTest(t *testing.T, c privatereply.Comment, d privatereply.Decision) *replyTest {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	counts := &counted{by: map[string]int64{}}
	suite.SetMetricsHandler(tagged{counted: counts})
	s := &replyTest{
		counted:                 counts,
		TestWorkflowEnvironment: suite.NewTestWorkflowEnvironment(),
		t:                       t,
		in:                      PrivateReplyInput{Comment: c, Decision: d},
		workflow:                PrivateReply,
		sends:                   []func(SendPrivateReplyInput) privatereply.SendResult{delivered},
		looks:                   []string{""},
		answers:                 map[string]any{},
		rejections:              map[string]error{},
	}
	s.SetStartTime(start)
	s.SetTestTimeout(time.Minute)
	options, in, err := PrivateReplyOptions(s.in, "queue", start)
	s.in, s.id = in, options.ID
	if err != nil {
		t.Fatal(err)
	}
	s.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: options.ID, TaskQueue: options.TaskQueue})
	if err := s.SetTypedSearchAttributesOnStart(options.TypedSearchAttributes); err != nil {
		t.Fatal(err)
	}
	s.SetOnTimerScheduledListener(func(_ string, d time.Duration) { s.timers = append(s.timers, d) })
	s.SetOnTimerCanceledListener(func(string) { s.cancelled++ })
	s.fakeActivities()
	return s
}

func (s *replyTest) fakeActivities() {
	named := func(name string) activity.RegisterOptions { return activity.RegisterOptions{Name: name} }
	s.RegisterActivityWithOptions(func(context.Context, SendPrivateReplyInput) (privatereply.SendResult, error) {
		panic("mocked")
	}, named(SendPrivateReplyActivity))
	s.RegisterActivityWithOptions(func(_ context.Context, in FindMessageInput) (FindMessageResult, error) {
		s.lookedFor = append(s.lookedFor, in)
		return FindMessageResult{
			MessageID: s.looks[min(len(s.lookedFor), len(s.looks))-1], SentAt: s.foundAt, Readable: !s.unreadable, Others: s.others,
		}, nil
	}, named(FindMessageActivity))
	s.RegisterActivityWithOptions(func(context.Context, LookUpCommentInput) (LookUpCommentResult, error) { panic("mocked") },
		named(LookUpCommentActivity))
	s.RegisterActivityWithOptions(func(_ context.Context, in JoinConversationInput) error {
		s.joined = append(s.joined, in)
		return nil
	}, named(JoinConversationActivity))
	s.RegisterActivityWithOptions(func(_ context.Context, in JoinBroadcastInput) error {
		s.onAir = append(s.onAir, in)
		return nil
	}, named(JoinBroadcastActivity))
}

func (s *replyTest) play() *PrivateReplyStatus {
	s.t.Helper()
	s.OnSignalExternalWorkflow(mock.Anything, mock.Anything, mock.Anything, ReplyEndedSignal, mock.Anything).Return(
		func(_, conversation, _, _ string, arg any) error {
			if m := arg.(ReplyEnded); m.Reply != s.id {
				s.t.Errorf("%s hears that %q has ended", conversation, m.Reply)
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			s.left = append(s.left, conversation)
			return nil
		}).Maybe()
	s.OnActivity(SendPrivateReplyActivity, mock.Anything, mock.Anything).Return(
		func(_ context.Context, in SendPrivateReplyInput) (privatereply.SendResult, error) {
			s.sent = append(s.sent, in)
			return s.sends[min(len(s.sent), len(s.sends))-1](in), nil
		}).Maybe()
	s.OnActivity(LookUpCommentActivity, mock.Anything, mock.Anything).After(s.factsTake).Return(
		func(context.Context, LookUpCommentInput) (LookUpCommentResult, error) {
			s.lookedUp++
			return s.facts, s.factsErr
		}).Maybe()
	s.ExecuteWorkflow(s.workflow, s.in)
	if !s.IsWorkflowCompleted() {
		s.t.Fatal("the workflow did not end")
	}
	if err := s.GetWorkflowError(); err != nil {
		s.t.Fatalf("the workflow failed: %v", err)
	}
	var status PrivateReplyStatus
	if err := s.GetWorkflowResult(&status); err != nil {
		s.t.Fatal(err)
	}
	return &status
}

// at does something d after the start.
func (s *replyTest) at(d time.Duration, do func()) { s.RegisterDelayedCallback(do, d) }

// signalAt sends a signal d after the start.
func (s *replyTest) signalAt(d time.Duration, name string, payload any) {
	s.at(d, func() { s.SignalWorkflow(name, payload) })
}

// updateAt sends an Update d after the start, and keeps what came back under id.
func (s *replyTest) updateAt(d time.Duration, id, name string, payload any) {
	s.at(d, func() {
		s.UpdateWorkflow(name, id, &testsuite.TestUpdateCallback{
			OnAccept: func() {},
			OnReject: func(err error) { s.rejections[id] = err },
			OnComplete: func(answer any, err error) {
				s.answers[id] = answer
				if err != nil {
					s.rejections[id] = err
				}
			},
		}, payload)
	})
}

// statusAt asks for the status d after the start.
func (s *replyTest) statusAt(d time.Duration, look func(PrivateReplyStatus)) {
	s.at(d, func() {
		value, err := s.QueryWorkflow(StatusQuery)
		if err != nil {
			s.t.Errorf("status: %v", err)
			return
		}
		var status PrivateReplyStatus
		if err := value.Get(&status); err != nil {
			s.t.Errorf("status: %v", err)
			return
		}
		look(status)
	})
}

// now is the time in the story.
func (s *replyTest) now() time.Time { return s.Now().UTC() }

// Answers of Meta.

func delivered(in SendPrivateReplyInput) privatereply.SendResult {
	return privatereply.SendResult{
		Outcome: privatereply.OutcomeSent, MessageID: "m_1", RecipientID: "6000000000000001", Wrote: true, SentAt: start,
	}
}

func refused(reason privatereply.Reason) func(SendPrivateReplyInput) privatereply.SendResult {
	return func(SendPrivateReplyInput) privatereply.SendResult {
		return privatereply.SendResult{Outcome: privatereply.OutcomeRefused, Reason: reason, Code: 100, Subcode: 1, TraceID: "trace", Wrote: true, SentAt: start}
	}
}

func unknown(SendPrivateReplyInput) privatereply.SendResult {
	return privatereply.SendResult{Outcome: privatereply.OutcomeUnknown, Reason: privatereply.NoAnswer, Wrote: true, SentAt: start}
}

// paced was held back until slot after the start of the story.
func paced(slot time.Duration) func(SendPrivateReplyInput) privatereply.SendResult {
	return notSent(privatereply.Paced, false, slot)
}

// notSent was refused for now; Meta names a pause after the start of the story.
func notSent(reason privatereply.Reason, wrote bool, retryAfter time.Duration) func(SendPrivateReplyInput) privatereply.SendResult {
	return func(SendPrivateReplyInput) privatereply.SendResult {
		r := privatereply.SendResult{Outcome: privatereply.OutcomeNotSent, Reason: reason, Wrote: wrote, RetryAt: start.Add(retryAfter)}
		if wrote {
			r.SentAt = start
		}
		return r
	}
}

// fault was answered with an error code of Meta's that may pass.
func fault(code int) func(SendPrivateReplyInput) privatereply.SendResult {
	return func(in SendPrivateReplyInput) privatereply.SendResult {
		r := notSent(privatereply.Outage, true, time.Duration(in.Attempt)*time.Hour)(in)
		r.Code, r.Subcode = code, 1545133
		return r
	}
}

// doubtful is an answer that does not prove that Meta did nothing.
func doubtful(answer func(SendPrivateReplyInput) privatereply.SendResult) func(SendPrivateReplyInput) privatereply.SendResult {
	return func(in SendPrivateReplyInput) privatereply.SendResult {
		r := answer(in)
		r.Doubtful = true
		return r
	}
}

// A send that has joined the conversations needs no activity for it, and every conversation
// that the reply has joined, or may have, hears of its end: it has no timer of its own.
func TestConversationsHearOfTheEnd(t *testing.T) {
	const recipient, commenter = "conversation:instagram:17841400000000001:6000000000000001", "conversation:instagram:17841400000000001:6000000000000002"
	joined := func(in SendPrivateReplyInput) privatereply.SendResult {
		r := delivered(in)
		r.Joined = true
		return r
	}
	person := comment()
	person.PersonID = "6000000000000001"
	other := person
	other.PersonID = "6000000000000002"
	tests := []struct {
		name    string
		comment privatereply.Comment
		sends   []func(SendPrivateReplyInput) privatereply.SendResult
		joins   int // activities
		left    []string
	}{
		{"joined by the send", person, sendsOf(joined), 0, []string{recipient}},
		{"not joined by the send", person, sendsOf(delivered), 1, []string{recipient}},
		{"two ids of the person", other, sendsOf(joined), 0, []string{recipient, commenter}},
		{"refused", person, sendsOf(refused(privatereply.PersonUnavailable)), 0, nil},
		{"a lost worker, which may have joined, then refused", person, sendsOf(unknown, refused(privatereply.PersonUnavailable)), 0, []string{recipient}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newReplyTest(t, tt.comment, auto())
			s.sends = tt.sends
			s.play()
			slices.Sort(s.left)
			if len(s.joined) != tt.joins || !slices.Equal(s.left, tt.left) {
				t.Errorf("%d joins, and %q heard of the end; want %d and %q", len(s.joined), s.left, tt.joins, tt.left)
			}
		})
	}
}

// Lists show that a send is under way once it has to wait for long, or again: before that it is
// over in a second.
func TestSendingIsShownOnceItWaits(t *testing.T) {
	tests := []struct {
		name  string
		waits []time.Duration
		want  []string
	}{
		{"at once", nil, []string{"sent", "no_response"}},
		{"after a moment", []time.Duration{2 * time.Second}, []string{"sent", "no_response"}},
		{"after two moments", []time.Duration{2 * time.Second, 2 * time.Second}, []string{"sending", "sent", "no_response"}},
		{"after a minute", []time.Duration{time.Minute}, []string{"sending", "sent", "no_response"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newReplyTest(t, comment(), ask())
			s.updateAt(time.Hour, "u", ApproveMessage, Approve{Approver: "ana", Text: "Hello!"})
			s.sends = nil
			for _, wait := range tt.waits {
				s.sends = append(s.sends, func(SendPrivateReplyInput) privatereply.SendResult {
					return privatereply.SendResult{Outcome: privatereply.OutcomeNotSent, Reason: privatereply.Paced, RetryAt: s.now().Add(wait)}
				})
			}
			s.sends = append(s.sends, delivered)
			var shown []string
			s.OnUpsertTypedSearchAttributes(mock.Anything).Run(func(args mock.Arguments) {
				if state, ok := args.Get(0).(temporal.SearchAttributes).GetKeyword(ReplyState); ok {
					shown = append(shown, state)
				}
			}).Return(nil)
			s.play()
			if !slices.Equal(shown, tt.want) {
				t.Errorf("lists showed %q, want %q", shown, tt.want)
			}
		})
	}
}
