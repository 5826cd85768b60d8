package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/workflows"
)

const (
	offer = "Shall we send the list?"
	list  = "Here is the list: https://example.com/list"
)

// What a person taps is answered once, from the webhook to Meta, and stands in the story of the
// reply; it proves a delivery that nobody had acknowledged. A payload of somebody else starts
// nothing.
func TestTaps(t *testing.T) {
	t.Parallel()
	p := start(t)
	t.Cleanup(p.startWorker())
	for name, account := range map[string]string{"instagram": instagram, "instagram login": instagramLogin, "page": page} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			t.Run("a button", func(t *testing.T) {
				reply := p.offer(t, account, "tia", "")
				p.tap(t, meta.NewTap{Account: account, Person: "tia", Title: "Yes"})
				status := p.untilTapped(t, reply, 1)
				p.tap(t, meta.NewTap{Account: account, Person: "tia", Title: "Yes", MID: "message"})
				again := p.untilTapped(t, reply, 2)
				if first, last := status.Taps[0], again.Taps[0]; first.State != privatereply.OutcomeSent || first.MessageID == "" || last.MessageID != first.MessageID {
					t.Errorf("the tap: %+v, then %+v", first, last)
				}
				p.wantReceived(t, account, "tia")
			})
			t.Run("of a reply whose delivery is not known", func(t *testing.T) {
				reply := p.offer(t, account, "uma", "accept-then-drop")
				p.tap(t, meta.NewTap{Account: account, Person: "uma", Title: "Yes"})
				status := p.untilTapped(t, reply, 1)
				if status.Reason != privatereply.ConfirmedByTap || status.Taps[0].State != privatereply.OutcomeSent {
					t.Errorf("%s %s, the tap: %+v", status.State, status.Reason, status.Taps[0])
				}
				p.wantReceived(t, account, "uma")
			})
		})
	}
	t.Run("of somebody else", func(t *testing.T) {
		const person = "6000000000000099"
		body := []byte(webhook(happening{"postback", 0, "m1"}, person, time.Now()))
		if status, err := p.post(body, http.Header{"X-Hub-Signature-256": {meta.Sign(instagramSecret, body)}}); err != nil || status != http.StatusOK {
			t.Fatalf("answered %d, %v", status, err)
		}
		id, err := privatereply.ConversationID(privatereply.Instagram, instagramLogin, person)
		if err != nil {
			t.Fatal(err)
		}
		var status workflows.ConversationStatus
		value, err := p.Client.QueryWorkflow(t.Context(), id, "", workflows.StatusQuery)
		if err == nil {
			err = value.Get(&status)
		}
		if err != nil || len(status.Taps) != 1 || status.Taps[0].Reason != privatereply.UnknownButton || status.Taps[0].State != "" {
			t.Errorf("%+v, %v", status, err)
		}
	})
}

// offer sends a reply with a button to a comment of who. A fault is that of its send, after
// which nobody knows whether it arrived.
func (p *product) offer(t *testing.T, account, who, fault string) (reply string) {
	t.Helper()
	reply, comment := p.comment(meta.NewComment{Account: account, Username: who, Text: "Have you got a list?"})
	p.untilState(t, reply, privatereply.AwaitingApproval)
	if fault != "" {
		if _, err := p.Sandbox.AddFault(meta.Fault{Name: fault, CommentID: comment, Times: 1}); err != nil {
			t.Fatal(err)
		}
	}
	answer, err := p.update(t, reply, "approve", map[string]any{"approver": "ana", "text": offer, "buttons": []map[string]any{{"title": "Yes", "then": list}}})
	if err != nil || answer["accepted"] != true {
		t.Fatalf("approve: %v, %v", answer, err)
	}
	p.until(t, reply, func(s workflows.PrivateReplyStatus) bool {
		return s.State == privatereply.Sent || s.Send != nil && s.Send.Outcome == privatereply.OutcomeUnknown
	})
	return reply
}

func (p *product) tap(t *testing.T, n meta.NewTap) {
	t.Helper()
	if _, err := p.Sandbox.Tap(n); err != nil {
		t.Fatal(err)
	}
}

// untilTapped waits until a reply has heard of so many taps, and of what came of them.
func (p *product) untilTapped(t *testing.T, reply string, times int) workflows.PrivateReplyStatus {
	t.Helper()
	return p.until(t, reply, func(s workflows.PrivateReplyStatus) bool {
		return len(s.Taps) == 1 && s.Taps[0].Times == times && s.Taps[0].State != ""
	})
}

// wantReceived fails unless who has got the offer and the list, each once, and nothing else.
func (p *product) wantReceived(t *testing.T, account, who string) {
	t.Helper()
	got := p.Sandbox.MessagesReceived(meta.Person{Account: account, Username: who})
	if len(got) != 2 || got[list] != 1 {
		t.Errorf("%s received %v", who, got)
	}
	for words, n := range got {
		if n != 1 || words != list && !strings.HasPrefix(words, offer) {
			t.Errorf("%s received %q %d times", who, words, n)
		}
	}
}
