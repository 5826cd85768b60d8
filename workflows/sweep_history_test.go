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

// A pass goes from page to page on a real server, and its histories replay: of a
// page that has a next one, of the last one, and of one that waits for Meta.
func TestHistoriesOfSweep(t *testing.T) {
	s := newStage(t)
	const queue = "sweeps"
	waits := make(chan struct{}, 1)
	w := worker.New(s.Client, queue, worker.Options{})
	w.RegisterWorkflowWithOptions(Sweep, workflow.RegisterOptions{Name: SweepType})
	w.RegisterActivityWithOptions(func(_ context.Context, in SweepPageInput) (SweepPageResult, error) {
		page := SweepPageResult{SweepCounts: SweepCounts{Pages: 1, Posts: 25, Started: 1}, OldestPostAt: time.Now().UTC()}
		switch {
		case in.Account == "throttled":
			waits <- struct{}{}
			return SweepPageResult{}, temporal.NewApplicationErrorWithOptions("throttled", "throttled", temporal.ApplicationErrorOptions{NextRetryDelay: time.Hour})
		case in.Cursor == "":
			page.Next = "second"
		}
		return page, nil
	}, activity.RegisterOptions{Name: SweepPageActivity})
	w.RegisterActivityWithOptions(func(context.Context, SweepConversationsInput) (SweepConversationsResult, error) {
		return SweepConversationsResult{Conversations: 2, Messages: 1}, nil
	}, activity.RegisterOptions{Name: SweepConversationsActivity})
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Stop)
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
