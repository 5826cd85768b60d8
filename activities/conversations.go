package activities

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/graph"
	"github.com/privatereply/privatereply/workflows"
)

// joinedAfter is how long a reply needs at most to tell the Conversation of its message,
// also if the worker that has the call dies, unless the server is far behind.
const joinedAfter = workflows.JoinTimeout + 3*time.Second

// FindMessage reads the person's conversation for a message of the account with
// the same text, and has the Conversation note for whom it was found: two replies with
// one text may look at the same time. A repeat changes nothing.
//
// It looks again later as long as another reply may still tell that the message is its
// own.
func (a *Activities) FindMessage(ctx context.Context, in workflows.FindMessage) (workflows.FoundMessage, error) {
	cred, err := a.accounts.Credentials(in.Platform, in.Account)
	if err != nil {
		return workflows.FoundMessage{}, err
	}
	others, err := a.others(ctx, in)
	if err != nil {
		return workflows.FoundMessage{}, err
	}
	for conversation, err := range a.graph.Conversations(ctx, cred, graph.ConversationQuery{PersonID: in.Person, Limit: 1, Since: in.Since}) {
		if err != nil {
			return workflows.FoundMessage{}, err
		}
		if !isWith(conversation, in.Person) {
			continue
		}
		found, err := a.findIn(ctx, cred.Account, conversation, in, others)
		if err != nil || found.MessageID != "" {
			return found, err
		}
	}
	return workflows.FoundMessage{}, nil
}

// findIn looks for a message that nobody else took first.
func (a *Activities) findIn(ctx context.Context, account privatereply.Account, c graph.Conversation, in workflows.FindMessage, others others) (workflows.FoundMessage, error) {
	sought := graph.Sought{Text: in.Text, Since: in.Since, Known: others.messages, From: ourselves(account, c, in.Person)}
	for {
		m, ok := graph.FindMessage(c.Messages, sought)
		if !ok || others.mayHaveSent(m) {
			return workflows.FoundMessage{}, nil
		}
		// A send that never told how it ended may have waited long before it was made.
		// Meta's time of the message is the better one then.
		sentAt := m.At.Add(-privatereply.ClockSkew)
		if noted := in.Since.Add(privatereply.ClockSkew); noted.After(sentAt) {
			sentAt = noted
		}
		found := workflows.FoundMessage{MessageID: m.ID, SentAt: sentAt}
		if in.Reply == "" {
			return found, nil
		}
		if wait := a.untilJoined(ctx, m); wait > 0 {
			return workflows.FoundMessage{}, temporal.NewApplicationErrorWithOptions("another reply may still tell that the message is its own", "TooEarly",
				temporal.ApplicationErrorOptions{NextRetryDelay: wait, Category: temporal.ApplicationErrorCategoryBenign})
		}
		ours, err := a.take(ctx, account, in, found)
		if err != nil || ours {
			return found, err
		}
		sought.Known = append(sought.Known, m.ID)
	}
}

// untilJoined is how long the reply that sent m may still need to tell of it. After an
// outage its call waits as long as this look does.
func (a *Activities) untilJoined(ctx context.Context, m graph.Message) time.Duration {
	since := m.At
	if asked := activity.GetInfo(ctx).ScheduledTime; asked.After(since) {
		since = asked
	}
	return joinedAfter - a.now().Sub(since)
}

// take notes in the person's Conversation that a message is that of the reply that
// asks, and tells whether no other reply took it before.
func (a *Activities) take(ctx context.Context, account privatereply.Account, in workflows.FindMessage, found workflows.FoundMessage) (bool, error) {
	joined := workflows.ReplyJoined{Reply: in.Reply, SentAt: found.SentAt, MessageID: found.MessageID}
	if err := a.joinOne(ctx, account, in.Person, joined); err != nil {
		return false, err
	}
	status, err := a.conversation(ctx, in)
	if err != nil {
		return false, err
	}
	for _, reply := range status.Replies {
		if reply.MessageID == found.MessageID {
			return reply.Reply == in.Reply, nil
		}
	}
	return false, fmt.Errorf("the conversation with %s has not noted message %s", in.Person, found.MessageID)
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

// others are the other replies and follow-ups of a person: two comments may get the
// same text.
type others struct {
	messages []string    // that are known to be theirs
	unknown  []time.Time // when those were sent whose messages nobody knows
}

func (a *Activities) others(ctx context.Context, in workflows.FindMessage) (others, error) {
	o := others{messages: in.Known}
	if in.Reply == "" {
		return o, nil // the conversation itself asks, and cannot be asked
	}
	status, err := a.conversation(ctx, in)
	var none *serviceerror.NotFound
	if errors.As(err, &none) {
		return o, nil
	}
	if err != nil {
		return o, err
	}
	for _, reply := range status.Replies {
		switch {
		case reply.Reply == in.Reply:
		case reply.MessageID == "":
			o.unknown = append(o.unknown, reply.SentAt)
		default:
			o.messages = append(o.messages, reply.MessageID)
		}
	}
	for _, sent := range status.FollowUps {
		if sent.MessageID != "" {
			o.messages = append(o.messages, sent.MessageID)
		}
	}
	return o, nil
}

// mayHaveSent reports whether m may be that of a reply which Meta confirmed without
// naming its message.
func (o others) mayHaveSent(m graph.Message) bool {
	return slices.ContainsFunc(o.unknown, func(sentAt time.Time) bool { return privatereply.Answers(m.At, sentAt) })
}

// conversation is the status of the person's Conversation.
func (a *Activities) conversation(ctx context.Context, in workflows.FindMessage) (workflows.ConversationStatus, error) {
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

// JoinConversation tells the person's conversations about a delivered reply, when
// nobody waits for a send. A repeat changes nothing.
func (a *Activities) JoinConversation(ctx context.Context, in workflows.JoinConversation) error {
	if activity.GetInfo(ctx).Attempt == 1 {
		a.yielding.makeWay(ctx, activity.GetWorkerStopChannel(ctx))
	}
	cred, err := a.accounts.Credentials(in.Platform, in.Account)
	account := cred.Account
	if errors.Is(err, ErrUnknownAccount) {
		// The reply is delivered whatever became of the account since; its answers
		// still belong to it.
		account = privatereply.Account{Platform: in.Platform, ID: in.Account, KeepAll: true}
	}
	for _, person := range in.People {
		if _, err := privatereply.ConversationID(account.Platform, account.ID, person); err != nil {
			activity.GetLogger(ctx).Warn("no conversation for this person", "error", err)
			continue
		}
		if err := a.joinOne(ctx, account, person, in.Joined); err != nil {
			return err
		}
	}
	return nil
}

func (a *Activities) joinOne(ctx context.Context, account privatereply.Account, person string, joined workflows.ReplyJoined) error {
	options, input, err := workflows.ConversationOptions(account, person, a.queue)
	if err != nil {
		return err
	}
	if _, err := a.temporal.SignalWithStartWorkflow(ctx, options.ID, workflows.ReplyJoinedSignal, joined,
		options, workflows.ConversationType, input); err != nil {
		return fmt.Errorf("join %s: %w", options.ID, err)
	}
	return nil
}
