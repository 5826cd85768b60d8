package faults

import (
	"sync"

	enumspb "go.temporal.io/api/enums/v1"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/harness/gate"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/workflows"
)

// notAgain is a comment of a person whom its rule has answered already.
var notAgain = Verdict{State: privatereply.Ignored, Reason: privatereply.IgnoredOnce}

// comments of one person under one post, in a case about a rule that answers once.
const again = 10

// onceOnly lets one person write again and again in one moment.
func onceOnly() Scenario {
	answered := each(delivered, notAgain).and("1 of 10 answered; 1 of 10 answered; 1 of 10 answered")
	return Scenario{Name: "once", About: "one person writes again and again, under a rule that answers once", Cases: []Case{
		{Name: "webhooks", Expect: answered, run: func(t *caseRun) {
			for _, where := range connected {
				comments := t.commentAgain(where, again)
				var all sync.WaitGroup
				for _, c := range comments {
					all.Go(func() { t.deliver(c.id) })
				}
				all.Wait()
				t.observeAnswered(comments)
			}
		}},
		{Name: "batch", Expect: answered, run: func(t *caseRun) {
			for _, where := range connected {
				comments := t.commentAgain(where, again)
				var ids []string
				for _, c := range comments {
					ids = append(ids, c.id)
				}
				t.deliver(ids...)
				t.observeAnswered(comments)
			}
		}},
		{Name: "refused-and-again", Expect: each(delivered, Verdict{State: privatereply.Undeliverable, Reason: privatereply.PersonUnavailable, Calls: 1}), run: func(t *caseRun) {
			comments := t.commentAgain(instagramLogin, 2)
			t.injectFault(comments[0], meta.Fault{Name: "error", Code: 551})
			t.deliver(comments[0].id)
			t.awaitState(comments[0], privatereply.Undeliverable)
			t.awaitFree(comments[0])
			t.deliver(comments[1].id)
		}},
	}}
}

// onceSteps are the steps at which a rule that answers once takes the person for a reply.
func onceSteps() []step {
	held := func(point gate.Point) func(*caseRun) {
		return func(t *caseRun) {
			comments := t.commentAgain(instagram, 2)
			h := t.hold(t.Workers, point, completeWorkflow, comments[0].reply)
			t.awaitReady()
			t.deliver(comments[0].id)
			t.awaitHeld(h)
			t.deliver(comments[1].id)
			t.killAndRestart(h.Held)
			h.Release()
			t.observeAnswered(comments)
		}
	}
	answered := each(delivered, notAgain).and("1 of 2 answered")
	return []step{
		{name: "once-asked", expect: answered, run: held(gate.Before)},
		{name: "once-taken", expect: answered, run: held(gate.After)},
	}
}

// commentAgain has one person comment so many times under one post. No webhook goes out yet.
func (t *caseRun) commentAgain(where, times int) []*comment {
	user := t.newUsername()
	var all []*comment
	for range times {
		all = append(all, t.commentAs(where, meta.NewComment{Username: user, Text: wins}))
	}
	return all
}

// observeAnswered waits until every comment has come to its end or was answered, and says
// how many were answered.
func (t *caseRun) observeAnswered(comments []*comment) {
	n := 0
	for _, c := range comments {
		t.awaitState(c, privatereply.Sent, privatereply.Ignored, privatereply.Undeliverable, privatereply.Expired)
		n += t.Sandbox.RepliesDelivered(c.id)
	}
	t.observe("%d of %d answered", n, len(comments))
}

// awaitFree waits until the rule may answer the person again.
func (t *caseRun) awaitFree(c *comment) {
	status := t.awaitStatus(c, "its end", func(workflows.PrivateReplyStatus) bool { return true })
	id, err := privatereply.OnceID(status.Comment, status.Decision.Rule, status.Decision.Once)
	t.must(err)
	t.await("the end of "+id, func() (bool, error) {
		is, err := t.Client.DescribeWorkflowExecution(t.ctx, id, "")
		return err == nil && is.GetWorkflowExecutionInfo().GetStatus() != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, err
	})
}
