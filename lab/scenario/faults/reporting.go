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
func reporting() []Scenario {
	var all []Scenario
	for _, v := range []victim{worker, eventReceiver} {
		reported := each(delivered).and("waiting and sent, in order")
		step := func(name, kind string, point receiver.Point) Case {
			return Case{Name: name, Expect: reported, run: func(t *caseRun) { t.reportHeld(kind, point) }}
		}
		all = append(all, Scenario{
			Name: "kill-" + string(v) + "-reporting", About: "kill -9 of the " + string(v) + ", at each step of an outgoing event", victim: v,
			Cases: []Case{
				step("waiting-requested", eventWaiting, receiver.BeforeTaken),
				step("waiting-taken", eventWaiting, receiver.AfterTaken),
				step("sent-requested", eventSent, receiver.BeforeTaken),
				step("sent-taken", eventSent, receiver.AfterTaken),
			},
		})
	}
	return all
}

// reportHeld has a reply report what happens to it, and holds the request with one event
// until the victim has died. Each event must come at least once, with the same id and
// content, and none before the one before it.
func (t *caseRun) reportHeld(kind string, point receiver.Point) {
	c := t.comment(page, asks)
	h := t.receiver.Hold(c.reply, kind, point)
	t.cleanup(h.Release)
	t.startReporting(c)
	t.awaitState(c, privatereply.AwaitingApproval)
	if kind == eventSent {
		t.approve(c, ana, "Yes, we do.")
	}
	t.must(h.Await(t.ctx))
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
		// What was taken before the victim died comes again.
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
