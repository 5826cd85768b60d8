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

// joinedAfter is how long a reply needs at most, from its message on, to tell the
// Conversation of it or that it is unsettled, also if the worker that has the call
// dies, unless the server is far behind.
const joinedAfter = slowSend + workflows.JoinTimeout + time.Second

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
	for conversation, err := range a.graph.Conversations(ctx, cred, graph.ConversationQuery{PersonID: in.Person, Limit: 1, Since: in.Since}) {
		if err != nil {
			return workflows.FoundMessage{}, err
		}
		if !isWith(conversation, in.Person) {
			continue
		}
		found, err := a.findIn(ctx, cred.Account, conversation, in)
		if err != nil || found.MessageID != "" {
			return found, err
		}
	}
	return workflows.FoundMessage{}, nil
}

// findIn looks for a message that nobody else took first.
func (a *Activities) findIn(ctx context.Context, account privatereply.Account, c graph.Conversation, in workflows.FindMessage) (workflows.FoundMessage, error) {
	for {
		others, err := a.others(ctx, in)
		if err != nil {
			return workflows.FoundMessage{}, err
		}
		candidates := candidates(c.Messages, graph.Sought{
			Text: in.Text, Since: in.Since, Known: others.messages, From: ourselves(account, c, in.Person),
		})
		if len(candidates) == 0 {
			return workflows.FoundMessage{}, nil
		}
		m := candidates[0]
		// A send that never told how it ended may have waited long before it was made.
		// Meta's time of the message is the better one then.
		noted := in.Since.Add(privatereply.ClockSkew)
		found := workflows.FoundMessage{MessageID: m.ID, SentAt: m.At.Add(-privatereply.ClockSkew)}
		if noted.After(found.SentAt) {
			found.SentAt = noted
		}
		if in.Reply == "" {
			return found, nil
		}
		if wait := a.untilJoined(ctx, m); wait > 0 {
			return workflows.FoundMessage{}, a.tooEarly(ctx, account, in, noted, wait)
		}
		if len(candidates) <= others.mayHaveSent(candidates) {
			return workflows.FoundMessage{}, nil
		}
		ours, err := a.take(ctx, account, in, found)
		if err != nil || ours {
			return found, err
		}
		in.Known = append(in.Known, m.ID)
	}
}

// candidates gives the messages that are sought, the likeliest first.
func candidates(messages []graph.Message, sought graph.Sought) []graph.Message {
	var all []graph.Message
	sought.Known = slices.Clone(sought.Known)
	for {
		m, ok := graph.FindMessage(messages, sought)
		if !ok {
			return all
		}
		all, sought.Known = append(all, m), append(sought.Known, m.ID)
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

// tooEarly says when to look again, and lets looks of other replies know that the
// message may be that of the one that asks.
func (a *Activities) tooEarly(ctx context.Context, account privatereply.Account, in workflows.FindMessage, sentAt time.Time, wait time.Duration) error {
	unsettled := workflows.ReplyUnsettled{Reply: in.Reply, SentAt: sentAt}
	if err := a.tellConversation(ctx, account, in.Person, workflows.ReplyUnsettledSignal, unsettled); err != nil {
		return err
	}
	return temporal.NewApplicationErrorWithOptions("another reply may still tell that the message is its own", "TooEarly",
		temporal.ApplicationErrorOptions{NextRetryDelay: wait, Category: temporal.ApplicationErrorCategoryBenign})
}

// take notes in the person's Conversation that a message is that of the reply that
// asks, and tells whether no other reply took it before.
func (a *Activities) take(ctx context.Context, account privatereply.Account, in workflows.FindMessage, found workflows.FoundMessage) (bool, error) {
	joined := workflows.ReplyJoined{Reply: in.Reply, SentAt: found.SentAt, MessageID: found.MessageID}
	if err := a.tellConversation(ctx, account, in.Person, workflows.ReplyJoinedSignal, joined); err != nil {
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
	o := others{messages: slices.Clone(in.Known)}
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
			// Meta confirmed it without naming its message.
			o.unknown = append(o.unknown, reply.SentAt)
		default:
			o.messages = append(o.messages, reply.MessageID)
		}
	}
	for _, reply := range status.Unsettled {
		if reply.Reply != in.Reply {
			o.unknown = append(o.unknown, reply.SentAt)
		}
	}
	for _, sent := range status.FollowUps {
		if sent.MessageID != "" {
			o.messages = append(o.messages, sent.MessageID)
		}
	}
	return o, nil
}

// mayHaveSent is of how many others the message may be among the candidates.
func (o others) mayHaveSent(candidates []graph.Message) int {
	n := 0
	for _, sentAt := range o.unknown {
		if slices.ContainsFunc(candidates, func(m graph.Message) bool {
			return privatereply.Answers(m.At, sentAt) && m.At.Before(sentAt.Add(workflows.UnsettledLife))
		}) {
			n++
		}
	}
	return n
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
