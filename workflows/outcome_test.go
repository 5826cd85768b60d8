package workflows

import (
	"strings"
	"testing"
	"time"

	"github.com/privatereply/privatereply"
)

// What follows an attempt depends on what all attempts so far have proved.
func TestNextStep(t *testing.T) {
	type result = privatereply.SendResult
	at := func(d time.Duration) time.Time { return start.Add(d) }
	sent := result{Outcome: privatereply.OutcomeSent}
	noAnswer := result{Outcome: privatereply.OutcomeUnknown, Reason: privatereply.NoAnswer, SentAt: at(0)}
	code2 := result{Outcome: privatereply.OutcomeNotSent, Reason: privatereply.Outage, Code: 2, Doubtful: true, SentAt: at(time.Minute)}
	code1200 := result{Outcome: privatereply.OutcomeNotSent, Reason: privatereply.Outage, Code: 1200}
	notConnected := result{Outcome: privatereply.OutcomeNotSent, Reason: privatereply.NotConnected}
	throttled := result{Outcome: privatereply.OutcomeNotSent, Reason: privatereply.Throttled, Code: 80001}
	token := result{Outcome: privatereply.OutcomeNotSent, Reason: privatereply.TokenRejected, Code: 190}
	app := result{Outcome: privatereply.OutcomeNotSent, Reason: privatereply.AppMisconfigured, Code: 101}
	over := result{Outcome: privatereply.OutcomeNotSent, Reason: privatereply.BroadcastEnded}
	gone := result{Outcome: privatereply.OutcomeRefused, Reason: privatereply.PersonUnavailable, Code: 551}
	used := result{Outcome: privatereply.OutcomeRefused, Reason: privatereply.AlreadyReplied, Code: 10900}
	unclear := result{Outcome: privatereply.OutcomeRefused, Reason: privatereply.NotRepliableOrAlreadyReplied, Code: 100}
	times := func(n int, r result) []result {
		var all []result
		for range n {
			all = append(all, r)
		}
		return all
	}
	tests := []struct {
		name    string
		results []result
		want    nextStep
		inDoubt bool
	}{
		{"sent", []result{sent}, stepDelivered, false},
		{"not connected", []result{notConnected}, stepRetry, false},
		{"not connected for days", times(500, notConnected), stepRetry, false},
		{"throttled for days", times(500, throttled), stepRetry, false},
		{"a token that nobody repairs", times(500, token), stepRetry, false},
		{"an app that nobody repairs", times(500, app), stepRetry, false},
		{"a passing code", times(maxFaults-1, code1200), stepRetry, false},
		{"a passing code that stays", times(maxFaults, code1200), stepRefused, false},
		{"a passing code between throttles", append(times(maxFaults-1, code1200), throttled, token), stepRetry, false},
		{"a doubtful code that stays", times(maxFaults, code2), stepReconcile, true},
		{"no answer", []result{noAnswer}, stepRepeat, true},
		{"no answer twice", []result{noAnswer, noAnswer}, stepReconcile, true},
		{"no answer, throttled", []result{noAnswer, throttled}, stepRetry, true},
		{"no answer, throttled, no answer", []result{noAnswer, throttled, noAnswer}, stepReconcile, true},
		{"already replied", []result{used}, stepRefused, false},
		{"throttled, already replied", []result{throttled, used}, stepRefused, false},
		{"not connected, already replied", []result{notConnected, used}, stepRefused, false},
		{"a code that proves nothing was done, already replied", []result{code1200, used}, stepRefused, false},
		{"doubtful, already replied", []result{code2, used}, stepReconcile, true},
		{"no answer, already replied", []result{noAnswer, used}, stepReconcile, true},
		{"Instagram's refusal", []result{unclear}, stepRetryRefusal, false},
		{"Instagram's refusal twice", []result{unclear, unclear}, stepRefused, false},
		{"no answer, Instagram's refusal", []result{noAnswer, unclear}, stepReconcile, true},
		{"refused", []result{gone}, stepRefused, false},
		{"no answer, refused", []result{noAnswer, gone}, stepReconcile, true},
		{"the broadcast is over", []result{over}, stepStop, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var a attempts
			var got nextStep
			for _, r := range tt.results {
				got = a.next(r, at(time.Hour))
			}
			if got != tt.want || a.inDoubt() != tt.inDoubt {
				t.Errorf("step %d, in doubt %v; want %d, %v", got, a.inDoubt(), tt.want, tt.inDoubt)
			}
		})
	}
	t.Run("what may have arrived, and what is a guess", func(t *testing.T) {
		unlisted := result{Outcome: privatereply.OutcomeNotSent, Reason: privatereply.Refused, Code: 4711, Doubtful: true, SentAt: at(0)}
		for want, r := range map[bool]result{true: code2, false: unlisted} {
			var a attempts
			if a.next(r, at(0)); a.strong != want {
				t.Errorf("%+v: strong is %v", r, a.strong)
			}
		}
	})
	t.Run("the earliest attempt that may have arrived counts", func(t *testing.T) {
		var a attempts
		for _, r := range []result{code2, noAnswer, code2} {
			a.next(r, at(time.Hour))
		}
		if !a.doubtSince.Equal(at(0)) {
			t.Errorf("in doubt since %v", a.doubtSince)
		}
	})
}

// What the conversation proves depends on Meta's last word and on whether every attempt
// was answered.
func TestReconcile(t *testing.T) {
	last := func(o privatereply.Outcome, r privatereply.Reason) privatereply.SendResult {
		return privatereply.SendResult{Outcome: o, Reason: r}
	}
	facebook := last(privatereply.OutcomeRefused, privatereply.AlreadyReplied)
	instagram := last(privatereply.OutcomeRefused, privatereply.NotRepliableOrAlreadyReplied)
	blocked := last(privatereply.OutcomeRefused, privatereply.PersonUnavailable)
	silent := last(privatereply.OutcomeUnknown, privatereply.NoAnswer)
	fault := last(privatereply.OutcomeNotSent, privatereply.Outage)
	there, absent := FindMessageResult{MessageID: "m_1", Readable: true}, FindMessageResult{Readable: true}
	none := FindMessageResult{Readable: true, Empty: true}
	answeredByOther, unreadable := FindMessageResult{Readable: true, Others: true}, FindMessageResult{}
	unknown := end{privatereply.DeliveryUnknown, privatereply.NoAnswer}
	tests := []struct {
		name       string
		last       privatereply.SendResult
		unanswered int
		found      FindMessageResult
		want       end
	}{
		{"there", silent, 2, there, end{privatereply.Sent, privatereply.FoundInConversation}},
		{"there, and refused", blocked, 1, there, end{privatereply.Sent, privatereply.FoundInConversation}},
		{"used by somebody else", facebook, 1, absent, end{privatereply.Undeliverable, privatereply.AlreadyReplied}},
		{"used by somebody else, whose words are there", instagram, 1, answeredByOther, end{privatereply.Undeliverable, privatereply.AlreadyReplied}},
		{"used, or the comment is gone", instagram, 1, absent, end{privatereply.Undeliverable, privatereply.NotRepliableOrAlreadyReplied}},
		{"used, nobody can read by whom", facebook, 1, unreadable, end{privatereply.Sent, privatereply.ConfirmedByRefusal}},
		{"a guess that it arrived, used, nobody can read by whom", facebook, 0, unreadable, unknown},
		{"a guess that it arrived, used by somebody else", facebook, 0, absent, end{privatereply.Undeliverable, privatereply.AlreadyReplied}},
		{"Instagram's code, nobody can read", instagram, 1, unreadable, unknown},
		{"never answered, absent", silent, 2, absent, unknown},
		{"never answered, nobody can read", silent, 2, unreadable, unknown},
		{"never answered, then refused, absent", blocked, 1, absent, unknown},
		{"a fault, nobody can read", fault, 0, unreadable, unknown},
		{"a fault, absent", fault, 0, absent, end{}},
		{"a fault, no conversation", fault, 0, none, end{}},
		{"never answered, no conversation", silent, 2, none, unknown},
		{"used, no conversation is shown", facebook, 1, none, end{privatereply.Sent, privatereply.ConfirmedByRefusal}},
		{"Instagram's code, no conversation is shown", instagram, 1, none, unknown},
		{"a fault, then refused, absent", blocked, 0, absent, end{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := attempts{last: tt.last, unanswered: tt.unanswered, doubt: privatereply.NoAnswer, doubtSince: start, strong: !strings.HasPrefix(tt.name, "a guess")}
			if got := a.reconcile(tt.found); got != tt.want {
				t.Errorf("%+v, want %+v", got, tt.want)
			}
		})
	}
}
