package workflows_test

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/privatereply/privatereply"
	. "github.com/privatereply/privatereply/workflows"
)

// record names the release whose histories are written: go test ./workflows -run
// TestHistories -record v0.2 (make histories).
var record = flag.String("record", "", "write the histories of this release to testdata/histories")

type recordedReply struct {
	name  string
	state privatereply.State // in which the history is taken
	tell  func(t *testing.T, s *testServer, name string) client.WorkflowRun
}

// recordedReplies leads a reply into each state, also into those in which it waits: these
// are what a deploy meets.
var recordedReplies = []recordedReply{
	{"ignored", privatereply.Ignored, func(t *testing.T, s *testServer, name string) client.WorkflowRun {
		return s.start(name, TestComment(), privatereply.Decision{Action: privatereply.ActionIgnore, Rule: "spam"}, nil)
	}},
	{"expired", privatereply.Expired, func(t *testing.T, s *testServer, name string) client.WorkflowRun {
		run := s.start(name, onMedia("runs-"+name), Ask(), nil)
		s.untilState(run.GetID(), privatereply.AwaitingApproval)
		s.signal(run.GetID(), BroadcastEndedSignal, EventTime{At: time.Now().UTC()})
		return run
	}},
	{"holding", privatereply.Holding, func(t *testing.T, s *testServer, name string) client.WorkflowRun {
		return s.start(name, TestComment(), AutoAfter(time.Hour), nil)
	}},
	{"held-then-rejected", privatereply.Rejected, func(t *testing.T, s *testServer, name string) client.WorkflowRun {
		run := s.start(name, TestComment(), AutoAfter(time.Hour), nil)
		s.untilState(run.GetID(), privatereply.Holding)
		if _, err := s.update(run.GetID(), "u", RejectMessage, Reject{Approver: "ana", Reason: "spam"}); err != nil {
			t.Fatal(err)
		}
		return run
	}},
	{"awaiting-approval", privatereply.AwaitingApproval, func(t *testing.T, s *testServer, name string) client.WorkflowRun {
		run := s.start(name, TestComment(), Ask(), &script{facts: created(time.Now().Add(-time.Hour))})
		s.until(run.GetID(), func(status PrivateReplyStatus) bool { return status.DeadlineFrom == privatereply.ClockCreated })
		return run
	}},
	{"withdrawn", privatereply.Withdrawn, func(t *testing.T, s *testServer, name string) client.WorkflowRun {
		run := s.start(name, TestComment(), Ask(), nil)
		s.untilState(run.GetID(), privatereply.AwaitingApproval)
		s.signal(run.GetID(), ApproveMessage, map[string]any{"txt": "mistyped"})
		s.signal(run.GetID(), CommentRemovedSignal, nil)
		return run
	}},
	{"sending", privatereply.Sending, func(t *testing.T, s *testServer, name string) client.WorkflowRun {
		run := s.start(name, TestComment(), Auto(), &script{sends: sends(throttled(time.Hour))})
		s.until(run.GetID(), func(status PrivateReplyStatus) bool { return status.Send != nil && !status.Send.RetryAt.IsZero() })
		return run
	}},
	{"paced", privatereply.Sending, func(t *testing.T, s *testServer, name string) client.WorkflowRun {
		run := s.start(name, onMedia("runs-"+name), Auto(), &script{sends: sends(held)})
		s.until(run.GetID(), func(status PrivateReplyStatus) bool { return status.Reason == privatereply.Paced })
		return run
	}},
	{"broadcast-over", privatereply.Expired, func(t *testing.T, s *testServer, name string) client.WorkflowRun {
		return s.start(name, onMedia("over-"+name), AutoAfter(time.Hour), nil)
	}},
	{"sending-then-rejected", privatereply.Rejected, func(t *testing.T, s *testServer, name string) client.WorkflowRun {
		run := s.start(name, TestComment(), Auto(), &script{sends: sends(throttled(time.Hour))})
		s.until(run.GetID(), func(status PrivateReplyStatus) bool { return status.Send != nil && !status.Send.RetryAt.IsZero() })
		if _, err := s.update(run.GetID(), "u", RejectMessage, Reject{Approver: "ana"}); err != nil {
			t.Fatal(err)
		}
		return run
	}},
	{"undeliverable", privatereply.Undeliverable, func(t *testing.T, s *testServer, name string) client.WorkflowRun {
		return s.start(name, TestComment(), Auto(), &script{sends: sends(throttled(time.Second), RefusedBy(privatereply.PersonUnavailable))})
	}},
	{"sent", privatereply.Sent, func(t *testing.T, s *testServer, name string) client.WorkflowRun {
		return s.start(name, TestComment(), Auto(), nil)
	}},
	{"responded", privatereply.Responded, func(t *testing.T, s *testServer, name string) client.WorkflowRun {
		run := s.start(name, TestComment(), Ask(), nil)
		s.signal(run.GetID(), ApproveMessage, Approve{Approver: "ana", Text: "Hi!"})
		s.untilState(run.GetID(), privatereply.Sent)
		s.signal(run.GetID(), PersonRespondedSignal, EventTime{At: time.Now().UTC()})
		return run
	}},
	{"window-closed", privatereply.WindowClosed, func(t *testing.T, s *testServer, name string) client.WorkflowRun {
		run := s.start(name, TestComment(), Ask(), nil)
		if _, err := s.update(run.GetID(), "u", ApproveMessage, Approve{Approver: "ana", Text: "Hi!"}); err != nil {
			t.Fatal(err)
		}
		s.untilState(run.GetID(), privatereply.Sent)
		s.signal(run.GetID(), PersonRespondedSignal, EventTime{At: time.Now().Add(-25 * time.Hour).UTC()})
		return run
	}},
	{"no-response", privatereply.NoResponse, func(t *testing.T, s *testServer, name string) client.WorkflowRun {
		return s.start(name, TestComment(), Auto(), &script{answerWithin: time.Second})
	}},
	{"edited-while-holding", privatereply.AwaitingApproval, func(t *testing.T, s *testServer, name string) client.WorkflowRun {
		run := s.start(name, TestComment(), AutoAfter(time.Hour), nil)
		s.untilState(run.GetID(), privatereply.Holding)
		asked := Ask()
		s.signal(run.GetID(), CommentEditedSignal, CommentEdited{Text: "It arrived broken", At: time.Now().UTC(), Decision: &asked})
		return run
	}},
	{"edited-while-sending", privatereply.Ignored, func(t *testing.T, s *testServer, name string) client.WorkflowRun {
		run := s.start(name, TestComment(), Auto(), &script{sends: sends(throttled(time.Hour))})
		s.until(run.GetID(), func(status PrivateReplyStatus) bool { return status.Send != nil && !status.Send.RetryAt.IsZero() })
		s.signal(run.GetID(), CommentEditedSignal, CommentEdited{
			Text: "…", At: time.Now().UTC(), Decision: &privatereply.Decision{Action: privatereply.ActionIgnore},
		})
		return run
	}},
	{"proposed-noted-assigned", privatereply.Sent, func(t *testing.T, s *testServer, name string) client.WorkflowRun {
		run := s.start(name, TestComment(), AutoAfter(time.Hour), nil)
		s.untilState(run.GetID(), privatereply.Holding)
		s.signal(run.GetID(), ProposeMessage, Propose{By: "tool", Text: "Hello!", Note: "is the price right?"})
		s.untilState(run.GetID(), privatereply.AwaitingApproval)
		for message, payload := range map[string]any{
			NoteMessage: Note{By: "ana", Text: "it is"}, AssignMessage: Assign{By: "ana", To: "ben"},
		} {
			if _, err := s.update(run.GetID(), message, message, payload); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.update(run.GetID(), "u", ApproveMessage, Approve{Approver: "ben"}); err != nil {
			t.Fatal(err)
		}
		return run
	}},
	{"started-by-hand", privatereply.Sent, func(t *testing.T, s *testServer, name string) client.WorkflowRun {
		c := TestComment()
		c.CommentID, c.EntryAt, c.ReceivedAt = name, time.Time{}, time.Time{}
		id, err := privatereply.ReplyID(c)
		if err != nil {
			t.Fatal(err)
		}
		run, err := s.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: id, TaskQueue: s.queue}, PrivateReplyType, PrivateReplyInput{Comment: c, Decision: Auto()})
		if err != nil {
			t.Fatal(err)
		}
		return run
	}},
	{"already-replied-by-another", privatereply.Undeliverable, func(t *testing.T, s *testServer, name string) client.WorkflowRun {
		return s.start(name, OnFacebook(TestComment()), Auto(), &script{sends: sends(lost, RefusedBy(privatereply.AlreadyReplied)), others: true})
	}},
	{"delivery-unknown", privatereply.DeliveryUnknown, func(t *testing.T, s *testServer, name string) client.WorkflowRun {
		return s.start(name, TestComment(), Auto(), &script{sends: sends(lost)})
	}},
	{"delivery-unknown-then-resolved", privatereply.Undeliverable, func(t *testing.T, s *testServer, name string) client.WorkflowRun {
		run := s.start(name, TestComment(), Auto(), &script{sends: sends(lost)})
		s.untilState(run.GetID(), privatereply.DeliveryUnknown)
		no := false
		if _, err := s.update(run.GetID(), "u", ResolveMessage, Resolve{Approver: "ana", Delivered: &no}); err != nil {
			t.Fatal(err)
		}
		return run
	}},
	{"found-in-conversation", privatereply.Sent, func(t *testing.T, s *testServer, name string) client.WorkflowRun {
		return s.start(name, TestComment(), Auto(), &script{sends: sends(lost, RefusedBy(privatereply.NotRepliableOrAlreadyReplied)), look: "m_7"})
	}},
	{"confirmed-by-refusal", privatereply.Sent, func(t *testing.T, s *testServer, name string) client.WorkflowRun {
		return s.start(name, OnFacebook(TestComment()), Auto(), &script{sends: sends(lost, RefusedBy(privatereply.AlreadyReplied)), unreadable: true})
	}},
}

func sends(answers ...func(SendPrivateReplyInput) privatereply.SendResult) []func(SendPrivateReplyInput) privatereply.SendResult {
	return answers
}

func throttled(pause time.Duration) func(SendPrivateReplyInput) privatereply.SendResult {
	return func(SendPrivateReplyInput) privatereply.SendResult {
		return privatereply.SendResult{
			Outcome: privatereply.OutcomeNotSent, Reason: privatereply.Throttled, Code: 613,
			Wrote: true, SentAt: time.Now().UTC(), RetryAt: time.Now().Add(pause).UTC(),
		}
	}
}

func created(at time.Time) LookUpCommentResult {
	return LookUpCommentResult{CreatedAt: at.UTC(), Deadline: privatereply.DeadlineFromCreation(at).At}
}

func held(SendPrivateReplyInput) privatereply.SendResult {
	return privatereply.SendResult{
		Outcome: privatereply.OutcomeNotSent, Reason: privatereply.Paced, RetryAt: time.Now().Add(5 * time.Hour).UTC(),
	}
}

// onMedia is a comment on the live video media; see stage.watchBroadcast.
func onMedia(media string) privatereply.Comment {
	c := OnLive(TestComment())
	c.MediaID = media
	return c
}

func lost(SendPrivateReplyInput) privatereply.SendResult {
	return privatereply.SendResult{Outcome: privatereply.OutcomeUnknown, Reason: privatereply.NoAnswer, Wrote: true, SentAt: time.Now().UTC()}
}

// Each state is reached on a real server, and its history, whole or broken off
// where the reply waits, replays.
func TestHistories(t *testing.T) {
	s := newTestServer(t)
	t.Cleanup(s.work())
	for _, tale := range recordedReplies {
		t.Run(tale.name, func(t *testing.T) {
			t.Parallel()
			run := tale.tell(t, s, tale.name)
			s.untilState(run.GetID(), tale.state)
			s.keep(t, tale.name, run, PrivateReply, PrivateReplyType)
		})
	}
	t.Run("conversation", func(t *testing.T) {
		t.Parallel()
		reply := s.start("conversed", TestComment(), Auto(), nil)
		s.untilState(reply.GetID(), privatereply.Sent)
		account := privatereply.Account{Platform: privatereply.Instagram, ID: TestComment().Account}
		options, in, err := ConversationOptions(account, TestComment().PersonID, s.queue)
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now().UTC()
		run, err := s.SignalWithStartWorkflow(t.Context(), options.ID, ReplyJoinedSignal, ReplyJoined{Reply: reply.GetID(), SentAt: now},
			options, ConversationType, in)
		if err != nil {
			t.Fatal(err)
		}
		s.signal(run.GetID(), PersonMessageSignal, PersonMessage{At: now, MessageID: "a"})
		s.untilState(reply.GetID(), privatereply.Responded)
		handle, err := s.UpdateWorkflow(t.Context(), client.UpdateWorkflowOptions{
			WorkflowID: run.GetID(), UpdateName: FollowUpUpdate, Args: []any{FollowUp{Agent: "ana", Text: "Hi!"}},
			WaitForStage: client.WorkflowUpdateStageCompleted,
		})
		if err != nil {
			t.Fatal(err)
		}
		var answer FollowUpResult
		if err := handle.Get(t.Context(), &answer); err != nil || answer.State != privatereply.OutcomeSent {
			t.Fatalf("follow-up: %+v, %v", answer, err)
		}
		s.keep(t, "conversation", run, Conversation, ConversationType)
	})
}

// A rejected reply begins anew under its id, once, and both histories replay.
func TestHistoriesOfReopen(t *testing.T) {
	s := newTestServer(t)
	t.Cleanup(s.work())
	run := s.start("reopened", TestComment(), Ask(), nil)
	if _, err := s.update(run.GetID(), "u", RejectMessage, Reject{Approver: "ana", Reason: "spam"}); err != nil {
		t.Fatal(err)
	}
	rejected := RejectedReply{ID: run.GetID(), RunID: run.GetRunID(), PersonKey: "00112233445566778899aabbccddeeff"}
	if err := run.Get(t.Context(), &rejected.Status); err != nil {
		t.Fatal(err)
	}
	options, in, err := ReopenOptions(rejected, "ben", "by mistake", s.queue, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	reopening, err := s.ExecuteWorkflow(t.Context(), options, ReopenType, in)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.ExecuteWorkflow(t.Context(), options, ReopenType, in); !temporal.IsWorkflowExecutionAlreadyStartedError(err) {
		t.Errorf("the second one who reopens is told %v", err)
	}
	var result ReopenResult
	if err := reopening.Get(t.Context(), &result); err != nil || result.RunID == "" || result.RunID == run.GetRunID() {
		t.Fatalf("%+v, %v", result, err)
	}
	s.keep(t, "reopen", reopening, Reopen, ReopenType)
	s.untilListed(t, `PersonKey="00112233445566778899aabbccddeeff" AND ReplyState="awaiting_approval"`, run.GetID())
	if _, err := s.update(run.GetID(), "u2", ApproveMessage, Approve{Approver: "ben"}); err != nil {
		t.Fatal(err)
	}
	s.untilState(run.GetID(), privatereply.Sent)
	s.keep(t, "reopened", s.GetWorkflow(t.Context(), run.GetID(), result.RunID), PrivateReply, PrivateReplyType)
}

// The histories of broadcasts, while they run and after their end, replay.
func TestHistoriesOfBroadcast(t *testing.T) {
	s := newTestServer(t)
	t.Cleanup(s.work())
	for _, media := range []string{"runs", "over", "runs-by-hand"} {
		t.Run(media, func(t *testing.T) {
			t.Parallel()
			reply := s.start("on-"+media, onMedia(media), Ask(), nil)
			id, err := privatereply.BroadcastID(privatereply.Instagram, TestComment().Account, media)
			if err != nil {
				t.Fatal(err)
			}
			joined := func(PrivateReplyStatus) bool { _, err := s.broadcast(id); return err == nil }
			s.until(reply.GetID(), joined)
			if media == "runs-by-hand" {
				s.signal(id, BroadcastEndedSignal, EventTime{At: time.Now().UTC()})
			}
			if media != "runs" {
				s.untilState(reply.GetID(), privatereply.Expired)
			}
			run := s.GetWorkflow(t.Context(), id, "")
			if media != "runs" {
				var status BroadcastStatus
				if err := run.Get(t.Context(), &status); err != nil || status.Notified != 1 {
					t.Fatalf("%+v, %v", status, err)
				}
			}
			s.keep(t, "broadcast-"+media, run, Broadcast, BroadcastType)
		})
	}
}

func (s *testServer) broadcast(id string) (status BroadcastStatus, err error) {
	value, err := s.QueryWorkflow(s.t.Context(), id, "", StatusQuery)
	if err == nil {
		err = value.Get(&status)
	}
	return status, err
}

// keep replays the history of run, and writes it if asked to.
func (s *testServer) keep(t *testing.T, name string, run client.WorkflowRun, f any, workflowType string) {
	t.Helper()
	var history historypb.History
	for it := s.GetWorkflowHistory(t.Context(), run.GetID(), run.GetRunID(), false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT); it.HasNext(); {
		event, err := it.Next()
		if err != nil {
			t.Fatal(err)
		}
		history.Events = append(history.Events, event)
	}
	if *record != "" {
		s.write(t, name, &history)
	}
	replayer := worker.NewWorkflowReplayer()
	replayer.RegisterWorkflowWithOptions(f, workflow.RegisterOptions{Name: workflowType})
	// The replay changes the search attributes in the history that it is given.
	if err := replayer.ReplayWorkflowHistory(quiet{}, &history); err != nil {
		t.Errorf("it does not replay: %v", err)
	}
}

func (s *testServer) write(t *testing.T, name string, history *historypb.History) {
	t.Helper()
	b, err := protojson.MarshalOptions{Multiline: true, Indent: " "}.Marshal(history)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join("testdata", "histories", *record)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".json"), b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// A batch of events is placed on a real server, and its histories replay: of one
// whose events all are, and of one that waits to try again.
func TestHistoriesOfIntake(t *testing.T) {
	s, waits := newTestServer(t), make(chan struct{}, 1)
	const queue = "intakes"
	s.startWorker(t, queue, Intake, IntakeType, map[string]any{
		DispatchActivity: func(ctx context.Context) (IntakeResult, error) {
			if activity.GetInfo(ctx).WorkflowExecution.ID == "intake:waits" {
				waits <- struct{}{}
				return IntakeResult{}, temporal.NewApplicationErrorWithOptions("the server is busy", "busy", temporal.ApplicationErrorOptions{NextRetryDelay: time.Hour})
			}
			return IntakeResult{Started: 2, Duplicate: 1, Ignored: map[string]int{"own_comment": 1}}, nil
		},
	})
	begin := func(id string) client.WorkflowRun {
		run, err := s.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: id, TaskQueue: queue}, IntakeType, IntakeInput{})
		if err != nil {
			t.Fatal(err)
		}
		return run
	}

	placed := begin("intake:placed")
	var result IntakeResult
	if err := placed.Get(t.Context(), &result); err != nil || result.Started != 2 {
		t.Errorf("%+v, %v", result, err)
	}
	s.keep(t, "intake-placed", placed, Intake, IntakeType)

	waiting := begin("intake:waits")
	<-waits
	s.keep(t, "intake-waiting", waiting, Intake, IntakeType)
}

// The histories of removed posts replay: of one whose replies are all told, and of one
// that waits to try again.
func TestHistoriesOfRemovedPost(t *testing.T) {
	s, waits := newTestServer(t), make(chan struct{}, 1)
	const queue = "removed-posts"
	passes := 0
	s.startWorker(t, queue, RemovedPost, RemovedPostType, map[string]any{
		WithdrawRepliesActivity: func(_ context.Context, in RemovedPostInput) (WithdrawRepliesResult, error) {
			if in.Media == "waits" {
				waits <- struct{}{}
				return WithdrawRepliesResult{}, temporal.NewApplicationErrorWithOptions("the server is busy", "busy", temporal.ApplicationErrorOptions{NextRetryDelay: time.Hour})
			}
			passes++
			if passes == 1 {
				return WithdrawRepliesResult{Signalled: 3}, nil
			}
			return WithdrawRepliesResult{}, nil
		},
	})
	begin := func(media string) client.WorkflowRun {
		options, in, err := RemovedPostOptions(privatereply.Facebook, "100000000000001", media, queue)
		if err != nil {
			t.Fatal(err)
		}
		run, err := s.ExecuteWorkflow(t.Context(), options, RemovedPostType, in)
		if err != nil {
			t.Fatal(err)
		}
		return run
	}

	told := begin("100000000000001_200000000000001")
	if again := begin("100000000000001_200000000000001"); again.GetRunID() != told.GetRunID() {
		t.Error("a second removal of the post began another run beside the first")
	}
	var result WithdrawRepliesResult
	if err := told.Get(t.Context(), &result); err != nil || result.Signalled != 3 || passes != 2 {
		t.Errorf("%+v after %d passes, %v", result, passes, err)
	}
	s.keep(t, "removed-post-told", told, RemovedPost, RemovedPostType)

	waiting := begin("waits")
	<-waits
	s.keep(t, "removed-post-waiting", waiting, RemovedPost, RemovedPostType)
}

// The histories of messages without a sender replay: of one whose person was told, and
// of one that waits to try again. A message is asked for once, also after its end.
func TestHistoriesOfLocateMessage(t *testing.T) {
	s, waits := newTestServer(t), make(chan struct{}, 1)
	const queue = "messages"
	s.startWorker(t, queue, LocateMessage, LocateMessageType, map[string]any{
		LocateMessageActivity: func(_ context.Context, in LocateMessageInput) (LocateMessageResult, error) {
			if in.Message.MessageID == "waits" {
				waits <- struct{}{}
				return LocateMessageResult{}, temporal.NewApplicationErrorWithOptions("throttled", "throttled", temporal.ApplicationErrorOptions{NextRetryDelay: time.Hour})
			}
			return LocateMessageResult{Outcome: LocateNotified}, nil
		},
	})
	begin := func(mid string) (client.WorkflowRun, error) {
		options, in, err := LocateMessageOptions(InboundEvent{Event: privatereply.Event{Message: &privatereply.PersonMessage{
			Platform: privatereply.Instagram, Account: "17841400000000001", MessageID: mid, At: time.Now().UTC(),
		}}}, queue)
		if err != nil {
			t.Fatal(err)
		}
		return s.ExecuteWorkflow(t.Context(), options, LocateMessageType, in)
	}

	told, err := begin("aWdfZAG1faXRlbToxMTIyMzM0NDU1")
	if err != nil {
		t.Fatal(err)
	}
	var result LocateMessageResult
	if err := told.Get(t.Context(), &result); err != nil || result.Outcome != LocateNotified {
		t.Errorf("%+v, %v", result, err)
	}
	if _, err := begin("aWdfZAG1faXRlbToxMTIyMzM0NDU1"); !temporal.IsWorkflowExecutionAlreadyStartedError(err) {
		t.Errorf("the second start said %v", err)
	}
	s.keep(t, "locate-message-told", told, LocateMessage, LocateMessageType)

	waiting, err := begin("waits")
	if err != nil {
		t.Fatal(err)
	}
	<-waits
	if _, err := begin("waits"); !temporal.IsWorkflowExecutionAlreadyStartedError(err) {
		t.Errorf("a second start beside the first said %v", err)
	}
	s.keep(t, "locate-message-waiting", waiting, LocateMessage, LocateMessageType)
}

// A pass goes from page to page on a real server, and its histories replay: of a
// page that has a next one, of the last one, and of one that waits for Meta.
func TestHistoriesOfSweep(t *testing.T) {
	s, waits := newTestServer(t), make(chan struct{}, 1)
	const queue = "sweeps"
	s.startWorker(t, queue, Sweep, SweepType, map[string]any{
		SweepPageActivity: func(_ context.Context, in SweepPageInput) (SweepPageResult, error) {
			page := SweepPageResult{SweepCounts: SweepCounts{Pages: 1, Posts: 25, Started: 1}, OldestPostAt: time.Now().UTC()}
			switch {
			case in.Account == "throttled":
				waits <- struct{}{}
				return SweepPageResult{}, temporal.NewApplicationErrorWithOptions("throttled", "throttled", temporal.ApplicationErrorOptions{NextRetryDelay: time.Hour})
			case in.Cursor == "":
				page.Next = "second"
			}
			return page, nil
		},
		SweepConversationsActivity: func(context.Context, SweepConversationsInput) (SweepConversationsResult, error) {
			return SweepConversationsResult{Conversations: 2, Messages: 1}, nil
		},
	})
	begin := func(account string) client.WorkflowRun {
		run, err := s.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: "sweep-" + account, TaskQueue: queue},
			SweepType, SweepInput{Platform: privatereply.Facebook, Account: account})
		if err != nil {
			t.Fatal(err)
		}
		return run
	}

	first := begin("swept")
	var result SweepStatus
	if err := s.GetWorkflow(t.Context(), first.GetID(), first.GetRunID()).Get(t.Context(), &result); err != nil {
		t.Fatal(err)
	}
	if want := (SweepCounts{Pages: 2, Posts: 50, Started: 2}); result.SweepCounts != want {
		t.Errorf("counted %+v, want %+v", result.SweepCounts, want)
	}
	s.keep(t, "sweep-first-page", first, Sweep, SweepType)
	last := s.GetWorkflow(t.Context(), first.GetID(), "")
	if last.GetRunID() == "" || last.GetRunID() == first.GetRunID() {
		t.Error("the second page was read in the run of the first")
	}
	s.keep(t, "sweep-last-page", last, Sweep, SweepType)

	waiting := begin("throttled")
	<-waits
	s.keep(t, "sweep-waiting", waiting, Sweep, SweepType)
}

// startWorker has a worker of queue run one workflow, with activities by their names, until
// the test ends.
func (s *testServer) startWorker(t *testing.T, queue string, f any, workflowType string, activities map[string]any) {
	t.Helper()
	w := worker.New(s.Client, queue, worker.Options{})
	w.RegisterWorkflowWithOptions(f, workflow.RegisterOptions{Name: workflowType})
	for name, activityFunc := range activities {
		w.RegisterActivityWithOptions(activityFunc, activity.RegisterOptions{Name: name})
	}
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Stop)
}
