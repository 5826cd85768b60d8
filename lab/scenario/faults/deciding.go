package faults

import (
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/harness/gate"
)

// deciding are the steps until a person, or the end of a hold, has decided.
func deciding() []step {
	return []step{
		{name: "holding", expect: each(delivered), run: func(t *trial) {
			t.settled()
			c := t.write(page, held)
			t.deliver(c.id)
			lasts := within(25 * time.Second)
			t.awaitState(c, privatereply.Holding)
			t.strike(lasts)
		}},
		{name: "awaiting-approval", expect: each(delivered), run: func(t *trial) {
			c := t.asked(instagramLogin)
			t.strike()
			t.approve(c, ana, "Yes, we do.")
		}},
		{name: "approval-clicked", expect: each(delivered), run: clickHeld(gate.Before)},
		{name: "approval-taken", expect: each(delivered), run: clickHeld(gate.After)},
		{name: "removal-received", expect: each(withdrawn), atBridge: true, run: func(t *trial) {
			c := t.asked(page)
			h := t.hold(t.bridges, gate.Before, signalWithStart, c.reply)
			t.lastMoment()
			t.must(t.meta.RemoveComment(c.id)) // the sandbox delivers this webhook, until it is taken
			t.caught(h)
			t.strike(h.Held)
			h.Release()
		}},
	}
}

// asked is a comment that awaits approval.
func (t *trial) asked(where int) *comment {
	c := t.write(where, asks)
	t.deliver(c.id)
	t.awaitState(c, privatereply.AwaitingApproval)
	return c
}

// clickHeld holds an approval in the desk. Who gets no answer clicks again.
func clickHeld(point gate.Point) func(*trial) {
	return func(t *trial) {
		c := t.asked(page)
		const text, click = "Yes, we do.", "click-0001"
		t.settled()
		h := t.hold(t.desks, point, updateWorkflow, c.reply)
		t.posts.Go(func() { _, _ = t.click(c, ana, text, click) }) // its answer may be lost
		t.caught(h)
		t.strike(h.Held)
		h.Release()
		if a := t.clickUntil(c, ana, text, click); !a.Accepted {
			t.fail("the repeated click was refused: %s", a.Words)
		}
	}
}
