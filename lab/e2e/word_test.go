package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/workflows"
)

// What the product says happened is what happened, whoever else writes to the person
// and however Meta's answers get lost. Meta's limit of two conversation calls a second
// is kept all the time. A busy machine can bunch calls, by one in a second.
func TestWord(t *testing.T) {
	p := start(t)
	p.Sandbox.SetLimits(meta.Limits{PostsPerHour: -1}) // all others are Meta's own
	t.Cleanup(p.startWorker())
	t.Run("All", func(t *testing.T) {
		t.Run("HumanAfterRefusal", p.testHumanAfterRefusal)
		t.Run("HumanAfterReset", p.testHumanAfterReset)
		t.Run("TwoTexts", p.testTwoTexts)
		t.Run("ManyUnknown", p.testManyUnknown)
		t.Run("LostAnswer", p.testLostAnswer)
	})
	for _, a := range p.Sandbox.Report().Accounts {
		if a.MostConversationsInSecond > 3 {
			t.Errorf("account %s: %d conversation calls in one second; Meta allows 2", a.Account, a.MostConversationsInSecond)
		}
		calls := p.Sandbox.CallTimes(a.Account, meta.LimitConversations)
		for i := 20; i < len(calls); i++ {
			if took := calls[i].Sub(calls[i-20]); took < 10*time.Second {
				t.Errorf("account %s: 21 conversation calls in %s; Meta allows 2 a second", a.Account, took)
			}
		}
	}
}

// struckComment has somebody comment, so that a fault strikes the reply to it, and
// delivers the webhook.
func (p *product) struckComment(t *testing.T, n meta.NewComment, fault meta.Fault) (reply, id string) {
	t.Helper()
	n.NoWebhook = true
	reply, id = p.comment(n)
	fault.CommentID, fault.Times = id, 1
	if _, err := p.Sandbox.AddFault(fault); err != nil {
		t.Fatal(err)
	}
	body, header, err := p.Sandbox.SignedWebhook(id)
	if err != nil {
		t.Fatal(err)
	}
	if status, err := p.post(body, header); err != nil || status != 200 {
		t.Fatal(status, err)
	}
	return reply, id
}

// Meta refuses an attempt with a code that proves that nothing was delivered. While the
// reply waits, a human answers in Meta's own inbox.
func (p *product) testHumanAfterRefusal(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		account string
		source  privatereply.Source // a live reply is tried again soon
		reason  privatereply.Reason
	}{
		{instagram, privatereply.SourceLive, privatereply.NotRepliableOrAlreadyReplied},
		{page, privatereply.SourcePost, privatereply.AlreadyReplied},
	} {
		t.Run(tt.account, func(t *testing.T) {
			t.Parallel()
			if tt.source == privatereply.SourceLive {
				if _, err := p.Sandbox.StartLive(tt.account); err != nil {
					t.Fatal(err)
				}
			}
			reply, id := p.struckComment(t, meta.NewComment{Account: tt.account, Source: tt.source, Username: "human-" + tt.account, Text: "price?"},
				meta.Fault{Name: "error", Code: 1200, Subcode: 2018024})
			p.until(t, reply, func(s workflows.PrivateReplyStatus) bool { return s.Send != nil && s.Send.Code != 0 })
			if _, err := p.Sandbox.HumanReply(id, "I answer you myself"); err != nil {
				t.Fatal(err)
			}
			s := p.until(t, reply, func(s workflows.PrivateReplyStatus) bool { return s.State != privatereply.Sending })
			if s.State != privatereply.Undeliverable || s.Reason != tt.reason {
				t.Errorf("%s %s, although only the human's message was delivered", s.State, s.Reason)
			}
		})
	}
}

// The connection breaks before Meta takes anything. A human answers in Meta's inbox
// before the guarded repeat, which Meta refuses because of the human's message.
func (p *product) testHumanAfterReset(t *testing.T) {
	t.Parallel()
	for _, account := range []string{instagram, instagramLogin, page} {
		t.Run(account, func(t *testing.T) {
			t.Parallel()
			name := "reset-" + account
			reply, id := p.struckComment(t, meta.NewComment{Account: account, Username: name, Text: "price?"}, meta.Fault{Name: "reset"})
			p.until(t, reply, func(s workflows.PrivateReplyStatus) bool {
				return s.Send != nil && s.Send.Outcome == privatereply.OutcomeUnknown
			})
			if _, err := p.Sandbox.HumanReply(id, "I answer you myself"); err != nil {
				t.Fatal(err)
			}
			s := p.until(t, reply, func(s workflows.PrivateReplyStatus) bool { return s.State != privatereply.Sending })
			if s.State != privatereply.Undeliverable || s.Reason != privatereply.AlreadyReplied {
				t.Errorf("%s %s; the conversation has the human's message and not ours", s.State, s.Reason)
			}
			if got := p.received(account, name); !slices.Equal(got, []string{"I answer you myself"}) {
				t.Errorf("the person received %q", got)
			}
		})
	}
}

// One person writes two comments, which get two different texts. Meta takes both and
// drops both answers. Each text stands exactly once in the conversation.
func (p *product) testTwoTexts(t *testing.T) {
	t.Parallel()
	for _, texts := range [][]string{{"Yes, in oak.", "We ship to Norway."}, {"The same to both.", "The same to both."}} {
		name := "asks-" + texts[1][:4]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var replies []string
			for range texts {
				reply, id := p.comment(meta.NewComment{Account: instagram, Username: name, Text: "Hello?"})
				if _, err := p.Sandbox.AddFault(meta.Fault{Name: "accept-then-drop", CommentID: id, Times: 1}); err != nil {
					t.Fatal(err)
				}
				replies = append(replies, reply)
			}
			for i, reply := range replies {
				p.untilState(t, reply, privatereply.AwaitingApproval)
				if _, err := p.update(t, reply, "approve", map[string]any{"approver": "ana", "text": texts[i]}); err != nil {
					t.Fatal(err)
				}
			}
			messages := map[string]bool{}
			for i, reply := range replies {
				s := p.until(t, reply, func(s workflows.PrivateReplyStatus) bool { return s.State != privatereply.Sending })
				if s.State != privatereply.Sent || s.Reason != privatereply.FoundInConversation {
					t.Errorf("%q stands in the conversation: %s %s", texts[i], s.State, s.Reason)
				}
				messages[s.Send.MessageID] = true
			}
			if len(messages) != len(texts) {
				t.Errorf("both replies claim one message: %v", messages)
			}
			if got := p.received(instagram, name); !slices.Equal(got, texts) {
				t.Errorf("received %q", got)
			}
		})
	}
}

// A short fault of Meta makes 40 deliveries of one account unknown at once. All of them
// end as what they are.
func (p *product) testManyUnknown(t *testing.T) {
	t.Parallel()
	const n = 40
	var all []string
	for i := range n {
		reply, _ := p.struckComment(t, meta.NewComment{Account: instagramLogin, Username: fmt.Sprint("many", i), Text: "price?"},
			meta.Fault{Name: "accept-then-drop"})
		all = append(all, reply)
	}
	ended := map[end]int{}
	for _, reply := range all {
		s := p.until(t, reply, func(s workflows.PrivateReplyStatus) bool { return s.State != privatereply.Sending })
		ended[end{s.State, s.Reason}]++
	}
	if ended[end{privatereply.Sent, privatereply.FoundInConversation}] != n {
		t.Errorf("of %d delivered replies %v", n, ended)
	}
}

// A message that no webhook told of opens the window all the same: a follow-up reads the
// conversation before it is refused.
func (p *product) testLostAnswer(t *testing.T) {
	t.Parallel()
	for _, account := range []string{instagram, instagramLogin, page} {
		t.Run(account, func(t *testing.T) {
			t.Parallel()
			name := "noor-" + account
			reply, _ := p.comment(meta.NewComment{Account: account, Username: name, Text: "price?"})
			sent := p.untilState(t, reply, privatereply.Sent)
			conversation, err := privatereply.ConversationID(sent.Comment.Platform, account, sent.Send.RecipientID)
			if err != nil {
				t.Fatal(err)
			}
			p.untilJoined(t, conversation)
			if _, err := p.Sandbox.WriteMessage(meta.NewMessage{Account: account, Username: name, Text: "Thanks, can I order two?", NoWebhook: true}); err != nil {
				t.Fatal(err)
			}
			answer, err := p.update(t, conversation, "reply", map[string]any{"agent": "ana", "text": "Yes, of course"})
			if err != nil || answer["state"] != "sent" {
				t.Errorf("the follow-up: %v, %v", answer, err)
			}
			p.untilState(t, reply, privatereply.Responded)
		})
	}
}
