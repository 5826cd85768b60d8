package workflows_test

import (
	"context"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/privatereply/privatereply"
	. "github.com/privatereply/privatereply/workflows"
)

// The histories of messages without a sender replay: of one whose person was told, and
// of one that waits to try again. A message is asked for once, also after its end.
func TestHistoriesOfLocateMessage(t *testing.T) {
	s := newStage(t)
	const queue = "messages"
	waits := make(chan struct{}, 1)
	w := worker.New(s.Client, queue, worker.Options{})
	w.RegisterWorkflowWithOptions(LocateMessage, workflow.RegisterOptions{Name: LocateMessageType})
	w.RegisterActivityWithOptions(func(_ context.Context, in LocateMessageInput) (LocateMessageResult, error) {
		if in.Message.MessageID == "waits" {
			waits <- struct{}{}
			return LocateMessageResult{}, temporal.NewApplicationErrorWithOptions("throttled", "throttled", temporal.ApplicationErrorOptions{NextRetryDelay: time.Hour})
		}
		return LocateMessageResult{Outcome: LocateNotified}, nil
	}, activity.RegisterOptions{Name: LocateMessageActivity})
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Stop)
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
