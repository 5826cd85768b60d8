package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/cobra"
	batchpb "go.temporal.io/api/batch/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/stop"
	"github.com/privatereply/privatereply/lab/harness/devserver/devservertest"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/workflows"
)

// Guards: one command stops what a rule is about to send, and only that.
func TestStop(t *testing.T) {
	needProduct(t)
	var held []string
	for _, name := range []string{"mia", "ben"} {
		id := comment(t, meta.NewComment{Account: instagram, Username: name, Text: "Do you ship to Italy?"})
		waitFor(t, instagramReply(t, id), privatereply.Holding)
		held = append(held, id)
	}
	starter(t, "comment", "--account", instagram, "--id", "18000000000000801", "--reply", "Hi").mustSucceed(t)
	waitListed(t, 2, "--account", instagram, "--state", "holding")

	if got := starter(t, "stop", "--account", instagram, "--rule", `x" OR RuleName != "`).mustSucceed(t).out; !strings.HasPrefix(got, "nothing to stop") {
		t.Errorf("a rule that nobody has stopped something: %s", got)
	}
	r := starter(t, "stop", "--account", instagram, "--rule", "delivery", "--approver", "ana", "--json").mustSucceed(t)
	var got stop.Report
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
		if n := product.Sandbox.ReplyAttempts(id); n != 0 {
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

// Guards: the brake waits for somebody else's batch operation, says so, and stops then;
// whoever does not want to wait can end it.
func TestStopWaitsForAnotherBatch(t *testing.T) {
	server, c := devservertest.StartSetUp(t)
	const n, one = 1000, `WorkflowType = "Some"`
	for i := range n {
		if _, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: fmt.Sprint("w", i), TaskQueue: "nobody"}, "Some"); err != nil {
			t.Fatal(err)
		}
	}
	options, in, err := workflows.PrivateReplyOptions(workflows.PrivateReplyInput{
		Comment:  privatereply.Comment{Platform: privatereply.Facebook, Account: page, CommentID: "2_3"},
		Decision: privatereply.Decision{Action: privatereply.ActionAuto, Text: "Hi!", Rule: "price", Hold: privatereply.Duration(time.Hour)},
	}, "nobody", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	reply, err := c.ExecuteWorkflow(t.Context(), options, workflows.PrivateReplyType, in)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		r, err := c.CountWorkflow(t.Context(), &workflowservice.CountWorkflowExecutionsRequest{Query: one + ` OR WorkflowType = "PrivateReply"`})
		if err == nil && r.GetCount() != n+1 {
			err = fmt.Errorf("%d workflows are listed", r.GetCount())
		}
		return err
	})
	if _, err := c.WorkflowService().StartBatchOperation(t.Context(), &workflowservice.StartBatchOperationRequest{
		Namespace: server.Namespace, JobId: "an-operators-batch", Reason: "an operator's", VisibilityQuery: one,
		Operation: &workflowservice.StartBatchOperationRequest_SignalOperation{SignalOperation: &batchpb.BatchOperationSignal{Signal: "x"}},
	}); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error { // the server counts those that are listed
		list, err := c.WorkflowService().ListBatchOperations(t.Context(), &workflowservice.ListBatchOperationsRequest{Namespace: server.Namespace})
		if err == nil && len(list.GetOperationInfo()) == 0 {
			err = errors.New("the batch is not listed")
		}
		return err
	})
	s := &Session{Client: c, namespace: server.Namespace, data: converter.GetDefaultDataConverter()}
	selection := stop.Selection{Account: page, Rule: "price"}
	say := func(to io.Writer) func(string) { return func(reason string) { fmt.Fprintln(to, reason) } }

	ctx, interrupt := context.WithCancel(t.Context())
	var told said
	impatient := make(chan error, 1)
	go func() {
		_, err := s.batches().Reject(ctx, selection, workflows.Reject{Approver: "ana"}, say(&told))
		impatient <- err
	}()
	eventually(t, func() error {
		if !strings.Contains(told.String(), "waiting for another batch operation") {
			return errors.New("the command does not say that it waits")
		}
		return nil
	})
	interrupt()
	if err := <-impatient; !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "nothing was stopped") {
		t.Errorf("after Ctrl-C: %v", err)
	}

	told.reset()
	got, err := s.batches().Reject(t.Context(), selection, workflows.Reject{Approver: "ana", Reason: "stopped by batch"}, say(&told))
	if err != nil || got.Concerned != 1 || got.Signalled != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	if words := told.String(); !strings.Contains(words, "waiting for another batch operation an-operators-batch") || !strings.Contains(words, "to end") {
		t.Errorf("it said %q", words)
	}
	other, err := c.WorkflowService().DescribeBatchOperation(t.Context(), &workflowservice.DescribeBatchOperationRequest{Namespace: server.Namespace, JobId: "an-operators-batch"})
	if err != nil || other.GetCompleteOperationCount() != n {
		t.Errorf("the other batch: %v, %v", other, err)
	}
	rejected := false
	for it := c.GetWorkflowHistory(t.Context(), reply.GetID(), "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT); it.HasNext(); {
		event, err := it.Next()
		if err != nil {
			t.Fatal(err)
		}
		rejected = rejected || event.GetWorkflowExecutionSignaledEventAttributes().GetSignalName() == workflows.RejectMessage
	}
	if !rejected {
		t.Error("the reply was not told to stop")
	}
}

// line is what a command has said so far.
type said struct {
	mu    sync.Mutex
	words strings.Builder
}

func (s *said) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.words.Write(b)
}

func (s *said) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.words.Reset()
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.words.String()
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
