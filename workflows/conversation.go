package workflows

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

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
	// runTimeout ends a run that nobody will wake again: the reply whose end it waits for was
	// terminated. Whatever else a run waits for comes within maxRun and the longest window.
	runTimeout = maxRun + 15*24*time.Hour
)

// Conversation keeps the standard messaging window of one person with one account,
// signals the person's answers to the replies that joined it, and sends follow-ups and the
// texts of what the person taps while the window is open.
func Conversation(ctx workflow.Context, in ConversationInput) (*ConversationStatus, error) {
	c, err := newConversation(ctx, in)
	if err != nil {
		return nil, err
	}
	if err := c.handleMessages(); err != nil {
		return nil, err
	}
	for {
		if err := c.awaitWork(); err != nil {
			return nil, err
		}
		if err := c.notifyReplies(); err != nil {
			return nil, err
		}
		if !c.ended() && !c.shouldContinueAsNew() {
			continue
		}
		// The text of a tap may wait for hours, and the replies are signalled meanwhile.
		if err := c.await(func() bool { return c.idle() || len(c.Pending) > 0 }); err != nil {
			return nil, err
		}
		switch { // checked again: a signal may have come meanwhile
		case !c.idle():
		case c.shouldContinueAsNew():
			return nil, workflow.NewContinueAsNewError(ctx, ConversationType, c.continueAsNewState())
		case len(c.Pending) > 0:
		case c.ended():
			return c.status(), nil
		}
	}
}

// awaitWork waits for something to do: an answer to signal, a new run to begin, or the end. A
// reply that has joined has a timer and reports its end, so that the conversation needs none
// meanwhile.
func (c *conversation) awaitWork() error {
	work := func() bool { return len(c.Pending) > 0 || c.shouldContinueAsNew() }
	if len(c.Replies) > 0 {
		return c.await(func() bool { return work() || len(c.Replies) == 0 })
	}
	return c.awaitUntil("End of the conversation", c.endsAt, work)
}

// ended reports whether there is nothing more to wait for: the window is over, also for human
// agents, and no joined reply waits for an answer or follows the window.
func (c *conversation) ended() bool { return len(c.Replies) == 0 && !c.now().Before(c.endsAt()) }

// conversation is the state of one Conversation.
type conversation struct {
	inbox

	in        ConversationInput
	limits    privatereply.Limits
	sending   bool // an attempt to send is under way: one goes at a time
	answering int  // taps whose text is on its way

	ConversationContinueAsNewState // its RefusedSignals are those of the inbox
}

// idle reports whether nothing is on its way to the person.
func (c *conversation) idle() bool {
	return c.answering == 0 && workflow.AllHandlersFinished(c.ctx)
}

// PendingNotification is the newest message, or the newest tap on one thing, that a reply was
// not signalled yet.
type PendingNotification struct {
	Reply   string    `json:"reply"`
	At      time.Time `json:"at"`
	Payload string    `json:"payload,omitempty"`
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

// endsAt is when a conversation without replies ends.
func (c *conversation) endsAt() time.Time {
	if !c.Replied && c.in.RepliedOnly {
		return c.StartedAt.Add(unrepliedLifetime)
	}
	switch {
	case c.LastMessageAt.IsZero():
		return c.StartedAt
	case c.in.HumanAgent:
		return c.limits.HumanAgentCloses(c.LastMessageAt)
	}
	return c.limits.WindowCloses(c.LastMessageAt)
}

func (c *conversation) handleMessages() error {
	if err := workflow.SetQueryHandlerWithOptions(c.ctx, StatusQuery, func() (*ConversationStatus, error) { return c.status(), nil },
		workflow.QueryHandlerOptions{Description: "The window and the replies of this conversation"}); err != nil {
		return err
	}
	// Of what comes together a reply is taken first: then it is known what was tapped.
	c.handle(ReplyJoinedSignal, "A private reply was delivered", c.replyJoined)
	c.handle(PersonMessageSignal, "The person wrote", c.personMessage)
	c.handle(ReplyEndedSignal, "A reply that had joined has ended", c.replyEnded)
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
	if n := utf8.RuneCountInString(m.Payload); n > privatereply.MaxPayloadChars {
		return fmt.Errorf("payload: has %d characters; at most %d", n, privatereply.MaxPayloadChars)
	}
	c.recordMessage(m)
	return nil
}

// recordMessage notes a message of the person. A tap may come after its message was read in
// the conversation, where Meta shows no payload: then it is the same message.
func (c *conversation) recordMessage(m PersonMessage) {
	key := m.repeatKey()
	if key != "" && slices.Contains(c.RecentMessages, key) {
		return
	}
	at := c.limits.MessageTime(m.At, c.now())
	// Meta writes whole seconds where it shows the conversation.
	known := m.MessageID != "" && slices.Contains(c.RecentMessages, m.MessageID) && !at.After(c.LastMessageAt.Add(time.Second))
	c.remember(m.MessageID, key)
	if !known {
		c.MessagesSeen++
	}
	c.LastMessageAt = later(c.LastMessageAt, at)
	owner := c.recordTap(m.Payload, at)
	for _, reply := range c.Replies {
		if !known && reply.Reply != owner && c.limits.Answers(at, reply.SentAt) {
			c.addPending(reply.Reply, at, "")
		}
	}
	if owner != "" {
		c.addPending(owner, at, m.Payload)
	}
	c.describe()
}

// repeatKey is the same for a message that is reported again. Two taps on one button may come
// with one message id, and differ in their times.
func (m PersonMessage) repeatKey() string {
	if m.Payload == "" {
		return m.MessageID
	}
	return privatereply.TextSHA256(m.MessageID + "\n" + m.Payload + "\n" + m.At.UTC().Format(time.RFC3339Nano))
}

// remember keeps what a repeat is known by.
func (c *conversation) remember(keys ...string) {
	for _, key := range keys {
		if key != "" && !slices.Contains(c.RecentMessages, key) {
			c.RecentMessages = append(c.RecentMessages, key)
		}
	}
	c.RecentMessages = c.RecentMessages[max(0, len(c.RecentMessages)-recentMessages):]
}

// addPending queues an answer for a reply. Of several, and of several taps on one thing, only
// the newest is signalled.
func (c *conversation) addPending(reply string, at time.Time, payload string) {
	i := slices.IndexFunc(c.Pending, func(p PendingNotification) bool { return p.Reply == reply && p.Payload == payload })
	if i < 0 {
		c.Pending = append(c.Pending, PendingNotification{reply, at, payload})
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
	c.addTappables(m.Reply, m.Taps)
	m.Taps = nil // they stand in Tappables
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
		c.addPending(m.Reply, c.LastMessageAt, "")
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
	return checkReply(m.Reply)
}

func checkReply(id string) error {
	if parsed, ok := privatereply.ParseID(id); !ok || parsed.Kind != "reply" {
		return errNoReply
	}
	return nil
}

// replyEnded takes a reply off the list.
func (c *conversation) replyEnded(raw converter.RawValue) error {
	var m ReplyEnded
	if err := decode(raw, &m); err != nil {
		return err
	}
	if err := checkReply(m.Reply); err != nil {
		return err
	}
	c.removeReply(m.Reply)
	c.describe()
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
			signals[i] = workflow.SignalExternalWorkflow(c.ctx, a.Reply, "", PersonRespondedSignal, PersonResponded{At: a.At, Payload: a.Payload})
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
			WorkflowRunTimeout:       runTimeout,
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
	Tappables      []Tappable            `json:"tappables,omitempty"`
	TapKeys        int                   `json:"tap_keys,omitempty"` // how many messages have had a key of their own
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
	Taps           []TapStatus      `json:"taps,omitempty"`            // the last 20
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
		line("**Reply** %s, sent at %s", linkTo(c.ctx, reply.Reply), formatTime(reply.SentAt))
	}
	for _, sent := range c.FollowUps {
		line("**Follow-up** by %s at %s: `%s` %s", quote(sent.Agent), formatTime(sent.At), sent.State, sent.Reason.Sentence())
	}
	for _, tap := range c.Taps {
		line("%s", tap.describe())
	}
	workflow.SetCurrentDetails(c.ctx, strings.TrimSpace(b.String()))
}
