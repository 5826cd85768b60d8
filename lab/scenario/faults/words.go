package faults

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"go.temporal.io/sdk/client"
	sdk "go.temporal.io/sdk/temporal"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/workflows"
)

// words doubts what the product says: humans answer in Meta's inbox beside every kind of
// refusal, answers and webhooks get lost, comments change, files are half there.
func words() Scenario {
	usedUp := Verdict{State: privatereply.Undeliverable, Reason: privatereply.AlreadyReplied, Delivered: 1, Calls: 2}
	unclear := Verdict{State: privatereply.Undeliverable, Reason: privatereply.NotRepliableOrAlreadyReplied, Delivered: 1, Calls: 3}
	g := Scenario{Name: "words", About: "a human in Meta's inbox, lost answers, edits, half-written files"}
	for _, f := range []struct {
		name   string
		fault  meta.Fault
		expect Expect
	}{
		// What proves that nothing arrived leaves no doubt: Meta's next word is about the human.
		{"human-after-a-code-that-passes", meta.Fault{Name: "error", Code: 1200, Subcode: 2018024}, each(usedUp, unclear)},
		// These leave it open. The conversation shows whose message it is.
		{"human-after-a-doubtful-code", meta.Fault{Name: "transient"}, each(usedUp)},
		{"human-after-an-unknown-code", meta.Fault{Name: "error", Code: 4711, Subcode: 1}, each(usedUp)},
		{"human-after-a-reset", meta.Fault{Name: "reset"}, each(usedUp)},
		{"human-after-a-hang", meta.Fault{Name: "hang"}, each(usedUp)},
	} {
		g.Cases = append(g.Cases, Case{Name: f.name, Expect: f.expect.and("received: the human's words; the human's words; the human's words"), run: humanAfterFault(f.fault)})
	}
	g.Cases = append(g.Cases,
		Case{Name: "human-after-a-throttle", Expect: each(usedUp, unclear), run: func(t *caseRun) {
			for _, where := range []int{humanPage, throttledInstagram} {
				c := t.comment(where, price)
				t.injectFault(c, meta.Fault{Name: "throttle", Minutes: 1})
				t.deliver(c.id)
				t.awaitStatus(c, "a next try", waitsForNextTry)
				t.humanAnswers(c)
			}
		}},
		Case{Name: "forty-unknown-at-once", Expect: each(found).and("at most 2 conversation calls in a second"), run: func(t *caseRun) {
			for range 40 {
				c := t.comment(burstInstagram, price)
				t.injectFault(c, meta.Fault{Name: "accept-then-drop"})
				t.deliver(c.id)
			}
			for _, c := range t.comments {
				t.awaitState(c, privatereply.Sent)
			}
			for _, a := range t.Sandbox.Report().Accounts {
				if a.Account == t.accounts[burstInstagram].id && a.MostConversationsInSecond <= 2 {
					t.observe("at most 2 conversation calls in a second")
				}
			}
		}},
		Case{Name: "two-texts-unknown-at-once", Expect: each(found, found.after(1)).and("2 texts received"), run: func(t *caseRun) {
			first := t.comment(instagram, asks)
			second := t.commentAs(instagram, meta.NewComment{Username: first.user, Text: asks})
			for i, c := range []*comment{first, second} {
				t.injectFault(c, meta.Fault{Name: "accept-then-drop"})
				t.deliver(c.id)
				t.awaitState(c, privatereply.AwaitingApproval)
				t.approve(c, ana, textBy(i))
			}
			t.awaitState(first, privatereply.Sent)
			t.awaitState(second, privatereply.Sent)
			if t.textOf(first) != t.textOf(second) {
				t.observe("2 texts received")
			}
		}},
		Case{Name: "rejected-in-doubt", Expect: each(Verdict{State: privatereply.Rejected, Reason: privatereply.RejectedByApprover, Calls: 1}).and("told accepted: true"),
			run: rejectInDoubt(meta.Fault{Name: "transient"})},
		Case{Name: "rejected-in-doubt-but-delivered", Expect: each(Verdict{State: privatereply.Sent, Reason: privatereply.TooLate, Delivered: 1, Calls: 1}).and("told accepted: false"),
			run: rejectInDoubt(meta.Fault{Name: "accept-then-drop"})},
		Case{Name: "approve-and-reject-in-the-first-seconds", Expect: Expect{Observed: "40 of 40 rounds with one winner"}, run: approveAndRejectAnytime},
		Case{Name: "answer-that-no-webhook-told-of", Expect: each(responded).and("3 × follow-up sent, received 1 time"), run: func(t *caseRun) {
			seen := 0
			for _, where := range connected {
				c := t.sentReply(where)
				t.message(c.person(), "Can I order two?", time.Time{})
				if t.followUp(c.person(), where, "Yes, of course.") == "sent" && t.received(c.person(), "Yes, of course.") == 1 {
					seen++
				}
			}
			t.observe("%d × follow-up sent, received 1 time", seen)
		}},
		Case{Name: "answer-that-a-sweep-finds", Expect: each(responded), run: func(t *caseRun) {
			c := t.sentReply(racedPage)
			t.message(c.person(), "Can I order two?", time.Time{})
			t.triggerSweep(racedPage)
			t.awaitState(c, privatereply.Responded)
		}},
		Case{Name: "answer-told-as-an-edit", Expect: each(responded), run: func(t *caseRun) {
			for _, anonymous := range []bool{false, true} {
				c := t.sentReply(instagramLogin)
				_, err := t.Sandbox.WriteMessage(meta.NewMessage{Account: c.person().Account, Username: c.user, Kind: "edit_zero", Text: "yes please", Anonymous: anonymous})
				t.must(err)
				t.awaitState(c, privatereply.Responded)
			}
		}},
		Case{Name: "edited-while-held", Expect: each(nobodyDecidedYet), run: func(t *caseRun) {
			c := t.comment(page, held)
			t.deliver(c.id)
			t.awaitState(c, privatereply.Holding)
			t.must(t.Sandbox.EditComment(c.id, "It arrived broken. Whom do I call?"))
			t.awaitState(c, privatereply.AwaitingApproval)
			t.awaitStatus(c, "the edited comment", func(s workflows.PrivateReplyStatus) bool { return !s.Comment.EditedAt.IsZero() && s.Text == "" })
		}},
		Case{Name: "edited-before-the-approval", Expect: each(delivered).and("the approval of the old words was refused in words"), run: func(t *caseRun) {
			c := t.awaitingApproval(page)
			const words = "It arrived broken. Whom do I call?"
			t.must(t.Sandbox.EditComment(c.id, words))
			t.awaitStatus(c, "the edited comment", func(s workflows.PrivateReplyStatus) bool { return s.Comment.Text == words })
			approve := func(read, text string) string {
				_, refused := retryUpdate(t, "the answer to approve", func(id string) (workflows.DecisionResult, error) {
					return t.Replies.Approve(t.ctx, c.reply, id, workflows.Approve{Approver: ana, Text: text, CommentSHA256: privatereply.TextSHA256(read)})
				})
				return refused
			}
			if strings.Contains(approve(asks, "Yes, we do."), "the comment was edited at") {
				t.observe("the approval of the old words was refused in words")
			}
			if refused := approve(words, "Please call us."); refused != "" {
				t.fail("the approval of the new words: %s", refused)
			}
		}},
		Case{Name: "edit-before-its-comment", Expect: each(nobodyDecidedYet), run: func(t *caseRun) {
			c := t.comment(page, price)
			body, header, err := t.Sandbox.SignedWebhook(c.id)
			t.must(err)
			t.must(t.Sandbox.EditComment(c.id, "It arrived broken. What is the price of another one?"))
			t.awaitState(c, privatereply.AwaitingApproval)
			if status, err := t.post(t.ctx, body, header); err != nil || status != http.StatusOK {
				t.fail("the bridge answered %d, %v", status, err)
			}
		}},
	)
	for i, f := range listFaults {
		g.Cases = append(g.Cases, Case{Name: "sweep-" + f.Name, Expect: each(nobodyDecidedYet), run: func(t *caseRun) {
			where := listPages + i
			f.Account, f.Calls = t.accounts[where].id, "read"
			for range 30 { // more than a page of posts
				post, err := t.Sandbox.PublishPost(meta.NewPost{Account: t.accounts[where].id, Source: privatereply.SourcePost, Caption: "Oak"})
				t.must(err)
				t.commentAs(where, meta.NewComment{PostID: post, Text: price})
			}
			f.Times = 1000 // of the account's first sweep, which leaves older comments to people
			t.addFault(f)
			t.triggerSweep(where)
		}})
	}
	return g
}

// listFaults are the faults that strike lists, which only sweeps read. Their webhooks are
// lost.
var listFaults = []meta.Fault{{Name: "too-large", Limit: 5}, {Name: "time-paging"}, {Name: "circle"}}

// surroundings has files half written and Meta's clock off. It is a group of its own: every
// other case believes them.
func surroundings() Scenario {
	return Scenario{Name: "surroundings", About: "files that are half written, a clock that is off", Cases: []Case{
		{Name: "accounts-file-half-written", Expect: each(delivered), run: func(t *caseRun) {
			// Half of it is a valid file, without this account.
			whole, err := os.ReadFile(t.File("accounts.yaml"))
			t.must(err)
			half := whole[:strings.Index(string(whole), t.accounts[racedPage].id)]
			half = half[:strings.LastIndexByte(string(half), '\n')+1]
			t.cleanup(func() { _ = os.WriteFile(t.File("accounts.yaml"), whole, 0o600) })
			for range 3 { // it is read every 0.9 s
				t.must(os.WriteFile(t.File("accounts.yaml"), half, 0o600))
				c := t.comment(racedPage, price)
				t.deliver(c.id)
				t.sleepUntil(time.Now().Add(400 * time.Millisecond)) // the editor goes on
				t.must(os.WriteFile(t.File("accounts.yaml"), whole, 0o600))
				t.sleepUntil(time.Now().Add(2 * time.Second))
			}
		}},
		{Name: "rules-file-half-written", Expect: each(delivered), run: func(t *caseRun) {
			// Half a rules file is a valid one: without its rules everything is asked.
			half := rulesYAML[:strings.Index(rulesYAML, "rules:")]
			t.must(os.WriteFile(t.File("rules.yaml"), []byte(half), 0o600))
			c := t.comment(page, price)
			t.deliver(c.id)
			t.must(os.WriteFile(t.File("rules.yaml"), []byte(rulesYAML), 0o600))
		}},
		{Name: "meta-a-minute-behind", Expect: each(
			Verdict{State: privatereply.DeliveryUnknown, Reason: privatereply.NoAnswer, Delivered: 1, Calls: 2},
			Verdict{State: privatereply.Sent, Reason: privatereply.ConfirmedByRefusal, Delivered: 1, Calls: 2},
		).and("the worker is ready and names the clock"), run: func(t *caseRun) {
			t.metaAhead.Store(int64(-time.Minute))
			t.cleanup(func() { t.metaAhead.Store(0) })
			for _, where := range []int{instagramLogin, page} {
				c := t.comment(where, price)
				t.injectFault(c, meta.Fault{Name: "accept-then-drop"})
				t.deliver(c.id)
			}
			for _, c := range t.comments {
				t.awaitState(c, privatereply.Sent, privatereply.DeliveryUnknown)
			}
			said, err := readyz(t.ctx, t.Workers.All[0].ReadyzURL)
			t.must(err)
			if strings.HasPrefix(said, "200 ") && strings.Contains(said, "ahead of Meta's") {
				t.observe("the worker is ready and names the clock")
			} else {
				t.observe("the worker says: %s", said)
			}
		}},
	}}
}

// nobodyDecidedYet is a reply that waits for a person.
var nobodyDecidedYet = Verdict{State: privatereply.AwaitingApproval}

const humanWords = "I answer you myself."

func (t *caseRun) humanAnswers(c *comment) {
	_, err := t.Sandbox.HumanReply(c.id, humanWords)
	t.must(err)
}

// humanAfterFault has a fault strike the send, and a human answer before the next try.
func humanAfterFault(f meta.Fault) func(*caseRun) {
	return func(t *caseRun) {
		var all []*comment
		for _, where := range connected {
			c := t.comment(where, price)
			strikes := t.injectFault(c, f)
			t.deliver(c.id)
			strikes.awaitHit()
			if f.Name != "hang" { // that one breaks when the human has answered
				t.awaitStatus(c, "the end of the first try", func(s workflows.PrivateReplyStatus) bool {
					return s.Send != nil && s.Send.Outcome != ""
				})
			}
			t.humanAnswers(c)
			strikes.clear()
			all = append(all, c)
		}
		var got []string
		for _, c := range all {
			t.awaitState(c, privatereply.Undeliverable)
			if t.textOf(c) == humanWords {
				got = append(got, "the human's words")
			}
		}
		t.observe("received: %s", strings.Join(got, "; "))
	}
}

// rejectInDoubt rejects a reply after an attempt of which Meta did not say whether it
// arrived.
func rejectInDoubt(f meta.Fault) func(*caseRun) {
	return func(t *caseRun) {
		c := t.comment(instagramLogin, price)
		t.injectFault(c, f)
		t.deliver(c.id)
		t.awaitStatus(c, "the end of the first try", func(s workflows.PrivateReplyStatus) bool { return s.Send != nil && s.Send.Outcome != "" })
		answer, refused := t.reject(c)
		if refused != "" {
			t.fail("the rejection was refused: %s", refused)
		}
		t.observe("told accepted: %v", answer.Accepted)
	}
}

// approveAndRejectAnytime has two plain clients decide at the same moment, at random times
// after the webhook.
func approveAndRejectAnytime(t *caseRun) {
	const rounds = 40
	var mu sync.Mutex
	good := 0
	room := make(chan struct{}, 8)
	var all sync.WaitGroup
	for range rounds {
		room <- struct{}{}
		c := t.comment(instagram, asks)
		t.deliver(c.id)
		// What comes with other webhooks is acknowledged in an Intake, before its reply runs.
		t.await("the reply", func() (bool, error) {
			_, err := t.Client.DescribeWorkflowExecution(t.ctx, c.reply, "")
			return err == nil, err
		})
		all.Go(func() {
			defer func() { <-room }()
			time.Sleep(time.Duration(rand.IntN(2000)) * time.Millisecond)
			var approve, reject updateResult
			var both sync.WaitGroup
			both.Go(func() {
				approve = t.plainUpdate(c, workflows.ApproveMessage, workflows.Approve{Approver: ana, Text: "Yes."})
			})
			both.Go(func() {
				reject = t.plainUpdate(c, workflows.RejectMessage, workflows.Reject{Approver: ben, Reason: "no"})
			})
			both.Wait()
			mu.Lock()
			defer mu.Unlock()
			switch {
			case approve.accepted && reject.inWords, reject.accepted && approve.inWords,
				approve.accepted && reject.err == nil: // a rejection while it is sent is answered with its effect
				good++
			default:
				t.observe("approve: %v, reject: %v", approve.err, reject.err)
			}
		})
	}
	all.Wait()
	t.mu.Lock()
	t.comments = nil // what became of each is for the two to say
	t.mu.Unlock()
	t.observe("%d of %d rounds with one winner", good, rounds)
}

// updateResult is what a plain client was told.
type updateResult struct {
	accepted, inWords bool
	err               error
}

// plainUpdate sends an Update once, as any tool does.
func (t *caseRun) plainUpdate(c *comment, name string, payload any) (a updateResult) {
	handle, err := t.Client.UpdateWorkflow(t.ctx, client.UpdateWorkflowOptions{
		WorkflowID: c.reply, UpdateName: name, Args: []any{payload}, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	var answer workflows.DecisionResult
	if err == nil {
		err = handle.Get(t.ctx, &answer)
	}
	var refused *sdk.ApplicationError
	return updateResult{accepted: err == nil && answer.Accepted, inWords: errors.As(err, &refused), err: err}
}

// readyz is what a program says of itself to operators.
func readyz(ctx context.Context, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return fmt.Sprintf("%d %s", resp.StatusCode, b), err
}
