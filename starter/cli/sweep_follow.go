package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/temporal"

	"github.com/privatereply/privatereply/internal/sweeps"
	"github.com/privatereply/privatereply/workflows"
)

const (
	// lookEvery is how often a pass is looked at.
	lookEvery = 500 * time.Millisecond
	// takeTimeout is after how long it is asked whether a worker is there at all.
	takeTimeout = 10 * time.Second
)

// passSeen is a pass at one look.
type passSeen struct {
	id      string
	status  *workflows.SweepStatus // nil while no worker has told it
	trouble string                 // what it waits for, other than its own work
	ended   bool
}

// passTold is told of each look.
type passTold func(passSeen)

// followPass waits until a pass has ended. It fails if the pass does, and if no
// worker is there to do it.
func (s *Session) followPass(ctx context.Context, pass sweeps.Pass, tell passTold) (passSeen, error) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	last := passSeen{id: pass.WorkflowID}
	for {
		seen, err := s.lookAtPass(ctx, pass)
		if err != nil {
			return last, err
		}
		if seen.status == nil {
			seen.status = last.status
		}
		if last = seen; last.ended {
			break
		}
		tell(last)
		select {
		case <-ctx.Done():
			return last, ctx.Err()
		case <-tick.C:
		}
	}
	var result workflows.SweepStatus
	if err := s.GetWorkflow(ctx, pass.WorkflowID, pass.RunID).Get(ctx, &result); err != nil {
		return last, innermost(err)
	}
	last.status, last.trouble = &result, ""
	tell(last)
	return last, nil
}

// lookAtPass looks at the pass's newest page. What a worker has not answered is left
// out; that no worker is there is an error.
func (s *Session) lookAtPass(ctx context.Context, pass sweeps.Pass) (passSeen, error) {
	seen := passSeen{id: pass.WorkflowID}
	d, err := s.DescribeWorkflowExecution(ctx, pass.WorkflowID, "")
	if err != nil {
		return seen, fmt.Errorf("look at the pass %s: %w", pass.WorkflowID, err)
	}
	if d.GetWorkflowExecutionInfo().GetStatus() != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
		seen.ended = true
		return seen, nil
	}
	if untaken(d, time.Now()) {
		seen.trouble = "no worker has taken it yet"
		return seen, s.needWorker(ctx, d.GetExecutionConfig().GetTaskQueue().GetName())
	}
	if activities := d.GetPendingActivities(); len(activities) > 0 {
		seen.trouble = s.troubleOf(activities[0])
	}
	ctx, cancel := context.WithTimeout(ctx, takeTimeout)
	defer cancel()
	if answer, err := s.QueryWorkflow(ctx, pass.WorkflowID, "", workflows.StatusQuery); err == nil {
		var status workflows.SweepStatus
		if answer.Get(&status) == nil {
			seen.status = &status
		}
	}
	return seen, nil
}

// untaken reports whether work has been waiting for a worker for so long that none
// may be there.
func untaken(d *workflowservice.DescribeWorkflowExecutionResponse, now time.Time) bool {
	task := d.GetPendingWorkflowTask()
	if task.GetState() == enumspb.PENDING_WORKFLOW_TASK_STATE_SCHEDULED && now.Sub(task.GetScheduledTime().AsTime()) > takeTimeout {
		return true
	}
	for _, a := range d.GetPendingActivities() {
		if a.GetState() == enumspb.PENDING_ACTIVITY_STATE_SCHEDULED && a.GetLastFailure() == nil && now.Sub(a.GetScheduledTime().AsTime()) > takeTimeout {
			return true
		}
	}
	return false
}

func (s *Session) needWorker(ctx context.Context, queue string) error {
	d, err := s.DescribeTaskQueue(ctx, queue, enumspb.TASK_QUEUE_TYPE_WORKFLOW)
	if err == nil && len(d.GetPollers()) == 0 {
		return fmt.Errorf("no worker is running for task queue %s: start one; the pass waits for it", queue)
	}
	return nil
}

// troubleOf says why a page of the pass must be tried again.
func (s *Session) troubleOf(a *workflowpb.PendingActivityInfo) string {
	failure := a.GetLastFailure()
	if failure == nil {
		return ""
	}
	failures := temporal.NewDefaultFailureConverter(temporal.DefaultFailureConverterOptions{DataConverter: s.data})
	why := innermost(failures.FailureToError(failure)).Error()
	if next := a.GetNextAttemptScheduleTime(); next != nil && next.AsTime().After(time.Now()) {
		return fmt.Sprintf("%s; tried again at %s", why, next.AsTime().Local().Format("15:04:05"))
	}
	return why
}

// innermost is what an activity said, without the layers that Temporal puts around it.
func innermost(err error) error {
	var app *temporal.ApplicationError
	if errors.As(err, &app) {
		return errors.New(app.Message())
	}
	return err
}
