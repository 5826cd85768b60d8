package faults

import (
	"slices"

	"github.com/privatereply/privatereply/lab/harness/gate"
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

// arriving are the steps of a webhook.
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
