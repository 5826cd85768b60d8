package erasure

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/grpc"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/temporal/codec"
	"github.com/privatereply/privatereply/internal/temporal/setup"
	"github.com/privatereply/privatereply/lab/harness/devserver/devservertest"
	"github.com/privatereply/privatereply/workflows"
)

const (
	queue   = "erasure"
	account = "17841400000000001"
)

// encrypting is a client with a key that nobody else has.
func encrypting(t *testing.T, address string) (client.Client, converter.DataConverter) {
	t.Helper()
	keys, err := codec.ParseKeys("a:" + codec.NewSecret())
	if err != nil {
		t.Fatal(err)
	}
	c, err := codec.New(keys)
	if err != nil {
		t.Fatal(err)
	}
	options := client.Options{HostPort: address, Logger: quiet{}}
	c.Apply(&options)
	temporal, err := client.DialContext(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(temporal.Close)
	return temporal, options.DataConverter
}

// waiting starts the reply to a person's comment, which waits for a decision.
func waiting(t *testing.T, c client.Client, person, comment string) string {
	t.Helper()
	in := workflows.PrivateReplyInput{
		Comment:  privatereply.Comment{Platform: privatereply.Instagram, Account: account, CommentID: comment, PersonID: person, Username: "hilda", Text: "Hello?", ReceivedAt: time.Now()},
		Decision: privatereply.Decision{Action: privatereply.ActionAsk},
	}
	options, in, err := workflows.PrivateReplyOptions(in, queue, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.ExecuteWorkflow(t.Context(), options, workflows.PrivateReplyType, in); err != nil {
		t.Fatal(err)
	}
	return options.ID
}

// What cannot be removed, or cannot even be read, is said, and never counts as done: a
// reply that no worker can stop might be sent yet.
func TestWhatIsKept(t *testing.T) {
	server := devservertest.Start(t)
	ours, data := encrypting(t, server.Address)
	if _, err := setup.Apply(t.Context(), ours, server.Namespace); err != nil {
		t.Fatal(err)
	}
	theirs, _ := encrypting(t, server.Address)
	const person = "6000000000000001"
	e := New(Config{Temporal: ours, Namespace: server.Namespace, Data: data, Queue: queue, Operator: "ana", UpdateID: "test"})
	e.endTimeout = time.Second
	batch, err := ours.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: "intake:test", TaskQueue: queue}, workflows.IntakeType, workflows.IntakeInput{Events: []workflows.InboundEvent{
		{Event: privatereply.Event{Message: &privatereply.PersonMessage{Platform: privatereply.Instagram, Account: account, PersonID: person}}},
		{Event: privatereply.Event{Message: &privatereply.PersonMessage{Platform: privatereply.Instagram, Account: account, PersonID: "6000000000000002"}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	kept := waiting(t, ours, person, "18000000000000001")
	unreadable := waiting(t, theirs, person, "18000000000000002")
	awaitListed(t, ours, batch.GetID(), kept, unreadable)

	report := erase(t, e, Person{ID: person})
	if report.Done() || len(report.Removed) != 0 || len(report.Remaining) != 2 || len(report.Unreadable) != 1 {
		t.Fatalf("the report is %+v", report)
	}
	if h := report.Remaining[0]; h.WorkflowID != batch.GetID() || h.OtherPersons != 1 || !strings.Contains(h.KeptReason, "still places the events of others") {
		t.Errorf("kept is %+v", h)
	}
	if h := report.Remaining[1]; h.WorkflowID != kept || !strings.Contains(h.KeptReason, "no worker is running") {
		t.Errorf("kept is %+v", h)
	}
	if u := report.Unreadable[0]; u.WorkflowID != unreadable || !strings.Contains(u.Why, "decrypt") {
		t.Errorf("unreadable is %+v", u)
	}
	if _, err := ours.DescribeWorkflowExecution(t.Context(), kept, ""); err != nil {
		t.Errorf("what is kept is gone: %v", err)
	}
}

// erase searches and removes once.
func erase(t *testing.T, e *Eraser, p Person) Report {
	t.Helper()
	found, err := e.Find(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	removed, kept, err := e.remove(t.Context(), found.Runs)
	if err != nil {
		t.Fatal(err)
	}
	return Report{Person: p.ID, Removed: removed, Remaining: kept, Unreadable: found.Unreadable}
}

// A batch that did not complete may be the only copy of what others wrote: it is kept
// until a reset has placed its events.
func TestBatchThatDidNotComplete(t *testing.T) {
	server := devservertest.Start(t)
	c, data := encrypting(t, server.Address)
	w := worker.New(c, queue, worker.Options{})
	w.RegisterWorkflowWithOptions(func(ctx workflow.Context, _ converter.RawValue) error {
		workflow.GetSignalChannel(ctx, "placed").Receive(ctx, nil)
		return nil
	}, workflow.RegisterOptions{Name: workflows.IntakeType})
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Stop)
	batch, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: "intake:lost", TaskQueue: queue}, workflows.IntakeType, workflows.IntakeInput{})
	if err != nil {
		t.Fatal(err)
	}
	e := New(Config{Temporal: c, Namespace: server.Namespace, Data: data})
	why := func(others int) string {
		why, err := e.endRun(t.Context(), &Run{Kind: Intake, WorkflowID: batch.GetID(), RunID: batch.GetRunID(), OtherPersons: others})
		if err != nil {
			t.Fatal(err)
		}
		return why
	}
	// What can be reset has had a workflow task.
	if ok, err := poll(t.Context(), time.Minute, func() (bool, error) {
		d, err := c.DescribeWorkflowExecution(t.Context(), batch.GetID(), "")
		return d.GetWorkflowExecutionInfo().GetHistoryLength() >= 4, err
	}); err != nil || !ok {
		t.Fatalf("no worker took the batch: %v", err)
	}
	if err := c.TerminateWorkflow(t.Context(), batch.GetID(), batch.GetRunID(), "by hand"); err != nil {
		t.Fatal(err)
	}
	if got := why(1); !strings.Contains(got, "workflow reset --workflow-id intake:lost") {
		t.Errorf("with events of others: %q", got)
	}
	if got := why(0); got != "" {
		t.Errorf("without: %q", got)
	}
	reset, err := c.ResetWorkflowExecution(t.Context(), &workflowservice.ResetWorkflowExecutionRequest{
		Namespace:         server.Namespace,
		WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: batch.GetID(), RunId: batch.GetRunID()},
		Reason:            "forget", RequestId: "reset", WorkflowTaskFinishEventId: 4,
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := why(1); !strings.Contains(got, "still places") {
		t.Errorf("after the reset: %q", got)
	}
	if err := c.SignalWorkflow(t.Context(), batch.GetID(), reset.GetRunId(), "placed", nil); err != nil {
		t.Fatal(err)
	}
	if err := c.GetWorkflow(t.Context(), batch.GetID(), reset.GetRunId()).Get(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if got := why(1); got != "" {
		t.Errorf("after its events were placed: %q", got)
	}
}

// An error in the middle hides nothing of what was removed before it.
func TestErrorInTheMiddle(t *testing.T) {
	e := New(Config{Temporal: failing{deletes: &deletes{left: 1}}})
	var held []Run
	for _, run := range []string{"a", "b", "c"} {
		held = append(held, Run{Kind: Conversation, WorkflowID: "conversation:" + run, RunID: run})
	}
	removed, kept, err := e.remove(t.Context(), held)
	if err == nil || len(removed) != 1 || removed[0].RunID != "a" {
		t.Errorf("removed %+v, %v", removed, err)
	}
	if len(kept) != 2 || kept[0].RunID != "b" || kept[1].RunID != "c" || kept[0].KeptReason == "" || kept[1].KeptReason == "" {
		t.Errorf("kept %+v", kept)
	}
}

// failing is a server that deletes some runs at once, and then answers no more.
type failing struct {
	client.Client
	deletes *deletes
}

type deletes struct {
	workflowservice.WorkflowServiceClient
	left int
}

func (f failing) WorkflowService() workflowservice.WorkflowServiceClient { return f.deletes }

func (f failing) DescribeWorkflowExecution(context.Context, string, string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	return nil, serviceerror.NewNotFound("gone")
}

func (f failing) CountWorkflow(context.Context, *workflowservice.CountWorkflowExecutionsRequest) (*workflowservice.CountWorkflowExecutionsResponse, error) {
	return &workflowservice.CountWorkflowExecutionsResponse{}, nil
}

func (d *deletes) DeleteWorkflowExecution(context.Context, *workflowservice.DeleteWorkflowExecutionRequest, ...grpc.CallOption) (*workflowservice.DeleteWorkflowExecutionResponse, error) {
	if d.left--; d.left < 0 {
		return nil, serviceerror.NewUnavailable("no answer")
	}
	return &workflowservice.DeleteWorkflowExecutionResponse{}, nil
}

// awaitListed waits until the lists show each of the workflows.
func awaitListed(t *testing.T, c client.Client, ids ...string) {
	t.Helper()
	for _, id := range ids {
		ok, err := poll(t.Context(), time.Minute, func() (bool, error) {
			n, err := c.CountWorkflow(t.Context(), &workflowservice.CountWorkflowExecutionsRequest{Query: fmt.Sprintf("WorkflowId = %q", id)})
			return n.GetCount() == 1, err
		})
		if err != nil || !ok {
			t.Fatalf("the lists do not show %s: %v", id, err)
		}
	}
}

type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}
