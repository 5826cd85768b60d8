package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"
	batchpb "go.temporal.io/api/batch/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/console"
	"github.com/privatereply/privatereply/internal/visibility"
	"github.com/privatereply/privatereply/workflows"
)

const (
	// batchInterval is how often the server is asked whether a batch is done.
	batchInterval = 200 * time.Millisecond
	// batchRetryInterval is how often a batch is tried to start while another one runs.
	batchRetryInterval = time.Second
	// batchReportInterval is how often the progress of the other one is printed.
	batchReportInterval = 5 * time.Second
)

func newStop() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "stop --account ACCOUNT [--rule RULE]",
		Short: "Stop every automatic reply of an account or rule that is not sent yet",
		Long: `Reject, in one batch, every reply of the account that is held or on its way to Meta. It
is the emergency brake for a rule that went wrong. A send that a worker has already
cannot be called back. New comments are not affected: change the rule as well.

A namespace runs one batch operation at a time, unless its operator allows more: the
command waits for another one to end, and says so. Ctrl-C ends the wait.

At a terminal it asks first, unless --yes is given.`,
		Example: `  starter stop --account 17841400000000001 --rule price`,
		Args:    Args(0, 0, ""),
		GroupID: groupDecide,
	}
	account := cmd.Flags().String("account", "", "the account's id (required)")
	rule := cmd.Flags().String("rule", "", "only what this rule sends")
	reason := cmd.Flags().String("reason", "stopped by batch", "why, for the record")
	yes := cmd.Flags().Bool("yes", false, "do not ask")
	who := approverFlag(cmd)
	asJSON := JSONFlag(cmd)
	cmd.RunE = WithSession(func(ctx context.Context, s *Session, cmd *cobra.Command, _ []string) error {
		if *account == "" {
			return errors.New("--account is missing: say whose replies to stop")
		}
		approver, err := s.approver(*who)
		if err != nil {
			return err
		}
		query := stopQuery(*account, *rule)
		r, err := s.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Query: query})
		if err != nil {
			return fmt.Errorf("count the replies: %w", err)
		}
		n := r.GetCount()
		if n > 0 && !*yes && isTerminal(cmd.InOrStdin()) {
			if err := confirm(cmd, fmt.Sprintf("Reject %s for good?", countOf(n))); err != nil {
				return err
			}
		}
		result := stopReport{Concerned: n}
		if n > 0 {
			if result, err = s.batchReject(ctx, cmd.ErrOrStderr(), query, workflows.Reject{Approver: approver, Reason: *reason}); err != nil {
				return err
			}
		}
		if *asJSON {
			err = WriteJSON(cmd.OutOrStdout(), result)
		} else {
			fmt.Fprintln(cmd.OutOrStdout(), result)
		}
		if result.Failed > 0 {
			return ErrReported
		}
		return err
	})
	return cmd
}

// stopQuery finds the automatic replies of an account, or of one of its rules, that
// are not sent yet.
func stopQuery(account, rule string) string {
	query := visibility.And(visibility.Equals(workflows.AccountID, account),
		visibility.In(workflows.ReplyState, privatereply.Holding, privatereply.Sending))
	if rule != "" {
		query = visibility.And(query, visibility.Equals(workflows.RuleName, rule))
	}
	return query.String()
}

// stopReport is the outcome of a batch.
type stopReport struct {
	Concerned int64  `json:"concerned"` // replies held or on their way
	Signalled int64  `json:"signalled"` // told to stop
	Failed    int64  `json:"failed"`    // could not be told
	JobID     string `json:"job_id,omitempty"`
}

func (r stopReport) String() string {
	if r.Concerned == 0 {
		return "nothing to stop: no reply is held or on its way"
	}
	s := fmt.Sprintf("%s: told to stop (a send that a worker had already is not called back)", countOf(r.Signalled))
	if r.Failed > 0 {
		s += fmt.Sprintf("; %s could not be told: run the command again", countOf(r.Failed))
	}
	return s
}

func countOf(n int64) string {
	if n == 1 {
		return "1 reply"
	}
	return fmt.Sprintf("%d replies", n)
}

// batchReject has the server signal every reply that query finds, and waits until
// it has done so. While it waits for another batch, it says so.
func (s *Session) batchReject(ctx context.Context, progress io.Writer, query string, message workflows.Reject) (stopReport, error) {
	payloads, err := s.data.ToPayloads(message)
	if err != nil {
		return stopReport{}, err
	}
	job := uuid.NewString()
	err = s.startBatch(ctx, progress, &workflowservice.StartBatchOperationRequest{
		Namespace: s.namespace,
		JobId:     job,
		// Neither is ever encrypted; who stopped the replies and why stands in the input.
		Reason:          "starter stop",
		VisibilityQuery: query,
		Operation: &workflowservice.StartBatchOperationRequest_SignalOperation{SignalOperation: &batchpb.BatchOperationSignal{
			Signal: workflows.RejectMessage, Input: payloads, Identity: "starter stop",
		}},
	})
	if err != nil {
		return stopReport{}, err
	}
	tick := time.NewTicker(batchInterval)
	defer tick.Stop()
	for {
		d, err := s.WorkflowService().DescribeBatchOperation(ctx, &workflowservice.DescribeBatchOperationRequest{Namespace: s.namespace, JobId: job})
		if err == nil && d.GetState() != enumspb.BATCH_OPERATION_STATE_RUNNING {
			r := stopReport{
				Concerned: d.GetTotalOperationCount(), Signalled: d.GetCompleteOperationCount(),
				Failed: d.GetFailureOperationCount(), JobID: job,
			}
			if d.GetState() == enumspb.BATCH_OPERATION_STATE_FAILED {
				return r, fmt.Errorf("the batch %s failed after %s of %d; run the command again", job, countOf(r.Signalled), r.Concerned)
			}
			return r, nil
		}
		if err != nil && !isNotFound(err) { // a new batch is not found at once
			return stopReport{}, fmt.Errorf("the batch %s runs, but cannot be followed: %w", job, err)
		}
		select {
		case <-ctx.Done():
			return stopReport{}, fmt.Errorf("the batch %s goes on in the server: %w", job, ctx.Err())
		case <-tick.C:
		}
	}
}

// startBatch starts a batch operation as soon as the server lets it.
func (s *Session) startBatch(ctx context.Context, progress io.Writer, request *workflowservice.StartBatchOperationRequest) error {
	tick := time.NewTicker(batchRetryInterval)
	defer tick.Stop()
	var reportedAt time.Time
	for {
		_, err := s.WorkflowService().StartBatchOperation(ctx, request)
		var busy *serviceerror.ResourceExhausted
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
		case !errors.As(err, &busy):
			return fmt.Errorf("start the batch: %w", err)
		case time.Since(reportedAt) >= batchReportInterval:
			reportedAt = time.Now()
			fmt.Fprintln(progress, "starter: "+s.busyReason(ctx, busy))
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("nothing was stopped: %w while waiting for another batch operation", ctx.Err())
		case <-tick.C:
		}
	}
}

// busyReason says what a batch has to wait for.
func (s *Session) busyReason(ctx context.Context, busy *serviceerror.ResourceExhausted) string {
	if busy.Cause != enumspb.RESOURCE_EXHAUSTED_CAUSE_CONCURRENT_LIMIT {
		return "waiting for the server, which is overloaded: " + busy.Error()
	}
	return "waiting for another batch operation" + s.otherBatch(ctx) + " to end"
}

// otherBatch names the batch operation that runs, and how far it is, if that can be had.
func (s *Session) otherBatch(ctx context.Context) string {
	list, err := s.WorkflowService().ListBatchOperations(ctx, &workflowservice.ListBatchOperationsRequest{Namespace: s.namespace, PageSize: 100})
	if err != nil {
		return ""
	}
	for _, info := range list.GetOperationInfo() {
		if info.GetState() != enumspb.BATCH_OPERATION_STATE_RUNNING {
			continue
		}
		name := " " + console.Sanitize(info.GetJobId())
		d, err := s.WorkflowService().DescribeBatchOperation(ctx, &workflowservice.DescribeBatchOperationRequest{Namespace: s.namespace, JobId: info.GetJobId()})
		if err != nil || d.GetTotalOperationCount() == 0 {
			return name
		}
		return fmt.Sprintf("%s (%d of %d done)", name, d.GetCompleteOperationCount()+d.GetFailureOperationCount(), d.GetTotalOperationCount())
	}
	return ""
}

var errNotConfirmed = errors.New("nothing was done")

func confirm(cmd *cobra.Command, question string) error {
	fmt.Fprintf(cmd.ErrOrStderr(), "%s [y/N] ", question)
	line, err := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "y", "yes":
		return nil
	}
	return errNotConfirmed
}

// isTerminal reports whether somebody can be asked. The null device is a character
// device too.
func isTerminal(r io.Reader) bool {
	f, ok := r.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}
