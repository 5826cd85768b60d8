package bridge

import (
	"bytes"
	"context"
	"fmt"

	"github.com/google/uuid"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/privatereply/privatereply/workflows"
)

// intakes starts an Intake for each group. The events were encoded when they
// arrived; the input is put together from those bytes.
func intakes(c client.Client, queue string) func(ctx context.Context, encoded [][]byte) error {
	return func(ctx context.Context, encoded [][]byte) error {
		options := client.StartWorkflowOptions{
			ID:            "intake:" + uuid.NewString(),
			TaskQueue:     workflows.IntakeQueue(queue),
			StaticSummary: fmt.Sprintf("%d events that arrived at once", len(encoded)),
		}
		_, err := c.ExecuteWorkflow(ctx, options, workflows.IntakeType, intakeInput(encoded))
		return err
	}
}

// intakeInput is the JSON of a workflows.IntakeInput.
func intakeInput(encoded [][]byte) converter.RawValue {
	const begin, end = `{"arrivals":[`, `]}`
	size := len(begin) + len(end) + len(encoded)
	for _, e := range encoded {
		size += len(e)
	}
	data := append(make([]byte, 0, size), begin...)
	data = append(data, bytes.Join(encoded, []byte(","))...)
	data = append(data, end...)
	return converter.NewRawValue(&commonpb.Payload{
		Metadata: map[string][]byte{converter.MetadataEncoding: []byte(converter.MetadataEncodingJSON)},
		Data:     data,
	})
}
