package replies

import (
	"context"
	"errors"
	"fmt"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/temporal"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/workflows"
)

// Code says for programs why a request was not carried out.
type Code string

// The codes.
const (
	Refused       Code = "refused"    // the reply says no, in words
	NotFound      Code = "not_found"  // no such workflow is kept
	NoWorker      Code = "no_worker"  // nobody answered in time; it may still be taken
	EffectUnknown Code = "unsettled"  // accepted, but its effect is not known yet
	Terminated    Code = "terminated" // the workflow was ended from outside
)

// Error is a refusal, with a message for a person.
type Error struct {
	Code    Code
	Message string
}

func (r *Error) Error() string { return r.Message }

func newError(code Code, format string, args ...any) error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// convertUpdateError makes an Error of an Update's error: the validator's refusal, or that
// the workflow has ended.
func (c *Client) convertUpdateError(ctx context.Context, workflowID string, err error) error {
	var refusal *temporal.ApplicationError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refusal):
		return &Error{Code: Refused, Message: refusal.Message()}
	case isNotFound(err):
		return c.errEnded(ctx, workflowID)
	}
	return err
}

// errEnded says that a workflow has ended, and who decided what.
func (c *Client) errEnded(ctx context.Context, workflowID string) error {
	d, err := c.temporal.DescribeWorkflowExecution(ctx, workflowID, "")
	if isNotFound(err) {
		return c.errNotFound(workflowID)
	}
	if err != nil {
		return err
	}
	if d.GetWorkflowExecutionInfo().GetType().GetName() != workflows.PrivateReplyType {
		return newError(Refused, "this conversation has ended: its window is closed")
	}
	var status workflows.PrivateReplyStatus
	if err := c.temporal.GetWorkflow(ctx, workflowID, "").Get(ctx, &status); err != nil {
		return newError(Terminated, "this reply was ended from outside, so that nobody can say how far it came")
	}
	const clock = "15:04:05 UTC on 2 Jan 2006"
	switch {
	case status.State == privatereply.Rejected && status.Approver != "":
		return newError(Refused, "already decided: %s rejected this reply at %s", status.Approver, status.DecidedAt.UTC().Format(clock))
	case status.Approver != "":
		return newError(Refused, "already decided: %s approved this reply at %s; %s", status.Approver, status.DecidedAt.UTC().Format(clock), status.State.Clause())
	}
	return newError(Refused, "this reply has ended: %s. %s", status.State.Clause(), status.Reason.Sentence())
}

func (c *Client) errNotFound(workflowID string) error { return NotFoundError(workflowID) }

// NotFoundError is the error for a workflow that does not exist, or no longer.
func NotFoundError(workflowID string) error {
	return newError(NotFound, "%s does not exist, or ended so long ago that it is no longer kept", workflowID)
}

// errNoWorker says that no worker runs, or that it is too slow.
func (c *Client) errNoWorker(ctx context.Context) error {
	d, err := c.temporal.DescribeTaskQueue(ctx, c.queue, enumspb.TASK_QUEUE_TYPE_WORKFLOW)
	if err == nil && len(d.GetPollers()) == 0 {
		return newError(NoWorker, "no worker is running, so that nothing can be decided now; tell the people who operate it, and look here again: it may still be taken")
	}
	return newError(NoWorker, "no worker has answered within %v; look here again: it may still be taken", acceptTimeout)
}

func isNotFound(err error) bool {
	var notFound *serviceerror.NotFound
	return errors.As(err, &notFound)
}
