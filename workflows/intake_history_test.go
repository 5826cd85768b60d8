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

	. "github.com/privatereply/privatereply/workflows"
)

// A batch of events is placed on a real server, and its histories replay: of one
// whose events all are, and of one that waits to try again.
func TestHistoriesOfIntake(t *testing.T) {
	s := newStage(t)
	const queue = "intakes"
	waits := make(chan struct{}, 1)
	w := worker.New(s.Client, queue, worker.Options{})
	w.RegisterWorkflowWithOptions(Intake, workflow.RegisterOptions{Name: IntakeType})
	w.RegisterActivityWithOptions(func(ctx context.Context) (IntakeResult, error) {
		if activity.GetInfo(ctx).WorkflowExecution.ID == "intake:waits" {
			waits <- struct{}{}
			return IntakeResult{}, temporal.NewApplicationErrorWithOptions("the server is busy", "busy", temporal.ApplicationErrorOptions{NextRetryDelay: time.Hour})
		}
		return IntakeResult{Started: 2, Duplicate: 1, Ignored: map[string]int{"own_comment": 1}}, nil
	}, activity.RegisterOptions{Name: DispatchActivity})
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Stop)
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
