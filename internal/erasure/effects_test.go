package erasure

import (
	"testing"

	"go.temporal.io/sdk/client"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/temporal/setup"
	"github.com/privatereply/privatereply/lab/harness/devserver/devservertest"
	"github.com/privatereply/privatereply/workflows"
)

// What hides a person's comment, and what keeps a rule from answering the person again, is
// found and removed also while it runs; that of others stays.
func TestEffectsAreErased(t *testing.T) {
	server := devservertest.Start(t)
	c, data := encrypting(t, server.Address)
	if _, err := setup.Apply(t.Context(), c, server.Namespace); err != nil {
		t.Fatal(err)
	}
	const person, other = "6000000000000001", "6000000000000002"
	ids := map[string][]string{}
	for of, comment := range map[string]string{person: "18000000000000001", other: "18000000000000002"} {
		written := privatereply.Comment{Platform: privatereply.Instagram, Account: account, CommentID: comment, PersonID: of, Via: privatereply.ViaHand}
		options, in, err := workflows.VisibilityOptions(workflows.VisibilityInput{Comment: written, Hidden: true, By: "ana"}, queue)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.ExecuteWorkflow(t.Context(), options, workflows.CommentVisibilityType, in); err != nil {
			t.Fatal(err)
		}
		once, err := privatereply.OnceID(written, "prices", privatereply.OncePerson)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: once, TaskQueue: queue}, workflows.OnceType,
			workflows.OnceInput{Platform: privatereply.Instagram, Account: account, Person: of, Rule: "prices"}); err != nil {
			t.Fatal(err)
		}
		ids[of] = []string{options.ID, once}
	}
	awaitListed(t, c, append(ids[person], ids[other]...)...)
	e := New(Config{Temporal: c, Namespace: server.Namespace, Data: data, Queue: queue, Operator: "ana", UpdateID: "test"})
	report := erase(t, e, Person{ID: person})
	if !report.Done() || len(report.Removed) != 2 || report.Removed[0].Kind != Visibility || report.Removed[1].Kind != Once {
		t.Fatalf("the report is %+v", report)
	}
	for _, id := range ids[other] {
		if _, err := c.DescribeWorkflowExecution(t.Context(), id, ""); err != nil {
			t.Errorf("what is another person's is gone: %v", err)
		}
	}
}
