package activities

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/graph"
	"github.com/privatereply/privatereply/workflows"
)

// FindMessage reads the person's conversation for a message of the account with
// the same text. It only reads, and may be repeated.
func (a *Activities) FindMessage(ctx context.Context, in workflows.FindMessage) (workflows.FoundMessage, error) {
	cred, err := a.accounts.Credentials(in.Platform, in.Account)
	if err != nil {
		return workflows.FoundMessage{}, err
	}
	known, err := a.knownMessages(ctx, in)
	if err != nil {
		return workflows.FoundMessage{}, err
	}
	sought := graph.Sought{Text: in.Text, Since: in.Since, Known: known}
	for conversation, err := range a.graph.Conversations(ctx, cred, graph.ConversationQuery{PersonID: in.Person, Limit: 1, Since: in.Since}) {
		if err != nil {
			return workflows.FoundMessage{}, err
		}
		if !isWith(conversation, in.Person) {
			continue
		}
		sought.From = ourselves(cred.Account, conversation, in.Person)
		if m, ok := graph.FindMessage(conversation.Messages, sought); ok {
			return workflows.FoundMessage{MessageID: m.ID}, nil
		}
	}
	return workflows.FoundMessage{}, nil
}

// isWith reports whether c may be the person's conversation. Many people get the
// same text, so that a message to another one would pass for the one sought.
func isWith(c graph.Conversation, person string) bool {
	return len(c.Participants) == 0 || slices.ContainsFunc(c.Participants, func(p graph.Participant) bool { return p.ID == person })
}

// ourselves are the ids under which the account can stand in the person's
// conversation. On Instagram Login that can be one that no webhook ever shows: who
// is not the person is the account.
func ourselves(account privatereply.Account, c graph.Conversation, person string) []string {
	ids := []string{account.ID}
	if account.PageID != "" {
		ids = append(ids, account.PageID)
	}
	for _, p := range c.Participants {
		if p.ID != "" && p.ID != person {
			ids = append(ids, p.ID)
		}
	}
	return ids
}

// knownMessages are the messages that other replies of this person account for:
// two comments of one person may get the same text.
func (a *Activities) knownMessages(ctx context.Context, in workflows.FindMessage) ([]string, error) {
	known := in.Known
	id, err := privatereply.ConversationID(in.Platform, in.Account, in.Person)
	if err != nil {
		return nil, err
	}
	if in.Reply == "" {
		return known, nil // the conversation itself asks, and cannot be asked
	}
	value, err := a.temporal.QueryWorkflow(ctx, id, "", workflows.StatusQuery)
	var none *serviceerror.NotFound
	if errors.As(err, &none) {
		return known, nil
	}
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", id, err)
	}
	var status workflows.ConversationStatus
	if err := value.Get(&status); err != nil {
		return nil, fmt.Errorf("read the status of %s: %w", id, err)
	}
	for _, reply := range status.Replies {
		if reply.Reply != in.Reply && reply.MessageID != "" {
			known = append(known, reply.MessageID)
		}
	}
	for _, sent := range status.FollowUps {
		if sent.MessageID != "" {
			known = append(known, sent.MessageID)
		}
	}
	return known, nil
}

// JoinConversation tells the person's conversations about a delivered reply. A
// repeat changes nothing.
func (a *Activities) JoinConversation(ctx context.Context, in workflows.JoinConversation) error {
	cred, err := a.accounts.Credentials(in.Platform, in.Account)
	account := cred.Account
	if errors.Is(err, ErrUnknownAccount) {
		// The reply is delivered whatever became of the account since; its answers
		// still belong to it.
		account = privatereply.Account{Platform: in.Platform, ID: in.Account, KeepAll: true}
	}
	for _, person := range in.People {
		options, input, err := workflows.ConversationOptions(account, person, a.queue)
		if err != nil {
			activity.GetLogger(ctx).Warn("no conversation for this person", "error", err)
			continue
		}
		if _, err := a.temporal.SignalWithStartWorkflow(ctx, options.ID, workflows.ReplyJoinedSignal, in.Joined,
			options, workflows.ConversationType, input); err != nil {
			return fmt.Errorf("join %s: %w", options.ID, err)
		}
	}
	return nil
}
