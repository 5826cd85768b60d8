package replies

import (
	"context"
	"errors"
	"fmt"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/workflows"
)

// Reopen takes a rejection back: the reply begins anew, under the same id, and waits for a
// decision. It can be had where a person rejected it, before its deadline, and before Meta
// was asked to send it. What a person can be told is an Error. Two who reopen at the same
// moment make one new run.
func (c *Client) Reopen(ctx context.Context, id, by, reason string) error {
	r, err := c.rejectedReply(ctx, id)
	if err != nil {
		return err
	}
	options, in, err := workflows.ReopenOptions(r, by, reason, c.queue, c.now())
	if err != nil {
		return newError(Refused, "%s", err)
	}
	run, err := c.temporal.ExecuteWorkflow(ctx, options, workflows.ReopenType, in)
	if temporal.IsWorkflowExecutionAlreadyStartedError(err) {
		return c.errReopened(ctx, options.ID)
	}
	if err != nil {
		return fmt.Errorf("reopen %s: %w", id, err)
	}
	if err := c.awaitReopened(ctx, id, run); err != nil {
		return err
	}
	c.superseded.add(r.RunID, c.now())
	return nil
}

// awaitReopened waits until the new run is there.
func (c *Client) awaitReopened(ctx context.Context, id string, run client.WorkflowRun) error {
	starting, cancel := context.WithTimeout(ctx, acceptTimeout)
	defer cancel()
	err := run.Get(starting, nil)
	var refusal *temporal.ApplicationError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refusal):
		return newError(Refused, "%s", refusal.Message())
	case isTimeout(err) && ctx.Err() == nil:
		return c.errNoWorker(ctx)
	}
	return fmt.Errorf("reopen %s: %w", id, err)
}

// rejectedReply reads the newest run of a reply. A rejection ends some seconds after it was
// answered.
func (c *Client) rejectedReply(ctx context.Context, id string) (workflows.RejectedReply, error) {
	r := workflows.RejectedReply{ID: id}
	if parsed, ok := privatereply.ParseID(id); !ok || parsed.Kind != "reply" {
		return r, c.errNotFound(id)
	}
	d, err := c.temporal.DescribeWorkflowExecution(ctx, id, "")
	if isNotFound(err) {
		return r, c.errNotFound(id)
	}
	if err != nil {
		return r, fmt.Errorf("describe %s: %w", id, err)
	}
	info := d.GetWorkflowExecutionInfo()
	row := c.row(info)
	r.RunID, r.PersonKey = info.GetExecution().GetRunId(), row.PersonKey
	if info.GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING && row.State != privatereply.Rejected {
		return r, newError(Refused, "there is nothing to reopen. %s", row.State.Sentence())
	}
	ending, cancel := context.WithTimeout(ctx, acceptTimeout)
	defer cancel()
	err = c.temporal.GetWorkflow(ending, id, r.RunID).Get(ending, &r.Status)
	switch {
	case err == nil:
	case isTimeout(err) && ctx.Err() == nil:
		return r, newError(Refused, "the rejection has not come to its end: something of it is still under way; try again later")
	default:
		return r, newError(Terminated, "this reply was ended from outside, so that nobody can say how far it came")
	}
	in, err := c.Input(ctx, id)
	if begin := in.InitialState; begin != nil {
		r.Events = begin.Events
	}
	return r, err
}

// errReopened says who has reopened the same rejection.
func (c *Client) errReopened(ctx context.Context, workflowID string) error {
	events := c.temporal.GetWorkflowHistory(ctx, workflowID, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	var in workflows.ReopenInput
	if first, err := events.Next(); err == nil && decodeFirst(c, first.GetWorkflowExecutionStartedEventAttributes().GetInput(), &in) == nil && in.Input.Reopened != nil {
		return newError(Refused, "already reopened: %s took this rejection back at %s", in.Input.Reopened.By, in.Input.Reopened.At.UTC().Format("15:04:05 UTC on 2 Jan 2006"))
	}
	return newError(Refused, "already reopened: somebody took this rejection back")
}
