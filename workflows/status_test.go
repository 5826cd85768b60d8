package workflows

import (
	"fmt"
	"testing"

	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"
)

// The Web UI leads from a reply that was sent to the conversation with the person.
func TestDetailsLinkToConversation(t *testing.T) {
	env := new(testsuite.WorkflowTestSuite).NewTestWorkflowEnvironment()
	env.ExecuteWorkflow(func(ctx workflow.Context) (said []string, err error) {
		r := &reply{in: PrivateReplyInput{Comment: comment()}}
		r.ctx = ctx
		line := func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }
		r.describeConversation(line) // nobody has received anything
		r.send.RecipientID = "6001"
		r.describeConversation(line)
		return said, nil
	})
	var said []string
	if err := env.GetWorkflowResult(&said); err != nil {
		t.Fatal(err)
	}
	const id = "conversation:instagram:17841400000000001:6001"
	if want := "**Conversation:** [`" + id + "`](/namespaces/default-test-namespace/workflows/" + id + ")"; len(said) != 1 || said[0] != want {
		t.Errorf("the details say %q, want %q", said, want)
	}
}
