package activities

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/activities/pacing"
	"github.com/privatereply/privatereply/graph"
	"github.com/privatereply/privatereply/internal/routing"
	"github.com/privatereply/privatereply/workflows"
)

// LocateMessage asks Meta who sent a message, and tells that person's Conversation as if
// the webhook had named them. Refusals that can pass are errors, whose type is the reason.
func (a *Activities) LocateMessage(ctx context.Context, in workflows.LocateMessageInput) (workflows.LocateMessageResult, error) {
	m := in.Message
	cred, err := a.accounts.Credentials(m.Platform, m.Account)
	switch {
	case errors.Is(err, ErrUnknownAccount):
		return workflows.LocateMessageResult{}, locateLater(err, privatereply.AccountUnknown, withJitter(repairInterval))
	case err != nil:
		return workflows.LocateMessageResult{}, locateLater(err, privatereply.TokenRejected, withJitter(repairInterval))
	}
	if at, ok := a.pacer.Read(ctx, cred.Account, pacing.MaxWait); !ok {
		return workflows.LocateMessageResult{}, locateLater(errors.New("it is not this account's turn to read"), privatereply.Paced, max(time.Second, at.Sub(a.now())))
	}
	found, err := a.graph.Message(ctx, cred, m.MessageID)
	var failed *graph.Error
	switch {
	case err == nil:
	case !errors.As(err, &failed):
		return workflows.LocateMessageResult{}, err
	case failed.Class == graph.Unlisted && activity.GetInfo(ctx).Attempt >= maxReadAttempts:
		return workflows.LocateMessageResult{Outcome: workflows.LocateRefused, Reason: failed.Reason, Code: failed.Code}, nil
	case failed.Class == graph.Unknown || failed.Class.Retryable(): // a read may be repeated
		return workflows.LocateMessageResult{}, a.locateRetryError(cred.Account, failed)
	default:
		activity.GetLogger(ctx).Warn("Meta does not show a message", "message", m.MessageID, "error", err)
		return workflows.LocateMessageResult{Outcome: workflows.LocateRefused, Reason: failed.Reason, Code: failed.Code}, nil
	}
	// Where Meta names the account by an id that no webhook shows, the sender passes for the
	// person: a Conversation too many is better than a window that never opens.
	if cred.Account.IsSelf(found.FromID) {
		return workflows.LocateMessageResult{Outcome: workflows.LocateOwnMessage}, nil
	}
	m.PersonID = found.FromID
	if _, err := privatereply.ConversationID(m.Platform, m.Account, m.PersonID); err != nil {
		return workflows.LocateMessageResult{Outcome: workflows.LocateNoSender}, nil
	}
	if !found.At.IsZero() {
		m.At = privatereply.MessageTime(found.At, a.now())
	}
	return a.routeLocated(ctx, m, in)
}

// routeLocated tells the Conversation of a person of their message.
func (a *Activities) routeLocated(ctx context.Context, m privatereply.PersonMessage, in workflows.LocateMessageInput) (workflows.LocateMessageResult, error) {
	located := workflows.LocateMessageResult{Outcome: workflows.LocateNotified}
	event := workflows.InboundEvent{Event: privatereply.Event{Message: &m}, HumanAgent: in.HumanAgent, RepliedOnly: in.RepliedOnly}
	err := routing.New(a.temporal, a.queue, a.now).Route(ctx, []workflows.InboundEvent{event}, 1, func(_ int, result routing.Result) {
		if result.Effect == routing.Ignored {
			located.Outcome = workflows.LocateTooOld
		}
	})
	return located, err
}

// locateRetryError tells the pacer of a refusal that can pass, and says when to try again.
func (a *Activities) locateRetryError(account privatereply.Account, failed *graph.Error) error {
	pause := failed.RetryAfter
	if pause == 0 {
		pause = failed.Cooldown
	}
	switch failed.Class {
	case graph.Throttled:
		a.pacer.ReadRefused(account, failed.Reason, pause)
	case graph.AccountFault:
		pause = max(pause, withJitter(repairInterval))
	}
	return locateLater(failed, failed.Reason, pause)
}

// locateLater asks for another try after pause, or after that of the retry policy, which
// grows, where nobody named one.
func locateLater(why error, reason privatereply.Reason, pause time.Duration) error {
	return temporal.NewApplicationErrorWithOptions(why.Error(), string(reason),
		temporal.ApplicationErrorOptions{NextRetryDelay: pause, Category: temporal.ApplicationErrorCategoryBenign})
}
