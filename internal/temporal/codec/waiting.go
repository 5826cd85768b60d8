package codec

import (
	"context"
	"errors"
	"fmt"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"
)

// keyAwaitingConverter makes a workflow wait for the right keys. Without it the SDK fails a workflow
// whose input cannot be decrypted, for good: one worker with wrong keys would end every
// reply that it takes. A panic fails only the workflow task, which the server gives to
// a worker again and again, with the reason in the Web UI.
type keyAwaitingConverter struct{ converter.DataConverter }

var _ workflow.ContextAware = keyAwaitingConverter{}

func (w keyAwaitingConverter) WithContext(context.Context) converter.DataConverter { return w }

func (w keyAwaitingConverter) WithWorkflowContext(workflow.Context) converter.DataConverter {
	return workflowConverter(w)
}

type workflowConverter struct{ converter.DataConverter }

func (w workflowConverter) FromPayload(p *commonpb.Payload, to any) error {
	return panicIfUndecryptable(w.DataConverter.FromPayload(p, to))
}

func (w workflowConverter) FromPayloads(p *commonpb.Payloads, to ...any) error {
	return panicIfUndecryptable(w.DataConverter.FromPayloads(p, to...))
}

func panicIfUndecryptable(err error) error {
	var problem decryptError
	if errors.As(err, &problem) {
		panic(fmt.Sprintf("%v; it goes on when a worker has the key", problem))
	}
	return err
}
