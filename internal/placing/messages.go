package placing

import (
	"context"

	"go.temporal.io/sdk/temporal"

	"github.com/privatereply/privatereply/workflows"
)

// locate has Meta asked who sent a message whose webhook did not say.
func (p *Placer) locate(ctx context.Context, a workflows.Arrival) (Effect, error) {
	options, in, err := workflows.LocateMessageOptions(a, p.queue)
	if err != nil {
		return Effect{}, err
	}
	_, err = p.client.ExecuteWorkflow(ctx, options, workflows.LocateMessageType, in)
	if temporal.IsWorkflowExecutionAlreadyStartedError(err) {
		return Effect{Duplicate, ""}, nil
	}
	return Effect{Started, ""}, err
}
