package workflows

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/privatereply/privatereply"
)

const (
	// followUpTimeout is how long the agent is kept waiting for a send that
	// provably did not happen to be tried again.
	followUpTimeout = time.Minute
	// maxFollowUps is how many follow-ups a status shows.
	maxFollowUps = 20
)

// FollowUpRecord tells how a follow-up ended, without its text.
type FollowUpRecord struct {
	Agent  string    `json:"agent"`
	At     time.Time `json:"at"`
	Update string    `json:"update,omitempty"` // the id that the caller gave the Update
	FollowUpResult
}

func (c *conversation) handleFollowUps() error {
	return workflow.SetUpdateHandlerWithOptions(c.ctx, FollowUpUpdate,
		func(ctx workflow.Context, raw converter.RawValue) (*FollowUpResult, error) {
			c.drain()
			if answer := c.previousResult(ctx); answer != nil {
				return answer, nil
			}
			var m FollowUp
			if err := decode(raw, &m); err != nil {
				return nil, temporal.NewNonRetryableApplicationError(err.Error(), "Refused", nil)
			}
			return c.followUp(ctx, m)
		},
		workflow.UpdateHandlerOptions{
			Description: "Write to the person while the window is open",
			Validator: func(raw converter.RawValue) error {
				var m FollowUp
				if err := decode(raw, &m); err != nil {
					return err
				}
				return c.validateFollowUp(m)
			},
		})
}

// previousResult is what came of the Update of ctx if a run before this one did it. The
// server knows an Update's id again only within a run, and Meta would deliver the
// message a second time.
func (c *conversation) previousResult(ctx workflow.Context) *FollowUpResult {
	id := workflow.GetCurrentUpdateInfo(ctx).ID
	i := slices.IndexFunc(c.followUps, func(f FollowUpRecord) bool { return f.Update == id })
	if id == "" || i < 0 {
		return nil
	}
	return &c.followUps[i].FollowUpResult
}

// validateFollowUp judges a follow-up alone. Whether the window is open is found out when it is
// accepted: a message of the person may have been missed.
func (c *conversation) validateFollowUp(m FollowUp) error {
	if err := checkName("agent", m.Agent); err != nil {
		return err
	}
	if err := c.limits.CheckText(c.in.Platform, m.Text); err != nil {
		return fmt.Errorf("text: %w", err)
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
	if c.newest.IsZero() {
		return errors.New("the window is closed: the person has not written yet, and only their message opens it")
	}
	closed := c.limits.WindowCloses(c.newest)
	if m.HumanAgent && c.now().Before(closed) {
		return fmt.Errorf("the 24-hour window closes at %s, and nothing is sent in its last minutes; a human agent may write from then on until %s",
			formatTime(closed), formatTime(c.limits.HumanAgentCloses(c.newest)))
	}
	if c.in.HumanAgent && !m.HumanAgent && c.now().Before(c.limits.SendUntil(privatereply.ChannelHumanAgent, c.newest)) {
		return fmt.Errorf("the 24-hour window closes at %s, and nothing is sent in its last minutes; a human agent may still write until %s: set human_agent",
			formatTime(closed), formatTime(c.limits.HumanAgentCloses(c.newest)))
	}
	return fmt.Errorf("the window is closed: the person's newest message was at %s, the 24 hours end at %s, and nothing is sent in their last minutes", formatTime(c.newest), formatTime(closed))
}

func (c *conversation) followUpChannel(m FollowUp) privatereply.Channel {
	return c.limits.FollowUpChannel(c.now(), c.newest, m.HumanAgent && c.in.HumanAgent)
}

// followUp sends one follow-up and answers when it has ended. One goes at a time.
func (c *conversation) followUp(ctx workflow.Context, m FollowUp) (*FollowUpResult, error) {
	if err := workflow.Await(ctx, func() bool { return !c.sending }); err != nil {
		return nil, err
	}
	c.sending = true
	defer func() { c.sending = false }()

	if err := c.ensureWindowOpen(ctx, m); err != nil {
		return nil, temporal.NewNonRetryableApplicationError(err.Error(), "Refused", nil)
	}
	answer, err := c.sendFollowUp(ctx, m)
	if err != nil {
		return nil, err
	}
	c.followUps = append(c.followUps, FollowUpRecord{
		Agent: strings.TrimSpace(m.Agent), At: c.now(), Update: workflow.GetCurrentUpdateInfo(ctx).ID, FollowUpResult: *answer,
	})
	c.followUps = c.followUps[max(0, len(c.followUps)-maxFollowUps):]
	c.describe()
	return answer, nil
}

// ensureWindowOpen refuses in words what may not be sent now. Before that it reads the
// conversation: Meta loses webhooks, and a message that none told of opens the window too.
func (c *conversation) ensureWindowOpen(ctx workflow.Context, m FollowUp) error {
	if c.followUpChannel(m) != privatereply.ChannelClosed {
		return nil
	}
	window := c.limits.StandardWindow
	if c.in.HumanAgent {
		window = c.limits.HumanAgentWindow
	}
	var wrote ReadMessagesResult
	err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		ScheduleToCloseTimeout: followUpTimeout, // the agent waits for the answer
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: 2 * time.Second},
		Summary:                "Read what the person wrote",
	}), ReadMessagesActivity, ReadMessagesInput{
		Platform: c.in.Platform, Account: c.in.Account, Person: c.in.Person, Since: c.now().Add(-time.Duration(window)),
	}).Get(ctx, &wrote)
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
func (c *conversation) sendFollowUp(ctx workflow.Context, m FollowUp) (*FollowUpResult, error) {
	patience := c.now().Add(followUpTimeout)
	for pause := time.Second; ; pause *= 2 {
		channel := c.followUpChannel(m)
		if channel == privatereply.ChannelClosed {
			return &FollowUpResult{State: privatereply.OutcomeRefused, Reason: privatereply.OutsideWindow}, nil
		}
		startedAt := c.now()
		result := c.attemptFollowUp(ctx, m, channel)
		switch result.Outcome {
		case privatereply.OutcomeNotSent:
			// The time is by the worker's clock, which may be off: a try that needs no wait is
			// followed by a longer pause each time.
			next := later(result.RetryAt, c.now().Add(pause))
			if next.After(patience) {
				return &FollowUpResult{State: privatereply.OutcomeRefused, Reason: result.Reason}, nil
			}
			if err := workflow.Sleep(ctx, next.Sub(c.now())); err != nil {
				return nil, err
			}
		case privatereply.OutcomeUnknown:
			if found := c.findFollowUp(ctx, m, startedAt); found != "" {
				return &FollowUpResult{State: privatereply.OutcomeSent, MessageID: found, Reason: privatereply.FoundInConversation}, nil
			}
			return &FollowUpResult{State: privatereply.OutcomeUnknown, Reason: result.Reason}, nil
		default:
			return &FollowUpResult{State: result.Outcome, MessageID: result.MessageID, Reason: result.Reason}, nil
		}
	}
}

func (c *conversation) attemptFollowUp(ctx workflow.Context, m FollowUp, channel privatereply.Channel) privatereply.SendResult {
	notAfter := c.limits.SendUntil(channel, c.newest)
	var result privatereply.SendResult
	err := workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue: SendQueue(workflow.GetInfo(ctx).TaskQueueName),
		// The agent waits for the answer, so a send that no worker takes is given up.
		ScheduleToStartTimeout: min(followUpTimeout, notAfter.Sub(c.now())),
		StartToCloseTimeout:    SendTimeout,
		WaitForCancellation:    true,
		RetryPolicy:            &temporal.RetryPolicy{MaximumAttempts: 1},
		Summary:                "Send a follow-up",
		Priority:               temporal.Priority{FairnessKey: fairnessKey(c.in.Platform, c.in.Account)},
	}), SendFollowUpActivity, SendFollowUpInput{
		Platform: c.in.Platform, Account: c.in.Account, Person: c.in.Person,
		Text: m.Text, HumanAgent: channel == privatereply.ChannelHumanAgent, NotAfter: notAfter,
	}).Get(ctx, &result)
	if err == nil {
		return result
	}
	if neverStarted(err) {
		return privatereply.SendResult{Outcome: privatereply.OutcomeRefused, Reason: privatereply.NoWorker}
	}
	workflow.GetLogger(ctx).Warn("the send did not say how it ended", "error", err)
	return privatereply.SendResult{Outcome: privatereply.OutcomeUnknown, Reason: privatereply.WorkerLost}
}

// findFollowUp reads the conversation for a follow-up that nobody acknowledged.
func (c *conversation) findFollowUp(ctx workflow.Context, m FollowUp, startedAt time.Time) string {
	known := make([]string, 0, len(c.replies)+len(c.followUps))
	for _, reply := range c.replies {
		known = append(known, reply.MessageID)
	}
	for _, sent := range c.followUps {
		known = append(known, sent.MessageID)
	}
	return findMessageResult(ctx, findMessage(ctx, followUpTimeout, FindMessageInput{
		Platform: c.in.Platform, Account: c.in.Account, Person: c.in.Person,
		Text: m.Text, Since: startedAt.Add(-privatereply.ClockSkew), Known: known,
	})).MessageID
}
