package workflows

import (
	"fmt"
	"time"

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
// event came meanwhile, and aborts an Update that comes just afterwards.
func (r *reply) complete() (*PrivateReplyStatus, error) {
	r.ending = true
	if r.leaveBroadcast != nil {
		r.leaveBroadcast()
	}
	for {
		idle := func() bool { return r.backgroundActivities == 0 && workflow.AllHandlersFinished(r.ctx) }
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

	text            string
	approver        string
	decidedAt       time.Time
	rejectReason    string // what the person gave as the reason
	approvedTooLate bool   // an approval came after the deadline
	broadcastJoined bool   // its broadcast knows that it waits

	stopRequest      *stopRequest
	lastEditAt       time.Time              // the newest that was told of
	editDecision     *privatereply.Decision // on an edited comment, for a send that has to be stopped first
	send             SendStatus
	attempts         attempts
	lastTriedAt      time.Time // when the last attempt was written: a retry queues by it
	immediateRetries int       // tries in a row that could be repeated at once
	hasSlept         bool      // it has slept before an attempt
	broadcastOver    bool      // the broadcast is over
	responses        responses
	published        published

	backgroundActivities int // activities in the background
	leaveBroadcast       func()
	commentLookedUp      bool      // Meta was asked about the comment
	updatedAt            time.Time // when the last Update was handled
	ending               bool
}

// published is what the search attributes and the memo say.
type published struct {
	state    privatereply.State
	rule     string
	deadline time.Time
	nextTry  time.Time
}

func newReply(ctx workflow.Context, in PrivateReplyInput) (*reply, error) {
	life, _ := workflow.NewDisconnectedContext(ctx)
	r := &reply{
		inbox:     inbox{ctx: life},
		cancelled: func() bool { return ctx.Err() != nil },
		log:       workflow.GetLogger(ctx),
		in:        in,
		text:      in.Decision.Text,
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
	r.readPublished()
	r.transition(b.State, b.Reason)
	return r, nil
}

// run leads the reply through its life, in the order of the state diagram.
func (r *reply) run() error {
	for !r.state.Final() {
		var err error
		switch was := r.state; was {
		case privatereply.Holding:
			err = r.hold()
		case privatereply.AwaitingApproval:
			err = r.awaitApproval()
		case privatereply.Sending:
			err = r.sendReply()
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
		return r.state != privatereply.Holding || r.stopRequested()
	})
	switch {
	case err != nil:
		return err
	case r.endIfStopRequested():
	case r.state != privatereply.Holding: // approved, or decided anew
	case r.expired():
		r.end(privatereply.Expired, r.lateReason(privatereply.DeadlineWhileHolding))
	default:
		r.transition(privatereply.Sending, "")
	}
	return nil
}

// awaitApproval waits for a person's decision until the deadline.
func (r *reply) awaitApproval() error {
	r.joinBroadcast()
	r.lookUpInBackground()
	err := r.awaitUntil("Deadline of the private reply", r.deadlineAt, func() bool {
		return r.state != privatereply.AwaitingApproval || r.stopRequested()
	})
	switch {
	case err != nil:
		return err
	case r.endIfStopRequested():
	case r.state != privatereply.AwaitingApproval: // approved
	case r.approvedTooLate:
		r.end(privatereply.Expired, privatereply.DecidedTooLate)
	default:
		r.end(privatereply.Expired, r.lateReason(privatereply.NobodyDecided))
	}
	return nil
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
	r.joinConversation()
	end := r.send.SentAt.Add(time.Duration(r.limits.ResponseWait))
	if r.reason == privatereply.ResolvedDelivered {
		// It joins late: the conversation knows of answers that nobody told it of.
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
		r.end(privatereply.NoResponse, privatereply.StoppedByOperator)
	default:
		r.end(privatereply.NoResponse, r.reason)
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
		r.end(privatereply.WindowClosed, privatereply.StoppedByOperator)
	case r.windowCloses().After(limit):
		r.end(privatereply.WindowClosed, privatereply.ConversationContinues)
	default:
		r.end(privatereply.WindowClosed, r.reason)
	}
	return nil
}
