package workflows

import (
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/privatereply/privatereply"
)

// publicWithin is how long after the private reply the public one beside it is tried.
const publicWithin = 24 * time.Hour

// effects are what goes with a reply and cannot change its own state: the public reply,
// hiding the comment, and taps.
type effects struct {
	publicReply *PublicReplyStatus
	hide        *HideStatus
	taps        []TapStatus
	happened    []string // values of ReplyEffects
	underWay    int      // public reply and hiding: the workflow does not complete before
	commentGone bool     // the person removed the comment
}

// startEffects begins what the state that the reply has come into asks for. Each begins
// once: a reply can come into a state a second time.
func (r *reply) startEffects() {
	switch r.state {
	case privatereply.Sent:
		r.hideByRule()
		r.startPublicReply()
	case privatereply.Undeliverable, privatereply.DeliveryUnknown, privatereply.Ignored:
		r.hideByRule()
	}
}

// inBackground runs an effect beside the life of the reply.
func (r *reply) inBackground(what string, run func(workflow.Context) error) {
	r.effects.underWay++
	workflow.Go(r.ctx, func(ctx workflow.Context) {
		defer func() { r.effects.underWay-- }()
		if err := run(ctx); err != nil {
			r.log.Error("cannot "+what, "error", err)
		}
	})
}

// happens notes an effect for lists, once.
func (r *reply) happens(effect string) {
	if !slices.Contains(r.effects.happened, effect) {
		r.effects.happened = append(r.effects.happened, effect)
	}
}

func (r *reply) hideByRule() {
	if r.in.Decision.Hide {
		r.startHiding("")
	}
}

// startHiding hides the comment, once. By is empty where a rule wants it.
func (r *reply) startHiding(by string) {
	if r.effects.hide != nil {
		return
	}
	s := &HideStatus{State: EffectWaiting, Hidden: true, By: by}
	r.effects.hide = s
	h := hiding{comment: r.in.Comment, status: s, obstacle: r.effectObstacle, changed: func() {
		if s.State == EffectDone {
			r.happens(EffectHidden)
			r.reportEffect(commentHiddenEvent, s.At)
		}
		r.publish()
	}}
	r.inBackground("hide the comment", h.run)
}

// effectObstacle says why nothing can be done under the comment any more.
func (r *reply) effectObstacle() privatereply.Reason {
	switch {
	case r.in.Comment.OnLive():
		return privatereply.NotOnLive
	case r.effects.commentGone:
		return privatereply.CommentRemoved
	case r.cancelled():
		return privatereply.StoppedByOperator
	}
	return ""
}

// publicObstacle says why the public reply is not posted; empty: it is.
func (r *reply) publicObstacle() privatereply.Reason {
	hide := r.effects.hide
	switch why := r.effectObstacle(); {
	case why != "":
		return why
	case hide != nil && (hide.State == EffectWaiting || hide.State == EffectDone):
		return privatereply.CommentHidden
	case !r.now().Before(r.send.SentAt.Add(publicWithin)):
		return privatereply.PublicTooLate
	}
	return ""
}

// startPublicReply answers the comment in public, once.
func (r *reply) startPublicReply() {
	if r.publicText == "" || r.effects.publicReply != nil {
		return
	}
	r.effects.publicReply = &PublicReplyStatus{State: EffectWaiting, Text: r.publicText}
	r.inBackground("post the public reply", r.postPublicReply)
}

// postPublicReply posts it at most once. Nothing at Meta stops a comment from being written
// twice, so that only an attempt that was proven not to have arrived is repeated.
func (r *reply) postPublicReply(ctx workflow.Context) error {
	if r.wasResetHere("public-reply-after-reset") { // it may have been posted before
		return r.findPublicReply(ctx, r.in.Comment.ReceivedAt, privatereply.WorkflowReset)
	}
	return r.tryPublicReply(ctx)
}

// wasReset reports whether an operator reset the workflow.
func (r *reply) wasReset() bool {
	run := workflow.GetInfo(r.ctx)
	return run.OriginalRunID != "" && run.OriginalRunID != run.WorkflowExecution.RunID
}

// wasResetHere reports whether an operator reset the workflow to a moment before change: what
// follows may have happened once already. A version marks that in the history; one that
// has not the mark passed here before the reset.
func (r *reply) wasResetHere(change string) bool {
	return r.wasReset() && workflow.GetVersion(r.ctx, change, workflow.DefaultVersion, 1) != workflow.DefaultVersion
}

func (r *reply) tryPublicReply(ctx workflow.Context) error {
	s, faults := r.effects.publicReply, 0
	until := r.send.SentAt.Add(publicWithin)
	for pause := time.Second; ; pause = min(2*pause, maxEffectPause) {
		if why := r.publicObstacle(); why != "" {
			r.endPublicReply(gaveUp(s.Attempts), why)
			return nil
		}
		result, started, err := r.attemptPublicReply(ctx, until)
		switch {
		case err != nil:
			return err
		case !started && r.publicObstacle() != "":
			continue
		case !started:
			r.endPublicReply(gaveUp(s.Attempts), privatereply.NoWorker)
			return nil
		case result.Outcome == privatereply.OutcomeSent:
			s.CommentID = result.MessageID
			r.endPublicReply(EffectDone, "")
			return nil
		case result.Outcome == privatereply.OutcomeUnknown || result.Doubtful:
			return r.findPublicReply(ctx, result.SentAt, result.Reason)
		case isFault(result):
			faults++
		}
		if result.Outcome == privatereply.OutcomeRefused || faults >= maxFaults {
			r.endPublicReply(EffectRefused, result.Reason)
			return nil
		}
		next := later(result.RetryAt, r.now().Add(pause))
		s.Reason, s.RetryAt = result.Reason, earlier(next, until)
		r.describe()
		if err := pauseUntil(ctx, "Next try to post the public reply", s.RetryAt, func() bool { return r.publicObstacle() != "" }); err != nil {
			return err
		}
	}
}

// attemptPublicReply makes one try. Started is false when no worker had it.
func (r *reply) attemptPublicReply(ctx workflow.Context, until time.Time) (privatereply.SendResult, bool, error) {
	s := r.effects.publicReply
	s.Attempts++
	s.RetryAt = time.Time{}
	r.describe()
	options := effectOptions(ctx, until, r.in.Comment)
	options.Summary = fmt.Sprintf("Post the public reply, attempt %d", s.Attempts)
	result, started, err := attemptEffect(ctx, func(ctx workflow.Context) future[privatereply.SendResult] {
		return execute(ctx, options, Activities.PostPublicReply, PostPublicReplyInput{
			Comment: sendTarget(r.in.Comment), Text: s.Text, Attempt: s.Attempts, NotAfter: until,
		})
	}, func() bool { return r.publicObstacle() != "" })
	if !started || heldBack(result) {
		s.Attempts--
	} else {
		s.Code, s.Subcode, s.TraceID = result.Code, result.Subcode, result.TraceID
	}
	return result, started, err
}

// findPublicReply reads the comment's replies for one that was written at since or later. If
// it is not there, a person must look: it is not posted again.
func (r *reply) findPublicReply(ctx workflow.Context, since time.Time, doubt privatereply.Reason) error {
	s := r.effects.publicReply
	s.Reason = doubt
	r.describe()
	for _, pause := range append([]time.Duration{attemptTimeout}, lagRetries...) {
		// A comment that is gone has taken its replies with it.
		gone := func() bool { return r.effects.commentGone }
		if err := pauseUntil(ctx, "Until the public reply can be seen", r.now().Add(pause), gone); err != nil {
			return err
		}
		if gone() {
			r.endPublicReply(EffectRefused, privatereply.CommentRemoved)
			return nil
		}
		found, err := execute(ctx, workflow.ActivityOptions{
			ScheduleToCloseTimeout: findMessageTimeout,
			StartToCloseTimeout:    ReadTimeout,
			RetryPolicy:            &temporal.RetryPolicy{InitialInterval: 5 * time.Second, MaximumInterval: 5 * time.Minute},
			Summary:                "Look for the public reply under the comment",
		}, Activities.FindPublicReply, FindPublicReplyInput{
			Comment: sendTarget(r.in.Comment), Text: s.Text, Since: since.Add(-privatereply.ClockSkew),
		}).result(ctx)
		switch {
		case err != nil:
			r.log.Warn("cannot read the comment's replies", "error", err)
			r.endPublicReply(EffectUnknown, doubt)
			return nil
		case found.CommentID != "":
			s.CommentID = found.CommentID
			r.endPublicReply(EffectDone, privatereply.FoundUnderComment)
			return nil
		}
	}
	r.endPublicReply(EffectUnknown, doubt)
	return nil
}

func (r *reply) endPublicReply(state EffectState, why privatereply.Reason) {
	s := r.effects.publicReply
	s.State, s.Reason, s.At, s.RetryAt = state, why, r.now(), time.Time{}
	publicRepliesMetric.count(r.ctx, string(state), string(why))
	switch state {
	case EffectDone:
		r.happens(EffectPublicReply)
		r.reportEffect(publicReplyPostedEvent, s.At)
	case EffectUnknown: // so that people find it
		r.happens(EffectPublicUnknown)
	}
	r.publish()
}

// Sentence says in words how it stands with the public reply.
func (s PublicReplyStatus) Sentence() string {
	switch s.State {
	case EffectDone:
		return sentences("The public reply is posted.", s.Reason, time.Time{})
	case EffectWaiting:
		return sentences("The public reply is under way.", s.Reason, s.RetryAt)
	case EffectUnknown:
		return sentences("Nobody knows whether the public reply was posted; look under the comment.", s.Reason, time.Time{})
	}
	return sentences("The public reply was not posted.", s.Reason, time.Time{})
}

// describeEffects shows in the Web UI what goes with the reply.
func (r *reply) describeEffects(line func(format string, args ...any)) {
	if s := r.effects.publicReply; s != nil {
		line("%s", s.Sentence())
	}
	if s := r.effects.hide; s != nil {
		line("%s", quote(s.Sentence()))
	}
	for _, t := range r.effects.taps {
		line("%s", t.describe())
	}
}
