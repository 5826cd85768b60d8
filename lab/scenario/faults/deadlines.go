package faults

import (
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/harness/gate"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/workflows"
)

// A deadline of the product lies two minutes before Meta's. What is sent in between
// Meta takes, so that nothing but the product keeps it from being delivered late.
// The comments here are nearly seven days old when they arrive; only a Page's
// webhook says so.

// deadlines lets deadlines pass while Meta is down or slow, or nobody decides.
func deadlines() Scenario {
	return Scenario{Name: "deadlines", About: "deadlines that pass while Meta is away or people are late", Cases: []Case{
		{Name: "nobody-decides", Expect: each(nobodyDecided), run: func(t *caseRun) {
			c := t.commentAged(page, asks, 10*time.Second)
			t.deliver(c.id)
		}},
		{Name: "approved-after-it", Expect: each(nobodyDecided).and("refused"), run: func(t *caseRun) {
			c := t.commentAged(page, asks, 6*time.Second)
			t.deliver(c.id)
			t.sleepUntil(c.deadline())
			if t.tryApprove(c, ana, "Too late?") != "" {
				t.observe("refused")
			}
		}},
		{Name: "hold-longer-than-that", Expect: each(Verdict{State: privatereply.Expired, Reason: privatereply.HoldPastDeadline}), run: func(t *caseRun) {
			c := t.commentAged(page, held, 20*time.Second)
			t.deliver(c.id)
		}},
		{Name: "webhook-after-it", Expect: each(pastDeadline), run: func(t *caseRun) {
			c := t.commentAged(page, price, -2*time.Second)
			t.deliver(c.id)
		}},
		{Name: "meta-down-across-it", Expect: each(whileSending.after(1)), run: sendAcross(12*time.Second, meta.Fault{Name: "transient"}, page)},
		{Name: "throttled-across-it", Expect: each(whileSending.after(1)),
			run: sendAcross(12*time.Second, meta.Fault{Name: "throttle", Minutes: 5}, throttledPage)},
		{Name: "meta-silent-across-it", Expect: each(Verdict{State: privatereply.DeliveryUnknown, Reason: privatereply.NoAnswer, Calls: 1}),
			run: sendAcross(10*time.Second, meta.Fault{Name: "hang"}, page)},
		{Name: "accepted-silent-across-it", Expect: each(found.after(1)), run: sendAcross(10*time.Second, meta.Fault{Name: "accept-then-hang"}, page)},
		{Name: "send-stuck-across-it", Expect: each(whileSending), run: func(t *caseRun) {
			// A worker has the send already, but is kept from making it until the deadline
			// has passed.
			c := t.commentAged(page, price, 9*time.Second)
			h := t.hold(t.Workers, gate.After, pollActivity, c.reply)
			t.deliver(c.id)
			t.awaitHeld(h)
			t.sleepUntil(c.deadline())
			h.Release()
		}},
		{Name: "follow-up-stuck-across-the-window", Expect: Expect{Observed: "follow-up refused (outside_window), received 0 times"}, run: func(t *caseRun) {
			const where, text = instagramLogin, "Still there?"
			closes := time.Now().Add(9 * time.Second)
			p := t.openConversation(where, closes.Add(privatereply.WindowMargin-privatereply.StandardWindow))
			h := t.hold(t.Workers, gate.After, pollActivity, t.conversation(p, where))
			outcome := make(chan string, 1)
			t.background.Go(func() { outcome <- t.followUp(p, where, text) })
			t.awaitHeld(h)
			t.sleepUntil(closes)
			h.Release()
			t.observeFollowUp(p, t.outcome(outcome), text)
		}},
		{Name: "follow-up-after-the-window", Expect: Expect{Observed: "follow-up refused (the window is closed), received 0 times"}, run: func(t *caseRun) {
			const where, text = page, "Still there?"
			closes := time.Now().Add(5 * time.Second)
			p := t.openConversation(where, closes.Add(privatereply.WindowMargin-privatereply.StandardWindow))
			t.sleepUntil(closes)
			t.observeFollowUp(p, t.followUp(p, where, text), text)
		}},
	}}
}

// sendAcross has the fault strike a send that has only left until its deadline.
func sendAcross(left time.Duration, f meta.Fault, where int) func(*caseRun) {
	return func(t *caseRun) {
		c := t.commentAged(where, price, left)
		t.injectFault(c, f)
		t.deliver(c.id)
	}
}

// outageIn is how long a deadline lies ahead that is to pass while the victim is down.
// All cases of a round must be at their steps by then.
const outageIn = 25 * time.Second

// before says that a comment's deadline has not passed.
func before(c *comment) func() bool {
	return func() bool { return time.Now().Before(c.deadline().Add(-time.Second)) }
}

// outageAcross has the victim die and come back when the deadline of c has passed.
func (t *caseRun) outageAcross(c *comment) {
	t.awaitKill(before(c))
	t.sleepUntil(c.deadline().Add(time.Second))
	t.awaitRestart()
}

// outageCases are deadlines that pass while either the workers or the Temporal
// server are down.
func outageCases() []Case {
	return []Case{
		{Name: "nobody-decides", Expect: each(nobodyDecided), run: func(t *caseRun) {
			c := t.commentAged(page, asks, outageIn)
			t.deliver(c.id)
			t.awaitState(c, privatereply.AwaitingApproval)
			t.outageAcross(c)
		}},
		{Name: "hold", Expect: each(whileHolding), run: func(t *caseRun) {
			c := t.commentAged(page, price, outageIn)
			t.startByHand(c, privatereply.Decision{Action: privatereply.ActionAuto, Text: "It is yours.", Hold: privatereply.Duration(outageIn - 5*time.Second)})
			t.awaitState(c, privatereply.Holding)
			holds := within(outageIn - 6*time.Second)
			t.awaitKill(holds)
			t.sleepUntil(c.deadline().Add(time.Second))
			t.awaitRestart()
		}},
		{Name: "next-try", Expect: each(whileSending.after(1)), run: func(t *caseRun) {
			c := t.commentAged(page, price, outageIn)
			t.injectFault(c, meta.Fault{Name: "transient"})
			t.deliver(c.id)
			t.awaitStatus(c, "a next try", waitsForNextTry)
			t.outageAcross(c)
		}},
	}
}

// deadlinesWithoutWorker lets deadlines pass while no worker runs.
func deadlinesWithoutWorker() Scenario {
	return Scenario{Name: "deadlines-no-worker", About: "deadlines that pass while no worker runs", victim: worker, Cases: append(outageCases(),
		Case{Name: "approved-in-time-but-unheard", Expect: each(decidedTooLate), run: func(t *caseRun) {
			c := t.commentAged(page, asks, outageIn)
			t.deliver(c.id)
			t.awaitState(c, privatereply.AwaitingApproval)
			t.awaitKill(before(c))
			t.signal(c.reply, workflows.ApproveMessage, workflows.Approve{Approver: ana, Text: "Yes, we do."})
			t.sleepUntil(c.deadline().Add(time.Second))
			t.awaitRestart()
		}},
		Case{Name: "webhook-in-time-but-unheard", Expect: each(whileSending), run: func(t *caseRun) {
			c := t.commentAged(page, price, outageIn)
			t.awaitKill(before(c))
			t.deliver(c.id)
			t.sleepUntil(c.deadline().Add(time.Second))
			t.awaitRestart()
		}},
		Case{Name: "died-with-the-send", Expect: each(Verdict{State: privatereply.DeliveryUnknown, Reason: privatereply.WorkerLost}), run: func(t *caseRun) {
			c := t.commentAged(page, price, outageIn)
			h := t.hold(t.Workers, gate.After, pollActivity, c.reply)
			t.awaitReady()
			t.deliver(c.id)
			t.awaitHeld(h)
			t.awaitKill(before(c), h.Held)
			h.Release()
			t.sleepUntil(c.deadline().Add(time.Second))
			t.awaitRestart()
		}},
	)}
}

// deadlinesWithoutTemporal lets deadlines pass while the Temporal server is down.
func deadlinesWithoutTemporal() Scenario {
	return Scenario{Name: "deadlines-no-temporal", About: "deadlines that pass while the Temporal server is down", victim: temporal, Cases: append(outageCases(),
		Case{Name: "approved-in-vain", Expect: each(nobodyDecided).and("no answer, then refused"), run: func(t *caseRun) {
			c := t.commentAged(page, asks, outageIn)
			t.deliver(c.id)
			t.awaitState(c, privatereply.AwaitingApproval)
			t.awaitKill(before(c))
			const text, click = "Yes, we do.", "click-0002"
			if _, err := t.click(c, ana, text, click); err == nil {
				t.observe("an answer without a server")
			}
			t.sleepUntil(c.deadline().Add(time.Second))
			t.awaitRestart()
			if a := t.clickUntil(c, ana, text, click); !a.Accepted {
				t.observe("no answer, then refused")
			}
		}},
		Case{Name: "webhook-in-time-but-not-taken", Expect: each(pastDeadline).and("not taken during the outage"), run: func(t *caseRun) {
			c := t.commentAged(page, price, outageIn)
			t.awaitKill(before(c))
			d := t.startDelivery(c.id)
			t.sleepUntil(c.deadline().Add(time.Second))
			if !d.isAccepted() && len(d.answers()) > 0 {
				t.observe("not taken during the outage")
			}
			t.awaitRestart()
			t.awaitAccepted(d)
		}},
		Case{Name: "sent-in-time-but-not-recorded", Expect: each(delivered, found.after(1), found), run: func(t *caseRun) {
			c := t.commentAged(page, price, outageIn)
			strikes := t.injectFault(c, meta.Fault{Name: "slow", DelayMilliseconds: 5000})
			t.awaitReady()
			t.deliver(c.id)
			strikes.awaitHit()
			t.awaitKill(before(c), within(4*time.Second))
			t.sleepUntil(c.deadline().Add(time.Second))
			t.awaitRestart()
		}},
	)}
}
