package codec

import (
	"context"
	"errors"
	"fmt"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"
)

// waiting makes a workflow wait for the right keys. Without it the SDK fails a workflow
// whose input cannot be decrypted, for good: one worker with wrong keys would end every
// reply that it takes. A panic fails only the workflow task, which the server gives to
// a worker again and again, with the reason in the Web UI.
type waiting struct{ converter.DataConverter }

var _ workflow.ContextAware = waiting{}

func (w waiting) WithContext(context.Context) converter.DataConverter { return w }

func (w waiting) WithWorkflowContext(workflow.Context) converter.DataConverter {
	return inWorkflow(w)
}

type inWorkflow struct{ converter.DataConverter }

func (w inWorkflow) FromPayload(p *commonpb.Payload, to any) error {
	return insist(w.DataConverter.FromPayload(p, to))
}

func (w inWorkflow) FromPayloads(p *commonpb.Payloads, to ...any) error {
	return insist(w.DataConverter.FromPayloads(p, to...))
}

func insist(err error) error {
	var problem notDecrypted
	if errors.As(err, &problem) {
		panic(fmt.Sprintf("%v; it goes on when a worker has the key", problem))
	}
	return err
}
