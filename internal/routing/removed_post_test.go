package routing

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/mock"
	batchpb "go.temporal.io/api/batch/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/mocks"
	"google.golang.org/grpc"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/personkey"
	"github.com/privatereply/privatereply/lab/harness/devserver/devservertest"
	"github.com/privatereply/privatereply/workflows"
)

// busyServer runs somebody's batch operation, as it does one at a time.
type busyServer struct {
	workflowservice.WorkflowServiceClient
	asked int
}

func (b *busyServer) StartBatchOperation(context.Context, *workflowservice.StartBatchOperationRequest, ...grpc.CallOption) (*workflowservice.StartBatchOperationResponse, error) {
	b.asked++
	return nil, serviceerror.NewResourceExhausted(enumspb.RESOURCE_EXHAUSTED_CAUSE_CONCURRENT_LIMIT, "max concurrent batch operations is reached")
}

// The removal of posts holds up no other event: neither a batch operation of somebody
// else's nor a post with very many replies keeps a worker from its next Intake.
func TestRemovedPostDoesNotHoldUpIntake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		temporal, server := mocks.NewClient(t), &busyServer{}
		temporal.On("WorkflowService").Return(server).Maybe()
		temporal.On("SignalWorkflow", mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything).Return(serviceerror.NewNotFound("none")).Maybe()
		temporal.On("ExecuteWorkflow", mock.Anything, mock.Anything, workflows.RemovedPostType, mock.Anything).Return(nil, nil)
		ctx, over := context.WithTimeout(t.Context(), 20*time.Minute)
		defer over()
		router := New(temporal, "queue", personkey.Keys{}, time.Now)
		removal := []workflows.InboundEvent{{Event: privatereply.Event{Removal: &privatereply.Removal{Platform: privatereply.Facebook, Account: "1", MediaID: "1_2"}}}}
		began := time.Now()
		for range 4 { // batches with a removal each
			if err := router.Route(ctx, removal, 1, func(int, Result) {}); err != nil {
				t.Error(err)
			}
		}
		if time.Since(began) > time.Minute {
			t.Errorf("accepted comments waited %v behind the removal of posts", time.Since(began))
		}
		if server.asked != 0 {
			t.Errorf("the server was asked for %d batch operations", server.asked)
		}
	})
}

// The same with a real server: somebody's batch over 1,000 workflows runs while a post
// is removed.
func TestRemovedPostBesideAnotherBatch(t *testing.T) {
	server, c := devservertest.StartSetUp(t)
	const n = 1000
	for i := range n {
		if _, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: fmt.Sprint("w", i), TaskQueue: "nobody"}, "Some"); err != nil {
			t.Fatal(err)
		}
	}
	const some = `WorkflowType = "Some"`
	eventually(t, "the workflows to be listed", func() bool {
		counted, err := c.CountWorkflow(t.Context(), &workflowservice.CountWorkflowExecutionsRequest{Query: some})
		return err == nil && counted.GetCount() == n
	})
	if _, err := c.WorkflowService().StartBatchOperation(t.Context(), &workflowservice.StartBatchOperationRequest{
		Namespace: server.Namespace, JobId: "operator", Reason: "an operator's", VisibilityQuery: some,
		Operation: &workflowservice.StartBatchOperationRequest_SignalOperation{SignalOperation: &batchpb.BatchOperationSignal{Signal: "x"}},
	}); err != nil {
		t.Fatal(err)
	}
	running := func() bool {
		batch, err := c.WorkflowService().DescribeBatchOperation(t.Context(), &workflowservice.DescribeBatchOperationRequest{Namespace: server.Namespace, JobId: "operator"})
		return err == nil && batch.GetState() == enumspb.BATCH_OPERATION_STATE_RUNNING
	}
	eventually(t, "the batch to run", running)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	began := time.Now()
	err := New(c, "queue", personkey.Keys{}, time.Now).Route(ctx, []workflows.InboundEvent{{Event: privatereply.Event{Removal: &privatereply.Removal{Platform: privatereply.Facebook, Account: "1", MediaID: "1_2"}}}}, 8, func(int, Result) {})
	if err != nil {
		t.Error(err)
	}
	if time.Since(began) > 3*time.Second {
		t.Errorf("one removed post held its batch for %v while another batch told %d workflows", time.Since(began).Round(100*time.Millisecond), n)
	}
	if !running() {
		t.Error("the other batch had ended: nothing was shown")
	}
	if _, err := c.DescribeWorkflowExecution(t.Context(), "removed-post:facebook:1:1_2", ""); err != nil {
		t.Errorf("nobody withdraws the replies: %v", err)
	}
}

func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			t.Fatalf("waited in vain for %s", what)
		case <-tick.C:
		}
	}
}
