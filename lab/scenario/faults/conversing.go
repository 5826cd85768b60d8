package faults

import (
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/harness/gate"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/workflows"
)

// conversing are the steps after the delivery.
func conversing() []step {
	const once = "follow-up sent, received 1 time"
	return []step{
		{name: "joining", expect: each(responded), run: func(t *trial) {
			c := t.write(instagram, price)
			h := t.hold(t.workers, gate.Before, signalWithStart, c.reply)
			t.settled()
			t.deliver(c.id)
			t.caught(h)
			t.strike(h.Held)
			h.Release()
			t.writes(c.person(), "Thank you!")
		}},
		{name: "joining-beside-its-text", expect: each(delivered, secondTry).and("1 and 2 calls"), run: func(t *trial) {
			// The person's second comment gets the same text. Its send is lost while nobody
			// knows yet whose the message of the first one is.
			first, second := t.writeTwice(page, price)
			h := t.hold(t.workers, gate.Before, signalWithStart, first.reply)
			lost := t.strikes(second, meta.Fault{Name: "hang"})
			t.settled()
			t.deliver(first.id)
			t.caught(h)
			t.deliver(second.id)
			lost.struck()
			t.strike(h.Held)
			lost.clear()
			t.awaitStatus(second, "an unknown send", func(s workflows.PrivateReplyStatus) bool {
				return s.Send != nil && s.Send.Outcome == privatereply.OutcomeUnknown
			})
			h.Release()
			t.sawCalls(first, second)
		}},
		{name: "sent", expect: each(responded), run: func(t *trial) {
			c := t.answered(page)
			t.strike()
			t.writes(c.person(), "Thank you!")
		}},
		{name: "answer-received", expect: each(responded).and("1 message seen"), atBridge: true, run: answerHeld(gate.Before)},
		{name: "answer-committed", expect: each(responded).and("1 message seen"), atBridge: true, run: answerHeld(gate.After)},
		{name: "window-open", expect: each(responded).and(once), run: func(t *trial) {
			c := t.answered(instagram)
			t.writes(c.person(), "Thank you!")
			t.awaitState(c, privatereply.Responded)
			t.strike()
			t.sawFollowUp(c.person(), t.followUp(c.person(), instagram, "Anything else?"), "Anything else?")
		}},
		{name: "follow-up-on-its-way", expect: Expect{Also: "follow-up unknown (no_answer), received 0 times"},
			dying: map[victim]Expect{worker: {Also: "follow-up unknown (worker_lost), received 0 times"}},
			run:   followUpStruck("hang")},
		{name: "follow-up-accepted", expect: Expect{Also: "follow-up sent (found_in_conversation), received 1 time"}, run: followUpStruck("accept-then-hang")},
	}
}

// answered is a comment whose author received the reply and has not written yet.
func (t *trial) answered(where int) *comment {
	c := t.write(where, price)
	t.deliver(c.id)
	t.awaitState(c, privatereply.Sent)
	t.awaitConversation(t.conversation(c.person(), where), "the reply's join", func(s workflows.ConversationStatus) bool { return len(s.Replies) == 1 })
	return c
}

// answerHeld holds the person's answer in the bridge.
func answerHeld(point gate.Point) func(*trial) {
	return func(t *trial) {
		const where = instagramLogin
		c := t.answered(where)
		m := t.message(c.person(), "Thank you!", time.Time{})
		h := t.hold(t.bridges, point, signalWithStart, m)
		t.lastMoment()
		d := t.delivering(m)
		t.caught(h)
		t.strike(h.Held)
		h.Release()
		t.acknowledged(d)
		seen := 0
		t.awaitConversation(t.conversation(c.person(), where), "the answer in the conversation", func(s workflows.ConversationStatus) bool {
			seen = s.MessagesSeen
			return seen > 0
		})
		t.saw("%s seen", plural(seen, "message"))
	}
}

// followUpStruck has a fault hold a follow-up at Meta.
func followUpStruck(name string) func(*trial) {
	return func(t *trial) {
		const where, text = page, "It takes a week."
		p := t.talksTo(where, time.Time{})
		strikes := t.addFault(meta.Fault{Name: name, Calls: string(meta.OpFollowUp), Recipient: t.personID(p)})
		t.settled()
		outcome := make(chan string, 1)
		t.posts.Go(func() { outcome <- t.followUp(p, where, text) })
		strikes.struck()
		t.strike(within(14 * time.Second))
		strikes.clear()
		t.sawFollowUp(p, t.outcome(outcome), text)
	}
}

// outcome waits for the end of what goes on beside the case.
func (t *trial) outcome(of <-chan string) string {
	select {
	case o := <-of:
		return o
	case <-t.ctx.Done():
		t.fail("it did not end")
		return ""
	}
}

// sawFollowUp says how a follow-up ended, and how often the person received it.
func (t *trial) sawFollowUp(p meta.Person, outcome, text string) {
	t.mu.Lock()
	t.written = append(t.written, p)
	t.mu.Unlock()
	t.saw("follow-up %s, received %s", outcome, plural(t.received(p, text), "time"))
}
