package workflows

import (
	"time"

	"github.com/privatereply/privatereply"
)

const (
	// attemptTimeout is how long after an attempt that nobody answered nothing can come of
	// it any more.
	attemptTimeout = 15 * time.Second
	// claimHeadStart is by how much a reply that Meta says is used reads before others. A join
	// takes less.
	claimHeadStart = 20 * time.Second
	// maxFaults is how many attempts Meta may answer with a passing fault or with a code
	// that nobody knows. The waits between them grow to hours.
	maxFaults = 6
	// refusalRetry is how long Instagram's "comment invalid for a private reply" is
	// given to be wrong: operators have seen it pass.
	refusalRetry = 30 * time.Second
)

// lagRetries are the pauses between readings of a conversation that lags.
var lagRetries = []time.Duration{30 * time.Second, 2 * time.Minute}

// attempts is what the attempts to send have proved so far.
type attempts struct {
	// doubtSince is when the earliest attempt was written that may have arrived; zero:
	// it is certain that none did.
	doubtSince time.Time
	doubtEnded time.Time           // when the last of those had ended
	doubt      privatereply.Reason // why nobody knows
	strong     bool                // one of those may well have arrived, by what Meta is known to do
	unanswered int                 // attempts of which nobody could tell, from Meta's answer or its absence, how they ended
	faults     int                 // attempts that Meta answered with a passing or unlisted error
	again      bool                // Instagram's ambiguous refusal was tried once more
	last       privatereply.SendResult
}

// nextStep is what follows an attempt.
type nextStep int

const (
	stepDelivered    nextStep = iota
	stepRetry                 // at the result's RetryAt
	stepRepeat                // once, when the attempt is surely over
	stepRetryRefusal          // once, after refusalRetry
	stepReconcile             // the conversation decides
	stepRefused               // Meta's refusal is final, and nothing arrived before
	stepStop                  // the broadcast is over
)

func (a *attempts) inDoubt() bool { return !a.doubtSince.IsZero() }

// next notes how an attempt ended at now, and says what follows. A refusal is no sign
// of our own message unless an attempt may have arrived before: a human may have
// answered in Meta's inbox.
func (a *attempts) next(result privatereply.SendResult, now time.Time) nextStep {
	a.last = result
	switch result.Outcome {
	case privatereply.OutcomeSent:
		return stepDelivered
	case privatereply.OutcomeUnknown:
		a.mayHaveArrived(result, now)
		if a.unanswered++; a.unanswered > 1 {
			return stepReconcile
		}
		return stepRepeat
	case privatereply.OutcomeNotSent:
		if result.Doubtful {
			a.mayHaveArrived(result, now)
		}
		if result.Reason == privatereply.BroadcastEnded {
			return stepStop
		}
		if isFault(result) {
			a.faults++
		}
		switch {
		case a.faults < maxFaults:
			return stepRetry
		case a.inDoubt():
			return stepReconcile
		}
		return stepRefused
	}
	switch {
	case a.inDoubt():
		return stepReconcile
	case result.Reason == privatereply.NotRepliableOrAlreadyReplied && !a.again:
		a.again = true
		return stepRetryRefusal
	}
	return stepRefused
}

func (a *attempts) mayHaveArrived(result privatereply.SendResult, now time.Time) {
	if a.doubtSince.IsZero() || result.SentAt.Before(a.doubtSince) {
		a.doubtSince = result.SentAt
	}
	a.doubtEnded, a.doubt = now, result.Reason
	// A code that nobody knows, or a history that was reset, is a guess.
	a.strong = a.strong || result.Reason != privatereply.Refused && result.Reason != privatereply.WorkflowReset
}

// isFault reports whether Meta answered with an error that is about this send alone and
// may pass. An outage without a code, and what a person must mend in the account, are
// waited for until the deadline.
func isFault(result privatereply.SendResult) bool {
	return result.Outcome == privatereply.OutcomeNotSent && result.Code != 0 && !accountWide(result.Reason)
}

// accountWide reports whether a refusal is about the whole account.
func accountWide(reason privatereply.Reason) bool {
	switch reason {
	case privatereply.Throttled, privatereply.AccountBlocked, privatereply.TokenRejected,
		privatereply.NotPermitted, privatereply.AccountUnknown, privatereply.AppMisconfigured:
		return true
	}
	return false
}

// end is how a send ends that is not tried again.
type end struct {
	state  privatereply.State
	reason privatereply.Reason
}

// used reports whether Meta's last word was that the comment's one reply is used.
func (a *attempts) used() bool {
	return a.last.Outcome == privatereply.OutcomeRefused &&
		(a.last.Reason == privatereply.AlreadyReplied || a.last.Reason == privatereply.NotRepliableOrAlreadyReplied)
}

// readAfter is how long after the last attempt in doubt the conversation is read. Of two
// replies with one text the one that Meta says is used reads first: the message is its own.
func (a *attempts) readAfter() time.Duration {
	if a.used() {
		return attemptTimeout
	}
	return attemptTimeout + claimHeadStart
}

// lags reports whether the conversation is likely to lack what it will have: Meta says that
// the one reply is used, and nobody's message is there.
func (a *attempts) lags(found FindMessageResult) bool {
	return a.used() && found.Readable && found.MessageID == "" && !found.Others
}

// reconcile says how a send in doubt ends after the conversation was read. The zero end
// means that nothing arrived: what stopped the send then says how it ends.
//
// Absence from the conversation is no proof while an attempt has no answer at all: Meta
// may have taken it and be slow. With Meta's own word that the one reply is used it is.
func (a *attempts) reconcile(found FindMessageResult) end {
	used := a.used()
	// Whoever used the one reply wrote to the person: a conversation that Meta does not show
	// then is one that cannot be read.
	readable := found.Readable && !(used && found.Empty)
	switch {
	case found.MessageID != "":
		return end{privatereply.Sent, privatereply.FoundInConversation}
	case readable && used && (found.Others || a.last.Reason == privatereply.AlreadyReplied):
		return end{privatereply.Undeliverable, privatereply.AlreadyReplied}
	case readable && used: // Instagram's code also means that the comment is gone
		return end{privatereply.Undeliverable, privatereply.NotRepliableOrAlreadyReplied}
	case used && a.last.Reason == privatereply.AlreadyReplied && a.strong:
		return end{privatereply.Sent, privatereply.ConfirmedByRefusal}
	case !readable, a.unanswered > 0:
		return end{privatereply.DeliveryUnknown, a.doubt}
	}
	return end{}
}
