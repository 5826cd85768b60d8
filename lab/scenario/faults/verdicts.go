package faults

import "github.com/privatereply/privatereply"

// Verdicts that many cases expect.
var (
	delivered = Verdict{State: privatereply.Sent, Delivered: 1, Calls: 1}
	// found is a send that nobody answered. Meta refuses its repeat, and the conversation
	// shows whose message it is.
	found          = Verdict{State: privatereply.Sent, Reason: privatereply.FoundInConversation, Delivered: 1, Calls: 2}
	secondTry      = Verdict{State: privatereply.Sent, Delivered: 1, Calls: 2}
	responded      = Verdict{State: privatereply.Responded, Delivered: 1, Calls: 1}
	rejected       = Verdict{State: privatereply.Rejected, Reason: privatereply.RejectedByApprover}
	withdrawn      = Verdict{State: privatereply.Withdrawn, Reason: privatereply.CommentRemoved}
	liveOver       = Verdict{State: privatereply.Expired, Reason: privatereply.BroadcastEnded}
	nobodyDecided  = Verdict{State: privatereply.Expired, Reason: privatereply.NobodyDecided}
	whileSending   = Verdict{State: privatereply.Expired, Reason: privatereply.DeadlineWhileSending}
	whileHolding   = Verdict{State: privatereply.Expired, Reason: privatereply.DeadlineWhileHolding}
	pastDeadline   = Verdict{State: privatereply.Expired, Reason: privatereply.PastDeadline}
	decidedTooLate = Verdict{State: privatereply.Expired, Reason: privatereply.DecidedTooLate}
	noWorkflow     = Verdict{}
)

// after is v when so many calls had reached Meta.
func (v Verdict) after(calls int) Verdict {
	v.Calls = calls
	return v
}
