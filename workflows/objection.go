package workflows

import (
	"time"

	"github.com/privatereply/privatereply"
)

// objection is what stands against sending.
type objection struct {
	state  privatereply.State
	reason privatereply.Reason
	by     string // a person, with the time
	at     time.Time
}

// object records what stands against sending. The first objection counts.
func (r *reply) object(state privatereply.State, reason privatereply.Reason, by string) {
	if r.objection == nil {
		r.objection = &objection{state: state, reason: reason, by: by, at: r.now()}
	}
}

// objected reports whether anything but the clock stands against sending.
func (r *reply) objected() bool { return r.objection != nil || r.cancelled() }

// endIfObjected ends the reply as the objection says. Cancelling the workflow, as
// an operator can in the Web UI, objects too.
func (r *reply) endIfObjected() bool {
	if r.state.Final() {
		return true // an Update has ended it
	}
	if r.objection == nil && r.cancelled() {
		r.object(privatereply.Rejected, privatereply.StoppedByOperator, "")
	}
	if r.objection == nil {
		return false
	}
	if r.objection.by != "" {
		r.approver, r.decidedAt = r.objection.by, r.objection.at
	}
	r.end(r.objection.state, r.objection.reason)
	return true
}

// orTooLate is reason, unless somebody objected while a worker had the send.
func (r *reply) orTooLate(reason privatereply.Reason) privatereply.Reason {
	if r.objected() {
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
