package e2e

import (
	"net/http"
	"testing"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/workflows"
)

// faultCase is a fault of the sandbox that strikes one send, and what must come of it.
type faultCase struct {
	fault    meta.Fault
	ends     []end // any of them
	received int
}

// Whatever Meta's side does to the send, the person receives at most one message
// and the reply says what became of it. The verdict is the sandbox's own count.
func (p *product) testFaults(t *testing.T) {
	sent := func(reasons ...privatereply.Reason) []end { return ends(privatereply.Sent, reasons...) }
	tests := []faultCase{
		{meta.Fault{Name: "accept-then-drop"}, sent(privatereply.FoundInConversation), 1},
		{meta.Fault{Name: "accept-then-500"}, sent(privatereply.FoundInConversation), 1},
		{meta.Fault{Name: "accept-then-hang"}, sent(privatereply.FoundInConversation), 1},
		{meta.Fault{Name: "accept-then-not-json"}, sent(privatereply.FoundInConversation), 1},
		{meta.Fault{Name: "accept-then-error"}, sent(privatereply.FoundInConversation), 1},
		{meta.Fault{Name: "accept-without-ids"}, sent(privatereply.FoundInConversation), 1},
		{meta.Fault{Name: "without-recipient"}, sent(""), 1},
		{meta.Fault{Name: "trickle", DelayMilliseconds: 1000}, sent(privatereply.FoundInConversation), 1},
		{meta.Fault{Name: "trickle", DelayMilliseconds: 1}, sent(""), 1},
		{meta.Fault{Name: "slow", DelayMilliseconds: 100}, sent(""), 1},
		{meta.Fault{Name: "slow", DelayMilliseconds: 12000}, sent(privatereply.FoundInConversation, privatereply.ConfirmedByRefusal, ""), 1},
		{meta.Fault{Name: "hang"}, sent(""), 1},
		{meta.Fault{Name: "reset"}, sent(""), 1},
		{meta.Fault{Name: "transient"}, ends(privatereply.Sending, privatereply.Outage), 0},
		{meta.Fault{Name: "error", Code: 551}, ends(privatereply.Undeliverable, privatereply.PersonUnavailable), 0},
		{meta.Fault{Name: "error", Code: 4711, Subcode: 1}, ends(privatereply.Sending, privatereply.Refused), 0},
	}
	for _, account := range []string{instagram, instagramLogin, page} {
		for _, tt := range tests {
			t.Run(account+"/"+tt.fault.Name, func(t *testing.T) {
				t.Parallel()
				p.strike(t, account, tt)
			})
		}
	}
}

// What Meta refuses for now pauses the account and loses nothing. A worker keeps
// its pauses in memory, so that each fault meets a new one.
func (p *product) testPauses(t *testing.T) {
	for _, tt := range []faultCase{
		{fault: meta.Fault{Name: "throttle", Minutes: 30}, ends: ends(privatereply.Sending, privatereply.Throttled)},
		{fault: meta.Fault{Name: "token-revoked"}, ends: ends(privatereply.Sending, privatereply.TokenRejected)},
		{fault: meta.Fault{Name: "permission-missing"}, ends: ends(privatereply.Sending, privatereply.NotPermitted)},
		{fault: meta.Fault{Name: "blocked"}, ends: ends(privatereply.Sending, privatereply.AccountBlocked)},
	} {
		t.Run(tt.fault.Name, func(t *testing.T) {
			defer p.startWorker()()
			for _, account := range []string{instagram, instagramLogin, page} {
				p.strike(t, account, tt)
			}
		})
	}
}

// strike has somebody comment, and the fault strike the reply to it.
func (p *product) strike(t *testing.T, account string, c faultCase) {
	t.Helper()
	id, err := p.Sandbox.Comment(meta.NewComment{Account: account, Username: "fault-" + c.fault.Name, Text: "price?", NoWebhook: true})
	if err != nil {
		t.Fatal(err)
	}
	c.fault.CommentID, c.fault.Times = id, 1
	if _, err := p.Sandbox.AddFault(c.fault); err != nil {
		t.Fatal(err)
	}
	body, header, err := p.Sandbox.SignedWebhook(id)
	if err != nil {
		t.Fatal(err)
	}
	if status, err := p.post(body, header); err != nil || status != 200 {
		t.Fatalf("answered %d, %v", status, err)
	}
	p.until(t, p.replyID(account, id), func(s workflows.PrivateReplyStatus) bool { return reached(s, c.ends) })
	if n := p.Sandbox.RepliesDelivered(id); n != c.received {
		t.Errorf("%d messages were received, want %d", n, c.received)
	}
}

// Two comments of one person get the same text, and the send to the second one is
// lost. The message of the first one, of which nobody else may know yet, is no proof.
func (p *product) testTwoWithOneText(t *testing.T) {
	plainly := []privatereply.Reason{""}
	for name, first := range map[string]struct {
		faults  []meta.Fault
		reasons []privatereply.Reason
	}{
		"sent":            {reasons: plainly},
		"answered slowly": {faults: []meta.Fault{{Name: "trickle", DelayMilliseconds: 40}}, reasons: plainly},
		"unknown too":     {faults: []meta.Fault{{Name: "accept-then-drop"}}, reasons: []privatereply.Reason{privatereply.FoundInConversation, privatereply.ConfirmedByRefusal}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var comments []string
			for _, faults := range [][]meta.Fault{first.faults, {{Name: "reset"}}} {
				id, err := p.Sandbox.Comment(meta.NewComment{Account: page, Username: "asks-twice-" + name, Text: "price?", NoWebhook: true})
				if err != nil {
					t.Fatal(err)
				}
				for _, f := range faults {
					f.CommentID, f.Times = id, 1
					if _, err := p.Sandbox.AddFault(f); err != nil {
						t.Fatal(err)
					}
				}
				body, header, err := p.Sandbox.SignedWebhook(id)
				if err != nil {
					t.Fatal(err)
				}
				if status, err := p.post(body, header); err != nil || status != http.StatusOK {
					t.Fatalf("answered %d, %v", status, err)
				}
				comments = append(comments, id)
			}
			for i, reasons := range [][]privatereply.Reason{first.reasons, plainly} {
				id := comments[i]
				p.until(t, p.replyID(page, id), func(s workflows.PrivateReplyStatus) bool { return reached(s, ends(privatereply.Sent, reasons...)) })
				if n := p.Sandbox.RepliesDelivered(id); n != 1 {
					t.Errorf("%d messages were received for comment %d, want 1", n, i+1)
				}
			}
		})
	}
}

// end is a state with its reason; a reply that waits gives the reason of its last
// attempt.
type end struct {
	state  privatereply.State
	reason privatereply.Reason
}

func ends(state privatereply.State, reasons ...privatereply.Reason) []end {
	var all []end
	for _, reason := range reasons {
		all = append(all, end{state, reason})
	}
	return all
}

func reached(s workflows.PrivateReplyStatus, any []end) bool {
	for _, want := range any {
		switch {
		case s.State != want.state:
		case s.State == privatereply.Sending:
			if s.Send != nil && s.Send.Reason == want.reason && !s.Send.RetryAt.IsZero() {
				return true
			}
		case s.Reason == want.reason:
			return true
		}
	}
	return false
}
