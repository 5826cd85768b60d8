package workflows_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"golang.org/x/sync/errgroup"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/temporal/setup"
	"github.com/privatereply/privatereply/lab/harness/devserver/devservertest"
	. "github.com/privatereply/privatereply/workflows"
)

// testServer is a real Temporal server with the workflows on it and a Meta that answers
// as each comment's script says.
type testServer struct {
	client.Client
	t       *testing.T
	queue   string
	scripts sync.Map // comment id → *script
}

// script is what Meta does about one comment.
type script struct {
	mu    sync.Mutex
	sends []func(SendPrivateReplyInput) privatereply.SendResult
	made  int
	look  string
	facts LookUpCommentResult
	// unreadable is the conversation; others says that somebody else wrote into it.
	unreadable, others bool
	// lookUpTakes is how long Meta takes to tell about the comment.
	lookUpTakes time.Duration
	// answerWithin is how long the reply waits for an answer; 0: as usual.
	answerWithin time.Duration
	// begun is closed when the first send has begun; it goes on when goOn is closed.
	begun, goOn chan struct{}
	// publicUnknown says that nobody learns what came of the public reply.
	publicUnknown bool
}

func newTestServer(t *testing.T) *testServer {
	t.Helper()
	server := devservertest.Start(t)
	c, err := client.DialContext(t.Context(), client.Options{HostPort: server.Address, Logger: quiet{}, Identity: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if _, err := setup.Apply(t.Context(), c, client.DefaultNamespace); err != nil {
		t.Fatal(err)
	}
	return &testServer{Client: c, t: t, queue: "test"}
}

// work starts workers and returns what stops them.
func (s *testServer) work() (stop func()) {
	s.t.Helper()
	main := worker.New(s.Client, s.queue, worker.Options{WorkflowTaskPollerBehavior: devservertest.TwoOfEachKind})
	main.RegisterWorkflowWithOptions(PrivateReply, workflow.RegisterOptions{Name: PrivateReplyType})
	main.RegisterWorkflowWithOptions(Conversation, workflow.RegisterOptions{Name: ConversationType})
	main.RegisterWorkflowWithOptions(Broadcast, workflow.RegisterOptions{Name: BroadcastType})
	main.RegisterWorkflowWithOptions(Reopen, workflow.RegisterOptions{Name: ReopenType})
	main.RegisterActivityWithOptions(func(_ context.Context, in FindMessageInput) (FindMessageResult, error) {
		id, _ := privatereply.ParseID(in.Reply)
		p := s.script(id.Subject[strings.LastIndexByte(id.Subject, '_')+1:])
		return FindMessageResult{MessageID: p.look, Readable: !p.unreadable, Others: p.others}, nil
	}, activity.RegisterOptions{Name: FindMessageActivity})
	main.RegisterActivityWithOptions(func(_ context.Context, in LookUpCommentInput) (LookUpCommentResult, error) {
		p := s.script(in.Comment.CommentID)
		time.Sleep(p.lookUpTakes)
		return p.facts, nil
	}, activity.RegisterOptions{Name: LookUpCommentActivity})
	main.RegisterActivityWithOptions(func(context.Context, JoinConversationInput) error { return nil },
		activity.RegisterOptions{Name: JoinConversationActivity})
	main.RegisterActivityWithOptions(s.joinBroadcast, activity.RegisterOptions{Name: JoinBroadcastActivity})
	main.RegisterActivityWithOptions(s.watchBroadcast, activity.RegisterOptions{Name: WatchBroadcastActivity})
	main.RegisterActivityWithOptions(s.endReplies, activity.RegisterOptions{Name: EndRepliesActivity})
	sends := worker.New(s.Client, SendQueue(s.queue), worker.Options{DisableWorkflowWorker: true})
	s.registerEffects(main, sends)
	live := worker.New(s.Client, LiveSendQueue(s.queue), worker.Options{DisableWorkflowWorker: true})
	for _, w := range []worker.Worker{sends, live} {
		w.RegisterActivityWithOptions(s.send, activity.RegisterOptions{Name: SendPrivateReplyActivity})
		w.RegisterActivityWithOptions(func(context.Context, SendFollowUpInput) (privatereply.SendResult, error) {
			return privatereply.SendResult{Outcome: privatereply.OutcomeSent, MessageID: "m_9"}, nil
		}, activity.RegisterOptions{Name: SendFollowUpActivity})
	}
	workers := []worker.Worker{main, sends, live}
	for _, w := range workers {
		if err := w.Start(); err != nil {
			s.t.Fatal(err)
		}
	}
	return sync.OnceFunc(func() {
		for _, w := range workers {
			w.Stop()
		}
	})
}

func (s *testServer) send(_ context.Context, in SendPrivateReplyInput) (privatereply.SendResult, error) {
	p := s.script(in.Comment.CommentID)
	p.mu.Lock()
	p.made++
	send := p.sends[min(p.made, len(p.sends))-1]
	first := p.made == 1
	p.mu.Unlock()
	if first && p.begun != nil {
		close(p.begun)
		<-p.goOn
	}
	return send(in), nil
}

func (s *testServer) joinBroadcast(ctx context.Context, in JoinBroadcastInput) error {
	options, start, err := BroadcastOptions(in.Platform, in.Account, in.Media, in.Joined.At, s.queue)
	if err != nil {
		return err
	}
	_, err = s.SignalWithStartWorkflow(ctx, options.ID, ReplyJoinedSignal, in.Joined, options, BroadcastType, start)
	return err
}

// watchBroadcast lets a broadcast run whose media id says so, and no other.
func (s *testServer) watchBroadcast(ctx context.Context, in WatchBroadcastInput) (WatchBroadcastResult, error) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for strings.HasPrefix(in.Media, "runs") {
		activity.RecordHeartbeat(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return WatchBroadcastResult{}, ctx.Err()
		case <-activity.GetWorkerStopChannel(ctx):
			return WatchBroadcastResult{}, errors.New("the worker stops")
		}
	}
	return WatchBroadcastResult{At: time.Now().UTC()}, nil
}

func (s *testServer) endReplies(ctx context.Context, in EndRepliesInput) error {
	for _, comment := range in.Comments {
		id, err := privatereply.ReplyID(privatereply.Comment{Platform: in.Platform, Account: in.Account, CommentID: comment})
		if err == nil {
			err = s.SignalWorkflow(ctx, id, "", BroadcastEndedSignal, EventTime{At: in.At})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *testServer) script(comment string) *script {
	p, ok := s.scripts.Load(comment)
	if !ok {
		return &script{sends: []func(SendPrivateReplyInput) privatereply.SendResult{deliveredNow}}
	}
	return p.(*script)
}

// start starts the reply to a comment whose id is name.
func (s *testServer) start(name string, c privatereply.Comment, d privatereply.Decision, p *script) client.WorkflowRun {
	s.t.Helper()
	c.CommentID, c.ReceivedAt = name, time.Now().UTC()
	c.EntryAt = c.ReceivedAt
	if p != nil {
		if p.sends == nil {
			p.sends = []func(SendPrivateReplyInput) privatereply.SendResult{deliveredNow}
		}
		s.scripts.Store(name, p)
	}
	return s.startInput(PrivateReplyInput{Comment: c, Decision: d}, func(in *PrivateReplyInput) {
		if p != nil && p.answerWithin > 0 {
			in.InitialState.Limits.ResponseWait = privatereply.Duration(p.answerWithin)
		}
	})
}

func (s *testServer) startInput(in PrivateReplyInput, change func(*PrivateReplyInput)) client.WorkflowRun {
	s.t.Helper()
	options, in, err := PrivateReplyOptions(in, s.queue, time.Now())
	if err != nil {
		s.t.Fatal(err)
	}
	change(&in)
	run, err := s.ExecuteWorkflow(s.t.Context(), options, PrivateReplyType, in)
	if err != nil {
		s.t.Fatal(err)
	}
	return run
}

// update sends an Update as any tool does, once.
func (s *testServer) update(id, updateID, name string, payload any) (*DecisionResult, error) {
	s.t.Helper()
	handle, err := s.UpdateWorkflow(s.t.Context(), client.UpdateWorkflowOptions{
		WorkflowID: id, UpdateID: updateID, UpdateName: name, Args: []any{payload},
		WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err != nil {
		return nil, err
	}
	var answer DecisionResult
	return &answer, handle.Get(s.t.Context(), &answer)
}

func (s *testServer) signal(id, name string, payload any) {
	s.t.Helper()
	if err := s.SignalWorkflow(s.t.Context(), id, "", name, payload); err != nil {
		s.t.Fatal(err)
	}
}

func (s *testServer) status(id string) (PrivateReplyStatus, error) {
	var status PrivateReplyStatus
	value, err := s.QueryWorkflow(s.t.Context(), id, "", StatusQuery)
	if err != nil {
		return status, err
	}
	return status, value.Get(&status)
}

// until waits until the reply's status is as cond says.
func (s *testServer) until(id string, cond func(PrivateReplyStatus) bool) PrivateReplyStatus {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 90*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		status, err := s.status(id)
		if err == nil && cond(status) {
			return status
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			s.t.Fatalf("%s: still %s %s, error %v", id, status.State, status.Reason, err)
		}
	}
}

func (s *testServer) untilState(id string, state privatereply.State) PrivateReplyStatus {
	s.t.Helper()
	return s.until(id, func(status PrivateReplyStatus) bool { return status.State == state })
}

func deliveredNow(in SendPrivateReplyInput) privatereply.SendResult {
	return privatereply.SendResult{
		Outcome: privatereply.OutcomeSent, MessageID: "m_" + in.Comment.CommentID, RecipientID: in.Comment.PersonID,
		Wrote: true, SentAt: time.Now().UTC(), Joined: true,
	}
}

// quiet keeps the SDK's lines out of the test's output: the tests say what is wrong.
type quiet struct{}

var _ sdklog.Logger = quiet{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}

// What only a server decides: ids, Updates, cancelled activities, outages.
func TestOnRealServer(t *testing.T) {
	s := newTestServer(t)
	stop := s.work()
	t.Cleanup(func() { stop() })

	t.Run("RejectWhileWorkerSends", func(t *testing.T) { testRejectWhileWorkerSends(t, s) })
	t.Run("UpdatesAnswerOnce", func(t *testing.T) { testUpdatesAnswerOnce(t, s) })
	t.Run("DuplicateStart", func(t *testing.T) { testDuplicateStart(t, s) })
	t.Run("SearchAttributesAndMemo", func(t *testing.T) { testSearchAttributesAndMemo(t, s) })
	t.Run("StartedByAnotherTool", func(t *testing.T) { testStartedByAnotherTool(t, s) })
	stop()
	t.Run("Outage", func(t *testing.T) { testOutage(t, s) })
}

// A request to stop a send that a worker has does not undo it; the answer says so.
func testRejectWhileWorkerSends(t *testing.T, s *testServer) {
	tests := []struct {
		name   string
		send   func(SendPrivateReplyInput) privatereply.SendResult
		state  privatereply.State
		reason privatereply.Reason
		answer DecisionResult
	}{
		{"delivered", deliveredNow, privatereply.Sent, privatereply.TooLate, DecisionResult{State: privatereply.Sent, Reason: privatereply.TooLate}},
		{"refused", RefusedBy(privatereply.PersonUnavailable), privatereply.Undeliverable, privatereply.TooLate,
			DecisionResult{State: privatereply.Undeliverable, Reason: privatereply.TooLate}},
		{"not sent", func(SendPrivateReplyInput) privatereply.SendResult {
			return privatereply.SendResult{Outcome: privatereply.OutcomeNotSent, Reason: privatereply.Throttled, RetryAt: time.Now().Add(time.Hour)}
		}, privatereply.Rejected, privatereply.RejectedByApprover, DecisionResult{Accepted: true, State: privatereply.Rejected}},
		{"unknown", func(SendPrivateReplyInput) privatereply.SendResult {
			return privatereply.SendResult{Outcome: privatereply.OutcomeUnknown, Reason: privatereply.NoAnswer, Wrote: true, SentAt: time.Now().UTC()}
		}, privatereply.DeliveryUnknown, privatereply.TooLate, DecisionResult{State: privatereply.DeliveryUnknown, Reason: privatereply.TooLate}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := &script{
				sends: []func(SendPrivateReplyInput) privatereply.SendResult{tt.send},
				begun: make(chan struct{}), goOn: make(chan struct{}),
			}
			run := s.start("reject-"+strings.ReplaceAll(tt.name, " ", "-"), TestComment(), Auto(), p)
			<-p.begun
			handle, err := s.UpdateWorkflow(t.Context(), client.UpdateWorkflowOptions{
				WorkflowID: run.GetID(), UpdateName: RejectMessage, Args: []any{Reject{Approver: "ana"}},
				WaitForStage: client.WorkflowUpdateStageAccepted,
			})
			if err != nil {
				t.Fatal(err)
			}
			close(p.goOn)
			var answer DecisionResult
			if err := handle.Get(t.Context(), &answer); err != nil {
				t.Fatal(err)
			}
			if answer != tt.answer {
				t.Errorf("answer %+v, want %+v", answer, tt.answer)
			}
			status := s.untilState(run.GetID(), tt.state)
			if status.Reason != tt.reason || p.made != 1 {
				t.Errorf("%s %s after %d sends, want %s after 1", status.State, status.Reason, p.made, tt.reason)
			}
		})
	}
}

// A click that is repeated with its Update id gets the same answer, also after the
// end; a refused Update leaves nothing in history.
func testUpdatesAnswerOnce(t *testing.T, s *testServer) {
	run := s.start("updates", TestComment(), Ask(), nil)
	s.untilState(run.GetID(), privatereply.AwaitingApproval)
	first, err := s.update(run.GetID(), "click", ApproveMessage, Approve{Approver: "ana", Text: "Hi!"})
	if err != nil || !first.Accepted {
		t.Fatalf("approve: %+v, %v", first, err)
	}
	again, err := s.update(run.GetID(), "click", ApproveMessage, Approve{Approver: "ana", Text: "Hi!"})
	if err != nil || *again != *first {
		t.Errorf("the repeat was told %+v, %v; the first %+v", again, err, first)
	}
	// The look-up and the send, which joins: then nothing of its own happens any more.
	s.until(run.GetID(), func(PrivateReplyStatus) bool { return s.events(run, enumspb.EVENT_TYPE_ACTIVITY_TASK_COMPLETED) == 2 })
	before := s.settled(run)
	_, err = s.update(run.GetID(), "other", ApproveMessage, Approve{Approver: "ben"})
	if err == nil || !strings.Contains(err.Error(), "already decided: ana approved this reply at") {
		t.Errorf("the second approver was told %v", err)
	}
	if after := s.settled(run); after != before {
		t.Errorf("a refused Update wrote %d events", after-before)
	}

	run = s.start("updates-rejected", TestComment(), Ask(), nil)
	if _, err := s.update(run.GetID(), "click", RejectMessage, Reject{Approver: "ana"}); err != nil {
		t.Fatal(err)
	}
	if err := run.Get(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if again, err := s.update(run.GetID(), "click", RejectMessage, Reject{Approver: "ana"}); err != nil || !again.Accepted {
		t.Errorf("the repeat after the end was told %+v, %v", again, err)
	}
	var none *serviceerror.NotFound
	if _, err := s.update(run.GetID(), "other", ApproveMessage, Approve{Approver: "ben"}); !errors.As(err, &none) {
		t.Errorf("a new decision after the end was told %v", err)
	}
}

// A comment has one reply, while it runs and after.
func testDuplicateStart(t *testing.T, s *testServer) {
	run := s.start("duplicate", TestComment(), privatereply.Decision{Action: privatereply.ActionIgnore}, nil)
	c := TestComment()
	c.CommentID = "duplicate"
	for _, when := range []string{"perhaps running", "ended"} {
		options, in, err := PrivateReplyOptions(PrivateReplyInput{Comment: c, Decision: Auto()}, s.queue, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.ExecuteWorkflow(t.Context(), options, PrivateReplyType, in); !temporal.IsWorkflowExecutionAlreadyStartedError(err) {
			t.Errorf("%s: the second start said %v", when, err)
		}
		if err := run.Get(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
	}
}

// Lists find a reply by its state without asking it, and show who wrote what.
func testSearchAttributesAndMemo(t *testing.T, s *testServer) {
	c := TestComment()
	c.Text = strings.Repeat(`"<é値🔥`, 500)
	run := s.start("visible", c, Ask(), nil)
	s.untilState(run.GetID(), privatereply.AwaitingApproval)
	if n := s.events(run, enumspb.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES); n != 0 {
		t.Errorf("%d upserts before anything changed", n)
	}
	described, err := s.DescribeWorkflowExecution(t.Context(), run.GetID(), "")
	if err != nil {
		t.Fatal(err)
	}
	size := 0
	for key, value := range described.WorkflowExecutionInfo.Memo.GetFields() {
		size += len(key) + len(value.GetData())
	}
	if size == 0 || size > 1500 {
		t.Errorf("the memo has %d bytes; encrypted it must stay below 2048", size)
	}
	if _, err := s.update(run.GetID(), "u", ApproveMessage, Approve{Approver: "ana"}); err != nil {
		t.Fatal(err)
	}
	s.untilState(run.GetID(), privatereply.Sent)
	if n := s.events(run, enumspb.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES); n != 1 {
		t.Errorf("%d upserts for sending, which is over at once, and sent; want 1", n)
	}
	s.untilListed(t, `AccountId="17841400000000001" AND ReplyState="sent" AND RuleName="complaints" AND CommentSource="post" AND MediaId="17800000000000001" AND ReplyDeadline > "2026-01-01T00:00:00Z"`, run.GetID())
}

// A reply that another tool started without search attributes gets them.
func testStartedByAnotherTool(t *testing.T, s *testServer) {
	c := TestComment()
	c.CommentID, c.EntryAt, c.ReceivedAt = "by-hand", time.Time{}, time.Time{}
	id, err := privatereply.ReplyID(c)
	if err != nil {
		t.Fatal(err)
	}
	run, err := s.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: id, TaskQueue: s.queue}, PrivateReplyType, PrivateReplyInput{Comment: c, Decision: Ask()})
	if err != nil {
		t.Fatal(err)
	}
	s.untilState(run.GetID(), privatereply.AwaitingApproval)
	s.untilListed(t, `AccountId="17841400000000001" AND ReplyState="awaiting_approval"`, run.GetID())
	s.signal(run.GetID(), CommentRemovedSignal, nil)
	s.untilListed(t, `AccountId="17841400000000001" AND ReplyState="withdrawn"`, run.GetID())
}

// Nothing is sent after the deadline because workers were away; what people
// decided meanwhile is not lost without a word.
func testOutage(t *testing.T, s *testServer) {
	soon := func(name string) PrivateReplyInput {
		c := OnFacebook(TestComment())
		c.CommentID, c.ReceivedAt, c.EntryAt = name, time.Now().UTC(), time.Time{}
		c.CreatedAt = time.Now().UTC().Add(15*time.Second + privatereply.DeadlineMargin - privatereply.ReplyPeriod)
		return PrivateReplyInput{Comment: c, Decision: Ask()}
	}
	stop := s.work()
	inTime := s.start("in-time", TestComment(), Ask(), nil)
	bySignal, byUpdate := s.startInput(soon("by-signal"), unchanged), s.startInput(soon("by-update"), unchanged)
	var last time.Time // of the two deadlines
	s.untilState(inTime.GetID(), privatereply.AwaitingApproval)
	for _, run := range []client.WorkflowRun{bySignal, byUpdate} {
		last = s.untilState(run.GetID(), privatereply.AwaitingApproval).Deadline
	}
	stop()

	s.signal(inTime.GetID(), ApproveMessage, Approve{Approver: "ana"})
	s.signal(bySignal.GetID(), ApproveMessage, Approve{Approver: "ana"})
	told := make(chan error, 1)
	go func() {
		_, err := s.update(byUpdate.GetID(), "u", ApproveMessage, Approve{Approver: "ana"})
		told <- err
	}()
	<-time.After(time.Until(last.Add(time.Second)))
	stop = s.work()
	defer stop()

	if err := <-told; err == nil {
		t.Error("the Update was accepted after the deadline")
	}
	s.untilState(inTime.GetID(), privatereply.Sent)
	var status PrivateReplyStatus
	if err := bySignal.Get(t.Context(), &status); err != nil || status.State != privatereply.Expired || status.Reason != privatereply.DecidedTooLate {
		t.Errorf("approved by Signal during the outage: %s %s, %v", status.State, status.Reason, err)
	}
	if err := byUpdate.Get(t.Context(), &status); err != nil || status.State != privatereply.Expired || status.Send != nil {
		t.Errorf("approved by Update during the outage: %s %s, %v", status.State, status.Reason, err)
	}
}

// settled counts the events of a history once no workflow task is under way.
func (s *testServer) settled(run client.WorkflowRun) int {
	s.t.Helper()
	s.until(run.GetID(), func(PrivateReplyStatus) bool {
		return s.events(run, enumspb.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED) == s.events(run, enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED)
	})
	return s.events(run, enumspb.EVENT_TYPE_UNSPECIFIED)
}

// events counts the events of a type in a history; unspecified counts all.
func (s *testServer) events(run client.WorkflowRun, kind enumspb.EventType) int {
	s.t.Helper()
	n := 0
	for it := s.GetWorkflowHistory(s.t.Context(), run.GetID(), run.GetRunID(), false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT); it.HasNext(); {
		event, err := it.Next()
		if err != nil {
			s.t.Fatal(err)
		}
		if kind == enumspb.EVENT_TYPE_UNSPECIFIED || event.GetEventType() == kind {
			n++
		}
	}
	return n
}

// untilListed waits until visibility, which follows, knows the workflow.
func (s *testServer) untilListed(t *testing.T, query, id string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	query += ` AND WorkflowId="` + id + `"`
	for {
		n, err := s.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Query: query})
		if err == nil && n.GetCount() == 1 {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("not listed by %s: %v, %v", query, n, err)
		}
	}
}

func unchanged(*PrivateReplyInput) {}

// A tool that signals huge JSON is refused, and what is kept of it does not keep the
// reply from ending in a named state.
func TestHugeRefusals(t *testing.T) {
	s := newTestServer(t)
	t.Cleanup(s.work())
	run := s.start("18000000000000077", TestComment(), Ask(), nil)
	s.untilState(run.GetID(), privatereply.AwaitingApproval)
	for range 6 {
		s.signal(run.GetID(), ApproveMessage, map[string]any{"approver": "ana", strings.Repeat("x", 500_000): 1})
	}
	status := s.until(run.GetID(), func(status PrivateReplyStatus) bool { return len(status.RefusedSignals) == 6 })
	for _, refused := range status.RefusedSignals {
		if len(refused.Why) > 300 {
			t.Errorf("%d bytes are kept of a refusal", len(refused.Why))
		}
	}
	if answer, err := s.update(run.GetID(), "u1", RejectMessage, Reject{Approver: "ana", Reason: "spam"}); err != nil || !answer.Accepted {
		t.Errorf("reject: %+v %v", answer, err)
	}
	var ended PrivateReplyStatus
	if err := run.Get(t.Context(), &ended); err != nil || ended.State != privatereply.Rejected {
		t.Errorf("the reply did not end in a named state: %s %v", ended.State, err)
	}
}

// Two people decide by Update at the same moment, with plain SDK clients, while the
// look-up is under way: one wins, and the other is refused in words.
func TestTwoApproversAtOnce(t *testing.T) {
	const rounds = 200
	s := newTestServer(t)
	t.Cleanup(s.work())
	var group errgroup.Group
	group.SetLimit(8)
	for i := range rounds {
		group.Go(func() error {
			name := fmt.Sprintf("1800000000001%04d", i)
			run := s.start(name, TestComment(), Ask(), &script{
				sends:       []func(SendPrivateReplyInput) privatereply.SendResult{deliveredNow},
				lookUpTakes: time.Duration(rand.IntN(1500)) * time.Millisecond,
			})
			time.Sleep(time.Duration(rand.IntN(2000)) * time.Millisecond)
			var approve, reject decided
			var both sync.WaitGroup
			both.Go(func() {
				approve.answer, approve.err = s.update(run.GetID(), "a", ApproveMessage, Approve{Approver: "ana"})
			})
			both.Go(func() { reject.answer, reject.err = s.update(run.GetID(), "b", RejectMessage, Reject{Approver: "ben"}) })
			both.Wait()
			if problem := judge(approve, reject); problem != "" {
				t.Errorf("round %d: %s: approve %+v, reject %+v", i, problem, approve, reject)
			}
			return nil
		})
	}
	_ = group.Wait()
}

// decided is what a client was told.
type decided struct {
	answer *DecisionResult
	err    error
}

func (d decided) accepted() bool { return d.err == nil && d.answer.Accepted }

// inWords reports whether the reply itself refused, in a sentence.
func (d decided) inWords() bool {
	var refused *temporal.ApplicationError
	return errors.As(d.err, &refused) && strings.Contains(refused.Error(), "already decided")
}

// judge says what is wrong with how two who decided at once were told. A rejection is
// taken while the reply is in sending: then the approval has won, or it stops the send.
func judge(approve, reject decided) string {
	switch {
	case approve.accepted() && reject.inWords(), reject.accepted() && approve.inWords():
		return ""
	case approve.accepted() && reject.err == nil && (reject.answer.Accepted || reject.answer.Reason == privatereply.TooLate):
		return ""
	}
	return "not one winner"
}

// A workflow that an operator resets to its start has forgotten what it sent. Meta's
// "already replied" is then about its own message, if that stands in the conversation.
func TestReset(t *testing.T) {
	s := newTestServer(t)
	t.Cleanup(s.work())
	for name, tt := range map[string]struct {
		script *script
		state  privatereply.State
		reason privatereply.Reason
	}{
		"found":   {&script{look: "m_1"}, privatereply.Sent, privatereply.FoundInConversation},
		"another": {&script{others: true}, privatereply.Undeliverable, privatereply.AlreadyReplied},
		"unknown": {&script{unreadable: true}, privatereply.DeliveryUnknown, privatereply.WorkflowReset},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := tt.script
			p.sends = sends(deliveredNow, RefusedBy(privatereply.AlreadyReplied))
			run := s.start("reset-"+name, OnFacebook(TestComment()), Auto(), p)
			s.untilState(run.GetID(), privatereply.Sent)
			reset, err := s.ResetWorkflowExecution(t.Context(), &workflowservice.ResetWorkflowExecutionRequest{
				Namespace:         client.DefaultNamespace,
				WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: run.GetID(), RunId: run.GetRunID()},
				Reason:            "a test", RequestId: name,
				WorkflowTaskFinishEventId: 3, // the first workflow task
			})
			if err != nil {
				t.Fatal(err)
			}
			if status := s.until(run.GetID(), func(status PrivateReplyStatus) bool { return status.State != privatereply.Sending }); status.State != tt.state || status.Reason != tt.reason {
				t.Errorf("the reset run %s ended as %s %s, want %s %s", reset.GetRunId(), status.State, status.Reason, tt.state, tt.reason)
			}
		})
	}
}
