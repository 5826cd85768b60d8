package replies

import (
	"context"
	"errors"
	"fmt"

	enumspb "go.temporal.io/api/enums/v1"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/workflows"
)

// Status is everything about one reply: from the workflow while it runs, which
// needs a worker; from its result afterwards.
func (c *Client) Status(ctx context.Context, id string) (workflows.PrivateReplyStatus, error) {
	return status[workflows.PrivateReplyStatus](ctx, c, id, "reply")
}

// ConversationStatus is what is known of a conversation's window.
func (c *Client) ConversationStatus(ctx context.Context, id string) (workflows.ConversationStatus, error) {
	return status[workflows.ConversationStatus](ctx, c, id, "conversation")
}

// Row is what lists tell of one reply. It needs no worker.
func (c *Client) Row(ctx context.Context, id string) (Row, error) {
	if parsed, ok := privatereply.ParseID(id); !ok || parsed.Kind != "reply" {
		return Row{}, c.errNotFound(id)
	}
	d, err := c.temporal.DescribeWorkflowExecution(ctx, id, "")
	if isNotFound(err) {
		return Row{}, c.errNotFound(id)
	}
	if err != nil {
		return Row{}, fmt.Errorf("describe %s: %w", id, err)
	}
	return c.row(d.GetWorkflowExecutionInfo()), nil
}

func status[T any](ctx context.Context, c *Client, id, kind string) (s T, err error) {
	if parsed, ok := privatereply.ParseID(id); !ok || parsed.Kind != kind {
		return s, c.errNotFound(id)
	}
	ctx, cancel := context.WithTimeout(ctx, acceptTimeout)
	defer cancel()
	d, err := c.temporal.DescribeWorkflowExecution(ctx, id, "")
	if isNotFound(err) {
		return s, c.errNotFound(id)
	}
	if err != nil {
		return s, fmt.Errorf("describe %s: %w", id, err)
	}
	switch d.GetWorkflowExecutionInfo().GetStatus() {
	case enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED:
		err = c.temporal.GetWorkflow(ctx, id, "").Get(ctx, &s)
		return s, err
	case enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING:
	default:
		return s, newError(Terminated, "the workflow was ended from outside, so that nobody can say how far it came; its history is in the Temporal Web UI")
	}
	answer, err := c.temporal.QueryWorkflow(ctx, id, "", workflows.StatusQuery)
	if err != nil {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return s, c.errNoWorker(context.WithoutCancel(ctx))
		}
		return s, fmt.Errorf("ask %s for its status: %w", id, err)
	}
	return s, answer.Get(&s)
}
