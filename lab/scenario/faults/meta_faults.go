package faults

import (
	"fmt"
	"sync"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/meta"
)

// metaOnReplies lets each fault of the sandbox strike a private reply, on each way
// to be connected to Meta.
func metaOnReplies() Scenario {
	waiting := func(reason privatereply.Reason) Expect {
		return each(Verdict{State: privatereply.Sending, Reason: reason, Calls: 1})
	}
	undeliverable := func(reason privatereply.Reason) Expect {
		return each(Verdict{State: privatereply.Undeliverable, Reason: reason, Calls: 1})
	}
	g := Scenario{Name: "meta-replies", About: "each fault of the sandbox on private replies"}
	for _, f := range []struct {
		fault  meta.Fault
		name   string // "": the fault's
		expect Expect
	}{
		{fault: meta.Fault{Name: "slow", DelayMilliseconds: 3000}, expect: each(delivered)},
		{fault: meta.Fault{Name: "slow", DelayMilliseconds: 17_000}, name: "slower-than-the-time-out", expect: each(found, secondTry)},
		{fault: meta.Fault{Name: "hang"}, expect: each(secondTry)},
		{fault: meta.Fault{Name: "reset"}, expect: each(secondTry)},
		{fault: meta.Fault{Name: "reset", Times: 2}, name: "reset-twice",
			expect: each(Verdict{State: privatereply.DeliveryUnknown, Reason: privatereply.NoAnswer, Calls: 2})},
		{fault: meta.Fault{Name: "transient"}, expect: each(secondTry)},
		{fault: meta.Fault{Name: "error", Code: 551}, name: "error-person-unavailable", expect: undeliverable(privatereply.PersonUnavailable)},
		{fault: meta.Fault{Name: "error", Code: 4711, Subcode: 1}, name: "error-never-heard-of", expect: each(secondTry)},
		{fault: meta.Fault{Name: "accept-then-drop"}, expect: each(found)},
		{fault: meta.Fault{Name: "accept-then-500"}, expect: each(found)},
		{fault: meta.Fault{Name: "accept-then-hang"}, expect: each(found)},
		{fault: meta.Fault{Name: "accept-then-not-json"}, expect: each(found)},
		{fault: meta.Fault{Name: "accept-then-error"}, expect: each(found)},
		{fault: meta.Fault{Name: "accept-without-ids"}, expect: each(found)},
		{fault: meta.Fault{Name: "without-recipient"}, expect: each(delivered)},
		{fault: meta.Fault{Name: "trickle", DelayMilliseconds: 1}, expect: each(delivered)},
		{fault: meta.Fault{Name: "trickle", DelayMilliseconds: 1000}, name: "trickle-too-slowly", expect: each(found)},
	} {
		g.Cases = append(g.Cases, Case{Name: nameOf(f.name, f.fault), Expect: f.expect, run: faultOnReplies(f.fault, connected...)})
	}
	// What holds up a whole account strikes accounts that nobody else uses.
	for i, f := range []struct {
		fault  meta.Fault
		expect Expect
	}{
		{meta.Fault{Name: "throttle", Minutes: 1}, each(secondTry)},
		{meta.Fault{Name: "token-revoked"}, waiting(privatereply.TokenRejected)},
		{meta.Fault{Name: "permission-missing"}, waiting(privatereply.NotPermitted)},
		{meta.Fault{Name: "blocked"}, waiting(privatereply.AccountBlocked)},
	} {
		g.Cases = append(g.Cases, Case{Name: f.fault.Name, Expect: f.expect, run: faultOnReplies(f.fault, restingPages+i, restingInstagram+i)})
	}
	return g
}

func nameOf(name string, f meta.Fault) string {
	if name == "" {
		return f.Name
	}
	return name
}

// faultOnReplies has somebody comment on each of the accounts, and the fault strike
// each reply.
func faultOnReplies(f meta.Fault, accounts ...int) func(*caseRun) {
	return func(t *caseRun) {
		for _, where := range accounts {
			c := t.comment(where, price)
			t.injectFault(c, f)
			t.deliver(c.id)
		}
	}
}

// metaOnFollowUps lets each fault strike a follow-up. Meta does not keep it from
// being delivered twice.
func metaOnFollowUps() Scenario {
	g := Scenario{Name: "meta-follow-ups", About: "each fault of the sandbox on follow-ups"}
	for _, f := range []struct {
		fault    meta.Fault
		name     string
		outcome  string
		received int
	}{
		{meta.Fault{Name: "slow", DelayMilliseconds: 3000}, "", "sent", 1},
		{meta.Fault{Name: "hang"}, "", "unknown (no_answer)", 0},
		{meta.Fault{Name: "reset"}, "", "unknown (no_answer)", 0},
		{meta.Fault{Name: "throttle", Minutes: 5}, "", "refused (throttled)", 0},
		{meta.Fault{Name: "transient"}, "", "unknown (outage)", 0},
		{meta.Fault{Name: "token-revoked"}, "", "refused (token_rejected)", 0},
		{meta.Fault{Name: "permission-missing"}, "", "refused (not_permitted)", 0},
		{meta.Fault{Name: "blocked"}, "", "refused (account_blocked)", 0},
		{meta.Fault{Name: "error", Code: 551}, "error-person-unavailable", "refused (person_unavailable)", 0},
		{meta.Fault{Name: "error", Code: 4711, Subcode: 1}, "error-never-heard-of", "unknown (refused)", 0},
		{meta.Fault{Name: "accept-then-drop"}, "", "sent (found_in_conversation)", 1},
		{meta.Fault{Name: "accept-then-500"}, "", "sent (found_in_conversation)", 1},
		{meta.Fault{Name: "accept-then-hang"}, "", "sent (found_in_conversation)", 1},
		{meta.Fault{Name: "accept-then-not-json"}, "", "sent (found_in_conversation)", 1},
		{meta.Fault{Name: "accept-then-error"}, "", "sent (found_in_conversation)", 1},
		{meta.Fault{Name: "accept-without-ids"}, "", "sent (found_in_conversation)", 1},
		{meta.Fault{Name: "without-recipient"}, "", "sent", 1},
		{meta.Fault{Name: "trickle", DelayMilliseconds: 1}, "", "sent", 1},
		{meta.Fault{Name: "trickle", DelayMilliseconds: 1000}, "trickle-too-slowly", "sent (found_in_conversation)", 1},
	} {
		var also string
		for i := range connected {
			if i > 0 {
				also += "; "
			}
			also += fmt.Sprintf("follow-up %s, received %s", f.outcome, plural(f.received, "time"))
		}
		g.Cases = append(g.Cases, Case{Name: nameOf(f.name, f.fault), Expect: Expect{Observed: also}, run: faultOnFollowUps(f.fault)})
	}
	return g
}

func faultOnFollowUps(f meta.Fault) func(*caseRun) {
	return func(t *caseRun) {
		const text = "It takes a week."
		people, outcomes := make([]meta.Person, len(connected)), make([]string, len(connected))
		var all sync.WaitGroup
		for i, where := range connected {
			all.Go(func() {
				p, f := t.openConversation(where, time.Time{}), f
				f.Calls, f.Recipient = string(meta.OpFollowUp), t.personID(p)
				t.addFault(f)
				people[i], outcomes[i] = p, t.followUp(p, where, text)
			})
		}
		all.Wait()
		for i, p := range people {
			t.observeFollowUp(p, outcomes[i], text)
		}
	}
}
