package workflows

import (
	"time"

	"go.temporal.io/sdk/converter"

	"github.com/privatereply/privatereply"
)

// commentRemoved withdraws a reply that was not sent yet. Afterwards there is
// nothing to take back.
func (r *reply) commentRemoved(raw converter.RawValue) error {
	if err := decode(raw, &struct{}{}); err != nil {
		return err
	}
	if r.state.Waiting() {
		r.requestStop(privatereply.Withdrawn, privatereply.CommentRemoved, "")
	}
	return nil
}

// broadcastEnded brings the deadline nearer, never further.
func (r *reply) broadcastEnded(raw converter.RawValue) error {
	var m EventTime
	if err := decode(raw, &m); err != nil {
		return err
	}
	if m.At.IsZero() {
		return errNoTime
	}
	if r.state.Waiting() {
		r.deadline = r.deadline.Nearer(privatereply.Deadline{At: m.At, From: privatereply.ClockBroadcast})
		if !r.expired() { // else it ends at once, and publishes both in one upsert
			r.publish()
		}
	}
	return nil
}

// personResponded notes an answer. Conversation has compared the times already; a tool
// may have written any.
func (r *reply) personResponded(raw converter.RawValue) error {
	var m EventTime
	if err := decode(raw, &m); err != nil {
		return err
	}
	if m.At.IsZero() {
		return errNoTime
	}
	r.responses.add(earlier(m.At.UTC(), r.now()))
	return nil
}

// commentEdited takes the new words of the comment. A reply that a rule sends by itself
// is decided anew; a person who decides sees the new words, with what the rules propose
// for them.
func (r *reply) commentEdited(raw converter.RawValue) error {
	var m CommentEdited
	if err := decode(raw, &m); err != nil {
		return err
	}
	if m.At.IsZero() {
		return errNoTime
	}
	decision := privatereply.Decision{Action: privatereply.ActionAsk, Reason: privatereply.EditedUndecided}
	if m.Decision != nil {
		if err := m.Decision.ValidateWithin(r.in.Comment.Platform, r.limits); err != nil {
			return err
		}
		decision = *m.Decision
	}
	at := earlier(m.At.UTC(), r.now())
	if at.Before(later(r.lastEditAt, r.in.Comment.EditedAt)) {
		return nil // an older one
	}
	r.lastEditAt = at
	attachment := r.in.Comment.Attachment
	if m.Attachment != (privatereply.Attachment{}) {
		attachment = m.Attachment
	}
	if m.Text == r.in.Comment.Text && attachment == r.in.Comment.Attachment {
		return nil // it is known
	}
	r.in.Comment.Text, r.in.Comment.EditedAt, r.in.Comment.Attachment = privatereply.CutText(m.Text, maxEditedBytes), at, attachment
	switch {
	case r.stopRequest != nil:
	case r.state == privatereply.Holding:
		r.applyDecision(decision)
	case r.state == privatereply.AwaitingApproval:
		decision.Action, decision.Hold = privatereply.ActionAsk, 0
		r.in.Decision, r.text = decision, decision.Text
		r.publish()
	case r.state == privatereply.Sending && r.approver == "" && !r.attempts.inDoubt():
		r.editDecision = &decision
	default:
		r.describe()
	}
	r.publishEdit()
	return nil
}

// maxEditedBytes is above the longest comment that Meta takes.
const maxEditedBytes = 64 << 10

// apply puts another decision of the rules into effect.
func (r *reply) applyDecision(d privatereply.Decision) {
	r.in.Decision, r.text = d, d.Text
	b := InitialState{Deadline: r.deadline.At}
	b.apply(d, r.now())
	r.holdUntil = b.HoldUntil
	r.end(b.State, b.Reason)
}

// applyEditDecision decides anew about a comment that was edited while its automatic reply was on
// its way, unless an attempt may have arrived. It reports whether nothing is sent now.
func (r *reply) applyEditDecision() bool {
	d := r.editDecision
	r.editDecision = nil
	if d == nil || r.attempts.inDoubt() {
		return false
	}
	r.applyDecision(*d)
	r.publishEdit()
	return r.state != privatereply.Sending
}

// responses are what the person wrote after the reply. They may arrive in any order,
// and before the reply knows that it was delivered.
type responses struct {
	first, newest time.Time
}

func (a *responses) add(at time.Time) {
	if a.first.IsZero() || at.Before(a.first) {
		a.first = at
	}
	if at.After(a.newest) {
		a.newest = at
	}
}

func (a responses) any() bool { return !a.newest.IsZero() }

// windowCloses is when the window closes that the newest answer opened.
func (r *reply) windowCloses() time.Time { return r.limits.WindowCloses(r.responses.newest) }
