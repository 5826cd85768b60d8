// Package replies is how programs look at replies and decide them from outside:
// lists and counts, one reply's story, and the decisions of people. It asks
// Temporal and nothing else.
package replies

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
)

// Client asks one namespace.
type Client struct {
	temporal  client.Client
	namespace string
	queue     string
	data      converter.DataConverter
	now       func() time.Time
	sliceRows int
}

// New makes a client of what c is connected to. The queue is the task queue whose
// workers answer; data decodes what c's own methods leave encoded, such as a memo.
func New(c client.Client, namespace, queue string, data converter.DataConverter) *Client {
	return &Client{temporal: c, namespace: namespace, queue: queue, data: data, now: time.Now, sliceRows: sliceRows}
}

// Retention is how long the namespace keeps replies that have ended.
func (c *Client) Retention(ctx context.Context) (time.Duration, error) {
	d, err := c.temporal.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: c.namespace})
	if err != nil {
		return 0, fmt.Errorf("describe namespace %s: %w", c.namespace, err)
	}
	return d.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration(), nil
}
