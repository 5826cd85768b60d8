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
func PrivateReply(ctx workflow.Context, in Input) (*Status, error) {
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
	r.takeSignals()
	err = workflow.Await(r.ctx, func() bool { return workflow.AllHandlersFinished(r.ctx) })
	return r.status(), err
}

// reply is the state of one PrivateReply.
//
// Its context is not cancelled with the workflow: a cancelled reply still ends in
// a named state.
type reply struct {
	inbox
	cancelled func() bool
	log       log.Logger

	in        Input
	state     privatereply.State
	reason    privatereply.Reason
	deadline  privatereply.Deadline
	holdUntil time.Time

	text      string
	approver  string
	decidedAt time.Time
	rejection string // what the person gave as the reason
	late      bool   // an approval came after the deadline
	joined    bool   // its broadcast knows that it waits

	objection *objection
	send      Send
	waited    bool      // it has slept before an attempt
	writtenAt time.Time // of the first attempt that may have arrived
	doubtful  bool      // Meta refused an attempt in a way that does not prove that it did nothing
	answers   answers
	published published
}

// published is what the search attributes and the memo say.
type published struct {
	state    privatereply.State
	deadline time.Time
	nextTry  time.Time
}

func newReply(ctx workflow.Context, in Input) (*reply, error) {
	if err := in.Comment.Validate(); err != nil {
		return nil, err
	}
	if err := in.Decision.Validate(in.Comment.Platform); err != nil {
		return nil, err
	}
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
	b, err := beginOf(r.ctx, r.in)
	if err != nil {
		return nil, err
	}
	r.deadline, r.holdUntil = privatereply.Deadline{At: b.Deadline, From: b.DeadlineFrom}, b.HoldUntil
	r.readPublished()
	r.become(b.State, b.Reason)
	return r, nil
}

// run leads the reply through its life, in the order of the state diagram.
func (r *reply) run() error {
	steps := []struct {
		when privatereply.State
		do   func() error
	}{
		{privatereply.Holding, r.hold},
		{privatereply.AwaitingApproval, r.awaitApproval},
		{privatereply.Sending, r.sendOnce},
		{privatereply.DeliveryUnknown, r.awaitResolution},
		{privatereply.Sent, r.awaitAnswer},
		{privatereply.Responded, r.followWindow},
	}
	for _, step := range steps {
		if r.state != step.when {
			continue
		}
		if err := step.do(); err != nil {
			return err
		}
	}
	if !r.state.Final() && r.state != privatereply.DeliveryUnknown {
		return fmt.Errorf("the reply stopped in state %s, which is not an end", r.state)
	}
	return nil
}

// hold gives people the time that the rule allows to stop an automatic reply.
func (r *reply) hold() error {
	r.joinBroadcast()
	if r.isOld() {
		r.lookUpInBackground()
	}
	until := func() time.Time { return earlier(r.holdUntil, r.deadline.At) }
	err := r.awaitUntil("Hold of rule "+r.in.Decision.Rule, until, func() bool {
		return r.state != privatereply.Holding || r.objected()
	})
	switch {
	case err != nil:
		return err
	case r.endIfObjected():
	case r.state == privatereply.Sending: // approved
	case r.expired():
		r.end(privatereply.Expired, r.lateReason(privatereply.DeadlineWhileHolding))
	default:
		r.become(privatereply.Sending, "")
	}
	return nil
}

// awaitApproval waits for a person's decision until the deadline.
func (r *reply) awaitApproval() error {
	r.joinBroadcast()
	r.lookUpInBackground()
	err := r.awaitUntil("Deadline of the private reply", r.deadlineAt, func() bool {
		return r.state != privatereply.AwaitingApproval || r.objected()
	})
	switch {
	case err != nil:
		return err
	case r.endIfObjected():
	case r.state == privatereply.Sending: // approved
	case r.late:
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
		r.become(privatereply.DeliveryUnknown, reason)
	}
	return err
}

// resolveLimit is how long an unknown delivery stays open for a person.
const resolveLimit = 30 * 24 * time.Hour

// awaitAnswer joins the person's conversation and waits for an answer.
func (r *reply) awaitAnswer() error {
	r.joinConversation()
	until := func() time.Time { return r.send.SentAt.Add(privatereply.ResponseWait) }
	err := r.awaitUntil("No answer from the person", until, func() bool {
		return r.answers.any() || r.cancelled()
	})
	switch {
	case err != nil:
		return err
	case r.answers.any():
		r.become(privatereply.Responded, r.reason)
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
	limit := r.send.SentAt.Add(privatereply.FollowLimit)
	until := func() time.Time { return earlier(r.answers.closesAt(), limit) }
	err := r.awaitUntil("End of the 24-hour window", until, r.cancelled)
	switch {
	case err != nil:
		return err
	case r.cancelled():
		r.end(privatereply.WindowClosed, privatereply.StoppedByOperator)
	case r.answers.closesAt().After(limit):
		r.end(privatereply.WindowClosed, privatereply.ConversationContinues)
	default:
		r.end(privatereply.WindowClosed, r.reason)
	}
	return nil
}
