// Package replies is the client of running and ended replies: lists and counts, the status
// and story of one reply, and the decisions of people. It asks Temporal and nothing else.
package replies

import (
	"context"
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/personkey"
	"github.com/privatereply/privatereply/workflows"
)

// Client reads and decides the replies of one namespace.
type Client struct {
	temporal  client.Client
	namespace string
	queue     string
	data      converter.DataConverter
	keys      personkey.Keys
	now       func() time.Time
	sliceRows int

	superseded supersededRuns
}

// New returns a client of the namespace that c is connected to. The queue is the workers'
// task queue; data decodes what c leaves encoded, such as a memo.
func New(c client.Client, namespace, queue string, data converter.DataConverter) *Client {
	return &Client{temporal: c, namespace: namespace, queue: queue, data: data, now: time.Now, sliceRows: sliceRows}
}

// WithPersonKeys has the client find the replies to a person by keys.
func (c *Client) WithPersonKeys(keys personkey.Keys) *Client {
	c.keys = keys
	return c
}

// PersonKeys are the values of Row.PersonKey that the replies to a person may have: one for
// every encryption key, and one for replies from before there were keys.
func (c *Client) PersonKeys(p privatereply.Platform, account, person string) []string {
	return c.keys.All(p, account, person)
}

// Retention is the time for which the namespace keeps ended replies.
func (c *Client) Retention(ctx context.Context) (time.Duration, error) {
	d, err := c.temporal.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: c.namespace})
	if err != nil {
		return 0, fmt.Errorf("describe namespace %s: %w", c.namespace, err)
	}
	return d.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration(), nil
}

// Status reads the whole status of a reply: from the workflow while it runs, which needs a
// worker, and from its result afterwards.
func (c *Client) Status(ctx context.Context, id string) (workflows.PrivateReplyStatus, error) {
	return status[workflows.PrivateReplyStatus](ctx, c, id, "reply")
}

// Row reads what lists have of one reply. It needs no worker.
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

// Input reads what a reply was started with: the comment and the decision of the rules.
func (c *Client) Input(ctx context.Context, id string) (workflows.PrivateReplyInput, error) {
	var in workflows.PrivateReplyInput
	events := c.temporal.GetWorkflowHistory(ctx, id, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	if !events.HasNext() {
		return in, c.errNotFound(id)
	}
	first, err := events.Next()
	if isNotFound(err) {
		return in, c.errNotFound(id)
	}
	if err != nil {
		return in, err
	}
	return in, c.data.FromPayloads(first.GetWorkflowExecutionStartedEventAttributes().GetInput(), &in)
}
