package workflows

import (
	"time"

	"github.com/privatereply/privatereply"
)

// beginning is how a reply begins, as far as it is known before anything happens.
type beginning struct {
	state     privatereply.State
	reason    privatereply.Reason
	deadline  privatereply.Deadline
	holdUntil time.Time
}

// begin works out how the reply of in begins at now. Who starts a reply and the
// reply itself both ask, so that the search attributes are right from the first
// moment on and cost no upsert.
func begin(in Input, now time.Time) beginning {
	c, d := in.Comment, in.Decision
	if c.ReceivedAt.IsZero() {
		c.ReceivedAt = now
	}
	b := beginning{deadline: privatereply.DeadlineOf(c)}
	switch {
	case d.Reason == privatereply.DecidedByRemoval:
		b.state, b.reason = privatereply.Withdrawn, privatereply.CommentRemoved
	case d.Action == privatereply.ActionIgnore:
		b.state, b.reason = privatereply.Ignored, privatereply.IgnoredByRule
		if d.Rule == "" {
			b.reason = privatereply.IgnoredByDefault
		}
	case b.deadline.Passed(now):
		b.state, b.reason = privatereply.Expired, privatereply.PastDeadline
	case d.Action == privatereply.ActionAsk:
		b.state = privatereply.AwaitingApproval
	case d.Hold > 0:
		b.state, b.holdUntil = privatereply.Holding, now.Add(time.Duration(d.Hold)).UTC()
		if b.deadline.Passed(b.holdUntil) {
			b.state, b.reason = privatereply.Expired, privatereply.HoldPastDeadline
		}
	default:
		b.state = privatereply.Sending
	}
	return b
}
