package faults

import (
	"slices"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/harness/gate"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/workflows"
)

// killEffects kill one kind of process at each step of what goes on beside a reply. The
// desk has no part in it.
func killEffects() []Scenario {
	var groups []Scenario
	for _, v := range []victim{worker, temporal, bridge} {
		g := Scenario{Name: "kill-" + string(v) + "-effects", About: "kill -9 of " + v.words() + ", at each step of public replies, hiding, taps and answering once", victim: v}
		for _, s := range slices.Concat(publicReplySteps(), hideSteps(), tapSteps(), onceSteps()) {
			g.Cases = append(g.Cases, Case{Name: s.name, Expect: s.expect, heldInBridge: s.heldInBridge, run: s.run})
		}
		groups = append(groups, g)
	}
	return groups
}

// publicReplySteps are the steps of a public reply.
func publicReplySteps() []step {
	posted := each(delivered).and("public reply done, there 1 time")
	return []step{
		{name: "public-reply-on-its-way", expect: each(delivered).and("public reply unknown, there 0 times"), run: publicReplyHeld(instagram, meta.Fault{Name: "hang"}, 14*time.Second)},
		{name: "public-reply-accepted", expect: posted, run: publicReplyHeld(page, meta.Fault{Name: "accept-then-hang"}, 14*time.Second)},
		{name: "public-reply-accepted-later", expect: posted, run: publicReplyHeld(instagramLogin, meta.Fault{Name: "slow", DelayMilliseconds: 10_000}, 9*time.Second)},
		{name: "public-reply-answered", expect: posted, run: publicReplyAnswered(gate.Before)},
		{name: "public-reply-recorded", expect: posted, run: publicReplyAnswered(gate.After)},
		{name: "public-reply-looked-for", expect: posted, run: func(t *caseRun) {
			c := t.comment(instagramLogin, colours)
			t.injectFault(c, meta.Fault{Name: "accept-then-drop", Calls: string(meta.OpPublicReply)})
			strikes := t.injectFault(c, meta.Fault{Name: "hang", Calls: string(meta.OpCommentReplies)})
			t.deliver(c.id)
			strikes.awaitHit()
			t.killAndRestart()
			strikes.clear()
			t.observeEffect(c)
		}},
	}
}

// publicReplyHeld has a fault hold the public reply at Meta for less than d.
func publicReplyHeld(where int, f meta.Fault, d time.Duration) func(*caseRun) {
	return func(t *caseRun) {
		f := f
		f.Calls = string(meta.OpPublicReply)
		c := t.comment(where, colours)
		strikes := t.injectFault(c, f)
		t.awaitReady()
		t.deliver(c.id)
		strikes.awaitHit()
		t.killAndRestart(within(d))
		strikes.clear()
		t.observeEffect(c)
	}
}

// publicReplyAnswered holds the worker's word to Temporal that the public reply is there.
// The reply has joined its conversation by then, so that it has no other word to say.
func publicReplyAnswered(point gate.Point) func(*caseRun) {
	return func(t *caseRun) {
		const where = page
		c := t.comment(where, colours)
		strikes := t.injectFault(c, meta.Fault{Name: "slow", DelayMilliseconds: 8000, Calls: string(meta.OpPublicReply)})
		t.awaitReady()
		t.deliver(c.id)
		strikes.awaitHit()
		t.awaitJoined(c, where)
		t.sleepUntil(time.Now().Add(2 * time.Second))
		h := t.hold(t.Workers, point, completeActivity, c.reply)
		t.awaitHeld(h)
		t.killAndRestart(h.Held)
		h.Release()
		t.observeEffect(c)
	}
}

// observeEffect says what came of the public reply in the end, without the reason: that
// depends on who died when.
func (t *caseRun) observeEffect(c *comment) {
	s := t.awaitStatus(c, "the end of the public reply", func(s workflows.PrivateReplyStatus) bool {
		return s.PublicReply != nil && s.PublicReply.State != workflows.EffectWaiting
	})
	t.observe("%s", effectWords("public reply", s.PublicReply.State, "", len(t.Sandbox.PublicReplies(c.id))))
}

// awaitJoined waits until a reply has joined its conversation.
func (t *caseRun) awaitJoined(c *comment, where int) {
	t.awaitConversation(t.conversation(c.person(), where), "the reply's join", func(s workflows.ConversationStatus) bool { return len(s.Replies) == 1 })
}

// hideSteps are the steps of hiding a comment, by a rule and by hand.
func hideSteps() []step {
	hidden := "hiding done, there 1 time"
	return []step{
		{name: "hide-on-its-way", expect: each(leftAlone).and(hidden), run: hideHeld(page, meta.Fault{Name: "hang"})},
		{name: "hide-accepted", expect: each(leftAlone).and(hidden), run: hideHeld(instagram, meta.Fault{Name: "accept-then-hang"})},
		{name: "reject-and-hide", expect: each(rejected).and(hidden), run: func(t *caseRun) {
			c := t.awaitingApproval(instagramLogin)
			strikes := t.injectFault(c, meta.Fault{Name: "hang", Calls: string(meta.OpHide)})
			t.awaitReady()
			t.background.Go(func() { t.rejectAndHide(c) }) // its answer may be lost
			strikes.awaitHit()
			t.killAndRestart(within(14 * time.Second))
			strikes.clear()
			t.observeHide(c)
		}},
		{name: "hide-by-hand", expect: each(delivered).and("hiding done by ana, there 1 time"), run: func(t *caseRun) {
			c := t.comment(page, price)
			t.deliver(c.id)
			t.awaitState(c, privatereply.Sent)
			strikes := t.injectFault(c, meta.Fault{Name: "hang", Calls: string(meta.OpHide)})
			t.awaitReady()
			status := t.awaitStatus(c, "its status", func(workflows.PrivateReplyStatus) bool { return true })
			t.background.Go(func() { _, _ = t.Replies.SetHidden(t.ctx, status.Comment, true, ana) }) // its answer may be lost
			strikes.awaitHit()
			t.killAndRestart(within(14 * time.Second))
			strikes.clear()
			var is *workflows.HideStatus
			t.await("the end of the hiding", func() (bool, error) {
				var err error
				is, err = t.Replies.Visibility(t.ctx, status.Comment)
				return err == nil && is != nil && is.State != workflows.EffectWaiting, err
			})
			t.observe("hiding %s by %s, there %s", is.State, is.By, plural(t.hidden(c), "time"))
		}},
	}
}

// hideHeld has a fault hold the call at Meta that hides a comment.
func hideHeld(where int, f meta.Fault) func(*caseRun) {
	return func(t *caseRun) {
		f := f
		f.Calls = string(meta.OpHide)
		c := t.comment(where, advertises)
		strikes := t.injectFault(c, f)
		t.awaitReady()
		t.deliver(c.id)
		strikes.awaitHit()
		t.killAndRestart(within(14 * time.Second))
		strikes.clear()
		t.observeHide(c)
	}
}

// rejectAndHide rejects a reply and hides its comment.
func (t *caseRun) rejectAndHide(c *comment) {
	_, refused := retryUpdate(t, "the answer to reject", func(id string) (workflows.DecisionResult, error) {
		return t.Replies.Reject(t.ctx, c.reply, id, workflows.Reject{Approver: ben, Reason: "spam", Hide: true})
	})
	if refused != "" {
		t.fail("could not reject: %s", refused)
	}
}

// observeHide says what came of the hiding in the end.
func (t *caseRun) observeHide(c *comment) {
	s := t.awaitStatus(c, "the end of the hiding", func(s workflows.PrivateReplyStatus) bool {
		return s.Hide != nil && s.Hide.State != workflows.EffectWaiting
	})
	t.observe("%s", effectWords("hiding", s.Hide.State, "", t.hidden(c)))
}

// tapSteps are the steps of a tap and of the text that it sends.
func tapSteps() []step {
	answered := each(responded).and("tap's text sent, received 1 time")
	return []step{
		{name: "tap-received", expect: answered, heldInBridge: true, run: tapDelivered(gate.Before)},
		{name: "tap-committed", expect: answered, heldInBridge: true, run: tapDelivered(gate.After)},
		{name: "tap-answer-on-its-way", expect: each(responded).and("tap's text unknown, received 0 times"), run: tapAnswerHeld(page, "hang")},
		{name: "tap-answer-accepted", expect: answered, run: tapAnswerHeld(instagram, "accept-then-hang")},
		{name: "tap-answer-answered", expect: answered, run: tapAnswered(gate.Before)},
		{name: "tap-answer-recorded", expect: answered, run: tapAnswered(gate.After)},
	}
}

// tapDelivered holds a tap in the bridge.
func tapDelivered(point gate.Point) func(*caseRun) {
	return func(t *caseRun) {
		c := t.sentList(instagramLogin)
		tap := t.tap(c)
		h := t.hold(t.Bridges, point, signalWithStart, tap)
		t.awaitBlocked()
		d := t.startDelivery(tap)
		t.awaitHeld(h)
		t.killAndRestart(h.Held)
		h.Release()
		t.awaitAccepted(d)
		t.observeTapEnd(c)
	}
}

// tapAnswerHeld has a fault hold the text that a tap sends at Meta.
func tapAnswerHeld(where int, name string) func(*caseRun) {
	return func(t *caseRun) {
		c := t.sentList(where)
		strikes := t.addFault(meta.Fault{Name: name, Calls: string(meta.OpFollowUp), Recipient: t.personID(c.person())})
		t.awaitReady()
		t.deliver(t.tap(c))
		strikes.awaitHit()
		t.killAndRestart(within(14 * time.Second))
		strikes.clear()
		t.observeTapEnd(c)
	}
}

// tapAnswered holds the worker's word to Temporal that Meta took the text.
func tapAnswered(point gate.Point) func(*caseRun) {
	return func(t *caseRun) {
		const where = page
		c := t.sentList(where)
		h := t.hold(t.Workers, point, completeActivity, t.conversation(c.person(), where))
		t.awaitReady()
		t.deliver(t.tap(c))
		t.awaitHeld(h)
		t.killAndRestart(h.Held)
		h.Release()
		t.observeTapEnd(c)
	}
}

// observeTapEnd says what came of the text that a tap sends, without the reason.
func (t *caseRun) observeTapEnd(c *comment) {
	s := t.awaitStatus(c, "the end of the tap's text", func(s workflows.PrivateReplyStatus) bool {
		return len(s.Taps) == 1 && s.Taps[0].State != ""
	})
	t.observe("tap's text %s, received %s", s.Taps[0].State, plural(t.received(c.person(), listText), "time"))
}
