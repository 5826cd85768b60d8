package faults

import (
	"errors"
	"fmt"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/graph/sandbox"
	"github.com/privatereply/privatereply/internal/faults/gate"
	"github.com/privatereply/privatereply/internal/sweeps"
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
		strikes := t.addFault(sandbox.Fault{Name: name, Calls: string(sandbox.OpFollowUp), Recipient: t.personID(p)})
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
func (t *trial) sawFollowUp(p sandbox.Person, outcome, text string) {
	t.mu.Lock()
	t.written = append(t.written, p)
	t.mu.Unlock()
	t.saw("follow-up %s, received %s", outcome, plural(t.received(p, text), "time"))
}

const sweeping = "sweeping"

// gathering are the steps at which many replies are concerned at once.
func gathering() []step {
	return []step{
		{name: sweeping, expect: each(delivered)},
		{name: "batch-dispatching", expect: each(delivered), run: func(t *trial) {
			var ids []string
			for range 12 {
				ids = append(ids, t.write(page, price).id)
			}
			h := t.hold(t.workers, gate.Before, startWorkflow, ids[5])
			t.settled()
			t.deliver(ids...)
			t.caught(h)
			t.strike(h.Held)
			h.Release()
		}},
		{name: "live-watched", expect: each(liveOver), run: func(t *trial) {
			c, media := t.onLive(instagram, asks)
			t.deliver(c.id)
			t.awaitBroadcast(instagram, media)
			t.strike()
			t.must(t.meta.EndLive(media))
		}},
		{name: "live-ends", expect: each(liveOver), run: func(t *trial) {
			c, media := t.onLive(instagram, asks)
			t.deliver(c.id)
			watch := t.awaitBroadcast(instagram, media)
			h := t.hold(t.workers, gate.Before, signalWorkflow, c.reply)
			t.settled()
			t.must(t.meta.EndLive(media))
			t.signal(watch, workflows.BroadcastEndedSignal, workflows.At{At: time.Now().UTC()})
			t.caught(h)
			t.strike(h.Held)
			h.Release()
		}},
	}
}

// sweep has a sweep find three comments that no webhook told of, and holds it at
// the second one.
func sweep(t *trial, where int) {
	comments := []*comment{t.write(where, asks), t.write(where, asks), t.write(where, asks)}
	h := t.hold(t.workers, gate.Before, startWorkflow, comments[1].id)
	t.settled()
	t.triggerSweep(where)
	t.caught(h)
	t.strike(h.Held)
	h.Release()
	for _, c := range comments {
		t.awaitState(c, privatereply.AwaitingApproval)
		t.approve(c, ana, "Yes, we do.")
	}
}

// triggerSweep starts a pass over an account, and does not wait for its end.
func (t *trial) triggerSweep(where int) {
	id, err := privatereply.SweepID(t.accounts[where].platform, t.accounts[where].id)
	t.must(err)
	t.await("the Schedule of the sweeps", func() (bool, error) { // the worker makes it when it starts
		_, err := t.client.ScheduleClient().GetHandle(t.ctx, id).Describe(t.ctx)
		return err == nil, err
	})
	_, err = sweeps.Trigger(t.ctx, t.client, id, func(sweeps.Pass) error { return errors.New("another pass runs") })
	t.must(err)
}

// onLive has somebody comment on a broadcast that has just begun. Nothing goes out yet.
func (t *trial) onLive(where int, text string) (c *comment, media string) {
	media, err := t.meta.StartLive(t.accounts[where].id)
	t.must(err)
	return t.writeAs(where, sandbox.NewComment{Text: text, PostID: media}), media
}

// awaitBroadcast waits until a reply has joined the broadcast, and gives its workflow.
func (t *trial) awaitBroadcast(where int, media string) string {
	id, err := privatereply.BroadcastID(t.accounts[where].platform, t.accounts[where].id, media)
	t.must(err)
	t.await("the broadcast", func() (bool, error) {
		value, err := t.client.QueryWorkflow(t.ctx, id, "", workflows.StatusQuery)
		if err != nil {
			return false, fmt.Errorf("ask %s: %w", id, err)
		}
		var status workflows.BroadcastStatus
		err = value.Get(&status)
		return err == nil && status.Joined == 1, err
	})
	return id
}

// waitsForNextTry reports whether a send sleeps.
func waitsForNextTry(s workflows.Status) bool {
	return s.State == privatereply.Sending && s.Send != nil && !s.Send.RetryAt.IsZero()
}
