package workflows

import (
	"errors"
	"fmt"
	"slices"
	"time"

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
// tells the replies that joined it of the person's answers, and sends follow-ups
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
			return len(c.pending) > 0 || c.shouldContinueAsNew()
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
		switch { // a last look: a signal may have come meanwhile
		case c.shouldContinueAsNew():
			return nil, workflow.NewContinueAsNewError(ctx, ConversationType, c.continueAsNewState())
		case len(c.pending) > 0:
		case !c.now().Before(c.endsAt()):
			return c.status(), nil
		}
	}
}

// conversation is the state of one Conversation.
type conversation struct {
	inbox

	in        ConversationInput
	startedAt time.Time
	newest    time.Time // of the person's messages
	seen      int
	recent    []string
	replies   []ReplyJoined
	replied   bool // a reply has joined, even if it has ended since
	pending   []PendingNotification
	limits    privatereply.Limits

	followUps []FollowUpRecord
	sending   bool
}

// PendingNotification is the newest message that a joined reply must still be told of.
type PendingNotification struct {
	Reply string    `json:"reply"`
	At    time.Time `json:"at"`
}

func newConversation(ctx workflow.Context, in ConversationInput) (*conversation, error) {
	c := &conversation{inbox: inbox{ctx: ctx}, in: in}
	c.startedAt = c.now()
	if was := in.ContinuedFrom; was != nil {
		c.startedAt, c.replied = was.StartedAt, was.Replied || len(was.Replies) > 0
		c.newest, c.seen, c.recent = was.LastMessageAt, was.MessagesSeen, was.RecentMessages
		c.replies, c.pending, c.refused, c.followUps = was.Replies, was.Pending, was.RefusedSignals, was.FollowUps
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
// conversation is left behind.
func (c *conversation) continueAsNewState() ConversationInput {
	c.replies = slices.DeleteFunc(c.replies, func(r ReplyJoined) bool {
		return c.now().After(r.SentAt.Add(time.Duration(c.limits.FollowLimit)))
	})
	next := c.in
	next.Limits = c.limits
	next.ContinuedFrom = &ConversationContinueAsNewState{
		ConversationStatus: *c.status(), StartedAt: c.startedAt, Replied: c.replied,
		RecentMessages: c.recent, Pending: c.pending,
	}
	return next
}

// shouldContinueAsNew reports whether history has grown so long, or the run so old, that a new
// run should go on.
func (c *conversation) shouldContinueAsNew() bool {
	run := workflow.GetInfo(c.ctx)
	return run.GetContinueAsNewSuggested() || c.now().Sub(run.WorkflowStartTime) > maxRun
}

// endsAt is when nothing is left to wait for: the window is over, also for human
// agents, and no joined reply waits for its first answer.
func (c *conversation) endsAt() time.Time {
	var end time.Time
	if !c.replied && c.in.RepliedOnly {
		return c.startedAt.Add(unrepliedLifetime)
	}
	if !c.newest.IsZero() {
		end = c.limits.WindowCloses(c.newest)
		if c.in.HumanAgent {
			end = c.limits.HumanAgentCloses(c.newest)
		}
	}
	for _, reply := range c.replies {
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
	return c.handleFollowUps()
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
		if slices.Contains(c.recent, m.MessageID) {
			return
		}
		c.recent = append(c.recent, m.MessageID)
		c.recent = c.recent[max(0, len(c.recent)-recentMessages):]
	}
	c.seen++
	at := c.limits.MessageTime(m.At, c.now())
	c.newest = later(c.newest, at)
	for _, reply := range c.replies {
		if c.limits.Answers(at, reply.SentAt) {
			c.addPending(reply.Reply, at)
		}
	}
	c.describe()
}

// addPending notes that a reply must be told of an answer. The newest that it was not
// told of is enough.
func (c *conversation) addPending(reply string, at time.Time) {
	i := slices.IndexFunc(c.pending, func(p PendingNotification) bool { return p.Reply == reply })
	if i < 0 {
		c.pending = append(c.pending, PendingNotification{reply, at})
		return
	}
	c.pending[i].At = later(c.pending[i].At, at)
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
	if at := slices.IndexFunc(c.replies, func(r ReplyJoined) bool { return r.Reply == m.Reply }); at >= 0 {
		if m.MessageID != "" && m.MessageID != c.replies[at].MessageID {
			// It takes another message for its own. Whoever took one first has it.
			m.Answered = c.replies[at].Answered
			c.replies = append(slices.Delete(c.replies, at, at+1), m)
		}
		return nil
	}
	c.replies, c.replied = append(c.replies, m), true
	if !c.newest.IsZero() && c.limits.Answers(c.newest, m.SentAt) {
		c.addPending(m.Reply, c.newest)
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

// notifyReplies signals the joined replies. One that has ended leaves the list. What is left when
// the history has grown too long is carried over to the next run.
func (c *conversation) notifyReplies() error {
	for len(c.pending) > 0 {
		batch := c.pending[:min(len(c.pending), maxNotificationsAtOnce)]
		c.pending = c.pending[len(batch):]
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
			case err != nil: // it is told of the next message
				workflow.GetLogger(c.ctx).Warn("cannot tell a reply of an answer", "reply", a.Reply, "error", err)
				continue
			}
			if at := slices.IndexFunc(c.replies, func(r ReplyJoined) bool { return r.Reply == a.Reply }); at >= 0 {
				c.replies[at].Answered = true
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
	workflow.GetLogger(c.ctx).Info("reply has left the conversation", "reply", reply)
	c.replies = slices.DeleteFunc(c.replies, func(r ReplyJoined) bool { return r.Reply == reply })
}
