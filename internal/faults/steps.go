package faults

import (
	"slices"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/graph/sandbox"
	"github.com/privatereply/privatereply/internal/faults/gate"
)

// steps are the steps of a reply's life, in their order. Some hold a call to
// Temporal, or the call to Meta, exactly there; the others last by themselves.
func steps() []step {
	return slices.Concat(arriving(), deciding(), sending(), conversing(), gathering())
}

// The calls to Temporal that steps hold.
const (
	startWorkflow    = "StartWorkflowExecution"
	signalWithStart  = "SignalWithStartWorkflowExecution"
	signalWorkflow   = "SignalWorkflowExecution"
	updateWorkflow   = "UpdateWorkflowExecution"
	completeWorkflow = "RespondWorkflowTaskCompleted"
	completeActivity = "RespondActivityTaskCompleted"
	pollActivity     = "PollActivityTaskQueue"
)

func arriving() []step {
	return []step{
		{name: "webhook-received", expect: each(delivered), atBridge: true, run: startHeld(gate.Before)},
		{name: "webhook-committed", expect: each(delivered), atBridge: true, run: startHeld(gate.After)},
		{name: "webhook-answered", expect: each(delivered), run: func(t *trial) {
			c := t.write(instagramLogin, price)
			h := t.hold(t.workers, gate.Before, completeWorkflow, c.reply)
			t.settled()
			t.deliver(c.id)
			t.caught(h)
			t.strike(h.Held)
			h.Release()
		}},
	}
}

// startHeld holds the start of a reply in the bridge.
func startHeld(point gate.Point) func(*trial) {
	return func(t *trial) {
		c := t.write(instagram, price)
		h := t.hold(t.bridges, point, startWorkflow, c.id)
		t.lastMoment()
		d := t.delivering(c.id)
		t.caught(h)
		t.strike(h.Held)
		h.Release()
		t.acknowledged(d)
	}
}

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

func sending() []step {
	return []step{
		{name: "send-on-its-way", expect: each(secondTry), run: sendStruck(instagram, sandbox.Fault{Name: "hang"}, 14*time.Second)},
		{name: "send-accepted", expect: each(found), run: sendStruck(page, sandbox.Fault{Name: "accept-then-hang"}, 14*time.Second)},
		{name: "send-accepted-later", expect: each(delivered), dying: map[victim]Expect{worker: each(found), temporal: each(delivered, found)},
			run: sendStruck(instagramLogin, sandbox.Fault{Name: "slow", DelayMS: 10_000}, 9*time.Second)},
		{name: "send-answered", expect: each(delivered), dying: map[victim]Expect{worker: each(found), temporal: each(delivered, found)},
			run: completionHeld(gate.Before)},
		{name: "send-recorded", expect: each(delivered), run: completionHeld(gate.After)},
		{name: "next-try", expect: each(secondTry), run: func(t *trial) {
			t.settled()
			c, _ := t.onLive(instagramLogin, price)
			t.strikes(c, sandbox.Fault{Name: "transient"})
			t.deliver(c.id)
			lasts := within(9 * time.Second) // a live reply is tried again after 10 seconds at least
			t.awaitStatus(c, "a next try", waitsForNextTry)
			t.strike(lasts)
		}},
		{name: "delivery-unknown", expect: each(Verdict{State: privatereply.Undeliverable, Reason: privatereply.ResolvedNotDelivered, Calls: 2}),
			run: func(t *trial) {
				c := t.write(instagramLogin, price)
				t.strikes(c, sandbox.Fault{Name: "reset", Times: 2})
				t.deliver(c.id)
				t.awaitState(c, privatereply.DeliveryUnknown)
				t.strike()
				t.resolve(c, false)
			}},
	}
}

// sendStruck has a fault hold the call to Meta for less than d.
func sendStruck(where int, f sandbox.Fault, d time.Duration) func(*trial) {
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
