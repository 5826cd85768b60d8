package faults

import (
	"errors"
	"fmt"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/sweeps"
	"github.com/privatereply/privatereply/lab/harness/gate"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/workflows"
)

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
			t.signal(watch, workflows.BroadcastEndedSignal, workflows.EventTime{At: time.Now().UTC()})
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
	return t.writeAs(where, meta.NewComment{Text: text, PostID: media}), media
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
