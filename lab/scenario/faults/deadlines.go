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
func deadlines() Group {
	return Group{Name: "deadlines", About: "deadlines that pass while Meta is away or people are late", Cases: []Case{
		{Name: "nobody-decides", Expect: each(nobodyDecided), run: func(t *trial) {
			c := t.writeAged(page, asks, 10*time.Second)
			t.deliver(c.id)
		}},
		{Name: "approved-after-it", Expect: each(nobodyDecided).and("refused"), run: func(t *trial) {
			c := t.writeAged(page, asks, 6*time.Second)
			t.deliver(c.id)
			t.until(c.deadline())
			if t.tryApprove(c, ana, "Too late?") != "" {
				t.saw("refused")
			}
		}},
		{Name: "hold-longer-than-that", Expect: each(Verdict{State: privatereply.Expired, Reason: privatereply.HoldPastDeadline}), run: func(t *trial) {
			c := t.writeAged(page, held, 20*time.Second)
			t.deliver(c.id)
		}},
		{Name: "webhook-after-it", Expect: each(pastDeadline), run: func(t *trial) {
			c := t.writeAged(page, price, -2*time.Second)
			t.deliver(c.id)
		}},
		{Name: "meta-down-across-it", Expect: each(whileSending.after(1)), run: sendAcross(12*time.Second, meta.Fault{Name: "transient"}, page)},
		{Name: "throttled-across-it", Expect: each(whileSending.after(1)),
			run: sendAcross(12*time.Second, meta.Fault{Name: "throttle", Minutes: 5}, throttledPage)},
		{Name: "meta-silent-across-it", Expect: each(Verdict{State: privatereply.DeliveryUnknown, Reason: privatereply.NoAnswer, Calls: 1}),
			run: sendAcross(10*time.Second, meta.Fault{Name: "hang"}, page)},
		{Name: "accepted-silent-across-it", Expect: each(found.after(1)), run: sendAcross(10*time.Second, meta.Fault{Name: "accept-then-hang"}, page)},
		{Name: "send-stuck-across-it", Expect: each(whileSending), run: func(t *trial) {
			// A worker has the send already, but is kept from making it until the deadline
			// has passed.
			c := t.writeAged(page, price, 9*time.Second)
			h := t.hold(t.workers, gate.After, pollActivity, c.reply)
			t.deliver(c.id)
			t.caught(h)
			t.until(c.deadline())
			h.Release()
		}},
		{Name: "follow-up-stuck-across-the-window", Expect: Expect{Also: "follow-up refused (outside_window), received 0 times"}, run: func(t *trial) {
			const where, text = instagramLogin, "Still there?"
			closes := time.Now().Add(9 * time.Second)
			p := t.talksTo(where, closes.Add(privatereply.WindowMargin-privatereply.StandardWindow))
			h := t.hold(t.workers, gate.After, pollActivity, t.conversation(p, where))
			outcome := make(chan string, 1)
			t.posts.Go(func() { outcome <- t.followUp(p, where, text) })
			t.caught(h)
			t.until(closes)
			h.Release()
			t.sawFollowUp(p, t.outcome(outcome), text)
		}},
		{Name: "follow-up-after-the-window", Expect: Expect{Also: "follow-up refused (the window is closed), received 0 times"}, run: func(t *trial) {
			const where, text = page, "Still there?"
			closes := time.Now().Add(5 * time.Second)
			p := t.talksTo(where, closes.Add(privatereply.WindowMargin-privatereply.StandardWindow))
			t.until(closes)
			t.sawFollowUp(p, t.followUp(p, where, text), text)
		}},
	}}
}

// sendAcross has the fault strike a send that has only left until its deadline.
func sendAcross(left time.Duration, f meta.Fault, where int) func(*trial) {
	return func(t *trial) {
		c := t.writeAged(where, price, left)
		t.strikes(c, f)
		t.deliver(c.id)
	}
}

// outage is how long a deadline lies ahead that is to pass while the victim is down.
// All cases of a round must be at their steps by then.
const outage = 25 * time.Second

// before says that a comment's deadline has not passed.
func before(c *comment) func() bool {
	return func() bool { return time.Now().Before(c.deadline().Add(-time.Second)) }
}

// passes has the victim die and come back when the deadline of c has passed.
func (t *trial) passes(c *comment) {
	t.dies(before(c))
	t.until(c.deadline().Add(time.Second))
	t.comesBack()
}

// acrossOutages are deadlines that pass while either the workers or the Temporal
// server are down.
func acrossOutages() []Case {
	return []Case{
		{Name: "nobody-decides", Expect: each(nobodyDecided), run: func(t *trial) {
			c := t.writeAged(page, asks, outage)
			t.deliver(c.id)
			t.awaitState(c, privatereply.AwaitingApproval)
			t.passes(c)
		}},
		{Name: "hold", Expect: each(whileHolding), run: func(t *trial) {
			c := t.writeAged(page, price, outage)
			t.startByHand(c, privatereply.Decision{Action: privatereply.ActionAuto, Text: "It is yours.", Hold: privatereply.Duration(outage - 5*time.Second)})
			t.awaitState(c, privatereply.Holding)
			holds := within(outage - 6*time.Second)
			t.dies(holds)
			t.until(c.deadline().Add(time.Second))
			t.comesBack()
		}},
		{Name: "next-try", Expect: each(whileSending.after(1)), run: func(t *trial) {
			c := t.writeAged(page, price, outage)
			t.strikes(c, meta.Fault{Name: "transient"})
			t.deliver(c.id)
			t.awaitStatus(c, "a next try", waitsForNextTry)
			t.passes(c)
		}},
	}
}

// deadlinesWithoutWorker lets deadlines pass while no worker runs.
func deadlinesWithoutWorker() Group {
	return Group{Name: "deadlines-no-worker", About: "deadlines that pass while no worker runs", victim: worker, Cases: append(acrossOutages(),
		Case{Name: "approved-in-time-but-unheard", Expect: each(decidedTooLate), run: func(t *trial) {
			c := t.writeAged(page, asks, outage)
			t.deliver(c.id)
			t.awaitState(c, privatereply.AwaitingApproval)
			t.dies(before(c))
			t.signal(c.reply, workflows.ApproveMessage, workflows.Approve{Approver: ana, Text: "Yes, we do."})
			t.until(c.deadline().Add(time.Second))
			t.comesBack()
		}},
		Case{Name: "webhook-in-time-but-unheard", Expect: each(whileSending), run: func(t *trial) {
			c := t.writeAged(page, price, outage)
			t.dies(before(c))
			t.deliver(c.id)
			t.until(c.deadline().Add(time.Second))
			t.comesBack()
		}},
		Case{Name: "died-with-the-send", Expect: each(Verdict{State: privatereply.DeliveryUnknown, Reason: privatereply.WorkerLost}), run: func(t *trial) {
			c := t.writeAged(page, price, outage)
			h := t.hold(t.workers, gate.After, pollActivity, c.reply)
			t.settled()
			t.deliver(c.id)
			t.caught(h)
			t.dies(before(c), h.Held)
			h.Release()
			t.until(c.deadline().Add(time.Second))
			t.comesBack()
		}},
	)}
}

// deadlinesWithoutTemporal lets deadlines pass while the Temporal server is down.
func deadlinesWithoutTemporal() Group {
	return Group{Name: "deadlines-no-temporal", About: "deadlines that pass while the Temporal server is down", victim: temporal, Cases: append(acrossOutages(),
		Case{Name: "approved-in-vain", Expect: each(nobodyDecided).and("no answer, then refused"), run: func(t *trial) {
			c := t.writeAged(page, asks, outage)
			t.deliver(c.id)
			t.awaitState(c, privatereply.AwaitingApproval)
			t.dies(before(c))
			const text, click = "Yes, we do.", "click-0002"
			if _, err := t.click(c, ana, text, click); err == nil {
				t.saw("an answer without a server")
			}
			t.until(c.deadline().Add(time.Second))
			t.comesBack()
			if a := t.clickUntil(c, ana, text, click); !a.Accepted {
				t.saw("no answer, then refused")
			}
		}},
		Case{Name: "webhook-in-time-but-not-taken", Expect: each(pastDeadline).and("not taken during the outage"), run: func(t *trial) {
			c := t.writeAged(page, price, outage)
			t.dies(before(c))
			d := t.delivering(c.id)
			t.until(c.deadline().Add(time.Second))
			if !d.isTaken() && len(d.answers()) > 0 {
				t.saw("not taken during the outage")
			}
			t.comesBack()
			t.acknowledged(d)
		}},
		Case{Name: "sent-in-time-but-not-recorded", Expect: each(delivered, found.after(1), found), run: func(t *trial) {
			c := t.writeAged(page, price, outage)
			strikes := t.strikes(c, meta.Fault{Name: "slow", DelayMilliseconds: 5000})
			t.settled()
			t.deliver(c.id)
			strikes.struck()
			t.dies(before(c), within(4*time.Second))
			t.until(c.deadline().Add(time.Second))
			t.comesBack()
		}},
	)}
}
