package replies

import (
	"context"

	enumspb "go.temporal.io/api/enums/v1"

	"github.com/privatereply/privatereply/workflows"
)

// Input is what a reply was started with: the comment, and what the rules said then.
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
