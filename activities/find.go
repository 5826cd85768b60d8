package activities

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/activities/pacing"
	"github.com/privatereply/privatereply/graph"
	"github.com/privatereply/privatereply/internal/personkey"
	"github.com/privatereply/privatereply/internal/routing"
	"github.com/privatereply/privatereply/workflows"
)

// FindMessage finds a delivered message: it reads the person's conversation for a message of
// the account with the same text, and claims it for the reply in.Reply, because two replies
// with the same text may search at the same time. A repeat changes nothing.
func (a *Activities) FindMessage(ctx context.Context, in workflows.FindMessageInput) (workflows.FindMessageResult, error) {
	account, c, shown, err := a.readConversation(ctx, in.Platform, in.Account, in.Person, in.Since, in.Template)
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
		ours := graph.MessageCriteria{Text: in.Text, Since: in.Since, ExcludeIDs: claimed, SenderIDs: from}
		m, ok := graph.FindMessage(c.Messages, ours)
		if !ok && in.Template && graph.AnyUnreadable(c.Messages, ours) {
			return workflows.FindMessageResult{}, nil // it may be the one
		}
		if !ok {
			return workflows.FindMessageResult{Readable: c.Complete && a.clocksAgree(), Others: wroteAnother(c.Messages, from, claimed, in.CommentAt)}, nil
		}
		if slices.ContainsFunc(unidentified, func(sentAt time.Time) bool { return couldBeMessageOf(m, sentAt) }) {
			return workflows.FindMessageResult{}, nil // it may belong to either reply
		}
		// A send without a result may have waited long before it was made.
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
	_, c, _, err := a.readConversation(ctx, in.Platform, in.Account, in.Person, in.Since, false)
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
// shows none with the person. With templates it comes with the texts of messages with
// buttons, which only Facebook shows. shown reports whether Meta showed any conversation.
func (a *Activities) readConversation(ctx context.Context, p privatereply.Platform, accountID, person string, since time.Time, templates bool) (account privatereply.Account, with *graph.Conversation, shown bool, err error) {
	cred, err := a.accounts.Credentials(p, accountID)
	account = cred.Account
	reads := readPacer{a.pacer, account, a.now}
	if err != nil {
		return account, nil, false, reads.retryError(ctx, err)
	}
	for c, err := range a.graph.Conversations(ctx, cred, graph.ConversationQuery{PersonID: person, Limit: 1, Since: since, Attachments: templates && p == privatereply.Facebook, BeforeRequest: reads.wait}) {
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

// clocksAgree reports whether Meta's clock and ours differ by less than ClockSkew. If they
// differ more, the absence of a message since a time of ours proves nothing.
func (a *Activities) clocksAgree() bool {
	offset, known := a.graph.ClockOffset()
	return !known || offset.Abs() < privatereply.ClockSkew
}

// includesPerson reports whether c may be the person's conversation. Many people get the
// same text, so that a message to another person would be taken for the delivered one.
func includesPerson(c graph.Conversation, person string) bool {
	return len(c.Participants) == 0 || slices.ContainsFunc(c.Participants, func(p graph.Participant) bool { return p.ID == person })
}

// senderIDs are the ids that the account can have in the person's conversation. With
// Instagram Login that can be an id that no webhook shows: every participant but the person
// is the account.
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

// wroteAnother reports whether the account wrote another message since the comment. That
// message may have used the one private reply.
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

// LookUpComment asks Meta when a comment was written and whether it may be answered. Only an
// explicit false of Meta counts as not repliable.
func (a *Activities) LookUpComment(ctx context.Context, in workflows.LookUpCommentInput) (workflows.LookUpCommentResult, error) {
	cred, err := a.accounts.Credentials(in.Comment.Platform, in.Comment.Account)
	if err != nil {
		return workflows.LookUpCommentResult{}, err
	}
	reads := readPacer{a.pacer, cred.Account, a.now}
	if err := reads.waitToLookUp(ctx); err != nil {
		return workflows.LookUpCommentResult{}, err
	}
	info, err := a.graph.Comment(ctx, cred, in.Comment.TargetID())
	if err != nil {
		return workflows.LookUpCommentResult{}, reads.retryError(ctx, err)
	}
	facts := workflows.LookUpCommentResult{
		CreatedAt:    info.CreatedAt,
		NotRepliable: info.CanReplyPrivately != nil && !*info.CanReplyPrivately,
	}
	if !facts.CreatedAt.IsZero() {
		facts.Deadline = privatereply.DeadlineFromCreation(facts.CreatedAt).At
	}
	return facts, nil
}

// LocateMessage asks Meta who sent a message, and routes the message to that person's
// Conversation, as if the webhook had named the person. Temporary refusals are errors whose
// type is the reason.
func (a *Activities) LocateMessage(ctx context.Context, in workflows.LocateMessageInput) (workflows.LocateMessageResult, error) {
	m := in.Message
	cred, err := a.accounts.Credentials(m.Platform, m.Account)
	switch {
	case errors.Is(err, ErrUnknownAccount):
		return workflows.LocateMessageResult{}, retryError(err, privatereply.AccountUnknown, withJitter(repairInterval))
	case err != nil:
		return workflows.LocateMessageResult{}, retryError(err, privatereply.TokenRejected, withJitter(repairInterval))
	}
	if at, ok := a.pacer.Read(ctx, cred.Account, pacing.MaxWait); !ok {
		return workflows.LocateMessageResult{}, notYetError(at.Sub(a.now()))
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

// routeLocated routes a message to the Conversation of its sender.
func (a *Activities) routeLocated(ctx context.Context, m privatereply.PersonMessage, in workflows.LocateMessageInput) (workflows.LocateMessageResult, error) {
	located := workflows.LocateMessageResult{Outcome: workflows.LocateNotified}
	event := workflows.InboundEvent{Event: privatereply.Event{Message: &m}, HumanAgent: in.HumanAgent, RepliedOnly: in.RepliedOnly}
	err := routing.New(a.temporal, a.queue, personkey.Keys{}, a.now).Route(ctx, []workflows.InboundEvent{event}, 1, func(_ int, result routing.Result) {
		if result.Effect == routing.Ignored {
			located.Outcome = workflows.LocateTooOld
		}
	})
	return located, err
}

// locateRetryError reports a temporary refusal to the pacer, and returns the error that says when
// to try again.
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
	return retryError(failed, failed.Reason, pause)
}
