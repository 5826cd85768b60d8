package erasure

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/codec"
	"github.com/privatereply/privatereply/internal/devserver/devservertest"
	"github.com/privatereply/privatereply/internal/setup"
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
	in := workflows.Input{
		Comment:  privatereply.Comment{Platform: privatereply.Instagram, Account: account, CommentID: comment, PersonID: person, Username: "hilda", Text: "Hello?", ReceivedAt: time.Now()},
		Decision: privatereply.Decision{Action: privatereply.ActionAsk},
	}
	options, err := workflows.StartOptions(in, queue, time.Now())
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
	e.patience = time.Second
	batch, err := ours.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: "intake:test", TaskQueue: queue}, workflows.IntakeType, workflows.IntakeInput{Arrivals: []workflows.Arrival{
		{Event: privatereply.Event{Message: &privatereply.PersonMessage{Platform: privatereply.Instagram, Account: account, PersonID: person}}},
		{Event: privatereply.Event{Message: &privatereply.PersonMessage{Platform: privatereply.Instagram, Account: account, PersonID: "6000000000000002"}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	kept := waiting(t, ours, person, "18000000000000001")
	unreadable := waiting(t, theirs, person, "18000000000000002")
	awaitListed(t, ours, batch.GetID(), kept, unreadable)

	report, err := e.Erase(t.Context(), Person{ID: person})
	if err != nil {
		t.Fatal(err)
	}
	if report.Done() || len(report.Removed) != 0 || len(report.Kept) != 2 || len(report.Unreadable) != 1 {
		t.Fatalf("the report is %+v", report)
	}
	if h := report.Kept[0]; h.WorkflowID != batch.GetID() || h.Others != 1 || !strings.Contains(h.Why, "still places the events of others") {
		t.Errorf("kept is %+v", h)
	}
	if h := report.Kept[1]; h.WorkflowID != kept || !strings.Contains(h.Why, "no worker is running") {
		t.Errorf("kept is %+v", h)
	}
	if u := report.Unreadable[0]; u.WorkflowID != unreadable || !strings.Contains(u.Why, "decrypt") {
		t.Errorf("unreadable is %+v", u)
	}
	if _, err := ours.DescribeWorkflowExecution(t.Context(), kept, ""); err != nil {
		t.Errorf("what is kept is gone: %v", err)
	}
}

// awaitListed waits until the lists show each of the workflows.
func awaitListed(t *testing.T, c client.Client, ids ...string) {
	t.Helper()
	for _, id := range ids {
		ok, err := until(t.Context(), time.Minute, func() (bool, error) {
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
