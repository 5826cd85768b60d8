package workflows

import (
	"fmt"
	"slices"

	"go.temporal.io/sdk/converter"

	"github.com/privatereply/privatereply"
)

// personResponded notes an answer. Conversation has compared the times already; a tool
// may have written any.
func (r *reply) personResponded(raw converter.RawValue) error {
	var m PersonResponded
	if err := decode(raw, &m); err != nil {
		return err
	}
	if m.At.IsZero() {
		return errNoTime
	}
	at := earlier(m.At.UTC(), r.now())
	r.responses.add(at)
	if m.Payload == "" {
		return nil
	}
	tap, ok := r.tapOf(m.Payload)
	if !ok {
		return fmt.Errorf("payload: %s is of no button of this reply; that the person answered counts all the same", quote(privatereply.CutText(m.Payload, maxErrorBytes)))
	}
	t := r.tapStatus(tap)
	first := t.Times == 0
	if t.Times++; first || at.Before(t.At) {
		t.At = at
	}
	if tap.Then == "" {
		t.Reason = privatereply.NothingFollows
	}
	if first {
		tapsMetric.count(r.ctx, "tapped")
		r.happens(EffectTapped)
		r.reportTap(*t)
	}
	if r.state == privatereply.DeliveryUnknown && !r.ending {
		// Who taps a button of the message has the message.
		r.send.Outcome = privatereply.OutcomeSent
		r.transition(privatereply.Sent, privatereply.ConfirmedByTap)
		return nil
	}
	if r.state == privatereply.Sending || r.state == privatereply.Sent {
		r.describe() // the next state publishes it, in one upsert
		return nil
	}
	r.publish()
	return nil
}

// tapAnswered notes what came of the text that a tap sends.
func (r *reply) tapAnswered(raw converter.RawValue) error {
	var m TapAnswered
	if err := decode(raw, &m); err != nil {
		return err
	}
	tap, ok := r.tapOf(m.Payload)
	switch {
	case m.At.IsZero():
		return errNoTime
	case !ok:
		return fmt.Errorf("payload: %s is of no button of this reply", quote(privatereply.CutText(m.Payload, maxErrorBytes)))
	case m.State != privatereply.OutcomeSent && m.State != privatereply.OutcomeRefused && m.State != privatereply.OutcomeUnknown:
		return fmt.Errorf("state: %s is not how a text ends; write sent, refused or unknown", quote(string(m.State)))
	}
	t := r.tapStatus(tap)
	if t.State != "" {
		return nil // a repeat
	}
	if t.At.IsZero() {
		t.At = earlier(m.At.UTC(), r.now())
	}
	t.State, t.Reason, t.MessageID, t.EndedAt = m.State, m.Reason, m.MessageID, earlier(m.At.UTC(), r.now())
	tapsMetric.count(r.ctx, string(m.State))
	r.describe()
	return nil
}

// tapOf is the button or quick reply of a payload.
func (r *reply) tapOf(payload string) (privatereply.Tap, bool) {
	all := r.tappable()
	i := slices.IndexFunc(all, func(t privatereply.Tap) bool { return t.Payload == payload })
	if i < 0 {
		return privatereply.Tap{}, false
	}
	return all[i], true
}

// tapStatus is the status of a tap, new if there is none.
func (r *reply) tapStatus(tap privatereply.Tap) *TapStatus {
	all := &r.effects.taps
	i := slices.IndexFunc(*all, func(t TapStatus) bool { return t.Payload == tap.Payload })
	if i < 0 {
		*all = append(*all, TapStatus{Payload: tap.Payload, Title: tap.Title})
		i = len(*all) - 1
	}
	return &(*all)[i]
}

// tapped reports whether the person tapped something in the message, which proves that it
// arrived.
func (r *reply) tapped() bool {
	return slices.ContainsFunc(r.effects.taps, func(t TapStatus) bool { return t.Times > 0 })
}

// provenByTap reports whether a tap has proved that a send arrived whose outcome nobody told.
func (r *reply) provenByTap() bool { return r.evidence.inDoubt() && r.tapped() }

// tapEnd ends a send that a tap has proved.
func (r *reply) tapEnd() end {
	r.send.Outcome = privatereply.OutcomeSent
	r.send.SentAt = r.evidence.doubtSince
	return end{privatereply.Sent, r.orTooLate(privatereply.ConfirmedByTap)}
}
