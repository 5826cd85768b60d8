package e2e

import (
	"bytes"
	"testing"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/proto"
)

// No history holds a token or a secret, whatever Meta answered.
func (p *product) testNoSecretsInHistory(t *testing.T) {
	secrets := []string{pageToken, instagramToken, appSecret, instagramSecret, verifyToken, "Bearer ", "appsecret_proof"}
	if seen := scanHistories(t, p.Client, secrets); seen < 80 {
		t.Errorf("only %d workflows were looked at", seen)
	}
}

// scanHistories fails if a history holds one of the secrets, and returns how many it read.
func scanHistories(t *testing.T, c client.Client, secrets []string) (seen int) {
	t.Helper()
	var next []byte
	for {
		list, err := c.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{NextPageToken: next})
		if err != nil {
			t.Fatal(err)
		}
		for _, run := range list.GetExecutions() {
			seen++
			id := run.GetExecution()
			for it := c.GetWorkflowHistory(t.Context(), id.GetWorkflowId(), id.GetRunId(), false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT); it.HasNext(); {
				event, err := it.Next()
				if err != nil {
					t.Fatal(err)
				}
				b, err := proto.Marshal(event)
				if err != nil {
					t.Fatal(err)
				}
				for _, secret := range secrets {
					if bytes.Contains(b, []byte(secret)) {
						t.Errorf("%s, event %d holds %q", id.GetWorkflowId(), event.GetEventId(), secret)
					}
				}
			}
		}
		if next = list.GetNextPageToken(); len(next) == 0 {
			return seen
		}
	}
}
