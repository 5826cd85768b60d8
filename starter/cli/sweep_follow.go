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
	// passPollInterval is how often a pass is looked at.
	passPollInterval = 500 * time.Millisecond
	// claimTimeout is after how long it is asked whether a worker is there at all.
	claimTimeout = 10 * time.Second
)

// passStatus is a pass at one look.
type passStatus struct {
	id         string
	status     *workflows.SweepStatus // nil while no worker has told it
	waitingFor string                 // what it waits for, other than its own work
	ended      bool
}

// passObserver is told of each look.
type passObserver func(passStatus)

// followPass waits until a pass has ended. It fails if the pass does, and if no
// worker is there to do it.
func (s *Session) followPass(ctx context.Context, pass sweeps.Pass, tell passObserver) (passStatus, error) {
	tick := time.NewTicker(passPollInterval)
	defer tick.Stop()
	last := passStatus{id: pass.WorkflowID}
	for {
		seen, err := s.describePass(ctx, pass)
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
		return last, applicationError(err)
	}
	last.status, last.waitingFor = &result, ""
	tell(last)
	return last, nil
}

// describePass looks at the pass's newest page. What a worker has not answered is left
// out; that no worker is there is an error.
func (s *Session) describePass(ctx context.Context, pass sweeps.Pass) (passStatus, error) {
	seen := passStatus{id: pass.WorkflowID}
	d, err := s.DescribeWorkflowExecution(ctx, pass.WorkflowID, "")
	if err != nil {
		return seen, fmt.Errorf("look at the pass %s: %w", pass.WorkflowID, err)
	}
	if d.GetWorkflowExecutionInfo().GetStatus() != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
		seen.ended = true
		return seen, nil
	}
	if isUnclaimed(d, time.Now()) {
		seen.waitingFor = "no worker has taken it yet"
		return seen, s.checkWorker(ctx, d.GetExecutionConfig().GetTaskQueue().GetName())
	}
	if activities := d.GetPendingActivities(); len(activities) > 0 {
		seen.waitingFor = s.retryReason(activities[0])
	}
	ctx, cancel := context.WithTimeout(ctx, claimTimeout)
	defer cancel()
	if answer, err := s.QueryWorkflow(ctx, pass.WorkflowID, "", workflows.StatusQuery); err == nil {
		var status workflows.SweepStatus
		if answer.Get(&status) == nil {
			seen.status = &status
		}
	}
	return seen, nil
}

// isUnclaimed reports whether work has been waiting for a worker for so long that none
// may be there.
func isUnclaimed(d *workflowservice.DescribeWorkflowExecutionResponse, now time.Time) bool {
	task := d.GetPendingWorkflowTask()
	if task.GetState() == enumspb.PENDING_WORKFLOW_TASK_STATE_SCHEDULED && now.Sub(task.GetScheduledTime().AsTime()) > claimTimeout {
		return true
	}
	for _, a := range d.GetPendingActivities() {
		if a.GetState() == enumspb.PENDING_ACTIVITY_STATE_SCHEDULED && a.GetLastFailure() == nil && now.Sub(a.GetScheduledTime().AsTime()) > claimTimeout {
			return true
		}
	}
	return false
}

func (s *Session) checkWorker(ctx context.Context, queue string) error {
	d, err := s.DescribeTaskQueue(ctx, queue, enumspb.TASK_QUEUE_TYPE_WORKFLOW)
	if err == nil && len(d.GetPollers()) == 0 {
		return fmt.Errorf("no worker is running for task queue %s: start one; the pass waits for it", queue)
	}
	return nil
}

// retryReason says why a page of the pass must be tried again.
func (s *Session) retryReason(a *workflowpb.PendingActivityInfo) string {
	failure := a.GetLastFailure()
	if failure == nil {
		return ""
	}
	failures := temporal.NewDefaultFailureConverter(temporal.DefaultFailureConverterOptions{DataConverter: s.data})
	why := applicationError(failures.FailureToError(failure)).Error()
	if next := a.GetNextAttemptScheduleTime(); next != nil && next.AsTime().After(time.Now()) {
		return fmt.Sprintf("%s; tried again at %s", why, next.AsTime().Local().Format("15:04:05"))
	}
	return why
}

// applicationError is what an activity said, without the layers that Temporal puts around it.
func applicationError(err error) error {
	var app *temporal.ApplicationError
	if errors.As(err, &app) {
		return errors.New(app.Message())
	}
	return err
}
