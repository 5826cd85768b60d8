package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/privatereply/privatereply"
)

// settleDelay lies between an unknown attempt and its guarded repeat: a passing
// fault is often over by then, and what Meta did accept can be read.
const settleDelay = 10 * time.Second

// settle finds out what became of an attempt that nobody answered: it looks into
// the conversation, then repeats the send once. The repeat is safe because Meta
// allows one private reply per comment and refuses the second. After an objection
// or the deadline only the look is allowed.
func (r *reply) settle(unknown privatereply.SendResult) error {
	r.writtenAt = unknown.SentAt
	if r.look() {
		return nil
	}
	if err := r.nap(settleDelay); err != nil {
		return err
	}
	for !r.objected() && !r.expired() {
		result, started, err := r.attempt()
		switch {
		case err != nil:
			return err
		case !started:
			continue
		case result.Outcome == privatereply.OutcomeSent:
			r.delivered(result, "")
			return nil
		case result.Outcome == privatereply.OutcomeRefused && result.Reason == privatereply.AlreadyReplied:
			r.confirmed("", privatereply.ConfirmedByRefusal)
			return nil
		case result.Outcome == privatereply.OutcomeNotSent && result.Reason != privatereply.BroadcastOver:
			if err := r.awaitNextTry(result); err != nil {
				return err
			}
			continue
		}
		break
	}
	if r.look() {
		return nil
	}
	r.unknown(unknown.Reason)
	return nil
}

// unknown leaves it to a person to say whether the reply arrived.
func (r *reply) unknown(reason privatereply.Reason) {
	r.send.Outcome, r.send.SentAt, r.send.RetryAt = privatereply.OutcomeUnknown, r.writtenAt, time.Time{}
	r.become(privatereply.DeliveryUnknown, r.orTooLate(reason))
}

// look reads the person's conversation for the reply, and ends the send if it is
// there.
func (r *reply) look() bool {
	if r.in.Comment.PersonID == "" {
		return false
	}
	found := findMessage(r.ctx, FindMessage{
		Platform: r.in.Comment.Platform,
		Account:  r.in.Comment.Account,
		Person:   r.in.Comment.PersonID,
		Text:     r.text,
		Since:    r.writtenAt.Add(-privatereply.ClockSkew),
		Reply:    workflow.GetInfo(r.ctx).WorkflowExecution.ID,
	})
	if found.MessageID == "" {
		return false
	}
	r.writtenAt = later(r.writtenAt, found.SentAt)
	r.confirmed(found.MessageID, privatereply.FoundInConversation)
	return true
}

// findMessage looks for a message in a person's conversation. It fails as it finds
// nothing: a look proves only what it sees.
func findMessage(ctx workflow.Context, ask FindMessage) FoundMessage {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout:    SendTimeout,
		ScheduleToCloseTimeout: time.Minute,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: 2 * time.Second, MaximumAttempts: 3},
		Summary:                "Look for the message in the conversation",
	})
	var found FoundMessage
	if err := workflow.ExecuteActivity(ctx, FindMessageActivity, ask).Get(ctx, &found); err != nil {
		workflow.GetLogger(ctx).Warn("cannot read the conversation", "error", err)
	}
	return found
}
