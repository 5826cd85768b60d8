package faults

import (
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/harness/gate"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/workflows"
)

// sending are the steps between the decision and Meta's word.
func sending() []step {
	return []step{
		{name: "send-on-its-way", expect: each(secondTry), run: sendStruck(instagram, meta.Fault{Name: "hang"}, 14*time.Second)},
		{name: "send-accepted", expect: each(found), run: sendStruck(page, meta.Fault{Name: "accept-then-hang"}, 14*time.Second)},
		{name: "send-accepted-later", expect: each(delivered), dying: map[victim]Expect{worker: each(found), temporal: each(delivered, found)},
			run: sendStruck(instagramLogin, meta.Fault{Name: "slow", DelayMilliseconds: 10_000}, 9*time.Second)},
		{name: "send-answered", expect: each(delivered), dying: map[victim]Expect{worker: each(found), temporal: each(delivered, found)},
			run: completionHeld(gate.Before)},
		{name: "send-recorded", expect: each(delivered), run: completionHeld(gate.After)},
		{name: "next-try", expect: each(secondTry), run: func(t *trial) {
			t.settled()
			c, _ := t.onLive(instagramLogin, price)
			t.strikes(c, meta.Fault{Name: "transient"})
			t.deliver(c.id)
			lasts := within(9 * time.Second) // a live reply is tried again after 10 seconds at least
			t.awaitStatus(c, "a next try", waitsForNextTry)
			t.strike(lasts)
		}},
		{name: "delivery-unknown", expect: each(Verdict{State: privatereply.Undeliverable, Reason: privatereply.ResolvedNotDelivered, Calls: 2}),
			run: func(t *trial) {
				c := t.write(instagramLogin, price)
				t.strikes(c, meta.Fault{Name: "reset", Times: 2})
				t.deliver(c.id)
				t.awaitState(c, privatereply.DeliveryUnknown)
				t.strike()
				t.resolve(c, false)
			}},
	}
}

// sendStruck has a fault hold the call to Meta for less than d.
func sendStruck(where int, f meta.Fault, d time.Duration) func(*trial) {
	return func(t *trial) {
		c := t.write(where, price)
		strikes := t.strikes(c, f)
		t.settled()
		t.deliver(c.id)
		strikes.struck()
		t.strike(within(d))
		strikes.clear()
	}
}

// completionHeld holds the worker's word to Temporal that Meta took the message.
func completionHeld(point gate.Point) func(*trial) {
	return func(t *trial) {
		c := t.write(page, price)
		h := t.hold(t.workers, point, completeActivity, c.reply)
		t.settled()
		t.deliver(c.id)
		t.caught(h)
		t.strike(h.Held)
		h.Release()
	}
}

// waitsForNextTry reports whether a send sleeps.
func waitsForNextTry(s workflows.PrivateReplyStatus) bool {
	return s.State == privatereply.Sending && s.Send != nil && !s.Send.RetryAt.IsZero()
}
