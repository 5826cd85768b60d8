package replyworker_test

import (
	"slices"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/harness"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/workflows"
)

// crossing are workflows that run when a new build comes: a reply in every state
// in which one waits, and what else runs for days.
type crossing struct {
	holding, awaiting, asleep, sent, responded, live string // replies
	conversation, broadcast, sweep                   string
	media                                            string
}

// begin starts workflows and brings each to where it waits.
func (s *product) begin() crossing {
	s.t.Helper()
	media, err := s.Sandbox.StartLive(bigID)
	if err != nil {
		s.t.Fatal(err)
	}
	c := crossing{media: media}
	onLive := meta.NewComment{Account: bigID, Source: privatereply.SourceLive}
	c.live = s.one("lou", onLive, media, ask("It is."))
	if c.broadcast, err = privatereply.BroadcastID(privatereply.Instagram, bigID, media); err != nil {
		s.t.Fatal(err)
	}
	hold := auto("Our prices: …")
	hold.Hold = privatereply.Duration(time.Hour)
	c.holding = s.one("holly", post(bigID), "m1", hold)
	c.awaiting = s.one("alice", post(bigID), "m1", ask("Sorry!"))
	c.sent = s.one("sam", post(bigID), "m1", auto("Our prices: …"))
	c.responded = s.one("rita", post(bigID), "m1", auto("Our prices: …"))
	c.asleep = s.fallAsleep("zoe")

	recipient := s.until(c.responded, privatereply.Sent).Send.RecipientID
	if c.conversation, err = privatereply.ConversationID(privatereply.Instagram, bigID, recipient); err != nil {
		s.t.Fatal(err)
	}
	at := time.Now().UTC()
	if _, err := s.Sandbox.WriteMessage(meta.NewMessage{Account: bigID, Username: "rita", Text: "Great!", At: at, NoWebhook: true}); err != nil {
		s.t.Fatal(err)
	}
	s.await("the conversation to begin", time.Minute, func() bool {
		return s.SignalWorkflow(s.t.Context(), c.conversation, "", workflows.PersonMessageSignal, workflows.PersonMessage{At: at, MessageID: "a"}) == nil
	})
	s.until(c.responded, privatereply.Responded)
	s.until(c.sent, privatereply.Sent)
	s.until(c.holding, privatereply.Holding)
	s.until(c.awaiting, privatereply.AwaitingApproval)
	var broadcast workflows.BroadcastStatus
	s.await("the live reply to join", time.Minute, func() bool { return s.status(c.broadcast, &broadcast) == nil && broadcast.Joined == 1 })
	c.sweep = s.sweepSlowly()
	return c
}

// one has somebody comment and starts the reply.
func (s *product) one(who string, where meta.NewComment, media string, d privatereply.Decision) string {
	s.t.Helper()
	where.Username = who
	_, ids := s.start(1, where, media, d)
	return ids[0]
}

// fallAsleep starts a reply whose first send Meta refuses for now: it sleeps ten
// seconds, as replies to live comments do.
func (s *product) fallAsleep(who string) string {
	s.t.Helper()
	if _, err := s.Sandbox.AddFault(meta.Fault{Name: "transient", Account: smallID, Times: 1}); err != nil {
		s.t.Fatal(err)
	}
	media, err := s.Sandbox.StartLive(smallID)
	if err != nil {
		s.t.Fatal(err)
	}
	id := s.one(who, meta.NewComment{Account: smallID, Source: privatereply.SourceLive}, media, auto("It is."))
	var status workflows.PrivateReplyStatus
	s.await("a reply to sleep", time.Minute, func() bool {
		return s.status(id, &status) == nil && status.Send != nil && !status.Send.RetryAt.IsZero()
	})
	return id
}

// sweepSlowly starts a pass over a comment that has no reply. Meta takes its time
// until the sandbox's faults are cleared.
func (s *product) sweepSlowly() string {
	s.t.Helper()
	if _, err := s.Sandbox.Comment(meta.NewComment{Account: smallID, Username: "mo", Text: "Hello?", NoWebhook: true}); err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.Sandbox.AddFault(meta.Fault{Name: "slow", Account: smallID, Calls: "read", DelayMilliseconds: 5000}); err != nil {
		s.t.Fatal(err)
	}
	const id = "sweep:instagram:" + smallID + "-by-hand"
	if _, err := s.ExecuteWorkflow(s.t.Context(), client.StartWorkflowOptions{ID: id, TaskQueue: harness.TaskQueue}, workflows.SweepType,
		workflows.SweepInput{Platform: privatereply.Instagram, Account: smallID}); err != nil {
		s.t.Fatal(err)
	}
	s.await("the sweep to read", time.Minute, func() bool {
		described, err := s.DescribeWorkflowExecution(s.t.Context(), id, "")
		return err == nil && slices.ContainsFunc(described.GetPendingActivities(), func(a *workflowpb.PendingActivityInfo) bool {
			return a.GetState() == enumspb.PENDING_ACTIVITY_STATE_STARTED
		})
	})
	return id
}

// finish leads everything that was begun to its end, and checks the ends.
func (s *product) finish(c crossing) {
	s.t.Helper()
	s.Sandbox.ClearFault("")
	if err := s.Sandbox.EndLive(c.media); err != nil {
		s.t.Fatal(err)
	}
	for _, id := range []string{c.holding, c.awaiting} {
		if _, err := s.UpdateWorkflow(s.t.Context(), approveNow(id)); err != nil {
			s.t.Errorf("%s: %v", id, err)
		}
	}
	s.answer(c.sent)
	s.followUp(c.conversation)
	if err := s.CancelWorkflow(s.t.Context(), c.responded, ""); err != nil {
		s.t.Fatal(err)
	}
	for _, id := range []string{c.holding, c.awaiting, c.asleep} {
		s.until(id, privatereply.Sent)
		s.answer(id)
	}
	for _, end := range []struct {
		id     string
		state  privatereply.State
		reason privatereply.Reason
	}{
		{c.sent, privatereply.WindowClosed, ""},
		{c.responded, privatereply.WindowClosed, privatereply.StoppedByOperator},
		{c.holding, privatereply.WindowClosed, ""},
		{c.awaiting, privatereply.WindowClosed, ""},
		{c.asleep, privatereply.WindowClosed, ""},
		{c.live, privatereply.Expired, privatereply.BroadcastEnded},
	} {
		var status workflows.PrivateReplyStatus
		if err := s.GetWorkflow(s.t.Context(), end.id, "").Get(s.t.Context(), &status); err != nil || status.State != end.state || status.Reason != end.reason {
			s.t.Errorf("%s ended as %s %s, %v; want %s %s", end.id, status.State, status.Reason, err, end.state, end.reason)
		}
	}
	var broadcast workflows.BroadcastStatus
	if err := s.GetWorkflow(s.t.Context(), c.broadcast, "").Get(s.t.Context(), &broadcast); err != nil || broadcast.Notified != 1 {
		s.t.Errorf("the broadcast ended as %+v, %v", broadcast, err)
	}
	var swept workflows.SweepStatus
	if err := s.GetWorkflow(s.t.Context(), c.sweep, "").Get(s.t.Context(), &swept); err != nil || swept.Started != 1 {
		s.t.Errorf("the sweep ended as %+v, %v", swept, err)
	}
}

// answer has the person answer a sent reply a day ago, so that its window is over.
func (s *product) answer(id string) {
	s.t.Helper()
	at := workflows.EventTime{At: time.Now().Add(-25 * time.Hour).UTC()}
	if err := s.SignalWorkflow(s.t.Context(), id, "", workflows.PersonRespondedSignal, at); err != nil {
		s.t.Fatal(err)
	}
}

// followUp writes to the person whose window is open.
func (s *product) followUp(conversation string) {
	s.t.Helper()
	handle, err := s.UpdateWorkflow(s.t.Context(), client.UpdateWorkflowOptions{
		WorkflowID: conversation, UpdateName: workflows.FollowUpUpdate, Args: []any{workflows.FollowUp{Agent: "ana", Text: "Anything else?"}},
		WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	var answer workflows.FollowUpResult
	if err == nil {
		err = handle.Get(s.t.Context(), &answer)
	}
	if err != nil || answer.State != privatereply.OutcomeSent {
		s.t.Errorf("the follow-up: %+v, %v", answer, err)
	}
}

// until waits until a reply is in a state.
func (s *product) until(id string, state privatereply.State) (status workflows.PrivateReplyStatus) {
	s.t.Helper()
	s.await(id+" to be "+string(state), time.Minute, func() bool {
		status = workflows.PrivateReplyStatus{}
		return s.status(id, &status) == nil && status.State == state
	})
	return status
}

// checkTasks reads the history of each of at least n workflows of the product.
func (s *product) checkTasks(t *testing.T, n int) {
	t.Helper()
	var all *workflowservice.ListWorkflowExecutionsResponse
	s.await("the list of all workflows", time.Minute, func() (enough bool) {
		var err error
		all, err = s.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{
			PageSize: 1000, Query: `WorkflowType IN ("PrivateReply", "Conversation", "Broadcast", "Sweep")`,
		})
		return err == nil && len(all.GetExecutions()) >= n
	})
	for _, one := range all.GetExecutions() {
		id := one.GetExecution().GetWorkflowId()
		causes, builds := s.failures(id)
		for _, cause := range causes {
			if cause != enumspb.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND { // a signal came with the end
				t.Errorf("%s: a workflow task failed: %s; builds %q", id, cause, builds)
			}
		}
	}
}
