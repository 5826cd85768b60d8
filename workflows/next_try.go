package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/privatereply/privatereply"
)

const (
	// shortestShownWait is the longest wait whose end lists do not show: the memo that they
	// read costs an upsert, and so short a wait is over before anybody looks.
	shortestShownWait = 10 * time.Second
	// noRescheduleWithin is how near its deadline a reply stops to ask for an earlier slot.
	noRescheduleWithin = time.Minute
	// broadcastEndDelay is how long it takes a Broadcast to notice an end. To join it for a
	// shorter sleep gains nothing: the next try asks Meta itself.
	broadcastEndDelay = 20 * time.Second
	// maxRetryPause is the longest pause between tries that need not wait.
	maxRetryPause = time.Minute
)

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

// sleep sleeps before a try that nobody has to give leave to.
func (r *reply) sleep(d time.Duration) error {
	at := r.now().Add(d)
	return r.sleepUntil(at, at)
}

// sleepUntil sleeps until wake, the deadline or an objection. Status and lists show
// the next try, which is later than wake for a reply that will ask for an earlier
// slot.
func (r *reply) sleepUntil(wake, nextTry time.Time) error {
	wait := wake.Sub(r.now())
	if wait > broadcastEndDelay {
		r.joinBroadcast()
	}
	r.hasSlept = true
	r.send.RetryAt = nextTry
	r.publishNextTry(wait)
	r.describe()
	until := func() time.Time { return earlier(wake, r.deadline.At) }
	return r.awaitUntil("Next try", until, func() bool { return r.stopRequested() || r.editDecision != nil })
}

// publishNextTry brings the memo up to date, which lists are made of. It is left as it
// is when the wait is over: a time that has passed, or a state that is not sending,
// says enough.
func (r *reply) publishNextTry(wait time.Duration) {
	if wait <= shortestShownWait || r.send.RetryAt.Equal(r.published.nextTry) {
		return
	}
	r.published.nextTry = r.send.RetryAt
	if err := workflow.UpsertMemo(r.ctx, map[string]any{MemoNextTry: r.send.RetryAt}); err != nil {
		r.log.Error("cannot set the memo", "error", err)
	}
}

// joinBroadcast tells the broadcast of a live comment that the reply waits, once.
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
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout:    SendTimeout,
		WaitForCancellation:    true,
		ScheduleToCloseTimeout: left,
		RetryPolicy:            &temporal.RetryPolicy{MaximumInterval: 10 * time.Second},
		Summary:                "Join those who wait for the end of the broadcast",
	})
	r.trackActivity(workflow.ExecuteActivity(ctx, JoinBroadcastActivity, JoinBroadcastInput{
		Platform: c.Platform,
		Account:  c.Account,
		Media:    c.MediaID,
		Joined: LiveReplyJoined{
			Reply: workflow.GetInfo(r.ctx).WorkflowExecution.ID,
			At:    c.SeenAt(),
		},
	}))
}
