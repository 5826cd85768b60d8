package faults

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/workflows"
)

// effectRulesYAML are rules that do more than send a text.
const effectRulesYAML = `  - name: list
    when: says(text, "list")
    reply: "Hi {{username|there}}, shall we send the list?"
    buttons:
      - title: "Yes, please"
        then: "Here it is: https://example.com/list"
      - title: "Open shop"
        url: "https://example.com"
  - name: colours
    when: says(text, "colours")
    reply: "Hi {{username|there}}, oak and walnut."
    public: "Look into your messages."
  - name: advertising
    when: says(text, "followers")
    ignore: true
    hide: true
  - name: giveaway
    when: says(text, "win")
    reply: "Hi {{username|there}}, you are in."
    once: person_and_post
`

// What people write, by what those rules make of it, and what they get.
const (
	wantsList  = "May I have the list?"     // a message with a button
	colours    = "Which colours are there?" // a message, and a public reply
	advertises = "Ten thousand followers"   // hidden
	wins       = "I want to win"            // answered once

	buttonTitle = "Yes, please"
	listText    = "Here it is: https://example.com/list"
)

// effectFault is a fault that strikes something beside a reply, and what must come of it.
type effectFault struct {
	fault meta.Fault
	name  string // empty: the fault's
	state workflows.EffectState
	why   privatereply.Reason
	times int  // how often it is there at the end
	holds bool // it holds up a whole account: others would wait too
}

// metaOnPublicReplies lets each fault strike a public reply. Meta does not keep it from
// being there twice.
func metaOnPublicReplies() Scenario {
	const done, unknown, waiting = workflows.EffectDone, workflows.EffectUnknown, workflows.EffectWaiting
	g := Scenario{Name: "meta-public-replies", About: "each fault of the sandbox on public replies, and on reading what stands under a comment"}
	held := heldOnPublicReplies
	for i, f := range []effectFault{
		{fault: meta.Fault{Name: "slow", DelayMilliseconds: 3000}, state: done, times: 1},
		{fault: meta.Fault{Name: "slow", DelayMilliseconds: 17_000}, name: "slower-than-the-time-out", state: done, why: privatereply.FoundUnderComment, times: 1},
		{fault: meta.Fault{Name: "hang"}, state: unknown, why: privatereply.NoAnswer},
		{fault: meta.Fault{Name: "reset"}, state: unknown, why: privatereply.NoAnswer},
		{fault: meta.Fault{Name: "transient"}, state: unknown, why: privatereply.Outage},
		{fault: meta.Fault{Name: "error", Code: 4711, Subcode: 1}, name: "error-never-heard-of", state: unknown, why: privatereply.Refused},
		{fault: meta.Fault{Name: "accept-then-drop"}, state: done, why: privatereply.FoundUnderComment, times: 1},
		{fault: meta.Fault{Name: "accept-then-500"}, state: done, why: privatereply.FoundUnderComment, times: 1},
		{fault: meta.Fault{Name: "accept-then-hang"}, state: done, why: privatereply.FoundUnderComment, times: 1},
		{fault: meta.Fault{Name: "accept-then-not-json"}, state: done, why: privatereply.FoundUnderComment, times: 1},
		{fault: meta.Fault{Name: "accept-then-error"}, state: done, why: privatereply.FoundUnderComment, times: 1},
		{fault: meta.Fault{Name: "accept-without-ids"}, state: done, why: privatereply.FoundUnderComment, times: 1},
		{fault: meta.Fault{Name: "without-recipient"}, state: done, times: 1},
		{fault: meta.Fault{Name: "trickle", DelayMilliseconds: 1}, state: done, times: 1},
		{fault: meta.Fault{Name: "trickle", DelayMilliseconds: 1000}, name: "trickle-too-slowly", state: done, why: privatereply.FoundUnderComment, times: 1},
		{fault: meta.Fault{Name: "throttle", Minutes: 1}, state: done, times: 1, holds: true},
		{fault: meta.Fault{Name: "token-revoked"}, state: waiting, why: privatereply.TokenRejected, holds: true},
		{fault: meta.Fault{Name: "permission-missing"}, state: waiting, why: privatereply.NotPermitted, holds: true},
		{fault: meta.Fault{Name: "blocked"}, state: waiting, why: privatereply.AccountBlocked, holds: true},
	} {
		accounts := pairOf(i / publicRepliesAtOnce)
		if f.holds {
			accounts = f.accounts(&held)
		}
		g.Cases = append(g.Cases, Case{
			Name: nameOf(f.name, f.fault), Expect: each(delivered).and(f.words("public reply", len(accounts))),
			run: func(t *caseRun) { t.faultOnPublicReplies(f, accounts, meta.OpPublicReply) },
		})
	}
	// What was posted without an answer is looked for; each fault strikes that once.
	for i, f := range []effectFault{
		{fault: meta.Fault{Name: "hang"}}, {fault: meta.Fault{Name: "reset"}}, {fault: meta.Fault{Name: "transient"}},
		{fault: meta.Fault{Name: "accept-then-drop"}}, {fault: meta.Fault{Name: "accept-then-500"}}, {fault: meta.Fault{Name: "accept-then-not-json"}},
		{fault: meta.Fault{Name: "slow", DelayMilliseconds: 3000}},
		{fault: meta.Fault{Name: "too-large", Limit: 5}}, {fault: meta.Fault{Name: "time-paging"}}, {fault: meta.Fault{Name: "circle"}},
	} {
		f.state, f.why, f.times = done, privatereply.FoundUnderComment, 1
		accounts := pairOf(2 + i/publicRepliesAtOnce)
		g.Cases = append(g.Cases, Case{
			Name: "reading-" + f.fault.Name, Expect: each(delivered).and(f.words("public reply", len(accounts))),
			run: func(t *caseRun) { t.faultOnPublicReplies(f, accounts, meta.OpCommentReplies) },
		})
	}
	return g
}

// accounts are those that the fault strikes on: where it holds up a whole account, a Page
// and an Instagram account that nobody else uses.
func (f effectFault) accounts(held *int) []int {
	if !f.holds {
		return connected
	}
	*held++
	return pairOf(*held - 1)
}

// publicRepliesAtOnce is how many cases share a pair of accounts: an account has ten public
// replies in one moment, and then one a minute.
const publicRepliesAtOnce = 8

// The first pair of accounts of each scenario for what holds up a whole account.
const (
	heldOnPublicReplies = 4
	heldOnHides         = heldOnPublicReplies + 4
	heldOnTaps          = heldOnHides + 4
)

// pairOf are a Page and an Instagram account for cases beside replies.
func pairOf(n int) []int { return []int{effectPages + n, effectInstagram + n} }

// words are what a case must have seen, on so many accounts.
func (f effectFault) words(what string, accounts int) string {
	return strings.Join(slices.Repeat([]string{effectWords(what, f.state, f.why, f.times)}, accounts), "; ")
}

func effectWords(what string, state workflows.EffectState, why privatereply.Reason, times int) string {
	words := what + " " + string(state)
	if why != "" {
		words += " (" + string(why) + ")"
	}
	return words + ", there " + plural(times, "time")
}

// faultOnPublicReplies has somebody comment on each account, and the fault strike the public
// reply, or the reading of what stands under the comment after an answer that was lost.
func (t *caseRun) faultOnPublicReplies(f effectFault, accounts []int, strikes meta.Operation) {
	for _, where := range accounts {
		c := t.comment(where, colours)
		fault := f.fault
		fault.Calls = string(strikes)
		if strikes == meta.OpCommentReplies {
			t.injectFault(c, meta.Fault{Name: "accept-then-drop", Calls: string(meta.OpPublicReply)})
		}
		t.injectFault(c, fault)
		t.deliver(c.id)
	}
	for _, c := range t.comments {
		t.observePublicReply(c, f.state)
	}
}

// observePublicReply waits until the public reply has ended, or waits for its next try if
// that is what it must come to, and says how it stands.
func (t *caseRun) observePublicReply(c *comment, want workflows.EffectState) {
	s := t.awaitStatus(c, "the end of the public reply", func(s workflows.PrivateReplyStatus) bool {
		p := s.PublicReply
		return p != nil && (p.State != workflows.EffectWaiting || want == workflows.EffectWaiting && !p.RetryAt.IsZero())
	})
	t.observe("%s", effectWords("public reply", s.PublicReply.State, s.PublicReply.Reason, len(t.Sandbox.PublicReplies(c.id))))
}

// metaOnHides lets each fault strike the hiding of a comment, which is safe to repeat.
func metaOnHides() Scenario {
	const done, waiting, refused = workflows.EffectDone, workflows.EffectWaiting, workflows.EffectRefused
	g := Scenario{Name: "meta-hides", About: "each fault of the sandbox on the hiding of comments"}
	held := heldOnHides
	for _, f := range []effectFault{
		{fault: meta.Fault{Name: "slow", DelayMilliseconds: 3000}, state: done, times: 1},
		{fault: meta.Fault{Name: "slow", DelayMilliseconds: 17_000}, name: "slower-than-the-time-out", state: done, times: 1},
		{fault: meta.Fault{Name: "hang"}, state: done, times: 1},
		{fault: meta.Fault{Name: "reset"}, state: done, times: 1},
		{fault: meta.Fault{Name: "transient"}, state: done, times: 1},
		{fault: meta.Fault{Name: "error", Code: 4711, Subcode: 1}, name: "error-never-heard-of", state: done, times: 1},
		{fault: meta.Fault{Name: "error", Code: 100, Subcode: 33}, name: "error-not-found", state: refused, why: privatereply.CommentNotFound},
		{fault: meta.Fault{Name: "accept-then-drop"}, state: done, times: 1},
		{fault: meta.Fault{Name: "accept-then-500"}, state: done, times: 1},
		{fault: meta.Fault{Name: "accept-then-hang"}, state: done, times: 1},
		{fault: meta.Fault{Name: "accept-then-not-json"}, state: done, times: 1},
		{fault: meta.Fault{Name: "accept-then-error"}, state: done, times: 1},
		{fault: meta.Fault{Name: "accept-without-ids"}, state: done, times: 1},
		{fault: meta.Fault{Name: "without-recipient"}, state: done, times: 1},
		{fault: meta.Fault{Name: "trickle", DelayMilliseconds: 1}, state: done, times: 1},
		{fault: meta.Fault{Name: "trickle", DelayMilliseconds: 1000}, name: "trickle-too-slowly", state: done, times: 1},
		{fault: meta.Fault{Name: "throttle", Minutes: 1}, state: done, times: 1, holds: true},
		{fault: meta.Fault{Name: "token-revoked"}, state: waiting, why: privatereply.TokenRejected, holds: true},
		{fault: meta.Fault{Name: "permission-missing"}, state: waiting, why: privatereply.NotPermitted, holds: true},
		{fault: meta.Fault{Name: "blocked"}, state: waiting, why: privatereply.AccountBlocked, holds: true},
	} {
		accounts := f.accounts(&held)
		g.Cases = append(g.Cases, Case{
			Name: nameOf(f.name, f.fault), Expect: each(leftAlone).and(f.words("hiding", len(accounts))),
			run: func(t *caseRun) { t.faultOnHides(f, accounts) },
		})
	}
	return g
}

// leftAlone is a comment that a rule ignores.
var leftAlone = Verdict{State: privatereply.Ignored, Reason: privatereply.IgnoredByRule}

// faultOnHides has somebody comment on each account, and the fault strike the hiding.
func (t *caseRun) faultOnHides(f effectFault, accounts []int) {
	for _, where := range accounts {
		c := t.comment(where, advertises)
		fault := f.fault
		fault.Calls = string(meta.OpHide)
		t.injectFault(c, fault)
		t.deliver(c.id)
	}
	for _, c := range t.comments {
		s := t.awaitStatus(c, "the end of the hiding", func(s workflows.PrivateReplyStatus) bool {
			return s.Hide != nil && (s.Hide.State != workflows.EffectWaiting || f.state == workflows.EffectWaiting && !s.Hide.RetryAt.IsZero())
		})
		t.observe("%s", effectWords("hiding", s.Hide.State, s.Hide.Reason, t.hidden(c)))
	}
}

// hidden is 1 if Meta hides the comment.
func (t *caseRun) hidden(c *comment) int {
	if r, ok := t.Sandbox.CommentReport(c.id); ok && r.Hidden {
		return 1
	}
	return 0
}

// metaOnTaps lets each fault strike the text that a tap sends. It is a follow-up, but nobody
// waits for its result.
func metaOnTaps() Scenario {
	g := Scenario{Name: "meta-taps", About: "each fault of the sandbox on the text that a tap sends"}
	held := heldOnTaps
	for _, f := range []struct {
		effectFault
		outcome string
	}{
		{effectFault{fault: meta.Fault{Name: "slow", DelayMilliseconds: 3000}, times: 1}, "sent"},
		{effectFault{fault: meta.Fault{Name: "slow", DelayMilliseconds: 17_000}, name: "slower-than-the-time-out", times: 1}, "sent (found_in_conversation)"},
		{effectFault{fault: meta.Fault{Name: "hang"}}, "unknown (no_answer)"},
		{effectFault{fault: meta.Fault{Name: "reset"}}, "unknown (no_answer)"},
		{effectFault{fault: meta.Fault{Name: "transient"}}, "unknown (outage)"},
		{effectFault{fault: meta.Fault{Name: "error", Code: 551}, name: "error-person-unavailable"}, "refused (person_unavailable)"},
		{effectFault{fault: meta.Fault{Name: "error", Code: 10, Subcode: 2534022}, name: "error-outside-window"}, "refused (outside_window)"},
		{effectFault{fault: meta.Fault{Name: "error", Code: 4711, Subcode: 1}, name: "error-never-heard-of"}, "unknown (refused)"},
		{effectFault{fault: meta.Fault{Name: "accept-then-drop"}, times: 1}, "sent (found_in_conversation)"},
		{effectFault{fault: meta.Fault{Name: "accept-then-500"}, times: 1}, "sent (found_in_conversation)"},
		{effectFault{fault: meta.Fault{Name: "accept-then-hang"}, times: 1}, "sent (found_in_conversation)"},
		{effectFault{fault: meta.Fault{Name: "accept-then-not-json"}, times: 1}, "sent (found_in_conversation)"},
		{effectFault{fault: meta.Fault{Name: "accept-then-error"}, times: 1}, "sent (found_in_conversation)"},
		{effectFault{fault: meta.Fault{Name: "accept-without-ids"}, times: 1}, "sent (found_in_conversation)"},
		{effectFault{fault: meta.Fault{Name: "without-recipient"}, times: 1}, "sent"},
		{effectFault{fault: meta.Fault{Name: "trickle", DelayMilliseconds: 1}, times: 1}, "sent"},
		{effectFault{fault: meta.Fault{Name: "trickle", DelayMilliseconds: 1000}, name: "trickle-too-slowly", times: 1}, "sent (found_in_conversation)"},
		{effectFault{fault: meta.Fault{Name: "throttle", Minutes: 1}, times: 1, holds: true}, "sent"},
		{effectFault{fault: meta.Fault{Name: "token-revoked"}, holds: true}, ""},
		{effectFault{fault: meta.Fault{Name: "permission-missing"}, holds: true}, ""},
		{effectFault{fault: meta.Fault{Name: "blocked"}, holds: true}, ""},
	} {
		accounts := f.accounts(&held)
		words := tapWords(f.outcome, f.times)
		g.Cases = append(g.Cases, Case{
			Name: nameOf(f.name, f.fault), Expect: each(responded).and(strings.Join(slices.Repeat([]string{words}, len(accounts)), "; ")),
			run: func(t *caseRun) { t.faultOnTaps(f.fault, accounts, f.outcome == "") },
		})
	}
	return g
}

func tapWords(outcome string, times int) string {
	if outcome == "" {
		outcome = "on its way"
	}
	return fmt.Sprintf("tap's text %s, received %s", outcome, plural(times, "time"))
}

// faultOnTaps has somebody tap on each account, and the fault strike the text that this
// sends. Pending says that the text is not sent within the case.
func (t *caseRun) faultOnTaps(f meta.Fault, accounts []int, pending bool) {
	comments := make([]*comment, len(accounts))
	var all sync.WaitGroup
	for i, where := range accounts {
		all.Go(func() {
			c := t.sentList(where)
			f := f
			f.Calls, f.Recipient = string(meta.OpFollowUp), t.personID(c.person())
			strikes := t.addFault(f)
			t.deliver(t.tap(c))
			if pending {
				strikes.awaitHit()
			}
			comments[i] = c
		})
	}
	all.Wait()
	for _, c := range comments {
		t.observeTap(c, pending)
	}
}

// sentList is a comment whose author has received the message with a button.
func (t *caseRun) sentList(where int) *comment {
	c := t.comment(where, wantsList)
	t.deliver(c.id)
	t.awaitState(c, privatereply.Sent)
	t.awaitJoined(c, where)
	return c
}

// tap has the author of a comment tap on the button. No webhook goes out yet.
func (t *caseRun) tap(c *comment) (id string) {
	id, err := t.Sandbox.Tap(meta.NewTap{Account: c.account.id, Person: c.user, Title: buttonTitle, NoWebhook: true})
	t.must(err)
	return id
}

// observeTap waits for what comes of the text that a tap sends, and says what did.
func (t *caseRun) observeTap(c *comment, pending bool) {
	s := t.awaitStatus(c, "the tap", func(s workflows.PrivateReplyStatus) bool {
		return len(s.Taps) == 1 && (pending || s.Taps[0].State != "")
	})
	outcome := string(s.Taps[0].State)
	if why := s.Taps[0].Reason; why != "" && outcome != "" {
		outcome += " (" + string(why) + ")"
	}
	t.observe("%s", tapWords(outcome, t.received(c.person(), listText)))
}
