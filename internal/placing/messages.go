package placing

import (
	"context"

	"go.temporal.io/sdk/temporal"

	"github.com/privatereply/privatereply/workflows"
)

// locate has Meta asked who sent a message whose webhook did not say. It counts as
// signalled, as a message does: what is started are replies.
func (p *Placer) locate(ctx context.Context, a workflows.Arrival) (Effect, error) {
	options, in, err := workflows.LocateMessageOptions(a, p.queue)
	if err != nil {
		return Effect{}, err
	}
	_, err = p.client.ExecuteWorkflow(ctx, options, workflows.LocateMessageType, in)
	if temporal.IsWorkflowExecutionAlreadyStartedError(err) {
		return Effect{Duplicate, ""}, nil
	}
	return Effect{Signalled, ""}, err
}
