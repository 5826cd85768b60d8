package replies

import (
	"context"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/workflows"
)

// hideTimeout is how long SetHidden waits for Meta to have done it.
const hideTimeout = 15 * time.Second

// SetHidden hides a comment, or shows it again, because a person wants that. The reply to it
// may have ended long ago. It waits a while; a result that is workflows.EffectWaiting goes on
// by itself for a day. What a person can be told is an Error.
func (c *Client) SetHidden(ctx context.Context, comment privatereply.Comment, hidden bool, by string) (workflows.HideStatus, error) {
	options, in, err := workflows.VisibilityOptions(workflows.VisibilityInput{Comment: comment, Hidden: hidden, By: by}, c.queue)
	if err != nil {
		return workflows.HideStatus{}, newError(Refused, "%s", err)
	}
	run, err := c.temporal.ExecuteWorkflow(ctx, options, workflows.CommentVisibilityType, in)
	if temporal.IsWorkflowExecutionAlreadyStartedError(err) {
		return workflows.HideStatus{}, c.errHiding(ctx, comment)
	}
	if err != nil {
		return workflows.HideStatus{}, fmt.Errorf("start %s: %w", options.ID, err)
	}
	return c.awaitHidden(ctx, run)
}

// awaitHidden waits for the result, and asks for the status if it does not come.
func (c *Client) awaitHidden(ctx context.Context, run client.WorkflowRun) (s workflows.HideStatus, err error) {
	waiting, cancel := context.WithTimeout(ctx, hideTimeout)
	defer cancel()
	if err = run.Get(waiting, &s); err == nil {
		return s, nil
	}
	if !isTimeout(err) || ctx.Err() != nil {
		return s, fmt.Errorf("wait for %s: %w", run.GetID(), err)
	}
	return c.hideStatus(ctx, run.GetID(), run.GetRunID())
}

// hideStatus asks a running workflow for its status.
func (c *Client) hideStatus(ctx context.Context, id, runID string) (s workflows.HideStatus, err error) {
	asking, cancel := context.WithTimeout(ctx, acceptTimeout)
	defer cancel()
	answer, err := c.temporal.QueryWorkflow(asking, id, runID, workflows.StatusQuery)
	if err != nil {
		if isTimeout(err) && ctx.Err() == nil {
			return s, c.errNoWorker(ctx)
		}
		return s, fmt.Errorf("ask %s for its status: %w", id, err)
	}
	return s, answer.Get(&s)
}

// Visibility is how it stands with what people last asked by hand: to hide the comment or to
// show it again; nil if nobody did, or so long ago that it is no longer kept. Whether the
// comment is hidden now only Meta can say.
func (c *Client) Visibility(ctx context.Context, comment privatereply.Comment) (*workflows.HideStatus, error) {
	id, err := privatereply.VisibilityID(comment)
	if err != nil {
		return nil, newError(Refused, "%s", err)
	}
	d, err := c.temporal.DescribeWorkflowExecution(ctx, id, "")
	if isNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("describe %s: %w", id, err)
	}
	run := d.GetWorkflowExecutionInfo().GetExecution().GetRunId()
	var s workflows.HideStatus
	switch d.GetWorkflowExecutionInfo().GetStatus() {
	case enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING:
		s, err = c.hideStatus(ctx, id, run)
	case enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED:
		err = c.temporal.GetWorkflow(ctx, id, run).Get(ctx, &s)
	default: // it was ended from outside
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &s, nil
}

// errHiding says who hides the comment at this moment.
func (c *Client) errHiding(ctx context.Context, comment privatereply.Comment) error {
	s, err := c.Visibility(ctx, comment)
	if err != nil || s == nil {
		return newError(Refused, "somebody is hiding this comment, or showing it again, at this moment; look here again")
	}
	return newError(Refused, "wait until this has ended: %s", s.Sentence())
}
