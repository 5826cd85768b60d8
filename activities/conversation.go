package activities

import (
	"context"
	"errors"
	"fmt"

	"go.temporal.io/sdk/activity"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/workflows"
)

// JoinConversation tells the person's conversations about a delivered reply, when
// nobody waits for a send. A repeat changes nothing.
func (a *Activities) JoinConversation(ctx context.Context, in workflows.JoinConversationInput) error {
	if activity.GetInfo(ctx).Attempt == 1 {
		a.yielding.makeWay(ctx, activity.GetWorkerStopChannel(ctx))
	}
	cred, err := a.accounts.Credentials(in.Platform, in.Account)
	account := cred.Account
	if errors.Is(err, ErrUnknownAccount) {
		// The reply is delivered whatever became of the account since; its answers
		// still belong to it.
		account = privatereply.Account{Platform: in.Platform, ID: in.Account}
	}
	for _, person := range in.People {
		if _, err := privatereply.ConversationID(account.Platform, account.ID, person); err != nil {
			activity.GetLogger(ctx).Warn("no conversation for this person", "error", err)
			continue
		}
		if err := a.signalConversation(ctx, account, person, workflows.ReplyJoinedSignal, in.Joined); err != nil {
			return err
		}
	}
	return nil
}

// signalConversation signals the Conversation of a person, and starts it if need be.
func (a *Activities) signalConversation(ctx context.Context, account privatereply.Account, person, signal string, message any) error {
	options, input, err := workflows.ConversationOptions(account, person, a.queue)
	if err != nil {
		return err
	}
	if _, err := a.temporal.SignalWithStartWorkflow(ctx, options.ID, signal, message, options, workflows.ConversationType, input); err != nil {
		return fmt.Errorf("signal %s to %s: %w", signal, options.ID, err)
	}
	return nil
}
