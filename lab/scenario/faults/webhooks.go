package faults

import (
	"net/http"
	"strings"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/meta"
)

const signatureHeader = "X-Hub-Signature-256"

// webhooks are those that Meta did not send, and those that come again when the
// reply has ended: its workflow is closed, and only its id is left to refuse them.
func webhooks() Scenario {
	forged := func(change func(body []byte, h http.Header) []byte) func(*caseRun) {
		return func(t *caseRun) {
			c := t.comment(instagramLogin, price)
			body, header, err := t.Sandbox.SignedWebhook(c.id)
			t.must(err)
			body = change(body, header)
			status, err := t.post(t.ctx, body, header)
			t.must(err)
			t.observe("%d", status)
		}
	}
	refused := each(noWorkflow).and("403")
	return Scenario{Name: "webhooks", About: "forged and replayed webhooks", Cases: []Case{
		{Name: "forged-other-secret", Expect: refused, run: forged(func(body []byte, h http.Header) []byte {
			h.Set(signatureHeader, meta.Sign("a guess", body))
			return body
		})},
		{Name: "forged-unsigned", Expect: refused, run: forged(func(body []byte, h http.Header) []byte {
			h.Del(signatureHeader)
			return body
		})},
		{Name: "forged-empty-secret", Expect: refused, run: forged(func(body []byte, h http.Header) []byte {
			h.Set(signatureHeader, meta.Sign("", body))
			return body
		})},
		{Name: "forged-changed-body", Expect: refused, run: forged(func(body []byte, _ http.Header) []byte {
			return []byte(strings.Replace(string(body), "price", "Price", 1))
		})},
		{Name: "forged-legacy-signature", Expect: refused, run: forged(func(body []byte, h http.Header) []byte {
			h.Set("X-Hub-Signature", h.Get(signatureHeader))
			h.Del(signatureHeader)
			return body
		})},
		{Name: "replayed-when-sent", Expect: each(delivered).and("200, the same run"), run: func(t *caseRun) {
			c := t.comment(instagram, price)
			t.deliver(c.id)
			t.awaitState(c, privatereply.Sent)
			t.replay(c)
		}},
		{Name: "replayed-when-rejected", Expect: each(rejected).and("200, the same run"), run: func(t *caseRun) {
			c := t.comment(page, held)
			t.deliver(c.id)
			t.awaitState(c, privatereply.Holding)
			t.reject(c)
			t.awaitState(c, privatereply.Rejected)
			t.replay(c)
		}},
		{Name: "replayed-when-withdrawn", Expect: each(withdrawn).and("200, the same run"), run: func(t *caseRun) {
			c := t.comment(page, asks)
			t.deliver(c.id)
			t.awaitState(c, privatereply.AwaitingApproval)
			body, header, err := t.Sandbox.SignedWebhook(c.id)
			t.must(err)
			t.must(t.Sandbox.RemoveComment(c.id))
			t.awaitState(c, privatereply.Withdrawn)
			t.postAgain(c, body, header)
		}},
		{Name: "replayed-when-undeliverable", Expect: each(Verdict{State: privatereply.Undeliverable, Reason: privatereply.PersonUnavailable, Calls: 1}).and("200, the same run"),
			run: func(t *caseRun) {
				c := t.comment(instagramLogin, price)
				t.injectFault(c, meta.Fault{Name: "error", Code: 551})
				t.deliver(c.id)
				t.awaitState(c, privatereply.Undeliverable)
				t.replay(c)
			}},
		{Name: "replayed-when-expired", Expect: each(nobodyDecided).and("200, the same run"), run: func(t *caseRun) {
			c := t.commentAged(page, asks, 5*time.Second)
			t.deliver(c.id)
			t.awaitState(c, privatereply.Expired)
			t.replay(c)
		}},
	}}
}

// replay delivers the webhook of a comment again.
func (t *caseRun) replay(c *comment) {
	body, header, err := t.Sandbox.SignedWebhook(c.id)
	t.must(err)
	t.postAgain(c, body, header)
}

// postAgain posts a webhook again and says whether the reply is still the same run.
func (t *caseRun) postAgain(c *comment, body []byte, header http.Header) {
	before := t.runOf(c)
	status, err := t.post(t.ctx, body, header)
	t.must(err)
	words := "another run"
	if t.runOf(c) == before {
		words = "the same run"
	}
	t.observe("%d, %s", status, words)
}

// runOf is the run that the id of the reply's workflow leads to.
func (t *caseRun) runOf(c *comment) (runID string) {
	t.await("the run of "+c.reply, func() (bool, error) {
		d, err := t.Client.DescribeWorkflowExecution(t.ctx, c.reply, "")
		runID = d.GetWorkflowExecutionInfo().GetExecution().GetRunId()
		return err == nil, err
	})
	return runID
}
