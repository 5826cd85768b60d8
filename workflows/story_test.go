package workflows

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/testsuite"

	"github.com/privatereply/privatereply"
)

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

// story plays one PrivateReply in the time-skipping environment against a Meta
// that answers as told.
type story struct {
	*testsuite.TestWorkflowEnvironment
	t  *testing.T
	in PrivateReplyInput

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
	onAir      []JoinBroadcastInput
	lookedUp   int
	timers     []time.Duration
	cancelled  int
	answers    map[string]any
	rejections map[string]error
	counted    *counted
}

func tell(t *testing.T, c privatereply.Comment, d privatereply.Decision) *story {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	counts := &counted{by: map[string]int64{}}
	suite.SetMetricsHandler(tagged{counted: counts})
	s := &story{
		counted:                 counts,
		TestWorkflowEnvironment: suite.NewTestWorkflowEnvironment(),
		t:                       t,
		in:                      PrivateReplyInput{Comment: c, Decision: d},
		sends:                   []func(SendPrivateReplyInput) privatereply.SendResult{delivered},
		looks:                   []string{""},
		answers:                 map[string]any{},
		rejections:              map[string]error{},
	}
	s.SetStartTime(start)
	s.SetTestTimeout(time.Minute)
	options, in, err := PrivateReplyOptions(s.in, "queue", start)
	s.in = in
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

func (s *story) fakeActivities() {
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

func (s *story) play() *PrivateReplyStatus {
	s.t.Helper()
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
	s.ExecuteWorkflow(PrivateReply, s.in)
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
func (s *story) at(d time.Duration, do func()) { s.RegisterDelayedCallback(do, d) }

// signalAt sends a signal d after the start.
func (s *story) signalAt(d time.Duration, name string, payload any) {
	s.at(d, func() { s.SignalWorkflow(name, payload) })
}

// updateAt sends an Update d after the start, and keeps what came back under id.
func (s *story) updateAt(d time.Duration, id, name string, payload any) {
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
func (s *story) statusAt(d time.Duration, look func(PrivateReplyStatus)) {
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
func (s *story) now() time.Time { return s.Now().UTC() }

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
