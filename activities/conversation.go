package activities

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/workflows"
)

// JoinConversation signals a delivered reply to the Conversations of the person. A repeat
// changes nothing.
func (a *Activities) JoinConversation(ctx context.Context, in workflows.JoinConversationInput) error {
	cred, err := a.accounts.Credentials(in.Platform, in.Account)
	account := cred.Account
	if errors.Is(err, ErrUnknownAccount) {
		// The reply is delivered, although the account has been removed since; the
		// person's answers still belong to the reply.
		account = privatereply.Account{Platform: in.Platform, ID: in.Account}
	}
	for _, person := range in.People {
		if _, err := privatereply.ConversationID(account.Platform, account.ID, person); err != nil {
			activity.GetLogger(ctx).Warn("no conversation for this person", "error", err)
			continue
		}
		if err := a.signalConversation(ctx, account, person, in.Joined); err != nil {
			return err
		}
	}
	return nil
}

// joinSent is JoinConversation as part of the send that has ended with sent, for as long as
// the send has time. It reports whether all is signalled.
func (a *Activities) joinSent(ctx context.Context, in workflows.SendPrivateReplyInput, sent privatereply.SendResult) bool {
	info := activity.GetInfo(ctx)
	ctx, cancel := context.WithTimeout(ctx, min(workflows.SendJoinTimeout, time.Until(info.Deadline)-time.Second))
	defer cancel()
	if sent.SentAt.Before(info.ScheduledTime) { // this worker's clock is behind
		sent.SentAt = info.ScheduledTime.UTC()
	}
	err := a.JoinConversation(ctx, workflows.NewJoinConversationInput(info.WorkflowExecution.ID, in.Comment, in.Message, sent))
	if err != nil {
		activity.GetLogger(ctx).Warn("the conversation does not know of the reply yet", "error", err)
	}
	return err == nil
}

// signalConversation signals a delivered reply to the Conversation of a person, and starts it
// if need be.
func (a *Activities) signalConversation(ctx context.Context, account privatereply.Account, person string, joined workflows.ReplyJoined) error {
	options, input, err := workflows.ConversationOptions(account, person, a.queue)
	if err != nil {
		return err
	}
	if _, err := a.temporal.SignalWithStartWorkflow(ctx, options.ID, workflows.ReplyJoinedSignal, joined, options, workflows.ConversationType, input); err != nil {
		return fmt.Errorf("signal %s to %s: %w", workflows.ReplyJoinedSignal, options.ID, err)
	}
	return nil
}

// claimedMessages are the messages that belong to other replies, to follow-ups and to taps of
// the person: two comments may get the same text. unidentified has the send times of the replies
// that were delivered by a message that is not known.
func (a *Activities) claimedMessages(ctx context.Context, in workflows.FindMessageInput) (messages []string, unidentified []time.Time, err error) {
	messages = slices.Clone(in.Known)
	if in.Reply == "" {
		return messages, nil, nil // the Conversation itself is the caller: a query would wait for it
	}
	status, err := a.conversationStatus(ctx, in)
	var none *serviceerror.NotFound
	if errors.As(err, &none) {
		return messages, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	for _, reply := range status.Replies {
		switch {
		case reply.Reply == in.Reply:
		case reply.MessageID == "" && reply.TextSHA256 != "" && reply.TextSHA256 != privatereply.TextSHA256(in.Text):
			// its message has another text
		case reply.MessageID == "":
			unidentified = append(unidentified, reply.SentAt)
		default:
			messages = append(messages, reply.MessageID)
		}
	}
	for _, sent := range status.FollowUps {
		if sent.MessageID != "" {
			messages = append(messages, sent.MessageID)
		}
	}
	for _, tap := range status.Taps {
		if tap.MessageID != "" {
			messages = append(messages, tap.MessageID)
		}
	}
	return messages, unidentified, nil
}

// claim records in the person's Conversation that a message belongs to the reply in.Reply,
// and reports whether no other reply has claimed the message before.
func (a *Activities) claim(ctx context.Context, account privatereply.Account, in workflows.FindMessageInput, found workflows.FindMessageResult) (bool, error) {
	joined := workflows.ReplyJoined{Reply: in.Reply, SentAt: found.SentAt, MessageID: found.MessageID, TextSHA256: privatereply.TextSHA256(in.Text), Taps: in.Taps}
	if err := a.signalConversation(ctx, account, in.Person, joined); err != nil {
		return false, err
	}
	status, err := a.conversationStatus(ctx, in)
	if err != nil {
		return false, err
	}
	for _, reply := range status.Replies {
		if reply.MessageID == found.MessageID {
			return reply.Reply == in.Reply, nil
		}
	}
	return false, fmt.Errorf("the conversation with %s has not recorded message %s", in.Person, found.MessageID)
}

// conversationStatus is the status of the person's Conversation.
func (a *Activities) conversationStatus(ctx context.Context, in workflows.FindMessageInput) (workflows.ConversationStatus, error) {
	var status workflows.ConversationStatus
	id, err := privatereply.ConversationID(in.Platform, in.Account, in.Person)
	if err != nil {
		return status, err
	}
	value, err := a.temporal.QueryWorkflow(ctx, id, "", workflows.StatusQuery)
	if err != nil {
		return status, fmt.Errorf("ask %s: %w", id, err)
	}
	if err := value.Get(&status); err != nil {
		return status, fmt.Errorf("read the status of %s: %w", id, err)
	}
	return status, nil
}
