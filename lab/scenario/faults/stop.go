package faults

import (
	"net/http"
	"time"

	"github.com/privatereply/privatereply/lab/harness/gate"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/lab/scenario"
)

// What is under way when a program is stopped with SIGTERM, as by a deploy, comes to
// its end: nothing is left unknown.

func stopWorker() Group {
	return Group{Name: "stop-worker", About: "SIGTERM to the worker", victim: worker, gently: true, Cases: []Case{
		{Name: "send-under-way", Expect: each(delivered), run: sendStruck(instagram, meta.Fault{Name: "slow", DelayMilliseconds: 6000}, 5*time.Second)},
		{Name: "answer-under-way", Expect: each(delivered), run: sendStruck(page, meta.Fault{Name: "trickle", DelayMilliseconds: 60}, 4*time.Second)},
		{Name: "follow-up-under-way", Expect: Expect{Also: "follow-up sent, received 1 time"}, run: func(t *trial) {
			const where, text = instagramLogin, "It takes a week."
			p := t.talksTo(where, time.Time{})
			strikes := t.addFault(meta.Fault{Name: "slow", DelayMilliseconds: 6000, Calls: string(meta.OpFollowUp), Recipient: t.personID(p)})
			t.settled()
			outcome := make(chan string, 1)
			t.posts.Go(func() { outcome <- t.followUp(p, where, text) })
			strikes.struck()
			t.strike(within(5 * time.Second))
			t.sawFollowUp(p, t.outcome(outcome), text)
		}},
		{Name: "batch-under-way", Expect: each(delivered), run: func(t *trial) {
			var ids []string
			for range 30 {
				ids = append(ids, t.write(page, price).id)
			}
			t.settled()
			t.deliver(ids...)
			t.strike()
		}},
	}}
}

func stopBridge() Group {
	return Group{Name: "stop-bridge", About: "SIGTERM to the bridge", victim: bridge, gently: true, Cases: []Case{
		{Name: "webhook-under-way", Expect: each(delivered).and("answered [200]"), atBridge: true, run: func(t *trial) {
			c := t.write(instagram, price)
			h := t.hold(t.bridges, gate.Before, startWorkflow, c.id)
			t.lastMoment()
			d := t.delivering(c.id)
			t.caught(h)
			t.posts.Go(func() { t.whenStopping(t.bridges, h.Release) })
			t.strike(h.Held)
			t.acknowledged(d)
			t.saw("answered %v", d.answers())
		}},
	}}
}

func stopDesk() Group {
	return Group{Name: "stop-desk", About: "SIGTERM to the approvals desk", victim: desk, gently: true, Cases: []Case{
		{Name: "approval-under-way", Expect: each(delivered).and("accepted"), run: func(t *trial) {
			c := t.asked(instagramLogin)
			t.settled()
			h := t.hold(t.desks, gate.Before, updateWorkflow, c.reply)
			outcome := make(chan string, 1)
			t.posts.Go(func() {
				switch a, err := t.click(c, ana, "Yes, we do.", "click-0004"); {
				case err != nil:
					outcome <- err.Error()
				case a.Accepted:
					outcome <- "accepted"
				default:
					outcome <- a.Words
				}
			})
			t.caught(h)
			t.posts.Go(func() { t.whenStopping(t.desks, h.Release) })
			t.strike(h.Held)
			t.saw("%s", t.outcome(outcome))
		}},
	}}
}

// whenStopping does something once the first of the programs takes no more requests.
func (t *trial) whenStopping(p *programs, do func()) {
	for {
		resp, err := http.Get(p.readyz[0])
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
