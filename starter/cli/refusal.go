package cli

import (
	"context"
	"errors"
	"fmt"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/privatereply/privatereply/internal/replies"
)

// explainError adds to an error about a workflow what the reader of a terminal can do.
func explainError(err error, workflowID string) error {
	var refusal *replies.Error
	var query *serviceerror.DeadlineExceeded
	var update *client.WorkflowUpdateServiceTimeoutOrCanceledError
	switch {
	case errors.As(err, &refusal) && refusal.Code == replies.NoWorker,
		errors.Is(err, context.DeadlineExceeded), errors.As(err, &query), errors.As(err, &update):
		return fmt.Errorf("no worker answers: start one, or look at its log; then see with `starter show %s` whether this was still taken", workflowID)
	}
	return err
}
