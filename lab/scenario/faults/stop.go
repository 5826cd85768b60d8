package faults

import (
	"net/http"
	"time"

	"github.com/privatereply/privatereply/lab/harness"
	"github.com/privatereply/privatereply/lab/harness/gate"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/lab/scenario"
)

// What is under way when a program is stopped with SIGTERM, as by a deploy, comes to
// its end: nothing is left unknown.

func stopWorker() Scenario {
	return Scenario{Name: "stop-worker", About: "SIGTERM to the worker", victim: worker, graceful: true, Cases: []Case{
		{Name: "send-under-way", Expect: each(delivered), run: sendHeld(instagram, meta.Fault{Name: "slow", DelayMilliseconds: 6000}, 5*time.Second)},
		{Name: "answer-under-way", Expect: each(delivered), run: sendHeld(page, meta.Fault{Name: "trickle", DelayMilliseconds: 60}, 4*time.Second)},
		{Name: "follow-up-under-way", Expect: Expect{Observed: "follow-up sent, received 1 time"}, run: func(t *caseRun) {
			const where, text = instagramLogin, "It takes a week."
			p := t.openConversation(where, time.Time{})
			strikes := t.addFault(meta.Fault{Name: "slow", DelayMilliseconds: 6000, Calls: string(meta.OpFollowUp), Recipient: t.personID(p)})
			t.awaitReady()
			outcome := make(chan string, 1)
			t.background.Go(func() { outcome <- t.followUp(p, where, text) })
			strikes.awaitHit()
			t.killAndRestart(within(5 * time.Second))
			t.observeFollowUp(p, t.outcome(outcome), text)
		}},
		{Name: "batch-under-way", Expect: each(delivered), run: func(t *caseRun) {
			var ids []string
			for range 30 {
				ids = append(ids, t.comment(page, price).id)
			}
			t.awaitReady()
			t.deliver(ids...)
			t.killAndRestart()
		}},
	}}
}

func stopBridge() Scenario {
	return Scenario{Name: "stop-bridge", About: "SIGTERM to the bridge", victim: bridge, graceful: true, Cases: []Case{
		{Name: "webhook-under-way", Expect: each(delivered).and("answered [200]"), heldInBridge: true, run: func(t *caseRun) {
			c := t.comment(instagram, price)
			h := t.hold(t.Bridges, gate.Before, startWorkflow, c.id)
			t.awaitBlocked()
			d := t.startDelivery(c.id)
			t.awaitHeld(h)
			t.background.Go(func() { t.whenStopping(t.Bridges, h.Release) })
			t.killAndRestart(h.Held)
			t.awaitAccepted(d)
			t.observe("answered %v", d.answers())
		}},
	}}
}

func stopDesk() Scenario {
	return Scenario{Name: "stop-desk", About: "SIGTERM to the approvals desk", victim: desk, graceful: true, Cases: []Case{
		{Name: "approval-under-way", Expect: each(delivered).and("accepted"), run: func(t *caseRun) {
			c := t.awaitingApproval(instagramLogin)
			t.awaitReady()
			h := t.hold(t.Desks, gate.Before, updateWorkflow, c.reply)
			outcome := make(chan string, 1)
			t.background.Go(func() {
				switch a, err := t.click(c, ana, "Yes, we do.", "click-0004"); {
				case err != nil:
					outcome <- err.Error()
				case a.Accepted:
					outcome <- "accepted"
				default:
					outcome <- a.Words
				}
			})
			t.awaitHeld(h)
			t.background.Go(func() { t.whenStopping(t.Desks, h.Release) })
			t.killAndRestart(h.Held)
			t.observe("%s", t.outcome(outcome))
		}},
	}}
}

// whenStopping does something once the first of the programs takes no more requests.
func (t *caseRun) whenStopping(p *harness.Programs, do func()) {
	for {
		resp, err := http.Get(p.All[0].ReadyzURL)
		if err != nil {
			do()
			return
		}
		_ = resp.Body.Close()
		if !scenario.Sleep(t.ctx, 50*time.Millisecond) {
			return
		}
	}
}
