package activities

import (
	"testing"
	"time"

	"github.com/privatereply/privatereply"
)

// Without a permit nothing is sent, and the result names the slot; the account that
// has to wait is the only one.
func TestSendPrivateReplyPaced(t *testing.T) {
	b := newBench(t, says(200, delivered))
	send := func(account privatereply.Account, byPerson bool) privatereply.SendResult {
		in := privateReply(postComment(account), 1)
		in.ByPerson = byPerson
		got, err := run[privatereply.SendResult](t, b, "SendPrivateReply", in)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	for i := range 24 { // the part of the burst that is the rules'
		if got := send(page, false); got.Outcome != privatereply.OutcomeSent {
			t.Fatalf("reply %d: %+v", i+1, got)
		}
	}
	got := send(page, false)
	want := privatereply.SendResult{Outcome: privatereply.OutcomeNotSent, Reason: privatereply.Paced}
	if wait := got.RetryAt.Sub(noon); wait < 5*time.Second || wait > 6*time.Second {
		t.Errorf("the slot is in %v, want one at 700 an hour", wait)
	}
	if got.RetryAt = (time.Time{}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := send(page, true); got.Outcome != privatereply.OutcomeSent {
		t.Errorf("approved by a person: %+v", got)
	}
	if got := send(instagramLogin, false); got.Outcome != privatereply.OutcomeSent {
		t.Errorf("another account: %+v", got)
	}
	if n := len(b.paths()); n != 26 {
		t.Errorf("%d requests left, want 26", n)
	}
}

// Where Meta holds back the account its other replies are not even tried; where it
// is about one comment or one post, they are.
func TestWhatHoldsBackTheAccount(t *testing.T) {
	tests := []struct {
		name string
		body string
		held privatereply.Reason
		wait time.Duration
	}{
		{"throttled", `{"error":{"code":4}}`, privatereply.Throttled, time.Minute},
		{"Page throttled", `{"error":{"code":32}}`, privatereply.Throttled, 5 * time.Minute},
		{"token", `{"error":{"code":190}}`, privatereply.TokenRejected, 5 * time.Minute},
		{"permission", `{"error":{"code":10}}`, privatereply.NotPermitted, 5 * time.Minute},
		{"blocked", `{"error":{"code":368}}`, privatereply.AccountBlocked, 30 * time.Minute},
		{"a restricted post", `{"error":{"code":200,"error_subcode":2534066}}`, "", 0},
		{"an outage", `{"error":{"code":2}}`, "", 0},
		{"a final refusal", `{"error":{"code":551}}`, "", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, says(400, tt.body))
			for range 2 {
				if _, err := run[privatereply.SendResult](t, b, "SendPrivateReply", privateReply(postComment(page), 1)); err != nil {
					t.Fatal(err)
				}
			}
			got, err := run[privatereply.SendResult](t, b, "SendPrivateReply", privateReply(postComment(page), 1))
			if err != nil {
				t.Fatal(err)
			}
			if tt.held == "" {
				if n := len(b.paths()); n != 3 {
					t.Errorf("%d requests for three replies", n)
				}
				return
			}
			if n := len(b.paths()); n != 1 || got.Reason != tt.held || got.Wrote || got.Code != 0 {
				t.Errorf("%d requests, the third reply got %+v", n, got)
			}
			if wait := got.RetryAt.Sub(noon); wait < tt.wait || wait > tt.wait*6/5+10*time.Second {
				t.Errorf("it waits %v, want %v", wait, tt.wait)
			}
		})
	}
}
