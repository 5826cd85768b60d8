package erasure

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/internal/visibility"
	"github.com/privatereply/privatereply/workflows"
)

const (
	// pollInterval is the time between two questions to the server whether something has
	// ended.
	pollInterval = 250 * time.Millisecond
	// endTimeout limits the wait for an open run to end: a send retries for some time, and
	// a batch may have thousands of events.
	endTimeout = 2 * time.Minute
	// deletionTimeout limits the wait for a deletion. The server takes half a minute for a
	// run that has just ended.
	deletionTimeout = 3 * time.Minute
	// redeliveryPeriod is the time in which Meta or a sweep can bring a comment again: its
	// 7 days, and the 36 hours in which Meta repeats a webhook.
	redeliveryPeriod = privatereply.ReplyPeriod + 36*time.Hour

	terminationReason = "the person is erased"
)

// maxQueryRuns is the number of runs that one query asks for by their ids.
const maxQueryRuns = 50

// Remove removes runs that a search has found, and reports on each. It goes on with what
// an earlier attempt reported to checkpoint. Runs that are gone count as removed.
func (e *Eraser) Remove(ctx context.Context, s Subject, held []workflows.HeldRun, checkpoint func([]workflows.HeldRun)) (removed, kept []workflows.HeldRun, err error) {
	runs, gone, err := e.resolve(ctx, s, held)
	if err != nil {
		return nil, nil, err
	}
	attempt := *e
	attempt.changed = func(now []Run) { checkpoint(append(heldRuns(now), gone...)) }
	done, left, err := attempt.remove(ctx, runs)
	if err != nil {
		return nil, nil, err
	}
	return append(heldRuns(done), gone...), heldRuns(left), nil
}

// resolve finds the workflow ids of runs, and the comments that replies are about. The list
// has no run that is deleted.
func (e *Eraser) resolve(ctx context.Context, s Subject, held []workflows.HeldRun) (runs []Run, gone []workflows.HeldRun, err error) {
	for chunk := range slices.Chunk(held, maxQueryRuns) {
		byID := map[string]workflows.HeldRun{}
		var ids []string
		for _, h := range chunk {
			byID[h.RunID] = h
			ids = append(ids, h.RunID)
		}
		page, err := e.Temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Query: visibility.In(visibility.RunID, ids...).String(), PageSize: maxQueryRuns,
		})
		if err != nil {
			return nil, nil, fmt.Errorf("list the workflows: %w", err)
		}
		for _, info := range page.GetExecutions() {
			h := RunOf(byID[info.GetExecution().GetRunId()], info.GetExecution().GetWorkflowId())
			delete(byID, h.RunID)
			var err error
			if h.Kind == Reply && !h.ended {
				err = e.readComment(ctx, s, &h)
			}
			switch {
			case isNotFound(err):
				gone = append(gone, h.held())
			case err != nil:
				return nil, nil, err
			default:
				runs = append(runs, h)
			}
		}
		for _, h := range byID {
			gone = append(gone, h)
		}
	}
	slices.SortFunc(runs, Run.compare)
	return runs, gone, nil
}

// readComment reads the comment that a reply is about.
func (e *Eraser) readComment(ctx context.Context, s Subject, h *Run) error {
	mentions, err := e.subjects(ctx, *h)
	var why decodeError
	switch {
	case errors.As(err, &why):
		h.KeptReason = why.Error()
		return nil
	case err != nil:
		return callError("read", *h, err)
	}
	for _, m := range mentions {
		if e.about(s, m) {
			h.comment = m.comment
		}
	}
	return nil
}

// callError is the error of a call about a run. The history of an erasure may have it, so
// that it names no workflow whose id has the person's.
func callError(verb string, h Run, err error) error {
	switch {
	case err == nil, isNotFound(err):
		return err
	case h.Kind == Conversation || h.Kind == Once:
		return fmt.Errorf("%s a workflow of the kind %s, run %s: %s", verb, h.Kind, h.RunID, serviceerror.ToStatus(err).Code())
	}
	return fmt.Errorf("%s %s: %w", verb, h.WorkflowID, err)
}

// deleteRun deletes an ended run. If it cannot, why says the reason.
func (e *Eraser) deleteRun(ctx context.Context, h *Run) (why string, err error) {
	_, err = e.Temporal.WorkflowService().DeleteWorkflowExecution(ctx, &workflowservice.DeleteWorkflowExecutionRequest{
		Namespace:         e.Namespace,
		WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: h.WorkflowID, RunId: h.RunID},
	})
	var denied *serviceerror.PermissionDenied
	switch {
	case isNotFound(err):
		return "", nil
	case errors.As(err, &denied):
		return "this client may not delete workflows in namespace " + e.Namespace, nil
	}
	return "", callError("delete", *h, err)
}

// isDeleted reports whether the run and its entry in lists are gone.
func (e *Eraser) isDeleted(ctx context.Context, h Run) (bool, error) {
	if err := e.exists(ctx, h); !isNotFound(err) {
		return false, callError("describe", h, err)
	}
	listed, err := e.Temporal.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Query: visibility.Equals(visibility.RunID, h.RunID).String()})
	return err == nil && listed.GetCount() == 0, err
}

// endRun ends a run so that nothing more is sent to the person, without cutting a send off.
// If it cannot, why says the reason.
func (e *Eraser) endRun(ctx context.Context, h *Run) (why string, err error) {
	if h.ended {
		return "", nil
	}
	defer func() { h.ended = why == "" && err == nil }()
	if h.Open {
		if why, err = e.awaitEnd(ctx, h); why != "" || err != nil {
			return why, err
		}
	}
	switch {
	case h.Kind == Reply:
		err = e.putTombstone(ctx, h)
	case h.Kind == Intake && h.OtherPersons > 0:
		why, err = e.unroutedReason(ctx, h)
	}
	return why, err
}

func (e *Eraser) awaitEnd(ctx context.Context, h *Run) (why string, err error) {
	ended := e.endReply
	switch h.Kind {
	case Intake, Reopening:
		ended = e.isClosed
	case Conversation, Visibility, Once:
		ended = e.terminate
	}
	ok, err := poll(ctx, e.endTimeout, func() (bool, error) {
		ok, err := ended(ctx, h)
		if h.Kind == Conversation || h.Kind == Once {
			err = callError("end", *h, err)
		}
		return ok, err
	})
	var refusal *replies.Error
	switch {
	case isNotFound(err):
		return "", nil
	case errors.As(err, &refusal):
		return refusal.Message, nil
	case err == nil && !ok && h.Kind == Intake:
		return stillRouting, nil
	case err == nil && !ok:
		return "a message to the person is still under way; run the command again", nil
	}
	return "", err
}

const stillRouting = "it still places the events of others; run the command again when it has ended"

// unroutedReason says why a batch must stay: one that did not complete may be the only copy
// of other persons' events. A reset routes them in another run, so the newest run counts.
func (e *Eraser) unroutedReason(ctx context.Context, h *Run) (why string, err error) {
	d, err := e.Temporal.DescribeWorkflowExecution(ctx, h.WorkflowID, "")
	switch status := d.GetWorkflowExecutionInfo().GetStatus(); {
	case isNotFound(err) || err == nil && status == enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED:
		return "", nil
	case err != nil:
		return "", fmt.Errorf("describe %s: %w", h.WorkflowID, err)
	case status == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING:
		return stillRouting, nil
	}
	return fmt.Sprintf("it ended before all its events were placed, and %d are of others: bring it back with `temporal workflow reset --workflow-id %s --type FirstWorkflowTask --reason forget`, or delete it with `temporal workflow delete` if nobody needs them; then run the command again", h.OtherPersons, h.WorkflowID), nil
}

// endReply rejects a reply that could still be sent. It waits for a send that is under way.
func (e *Eraser) endReply(ctx context.Context, h *Run) (bool, error) {
	if ended, err := e.isClosed(ctx, h); ended || err != nil {
		return ended, err
	}
	row, err := e.replies.Row(ctx, h.WorkflowID)
	if err != nil || !row.State.Waiting() {
		return err == nil, err
	}
	_, err = e.replies.Reject(ctx, h.WorkflowID, e.UpdateID, workflows.Reject{Approver: e.Operator, Reason: terminationReason})
	var refusal *replies.Error
	if !errors.As(err, &refusal) || refusal.Code == replies.NoWorker {
		return false, err
	}
	// Another decision may have come first. If the state is the same, the reply refused the
	// rejection itself.
	now, rowErr := e.replies.Row(ctx, h.WorkflowID)
	if rowErr == nil && now.State == row.State && row.State != privatereply.Sending && refusal.Code == replies.Refused {
		return false, err
	}
	return false, rowErr
}

// terminate terminates a run when no call to Meta of it is on its way, such as a follow-up.
func (e *Eraser) terminate(ctx context.Context, h *Run) (bool, error) {
	d, err := e.Temporal.DescribeWorkflowExecution(ctx, h.WorkflowID, h.RunID)
	if err != nil || len(d.GetPendingActivities()) > 0 {
		return false, err
	}
	return true, e.Temporal.TerminateWorkflow(ctx, h.WorkflowID, h.RunID, terminationReason)
}

// isClosed reports whether a run has ended. A batch must end by itself: it would start
// replies.
func (e *Eraser) isClosed(ctx context.Context, h *Run) (bool, error) {
	d, err := e.Temporal.DescribeWorkflowExecution(ctx, h.WorkflowID, h.RunID)
	return err == nil && d.GetWorkflowExecutionInfo().GetStatus() != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, err
}

// putTombstone ends a reply that no longer waits. If Meta or a sweep can bring the comment
// again, a reply that was withdrawn before it began takes the workflow id: it holds the
// comment's id only, until the namespace's retention ends.
func (e *Eraser) putTombstone(ctx context.Context, h *Run) error {
	c := h.comment
	if id, err := privatereply.ReplyID(c); err != nil || id != h.WorkflowID || !c.ReceivedAt.IsZero() && e.now().Sub(c.ReceivedAt) > redeliveryPeriod {
		return nil // the deletion ends it, if it is open
	}
	in := workflows.PrivateReplyInput{
		Comment: privatereply.Comment{
			Platform: c.Platform, Account: c.Account, CommentID: c.CommentID, PostID: c.PostID,
			ReceivedAt: e.now().UTC(), Via: privatereply.ViaHand,
		},
		Decision: privatereply.Decision{Action: privatereply.ActionIgnore, Reason: privatereply.DecidedByRemoval},
	}
	options, in, err := workflows.PrivateReplyOptions(in, e.Queue, e.now())
	if err != nil {
		return fmt.Errorf("lock %s: %w", h.WorkflowID, err)
	}
	options.WorkflowIDReusePolicy = enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE
	options.WorkflowIDConflictPolicy = enumspb.WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING
	if _, err := e.Temporal.ExecuteWorkflow(ctx, options, workflows.PrivateReplyType, in); err != nil {
		return fmt.Errorf("lock %s: %w", h.WorkflowID, err)
	}
	h.Tombstoned = true
	return nil
}

// poll calls done until it reports true, for at most limit.
func poll(ctx context.Context, limit time.Duration, done func() (bool, error)) (bool, error) {
	enough := time.After(limit)
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		ok, err := done()
		if ok || err != nil {
			return ok, err
		}
		select {
		case <-tick.C:
		case <-enough:
			return false, nil
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}
