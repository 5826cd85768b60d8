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

// The histories of removed posts replay: of one whose replies are all told, and of one
// that waits to try again.
func TestHistoriesOfRemovedPost(t *testing.T) {
	s := newStage(t)
	const queue = "removed-posts"
	waits := make(chan struct{}, 1)
	w := worker.New(s.Client, queue, worker.Options{})
	w.RegisterWorkflowWithOptions(RemovedPost, workflow.RegisterOptions{Name: RemovedPostType})
	passes := 0
	w.RegisterActivityWithOptions(func(_ context.Context, in RemovedPostInput) (WithdrawRepliesResult, error) {
		if in.Media == "waits" {
			waits <- struct{}{}
			return WithdrawRepliesResult{}, temporal.NewApplicationErrorWithOptions("the server is busy", "busy", temporal.ApplicationErrorOptions{NextRetryDelay: time.Hour})
		}
		passes++
		if passes == 1 {
			return WithdrawRepliesResult{Signalled: 3}, nil
		}
		return WithdrawRepliesResult{}, nil
	}, activity.RegisterOptions{Name: WithdrawRepliesActivity})
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Stop)
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
