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

// refusalRetry is how long Instagram's "comment invalid for a private reply" is
// given to be wrong: operators have seen it pass.
const refusalRetry = 30 * time.Second

// sendOnce brings the reply to Meta at most once, and finds out whether it did.
func (r *reply) sendOnce() error {
	if r.in.Decision.Action == privatereply.ActionAuto && r.approver == "" {
		r.decidedAt = r.now()
		if r.holdUntil.IsZero() && r.isOld() {
			if err := r.lookUp(r.ctx); err != nil {
				return err
			}
		}
	}
	retriedRefusal := false
	for {
		if r.endIfStopped() {
			return nil
		}
		result, started, err := r.attempt()
		switch {
		case err != nil:
			return err
		case !started:
			continue // stopped, or the deadline moved: look again
		}
		switch result.Outcome {
		case privatereply.OutcomeSent:
			r.delivered(result, "")
			return nil
		case privatereply.OutcomeUnknown:
			return r.settle(result)
		case privatereply.OutcomeNotSent:
			if result.Reason == privatereply.BroadcastOver {
				r.end(privatereply.Expired, privatereply.BroadcastOver)
				return nil
			}
			if err := r.awaitNextTry(result); err != nil {
				return err
			}
		case privatereply.OutcomeRefused:
			switch {
			case result.Reason == privatereply.AlreadyReplied && r.mayHaveArrived():
				r.confirmed("", privatereply.ConfirmedByRefusal)
				return nil
			case result.Reason == privatereply.NotRepliableOrAlreadyReplied && !r.mayHaveArrived() && !retriedRefusal:
				retriedRefusal = true
				if err := r.nap(refusalRetry); err != nil {
					return err
				}
			case result.Reason == privatereply.NotRepliableOrAlreadyReplied && r.mayHaveArrived() && r.look():
				return nil
			case result.Reason == privatereply.NotRepliableOrAlreadyReplied && r.doubtful:
				r.unknown(result.Reason)
				return nil
			default:
				r.undeliverable(result)
				return nil
			}
		default:
			return fmt.Errorf("the send activity answered with the outcome %q", result.Outcome)
		}
	}
}

// attempt schedules one send and waits for its outcome. started is false when no
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
	}), SendPrivateReplyActivity, SendPrivateReply{
		Comment:  target(r.in.Comment),
		Text:     r.text,
		Deadline: deadline.At,
		Attempt:  r.send.Attempts,
		Since:    r.decidedAt,
		Waited:   r.waited,
		ByPerson: r.approver != "",
	})
	stop := func() bool { return r.objected() || r.deadline != deadline }
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
	r.note(result)
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

// heldBack reports whether a send was not even tried, because the account has to
// wait or to be mended. Then it counts for nothing.
func heldBack(result privatereply.SendResult) bool {
	if result.Outcome != privatereply.OutcomeNotSent || result.Wrote {
		return false
	}
	switch result.Reason {
	case privatereply.Paced, privatereply.Throttled, privatereply.AccountBlocked,
		privatereply.TokenRejected, privatereply.NotPermitted, privatereply.AccountUnknown:
		return true
	}
	return false
}

// target is what a send needs of a comment. The texts stand in the history already,
// and a reply may be tried for days.
func target(c privatereply.Comment) privatereply.Comment {
	c.Username, c.Text, c.AdTitle = "", "", ""
	return c
}

// note keeps what an attempt taught. One that was not made leaves Meta's last error
// as it is.
func (r *reply) note(result privatereply.SendResult) {
	r.send.Outcome, r.send.RetryAt = result.Outcome, result.RetryAt
	late := result.Reason == privatereply.DeadlineWhileSending
	if !late || r.send.Reason == "" {
		r.send.Reason = result.Reason
	}
	if !late && !heldBack(result) || result.Code != 0 {
		r.send.Code, r.send.Subcode, r.send.TraceID = result.Code, result.Subcode, result.TraceID
	}
	r.doubtful = r.doubtful || result.Doubtful
	if result.Wrote && result.Outcome != privatereply.OutcomeRefused && r.writtenAt.IsZero() {
		r.writtenAt = result.SentAt
	}
}

// mayHaveArrived reports whether some attempt was written and not finally
// refused. Then Meta's "already replied" means this product's own reply.
func (r *reply) mayHaveArrived() bool { return !r.writtenAt.IsZero() }

// endIfStopped ends the reply if it may not be sent any more.
func (r *reply) endIfStopped() bool {
	if !r.objected() && !r.expired() {
		return false
	}
	if r.doubtful && r.look() || r.endIfObjected() {
		return true
	}
	r.end(privatereply.Expired, privatereply.DeadlineWhileSending)
	return true
}

// delivered ends the send with Meta's own word for it.
func (r *reply) delivered(result privatereply.SendResult, reason privatereply.Reason) {
	r.send.MessageID, r.send.RecipientID = result.MessageID, result.RecipientID
	r.writtenAt = result.SentAt
	r.confirm(reason)
}

// confirmed ends the send with another proof that an earlier attempt arrived.
func (r *reply) confirmed(messageID string, reason privatereply.Reason) {
	r.send.Outcome, r.send.MessageID = privatereply.OutcomeSent, messageID
	r.confirm(reason)
}

func (r *reply) confirm(reason privatereply.Reason) {
	r.send.RetryAt, r.send.SentAt = time.Time{}, r.writtenAt
	r.become(privatereply.Sent, r.orTooLate(reason))
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
