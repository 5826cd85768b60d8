package workflows

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/privatereply/privatereply"
)

// PrivateReply is the life of the one private reply to a comment, from the
// decision to the end of the conversation that it opens. Its result is the last
// Status. It fails only when its input cannot be used.
func PrivateReply(ctx workflow.Context, in PrivateReplyInput) (*PrivateReplyStatus, error) {
	r, err := newReply(ctx, in)
	if err != nil {
		return nil, temporal.NewNonRetryableApplicationError(err.Error(), "BadInput", nil)
	}
	if err := r.handleMessages(); err != nil {
		return nil, err
	}
	if err := r.run(); err != nil {
		return nil, err
	}
	return r.complete()
}

// complete answers everybody before the workflow completes. Completion comes in a workflow
// task of its own, when nothing of the reply is under way and a while after the last
// Update: the server drops a completing task, with the Updates in it, when an
// event came meanwhile, and aborts an Update that comes just afterwards. What is reported is
// delivered or given up by then.
func (r *reply) complete() (*PrivateReplyStatus, error) {
	r.ending, r.events.held = true, false
	if r.leaveBroadcast != nil {
		r.leaveBroadcast()
	}
	r.leaveConversations()
	if !r.mayHaveArrived() {
		r.releaseClaim()
	}
	for {
		idle := func() bool {
			return r.background == 0 && r.effects.underWay == 0 && r.events.idle() && workflow.AllHandlersFinished(r.ctx)
		}
		if err := r.await(idle); err != nil {
			return nil, err
		}
		if r.updatedAt.IsZero() || !r.now().Before(r.updatedAt.Add(updateGrace)) {
			return r.status(), nil
		}
		if err := r.awaitTime("Answer who decides at the same time", r.updatedAt.Add(updateGrace)); err != nil {
			return nil, err
		}
	}
}

// updateGrace is how long after an Update a reply that has ended still answers others.
const updateGrace = 2 * time.Second

// reply is the state of one PrivateReply.
//
// Its context is not cancelled with the workflow: a cancelled reply still ends in
// a named state.
type reply struct {
	inbox
	cancelled func() bool
	log       log.Logger

	in        PrivateReplyInput
	limits    privatereply.Limits
	state     privatereply.State
	reason    privatereply.Reason
	deadline  privatereply.Deadline
	holdUntil time.Time

	message         privatereply.Message // what is or was to be sent
	publicText      string               // what is posted under the comment once it is sent
	team            TeamWork
	approver        string
	decidedAt       time.Time
	edited          bool   // the approver changed the proposal
	rejectReason    string // what the person gave as the reason
	approvedTooLate bool   // an approval came after the deadline
	broadcastJoined bool   // the reply has joined its broadcast

	stopRequest      *stopRequest
	lastEditAt       time.Time              // the newest edit that was reported
	editDecision     *privatereply.Decision // on an edited comment, for a send that has to be stopped first
	send             SendStatus
	evidence         evidence
	immediateRetries int  // tries in a row that could be repeated at once
	hasSlept         bool // before an attempt: the broadcast may be over
	sendWaits        bool // and lists show it
	responses        responses
	published        published
	events           eventReports
	effects          effects

	claim    *claim   // where the rule answers a person once
	released []*claim // that it had before the comment was edited
	asked    bool     // a person was asked to decide

	background      int // under way; the workflow does not complete before their end
	leaveBroadcast  func()
	joined          bool // the send's activity has signalled the person's conversations
	mayHaveJoined   bool // they may know of the reply
	commentLookedUp bool // Meta was asked about the comment
	ending          bool
}

// published is what search attributes and memo have been set to.
type published struct {
	state    privatereply.State
	rule     string
	deadline time.Time
	nextTry  time.Time
	effects  int // how many of them
	memo     map[string]any
}

func newReply(ctx workflow.Context, in PrivateReplyInput) (*reply, error) {
	life, _ := workflow.NewDisconnectedContext(ctx)
	r := &reply{
		inbox:     inbox{ctx: life},
		cancelled: func() bool { return ctx.Err() != nil },
		log:       workflow.GetLogger(ctx),
		in:        in,
		message:   in.Decision.Message(), publicText: in.Decision.PublicText,
	}
	if in.Team != nil {
		r.team = *in.Team
	}
	if r.in.Comment.ReceivedAt.IsZero() {
		r.in.Comment.ReceivedAt = r.now()
	}
	b, err := initialStateOf(r.ctx, r.in)
	if err != nil {
		return nil, err
	}
	r.limits = b.Limits
	r.deadline, r.holdUntil = privatereply.Deadline{At: b.Deadline, From: b.DeadlineFrom}, b.HoldUntil
	r.evidence = r.newEvidence()
	r.events.scope, r.events.held = b.Events, in.Decision.Once != ""
	r.readPublished()
	r.transition(b.State, b.Reason)
	return r, nil
}

// InitialState is the first state of a reply, with its deadline.
type InitialState struct {
	Deadline     time.Time           `json:"deadline"`
	DeadlineFrom privatereply.Clock  `json:"deadline_from"`
	State        privatereply.State  `json:"state"`
	Reason       privatereply.Reason `json:"reason,omitempty"`
	HoldUntil    time.Time           `json:"hold_until,omitzero"`
	Limits       privatereply.Limits `json:"limits,omitzero"`
	Events       EventScope          `json:"events,omitempty"`
}

// newInitialState works out how the reply of in begins at now.
func newInitialState(in PrivateReplyInput, now time.Time) *InitialState {
	c, d := in.Comment, in.Decision
	if c.ReceivedAt.IsZero() {
		c.ReceivedAt = now
	}
	deadline := privatereply.DeadlineOf(c)
	b := &InitialState{Deadline: deadline.At, DeadlineFrom: deadline.From, Limits: privatereply.LimitsOf(c.Platform)}
	switch {
	case d.Reason == privatereply.DecidedByRemoval:
		b.State, b.Reason = privatereply.Withdrawn, privatereply.CommentRemoved
	case d.Action != privatereply.ActionIgnore && deadline.Passed(now):
		b.State, b.Reason = privatereply.Expired, privatereply.PastDeadline
	default:
		b.apply(d, now)
	}
	return b
}

// apply puts d into effect at now.
func (b *InitialState) apply(d privatereply.Decision, now time.Time) {
	b.State, b.Reason, b.HoldUntil = privatereply.Sending, "", time.Time{}
	switch {
	case d.Action == privatereply.ActionIgnore:
		b.State, b.Reason = privatereply.Ignored, privatereply.IgnoredByRule
		if d.Rule == "" {
			b.Reason = privatereply.IgnoredByDefault
		}
	case d.Action == privatereply.ActionAsk:
		b.State = privatereply.AwaitingApproval
	case d.Hold > 0:
		b.State, b.HoldUntil = privatereply.Holding, now.Add(time.Duration(d.Hold)).UTC()
		if !b.HoldUntil.Before(b.Deadline) {
			b.State, b.Reason = privatereply.Expired, privatereply.HoldPastDeadline
		}
	}
}

// initialStateOf is the InitialState of in. A start by hand may lack it, or its limits; then
// it is worked out once and stands in the history, with what makes in unusable.
func initialStateOf(ctx workflow.Context, in PrivateReplyInput) (InitialState, error) {
	if in.InitialState != nil && in.InitialState.Limits != (privatereply.Limits{}) {
		return *in.InitialState, nil
	}
	var recorded struct {
		Initial InitialState `json:"begin"`
		Problem string       `json:"problem,omitempty"`
	}
	err := workflow.SideEffect(ctx, func(ctx workflow.Context) any {
		r := recorded
		if err := in.Validate(); err != nil {
			r.Problem = err.Error()
			return r
		}
		r.Initial = *newInitialState(in, workflow.Now(ctx).UTC())
		if limits := r.Initial.Limits; in.InitialState != nil {
			r.Initial = *in.InitialState
			r.Initial.Limits = limits
		}
		return r
	}).Get(&recorded)
	if err == nil && recorded.Problem != "" {
		err = errors.New(recorded.Problem)
	}
	return recorded.Initial, err
}

// tappable are what the person can tap in the message.
func (r *reply) tappable() []privatereply.Tap { return r.message.Taps(r.in.Comment.TapKey()) }

// transition brings the reply into a state, counts it and shows it. No state but sending
// has a next try, and sending begins without one.
func (r *reply) transition(state privatereply.State, reason privatereply.Reason) {
	r.state, r.reason = state, reason
	r.send.RetryAt, r.sendWaits = time.Time{}, false
	r.log.Info("reply", "state", state, "reason", reason)
	repliesMetric.count(r.ctx, string(state), string(reason))
	r.startEffects()
	r.publish()
	r.report()
}

// mayHaveArrived reports whether the person has, or may have, the message of a reply that has
// ended.
func (r *reply) mayHaveArrived() bool {
	switch r.state {
	case privatereply.Ignored, privatereply.Rejected, privatereply.Withdrawn, privatereply.Expired, privatereply.Undeliverable:
		return false
	}
	return true
}

// run leads the reply through its life, in the order of the state diagram.
func (r *reply) run() error {
	for !r.state.Final() {
		if err := r.claimOnce(); err != nil || r.state.Final() {
			return err
		}
		var err error
		switch was := r.state; was {
		case privatereply.Holding:
			err = r.hold()
		case privatereply.AwaitingApproval:
			err = r.awaitApproval()
		case privatereply.Sending:
			err = r.bringToMeta()
		case privatereply.DeliveryUnknown:
			if err = r.awaitResolution(); err == nil && r.state == was {
				return nil // nobody resolved it
			}
		case privatereply.Sent:
			err = r.awaitAnswer()
		case privatereply.Responded:
			err = r.followWindow()
		default:
			err = fmt.Errorf("%q is not a state of a reply", was)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// hold gives people the time that the rule allows to stop an automatic reply.
func (r *reply) hold() error {
	r.joinBroadcast()
	if r.notifiedLate() {
		r.lookUpInBackground()
	}
	until := func() time.Time { return earlier(r.holdUntil, r.deadline.At) }
	err := r.awaitUntil("Hold of rule "+r.in.Decision.Rule, until, func() bool {
		return r.state != privatereply.Holding || r.stopRequested() || r.claimStale()
	})
	switch {
	case err != nil:
		return err
	case r.endIfStopRequested():
	case r.state != privatereply.Holding || r.claimStale(): // approved, or decided anew
	case r.expired():
		r.transition(privatereply.Expired, r.lateReason(privatereply.DeadlineWhileHolding))
	default:
		r.transition(privatereply.Sending, "")
	}
	return nil
}

// awaitApproval waits for a person's decision until the deadline.
func (r *reply) awaitApproval() error {
	r.asked = true
	r.joinBroadcast()
	r.lookUpInBackground()
	err := r.awaitUntil("Deadline of the private reply", r.deadlineAt, func() bool {
		return r.state != privatereply.AwaitingApproval || r.stopRequested() || r.claimStale()
	})
	switch {
	case err != nil:
		return err
	case r.endIfStopRequested():
	case r.state != privatereply.AwaitingApproval || r.claimStale(): // approved, or another rule's
	case r.approvedTooLate:
		r.transition(privatereply.Expired, privatereply.DecidedTooLate)
	default:
		r.transition(privatereply.Expired, r.lateReason(privatereply.NobodyDecided))
	}
	return nil
}

// bringToMeta sends the reply, at most once.
func (r *reply) bringToMeta() error {
	e, err := r.sendOnce()
	if err == nil && e != (end{}) {
		r.transition(e.state, e.reason)
	}
	return err
}

// awaitResolution waits for a person to say whether an unknown delivery arrived.
func (r *reply) awaitResolution() error {
	limit := r.now().Add(resolveLimit)
	err := r.awaitUntil("Nobody has resolved the unknown delivery", func() time.Time { return limit }, func() bool {
		return r.state != privatereply.DeliveryUnknown || r.cancelled()
	})
	if err == nil && r.state == privatereply.DeliveryUnknown {
		reason := privatereply.Unresolved
		if r.cancelled() {
			reason = privatereply.StoppedByOperator
		}
		r.transition(privatereply.DeliveryUnknown, reason)
	}
	return err
}

// resolveLimit is how long an unknown delivery stays open for a person.
const resolveLimit = 30 * 24 * time.Hour

// resolvedWait is how long a reply that was resolved late waits for an answer at least.
const resolvedWait = time.Hour

// awaitAnswer joins the person's conversation and waits for an answer.
func (r *reply) awaitAnswer() error {
	if !r.joined {
		r.joinConversations()
	}
	end := r.send.SentAt.Add(time.Duration(r.limits.ResponseWait))
	if r.reason == privatereply.ResolvedDelivered {
		// It joins late: the conversation has answers that were not signalled to it.
		end = later(end, r.now().Add(resolvedWait))
	}
	until := func() time.Time { return end }
	err := r.awaitUntil("No answer from the person", until, func() bool {
		return r.responses.any() || r.cancelled()
	})
	switch {
	case err != nil:
		return err
	case r.responses.any():
		r.transition(privatereply.Responded, r.reason)
	case r.cancelled():
		r.transition(privatereply.NoResponse, privatereply.StoppedByOperator)
	default:
		r.transition(privatereply.NoResponse, r.reason)
	}
	return nil
}

// followWindow waits for the end of the conversation's window, which each answer
// of the person moves. Nobody else is needed for the reply to end.
func (r *reply) followWindow() error {
	limit := r.send.SentAt.Add(time.Duration(r.limits.FollowLimit))
	until := func() time.Time { return earlier(r.windowCloses(), limit) }
	err := r.awaitUntil("End of the 24-hour window", until, r.cancelled)
	switch {
	case err != nil:
		return err
	case r.cancelled():
		r.transition(privatereply.WindowClosed, privatereply.StoppedByOperator)
	case r.windowCloses().After(limit):
		r.transition(privatereply.WindowClosed, privatereply.ConversationContinues)
	default:
		r.transition(privatereply.WindowClosed, r.reason)
	}
	return nil
}

// approve sends the reply, with what a changes of the proposal.
func (r *reply) approve(a Approve) {
	r.approver, r.decidedAt = strings.TrimSpace(a.Approver), r.now()
	if a.PublicText != nil && *a.PublicText == "" && r.publicText != "" {
		r.effects.publicReply = &PublicReplyStatus{State: EffectSkipped, Text: r.publicText, Reason: privatereply.SwitchedOff, At: r.decidedAt}
	}
	proposed := privatereply.ProposalSHA256(r.message, r.publicText)
	r.message, r.publicText = r.proposal(a.Text, a.Buttons, a.QuickReplies, a.PublicText)
	r.edited = privatereply.ProposalSHA256(r.message, r.publicText) != proposed
	r.transition(privatereply.Sending, "")
}

// reject ends a reply that waits. In sending it asks for the send to be cancelled:
// a paced reply may sleep there for hours.
func (r *reply) reject(m Reject) {
	r.rejectReason = m.Reason
	if m.Hide {
		r.startHiding(strings.TrimSpace(m.Approver))
	}
	r.requestStop(privatereply.Rejected, cmp.Or(m.Cause, privatereply.RejectedByApprover), strings.TrimSpace(m.Approver))
	if r.state != privatereply.Sending {
		r.endIfStopRequested()
	}
}

// resolve goes on with what a person found out about an unknown delivery.
func (r *reply) resolve(m Resolve) {
	r.approver, r.decidedAt = strings.TrimSpace(m.Approver), r.now()
	if *m.Delivered {
		r.transition(privatereply.Sent, privatereply.ResolvedDelivered)
		return
	}
	r.transition(privatereply.Undeliverable, privatereply.ResolvedNotDelivered)
}

// commentRemoved withdraws a reply that was not sent yet. Afterwards there is
// nothing to take back.
func (r *reply) commentRemoved(raw converter.RawValue) error {
	if err := decode(raw, &struct{}{}); err != nil {
		return err
	}
	r.effects.commentGone = true
	if r.state.Waiting() {
		r.requestStop(privatereply.Withdrawn, privatereply.CommentRemoved, "")
	}
	return nil
}

// broadcastEnded brings the deadline nearer, never further.
func (r *reply) broadcastEnded(raw converter.RawValue) error {
	var m EventTime
	if err := decode(raw, &m); err != nil {
		return err
	}
	if m.At.IsZero() {
		return errNoTime
	}
	if r.state.Waiting() {
		r.deadline = r.deadline.Nearer(privatereply.Deadline{At: m.At, From: privatereply.ClockBroadcast})
		if !r.expired() { // else it ends at once, and publishes both in one upsert
			r.publish()
		}
	}
	return nil
}

// commentEdited takes the new words of the comment. A reply that a rule sends by itself
// is decided anew; a person who decides sees the new words, with what the rules propose
// for them.
func (r *reply) commentEdited(raw converter.RawValue) error {
	var m CommentEdited
	if err := decode(raw, &m); err != nil {
		return err
	}
	if m.At.IsZero() {
		return errNoTime
	}
	decision := privatereply.Decision{Action: privatereply.ActionAsk, Reason: privatereply.EditedUndecided}
	if m.Decision != nil {
		if err := m.Decision.ValidateWithin(r.in.Comment.Platform, r.limits); err != nil {
			return err
		}
		decision = *m.Decision
	}
	at := earlier(m.At.UTC(), r.now())
	if at.Before(later(r.lastEditAt, r.in.Comment.EditedAt)) {
		return nil // an older one
	}
	r.lastEditAt = at
	attachment := r.in.Comment.Attachment
	if m.Attachment != (privatereply.Attachment{}) {
		attachment = m.Attachment
	}
	if m.Text == r.in.Comment.Text && attachment == r.in.Comment.Attachment {
		return nil // it is known
	}
	r.in.Comment.Text, r.in.Comment.EditedAt, r.in.Comment.Attachment = privatereply.CutText(m.Text, maxEditedBytes), at, attachment
	switch {
	case r.stopRequest != nil:
	case r.state == privatereply.Holding:
		r.applyDecision(decision)
	case r.state == privatereply.AwaitingApproval:
		decision.Action, decision.Hold = privatereply.ActionAsk, 0
		r.in.Decision = decision
		if r.team.ProposedBy == "" { // a person's proposal stays: a person decides anyway
			r.message, r.publicText = decision.Message(), decision.PublicText
		}
	case r.state == privatereply.Sending && r.approver == "" && !r.evidence.inDoubt():
		r.editDecision = &decision
	}
	r.publish()
	return nil
}

// maxEditedBytes is above the longest comment that Meta takes.
const maxEditedBytes = 64 << 10

// apply puts another decision of the rules into effect.
func (r *reply) applyDecision(d privatereply.Decision) {
	r.in.Decision, r.message, r.publicText = d, d.Message(), d.PublicText
	b := InitialState{Deadline: r.deadline.At}
	b.apply(d, r.now())
	r.holdUntil = b.HoldUntil
	r.transition(b.State, b.Reason)
}

// applyEditDecision decides anew about a comment that was edited while its automatic reply was on
// its way, unless an attempt may have arrived. It reports whether nothing is sent now.
func (r *reply) applyEditDecision() bool {
	d := r.editDecision
	r.editDecision = nil
	if d == nil || r.evidence.inDoubt() {
		return false
	}
	r.applyDecision(*d)
	return r.state != privatereply.Sending
}

// responses are what the person wrote after the reply. They may arrive in any order,
// and before the reply knows that it was delivered.
type responses struct {
	first, newest time.Time
}

func (a *responses) add(at time.Time) {
	if a.first.IsZero() || at.Before(a.first) {
		a.first = at
	}
	if at.After(a.newest) {
		a.newest = at
	}
}

func (a responses) any() bool { return !a.newest.IsZero() }

// windowCloses is when the window closes that the newest answer opened.
func (r *reply) windowCloses() time.Time { return r.limits.WindowCloses(r.responses.newest) }

// stopRequest asks for the reply to end without a send.
type stopRequest struct {
	state  privatereply.State
	reason privatereply.Reason
	by     string // a person, with the time
	at     time.Time
}

// requestStop asks for the reply to end without a send. The first request counts.
func (r *reply) requestStop(state privatereply.State, reason privatereply.Reason, by string) {
	if r.stopRequest == nil {
		r.stopRequest = &stopRequest{state: state, reason: reason, by: by, at: r.now()}
	}
}

// stopRequested reports whether anything but the clock asks for the reply to end unsent.
func (r *reply) stopRequested() bool { return r.stopRequest != nil || r.cancelled() }

// endIfStopRequested ends the reply as the request says. Cancelling the workflow, as
// an operator can in the Web UI, is a request to stop.
func (r *reply) endIfStopRequested() bool {
	if r.state.Final() {
		return true // an Update has ended it
	}
	if !r.stopRequested() {
		return false
	}
	e := r.stopEnd()
	r.transition(e.state, e.reason)
	return true
}

// stopEnd is the end that a request to stop asks for.
func (r *reply) stopEnd() end {
	if r.stopRequest == nil { // the workflow was cancelled
		r.requestStop(privatereply.Rejected, privatereply.StoppedByOperator, "")
	}
	if r.stopRequest.by != "" {
		r.approver, r.decidedAt = r.stopRequest.by, r.stopRequest.at
	}
	return end{r.stopRequest.state, r.stopRequest.reason}
}

// orTooLate is reason, unless a stop was requested while a worker had the send.
func (r *reply) orTooLate(reason privatereply.Reason) privatereply.Reason {
	if r.stopRequested() {
		return privatereply.TooLate
	}
	return reason
}

func (r *reply) deadlineAt() time.Time { return r.deadline.At }

func (r *reply) expired() bool { return r.deadline.Passed(r.now()) }

// lateReason is usual, unless it was the end of a broadcast that came too early.
func (r *reply) lateReason(usual privatereply.Reason) privatereply.Reason {
	if r.deadline.From == privatereply.ClockBroadcast {
		return privatereply.BroadcastEnded
	}
	return usual
}

const (
	// lookUpTimeout is how long Meta may take to answer about a comment. The look-up
	// is a help, not a condition: later than this it is skipped.
	lookUpTimeout = 10 * time.Second
	// lateNotice is the age of a webhook from which the comment of an automatic reply is looked up too.
	lateNotice = time.Hour
)

// notifiedLate reports whether Meta's notification came late, so that the comment may be
// much older than it seems.
func (r *reply) notifiedLate() bool {
	c := r.in.Comment
	at := c.ReceivedAt
	if !c.EntryAt.IsZero() {
		at = earlier(c.EntryAt, at)
	}
	return r.now().Sub(at) > lateNotice
}

// lookUpInBackground asks Meta about the comment while people can already decide.
func (r *reply) lookUpInBackground() {
	if r.commentLookedUp {
		return
	}
	workflow.Go(r.ctx, func(ctx workflow.Context) {
		if err := r.lookUp(ctx); err != nil {
			r.log.Warn("cannot look up the comment", "error", err)
		}
	})
}

// lookUp asks Meta once when the comment was written and whether it may be
// answered. The answer can bring the deadline nearer and end the reply; no answer
// changes nothing. A live comment's deadline is the broadcast's, so it is spared.
func (r *reply) lookUp(ctx workflow.Context) error {
	if r.in.Comment.OnLive() {
		return nil
	}
	r.commentLookedUp = true
	lookUp := execute(ctx, workflow.ActivityOptions{
		ScheduleToCloseTimeout: lookUpTimeout,
		RetryPolicy:            &temporal.RetryPolicy{MaximumAttempts: 1},
		Summary:                "Ask Meta about the comment",
	}, Activities.LookUpComment, LookUpCommentInput{Comment: sendTarget(r.in.Comment)})
	r.track(lookUp)
	if err := workflow.Await(ctx, func() bool { return lookUp.IsReady() || r.stopRequested() || !r.state.Waiting() }); err != nil {
		return err
	}
	if !lookUp.IsReady() {
		return nil
	}
	facts, err := lookUp.result(ctx)
	if err != nil {
		r.log.Info("cannot look up the comment", "error", err)
		return nil
	}
	if !r.state.Waiting() {
		return nil
	}
	if !facts.Deadline.IsZero() {
		r.deadline = r.deadline.Nearer(privatereply.Deadline{At: facts.Deadline, From: privatereply.ClockCreated})
		r.publish()
	}
	if facts.NotRepliable && r.send.Attempts == 0 {
		r.requestStop(privatereply.Undeliverable, privatereply.NotRepliable, "")
	}
	return nil
}

// track counts an activity, or a signal to another workflow, whose result nobody may
// wait for. The workflow does not complete while one is under way: the server drops what it
// has not begun.
func (r *reply) track(f workflow.Future) {
	r.background++
	workflow.Go(r.ctx, func(ctx workflow.Context) {
		_ = f.Get(ctx, nil)
		r.background--
	})
}

// joining is the input to join the person's conversations.
func (r *reply) joining() JoinConversationInput {
	return NewJoinConversationInput(workflow.GetInfo(r.ctx).WorkflowExecution.ID, r.in.Comment, r.message, privatereply.SendResult{
		MessageID: r.send.MessageID, RecipientID: r.send.RecipientID, SentAt: r.send.SentAt,
	})
}

// joinConversations signals the person's conversations that the reply was delivered, so that
// an answer finds its way back, where the send's activity has not done so: it could not, or
// the delivery was found out otherwise. It is tried until it works; the reply's own clocks do
// not wait for it.
func (r *reply) joinConversations() {
	in := r.joining()
	if len(in.People) == 0 {
		return
	}
	r.mayHaveJoined = true
	executeOnly(r.ctx, workflow.ActivityOptions{
		StartToCloseTimeout:    JoinTimeout,
		ScheduleToCloseTimeout: time.Duration(r.limits.ResponseWait),
		RetryPolicy:            &temporal.RetryPolicy{MaximumInterval: 5 * time.Minute},
		Summary:                "Join the person's conversation",
	}, Activities.JoinConversation, in)
}

// leaveConversations reports the end of the reply to the conversations that it has joined, or
// may have: they wait for it. One that has ended needs no report.
func (r *reply) leaveConversations() {
	if !r.mayHaveJoined {
		return
	}
	in := r.joining()
	for _, person := range in.People {
		if id, err := privatereply.ConversationID(in.Platform, in.Account, person); err == nil {
			r.track(workflow.SignalExternalWorkflow(r.ctx, id, "", ReplyEndedSignal, ReplyEnded{Reply: in.Joined.Reply}))
		}
	}
}
