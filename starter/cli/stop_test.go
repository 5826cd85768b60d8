package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/graph/sandbox"
)

// Guards: one command stops what a rule is about to send, and only that.
func TestStop(t *testing.T) {
	needProduct(t)
	var held []string
	for _, name := range []string{"mia", "ben"} {
		id := comment(t, sandbox.NewComment{Account: instagram, Username: name, Text: "Do you ship to Italy?"})
		waitFor(t, instagramReply(t, id), privatereply.Holding)
		held = append(held, id)
	}
	starter(t, "comment", "--account", instagram, "--id", "18000000000000801", "--reply", "Hi").mustSucceed(t)
	waitListed(t, 2, "--account", instagram, "--state", "holding")

	if got := starter(t, "stop", "--account", instagram, "--rule", `x" OR RuleName != "`).mustSucceed(t).out; !strings.HasPrefix(got, "nothing to stop") {
		t.Errorf("a rule that nobody has stopped something: %s", got)
	}
	r := starter(t, "stop", "--account", instagram, "--rule", "delivery", "--approver", "ana", "--json").mustSucceed(t)
	var got stopped
	if err := json.Unmarshal([]byte(r.out), &got); err != nil {
		t.Fatal(err)
	}
	if got.Concerned != 2 || got.Signalled != 2 || got.Failed != 0 {
		t.Errorf("result = %+v", got)
	}
	for _, id := range held {
		status := waitFor(t, instagramReply(t, id), privatereply.Rejected)
		if status.Approver != "ana" || status.RejectReason != "stopped by batch" {
			t.Errorf("rejected by %q: %q", status.Approver, status.RejectReason)
		}
		if n := product.Sandbox.Attempts(id); n != 0 {
			t.Errorf("%d attempts to send reached Meta", n)
		}
	}
	// The server keeps a batch's reason in clear, whatever is encrypted.
	batch, err := product.Client.WorkflowService().DescribeBatchOperation(t.Context(), &workflowservice.DescribeBatchOperationRequest{Namespace: product.Server.Namespace, JobId: got.JobID})
	if err != nil || batch.GetReason() != "starter stop" {
		t.Errorf("the batch gives the reason %q (%v)", batch.GetReason(), err)
	}
	waitFor(t, instagramReply(t, "18000000000000801"), privatereply.AwaitingApproval)
	starter(t, "stop").mustFail(t, "--account is missing")
}

// Guards: only a plain yes goes on.
func TestConfirm(t *testing.T) {
	for answer, want := range map[string]error{
		"y\n": nil, "Yes\n": nil, "n\n": errNotConfirmed, "\n": errNotConfirmed, "": errNotConfirmed, "yeah": errNotConfirmed,
	} {
		cmd := &cobra.Command{}
		var asked bytes.Buffer
		cmd.SetIn(strings.NewReader(answer))
		cmd.SetErr(&asked)
		if err := confirm(cmd, "Reject 2 replies for good?"); !errors.Is(err, want) {
			t.Errorf("answer %q: %v, want %v", answer, err, want)
		}
		if asked.String() != "Reject 2 replies for good? [y/N] " {
			t.Errorf("asked %q", asked.String())
		}
	}
}
