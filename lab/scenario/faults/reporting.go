package faults

import (
	"errors"
	"slices"
	"strings"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/receiver"
	"github.com/privatereply/privatereply/workflows"
)

// eventSecret signs the events of the product that the cases run on.
const eventSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// The events of a reply that a person approves.
const (
	eventWaiting = "reply.waiting"
	eventSent    = "reply.sent"
)

// reporting are the steps of an outgoing event at which its worker, or its receiver, dies.
func reporting() Scenario {
	reported := each(delivered).and("waiting and sent, in order")
	step := func(kind string, point receiver.Point) func(*caseRun) {
		return func(t *caseRun) { t.reportHeld(kind, point, 0) }
	}
	return Scenario{
		Name: "kill-worker-reporting", About: "kill -9 of the worker and of the receiver, at each step of an outgoing event", victim: worker,
		Cases: []Case{
			{Name: "waiting-requested", Expect: reported, run: step(eventWaiting, receiver.BeforeTaken)},
			{Name: "waiting-taken", Expect: reported, run: step(eventWaiting, receiver.AfterTaken)},
			{Name: "sent-requested", Expect: reported, run: step(eventSent, receiver.BeforeTaken)},
			{Name: "sent-taken", Expect: reported, run: step(eventSent, receiver.AfterTaken)},
			{Name: "receiver-dies-too", Expect: reported, run: func(t *caseRun) { t.reportHeld(eventWaiting, receiver.BeforeTaken, 3) }},
		},
	}
}

// reportHeld has a reply report what happens to it, and holds the request with one event
// until the worker has died; the receiver dies with the next cuts requests. Each event must
// come at least once, with the same id and content, and none before the one before it.
func (t *caseRun) reportHeld(kind string, point receiver.Point, cuts int) {
	c := t.comment(page, asks)
	h := t.receiver.Hold(c.reply, kind, point)
	t.cleanup(h.Release)
	t.startReporting(c)
	t.awaitState(c, privatereply.AwaitingApproval)
	if kind == eventSent {
		t.approve(c, ana, "Yes, we do.")
	}
	t.must(h.Await(t.ctx))
	t.receiver.Cut(c.reply, cuts)
	t.killAndRestart(h.Held)
	h.Release()
	if kind == eventWaiting {
		t.approve(c, ana, "Yes, we do.")
	}
	t.await("the events", func() (bool, error) {
		all := t.receiver.Of(c.reply)
		count := func(kind string) (n int) {
			for _, e := range all {
				if e.Type == kind {
					n++
				}
			}
			return n
		}
		// What was taken before the worker died comes again.
		again := point == receiver.BeforeTaken || count(kind) > 1
		return again && count(eventSent) > 0, nil
	})
	var kinds []string
	for _, e := range t.receiver.Of(c.reply) {
		if kind := strings.TrimPrefix(e.Type, "reply."); !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	t.must(t.receiver.Check(c.reply))
	if len(kinds) == 0 {
		t.must(errors.New("nothing was reported"))
	}
	t.observe("%s, in order", strings.Join(kinds, " and "))
}

// startReporting starts a reply that reports, as a bridge with the setting does.
func (t *caseRun) startReporting(c *comment) {
	t.start(c, privatereply.Decision{Action: privatereply.ActionAsk}, workflows.EventsOfFacts)
}
