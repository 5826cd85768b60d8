package erasure

import (
	"context"
	"errors"
	"fmt"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/workflows"
)

// ErrUnknownCode says that no erasure has a confirmation code, or that it was done so long
// ago that Temporal does not keep it any more.
var ErrUnknownCode = errors.New("no erasure has this confirmation code")

// Request starts an erasure on queue. A code that is known is the same erasure, and starts
// nothing.
func Request(ctx context.Context, c client.Client, code, queue string, in workflows.ErasureInput) error {
	options, err := workflows.ErasureOptions(code, queue, in)
	if err != nil {
		return err
	}
	if _, err := c.ExecuteWorkflow(ctx, options, workflows.ErasureType, in); err != nil && !temporal.IsWorkflowExecutionAlreadyStartedError(err) {
		return fmt.Errorf("start %s: %w", options.ID, err)
	}
	return nil
}

// Progress reads how far an erasure is. It needs no worker.
func Progress(ctx context.Context, c client.Client, data converter.DataConverter, code string) (workflows.ErasureProgress, error) {
	var progress workflows.ErasureProgress
	id, err := privatereply.ErasureID(code)
	if err != nil {
		return progress, ErrUnknownCode
	}
	d, err := c.DescribeWorkflowExecution(ctx, id, "")
	if isNotFound(err) {
		return progress, ErrUnknownCode
	}
	if err != nil {
		return progress, fmt.Errorf("describe %s: %w", id, err)
	}
	info := d.GetWorkflowExecutionInfo()
	if p, ok := info.GetMemo().GetFields()[workflows.MemoErasure]; ok {
		if err := data.FromPayload(p, &progress); err != nil {
			return progress, fmt.Errorf("read the memo of %s: %w", id, err)
		}
	}
	switch info.GetStatus() {
	case enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED:
	default: // it was ended from outside
		progress.State = workflows.ErasureStuck
	}
	return progress, nil
}
