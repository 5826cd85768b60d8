package load

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/harness/devserver/devservertest"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
)

// Guards: the count finds out, on a real server, when an acknowledged comment has
// no reply, when a reply has two runs, and when one is of no comment that was sent.
// A count that cannot fail would be worth nothing.
func TestCountFindsWhatIsWrong(t *testing.T) {
	server := devservertest.Start(t)
	c, err := client.DialContext(t.Context(), client.Options{HostPort: server.Address})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	start := func(id string) {
		t.Helper()
		_, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{
			ID: id, TaskQueue: "nobody", WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING,
		}, "PrivateReply")
		if err != nil {
			t.Fatal(err)
		}
	}
	bridge := &recorder{t: t, answer: func(n int) int {
		if n == 7 {
			return http.StatusServiceUnavailable
		}
		return http.StatusOK
	}}
	s := testAgainst(bridge.start())
	s.Accounts, s.Comments = []privatereply.Account{instagram, page}, 10
	r, err := Run(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	notAcknowledged := slices.Index(r.acknowledged, false)
	for number := range 10 {
		start(r.ids.workflowID(number))
	}
	kept, err := r.Verify(t.Context(), c, time.Minute, func(int) {})
	if err != nil || kept.Err() != nil {
		t.Fatalf("%+v, %v", kept, err)
	}
	want := Verification{Acknowledged: 9, Found: 9, Unacknowledged: 1}
	unmeasured := cmpopts.IgnoreFields(Verification{}, "StartedPerSecond", "DrainedAfter")
	if diff := cmp.Diff(want, kept, unmeasured); diff != "" {
		t.Errorf("all is well (-want +got):\n%s", diff)
	}

	missing, doubled := (notAcknowledged+1)%10, (notAcknowledged+2)%10
	extra := r.ids.workflowIDPrefix(instagram) + "00000099"
	start(r.ids.workflowID(doubled))
	start(extra)
	r2 := *r
	r2.ids.firstDigits = "18" + "00000000" // a load test whose replies never came
	lost, err := r2.Verify(t.Context(), c, 0, func(int) {})
	if err != nil || lost.Missing != 9 || lost.Err() == nil {
		t.Errorf("a load test without replies: %+v, %v", lost, err)
	}

	// The reply that is taken away is gone from visibility as well, some time later.
	if _, err := c.WorkflowService().DeleteWorkflowExecution(t.Context(), &workflowservice.DeleteWorkflowExecutionRequest{
		Namespace:         server.Namespace,
		WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: r.ids.workflowID(missing)},
	}); err != nil {
		t.Fatal(err)
	}
	want = Verification{
		Acknowledged: 9, Found: 8, Missing: 1, Extra: 1, Duplicated: 1, Unacknowledged: 1,
		MissingIDs: []string{r.ids.workflowID(missing)}, ExtraIDs: []string{extra}, DuplicatedIDs: []string{r.ids.workflowID(doubled)},
	}
	var last Verification
	for deadline := time.Now().Add(30 * time.Second); ; {
		if last, err = r.Verify(t.Context(), c, 0, func(int) {}); err != nil {
			t.Fatal(err)
		}
		diff := cmp.Diff(want, last, unmeasured)
		if diff == "" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("three things are wrong (-want +got):\n%s", diff)
		}
	}
	if last.Err() == nil {
		t.Error("the count says that all is well")
	}
}
