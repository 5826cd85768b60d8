package workflows_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/privatereply/privatereply"
	. "github.com/privatereply/privatereply/workflows"
)

// registerEffects has workers of the main queue and of sends run what goes with a reply. Meta
// does all that it is asked for.
func (s *testServer) registerEffects(w, sends worker.Worker) {
	w.RegisterWorkflowWithOptions(CommentVisibility, workflow.RegisterOptions{Name: CommentVisibilityType})
	w.RegisterWorkflowWithOptions(Once, workflow.RegisterOptions{Name: OnceType})
	sends.RegisterActivityWithOptions(func(_ context.Context, in PostPublicReplyInput) (privatereply.SendResult, error) {
		result := privatereply.SendResult{Outcome: privatereply.OutcomeSent, MessageID: "c_" + in.Comment.CommentID, Wrote: true, SentAt: time.Now().UTC()}
		if s.script(in.Comment.CommentID).publicUnknown {
			result = privatereply.SendResult{Outcome: privatereply.OutcomeUnknown, Reason: privatereply.NoAnswer, Wrote: true, SentAt: time.Now().UTC()}
		}
		return result, nil
	}, activity.RegisterOptions{Name: PostPublicReplyActivity})
	w.RegisterActivityWithOptions(func(context.Context, FindPublicReplyInput) (FindPublicReplyResult, error) {
		return FindPublicReplyResult{CommentID: "c_found"}, nil
	}, activity.RegisterOptions{Name: FindPublicReplyActivity})
	sends.RegisterActivityWithOptions(func(context.Context, SetCommentHiddenInput) (privatereply.SendResult, error) {
		return privatereply.SendResult{Outcome: privatereply.OutcomeSent, Wrote: true}, nil
	}, activity.RegisterOptions{Name: SetCommentHiddenActivity})
}

// campaign is a decision as people run it: a message with a button, a public reply, and one
// answer a person and post.
func campaign() privatereply.Decision {
	d := Auto()
	d.Rule = "list"
	d.Buttons = []privatereply.Button{{Title: "The list", Then: "Here it is"}}
	d.PublicText = "Sent you a message!"
	return d
}

// writtenBy is the test's comment, by somebody else.
func writtenBy(person string) privatereply.Comment {
	c := TestComment()
	c.PersonID = person
	return c
}

// Histories of what goes with a reply, while it is under way and afterwards, replay.
func TestHistoriesOfEffects(t *testing.T) {
	s := newTestServer(t)
	t.Cleanup(s.work())
	hides := privatereply.Decision{Action: privatereply.ActionIgnore, Rule: "spam", Hide: true}
	once := campaign()
	once.Once = privatereply.OncePersonAndPost
	tales := []recordedReply{
		{"campaign", privatereply.NoResponse, func(t *testing.T, s *testServer, name string) client.WorkflowRun {
			return s.start(name, TestComment(), campaign(), &script{answerWithin: 5 * time.Second})
		}},
		{"tapped", privatereply.WindowClosed, func(t *testing.T, s *testServer, name string) client.WorkflowRun {
			run := s.start(name, TestComment(), campaign(), nil)
			s.until(run.GetID(), func(p PrivateReplyStatus) bool { return p.PublicReply != nil && p.PublicReply.State == EffectDone })
			payload, at := "privatereply:"+name+":b0", time.Now().Add(-25*time.Hour).UTC()
			s.signal(run.GetID(), TapAnsweredSignal, TapAnswered{Payload: payload, At: at, State: privatereply.OutcomeSent, MessageID: "m_8"})
			s.signal(run.GetID(), PersonRespondedSignal, PersonResponded{At: at, Payload: payload})
			return run
		}},
		{"confirmed-by-tap", privatereply.Responded, func(t *testing.T, s *testServer, name string) client.WorkflowRun {
			run := s.start(name, TestComment(), campaign(), &script{sends: sends(lost)})
			s.untilState(run.GetID(), privatereply.DeliveryUnknown)
			s.signal(run.GetID(), PersonRespondedSignal, PersonResponded{At: time.Now().UTC(), Payload: "privatereply:" + name + ":b0"})
			s.until(run.GetID(), func(p PrivateReplyStatus) bool { return p.PublicReply != nil && p.PublicReply.State != EffectWaiting })
			return run
		}},
		{"public-reply-found", privatereply.Sent, func(t *testing.T, s *testServer, name string) client.WorkflowRun {
			run := s.start(name, TestComment(), campaign(), &script{publicUnknown: true})
			s.until(run.GetID(), func(p PrivateReplyStatus) bool {
				return p.PublicReply != nil && p.PublicReply.Reason == privatereply.FoundUnderComment
			})
			return run
		}},
		{"ignored-and-hidden", privatereply.Ignored, func(t *testing.T, s *testServer, name string) client.WorkflowRun {
			return s.start(name, TestComment(), hides, nil)
		}},
		{"rejected-and-hidden", privatereply.Rejected, func(t *testing.T, s *testServer, name string) client.WorkflowRun {
			run := s.start(name, TestComment(), Ask(), nil)
			if _, err := s.update(run.GetID(), "u", RejectMessage, Reject{Approver: "ana", Hide: true}); err != nil {
				t.Fatal(err)
			}
			return run
		}},
		{"once-then-undeliverable", privatereply.Undeliverable, func(t *testing.T, s *testServer, name string) client.WorkflowRun {
			return s.start(name, writtenBy("6000000000000002"), once, &script{sends: sends(RefusedBy(privatereply.PersonUnavailable))})
		}},
	}
	for _, tale := range tales {
		t.Run(tale.name, func(t *testing.T) {
			t.Parallel()
			run := tale.tell(t, s, tale.name)
			status := s.untilState(run.GetID(), tale.state)
			if tale.state.Final() {
				if err := run.Get(t.Context(), &status); err != nil {
					t.Fatal(err)
				}
			}
			if h := status.Hide; h != nil && h.State != EffectDone {
				t.Errorf("hiding ended as %+v", h)
			}
			s.keep(t, tale.name, run, PrivateReply, PrivateReplyType)
			if tale.name == "tapped" {
				s.untilListed(t, `ReplyEffects IN ("tapped") AND ReplyEffects IN ("public_reply")`, run.GetID())
			}
		})
	}
	t.Run("visibility", func(t *testing.T) {
		t.Parallel()
		options, in, err := VisibilityOptions(VisibilityInput{Comment: TestComment(), Hidden: true, By: "ana"}, s.queue)
		if err != nil {
			t.Fatal(err)
		}
		run, err := s.ExecuteWorkflow(t.Context(), options, CommentVisibilityType, in)
		if err != nil {
			t.Fatal(err)
		}
		var status HideStatus
		if err := run.Get(t.Context(), &status); err != nil || status.State != EffectDone || status.By != "ana" {
			t.Fatalf("%+v, %v", status, err)
		}
		s.keep(t, "visibility", run, CommentVisibility, CommentVisibilityType)
	})
}

// Of fifty comments of one person that come in the same moment one is answered. When its
// reply ends without a delivery the next comment is.
func TestHistoriesOfOnce(t *testing.T) {
	s := newTestServer(t)
	t.Cleanup(s.work())
	const comments = 50
	d := campaign()
	d.PublicText, d.Once = "", privatereply.OncePerson
	var mu sync.Mutex
	var all sync.WaitGroup
	ended := map[privatereply.State]client.WorkflowRun{}
	counts := map[privatereply.State]int{}
	runs := make([]client.WorkflowRun, comments)
	for i := range comments {
		runs[i] = s.start(fmt.Sprintf("many-%d", i), TestComment(), d, nil)
	}
	for _, run := range runs {
		all.Go(func() {
			status := s.until(run.GetID(), func(p PrivateReplyStatus) bool {
				return p.State == privatereply.Ignored || p.State == privatereply.Sent
			})
			mu.Lock()
			defer mu.Unlock()
			ended[status.State] = run
			counts[status.State]++
			if status.State == privatereply.Ignored && status.Reason != privatereply.IgnoredOnce {
				t.Errorf("ignored for %q", status.Reason)
			}
		})
	}
	all.Wait()
	if counts[privatereply.Sent] != 1 || counts[privatereply.Ignored] != comments-1 {
		t.Fatalf("%d were sent and %d ignored", counts[privatereply.Sent], counts[privatereply.Ignored])
	}
	s.keep(t, "once-won", ended[privatereply.Sent], PrivateReply, PrivateReplyType)
	s.keep(t, "once-lost", ended[privatereply.Ignored], PrivateReply, PrivateReplyType)
	id, err := privatereply.OnceID(TestComment(), d.Rule, d.Once)
	if err != nil {
		t.Fatal(err)
	}
	s.keep(t, "once", s.GetWorkflow(t.Context(), id, ""), Once, OnceType)

	// A person who is not answered by it after all.
	d.Action = privatereply.ActionAsk
	first := s.start("asked-1", writtenBy("6000000000000003"), d, nil)
	s.untilState(first.GetID(), privatereply.AwaitingApproval)
	s.untilState(s.start("asked-2", writtenBy("6000000000000003"), d, nil).GetID(), privatereply.Ignored)
	if _, err := s.update(first.GetID(), "u", RejectMessage, Reject{Approver: "ana"}); err != nil {
		t.Fatal(err)
	}
	if err := first.Get(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	released, err := privatereply.OnceID(writtenBy("6000000000000003"), d.Rule, d.Once)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.GetWorkflow(t.Context(), released, "").Get(t.Context(), nil); !temporal.IsCanceledError(err) {
		t.Errorf("the released claim ended as %v", err)
	}
	third := s.start("asked-3", writtenBy("6000000000000003"), d, nil)
	s.untilState(third.GetID(), privatereply.AwaitingApproval)
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) { // until it has the claim
		d, err := s.DescribeWorkflowExecution(t.Context(), released, "")
		if err == nil && d.GetWorkflowExecutionInfo().GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("nobody claims the answer after a rejection: %v", err)
		}
	}
	if status, err := s.status(third.GetID()); err != nil || status.State != privatereply.AwaitingApproval {
		t.Errorf("the comment after a rejection is %v, %v", status.State, err)
	}
}

// After an operator's reset nothing is posted twice: the comment's replies are read first, and
// a claim that the reply may have itself makes a person decide.
func TestResetOfEffects(t *testing.T) {
	s := newTestServer(t)
	stop := s.work()
	t.Cleanup(func() { stop() })
	reset := func(run client.WorkflowRun) {
		t.Helper()
		_, err := s.WorkflowService().ResetWorkflowExecution(t.Context(), &workflowservice.ResetWorkflowExecutionRequest{
			Namespace: client.DefaultNamespace, WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: run.GetID(), RunId: run.GetRunID()},
			Reason: "test", WorkflowTaskFinishEventId: 4, RequestId: "reset-" + run.GetRunID(),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	posted := s.start("reset-public", TestComment(), campaign(), nil)
	once := campaign()
	once.PublicText, once.Once = "", privatereply.OncePerson
	claimed := s.start("reset-once", writtenBy("6000000000000009"), once, nil)
	s.until(posted.GetID(), func(p PrivateReplyStatus) bool {
		return p.PublicReply != nil && p.PublicReply.CommentID == "c_reset-public"
	})
	s.untilState(claimed.GetID(), privatereply.Sent)
	reset(posted)
	reset(claimed)
	for range 2 {
		status := s.until(posted.GetID(), func(p PrivateReplyStatus) bool { return p.PublicReply != nil && p.PublicReply.State == EffectDone })
		if p := status.PublicReply; p.Reason != privatereply.FoundUnderComment || p.Attempts != 0 {
			t.Errorf("after the reset: %+v", p)
		}
		status = s.untilState(claimed.GetID(), privatereply.AwaitingApproval)
		if status.Decision.Reason != string(privatereply.WorkflowReset) {
			t.Errorf("after the reset a person is asked for %q", status.Decision.Reason)
		}
		stop() // another worker replays it
		stop = s.work()
	}
}
