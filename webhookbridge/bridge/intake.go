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

// intakeStarter starts an Intake with the events of a group; live says that some are of a
// live broadcast.
type intakeStarter func(ctx context.Context, encoded [][]byte, live bool) error

// livePriority lets a worker take batches with live comments before the others,
// which have 3, on servers that know priorities: a broadcast may be over before a
// storm has drained.
const livePriority = 1

// newIntakeStarter starts an Intake for each group. The events were encoded when they
// arrived; the input is put together from those bytes.
func newIntakeStarter(c client.Client, queue string) intakeStarter {
	return func(ctx context.Context, encoded [][]byte, live bool) error {
		options := client.StartWorkflowOptions{
			ID:            "intake:" + uuid.NewString(),
			TaskQueue:     workflows.IntakeQueue(queue),
			StaticSummary: fmt.Sprintf("%d events that arrived at once", len(encoded)),
		}
		if live {
			options.Priority.PriorityKey = livePriority
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
