package faults

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/workflows"
)

// retryUpdate asks until there is an answer or a refusal in words, always with the same
// id, as a person does who sees that Temporal is away.
func retryUpdate[T any](t *caseRun, what string, ask func(updateID string) (T, error)) (answer T, refused string) {
	id := "faults-" + t.newUsername()
	t.await(what, func() (bool, error) {
		var err error
		answer, err = ask(id)
		var no *replies.Error
		if errors.As(err, &no) && (no.Code == replies.Refused || no.Code == replies.NotFound) {
			refused = no.Message
			return true, nil
		}
		return err == nil, err
	})
	return answer, refused
}

// tryApprove approves a reply by Update, and gives the words of a refusal.
func (t *caseRun) tryApprove(c *comment, by, text string) (refused string) {
	_, refused = retryUpdate(t, "the answer to approve", func(id string) (workflows.DecisionResult, error) {
		return t.Replies.Approve(t.ctx, c.reply, id, workflows.Approve{Approver: by, Text: text})
	})
	return refused
}

// approve approves a reply that must still be open.
func (t *caseRun) approve(c *comment, by, text string) {
	if refused := t.tryApprove(c, by, text); refused != "" {
		t.fail("%s could not approve: %s", by, refused)
	}
}

// resolve says whether an unknown delivery arrived.
func (t *caseRun) resolve(c *comment, delivered bool) {
	_, refused := retryUpdate(t, "the answer to resolve", func(id string) (workflows.DecisionResult, error) {
		return t.Replies.Resolve(t.ctx, c.reply, id, workflows.Resolve{Approver: ana, Delivered: &delivered})
	})
	if refused != "" {
		t.fail("could not resolve: %s", refused)
	}
}

// reject rejects a reply by Update.
func (t *caseRun) reject(c *comment) (a workflows.DecisionResult, refused string) {
	return retryUpdate(t, "the answer to reject", func(id string) (workflows.DecisionResult, error) {
		return t.Replies.Reject(t.ctx, c.reply, id, workflows.Reject{Approver: ben, Reason: "no"})
	})
}

// followUp writes to a person, and says how that ended in words that can be compared.
func (t *caseRun) followUp(p meta.Person, where int, text string) string {
	a, refused := retryUpdate(t, "the answer to a follow-up", func(id string) (workflows.FollowUpResult, error) {
		return t.Replies.FollowUp(t.ctx, t.conversation(p, where), id, workflows.FollowUp{Agent: ana, Text: text})
	})
	if refused != "" {
		refused, _, _ = strings.Cut(refused, ":")
		return "refused (" + refused + ")"
	}
	if a.Reason != "" {
		return fmt.Sprintf("%s (%s)", a.State, a.Reason)
	}
	return string(a.State)
}

// received counts the follow-ups with a text that a person received.
func (t *caseRun) received(p meta.Person, text string) int {
	n := 0
	for _, m := range t.Sandbox.Inbox(p) {
		if m.Kind == meta.KindFollowUp && m.Text == text {
			n++
		}
	}
	return n
}

func (t *caseRun) conversation(p meta.Person, where int) string {
	id, err := privatereply.ConversationID(t.accounts[where].platform, p.Account, t.personID(p))
	t.must(err)
	return id
}

// deliverMessage has a person write to the account, and delivers it.
func (t *caseRun) deliverMessage(p meta.Person, text string) {
	t.deliver(t.message(p, text, time.Time{}))
}

// message has a person write. No webhook goes out yet.
func (t *caseRun) message(p meta.Person, text string, at time.Time) (id string) {
	id, err := t.Sandbox.WriteMessage(meta.NewMessage{Account: p.Account, Username: p.Username, Text: text, At: at, NoWebhook: true})
	t.must(err)
	return id
}

// openConversation has a new person write to an account, so that their window is open.
func (t *caseRun) openConversation(where int, at time.Time) meta.Person {
	p := meta.Person{Account: t.accounts[where].id, Username: t.newUsername()}
	t.deliver(t.message(p, "Hello!", at))
	// What arrives with others is acknowledged in an Intake, before its conversation runs.
	t.awaitConversation(t.conversation(p, where), "the person's conversation", func(s workflows.ConversationStatus) bool { return s.MessagesSeen > 0 })
	return p
}

// awaitConversation waits until cond holds of what the conversation knows.
func (t *caseRun) awaitConversation(id, what string, cond func(workflows.ConversationStatus) bool) {
	t.await(what, func() (bool, error) {
		status, err := t.Replies.ConversationStatus(t.ctx, id)
		return err == nil && cond(status), err
	})
}

// deskResult is the desk's answer to a decision.
type deskResult struct {
	Accepted bool   `json:"accepted"`
	Code     string `json:"code"`
	Words    string `json:"words"`
}

// click approves at the desk, once. An error says that the desk did not answer.
func (t *caseRun) click(c *comment, by, text, click string) (a deskResult, err error) {
	body, err := json.Marshal(map[string]string{"text": text, "click": click})
	if err != nil {
		return a, err
	}
	req, err := http.NewRequestWithContext(t.ctx, http.MethodPost, t.ApprovalsURL+"/api/replies/"+c.reply+"/approve", bytes.NewReader(body))
	if err != nil {
		return a, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+t.Tokens[by])
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return a, err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&a); err != nil {
		return a, err
	}
	if resp.StatusCode >= http.StatusInternalServerError {
		return a, fmt.Errorf("the desk answered %s: %s", resp.Status, a.Words)
	}
	return a, nil
}

// clickUntil repeats a click until the desk answers it.
func (t *caseRun) clickUntil(c *comment, by, text, click string) (a deskResult) {
	t.await("the desk's answer", func() (bool, error) {
		var err error
		a, err = t.click(c, by, text, click)
		return err == nil, err
	})
	return a
}
