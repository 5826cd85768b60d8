package workflows

import (
	"time"

	"github.com/privatereply/privatereply"
)

// stopRequest is what stands against sending.
type stopRequest struct {
	state  privatereply.State
	reason privatereply.Reason
	by     string // a person, with the time
	at     time.Time
}

// requestStop records what stands against sending. The first objection counts.
func (r *reply) requestStop(state privatereply.State, reason privatereply.Reason, by string) {
	if r.stopRequest == nil {
		r.stopRequest = &stopRequest{state: state, reason: reason, by: by, at: r.now()}
	}
}

// stopRequested reports whether anything but the clock stands against sending.
func (r *reply) stopRequested() bool { return r.stopRequest != nil || r.cancelled() }

// endIfStopRequested ends the reply as the objection says. Cancelling the workflow, as
// an operator can in the Web UI, objects too.
func (r *reply) endIfStopRequested() bool {
	if r.state.Final() {
		return true // an Update has ended it
	}
	if r.stopRequest == nil && r.cancelled() {
		r.requestStop(privatereply.Rejected, privatereply.StoppedByOperator, "")
	}
	if r.stopRequest == nil {
		return false
	}
	if r.stopRequest.by != "" {
		r.approver, r.decidedAt = r.stopRequest.by, r.stopRequest.at
	}
	r.end(r.stopRequest.state, r.stopRequest.reason)
	return true
}

// orTooLate is reason, unless somebody objected while a worker had the send.
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
