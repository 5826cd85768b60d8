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

// Kind says why something was not done, for programs.
type Kind string

// The kinds.
const (
	Refused   Kind = "refused"    // the reply says no, in words
	NotFound  Kind = "not_found"  // no such workflow is kept
	NoWorker  Kind = "no_worker"  // nobody answered in time; it may still be taken
	Unsettled Kind = "unsettled"  // accepted, but its effect is not known yet
	Gone      Kind = "terminated" // the workflow was ended from outside
)

// Refusal is a no in words for a person.
type Refusal struct {
	Kind  Kind
	Words string
}

func (r *Refusal) Error() string { return r.Words }

func refuse(kind Kind, format string, args ...any) error {
	return &Refusal{Kind: kind, Words: fmt.Sprintf(format, args...)}
}

// updateError turns an Update's error into words. A refusal has them already.
func (c *Client) updateError(ctx context.Context, workflowID string, err error) error {
	var refusal *temporal.ApplicationError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refusal):
		return &Refusal{Kind: Refused, Words: refusal.Message()}
	case isNotFound(err):
		return c.ended(ctx, workflowID)
	}
	return err
}

// ended says why a workflow takes no messages, and who decided what.
func (c *Client) ended(ctx context.Context, workflowID string) error {
	d, err := c.temporal.DescribeWorkflowExecution(ctx, workflowID, "")
	if isNotFound(err) {
		return c.notKept(workflowID)
	}
	if err != nil {
		return err
	}
	if d.GetWorkflowExecutionInfo().GetType().GetName() != workflows.PrivateReplyType {
		return refuse(Refused, "this conversation has ended: its window is closed")
	}
	var status workflows.Status
	if err := c.temporal.GetWorkflow(ctx, workflowID, "").Get(ctx, &status); err != nil {
		return refuse(Gone, "this reply was ended from outside, so that nobody can say how far it came")
	}
	const clock = "15:04:05 UTC on 2 Jan 2006"
	switch {
	case status.State == privatereply.Rejected && status.Approver != "":
		return refuse(Refused, "already decided: %s rejected this reply at %s", status.Approver, status.DecidedAt.UTC().Format(clock))
	case status.Approver != "":
		return refuse(Refused, "already decided: %s approved this reply at %s; it is %s", status.Approver, status.DecidedAt.UTC().Format(clock), status.State)
	}
	return refuse(Refused, "this reply has ended: it is %s. %s", status.State, status.Reason.Sentence())
}

func (c *Client) notKept(workflowID string) error {
	return refuse(NotFound, "%s does not exist, or ended so long ago that it is no longer kept", workflowID)
}

// noAnswer says why nobody answered in time.
func (c *Client) noAnswer(ctx context.Context) error {
	d, err := c.temporal.DescribeTaskQueue(ctx, c.queue, enumspb.TASK_QUEUE_TYPE_WORKFLOW)
	if err == nil && len(d.GetPollers()) == 0 {
		return refuse(NoWorker, "no worker is running, so that nothing can be decided now; tell the people who operate it, and look here again: it may still be taken")
	}
	return refuse(NoWorker, "no worker has answered within %v; look here again: it may still be taken", acceptTimeout)
}

func isNotFound(err error) bool {
	var notFound *serviceerror.NotFound
	return errors.As(err, &notFound)
}
