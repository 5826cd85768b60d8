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
		r.object(privatereply.Withdrawn, privatereply.CommentRemoved, "")
	}
	return nil
}

// broadcastEnded brings the deadline nearer, never further.
func (r *reply) broadcastEnded(raw converter.RawValue) error {
	var m At
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

// personResponded notes an answer. Conversation has compared the times already.
func (r *reply) personResponded(raw converter.RawValue) error {
	var m At
	if err := decode(raw, &m); err != nil {
		return err
	}
	if m.At.IsZero() {
		return errNoTime
	}
	r.answers.add(m.At.UTC())
	return nil
}

// answers are what the person wrote after the reply. They may arrive in any order,
// and before the reply knows that it was delivered.
type answers struct {
	first, newest time.Time
}

func (a *answers) add(at time.Time) {
	if a.first.IsZero() || at.Before(a.first) {
		a.first = at
	}
	if at.After(a.newest) {
		a.newest = at
	}
}

func (a answers) any() bool { return !a.newest.IsZero() }

func (a answers) closesAt() time.Time { return privatereply.WindowCloses(a.newest) }
