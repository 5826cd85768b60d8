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
	"github.com/privatereply/privatereply/activities/pacing"
	"github.com/privatereply/privatereply/graph"
	"github.com/privatereply/privatereply/internal/routing"
	"github.com/privatereply/privatereply/workflows"
)

// FindMessage reads the person's conversation for a message of the account with the same
// text, and claims it for the reply that asks: two replies with one text may look at the
// same time. A repeat changes nothing.
func (a *Activities) FindMessage(ctx context.Context, in workflows.FindMessageInput) (workflows.FindMessageResult, error) {
	account, c, shown, err := a.readConversation(ctx, in.Platform, in.Account, in.Person, in.Since)
	switch {
	case err != nil:
		return workflows.FindMessageResult{}, err
	case c == nil && shown:
		return workflows.FindMessageResult{}, nil // the person may have another id there
	case c == nil:
		return workflows.FindMessageResult{Readable: true, Empty: true}, nil
	}
	from := senderIDs(account, *c, in.Person)
	for {
		claimed, unidentified, err := a.claimedMessages(ctx, in)
		if err != nil {
			return workflows.FindMessageResult{}, err
		}
		m, ok := graph.FindMessage(c.Messages, graph.MessageCriteria{Text: in.Text, Since: in.Since, ExcludeIDs: claimed, SenderIDs: from})
		if !ok {
			return workflows.FindMessageResult{Readable: c.Complete && a.clocksAgree(), Others: wroteAnother(c.Messages, from, claimed, in.CommentAt)}, nil
		}
		if slices.ContainsFunc(unidentified, func(sentAt time.Time) bool { return couldBeMessageOf(m, sentAt) }) {
			return workflows.FindMessageResult{}, nil // nobody can tell whose it is
		}
		// A send that never told how it ended may have waited long before it was made.
		// Meta's time of the message is the better one then.
		found := workflows.FindMessageResult{MessageID: m.ID, SentAt: m.At.Add(-privatereply.ClockSkew), Readable: true}
		if sentAt := in.Since.Add(privatereply.ClockSkew); sentAt.After(found.SentAt) {
			found.SentAt = sentAt
		}
		if in.Reply == "" {
			return found, nil
		}
		claimedByUs, err := a.claim(ctx, account, in, found)
		if err != nil || claimedByUs {
			return found, err
		}
		in.Known = append(in.Known, m.ID)
	}
}

// ReadMessages reads what the person wrote, oldest first.
func (a *Activities) ReadMessages(ctx context.Context, in workflows.ReadMessagesInput) (workflows.ReadMessagesResult, error) {
	var wrote workflows.ReadMessagesResult
	_, c, _, err := a.readConversation(ctx, in.Platform, in.Account, in.Person, in.Since)
	if err != nil || c == nil {
		return wrote, err
	}
	for _, m := range slices.Backward(c.Messages) { // newest first
		if m.FromID == in.Person && !m.At.Before(in.Since) {
			wrote.Messages = append(wrote.Messages, workflows.PersonMessage{At: m.At, MessageID: m.ID})
		}
	}
	return wrote, nil
}

// readConversation reads the conversation of a person back to since, or gives nil if Meta
// shows none with them. shown says that it showed any.
func (a *Activities) readConversation(ctx context.Context, p privatereply.Platform, accountID, person string, since time.Time) (account privatereply.Account, with *graph.Conversation, shown bool, err error) {
	cred, err := a.accounts.Credentials(p, accountID)
	account = cred.Account
	reads := readPacer{a.pacer, account, a.now}
	if err != nil {
		return account, nil, false, reads.retryError(ctx, err)
	}
	for c, err := range a.graph.Conversations(ctx, cred, graph.ConversationQuery{PersonID: person, Limit: 1, Since: since, BeforeRequest: reads.wait}) {
		if err != nil {
			return account, nil, false, reads.retryError(ctx, err)
		}
		shown = true
		if includesPerson(c, person) {
			return account, &c, true, nil
		}
	}
	return account, nil, shown, nil
}

// claim notes in the person's Conversation that a message is that of the reply that
// asks, and tells whether no other reply claimed it before.
func (a *Activities) claim(ctx context.Context, account privatereply.Account, in workflows.FindMessageInput, found workflows.FindMessageResult) (bool, error) {
	joined := workflows.ReplyJoined{Reply: in.Reply, SentAt: found.SentAt, MessageID: found.MessageID, TextSHA256: privatereply.TextSHA256(in.Text)}
	if err := a.signalConversation(ctx, account, in.Person, workflows.ReplyJoinedSignal, joined); err != nil {
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
	return false, fmt.Errorf("the conversation with %s has not noted message %s", in.Person, found.MessageID)
}

// clocksAgree reports whether a message since a moment of ours can be told by Meta's time
// of it: what is absent by a clock that is off proves nothing.
func (a *Activities) clocksAgree() bool {
	offset, known := a.graph.ClockOffset()
	return !known || offset.Abs() < privatereply.ClockSkew
}

// includesPerson reports whether c may be the person's conversation. Many people get the
// same text, so that a message to another one would pass for the one sought.
func includesPerson(c graph.Conversation, person string) bool {
	return len(c.Participants) == 0 || slices.ContainsFunc(c.Participants, func(p graph.Participant) bool { return p.ID == person })
}

// senderIDs are the ids under which the account can stand in the person's
// conversation. On Instagram Login that can be one that no webhook ever shows: who
// is not the person is the account.
func senderIDs(account privatereply.Account, c graph.Conversation, person string) []string {
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

// wroteAnother reports whether the account wrote something else since the comment. Whoever did
// may have used the one private reply.
func wroteAnother(messages []graph.Message, from, claimed []string, commentAt time.Time) bool {
	return !commentAt.IsZero() && slices.ContainsFunc(messages, func(m graph.Message) bool {
		return m.FromID != "" && slices.Contains(from, m.FromID) && !slices.Contains(claimed, m.ID) &&
			privatereply.LimitsOf("").Answers(m.At, commentAt)
	})
}

// couldBeMessageOf reports whether m may be the message of a reply that was sent at sentAt.
func couldBeMessageOf(m graph.Message, sentAt time.Time) bool {
	return privatereply.LimitsOf("").Answers(m.At, sentAt) && m.At.Before(sentAt.Add(maxDeliveryDelay))
}

// maxDeliveryDelay is how long after a reply was sent its message may have come.
const maxDeliveryDelay = 5 * time.Minute

// claimedMessages are the messages that are known to be those of other replies and of follow-ups
// to the person: two comments may get the same text. nameless is when those replies were
// sent that were delivered although nobody knows by which message.
func (a *Activities) claimedMessages(ctx context.Context, in workflows.FindMessageInput) (messages []string, unidentified []time.Time, err error) {
	messages = slices.Clone(in.Known)
	if in.Reply == "" {
		return messages, nil, nil // the conversation itself asks, and cannot be asked
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
	return messages, unidentified, nil
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
