package e2e

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/workflows"
)

// The product as a business uses it.
func TestProduct(t *testing.T) {
	t.Parallel()
	p := start(t)
	stopWorker := p.startWorker()

	t.Run("Story", func(t *testing.T) {
		for name, account := range map[string]string{"instagram": instagram, "instagram login": instagramLogin, "page": page} {
			t.Run(name, func(t *testing.T) { t.Parallel(); p.testStory(t, account) })
		}
	})
	t.Run("BySignal", p.testBySignal)
	t.Run("Duplicates", p.testDuplicates)
	t.Run("Batch", p.testBatch)
	t.Run("Removed", p.testRemoved)
	t.Run("HumanWasFaster", p.testHumanWasFaster)
	t.Run("Faults", p.testFaults)
	t.Run("TwoWithOneText", p.testTwoWithOneText)
	stopWorker()
	t.Run("Pauses", p.testPauses)
	t.Run("WorkerRestart", p.testWorkerRestart)
	t.Run("NoSecretsInHistory", p.testNoSecretsInHistory)
}

// A webhook comes in, a person decides with a plain Temporal client, Meta delivers,
// the person answers, the window opens and a follow-up goes.
func (p *product) testStory(t *testing.T, account string) {
	reply, id := p.comment(meta.NewComment{Account: account, Username: "jonas", Text: "Do you ship to Norway?"})
	p.untilState(t, reply, privatereply.AwaitingApproval)
	answer, err := p.update(t, reply, "approve", map[string]any{"approver": "ana", "text": "Yes, we do!"})
	if err != nil || answer["accepted"] != true || answer["state"] != "sending" || answer["deadline"] == nil {
		t.Fatalf("approve: %v, %v", answer, err)
	}
	sent := p.untilState(t, reply, privatereply.Sent)
	if got := p.received(account, "jonas"); !slices.Equal(got, []string{"Yes, we do!"}) {
		t.Errorf("jonas received %q", got)
	}
	_, err = p.update(t, reply, "approve", map[string]any{"approver": "ben", "text": "No."})
	if err == nil || !strings.Contains(err.Error(), "already decided: ana approved this reply at ") {
		t.Errorf("the second approver was told %v", err)
	}

	conversation, err := privatereply.ConversationID(sent.Comment.Platform, account, sent.Send.RecipientID)
	if err != nil {
		t.Fatal(err)
	}
	p.untilJoined(t, conversation)
	if _, err := p.update(t, conversation, "reply", map[string]any{"agent": "ana", "text": "Anything else?"}); err == nil || !strings.Contains(err.Error(), "the window is closed") {
		t.Errorf("a follow-up before the person wrote: %v", err)
	}
	before := time.Now()
	if _, err := p.Sandbox.WriteMessage(meta.NewMessage{Account: account, Username: "jonas", Text: "Great!"}); err != nil {
		t.Fatal(err)
	}
	responded := p.untilState(t, reply, privatereply.Responded)
	if closes := responded.Window.ClosesAt.Sub(before); closes < 24*time.Hour-2*time.Second || closes > 24*time.Hour+10*time.Second {
		t.Errorf("the window closes after %v", closes)
	}
	answer, err = p.update(t, conversation, "reply", map[string]any{"agent": "ana", "text": "It takes a week."})
	if err != nil || answer["state"] != "sent" || answer["message_id"] == nil {
		t.Errorf("follow-up: %v, %v", answer, err)
	}
	if got := p.received(account, "jonas"); !slices.Equal(got, []string{"Yes, we do!", "It takes a week."}) {
		t.Errorf("jonas received %q", got)
	}
	if n := p.Sandbox.ReplyAttempts(id); n != 1 {
		t.Errorf("%d attempts for one private reply", n)
	}
}

func (p *product) testBySignal(t *testing.T) {
	reply, _ := p.comment(meta.NewComment{Account: instagram, Username: "signal", Text: "Hello?"})
	p.untilState(t, reply, privatereply.AwaitingApproval)
	for _, payload := range []map[string]any{{"approver": "ana", "txt": "mistyped"}, {"approver": "ana", "text": "Hello!"}} {
		if err := p.Client.SignalWorkflow(t.Context(), reply, "", "approve", payload); err != nil {
			t.Fatal(err)
		}
	}
	status := p.untilState(t, reply, privatereply.Sent)
	if got := p.received(instagram, "signal"); !slices.Equal(got, []string{"Hello!"}) {
		t.Errorf("received %q", got)
	}
	if len(status.RefusedSignals) != 1 || !strings.Contains(status.RefusedSignals[0].Why, `unknown field "txt"`) {
		t.Errorf("refused signals: %v", status.RefusedSignals)
	}
}

// Fifty copies of one webhook at once are one reply, and each is answered 200.
func (p *product) testDuplicates(t *testing.T) {
	reply, id := p.comment(meta.NewComment{Account: instagram, Username: "fifty", Text: "price?", NoWebhook: true})
	body, header, err := p.Sandbox.SignedWebhook(id)
	if err != nil {
		t.Fatal(err)
	}
	statuses := make([]int, 50)
	var posting sync.WaitGroup
	for i := range statuses {
		posting.Go(func() {
			status, err := p.post(body, header)
			if err != nil {
				t.Error(err)
			}
			statuses[i] = status
		})
	}
	posting.Wait()
	for _, status := range statuses {
		if status != http.StatusOK {
			t.Errorf("answered %d", status)
		}
	}
	p.untilState(t, reply, privatereply.Sent)
	if n := p.Sandbox.ReplyAttempts(id); n != 1 {
		t.Errorf("%d attempts", n)
	}
	if status, err := p.post(body, header); err != nil || status != http.StatusOK {
		t.Errorf("a late copy was answered %d, %v", status, err)
	}
}

// A delivery of many comments is one Intake, and each comment gets its reply.
func (p *product) testBatch(t *testing.T) {
	var ids []string
	for i := range 40 {
		_, id := p.comment(meta.NewComment{Account: page, Username: "batch" + string(rune('a'+i%26)), Text: "price?", NoWebhook: true})
		ids = append(ids, id)
	}
	body, header, err := p.Sandbox.SignedWebhook(ids...)
	if err != nil {
		t.Fatal(err)
	}
	if status, err := p.post(body, header); err != nil || status != http.StatusOK {
		t.Fatalf("answered %d, %v", status, err)
	}
	for _, id := range ids {
		p.untilState(t, p.replyID(page, id), privatereply.Sent)
		if n := p.Sandbox.ReplyAttempts(id); n != 1 {
			t.Errorf("%s: %d attempts", id, n)
		}
	}
}

// A comment that was removed gets no reply, also when its removal was faster.
func (p *product) testRemoved(t *testing.T) {
	reply, id := p.comment(meta.NewComment{Account: page, Username: "regret", Text: "Hello?"})
	p.untilState(t, reply, privatereply.AwaitingApproval)
	if err := p.Sandbox.RemoveComment(id); err != nil {
		t.Fatal(err)
	}
	p.untilState(t, reply, privatereply.Withdrawn)

	reply, id = p.comment(meta.NewComment{Account: page, Username: "regret", Text: "price?", NoWebhook: true})
	body, header, err := p.Sandbox.SignedWebhook(id)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Sandbox.RemoveComment(id); err != nil {
		t.Fatal(err)
	}
	p.untilState(t, reply, privatereply.Withdrawn)
	if status, err := p.post(body, header); err != nil || status != http.StatusOK {
		t.Fatalf("answered %d, %v", status, err)
	}
	if n := p.Sandbox.ReplyAttempts(id); n != 0 {
		t.Errorf("%d attempts to answer a removed comment", n)
	}
}

// A human who answered in Meta's own inbox used the one reply.
func (p *product) testHumanWasFaster(t *testing.T) {
	for account, reason := range map[string]privatereply.Reason{
		page: privatereply.AlreadyReplied, instagramLogin: privatereply.NotRepliableOrAlreadyReplied,
	} {
		t.Run(account, func(t *testing.T) {
			t.Parallel()
			reply, id := p.comment(meta.NewComment{Account: account, Username: "human", Text: "price?", NoWebhook: true})
			body, header, err := p.Sandbox.SignedWebhook(id)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := p.Sandbox.HumanReply(id, "I answer you myself"); err != nil {
				t.Fatal(err)
			}
			if status, err := p.post(body, header); err != nil || status != http.StatusOK {
				t.Fatalf("answered %d, %v", status, err)
			}
			status := p.untilState(t, reply, privatereply.Undeliverable)
			if status.Reason != reason {
				t.Errorf("%s, want %s", status.Reason, reason)
			}
			if got := p.received(account, "human"); !slices.Equal(got, []string{"I answer you myself"}) {
				t.Errorf("received %q", got)
			}
		})
	}
}

// A reply that waits does not notice that the worker was replaced.
func (p *product) testWorkerRestart(t *testing.T) {
	stopFirst := p.startWorker()
	reply, id := p.comment(meta.NewComment{Account: instagram, Username: "patient", Text: "Hello?"})
	p.untilState(t, reply, privatereply.AwaitingApproval)
	stopFirst()
	if err := p.Client.SignalWorkflow(t.Context(), reply, "", workflows.ApproveMessage, workflows.Approve{Approver: "ana", Text: "Hello!"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.startWorker())
	p.untilState(t, reply, privatereply.Sent)
	if n := p.Sandbox.ReplyAttempts(id); n != 1 {
		t.Errorf("%d attempts", n)
	}
}
