package workflows

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/privatereply/privatereply"
)

const (
	// unrepliedLifetime is how long a conversation lives that the account does not
	// want unless a reply joins it.
	unrepliedLifetime = time.Hour
	// maxNotificationsAtOnce is how many signals are on their way at the same time: a server takes
	// 2,000 of one workflow, and a crowd of answers can come after an outage.
	maxNotificationsAtOnce = 500
	// recentMessages is how many message ids are remembered to know a repeat.
	recentMessages = 200
	// maxMessageIDBytes is above the longest message id known, about 200 bytes.
	maxMessageIDBytes = 1000
	// maxRun is how long one run of a lasting conversation may be, as long as that
	// of a reply. Old branches of a changed workflow are kept until no run is left that
	// could need them: see docs/operations/upgrades.md.
	maxRun = 30 * 24 * time.Hour
)

// Conversation keeps the standard messaging window of one person with one account,
// signals the person's answers to the replies that joined it, and sends follow-ups
// while the window is open.
func Conversation(ctx workflow.Context, in ConversationInput) (*ConversationStatus, error) {
	c, err := newConversation(ctx, in)
	if err != nil {
		return nil, err
	}
	if err := c.handleMessages(); err != nil {
		return nil, err
	}
	for {
		err := c.awaitUntil("End of the conversation", c.endsAt, func() bool {
			return len(c.Pending) > 0 || c.shouldContinueAsNew()
		})
		if err != nil {
			return nil, err
		}
		if err := c.notifyReplies(); err != nil {
			return nil, err
		}
		if c.now().Before(c.endsAt()) && !c.shouldContinueAsNew() {
			continue
		}
		if err := c.await(func() bool { return workflow.AllHandlersFinished(ctx) }); err != nil {
			return nil, err
		}
		switch { // checked again: a signal may have come meanwhile
		case c.shouldContinueAsNew():
			return nil, workflow.NewContinueAsNewError(ctx, ConversationType, c.continueAsNewState())
		case len(c.Pending) > 0:
		case !c.now().Before(c.endsAt()):
			return c.status(), nil
		}
	}
}

// conversation is the state of one Conversation.
type conversation struct {
	inbox

	in      ConversationInput
	limits  privatereply.Limits
	sending bool // a follow-up

	ConversationContinueAsNewState // its RefusedSignals are those of the inbox
}

// PendingNotification is the newest message that a joined reply was not signalled yet.
type PendingNotification struct {
	Reply string    `json:"reply"`
	At    time.Time `json:"at"`
}

func newConversation(ctx workflow.Context, in ConversationInput) (*conversation, error) {
	c := &conversation{inbox: inbox{ctx: ctx}, in: in}
	c.StartedAt = c.now()
	if in.ContinuedFrom != nil {
		c.ConversationContinueAsNewState = *in.ContinuedFrom
		c.Replied = c.Replied || len(c.Replies) > 0
		c.refused = c.RefusedSignals
	}
	c.limits = in.Limits
	if c.limits == (privatereply.Limits{}) { // a start by hand
		err := workflow.SideEffect(ctx, func(workflow.Context) any { return privatereply.LimitsOf(in.Platform) }).Get(&c.limits)
		if err != nil {
			return nil, err
		}
	}
	return c, nil
}

// continueAsNewState gives what the next run goes on with. A reply that no longer follows the
// conversation is not carried over.
func (c *conversation) continueAsNewState() ConversationInput {
	c.Replies = slices.DeleteFunc(c.Replies, func(r ReplyJoined) bool {
		return c.now().After(r.SentAt.Add(time.Duration(c.limits.FollowLimit)))
	})
	next, state := c.in, c.ConversationContinueAsNewState
	state.ConversationStatus = *c.status()
	next.Limits, next.ContinuedFrom = c.limits, &state
	return next
}

// shouldContinueAsNew reports whether history has grown so long, or the run so old, that a new
// run should go on.
func (c *conversation) shouldContinueAsNew() bool {
	run := workflow.GetInfo(c.ctx)
	return run.GetContinueAsNewSuggested() || c.now().Sub(run.WorkflowStartTime) > maxRun
}

// endsAt is when there is nothing more to wait for: the window is over, also for human
// agents, and no joined reply waits for its first answer.
func (c *conversation) endsAt() time.Time {
	var end time.Time
	if !c.Replied && c.in.RepliedOnly {
		return c.StartedAt.Add(unrepliedLifetime)
	}
	if !c.LastMessageAt.IsZero() {
		end = c.limits.WindowCloses(c.LastMessageAt)
		if c.in.HumanAgent {
			end = c.limits.HumanAgentCloses(c.LastMessageAt)
		}
	}
	for _, reply := range c.Replies {
		if !reply.Answered {
			end = later(end, reply.SentAt.Add(time.Duration(c.limits.ResponseWait)))
		}
	}
	return end
}

func (c *conversation) handleMessages() error {
	if err := workflow.SetQueryHandlerWithOptions(c.ctx, StatusQuery, func() (*ConversationStatus, error) { return c.status(), nil },
		workflow.QueryHandlerOptions{Description: "The window and the replies of this conversation"}); err != nil {
		return err
	}
	c.handle(PersonMessageSignal, "The person wrote", c.personMessage)
	c.handle(ReplyJoinedSignal, "A private reply was delivered", c.replyJoined)
	return handleUpdate(&c.inbox, FollowUpUpdate, "Write to the person while the window is open", followUpRequest{c}, c.followUp)
}

// personMessage opens or extends the window. The newest message counts, in
// whatever order they arrive; a repeat counts once.
func (c *conversation) personMessage(raw converter.RawValue) error {
	var m PersonMessage
	if err := decode(raw, &m); err != nil {
		return err
	}
	if m.At.IsZero() {
		return errNoTime
	}
	if len(m.MessageID) > maxMessageIDBytes {
		return fmt.Errorf("mid: has %d bytes; at most %d", len(m.MessageID), maxMessageIDBytes)
	}
	c.recordMessage(m)
	return nil
}

// recordMessage notes a message of the person.
func (c *conversation) recordMessage(m PersonMessage) {
	if m.MessageID != "" {
		if slices.Contains(c.RecentMessages, m.MessageID) {
			return
		}
		c.RecentMessages = append(c.RecentMessages, m.MessageID)
		c.RecentMessages = c.RecentMessages[max(0, len(c.RecentMessages)-recentMessages):]
	}
	c.MessagesSeen++
	at := c.limits.MessageTime(m.At, c.now())
	c.LastMessageAt = later(c.LastMessageAt, at)
	for _, reply := range c.Replies {
		if c.limits.Answers(at, reply.SentAt) {
			c.addPending(reply.Reply, at)
		}
	}
	c.describe()
}

// addPending queues an answer for a reply. Of several only the newest is signalled.
func (c *conversation) addPending(reply string, at time.Time) {
	i := slices.IndexFunc(c.Pending, func(p PendingNotification) bool { return p.Reply == reply })
	if i < 0 {
		c.Pending = append(c.Pending, PendingNotification{reply, at})
		return
	}
	c.Pending[i].At = later(c.Pending[i].At, at)
}

// replyJoined notes a delivered reply. The person's answer may have been faster.
func (c *conversation) replyJoined(raw converter.RawValue) error {
	var m ReplyJoined
	if err := decode(raw, &m); err != nil {
		return err
	}
	if err := m.validate(); err != nil {
		return err
	}
	m.SentAt = c.limits.MessageTime(m.SentAt, c.now())
	if at := slices.IndexFunc(c.Replies, func(r ReplyJoined) bool { return r.Reply == m.Reply }); at >= 0 {
		if m.MessageID != "" && m.MessageID != c.Replies[at].MessageID {
			// It takes another message for its own. Whoever took one first has it.
			m.Answered = c.Replies[at].Answered
			c.Replies = append(slices.Delete(c.Replies, at, at+1), m)
		}
		return nil
	}
	c.Replies, c.Replied = append(c.Replies, m), true
	if !c.LastMessageAt.IsZero() && c.limits.Answers(c.LastMessageAt, m.SentAt) {
		c.addPending(m.Reply, c.LastMessageAt)
	}
	c.describe()
	return nil
}

// validate refuses a signal that does not say which reply was sent, and when.
func (m ReplyJoined) validate() error {
	if m.SentAt.IsZero() {
		return errNoSentAt
	}
	if len(m.MessageID) > maxMessageIDBytes {
		return fmt.Errorf("message_id: has %d bytes; at most %d", len(m.MessageID), maxMessageIDBytes)
	}
	if id, ok := privatereply.ParseID(m.Reply); !ok || id.Kind != "reply" {
		return errNoReply
	}
	return nil
}

// notifyReplies signals the joined replies. One that has ended is taken off the list. What remains when
// the history has grown too long is carried over to the next run.
func (c *conversation) notifyReplies() error {
	for len(c.Pending) > 0 {
		batch := c.Pending[:min(len(c.Pending), maxNotificationsAtOnce)]
		c.Pending = c.Pending[len(batch):]
		signals := make([]workflow.Future, len(batch))
		for i, a := range batch {
			signals[i] = workflow.SignalExternalWorkflow(c.ctx, a.Reply, "", PersonRespondedSignal, EventTime{At: a.At})
		}
		for i, a := range batch {
			if err := c.await(signals[i].IsReady); err != nil {
				return err
			}
			var ended *temporal.UnknownExternalWorkflowExecutionError
			switch err := signals[i].Get(c.ctx, nil); {
			case errors.As(err, &ended):
				c.removeReply(a.Reply)
				continue
			case err != nil: // the next message is signalled again
				workflow.GetLogger(c.ctx).Warn("cannot signal an answer to a reply", "reply", a.Reply, "error", err)
				continue
			}
			if at := slices.IndexFunc(c.Replies, func(r ReplyJoined) bool { return r.Reply == a.Reply }); at >= 0 {
				c.Replies[at].Answered = true
			}
		}
		if c.shouldContinueAsNew() {
			break
		}
	}
	return nil
}

// removeReply takes a reply off the list: its workflow has ended.
func (c *conversation) removeReply(reply string) {
	workflow.GetLogger(c.ctx).Info("a reply that has ended is removed from the conversation", "reply", reply)
	c.Replies = slices.DeleteFunc(c.Replies, func(r ReplyJoined) bool { return r.Reply == reply })
}

// ConversationInput starts Conversation. The settings are those of the account
// when the conversation began.
type ConversationInput struct {
	Platform      privatereply.Platform           `json:"platform"`
	Account       string                          `json:"account"`
	Person        string                          `json:"person"`
	HumanAgent    bool                            `json:"human_agent,omitempty"`  // the account has human agents
	RepliedOnly   bool                            `json:"replied_only,omitempty"` // keep nobody whom we never replied to
	Limits        privatereply.Limits             `json:"limits,omitzero"`        // in force when it began; a start by hand may leave them out
	ContinuedFrom *ConversationContinueAsNewState `json:"carried,omitempty"`      // from the run before this one
}

// ConversationOptions are the options and the input to signal a person's
// conversation and to start it if none is running.
func ConversationOptions(a privatereply.Account, person, queue string) (client.StartWorkflowOptions, ConversationInput, error) {
	id, err := privatereply.ConversationID(a.Platform, a.ID, person)
	if err != nil {
		return client.StartWorkflowOptions{}, ConversationInput{}, err
	}
	return client.StartWorkflowOptions{
			ID:                       id,
			TaskQueue:                queue,
			WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
			WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
			StaticSummary:            "Conversation of a person with " + string(a.Platform) + " account " + a.ID,
		}, ConversationInput{
			Platform: a.Platform, Account: a.ID, Person: person,
			HumanAgent: a.HumanAgent, RepliedOnly: a.RepliedOnly,
			Limits: privatereply.LimitsOf(a.Platform),
		}, nil
}

// ContinuedFrom is what a Conversation hands to its next run.
type ConversationContinueAsNewState struct {
	ConversationStatus
	StartedAt      time.Time             `json:"started_at"`
	Replied        bool                  `json:"replied,omitempty"` // a reply has joined, even if it has ended since
	RecentMessages []string              `json:"recent_messages,omitempty"`
	Pending        []PendingNotification `json:"pending,omitempty"`
}

var (
	errNoSentAt = errors.New(`"sent_at" is missing: say when the reply was sent`)
	errNoReply  = errors.New(`"reply" must be the workflow id of a reply, such as reply:instagram:…`)
)

// ConversationStatus answers the status query of Conversation.
type ConversationStatus struct {
	LastMessageAt  time.Time        `json:"last_message_at,omitzero"`
	WindowClosesAt time.Time        `json:"window_closes_at,omitzero"`
	Replies        []ReplyJoined    `json:"replies,omitempty"`
	MessagesSeen   int              `json:"messages_seen"`
	FollowUps      []FollowUpRecord `json:"follow_ups,omitempty"`      // the last 20
	RefusedSignals []RefusedSignal  `json:"refused_signals,omitempty"` // the last 10
}

func (c *conversation) status() *ConversationStatus {
	s := c.ConversationStatus
	s.RefusedSignals, s.WindowClosesAt = c.refused, time.Time{}
	if !s.LastMessageAt.IsZero() {
		s.WindowClosesAt = c.limits.WindowCloses(s.LastMessageAt)
	}
	return &s
}

// describe shows the window in the Web UI.
func (c *conversation) describe() {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n\n", args...) }
	if c.LastMessageAt.IsZero() {
		line("### The person has not written yet; the window is closed")
	} else {
		line("### The 24-hour window closes at %s", formatTime(c.limits.WindowCloses(c.LastMessageAt)))
		line("**Newest message:** %s, of %d seen", formatTime(c.LastMessageAt), c.MessagesSeen)
	}
	for _, reply := range c.Replies {
		line("**Reply** `%s`, sent at %s", reply.Reply, formatTime(reply.SentAt))
	}
	for _, sent := range c.FollowUps {
		line("**Follow-up** by %s at %s: `%s` %s", quote(sent.Agent), formatTime(sent.At), sent.State, sent.Reason.Sentence())
	}
	workflow.SetCurrentDetails(c.ctx, strings.TrimSpace(b.String()))
}

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
	Update string    `json:"update,omitempty"` // the id that the caller gave the Update
	FollowUpResult
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
	if err := workflow.Await(ctx, func() bool { return !c.sending }); err != nil {
		return nil, err
	}
	c.sending = true
	defer func() { c.sending = false }()

	if err := c.ensureWindowOpen(ctx, m); err != nil {
		return nil, refusal(err)
	}
	answer, err := c.sendFollowUp(ctx, m)
	if err != nil {
		return nil, err
	}
	c.FollowUps = append(c.FollowUps, FollowUpRecord{
		Agent: strings.TrimSpace(m.Agent), At: c.now(), Update: workflow.GetCurrentUpdateInfo(ctx).ID, FollowUpResult: *answer,
	})
	c.FollowUps = c.FollowUps[max(0, len(c.FollowUps)-maxFollowUps):]
	c.describe()
	return answer, nil
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
func (c *conversation) sendFollowUp(ctx workflow.Context, m FollowUp) (*FollowUpResult, error) {
	giveUpAt := c.now().Add(followUpTimeout)
	var proved evidence
	for pause := time.Second; ; pause *= 2 {
		channel := c.followUpChannel(m)
		if channel == privatereply.ChannelClosed {
			return &FollowUpResult{State: privatereply.OutcomeRefused, Reason: privatereply.OutsideWindow}, nil
		}
		startedAt := c.now()
		result := c.attemptFollowUp(ctx, m, channel)
		proved = proved.after(result, c.now())
		switch proved.decide(false) {
		case stepDelivered:
			return &FollowUpResult{State: privatereply.OutcomeSent, MessageID: result.MessageID, Reason: result.Reason}, nil
		case stepReconcile:
			if found := c.findFollowUp(ctx, m, startedAt); found != "" {
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

// attemptFollowUp makes one attempt. The agent waits for the answer, so a send that no
// worker takes is given up.
func (c *conversation) attemptFollowUp(ctx workflow.Context, m FollowUp, channel privatereply.Channel) privatereply.SendResult {
	scheduledAt, notAfter := c.now(), c.limits.SendUntil(channel, c.LastMessageAt)
	options := sendOptions(SendQueue(workflow.GetInfo(ctx).TaskQueueName), min(followUpTimeout, notAfter.Sub(scheduledAt)), c.in.Platform, c.in.Account)
	options.Summary = "Send a follow-up"
	result, started := sendResult(ctx, execute(ctx, options, Activities.SendFollowUp, SendFollowUpInput{
		Platform: c.in.Platform, Account: c.in.Account, Person: c.in.Person,
		Message: privatereply.Message{Text: m.Text}, HumanAgent: channel == privatereply.ChannelHumanAgent, NotAfter: notAfter,
	}), scheduledAt)
	if !started {
		return privatereply.SendResult{Outcome: privatereply.OutcomeRefused, Reason: privatereply.NoWorker}
	}
	return result
}

// findFollowUp reads the conversation for a follow-up that nobody acknowledged.
func (c *conversation) findFollowUp(ctx workflow.Context, m FollowUp, startedAt time.Time) string {
	known := make([]string, 0, len(c.Replies)+len(c.FollowUps))
	for _, reply := range c.Replies {
		known = append(known, reply.MessageID)
	}
	for _, sent := range c.FollowUps {
		known = append(known, sent.MessageID)
	}
	return foundMessage(ctx, findMessage(ctx, followUpTimeout, FindMessageInput{
		Platform: c.in.Platform, Account: c.in.Account, Person: c.in.Person,
		Text: m.Text, Since: startedAt.Add(-privatereply.ClockSkew), Known: known,
	})).MessageID
}
