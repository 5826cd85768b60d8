package faults

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/sweeps"
	"github.com/privatereply/privatereply/lab/harness/gate"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/workflows"
)

// step is one step of a reply's life, at which any process may die.
type step struct {
	name           string
	expect         Expect
	expectByVictim map[victim]Expect // where it depends on who dies
	heldInBridge   bool
	run            func(t *caseRun)
}

// killScenarios are the steps with each victim.
func killScenarios() []Scenario {
	all := steps()
	var groups []Scenario
	for place, v := range []victim{bridge, worker, desk, temporal} {
		g := Scenario{Name: "kill-" + string(v), About: "kill -9 of " + v.words() + ", at each step of a reply's life", victim: v}
		for _, s := range all {
			c := Case{Name: s.name, Expect: s.expect, heldInBridge: s.heldInBridge, run: s.run}
			if s.name == sweeping { // a sweep finds all comments of its account
				c.run = func(t *caseRun) { sweep(t, sweptPages+place) }
			}
			if e, ok := s.expectByVictim[v]; ok {
				c.Expect = e
			}
			g.Cases = append(g.Cases, c)
		}
		groups = append(groups, g)
	}
	return groups
}

func (v victim) words() string {
	switch v {
	case temporal:
		return "the Temporal server"
	case desk:
		return "the approvals desk"
	}
	return "the " + string(v)
}

// steps are the steps of a reply's life, in their order. Some hold a call to
// Temporal, or the call to Meta, exactly there; the others last by themselves.
func steps() []step {
	return slices.Concat(webhookSteps(), decisionSteps(), sendSteps(), conversationSteps(), batchSteps())
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

// webhookSteps are the steps of a webhook.
func webhookSteps() []step {
	return []step{
		{name: "webhook-received", expect: each(delivered), heldInBridge: true, run: startHeld(gate.Before)},
		{name: "webhook-committed", expect: each(delivered), heldInBridge: true, run: startHeld(gate.After)},
		{name: "webhook-answered", expect: each(delivered), run: func(t *caseRun) {
			c := t.comment(instagramLogin, price)
			h := t.hold(t.Workers, gate.Before, completeWorkflow, c.reply)
			t.awaitReady()
			t.deliver(c.id)
			t.awaitHeld(h)
			t.killAndRestart(h.Held)
			h.Release()
		}},
	}
}

// startHeld holds the start of a reply in the bridge.
func startHeld(point gate.Point) func(*caseRun) {
	return func(t *caseRun) {
		c := t.comment(instagram, price)
		h := t.hold(t.Bridges, point, startWorkflow, c.id)
		t.awaitBlocked()
		d := t.startDelivery(c.id)
		t.awaitHeld(h)
		t.killAndRestart(h.Held)
		h.Release()
		t.awaitAccepted(d)
	}
}

// decisionSteps are the steps until a person, or the end of a hold, has decided.
func decisionSteps() []step {
	return []step{
		{name: "holding", expect: each(delivered), run: func(t *caseRun) {
			t.awaitReady()
			c := t.comment(page, held)
			t.deliver(c.id)
			lasts := within(25 * time.Second)
			t.awaitState(c, privatereply.Holding)
			t.killAndRestart(lasts)
		}},
		{name: "awaiting-approval", expect: each(delivered), run: func(t *caseRun) {
			c := t.awaitingApproval(instagramLogin)
			t.killAndRestart()
			t.approve(c, ana, "Yes, we do.")
		}},
		{name: "approval-clicked", expect: each(delivered), run: clickHeld(gate.Before)},
		{name: "approval-taken", expect: each(delivered), run: clickHeld(gate.After)},
		{name: "removal-received", expect: each(withdrawn), heldInBridge: true, run: func(t *caseRun) {
			c := t.awaitingApproval(page)
			h := t.hold(t.Bridges, gate.Before, signalWithStart, c.reply)
			t.awaitBlocked()
			t.must(t.Sandbox.RemoveComment(c.id)) // the sandbox delivers this webhook, until it is taken
			t.awaitHeld(h)
			t.killAndRestart(h.Held)
			h.Release()
		}},
	}
}

// awaitingApproval is a comment that awaits approval.
func (t *caseRun) awaitingApproval(where int) *comment {
	c := t.comment(where, asks)
	t.deliver(c.id)
	t.awaitState(c, privatereply.AwaitingApproval)
	return c
}

// clickHeld holds an approval in the desk. Who gets no answer clicks again.
func clickHeld(point gate.Point) func(*caseRun) {
	return func(t *caseRun) {
		c := t.awaitingApproval(page)
		const text, click = "Yes, we do.", "click-0001"
		t.awaitReady()
		h := t.hold(t.Desks, point, updateWorkflow, c.reply)
		t.background.Go(func() { _, _ = t.click(c, ana, text, click) }) // its answer may be lost
		t.awaitHeld(h)
		t.killAndRestart(h.Held)
		h.Release()
		if a := t.clickUntil(c, ana, text, click); !a.Accepted {
			t.fail("the repeated click was refused: %s", a.Words)
		}
	}
}

// sendSteps are the steps between the decision and Meta's word.
func sendSteps() []step {
	return []step{
		{name: "send-on-its-way", expect: each(secondTry), run: sendHeld(instagram, meta.Fault{Name: "hang"}, 14*time.Second)},
		{name: "send-accepted", expect: each(found), run: sendHeld(page, meta.Fault{Name: "accept-then-hang"}, 14*time.Second)},
		{name: "send-accepted-later", expect: each(delivered), expectByVictim: map[victim]Expect{worker: each(found), temporal: each(delivered, found)},
			run: sendHeld(instagramLogin, meta.Fault{Name: "slow", DelayMilliseconds: 10_000}, 9*time.Second)},
		{name: "send-answered", expect: each(delivered), expectByVictim: map[victim]Expect{worker: each(found), temporal: each(delivered, found)},
			run: completionHeld(gate.Before)},
		{name: "send-recorded", expect: each(delivered), run: completionHeld(gate.After)},
		{name: "next-try", expect: each(secondTry), run: func(t *caseRun) {
			t.awaitReady()
			c, _ := t.onLive(instagramLogin, price)
			t.injectFault(c, meta.Fault{Name: "transient"})
			t.deliver(c.id)
			lasts := within(9 * time.Second) // a live reply is tried again after 10 seconds at least
			t.awaitStatus(c, "a next try", waitsForNextTry)
			t.killAndRestart(lasts)
		}},
		{name: "delivery-unknown", expect: each(Verdict{State: privatereply.Undeliverable, Reason: privatereply.ResolvedNotDelivered, Calls: 2}),
			run: func(t *caseRun) {
				c := t.comment(instagramLogin, price)
				t.injectFault(c, meta.Fault{Name: "reset", Times: 2})
				t.deliver(c.id)
				t.awaitState(c, privatereply.DeliveryUnknown)
				t.killAndRestart()
				t.resolve(c, false)
			}},
	}
}

// sendHeld has a fault hold the call to Meta for less than d.
func sendHeld(where int, f meta.Fault, d time.Duration) func(*caseRun) {
	return func(t *caseRun) {
		c := t.comment(where, price)
		strikes := t.injectFault(c, f)
		t.awaitReady()
		t.deliver(c.id)
		strikes.awaitHit()
		t.killAndRestart(within(d))
		strikes.clear()
	}
}

// completionHeld holds the worker's word to Temporal that Meta took the message.
func completionHeld(point gate.Point) func(*caseRun) {
	return func(t *caseRun) {
		c := t.comment(page, price)
		h := t.hold(t.Workers, point, completeActivity, c.reply)
		t.awaitReady()
		t.deliver(c.id)
		t.awaitHeld(h)
		t.killAndRestart(h.Held)
		h.Release()
	}
}

// waitsForNextTry reports whether a send sleeps.
func waitsForNextTry(s workflows.PrivateReplyStatus) bool {
	return s.State == privatereply.Sending && s.Send != nil && !s.Send.RetryAt.IsZero()
}

// conversationSteps are the steps after the delivery.
func conversationSteps() []step {
	const once = "follow-up sent, received 1 time"
	return []step{
		// The send joins before it reports, so a worker that is killed has told nobody.
		{name: "joining", expect: each(responded, respondedFound), run: func(t *caseRun) {
			c := t.comment(instagram, price)
			h := t.hold(t.Workers, gate.Before, signalWithStart, c.reply)
			t.awaitReady()
			t.deliver(c.id)
			t.awaitHeld(h)
			t.killAndRestart(h.Held)
			h.Release()
			t.deliverMessage(c.person(), "Thank you!")
		}},
		{name: "joining-beside-its-text", expect: each(delivered, secondTry, found).and("2 calls for the second"), run: func(t *caseRun) {
			// The person's second comment gets the same text. Its send is lost while nobody
			// knows yet whose the message of the first one is.
			first, second := t.commentTwice(page, price)
			h := t.hold(t.Workers, gate.Before, signalWithStart, first.reply)
			lost := t.injectFault(second, meta.Fault{Name: "hang"})
			t.awaitReady()
			t.deliver(first.id)
			t.awaitHeld(h)
			t.deliver(second.id)
			lost.awaitHit()
			t.killAndRestart(h.Held)
			lost.clear()
			t.awaitStatus(second, "an unknown send", func(s workflows.PrivateReplyStatus) bool {
				return s.Send != nil && s.Send.Outcome == privatereply.OutcomeUnknown
			})
			h.Release()
			t.awaitState(first, privatereply.Sent)
			t.awaitState(second, privatereply.Sent)
			t.observe("%d calls for the second", t.Sandbox.ReplyAttempts(second.id))
		}},
		{name: "sent", expect: each(responded), run: func(t *caseRun) {
			c := t.sentReply(page)
			t.killAndRestart()
			t.deliverMessage(c.person(), "Thank you!")
		}},
		{name: "answer-received", expect: each(responded).and("1 message seen"), heldInBridge: true, run: answerHeld(gate.Before)},
		{name: "answer-committed", expect: each(responded).and("1 message seen"), heldInBridge: true, run: answerHeld(gate.After)},
		{name: "window-open", expect: each(responded).and(once), run: func(t *caseRun) {
			c := t.sentReply(instagram)
			t.deliverMessage(c.person(), "Thank you!")
			t.awaitState(c, privatereply.Responded)
			t.killAndRestart()
			t.observeFollowUp(c.person(), t.followUp(c.person(), instagram, "Anything else?"), "Anything else?")
		}},
		{name: "follow-up-on-its-way", expect: Expect{Observed: "follow-up unknown (no_answer), received 0 times"},
			expectByVictim: map[victim]Expect{worker: {Observed: "follow-up unknown (worker_lost), received 0 times"}},
			run:            followUpHeld("hang")},
		{name: "follow-up-accepted", expect: Expect{Observed: "follow-up sent (found_in_conversation), received 1 time"}, run: followUpHeld("accept-then-hang")},
	}
}

// sentReply is a comment whose author received the reply and has not written yet.
func (t *caseRun) sentReply(where int) *comment {
	c := t.comment(where, price)
	t.deliver(c.id)
	t.awaitState(c, privatereply.Sent)
	t.awaitJoined(c, where)
	return c
}

// answerHeld holds the person's answer in the bridge.
func answerHeld(point gate.Point) func(*caseRun) {
	return func(t *caseRun) {
		const where = instagramLogin
		c := t.sentReply(where)
		m := t.message(c.person(), "Thank you!", time.Time{})
		h := t.hold(t.Bridges, point, signalWithStart, m)
		t.awaitBlocked()
		d := t.startDelivery(m)
		t.awaitHeld(h)
		t.killAndRestart(h.Held)
		h.Release()
		t.awaitAccepted(d)
		seen := 0
		t.awaitConversation(t.conversation(c.person(), where), "the answer in the conversation", func(s workflows.ConversationStatus) bool {
			seen = s.MessagesSeen
			return seen > 0
		})
		t.observe("%s seen", plural(seen, "message"))
	}
}

// followUpHeld has a fault hold a follow-up at Meta.
func followUpHeld(name string) func(*caseRun) {
	return func(t *caseRun) {
		const where, text = page, "It takes a week."
		p := t.openConversation(where, time.Time{})
		strikes := t.addFault(meta.Fault{Name: name, Calls: string(meta.OpFollowUp), Recipient: t.personID(p)})
		t.awaitReady()
		outcome := make(chan string, 1)
		t.background.Go(func() { outcome <- t.followUp(p, where, text) })
		strikes.awaitHit()
		t.killAndRestart(within(14 * time.Second))
		strikes.clear()
		t.observeFollowUp(p, t.outcome(outcome), text)
	}
}

// outcome waits for the end of what goes on beside the case.
func (t *caseRun) outcome(of <-chan string) string {
	select {
	case o := <-of:
		return o
	case <-t.ctx.Done():
		t.fail("it did not end")
		return ""
	}
}

// observeFollowUp says how a follow-up ended, and how often the person received it.
func (t *caseRun) observeFollowUp(p meta.Person, outcome, text string) {
	t.mu.Lock()
	t.messaged = append(t.messaged, p)
	t.mu.Unlock()
	t.observe("follow-up %s, received %s", outcome, plural(t.received(p, text), "time"))
}

const sweeping = "sweeping"

// batchSteps are the steps at which many replies are concerned at once.
func batchSteps() []step {
	return []step{
		{name: sweeping, expect: each(delivered)},
		{name: "batch-dispatching", expect: each(delivered), run: func(t *caseRun) {
			var ids []string
			for range 12 {
				ids = append(ids, t.comment(page, price).id)
			}
			h := t.hold(t.Workers, gate.Before, startWorkflow, ids[5])
			t.awaitReady()
			t.deliver(ids...)
			t.awaitHeld(h)
			t.killAndRestart(h.Held)
			h.Release()
		}},
		{name: "live-watched", expect: each(liveOver), run: func(t *caseRun) {
			c, media := t.onLive(instagram, asks)
			t.deliver(c.id)
			t.awaitBroadcast(instagram, media)
			t.killAndRestart()
			t.must(t.Sandbox.EndLive(media))
		}},
		{name: "live-ends", expect: each(liveOver), run: func(t *caseRun) {
			c, media := t.onLive(instagram, asks)
			t.deliver(c.id)
			watch := t.awaitBroadcast(instagram, media)
			h := t.hold(t.Workers, gate.Before, signalWorkflow, c.reply)
			t.awaitReady()
			t.must(t.Sandbox.EndLive(media))
			t.signal(watch, workflows.BroadcastEndedSignal, workflows.EventTime{At: time.Now().UTC()})
			t.awaitHeld(h)
			t.killAndRestart(h.Held)
			h.Release()
		}},
	}
}

// sweep has a sweep find three comments that no webhook told of, and holds it at
// the second one.
func sweep(t *caseRun, where int) {
	comments := []*comment{t.comment(where, asks), t.comment(where, asks), t.comment(where, asks)}
	h := t.hold(t.Workers, gate.Before, startWorkflow, comments[1].id)
	t.awaitReady()
	t.triggerSweep(where)
	t.awaitHeld(h)
	t.killAndRestart(h.Held)
	h.Release()
	for _, c := range comments {
		t.awaitState(c, privatereply.AwaitingApproval)
		t.approve(c, ana, "Yes, we do.")
	}
}

// triggerSweep starts a pass over an account, and does not wait for its end.
func (t *caseRun) triggerSweep(where int) {
	id, err := privatereply.SweepID(t.accounts[where].platform, t.accounts[where].id)
	t.must(err)
	// The worker makes the Schedule when it starts; a pass of a try before this one may still run.
	t.await("the Schedule of the sweeps, and no pass", func() (bool, error) {
		is, err := t.Client.ScheduleClient().GetHandle(t.ctx, id).Describe(t.ctx)
		return err == nil && len(is.Info.RunningWorkflows) == 0, err
	})
	_, err = sweeps.Trigger(t.ctx, t.Client, id, func(sweeps.Pass) error { return errors.New("another pass runs") })
	t.must(err)
}

// onLive has somebody comment on a broadcast that has just begun. Nothing goes out yet.
func (t *caseRun) onLive(where int, text string) (c *comment, media string) {
	media, err := t.Sandbox.StartLive(t.accounts[where].id)
	t.must(err)
	return t.commentAs(where, meta.NewComment{Text: text, PostID: media}), media
}

// awaitBroadcast waits until a reply has joined the broadcast, and gives its workflow.
func (t *caseRun) awaitBroadcast(where int, media string) string {
	id, err := privatereply.BroadcastID(t.accounts[where].platform, t.accounts[where].id, media)
	t.must(err)
	t.await("the broadcast", func() (bool, error) {
		value, err := t.Client.QueryWorkflow(t.ctx, id, "", workflows.StatusQuery)
		if err != nil {
			return false, fmt.Errorf("ask %s: %w", id, err)
		}
		var status workflows.BroadcastStatus
		err = value.Get(&status)
		return err == nil && status.Joined == 1, err
	})
	return id
}
