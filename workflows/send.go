package workflows

import (
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

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
	// findMessageTimeout is how long a conversation may take to be read: Meta allows two
	// calls a second for an account, and nobody waits for the answer.
	findMessageTimeout = time.Hour
	// shortestShownWait is the longest wait whose end lists do not show: the memo that they
	// read costs an upsert, and so short a wait is over before anybody reads it.
	shortestShownWait = 10 * time.Second
	// noRescheduleWithin is how near its deadline a reply stops to ask for an earlier slot.
	noRescheduleWithin = time.Minute
	// broadcastEndDelay is how long it takes a Broadcast to notice an end. To join it for a
	// shorter sleep gains nothing: the next try asks Meta itself.
	broadcastEndDelay = 20 * time.Second
	// maxRetryPause is the longest pause between tries that need not wait.
	maxRetryPause = time.Minute
)

// lagRetries are the pauses between readings of a conversation that lags.
var lagRetries = []time.Duration{30 * time.Second, 2 * time.Minute}

// end is the state in which a send ends, with its reason.
type end struct {
	state  privatereply.State
	reason privatereply.Reason
}

// sendOnce brings the reply to Meta at most once, and finds out whether it did. The zero
// end means that the comment was edited, and the rules have decided anew.
func (r *reply) sendOnce() (end, error) {
	if r.in.Decision.Action == privatereply.ActionAuto && r.approver == "" {
		r.decidedAt = r.now()
		if r.holdUntil.IsZero() && r.notifiedLate() && !r.commentLookedUp {
			if err := r.lookUp(r.ctx); err != nil {
				return end{}, err
			}
		}
	}
	for {
		switch {
		case r.provenByTap():
			return r.tapEnd(), nil
		case r.stopRequested() || r.expired():
			return r.stopSending(privatereply.DeadlineWhileSending)
		case r.applyEditDecision(), r.claimStale():
			return end{}, nil
		}
		result, started, err := r.attempt()
		switch {
		case err != nil:
			return end{}, err
		case !started: // stopped, or the deadline moved
			continue
		}
		refused := func() end { return end{privatereply.Undeliverable, r.orTooLate(result.Reason)} }
		r.evidence = r.evidence.after(result, r.now())
		// A worker that was lost may have joined, and the search for a message claims it.
		r.mayHaveJoined = r.mayHaveJoined || result.Joined || r.evidence.inDoubt()
		switch r.evidence.decide(true) {
		case stepDelivered:
			r.send.MessageID, r.send.RecipientID, r.send.SentAt = result.MessageID, result.RecipientID, result.SentAt
			r.joined = result.Joined
			return end{privatereply.Sent, r.orTooLate("")}, nil
		case stepRefused:
			return refused(), nil
		case stepStop:
			return r.stopSending(privatereply.BroadcastEnded)
		case stepReconcile:
			return r.reconcile(refused)
		case stepRetry:
			err = r.waitForRetry(result)
		case stepRepeat:
			err = r.sleep(attemptTimeout)
		case stepRetryRefusal:
			err = r.sleep(refusalRetry)
		}
		if err != nil {
			return end{}, err
		}
	}
}

// stopSending ends a send that may not go on: as a request to stop says, else as expired
// for the given reason.
func (r *reply) stopSending(expired privatereply.Reason) (end, error) {
	stopped := func() end {
		if r.stopRequested() {
			return r.stopEnd()
		}
		return end{privatereply.Expired, expired}
	}
	if r.evidence.inDoubt() {
		return r.reconcile(stopped)
	}
	return stopped(), nil
}

// attempt schedules one send and waits for its outcome. started is false when no
// worker had the send: it was cancelled, or its time ran out, in the queue.
//
// A request to stop cancels the activity. That reaches one that waits in the queue; a
// worker that has it already does not hear of it, and its outcome stands.
func (r *reply) attempt() (result privatereply.SendResult, started bool, err error) {
	scheduledAt, deadline := r.now(), r.deadline
	r.send.Attempts++
	r.send.RetryAt = time.Time{}
	r.describe()

	queue := SendQueue(workflow.GetInfo(r.ctx).TaskQueueName)
	if r.in.Comment.OnLive() {
		queue = LiveSendQueue(workflow.GetInfo(r.ctx).TaskQueueName)
	}
	ctx, cancel := workflow.WithCancel(r.ctx)
	defer cancel()
	// Temporal advises against a time-out from schedule to start except for routing; a
	// deadline that the world sets is the other good reason.
	options := sendOptions(queue, deadline.At.Sub(scheduledAt), r.in.Comment.Platform, r.in.Comment.Account)
	options.Summary = fmt.Sprintf("Send the private reply, attempt %d", r.send.Attempts)
	sent := execute(ctx, options, Activities.SendPrivateReply, SendPrivateReplyInput{
		Comment:  sendTarget(r.in.Comment),
		Message:  r.message,
		Deadline: deadline.At,
		Attempt:  r.send.Attempts,
		Waited:   r.hasSlept,
		ByPerson: r.approver != "",
	})
	stop := func() bool { return r.stopRequested() || r.deadline != deadline || r.editDecision != nil }
	if err := r.await(func() bool { return sent.IsReady() || stop() }); err != nil {
		return result, false, err
	}
	if !sent.IsReady() {
		cancel()
		if err := r.await(sent.IsReady); err != nil {
			return result, false, err
		}
	}
	result, started = sendResult(r.ctx, sent, scheduledAt)
	if !started {
		r.send.Attempts--
		return result, false, nil
	}
	r.recordAttempt(result)
	if result.Outcome == privatereply.OutcomeUnknown {
		ambiguousMetric.count(r.ctx, string(result.Reason))
	}
	if heldBack(result) {
		r.send.Attempts--
	}
	return result, true, nil
}

// sendOptions are the options of an activity that makes one attempt to send. It is given
// up when no worker has taken it after giveUpAfter.
func sendOptions(queue string, giveUpAfter time.Duration, p privatereply.Platform, account string) workflow.ActivityOptions {
	return workflow.ActivityOptions{
		TaskQueue:              queue,
		ScheduleToStartTimeout: giveUpAfter,
		StartToCloseTimeout:    SendTimeout,
		WaitForCancellation:    true,
		RetryPolicy:            &temporal.RetryPolicy{MaximumAttempts: 1},
		Priority:               temporal.Priority{FairnessKey: fairnessKey(p, account)},
	}
}

// sendResult waits for an attempt and says what its end proves. Only a send that no worker
// took, which is not started, is known not to have happened; anything that broke later may
// have.
func sendResult(ctx workflow.Context, sent future[privatereply.SendResult], scheduledAt time.Time) (result privatereply.SendResult, started bool) {
	result, err := sent.result(ctx)
	switch {
	case err == nil:
		result.SentAt = clampTime(result.SentAt, scheduledAt, workflow.Now(ctx).UTC())
		return result, true
	case neverStarted(err):
		return result, false
	}
	workflow.GetLogger(ctx).Warn("the send did not say how it ended", "error", err)
	return privatereply.SendResult{
		Outcome: privatereply.OutcomeUnknown,
		Reason:  privatereply.WorkerLost,
		Wrote:   true,
		SentAt:  scheduledAt,
	}, true
}

// neverStarted reports whether err proves that no worker took the activity.
func neverStarted(err error) bool {
	var timeout *temporal.TimeoutError
	return temporal.IsCanceledError(err) ||
		errors.As(err, &timeout) && timeout.TimeoutType() == enumspb.TIMEOUT_TYPE_SCHEDULE_TO_START
}

// clampTime is at, unless it lies outside of from and to, because its clock is wrong: then
// it is from. An attempt is
// written after it was asked for and before it has ended.
func clampTime(at, from, to time.Time) time.Time {
	if at.IsZero() || at.Before(from) || at.After(to) {
		return from
	}
	return at
}

// heldBack reports whether a send was not even tried, because the account has to
// wait or to be mended. Then it counts for nothing.
func heldBack(result privatereply.SendResult) bool {
	return result.Outcome == privatereply.OutcomeNotSent && !result.Wrote &&
		(result.Reason == privatereply.Paced || accountWide(result.Reason))
}

// sendTarget is what a send needs of a comment. The texts stand in the history already,
// and a reply may be tried for days.
func sendTarget(c privatereply.Comment) privatereply.Comment {
	c.Username, c.Text, c.AdTitle = "", "", ""
	return c
}

// fairnessKey lets a server with fairness serve small accounts next to big ones.
// Temporal takes at most 64 bytes; the end of an id differs between accounts.
func fairnessKey(p privatereply.Platform, account string) string {
	const limit = 64
	key := string(p) + ":" + account
	return key[max(0, len(key)-limit):]
}

// recordAttempt brings the status up to date after an attempt. One that was not made does
// not change Meta's last error.
func (r *reply) recordAttempt(result privatereply.SendResult) {
	r.send.Outcome, r.send.RetryAt = result.Outcome, result.RetryAt
	late := result.Reason == privatereply.DeadlineWhileSending
	if !late || r.send.Reason == "" {
		r.send.Reason = result.Reason
	}
	if !late && !heldBack(result) || result.Code != 0 {
		r.send.Code, r.send.Subcode, r.send.TraceID = result.Code, result.Subcode, result.TraceID
	}
}

// evidence is what all attempts to send so far have proved.
type evidence struct {
	last privatereply.SendResult
	// doubtSince is when the earliest attempt was written that may have arrived; zero:
	// it is certain that none did.
	doubtSince time.Time
	doubtEnded time.Time           // when the last of those had ended
	doubt      privatereply.Reason // why nobody knows
	strong     bool                // one of those may well have arrived, by what Meta is known to do
	unanswered int                 // attempts of which nobody could tell, from Meta's answer or its absence, how they ended
	faults     int                 // attempts that Meta answered with a passing or unlisted error
	ambiguous  int                 // Instagram's refusals that do not say whether the reply is used

	// resetSince is when a send may have begun that this history does not have, because
	// an operator reset the workflow; zero: nobody did.
	resetSince time.Time
}

// newEvidence is the evidence of a reply before its first attempt.
func (r *reply) newEvidence() (e evidence) {
	if r.wasReset() {
		e.resetSince = r.in.Comment.ReceivedAt
	}
	return e
}

func (e evidence) inDoubt() bool { return !e.doubtSince.IsZero() }

// used reports whether Meta's last word was that the comment's one reply is used.
func (e evidence) used() bool {
	return e.last.Outcome == privatereply.OutcomeRefused &&
		(e.last.Reason == privatereply.AlreadyReplied || e.last.Reason == privatereply.NotRepliableOrAlreadyReplied)
}

// after is the evidence once an attempt has ended at now with result.
func (e evidence) after(result privatereply.SendResult, now time.Time) evidence {
	e.last = result
	switch result.Outcome {
	case privatereply.OutcomeUnknown:
		e.unanswered++
		return e.withDoubt(result, now)
	case privatereply.OutcomeNotSent:
		if isFault(result) {
			e.faults++
		}
		if result.Doubtful {
			return e.withDoubt(result, now)
		}
	case privatereply.OutcomeRefused:
		if e.inDoubt() || !e.used() {
			return e
		}
		if result.Reason == privatereply.NotRepliableOrAlreadyReplied {
			if e.ambiguous++; e.ambiguous == 1 {
				return e
			}
		}
		if !e.resetSince.IsZero() { // it may be about an attempt before the reset
			return e.withDoubt(privatereply.SendResult{SentAt: e.resetSince, Reason: privatereply.WorkflowReset}, now)
		}
	}
	return e
}

// withDoubt is the evidence after an attempt that may have arrived.
func (e evidence) withDoubt(result privatereply.SendResult, now time.Time) evidence {
	if e.doubtSince.IsZero() || result.SentAt.Before(e.doubtSince) {
		e.doubtSince = result.SentAt
	}
	e.doubtEnded, e.doubt = now, result.Reason
	// A code that nobody knows, or a history that was reset, is a guess.
	e.strong = e.strong || result.Reason != privatereply.Refused && result.Reason != privatereply.WorkflowReset
	return e
}

// step is what follows an attempt to send.
type step int

const (
	stepDelivered    step = iota
	stepRetry             // at the result's RetryAt
	stepRepeat            // once, when the attempt is surely over
	stepRetryRefusal      // once, after refusalRetry
	stepReconcile         // the conversation decides
	stepRefused           // it is final, and nothing arrived before
	stepStop              // the broadcast is over
)

// decide says what follows the last attempt of any send. guarded is whether Meta takes the
// message only once, as it does a private reply: only then may it be repeated after an
// attempt that may have arrived.
//
// A refusal is no sign of our own message unless an attempt may have arrived before: a
// human may have answered in Meta's inbox.
func (e evidence) decide(guarded bool) step {
	switch e.last.Outcome {
	case privatereply.OutcomeSent:
		return stepDelivered
	case privatereply.OutcomeUnknown:
		if guarded && e.unanswered == 1 {
			return stepRepeat
		}
		return stepReconcile
	case privatereply.OutcomeNotSent:
		switch {
		case e.last.Reason == privatereply.BroadcastEnded:
			return stepStop
		case e.faults < maxFaults:
			return stepRetry
		}
	}
	switch {
	case e.inDoubt():
		return stepReconcile
	case guarded && e.last.Reason == privatereply.NotRepliableOrAlreadyReplied && e.ambiguous == 1:
		return stepRetryRefusal
	}
	return stepRefused
}

// isFault reports whether Meta answered with an error that is about this send alone and
// may pass. An outage without a code, and what a person must mend in the account, are
// waited for until the deadline.
func isFault(result privatereply.SendResult) bool {
	return result.Outcome == privatereply.OutcomeNotSent && result.Code != 0 && !accountWide(result.Reason)
}

// accountWide reports whether a refusal is about the account, not about this send alone.
func accountWide(reason privatereply.Reason) bool {
	switch reason {
	case privatereply.Throttled, privatereply.AccountBlocked, privatereply.TokenRejected,
		privatereply.NotPermitted, privatereply.AccountUnknown, privatereply.AppMisconfigured:
		return true
	}
	return false
}

// reconcile has the conversation decide what became of the attempts that may have
// arrived. If nothing arrived, the end is the one that otherwise gives. No other attempt
// is made.
func (r *reply) reconcile(otherwise func() end) (end, error) {
	r.showSending()
	e := r.evidence
	pause := func(what string, until time.Time) error {
		return r.awaitUntil(what, func() time.Time { return until }, r.provenByTap)
	}
	if err := pause("Until the attempt is surely over", e.doubtEnded.Add(e.readAfter())); err != nil || r.provenByTap() {
		return r.tapEnd(), err
	}
	found, err := r.findMessage(e.doubtSince)
	for try := 0; err == nil && e.lags(found) && try < len(lagRetries) && !r.provenByTap(); try++ {
		if err := pause("Until Meta shows the conversation as it is", r.now().Add(lagRetries[try])); err != nil || r.provenByTap() {
			return r.tapEnd(), err
		}
		found, err = r.findMessage(e.doubtSince)
	}
	switch {
	case err != nil:
		return end{}, err
	case found.MessageID == "" && r.provenByTap():
		return r.tapEnd(), nil
	}
	result := e.reconcile(found)
	switch result.state {
	case "":
		return otherwise(), nil
	case privatereply.Sent:
		r.send.Outcome, r.send.MessageID = privatereply.OutcomeSent, found.MessageID
		r.send.SentAt = later(e.doubtSince, found.SentAt)
	case privatereply.DeliveryUnknown:
		r.send.Outcome, r.send.SentAt = privatereply.OutcomeUnknown, e.doubtSince
	default:
		r.send.SentAt = e.doubtSince
	}
	return end{result.state, r.orTooLate(result.reason)}, nil
}

// readAfter is how long after the last attempt in doubt the conversation is read. Of two
// replies with one text the one that Meta says is used reads first: the message is its own.
func (e evidence) readAfter() time.Duration {
	if e.used() {
		return attemptTimeout
	}
	return attemptTimeout + claimHeadStart
}

// lags reports whether the conversation is likely to lack what it will have: Meta says that
// the one reply is used, and nobody's message is there.
func (e evidence) lags(found FindMessageResult) bool {
	return e.used() && found.Readable && found.MessageID == "" && !found.Others
}

// reconcile says how a send in doubt ends after the conversation was read. The zero end
// means that nothing arrived: what stopped the send then says how it ends.
//
// Absence from the conversation is no proof while an attempt has no answer at all: Meta
// may have taken it and be slow. With Meta's own word that the one reply is used it is.
func (e evidence) reconcile(found FindMessageResult) end {
	used := e.used()
	// Whoever used the one reply wrote to the person: a conversation that Meta does not show
	// then is one that cannot be read.
	readable := found.Readable && !(used && found.Empty)
	switch {
	case found.MessageID != "":
		return end{privatereply.Sent, privatereply.FoundInConversation}
	case readable && used && (found.Others || e.last.Reason == privatereply.AlreadyReplied):
		return end{privatereply.Undeliverable, privatereply.AlreadyReplied}
	case readable && used: // Instagram's code also means that the comment is gone
		return end{privatereply.Undeliverable, privatereply.NotRepliableOrAlreadyReplied}
	case used && e.last.Reason == privatereply.AlreadyReplied && e.strong:
		return end{privatereply.Sent, privatereply.ConfirmedByRefusal}
	case !readable, e.unanswered > 0:
		return end{privatereply.DeliveryUnknown, e.doubt}
	}
	return end{}
}

// findMessage looks in the person's conversation for the reply, sent at since or later.
func (r *reply) findMessage(since time.Time) (FindMessageResult, error) {
	c := r.in.Comment
	if c.PersonID == "" {
		return FindMessageResult{}, nil
	}
	found := findMessage(r.ctx, findMessageTimeout, FindMessageInput{
		Platform:  c.Platform,
		Account:   c.Account,
		Person:    c.PersonID,
		Text:      r.message.Text,
		Template:  len(r.message.Buttons) > 0,
		Taps:      r.tappable(),
		Since:     since.Add(-privatereply.ClockSkew),
		CommentAt: c.ReceivedAt,
		Reply:     workflow.GetInfo(r.ctx).WorkflowExecution.ID,
	})
	if err := r.await(found.IsReady); err != nil {
		return FindMessageResult{}, err
	}
	return foundMessage(r.ctx, found), nil
}

// findMessage has the conversation of a person read for a message, until patience ends.
func findMessage(ctx workflow.Context, patience time.Duration, in FindMessageInput) future[FindMessageResult] {
	return execute(ctx, workflow.ActivityOptions{
		ScheduleToCloseTimeout: patience,
		StartToCloseTimeout:    ReadTimeout,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: 5 * time.Second, MaximumInterval: 5 * time.Minute},
		Summary:                "Look for the message in the conversation",
	}, Activities.FindMessage, in)
}

// foundMessage is the result of findMessage. A conversation that cannot be read is not
// Readable.
func foundMessage(ctx workflow.Context, find future[FindMessageResult]) FindMessageResult {
	found, err := find.result(ctx)
	if err != nil {
		workflow.GetLogger(ctx).Warn("cannot read the conversation", "error", err)
		return FindMessageResult{}
	}
	return found
}

// waitForRetry sleeps until a send that was not made may be tried. A slot after the
// deadline is asked for again halfway to the deadline, and halfway again: the reply
// will not make it, unless somebody stops others that are before it.
func (r *reply) waitForRetry(result privatereply.SendResult) error {
	wake := result.RetryAt
	left := r.deadline.At.Sub(r.now())
	// The time is by the worker's clock, which may be off. Without a pause that grows the
	// reply would ask again at once until its history is full.
	if least := r.now().Add(r.minRetryPause(result)); wake.Before(least) {
		wake, result.RetryAt = least, least
	}
	if heldBack(result) && r.deadline.Passed(wake) && left > noRescheduleWithin {
		wake = r.now().Add(left / 2)
	}
	if result.Reason == privatereply.Paced {
		r.reason = privatereply.Paced
	}
	err := r.sleepUntil(wake, result.RetryAt)
	r.reason = ""
	return err
}

// minRetryPause is the least time until the next try: nothing at first, then from a second on
// twice as long for each try in a row that had no time to wait.
func (r *reply) minRetryPause(result privatereply.SendResult) time.Duration {
	if result.RetryAt.After(r.now()) {
		r.immediateRetries = 0
		return 0
	}
	r.immediateRetries++
	return min(time.Second<<min(r.immediateRetries-1, 8), maxRetryPause)
}

// sleep waits for d before a try.
func (r *reply) sleep(d time.Duration) error {
	at := r.now().Add(d)
	return r.sleepUntil(at, at)
}

// sleepUntil waits until wake, the deadline or a request to stop. Status and lists show
// the next try, which is later than wake for a reply that will ask for an earlier
// slot.
func (r *reply) sleepUntil(wake, nextTry time.Time) error {
	wait := wake.Sub(r.now())
	if wait > broadcastEndDelay {
		r.joinBroadcast()
	}
	again := r.hasSlept
	r.hasSlept = true
	r.send.RetryAt = nextTry
	if again || wait > shortestShownWait {
		r.showSending()
	}
	r.publishNextTry(wait)
	until := func() time.Time { return earlier(wake, r.deadline.At) }
	return r.awaitUntil("Next try", until, func() bool {
		return r.stopRequested() || r.editDecision != nil || r.provenByTap()
	})
}

// publishNextTry brings the memo up to date, which lists are made of. It is left as it is when
// the wait is over: a time that has passed, or a state that is not sending, says enough.
func (r *reply) publishNextTry(wait time.Duration) {
	defer r.describe()
	if wait <= shortestShownWait || r.send.RetryAt.Equal(r.published.nextTry) {
		return
	}
	r.published.nextTry = r.send.RetryAt
	if err := workflow.UpsertMemo(r.ctx, map[string]any{MemoNextTry: r.send.RetryAt}); err != nil {
		r.log.Error("cannot set the memo", "error", err)
	}
}

// joinBroadcast signals the broadcast of a live comment, once, that the reply waits.
// It is tried until it works or the reply's own deadline has come.
func (r *reply) joinBroadcast() {
	c := r.in.Comment
	left := r.deadline.At.Sub(r.now())
	if r.broadcastJoined || !c.OnLive() || c.MediaID == "" || left <= 0 {
		return
	}
	r.broadcastJoined = true
	ctx, cancel := workflow.WithCancel(r.ctx)
	r.leaveBroadcast = cancel
	r.track(executeOnly(ctx, workflow.ActivityOptions{
		StartToCloseTimeout:    SendTimeout,
		WaitForCancellation:    true,
		ScheduleToCloseTimeout: left,
		RetryPolicy:            &temporal.RetryPolicy{MaximumInterval: 10 * time.Second},
		Summary:                "Join those who wait for the end of the broadcast",
	}, Activities.JoinBroadcast, JoinBroadcastInput{
		Platform: c.Platform,
		Account:  c.Account,
		Media:    c.MediaID,
		Joined: LiveReplyJoined{
			Reply: workflow.GetInfo(r.ctx).WorkflowExecution.ID,
			At:    c.SeenAt(),
		},
	}))
}
