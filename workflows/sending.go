package workflows

import (
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/privatereply/privatereply"
)

// sendReply brings the reply to Meta at most once, and finds out whether it did.
func (r *reply) sendReply() error {
	if r.in.Decision.Action == privatereply.ActionAuto && r.approver == "" {
		r.decidedAt = r.now()
		if r.holdUntil.IsZero() && r.notifiedLate() {
			if err := r.lookUp(r.ctx); err != nil {
				return err
			}
		}
	}
	for {
		switch {
		case r.stopRequested() || r.expired():
			return r.stopSending()
		case r.applyEditDecision():
			return nil
		}
		result, started, err := r.attempt()
		switch {
		case err != nil:
			return err
		case !started:
			continue // stopped, or the deadline moved
		}
		switch r.attempts.next(result, r.now()) {
		case stepDelivered:
			r.delivered(result)
			return nil
		case stepRetry:
			err = r.waitForRetry(result)
		case stepRepeat:
			err = r.sleep(attemptTimeout)
		case stepRetryRefusal:
			err = r.sleep(refusalRetry)
		case stepReconcile:
			return r.reconcile(func() { r.undeliverable(result) })
		case stepRefused:
			if r.maybeResetAfterSend(result) {
				r.attempts.mayHaveArrived(privatereply.SendResult{SentAt: r.in.Comment.ReceivedAt, Reason: privatereply.WorkflowReset}, r.now())
				return r.reconcile(func() { r.undeliverable(result) })
			}
			r.undeliverable(result)
			return nil
		case stepStop:
			r.broadcastOver = true
			return r.stopSending()
		}
		if err != nil {
			return err
		}
	}
}

// attemptFollowUp schedules one send and waits for its outcome. started is false when no
// worker had the send: it was cancelled, or its time ran out, in the queue.
//
// An objection cancels the activity. That reaches one that waits in the queue; a
// worker that has it already does not hear of it, and its outcome stands.
func (r *reply) attempt() (result privatereply.SendResult, started bool, err error) {
	scheduledAt, deadline := r.now(), r.deadline
	r.send.Attempts++
	r.send.RetryAt = time.Time{}
	r.describe()

	queue := SendQueue(workflow.GetInfo(r.ctx).TaskQueueName)
	if r.in.Comment.OnLive() {
		queue = LiveSendQueue(workflow.GetInfo(r.ctx).TaskQueueName)
	}
	ctx, cancel := workflow.WithCancel(r.ctx)
	defer cancel()
	future := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue: queue,
		// Temporal advises against this time-out except for routing; a deadline that
		// the world sets is the other good reason.
		ScheduleToStartTimeout: deadline.At.Sub(scheduledAt),
		StartToCloseTimeout:    SendTimeout,
		WaitForCancellation:    true,
		RetryPolicy:            &temporal.RetryPolicy{MaximumAttempts: 1},
		Summary:                fmt.Sprintf("Send the private reply, attempt %d", r.send.Attempts),
		Priority:               temporal.Priority{FairnessKey: fairnessKey(r.in.Comment.Platform, r.in.Comment.Account)},
	}), SendPrivateReplyActivity, SendPrivateReplyInput{
		Comment:  sendTarget(r.in.Comment),
		Text:     r.text,
		Deadline: deadline.At,
		Attempt:  r.send.Attempts,
		Since:    later(r.decidedAt, r.lastTriedAt),
		Waited:   r.hasSlept,
		ByPerson: r.approver != "",
	})
	stop := func() bool { return r.stopRequested() || r.deadline != deadline || r.editDecision != nil }
	if err := r.await(func() bool { return future.IsReady() || stop() }); err != nil {
		return result, false, err
	}
	if !future.IsReady() {
		cancel()
		if err := r.await(future.IsReady); err != nil {
			return result, false, err
		}
	}
	result, started = r.outcome(future.Get(r.ctx, &result), result, scheduledAt)
	if !started {
		r.send.Attempts--
		return result, false, nil
	}
	r.recordAttempt(result)
	if result.Outcome == privatereply.OutcomeUnknown {
		ambiguousMetric.count(r.ctx, string(result.Reason))
	}
	if heldBack(result) {
		r.send.Attempts--
	}
	return result, true, nil
}

// outcome says what an attempt's end proves. Only a send that no worker took is
// known not to have happened; anything that broke later may have.
func (r *reply) outcome(err error, result privatereply.SendResult, scheduledAt time.Time) (privatereply.SendResult, bool) {
	switch {
	case err == nil:
		result.SentAt = clampTime(result.SentAt, scheduledAt, r.now())
		return result, true
	case neverStarted(err):
		return result, false
	}
	r.log.Warn("the send did not say how it ended", "error", err)
	return privatereply.SendResult{
		Outcome: privatereply.OutcomeUnknown,
		Reason:  privatereply.WorkerLost,
		Wrote:   true,
		SentAt:  scheduledAt,
	}, true
}

// neverStarted reports whether err proves that no worker took the activity.
func neverStarted(err error) bool {
	var timeout *temporal.TimeoutError
	return temporal.IsCanceledError(err) ||
		errors.As(err, &timeout) && timeout.TimeoutType() == enumspb.TIMEOUT_TYPE_SCHEDULE_TO_START
}

// maybeResetAfterSend reports whether an operator has reset the workflow, so that "already
// replied" may be about an attempt that this history does not have.
func (r *reply) maybeResetAfterSend(result privatereply.SendResult) bool {
	run := workflow.GetInfo(r.ctx)
	return run.OriginalRunID != "" && run.OriginalRunID != run.WorkflowExecution.RunID &&
		(result.Reason == privatereply.AlreadyReplied || result.Reason == privatereply.NotRepliableOrAlreadyReplied)
}

// clampTime is at, unless the clock that told it is off: then it is from. An attempt is
// written after it was asked for and before it has ended.
func clampTime(at, from, to time.Time) time.Time {
	if at.IsZero() || at.Before(from) || at.After(to) {
		return from
	}
	return at
}

// heldBack reports whether a send was not even tried, because the account has to
// wait or to be mended. Then it counts for nothing.
func heldBack(result privatereply.SendResult) bool {
	return result.Outcome == privatereply.OutcomeNotSent && !result.Wrote &&
		(result.Reason == privatereply.Paced || accountWide(result.Reason))
}

// sendTarget is what a send needs of a comment. The texts stand in the history already,
// and a reply may be tried for days.
func sendTarget(c privatereply.Comment) privatereply.Comment {
	c.Username, c.Text, c.AdTitle = "", "", ""
	return c
}

// recordAttempt keeps what an attempt taught. One that was not made leaves Meta's last error
// as it is.
func (r *reply) recordAttempt(result privatereply.SendResult) {
	r.send.Outcome, r.send.RetryAt = result.Outcome, result.RetryAt
	late := result.Reason == privatereply.DeadlineWhileSending
	if !late || r.send.Reason == "" {
		r.send.Reason = result.Reason
	}
	if !late && !heldBack(result) || result.Code != 0 {
		r.send.Code, r.send.Subcode, r.send.TraceID = result.Code, result.Subcode, result.TraceID
	}
	if result.Wrote {
		r.lastTriedAt = r.now()
	}
}

// stopSending ends a reply that may not be sent any more.
func (r *reply) stopSending() error {
	ends := func() {
		switch {
		case r.endIfStopRequested():
		case r.broadcastOver:
			r.end(privatereply.Expired, privatereply.BroadcastEnded)
		default:
			r.end(privatereply.Expired, privatereply.DeadlineWhileSending)
		}
	}
	if r.attempts.inDoubt() {
		return r.reconcile(ends)
	}
	ends()
	return nil
}

// reconcile has the conversation decide what became of the attempts that may have
// arrived. If nothing arrived, otherwise ends the reply. No other attempt is made.
func (r *reply) reconcile(otherwise func()) error {
	a := r.attempts
	if err := r.awaitTime("Until the attempt is surely over", a.doubtEnded.Add(a.readAfter())); err != nil {
		return err
	}
	found, err := r.findMessage(a.doubtSince)
	for try := 0; err == nil && a.lags(found) && try < len(lagRetries); try++ {
		if err := r.awaitTime("Until Meta shows the conversation as it is", r.now().Add(lagRetries[try])); err != nil {
			return err
		}
		found, err = r.findMessage(a.doubtSince)
	}
	if err != nil {
		return err
	}
	r.send.SentAt = a.doubtSince
	switch e := a.reconcile(found); e.state {
	case "":
		r.send.SentAt = time.Time{}
		otherwise()
	case privatereply.Sent:
		r.send.Outcome, r.send.MessageID = privatereply.OutcomeSent, found.MessageID
		r.send.SentAt = later(a.doubtSince, found.SentAt)
		r.end(e.state, r.orTooLate(e.reason))
	case privatereply.DeliveryUnknown:
		r.send.Outcome = privatereply.OutcomeUnknown
		r.end(e.state, r.orTooLate(e.reason))
	default:
		r.end(e.state, r.orTooLate(e.reason))
	}
	return nil
}

// findMessage looks in the person's conversation for the reply, sent at since or later.
func (r *reply) findMessage(since time.Time) (FindMessageResult, error) {
	c := r.in.Comment
	if c.PersonID == "" {
		return FindMessageResult{}, nil
	}
	future := findMessage(r.ctx, findMessageTimeout, FindMessageInput{
		Platform:  c.Platform,
		Account:   c.Account,
		Person:    c.PersonID,
		Text:      r.text,
		Since:     since.Add(-privatereply.ClockSkew),
		CommentAt: c.ReceivedAt,
		Reply:     workflow.GetInfo(r.ctx).WorkflowExecution.ID,
	})
	if err := r.await(future.IsReady); err != nil {
		return FindMessageResult{}, err
	}
	return findMessageResult(r.ctx, future), nil
}

// findMessageTimeout is how long a conversation may take to be read: Meta allows two calls a
// second for an account, and nobody waits for the answer.
const findMessageTimeout = time.Hour

// findMessage has the conversation of a person read for a message.
func findMessage(ctx workflow.Context, patience time.Duration, ask FindMessageInput) workflow.Future {
	return workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		ScheduleToCloseTimeout: patience,
		StartToCloseTimeout:    ReadTimeout,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: 5 * time.Second, MaximumInterval: 5 * time.Minute},
		Summary:                "Look for the message in the conversation",
	}), FindMessageActivity, ask)
}

// findMessageResult is the result of findMessage. A conversation that cannot be read is not
// Readable.
func findMessageResult(ctx workflow.Context, future workflow.Future) FindMessageResult {
	var found FindMessageResult
	if err := future.Get(ctx, &found); err != nil {
		workflow.GetLogger(ctx).Warn("cannot read the conversation", "error", err)
		return FindMessageResult{}
	}
	return found
}

// delivered ends the send with Meta's own word for it.
func (r *reply) delivered(result privatereply.SendResult) {
	r.send.MessageID, r.send.RecipientID, r.send.SentAt = result.MessageID, result.RecipientID, result.SentAt
	r.end(privatereply.Sent, r.orTooLate(""))
}

func (r *reply) undeliverable(result privatereply.SendResult) {
	r.end(privatereply.Undeliverable, r.orTooLate(result.Reason))
}

// fairnessKey lets a server with fairness serve small accounts next to big ones.
// Temporal takes at most 64 bytes; an id's end tells accounts apart.
func fairnessKey(p privatereply.Platform, account string) string {
	const limit = 64
	key := string(p) + ":" + account
	return key[max(0, len(key)-limit):]
}
