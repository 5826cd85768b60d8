package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	enumspb "go.temporal.io/api/enums/v1"
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

// invocation makes the Update ids of one run of the program: the same for every
// try, so that a repeat after a lost answer gets the first one's answer.
var invocation = uuid.NewString()

// update sends an Update and waits for its answer.
func (s *session) update(ctx context.Context, workflowID, name string, message, answer any) error {
	accepting, cancel := context.WithTimeout(ctx, acceptTimeout)
	defer cancel()
	handle, err := s.UpdateWorkflow(accepting, client.UpdateWorkflowOptions{
		WorkflowID:   workflowID,
		UpdateID:     "starter-" + name + "-" + invocation,
		UpdateName:   name,
		Args:         []any{message},
		WaitForStage: client.WorkflowUpdateStageAccepted,
	})
	if err != nil {
		if accepting.Err() != nil && ctx.Err() == nil {
			return s.noAnswer(ctx, workflowID)
		}
		return s.updateError(ctx, workflowID, err)
	}
	finishing, cancel := context.WithTimeout(ctx, effectTimeout)
	defer cancel()
	err = handle.Get(finishing, answer)
	if err != nil && finishing.Err() != nil && ctx.Err() == nil {
		return fmt.Errorf("accepted, but its effect is not known after %v; look again with `starter show %s`", effectTimeout, workflowID)
	}
	return s.updateError(ctx, workflowID, err)
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

// noAnswer says why nobody answered in time.
func (s *session) noAnswer(ctx context.Context, workflowID string) error {
	queue := s.settings.TaskQueue
	d, err := s.DescribeTaskQueue(ctx, queue, enumspb.TASK_QUEUE_TYPE_WORKFLOW)
	if err == nil && len(d.GetPollers()) == 0 {
		return fmt.Errorf("no worker is running for task queue %s: start one, then look with `starter show %s` whether this was still taken", queue, workflowID)
	}
	return fmt.Errorf("no worker has answered within %v: look at the workers' logs, then look with `starter show %s` whether this was still taken", acceptTimeout, workflowID)
}
