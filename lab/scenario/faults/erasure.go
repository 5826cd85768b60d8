package faults

import (
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/converter"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/erasure"
	"github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/lab/harness/gate"
	"github.com/privatereply/privatereply/workflows"
)

// deleteWorkflow is the call with which an erasure deletes a run.
const deleteWorkflow = "DeleteWorkflowExecution"

// erasures are the steps of an erasure at which its worker dies. They are a scenario of
// their own: an erasure reads what every other case has, and takes a minute.
func erasures() Scenario {
	erased := each(withdrawn).and("erased")
	// Few of them at once: the server carries out one deletion after the other.
	return Scenario{
		Name: "kill-worker-erasing", About: "kill -9 of the worker, at each step of an erasure", victim: worker,
		Cases: []Case{
			{Name: "search-recorded", Expect: erased, run: func(t *caseRun) {
				t.eraseHeld(gate.Before, completeActivity, func(_ *comment, erasureID string) string { return erasureID })
			}},
			{Name: "rejection-taken", Expect: erased, run: eraseAt(updateWorkflow)},
			{Name: "place-locked", Expect: erased, run: eraseAt(startWorkflow)},
			{Name: "deletion-taken", Expect: erased, run: eraseAt(deleteWorkflow)},
		},
	}
}

// eraseAt holds the answer to a call about the reply.
func eraseAt(method string) func(*caseRun) {
	return func(t *caseRun) {
		t.eraseHeld(gate.After, method, func(c *comment, _ string) string { return c.reply })
	}
}

// eraseHeld erases somebody whose comment waits for a decision, and holds a call of the
// erasure until its worker has died. Nothing of the person may be left.
func (t *caseRun) eraseHeld(point gate.Point, method string, about func(c *comment, erasureID string) string) {
	c := t.awaitingApproval(page)
	t.await("the list of replies", func() (bool, error) {
		n, err := t.Replies.Count(t.ctx, replies.Filter{IDs: []string{c.reply}})
		return n == 1, err
	})
	person, err := t.Sandbox.PersonID(c.person())
	t.must(err)
	code := erasure.NewCode()
	id, err := privatereply.ErasureID(code)
	t.must(err)
	keys := erasure.NewKeys(nil)
	h := t.hold(t.Workers, point, method, about(c, id))
	t.must(erasure.Request(t.ctx, t.Client, code, "faults-"+runName, workflows.ErasureInput{
		Scope: workflows.ErasePerson, PersonKey: keys.Of(person), RequestedAt: time.Now().UTC(),
	}))
	t.awaitHeld(h)
	t.killAndRestart(h.Held)
	h.Release()
	data := converter.GetDefaultDataConverter()
	t.await("the erasure", func() (bool, error) {
		p, err := erasure.Progress(t.ctx, t.Client, data, code)
		if err == nil {
			err = fmt.Errorf("it is %s, with %d of %d removed", p.State, p.Removed, p.Found)
		}
		return p.State == workflows.ErasureDone, err
	})
	left, err := erasure.New(erasure.Config{Temporal: t.Client, Data: data, Keys: keys}).Find(t.ctx, erasure.Person{ID: person})
	t.must(err)
	if len(left.Runs) > 0 {
		t.must(errors.New("the person is still in " + left.Runs[0].WorkflowID))
	}
	t.observe("erased")
}
