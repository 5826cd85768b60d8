package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/privatereply/privatereply/workflows"
)

const (
	// acceptTimeout is how long a worker may take to look at an Update. Without a
	// worker nobody looks.
	acceptTimeout = 10 * time.Second
	// effectTimeout is how long the effect of an accepted Update may take: a reject
	// or a follow-up waits for a send.
	effectTimeout = 2 * workflows.SendTimeout
)

// update sends an Update and waits for its answer.
func (s *session) update(ctx context.Context, workflowID, name string, message, answer any) error {
	accepting, cancel := context.WithTimeout(ctx, acceptTimeout)
	defer cancel()
	handle, err := s.UpdateWorkflow(accepting, client.UpdateWorkflowOptions{
		WorkflowID: workflowID,
		// The same for every try of this command, so that a repeat after a lost answer
		// gets the first one's answer.
		UpdateID:     "starter-" + name + "-" + s.invocation,
		UpdateName:   name,
		Args:         []any{message},
		WaitForStage: client.WorkflowUpdateStageAccepted,
	})
	if err != nil {
		if timedOut(ctx, err) {
			return s.noAnswer(ctx, workflowID)
		}
		return s.updateError(ctx, workflowID, err)
	}
	finishing, cancel := context.WithTimeout(ctx, effectTimeout)
	defer cancel()
	err = handle.Get(finishing, answer)
	if timedOut(ctx, err) {
		return fmt.Errorf("accepted, but its effect is not known after %v; look again with `starter show %s`", effectTimeout, workflowID)
	}
	return s.updateError(ctx, workflowID, err)
}

// timedOut reports whether err is about a time-out of one call, while the command
// itself goes on.
func timedOut(command context.Context, err error) bool {
	var server *serviceerror.DeadlineExceeded
	var update *client.WorkflowUpdateServiceTimeoutOrCanceledError
	return command.Err() == nil &&
		(errors.Is(err, context.DeadlineExceeded) || errors.As(err, &server) || errors.As(err, &update))
}

// updateError turns an Update's error into words. A refusal has them already.
func (s *session) updateError(ctx context.Context, workflowID string, err error) error {
	var refusal *temporal.ApplicationError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refusal):
		return errors.New(refusal.Message())
	case isNotFound(err):
		return s.ended(ctx, workflowID)
	}
	return err
}

// ended says why a workflow takes no messages.
func (s *session) ended(ctx context.Context, workflowID string) error {
	d, err := s.DescribeWorkflowExecution(ctx, workflowID, "")
	if isNotFound(err) {
		return fmt.Errorf("%s does not exist in namespace %s, or ended so long ago that it is no longer kept", workflowID, s.namespace)
	}
	if err != nil {
		return err
	}
	if d.GetWorkflowExecutionInfo().GetType().GetName() == workflows.PrivateReplyType {
		var status workflows.Status
		if err := s.GetWorkflow(ctx, workflowID, "").Get(ctx, &status); err == nil {
			return fmt.Errorf("this reply has ended: it is %s. %s", status.State, status.Reason.Sentence())
		}
	}
	return fmt.Errorf("%s has ended and takes no messages; `starter show` tells how", workflowID)
}

// noAnswer says why nobody answered in time. An Update that no worker has seen may
// still be taken when one starts.
func (s *session) noAnswer(ctx context.Context, workflowID string) error {
	w, err := s.DescribeWorkflowExecution(ctx, workflowID, "")
	if err != nil {
		return err
	}
	queue := w.GetExecutionConfig().GetTaskQueue().GetName()
	d, err := s.DescribeTaskQueue(ctx, queue, enumspb.TASK_QUEUE_TYPE_WORKFLOW)
	if err == nil && len(d.GetPollers()) == 0 {
		return fmt.Errorf("no worker is running for task queue %s: start one, then look with `starter show %s` how it is", queue, workflowID)
	}
	return fmt.Errorf("no worker has answered within %v: look at the workers' logs, then look with `starter show %s` how it is", acceptTimeout, workflowID)
}
