package workflows

import (
	"errors"
	"slices"
	"time"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/privatereply/privatereply"
)

const (
	// unrepliedLife is how long a conversation lives that the account does not
	// want unless a reply joins it.
	unrepliedLife = time.Hour
	// tellAtOnce is how many signals are on their way at the same time: a server takes
	// 2,000 of one workflow, and a crowd of answers can come after an outage.
	tellAtOnce = 500
	// UnsettledLife is how long an unsettled reply is remembered: longer than a send and
	// its guarded repeat take.
	UnsettledLife = 5 * time.Minute
	// maxUnsettled bounds what is remembered of them.
	maxUnsettled = 50
	// recentMessages is how many message ids are remembered to know a repeat.
	recentMessages = 200
	// longestRun is how long one run of a lasting conversation may be, as long as that
	// of a reply. Old branches of a changed workflow are kept until no run is left that
	// could need them: see docs/versioning.md.
	longestRun = 30 * 24 * time.Hour
)

// Conversation keeps the standard messaging window of one person with one account,
// tells the replies that joined it of the person's answers, and sends follow-ups
// while the window is open.
func Conversation(ctx workflow.Context, in ConversationInput) (*ConversationStatus, error) {
	c := newConversation(ctx, in)
	if err := c.handleMessages(); err != nil {
		return nil, err
	}
	for {
		err := c.awaitUntil("End of the conversation", c.endsAt, func() bool {
			return len(c.untold) > 0 || c.tooLong()
		})
		if err != nil {
			return nil, err
		}
		if err := c.tell(); err != nil {
			return nil, err
		}
		if c.now().Before(c.endsAt()) && !c.tooLong() {
			continue
		}
		if err := c.await(func() bool { return workflow.AllHandlersFinished(ctx) }); err != nil {
			return nil, err
		}
		switch { // a last look: a signal may have come meanwhile
		case len(c.untold) > 0:
		case !c.now().Before(c.endsAt()):
			return c.status(), nil
		case c.tooLong():
			return nil, workflow.NewContinueAsNewError(ctx, ConversationType, c.carryOn())
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
	unsettled []ReplyUnsettled
	replied   bool // a reply has joined, even if it has ended since
	untold    []answer

	followUps []SentFollowUp
	sending   bool
}

// answer is a message that a joined reply must still be told of.
type answer struct {
	reply string
	at    time.Time
}

func newConversation(ctx workflow.Context, in ConversationInput) *conversation {
	c := &conversation{inbox: inbox{ctx: ctx}, in: in}
	c.startedAt = c.now()
	if was := in.Carried; was != nil {
		c.startedAt, c.replied = was.StartedAt, was.Replied || len(was.Replies) > 0
		c.newest, c.seen, c.recent = was.LastMessageAt, was.MessagesSeen, was.RecentMessages
		c.replies, c.unsettled, c.refused, c.followUps = was.Replies, was.Unsettled, was.RefusedSignals, was.FollowUps
	}
	return c
}

func (c *conversation) carryOn() ConversationInput {
	next := c.in
	next.Carried = &Carried{ConversationStatus: *c.status(), StartedAt: c.startedAt, Replied: c.replied, RecentMessages: c.recent}
	return next
}

// tooLong reports whether history has grown so long, or the run so old, that a new
// run should go on.
func (c *conversation) tooLong() bool {
	run := workflow.GetInfo(c.ctx)
	return run.GetContinueAsNewSuggested() || c.now().Sub(run.WorkflowStartTime) > longestRun
}

// endsAt is when nothing is left to wait for: the window is over, also for human
// agents, no joined reply waits for its first answer, and none is unsettled.
func (c *conversation) endsAt() time.Time {
	var end time.Time
	if !c.replied && c.in.RepliedOnly {
		return c.startedAt.Add(unrepliedLife)
	}
	if !c.newest.IsZero() {
		end = privatereply.WindowCloses(c.newest)
		if c.in.HumanAgent {
			end = c.newest.Add(privatereply.HumanAgentWindow)
		}
	}
	for _, reply := range c.replies {
		if !reply.Answered {
			end = later(end, reply.SentAt.Add(privatereply.ResponseWait))
		}
	}
	for _, reply := range c.unsettled {
		end = later(end, reply.SentAt.Add(UnsettledLife))
	}
	return end
}

func (c *conversation) handleMessages() error {
	if err := workflow.SetQueryHandlerWithOptions(c.ctx, StatusQuery, func() (*ConversationStatus, error) { return c.status(), nil },
		workflow.QueryHandlerOptions{Description: "The window and the replies of this conversation"}); err != nil {
		return err
	}
	c.on(PersonMessageSignal, "The person wrote", c.personMessage)
	c.on(ReplyJoinedSignal, "A private reply was delivered", c.replyJoined)
	c.on(ReplyUnsettledSignal, "A private reply may have been delivered", c.replyUnsettled)
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
	if m.MessageID != "" {
		if slices.Contains(c.recent, m.MessageID) {
			return nil
		}
		c.recent = append(c.recent, m.MessageID)
		c.recent = c.recent[max(0, len(c.recent)-recentMessages):]
	}
	c.seen++
	at := privatereply.MessageTime(m.At, c.now())
	c.newest = later(c.newest, at)
	for _, reply := range c.replies {
		if privatereply.Answers(at, reply.SentAt) {
			c.untold = append(c.untold, answer{reply.Reply, at})
		}
	}
	c.describe()
	return nil
}

// replyJoined notes a delivered reply. The person's answer may have been faster.
func (c *conversation) replyJoined(raw converter.RawValue) error {
	var m ReplyJoined
	if err := decode(raw, &m); err != nil {
		return err
	}
	if err := checkReply(m.Reply, m.SentAt); err != nil {
		return err
	}
	c.unsettled = slices.DeleteFunc(c.unsettled, func(r ReplyUnsettled) bool { return r.Reply == m.Reply })
	if at := slices.IndexFunc(c.replies, func(r ReplyJoined) bool { return r.Reply == m.Reply }); at >= 0 {
		if m.MessageID != "" && m.MessageID != c.replies[at].MessageID {
			// It takes another message for its own. Whoever took one first has it.
			m.Answered = c.replies[at].Answered
			c.replies = append(slices.Delete(c.replies, at, at+1), m)
		}
		return nil
	}
	c.replies, c.replied = append(c.replies, m), true
	if !c.newest.IsZero() && privatereply.Answers(c.newest, m.SentAt) {
		c.untold = append(c.untold, answer{m.Reply, c.newest})
	}
	c.describe()
	return nil
}

// replyUnsettled notes that a message of about that time may be a reply's own.
func (c *conversation) replyUnsettled(raw converter.RawValue) error {
	var m ReplyUnsettled
	if err := decode(raw, &m); err != nil {
		return err
	}
	if err := checkReply(m.Reply, m.SentAt); err != nil {
		return err
	}
	if slices.ContainsFunc(c.replies, func(r ReplyJoined) bool { return r.Reply == m.Reply }) {
		return nil
	}
	c.unsettled = slices.DeleteFunc(c.unsettled, func(r ReplyUnsettled) bool {
		return r.Reply == m.Reply || c.now().After(r.SentAt.Add(UnsettledLife))
	})
	c.unsettled = append(c.unsettled, m)
	c.unsettled = c.unsettled[max(0, len(c.unsettled)-maxUnsettled):]
	return nil
}

// checkReply refuses a signal that does not say which reply was sent, and when.
func checkReply(reply string, sentAt time.Time) error {
	if sentAt.IsZero() {
		return errNoSentAt
	}
	if id, ok := privatereply.ParseID(reply); !ok || id.Kind != "reply" {
		return errNoReply
	}
	return nil
}

// tell signals the joined replies. One that has ended leaves the list.
func (c *conversation) tell() error {
	for len(c.untold) > 0 {
		batch := c.untold[:min(len(c.untold), tellAtOnce)]
		c.untold = c.untold[len(batch):]
		signals := make([]workflow.Future, len(batch))
		for i, a := range batch {
			signals[i] = workflow.SignalExternalWorkflow(c.ctx, a.reply, "", PersonRespondedSignal, At{At: a.at})
		}
		for i, a := range batch {
			if err := c.await(signals[i].IsReady); err != nil {
				return err
			}
			var ended *temporal.UnknownExternalWorkflowExecutionError
			switch err := signals[i].Get(c.ctx, nil); {
			case errors.As(err, &ended):
				c.leave(a.reply)
				continue
			case err != nil: // it is told of the next message
				workflow.GetLogger(c.ctx).Warn("cannot tell a reply of an answer", "reply", a.reply, "error", err)
				continue
			}
			if at := slices.IndexFunc(c.replies, func(r ReplyJoined) bool { return r.Reply == a.reply }); at >= 0 {
				c.replies[at].Answered = true
			}
		}
	}
	return nil
}

// leave takes a reply off the list: its workflow has ended.
func (c *conversation) leave(reply string) {
	workflow.GetLogger(c.ctx).Info("reply has left the conversation", "reply", reply)
	c.replies = slices.DeleteFunc(c.replies, func(r ReplyJoined) bool { return r.Reply == reply })
}
