package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/privatereply/privatereply"
)

const (
	// hideWithin is how long hiding a comment is tried, or showing it again.
	hideWithin = 24 * time.Hour
	// maxEffectPause is the longest pause between tries of something beside a reply for which
	// Meta gave no time.
	maxEffectPause = 15 * time.Minute
)

// hiding hides a comment, or shows it again, for a reply or by hand. A repeat changes
// nothing, so it is tried until Meta has done it or refuses.
type hiding struct {
	comment privatereply.Comment
	status  *HideStatus
	// obstacle says why it is not worth a try any more; empty: it is.
	obstacle func() privatereply.Reason
	changed  func() // the status has changed
}

// run ends when the comment is hidden, or shown again, or when that was given up.
func (h hiding) run(ctx workflow.Context) error {
	now := func() time.Time { return workflow.Now(ctx).UTC() }
	until, faults := now().Add(hideWithin), 0
	for pause := time.Second; ; pause = min(2*pause, maxEffectPause) {
		if why := h.obstacle(); why != "" {
			h.end(ctx, gaveUp(h.status.Attempts), why)
			return nil
		}
		result, started, err := h.attempt(ctx, until)
		switch {
		case err != nil:
			return err
		case !started && h.obstacle() != "":
			continue
		case !started:
			result.Reason = privatereply.NoWorker
		case result.Outcome == privatereply.OutcomeSent:
			h.end(ctx, EffectDone, "")
			return nil
		case isFault(result):
			faults++
		}
		next := later(result.RetryAt, now().Add(pause))
		if result.Outcome == privatereply.OutcomeUnknown {
			next = later(next, now().Add(attemptTimeout))
		}
		if result.Outcome == privatereply.OutcomeRefused || faults >= maxFaults || !started || next.After(until) {
			h.end(ctx, EffectRefused, result.Reason)
			return nil
		}
		h.status.Reason, h.status.RetryAt = result.Reason, next
		h.changed()
		if err := pauseUntil(ctx, "Next try to "+h.what(), next, func() bool { return h.obstacle() != "" }); err != nil {
			return err
		}
	}
}

func (h hiding) what() string {
	if h.status.Hidden {
		return "hide the comment"
	}
	return "show the comment again"
}

// attempt makes one try. Started is false when no worker had it.
func (h hiding) attempt(ctx workflow.Context, until time.Time) (privatereply.SendResult, bool, error) {
	s := h.status
	s.Attempts++
	s.RetryAt = time.Time{}
	options := effectOptions(ctx, until, h.comment)
	options.Summary = fmt.Sprintf("%s, attempt %d", capitalised(h.what()), s.Attempts)
	result, started, err := attemptEffect(ctx, func(ctx workflow.Context) future[privatereply.SendResult] {
		return execute(ctx, options, Activities.SetCommentHidden, SetCommentHiddenInput{
			Comment: sendTarget(h.comment), Hidden: s.Hidden, Attempt: s.Attempts,
		})
	}, func() bool { return h.obstacle() != "" })
	if !started || heldBack(result) {
		s.Attempts--
	} else {
		s.Code, s.Subcode, s.TraceID = result.Code, result.Subcode, result.TraceID
	}
	return result, started, err
}

func (h hiding) end(ctx workflow.Context, state EffectState, why privatereply.Reason) {
	s := h.status
	s.State, s.Reason, s.At, s.RetryAt = state, why, workflow.Now(ctx).UTC(), time.Time{}
	hidesMetric.count(ctx, string(state))
	h.changed()
}

// gaveUp is the state of something that was stopped after some attempts.
func gaveUp(attempts int) EffectState {
	if attempts == 0 {
		return EffectSkipped
	}
	return EffectRefused
}

// effectOptions are the options of one try of something beside a reply: those of a send.
func effectOptions(ctx workflow.Context, until time.Time, c privatereply.Comment) workflow.ActivityOptions {
	queue := SendQueue(workflow.GetInfo(ctx).TaskQueueName)
	return sendOptions(queue, max(until.Sub(workflow.Now(ctx)), time.Second), c.Platform, c.Account)
}

// attemptEffect makes one try and waits for its outcome. A stop reaches it only in the
// queue, as it does a send.
func attemptEffect(ctx workflow.Context, start func(workflow.Context) future[privatereply.SendResult], stop func() bool) (privatereply.SendResult, bool, error) {
	scheduledAt := workflow.Now(ctx).UTC()
	trying, cancel := workflow.WithCancel(ctx)
	defer cancel()
	try := start(trying)
	if err := workflow.Await(ctx, func() bool { return try.IsReady() || stop() }); err != nil {
		return privatereply.SendResult{}, false, err
	}
	if !try.IsReady() {
		cancel()
		if err := workflow.Await(ctx, try.IsReady); err != nil {
			return privatereply.SendResult{}, false, err
		}
	}
	result, started := sendResult(ctx, try, scheduledAt)
	return result, started, nil
}

// pauseUntil waits until a time has come, or stop. Unlike the inbox it takes no signals.
func pauseUntil(ctx workflow.Context, what string, at time.Time, stop func() bool) error {
	wait := at.Sub(workflow.Now(ctx))
	if wait <= 0 || stop() {
		return nil
	}
	ctx, cancel := workflow.WithCancel(ctx)
	defer cancel()
	timer := workflow.NewTimerWithOptions(ctx, wait, workflow.TimerOptions{Summary: what})
	return workflow.Await(ctx, func() bool { return timer.IsReady() || stop() })
}

func capitalised(s string) string { return string(s[0]-'a'+'A') + s[1:] }
