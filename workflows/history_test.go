package workflows_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/privatereply/privatereply"
	. "github.com/privatereply/privatereply/workflows"
)

// record names the release whose histories are written: go test ./workflows -run
// TestHistories -record v0.2 (make histories).
var record = flag.String("record", "", "write the histories of this release to testdata/histories")

type tale struct {
	name  string
	state privatereply.State // in which the history is taken
	tell  func(t *testing.T, s *stage, name string) client.WorkflowRun
}

// tales leads a reply into each state, also into those in which it waits: these
// are what a deploy meets.
var tales = []tale{
	{"ignored", privatereply.Ignored, func(t *testing.T, s *stage, name string) client.WorkflowRun {
		return s.start(name, TestComment(), privatereply.Decision{Action: privatereply.ActionIgnore, Rule: "spam"}, nil)
	}},
	{"expired", privatereply.Expired, func(t *testing.T, s *stage, name string) client.WorkflowRun {
		run := s.start(name, onMedia("runs-"+name), Ask(), nil)
		s.untilState(run.GetID(), privatereply.AwaitingApproval)
		s.signal(run.GetID(), BroadcastEndedSignal, EventTime{At: time.Now().UTC()})
		return run
	}},
	{"holding", privatereply.Holding, func(t *testing.T, s *stage, name string) client.WorkflowRun {
		return s.start(name, TestComment(), AutoAfter(time.Hour), nil)
	}},
	{"held-then-rejected", privatereply.Rejected, func(t *testing.T, s *stage, name string) client.WorkflowRun {
		run := s.start(name, TestComment(), AutoAfter(time.Hour), nil)
		if _, err := s.update(run.GetID(), "u", RejectMessage, Reject{Approver: "ana", Reason: "spam"}); err != nil {
			t.Fatal(err)
		}
		return run
	}},
	{"awaiting-approval", privatereply.AwaitingApproval, func(t *testing.T, s *stage, name string) client.WorkflowRun {
		run := s.start(name, TestComment(), Ask(), &script{facts: created(time.Now().Add(-time.Hour))})
		s.until(run.GetID(), func(status PrivateReplyStatus) bool { return status.DeadlineFrom == privatereply.ClockCreated })
		return run
	}},
	{"withdrawn", privatereply.Withdrawn, func(t *testing.T, s *stage, name string) client.WorkflowRun {
		run := s.start(name, TestComment(), Ask(), nil)
		s.untilState(run.GetID(), privatereply.AwaitingApproval)
		s.signal(run.GetID(), ApproveMessage, map[string]any{"txt": "mistyped"})
		s.signal(run.GetID(), CommentRemovedSignal, nil)
		return run
	}},
	{"sending", privatereply.Sending, func(t *testing.T, s *stage, name string) client.WorkflowRun {
		run := s.start(name, TestComment(), Auto(), &script{sends: sends(throttled(time.Hour))})
		s.until(run.GetID(), func(status PrivateReplyStatus) bool { return status.Send != nil && !status.Send.RetryAt.IsZero() })
		return run
	}},
	{"paced", privatereply.Sending, func(t *testing.T, s *stage, name string) client.WorkflowRun {
		run := s.start(name, onMedia("runs-"+name), Auto(), &script{sends: sends(held)})
		s.until(run.GetID(), func(status PrivateReplyStatus) bool { return status.Reason == privatereply.Paced })
		return run
	}},
	{"broadcast-over", privatereply.Expired, func(t *testing.T, s *stage, name string) client.WorkflowRun {
		return s.start(name, onMedia("over-"+name), AutoAfter(time.Hour), nil)
	}},
	{"sending-then-rejected", privatereply.Rejected, func(t *testing.T, s *stage, name string) client.WorkflowRun {
		run := s.start(name, TestComment(), Auto(), &script{sends: sends(throttled(time.Hour))})
		s.until(run.GetID(), func(status PrivateReplyStatus) bool { return status.Send != nil && !status.Send.RetryAt.IsZero() })
		if _, err := s.update(run.GetID(), "u", RejectMessage, Reject{Approver: "ana"}); err != nil {
			t.Fatal(err)
		}
		return run
	}},
	{"undeliverable", privatereply.Undeliverable, func(t *testing.T, s *stage, name string) client.WorkflowRun {
		return s.start(name, TestComment(), Auto(), &script{sends: sends(throttled(time.Second), RefusedBy(privatereply.PersonUnavailable))})
	}},
	{"sent", privatereply.Sent, func(t *testing.T, s *stage, name string) client.WorkflowRun {
		return s.start(name, TestComment(), Auto(), nil)
	}},
	{"responded", privatereply.Responded, func(t *testing.T, s *stage, name string) client.WorkflowRun {
		run := s.start(name, TestComment(), Ask(), nil)
		s.signal(run.GetID(), ApproveMessage, Approve{Approver: "ana", Text: "Hi!"})
		s.untilState(run.GetID(), privatereply.Sent)
		s.signal(run.GetID(), PersonRespondedSignal, EventTime{At: time.Now().UTC()})
		return run
	}},
	{"window-closed", privatereply.WindowClosed, func(t *testing.T, s *stage, name string) client.WorkflowRun {
		run := s.start(name, TestComment(), Ask(), nil)
		if _, err := s.update(run.GetID(), "u", ApproveMessage, Approve{Approver: "ana", Text: "Hi!"}); err != nil {
			t.Fatal(err)
		}
		s.untilState(run.GetID(), privatereply.Sent)
		s.signal(run.GetID(), PersonRespondedSignal, EventTime{At: time.Now().Add(-25 * time.Hour).UTC()})
		return run
	}},
	{"no-response", privatereply.NoResponse, func(t *testing.T, s *stage, name string) client.WorkflowRun {
		return s.start(name, TestComment(), Auto(), &script{answerWithin: time.Second})
	}},
	{"edited-while-holding", privatereply.AwaitingApproval, func(t *testing.T, s *stage, name string) client.WorkflowRun {
		run := s.start(name, TestComment(), AutoAfter(time.Hour), nil)
		s.untilState(run.GetID(), privatereply.Holding)
		asked := Ask()
		s.signal(run.GetID(), CommentEditedSignal, CommentEdited{Text: "It arrived broken", At: time.Now().UTC(), Decision: &asked})
		return run
	}},
	{"edited-while-sending", privatereply.Ignored, func(t *testing.T, s *stage, name string) client.WorkflowRun {
		run := s.start(name, TestComment(), Auto(), &script{sends: sends(throttled(time.Hour))})
		s.until(run.GetID(), func(status PrivateReplyStatus) bool { return status.Send != nil && !status.Send.RetryAt.IsZero() })
		s.signal(run.GetID(), CommentEditedSignal, CommentEdited{
			Text: "…", At: time.Now().UTC(), Decision: &privatereply.Decision{Action: privatereply.ActionIgnore},
		})
		return run
	}},
	{"started-by-hand", privatereply.Sent, func(t *testing.T, s *stage, name string) client.WorkflowRun {
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
	{"already-replied-by-another", privatereply.Undeliverable, func(t *testing.T, s *stage, name string) client.WorkflowRun {
		return s.start(name, OnFacebook(TestComment()), Auto(), &script{sends: sends(lost, RefusedBy(privatereply.AlreadyReplied)), others: true})
	}},
	{"delivery-unknown", privatereply.DeliveryUnknown, func(t *testing.T, s *stage, name string) client.WorkflowRun {
		return s.start(name, TestComment(), Auto(), &script{sends: sends(lost)})
	}},
	{"delivery-unknown-then-resolved", privatereply.Undeliverable, func(t *testing.T, s *stage, name string) client.WorkflowRun {
		run := s.start(name, TestComment(), Auto(), &script{sends: sends(lost)})
		s.untilState(run.GetID(), privatereply.DeliveryUnknown)
		no := false
		if _, err := s.update(run.GetID(), "u", ResolveMessage, Resolve{Approver: "ana", Delivered: &no}); err != nil {
			t.Fatal(err)
		}
		return run
	}},
	{"found-in-conversation", privatereply.Sent, func(t *testing.T, s *stage, name string) client.WorkflowRun {
		return s.start(name, TestComment(), Auto(), &script{sends: sends(lost, RefusedBy(privatereply.NotRepliableOrAlreadyReplied)), look: "m_7"})
	}},
	{"confirmed-by-refusal", privatereply.Sent, func(t *testing.T, s *stage, name string) client.WorkflowRun {
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
	s := newStage(t)
	t.Cleanup(s.work())
	for _, tale := range tales {
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

// The histories of broadcasts, while they run and after their end, replay.
func TestHistoriesOfBroadcast(t *testing.T) {
	s := newStage(t)
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

func (s *stage) broadcast(id string) (status BroadcastStatus, err error) {
	value, err := s.QueryWorkflow(s.t.Context(), id, "", StatusQuery)
	if err == nil {
		err = value.Get(&status)
	}
	return status, err
}

// keep replays the history of run, and writes it if asked to.
func (s *stage) keep(t *testing.T, name string, run client.WorkflowRun, f any, workflowType string) {
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

func (s *stage) write(t *testing.T, name string, history *historypb.History) {
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
