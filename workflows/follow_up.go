package workflows

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/privatereply/privatereply"
)

const (
	// followUpTimeout is how long the agent waits for a send that
	// provably did not happen to be tried again.
	followUpTimeout = time.Minute
	// maxFollowUps is how many follow-ups a status shows.
	maxFollowUps = 20
)

// FollowUpRecord is a follow-up that has ended, without its text.
type FollowUpRecord struct {
	Agent  string    `json:"agent"`
	At     time.Time `json:"at"`
	Update string    `json:"update,omitempty"`  // the id that the caller gave the Update
	TapKey string    `json:"tap_key,omitempty"` // of what can be tapped in it
	FollowUpResult
}

// message is what m sends.
func (m FollowUp) message() privatereply.Message {
	return privatereply.Message{Text: m.Text, Buttons: m.Buttons, QuickReplies: m.QuickReplies}
}

// followUpRequest judges and follows the Update that writes to the person.
type followUpRequest struct{ *conversation }

// checkState accepts every follow-up: whether the window is open is found out when it is
// its turn, because a message of the person may have been missed.
func (c followUpRequest) checkState(FollowUp) error { return nil }

// previousResult is what came of the Update of ctx if a run before this one did it. The
// server knows an Update's id again only within a run, and Meta would deliver the
// message a second time.
func (c *conversation) previousResult(ctx workflow.Context) *FollowUpResult {
	id := workflow.GetCurrentUpdateInfo(ctx).ID
	i := slices.IndexFunc(c.FollowUps, func(f FollowUpRecord) bool { return f.Update == id })
	if id == "" || i < 0 {
		return nil
	}
	return &c.FollowUps[i].FollowUpResult
}

func (c followUpRequest) validate(m FollowUp) error {
	if err := checkName("agent", m.Agent); err != nil {
		return err
	}
	if err := c.limits.CheckMessage(c.in.Platform, m.message()); err != nil {
		return err
	}
	if m.HumanAgent && !c.in.HumanAgent {
		return errors.New("human_agent: this account does not have Meta's Human Agent feature; leave it out, or set human_agent in the accounts file once Meta has granted it: it counts for conversations that begin after that")
	}
	return nil
}

// checkWindow says in words why nothing may be sent now.
func (c *conversation) checkWindow(m FollowUp) error {
	if c.followUpChannel(m) != privatereply.ChannelClosed {
		return nil
	}
	if c.LastMessageAt.IsZero() {
		return errors.New("the window is closed: the person has not written yet, and only their message opens it")
	}
	closed := c.limits.WindowCloses(c.LastMessageAt)
	if m.HumanAgent && c.now().Before(closed) {
		return fmt.Errorf("the 24-hour window closes at %s, and nothing is sent in its last minutes; a human agent may write from then on until %s",
			formatTime(closed), formatTime(c.limits.HumanAgentCloses(c.LastMessageAt)))
	}
	if c.in.HumanAgent && !m.HumanAgent && c.now().Before(c.limits.SendUntil(privatereply.ChannelHumanAgent, c.LastMessageAt)) {
		return fmt.Errorf("the 24-hour window closes at %s, and nothing is sent in its last minutes; a human agent may still write until %s: set human_agent",
			formatTime(closed), formatTime(c.limits.HumanAgentCloses(c.LastMessageAt)))
	}
	return fmt.Errorf("the window is closed: the person's newest message was at %s, the 24 hours end at %s, and nothing is sent in their last minutes", formatTime(c.LastMessageAt), formatTime(closed))
}

func (c *conversation) followUpChannel(m FollowUp) privatereply.Channel {
	return c.limits.FollowUpChannel(c.now(), c.LastMessageAt, m.HumanAgent && c.in.HumanAgent)
}

// followUp sends one follow-up and answers when it has ended. One goes at a time.
func (c *conversation) followUp(ctx workflow.Context, m FollowUp) (*FollowUpResult, error) {
	if result := c.previousResult(ctx); result != nil {
		return result, nil
	}
	if err := c.awaitTurn(ctx); err != nil {
		return nil, err
	}
	defer func() { c.sending = false }()

	if err := c.ensureWindowOpen(ctx, m); err != nil {
		return nil, refusal(err)
	}
	key := c.newTapKey(m.message())
	answer, err := c.sendFollowUp(ctx, m, key)
	if err != nil {
		return nil, err
	}
	c.FollowUps = append(c.FollowUps, FollowUpRecord{
		Agent: strings.TrimSpace(m.Agent), At: c.now(), Update: workflow.GetCurrentUpdateInfo(ctx).ID, TapKey: key, FollowUpResult: *answer,
	})
	c.FollowUps = c.FollowUps[max(0, len(c.FollowUps)-maxFollowUps):]
	c.describe()
	return answer, nil
}

// awaitTurn waits until nothing else is being sent. Whoever has the turn ends it by setting
// sending to false.
func (c *conversation) awaitTurn(ctx workflow.Context) error {
	err := workflow.Await(ctx, func() bool { return !c.sending })
	c.sending = c.sending || err == nil
	return err
}

// ensureWindowOpen refuses in words what may not be sent now. Before that it reads the
// conversation: Meta loses webhooks, and a message that no webhook reported opens the window too.
func (c *conversation) ensureWindowOpen(ctx workflow.Context, m FollowUp) error {
	if c.followUpChannel(m) != privatereply.ChannelClosed {
		return nil
	}
	window := c.limits.StandardWindow
	if c.in.HumanAgent {
		window = c.limits.HumanAgentWindow
	}
	wrote, err := execute(ctx, workflow.ActivityOptions{
		ScheduleToCloseTimeout: followUpTimeout, // the agent waits for the answer
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: 2 * time.Second},
		Summary:                "Read what the person wrote",
	}, Activities.ReadMessages, ReadMessagesInput{
		Platform: c.in.Platform, Account: c.in.Account, Person: c.in.Person, Since: c.now().Add(-time.Duration(window)),
	}).result(ctx)
	for _, message := range wrote.Messages {
		c.recordMessage(message)
	}
	closed := c.checkWindow(m)
	if closed != nil && err != nil {
		workflow.GetLogger(ctx).Warn("cannot read the conversation", "error", err)
		return fmt.Errorf("%w; the conversation could not be read to see whether they wrote since", closed)
	}
	return closed
}

// sendFollowUp tries until an attempt may have arrived. Nothing at Meta stops a
// follow-up from arriving twice, so only one that was proven not sent is repeated.
//
// What can be tapped in it is known before it goes out, because a tap may be reported before
// Meta's answer is here.
func (c *conversation) sendFollowUp(ctx workflow.Context, m FollowUp, tapKey string) (*FollowUpResult, error) {
	c.addTappables("", m.message().Taps(tapKey))
	giveUpAt := c.now().Add(followUpTimeout)
	var proved evidence
	for pause := time.Second; ; pause *= 2 {
		channel := c.followUpChannel(m)
		if channel == privatereply.ChannelClosed {
			return &FollowUpResult{State: privatereply.OutcomeRefused, Reason: privatereply.OutsideWindow}, nil
		}
		startedAt := c.now()
		result, started := c.attemptFollowUp(ctx, SendFollowUpInput{Message: m.message(), TapKey: tapKey}, channel)
		if !started {
			return &FollowUpResult{State: privatereply.OutcomeRefused, Reason: privatereply.NoWorker}, nil
		}
		proved = proved.after(result, c.now())
		switch proved.decide(false) {
		case stepDelivered:
			return &FollowUpResult{State: privatereply.OutcomeSent, MessageID: result.MessageID, Reason: result.Reason}, nil
		case stepReconcile:
			if found := c.findFollowUp(ctx, followUpTimeout, m.message(), startedAt).MessageID; found != "" {
				return &FollowUpResult{State: privatereply.OutcomeSent, MessageID: found, Reason: privatereply.FoundInConversation}, nil
			}
			return &FollowUpResult{State: privatereply.OutcomeUnknown, Reason: result.Reason}, nil
		case stepRetry:
			// The time is by the worker's clock, which may be off: a try that needs no wait is
			// followed by a longer pause each time.
			next := later(result.RetryAt, c.now().Add(pause))
			if !next.After(giveUpAt) {
				if err := workflow.Sleep(ctx, next.Sub(c.now())); err != nil {
					return nil, err
				}
				continue
			}
		}
		return &FollowUpResult{State: privatereply.OutcomeRefused, MessageID: result.MessageID, Reason: result.Reason}, nil
	}
}

// attemptFollowUp makes one attempt to send in. An agent may wait for the answer, so a send
// that no worker takes is given up: then it is not started.
func (c *conversation) attemptFollowUp(ctx workflow.Context, in SendFollowUpInput, channel privatereply.Channel) (result privatereply.SendResult, started bool) {
	in.Platform, in.Account, in.Person = c.in.Platform, c.in.Account, c.in.Person
	in.HumanAgent = channel == privatereply.ChannelHumanAgent
	in.NotAfter = c.limits.SendUntil(channel, c.LastMessageAt)
	scheduledAt := c.now()
	options := sendOptions(SendQueue(workflow.GetInfo(ctx).TaskQueueName), min(followUpTimeout, in.NotAfter.Sub(scheduledAt)), c.in.Platform, c.in.Account)
	options.Summary = "Send a follow-up"
	if in.Tap {
		options.Summary = "Send the text of a tap"
	}
	return sendResult(ctx, execute(ctx, options, Activities.SendFollowUp, in), scheduledAt)
}

// findFollowUp reads the conversation for a message that nobody acknowledged, until patience
// ends.
func (c *conversation) findFollowUp(ctx workflow.Context, patience time.Duration, m privatereply.Message, since time.Time) FindMessageResult {
	found := foundMessage(ctx, findMessage(ctx, patience, FindMessageInput{
		Platform: c.in.Platform, Account: c.in.Account, Person: c.in.Person,
		Text: m.Text, Template: len(m.Buttons) > 0, Since: since.Add(-privatereply.ClockSkew), Known: c.knownMessages(),
	}))
	if found.MessageID != "" && slices.Contains(c.knownMessages(), found.MessageID) {
		return FindMessageResult{} // something else has taken it meanwhile
	}
	return found
}

// knownMessages are the ids of the messages whose origin is known.
func (c *conversation) knownMessages() []string {
	known := make([]string, 0, len(c.Replies)+len(c.FollowUps))
	for _, reply := range c.Replies {
		known = append(known, reply.MessageID)
	}
	for _, sent := range c.FollowUps {
		known = append(known, sent.MessageID)
	}
	for _, tap := range c.Taps {
		if tap.MessageID != "" {
			known = append(known, tap.MessageID)
		}
	}
	return known
}
