// Package stop is the emergency brake for automatic replies that went wrong: it has the
// server reject, in one batch operation, every reply of an account or a rule that is held or
// on its way. A send that a worker has already cannot be called back.
package stop

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	batchpb "go.temporal.io/api/batch/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/visibility"
	"github.com/privatereply/privatereply/workflows"
)

const (
	// progressInterval is how often the server is asked whether a batch is done.
	progressInterval = 200 * time.Millisecond
	// retryInterval is how often a batch is tried to start while another one runs.
	retryInterval = time.Second
	// reportInterval is how often the progress of the other one is told.
	reportInterval = 5 * time.Second
)

// States are those of a reply that goes out by itself and is not sent yet.
var States = []privatereply.State{privatereply.Holding, privatereply.Sending}

// Selection is whose replies are stopped: those of an account, of a rule, or of a rule at an
// account. One of both must be given.
type Selection struct{ Account, Rule string }

// Query finds the replies of a selection that are not sent yet.
func (s Selection) Query() string {
	query := visibility.In(workflows.ReplyState, States...)
	if s.Rule != "" {
		query = visibility.And(visibility.Equals(workflows.RuleName, s.Rule), query)
	}
	if s.Account != "" {
		query = visibility.And(visibility.Equals(workflows.AccountID, s.Account), query)
	}
	return query.String()
}

// Report is the outcome of a batch.
type Report struct {
	Concerned int64  `json:"concerned"` // replies held or on their way
	Signalled int64  `json:"signalled"` // told to stop
	Failed    int64  `json:"failed"`    // could not be told
	JobID     string `json:"job_id,omitempty"`
}

// Batches starts batch operations in a namespace. A namespace runs one at a time, unless its
// operator allows more.
type Batches struct {
	Temporal  client.Client
	Namespace string
	Data      converter.DataConverter
	// Program names who starts them. The server keeps it in clear, whatever is encrypted.
	Program string
}

var errNobody = errors.New("say whose replies to stop: an account's or a rule's")

// Count counts the replies that Reject would tell to stop.
func (b Batches) Count(ctx context.Context, s Selection) (int64, error) {
	if s == (Selection{}) {
		return 0, errNobody
	}
	r, err := b.Temporal.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Query: s.Query()})
	if err != nil {
		return 0, fmt.Errorf("count the replies: %w", err)
	}
	return r.GetCount(), nil
}

// Reject has the server tell every reply of a selection to stop, and waits until it has done
// so. While it waits for another batch it says so to waiting every few seconds.
func (b Batches) Reject(ctx context.Context, s Selection, message workflows.Reject, waiting func(reason string)) (Report, error) {
	if s == (Selection{}) {
		return Report{}, errNobody
	}
	payloads, err := b.Data.ToPayloads(message)
	if err != nil {
		return Report{}, err
	}
	job := uuid.NewString()
	err = b.start(ctx, waiting, &workflowservice.StartBatchOperationRequest{
		Namespace: b.Namespace,
		JobId:     job,
		// Neither is ever encrypted; who stopped the replies and why stands in the input.
		Reason:          b.Program,
		VisibilityQuery: s.Query(),
		Operation: &workflowservice.StartBatchOperationRequest_SignalOperation{SignalOperation: &batchpb.BatchOperationSignal{
			Signal: workflows.RejectMessage, Input: payloads, Identity: b.Program,
		}},
	})
	if err != nil {
		return Report{}, err
	}
	tick := time.NewTicker(progressInterval)
	defer tick.Stop()
	for {
		d, err := b.describe(ctx, job)
		if err == nil && d.GetState() != enumspb.BATCH_OPERATION_STATE_RUNNING {
			r := Report{
				Concerned: d.GetTotalOperationCount(), Signalled: d.GetCompleteOperationCount(),
				Failed: d.GetFailureOperationCount(), JobID: job,
			}
			if d.GetState() == enumspb.BATCH_OPERATION_STATE_FAILED {
				return r, fmt.Errorf("the batch %s failed after %d of %d replies; stop them again", job, r.Signalled, r.Concerned)
			}
			return r, nil
		}
		var notFound *serviceerror.NotFound
		if err != nil && !errors.As(err, &notFound) { // a new batch is not found at once
			return Report{}, fmt.Errorf("the batch %s runs, but cannot be followed: %w", job, err)
		}
		select {
		case <-ctx.Done():
			return Report{}, fmt.Errorf("the batch %s goes on in the server: %w", job, ctx.Err())
		case <-tick.C:
		}
	}
}

// start starts a batch operation as soon as the server lets it.
func (b Batches) start(ctx context.Context, waiting func(string), request *workflowservice.StartBatchOperationRequest) error {
	tick := time.NewTicker(retryInterval)
	defer tick.Stop()
	var reportedAt time.Time
	for {
		_, err := b.Temporal.WorkflowService().StartBatchOperation(ctx, request)
		var busy *serviceerror.ResourceExhausted
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
		case !errors.As(err, &busy):
			return fmt.Errorf("start the batch: %w", err)
		case time.Since(reportedAt) >= reportInterval:
			reportedAt = time.Now()
			waiting(b.busyReason(ctx, busy))
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("nothing was stopped: %w while waiting for another batch operation", ctx.Err())
		case <-tick.C:
		}
	}
}

// busyReason says what a batch has to wait for.
func (b Batches) busyReason(ctx context.Context, busy *serviceerror.ResourceExhausted) string {
	if busy.Cause != enumspb.RESOURCE_EXHAUSTED_CAUSE_CONCURRENT_LIMIT {
		return "waiting for the server, which is overloaded: " + busy.Error()
	}
	return "waiting for another batch operation" + b.other(ctx) + " to end"
}

// other names the batch operation that runs, and how far it is, if that can be had.
func (b Batches) other(ctx context.Context) string {
	list, err := b.Temporal.WorkflowService().ListBatchOperations(ctx, &workflowservice.ListBatchOperationsRequest{Namespace: b.Namespace, PageSize: 100})
	if err != nil {
		return ""
	}
	for _, info := range list.GetOperationInfo() {
		if info.GetState() != enumspb.BATCH_OPERATION_STATE_RUNNING {
			continue
		}
		d, err := b.describe(ctx, info.GetJobId())
		if err != nil || d.GetTotalOperationCount() == 0 {
			return " " + info.GetJobId()
		}
		return fmt.Sprintf(" %s (%d of %d done)", info.GetJobId(), d.GetCompleteOperationCount()+d.GetFailureOperationCount(), d.GetTotalOperationCount())
	}
	return ""
}

func (b Batches) describe(ctx context.Context, job string) (*workflowservice.DescribeBatchOperationResponse, error) {
	return b.Temporal.WorkflowService().DescribeBatchOperation(ctx, &workflowservice.DescribeBatchOperationRequest{Namespace: b.Namespace, JobId: job})
}
