package workflows

import (
	"errors"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/privatereply/privatereply"
)

// newInitialState works out how the reply of in begins at now.
func newInitialState(in PrivateReplyInput, now time.Time) *InitialState {
	c, d := in.Comment, in.Decision
	if c.ReceivedAt.IsZero() {
		c.ReceivedAt = now
	}
	deadline := privatereply.DeadlineOf(c)
	b := &InitialState{Deadline: deadline.At, DeadlineFrom: deadline.From, Limits: privatereply.LimitsOf(c.Platform)}
	switch {
	case d.Reason == privatereply.DecidedByRemoval:
		b.State, b.Reason = privatereply.Withdrawn, privatereply.CommentRemoved
	case d.Action != privatereply.ActionIgnore && deadline.Passed(now):
		b.State, b.Reason = privatereply.Expired, privatereply.PastDeadline
	default:
		b.apply(d, now)
	}
	return b
}

// apply puts d into effect at now.
func (b *InitialState) apply(d privatereply.Decision, now time.Time) {
	b.State, b.Reason, b.HoldUntil = privatereply.Sending, "", time.Time{}
	switch {
	case d.Action == privatereply.ActionIgnore:
		b.State, b.Reason = privatereply.Ignored, privatereply.IgnoredByRule
		if d.Rule == "" {
			b.Reason = privatereply.IgnoredByDefault
		}
	case d.Action == privatereply.ActionAsk:
		b.State = privatereply.AwaitingApproval
	case d.Hold > 0:
		b.State, b.HoldUntil = privatereply.Holding, now.Add(time.Duration(d.Hold)).UTC()
		if !b.HoldUntil.Before(b.Deadline) {
			b.State, b.Reason = privatereply.Expired, privatereply.HoldPastDeadline
		}
	}
}

// initialStateOf is the Begin that in carries. A start by hand may lack it, or its limits; then
// it is worked out once and stands in the history, with what makes in unusable.
func initialStateOf(ctx workflow.Context, in PrivateReplyInput) (InitialState, error) {
	if in.InitialState != nil && in.InitialState.Limits != (privatereply.Limits{}) {
		return *in.InitialState, nil
	}
	var recorded struct {
		Begin   InitialState `json:"begin"`
		Problem string       `json:"problem,omitempty"`
	}
	err := workflow.SideEffect(ctx, func(ctx workflow.Context) any {
		r := recorded
		if err := in.Validate(); err != nil {
			r.Problem = err.Error()
			return r
		}
		r.Begin = *newInitialState(in, workflow.Now(ctx).UTC())
		if limits := r.Begin.Limits; in.InitialState != nil {
			r.Begin = *in.InitialState
			r.Begin.Limits = limits
		}
		return r
	}).Get(&recorded)
	if err == nil && recorded.Problem != "" {
		err = errors.New(recorded.Problem)
	}
	return recorded.Begin, err
}
