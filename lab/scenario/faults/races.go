package faults

import (
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/harness/gate"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/workflows"
)

// races lets people and webhooks collide.
func races() Scenario {
	return Scenario{Name: "races", About: "two approvers, duplicates, sweeps and people at once", Cases: []Case{
		{Name: "two-approve-by-update", Expect: each(delivered).and("1 of 2 taken, whose text arrived"), run: approveAtOnce(2, (*caseRun).tryApproveAs)},
		{Name: "ten-approve-by-update", Expect: each(delivered).and("1 of 10 taken, whose text arrived"), run: approveAtOnce(10, (*caseRun).tryApproveAs)},
		{Name: "two-approve-at-the-desk", Expect: each(delivered).and("1 of 2 taken, whose text arrived"), run: approveAtOnce(2, (*caseRun).clickAs)},
		{Name: "by-update-and-by-signal", Expect: each(delivered).and("the text of who the status names arrived"), run: func(t *caseRun) {
			c := t.awaitingApproval(instagramLogin)
			var both sync.WaitGroup
			both.Go(func() { t.tryApprove(c, ana, "Text of ana") })
			both.Go(func() {
				t.signal(c.reply, workflows.ApproveMessage, workflows.Approve{Approver: ben, Text: "Text of ben"})
			})
			both.Wait()
			t.awaitState(c, privatereply.Sent)
			status, err := t.Replies.Status(t.ctx, c.reply)
			t.must(err)
			if t.textOf(c) == "Text of "+status.Approver {
				t.observe("the text of who the status names arrived")
			}
		}},
		{Name: "one-clicks-ten-times", Expect: each(delivered).and("10 of 10 answered alike"), run: func(t *caseRun) {
			c := t.awaitingApproval(page)
			accepted := t.atOnce(10, func(int) bool { return t.clickUntil(c, ana, "Yes, we do.", "click-0003").Accepted })
			t.observe("%d of 10 answered alike", accepted)
		}},
		{Name: "approve-and-reject", Expect: each(delivered, rejected, Verdict{State: privatereply.Sent, Reason: privatereply.TooLate, Delivered: 1, Calls: 1}).and("who was told that it was taken was right"),
			run: func(t *caseRun) {
				c := t.awaitingApproval(instagram)
				var answer workflows.DecisionResult
				var refused string
				var both sync.WaitGroup
				both.Go(func() { t.tryApprove(c, ana, "Yes, we do.") })
				both.Go(func() { answer, refused = t.reject(c) })
				both.Wait()
				t.awaitState(c, privatereply.Sent, privatereply.Rejected)
				if stopped := refused == "" && answer.Accepted; stopped == (t.Sandbox.RepliesDelivered(c.id) == 0) {
					t.observe("who was told that it was taken was right")
				}
			}},
		{Name: "fifty-duplicates", Expect: each(delivered).and("50 × 200"), run: fiftyDuplicates},
		{Name: "twins-in-one-webhook", Expect: each(delivered), run: func(t *caseRun) {
			c := t.comment(page, price)
			t.deliver(c.id, c.id)
		}},
		{Name: "two-comments-with-one-text", Expect: each(delivered, secondTry).and("1 and 2 calls"), run: func(t *caseRun) {
			first, second := t.commentTwice(page, price)
			t.injectFault(second, meta.Fault{Name: "reset"})
			t.deliver(first.id)
			t.deliver(second.id)
			t.observeCalls(first, second)
		}},
		{Name: "sweep-and-webhook", Expect: each(delivered), run: func(t *caseRun) {
			const where = racedPage
			c := t.comment(where, price)
			h := t.hold(t.Workers, gate.Before, startWorkflow, c.id)
			t.triggerSweep(where)
			t.awaitHeld(h)
			t.deliver(c.id)
			h.Release()
		}},
		{Name: "a-human-was-faster", Expect: each(
			Verdict{State: privatereply.Undeliverable, Reason: privatereply.AlreadyReplied, Delivered: 1, Calls: 1},
			// On Instagram one refusal has many meanings, and is given a second chance.
			Verdict{State: privatereply.Undeliverable, Reason: privatereply.NotRepliableOrAlreadyReplied, Delivered: 1, Calls: 2},
		), run: func(t *caseRun) {
			for _, where := range connected {
				c := t.awaitingApproval(where)
				_, err := t.Sandbox.HumanReply(c.id, "I answer you myself.")
				t.must(err)
				t.approve(c, ana, "Yes, we do.")
			}
		}},
		{Name: "removal-before-its-comment", Expect: each(withdrawn), run: func(t *caseRun) {
			c := t.comment(page, price)
			body, header, err := t.Sandbox.SignedWebhook(c.id)
			t.must(err)
			t.must(t.Sandbox.RemoveComment(c.id))
			t.awaitState(c, privatereply.Withdrawn)
			if status, err := t.post(t.ctx, body, header); err != nil || status != http.StatusOK {
				t.fail("the bridge answered %d, %v", status, err)
			}
		}},
	}}
}

// approver tries to approve as one of several, and reports whether it was taken.
type approver func(t *caseRun, c *comment, number int) bool

func textBy(number int) string { return fmt.Sprintf("This is text %d.", number) }

func (t *caseRun) tryApproveAs(c *comment, number int) bool {
	refused := t.tryApprove(c, fmt.Sprintf("approver %d", number), textBy(number))
	if refused != "" && !strings.HasPrefix(refused, "already decided: approver ") {
		t.observe("refused with the words: %s", refused)
	}
	return refused == ""
}

func (t *caseRun) clickAs(c *comment, number int) bool {
	return t.clickUntil(c, []string{ana, ben}[number], textBy(number), fmt.Sprintf("click-by-%04d", number)).Accepted
}

// approveAtOnce has n people approve one reply with texts of their own.
func approveAtOnce(n int, by approver) func(*caseRun) {
	return func(t *caseRun) {
		c := t.awaitingApproval(instagram)
		taken := make([]bool, n)
		accepted := t.atOnce(n, func(number int) bool { taken[number] = by(t, c, number); return taken[number] })
		t.awaitState(c, privatereply.Sent)
		whose := "nobody's"
		for number, ok := range taken {
			if ok && t.textOf(c) == textBy(number) {
				whose = "whose"
			}
		}
		t.observe("%d of %d taken, %s text arrived", accepted, n, whose)
	}
}

// atOnce does n things at the same time and counts those that came out well.
func (t *caseRun) atOnce(n int, do func(number int) bool) int {
	results := make([]bool, n)
	var all sync.WaitGroup
	for number := range n {
		all.Go(func() { results[number] = do(number) })
	}
	all.Wait()
	count := 0
	for _, ok := range results {
		if ok {
			count++
		}
	}
	return count
}

// textOf is the private reply that the author of a comment received.
func (t *caseRun) textOf(c *comment) string {
	report, _ := t.Sandbox.CommentReport(c.id)
	if len(report.Delivered) != 1 {
		return ""
	}
	return report.Delivered[0].Text
}

func fiftyDuplicates(t *caseRun) {
	c := t.comment(instagramLogin, price)
	body, header, err := t.Sandbox.SignedWebhook(c.id)
	t.must(err)
	answered := t.atOnce(50, func(int) bool {
		status, err := t.post(t.ctx, body, header)
		return err == nil && status == http.StatusOK
	})
	t.observe("%d × 200", answered)
}

// racesDuringOutage sends signals that a worker finds together when it comes back.
func racesDuringOutage() Scenario {
	inOutage := func(where int, first, second func(*caseRun, *comment)) func(*caseRun) {
		return func(t *caseRun) {
			c := t.awaitingApproval(where)
			t.awaitKill()
			first(t, c)
			second(t, c)
			t.awaitRestart()
		}
	}
	approves := func(who string) func(*caseRun, *comment) {
		return func(t *caseRun, c *comment) {
			t.signal(c.reply, workflows.ApproveMessage, workflows.Approve{Approver: who, Text: "Text of " + who})
		}
	}
	rejects := func(t *caseRun, c *comment) {
		t.signal(c.reply, workflows.RejectMessage, workflows.Reject{Approver: ben, Reason: "no"})
	}
	removes := func(t *caseRun, c *comment) { t.signal(c.reply, workflows.CommentRemovedSignal, struct{}{}) }
	return Scenario{Name: "races-no-worker", About: "messages that wait together for a worker", victim: worker, Cases: []Case{
		{Name: "two-approve-by-signal", Expect: each(delivered).and("received: Text of ana"), run: func(t *caseRun) {
			inOutage(instagram, approves(ana), approves(ben))(t)
			c := t.comments[0]
			t.awaitState(c, privatereply.Sent)
			t.observe("received: %s", t.textOf(c))
		}},
		{Name: "reject-then-approve", Expect: each(rejected), run: inOutage(instagramLogin, rejects, approves(ana))},
		{Name: "approve-then-reject", Expect: each(rejected), run: inOutage(page, approves(ana), rejects)},
		{Name: "removed-then-approve", Expect: each(withdrawn), run: inOutage(page, removes, approves(ana))},
		{Name: "fifty-duplicates", Expect: each(delivered).and("50 × 200"), run: func(t *caseRun) {
			t.awaitKill()
			fiftyDuplicates(t)
			t.awaitRestart()
		}},
		{Name: "removed-by-webhook-while-sending", Expect: each(withdrawn.after(1)), run: func(t *caseRun) {
			// Meta refused for now; the comment goes before the next try.
			t.awaitReady()
			c := t.comment(page, price)
			t.injectFault(c, meta.Fault{Name: "transient"})
			t.deliver(c.id)
			t.awaitStatus(c, "a next try", waitsForNextTry)
			t.awaitKill()
			t.must(t.Sandbox.RemoveComment(c.id))
			t.must(t.Sandbox.DrainWebhooks(t.ctx))
			t.awaitRestart()
		}},
	}}
}
