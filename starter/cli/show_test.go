package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/workflows"
)

// statusNow is in UTC, as the tests' times are shown in the local zone.
var statusNow = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

func exampleStatus(change func(*workflows.PrivateReplyStatus)) workflows.PrivateReplyStatus {
	s := workflows.PrivateReplyStatus{
		State: privatereply.AwaitingApproval, Deadline: statusNow.Add(3 * time.Hour), DeadlineFrom: privatereply.ClockEntry,
		Comment: privatereply.Comment{
			Platform: privatereply.Instagram, Account: instagram, CommentID: "18000000000000001", MediaID: "17900000000000001",
			Source: privatereply.SourceReel, PersonID: "6000000000000001", Username: "lena", Text: "Does it come in oak?",
			ReceivedAt: statusNow.Add(-time.Hour), Via: privatereply.ViaWebhook,
		},
		Decision: privatereply.Decision{Action: privatereply.ActionAsk, Rule: "wood", Text: "Hi lena, yes.", Reason: privatereply.DecidedByRule},
		Text:     "Hi lena, yes.",
	}
	change(&s)
	return s
}

// Guards: "why did this person get no answer?" is answered in words, with the
// clocks, Meta's error and what can be done next.
func TestDescribeReply(t *testing.T) {
	const id = "reply:instagram:" + instagram + ":18000000000000001"
	const comment = `  Comment   “Does it come in oak?”
            by lena (id 6000000000000001), on instagram reel (id 17900000000000001) of account
            17841400000000001
            received Sun 22 Nov 09:00 UTC (1h ago), via webhook
`
	tests := map[string]struct {
		change func(*workflows.PrivateReplyStatus)
		want   string
	}{
		"waits for a person": {
			func(*workflows.PrivateReplyStatus) {},
			`  State     awaiting_approval: A person must decide.
` + comment + `  Decision  a person decides, by rule wood
  Reply     “Hi lena, yes.”
  Deadline  Sun 22 Nov 13:00 UTC (in 3h), counted from when Meta sent the webhook
  Next      starter approve ` + id + `
  Next      starter reject ` + id + ` --reason "…"
`,
		},
		"edited, with a photo": {
			func(s *workflows.PrivateReplyStatus) {
				s.Comment.EditedAt = statusNow.Add(-5 * time.Minute)
				s.Comment.Attachment = privatereply.Attachment{Kind: privatereply.Photo, URL: "https://scontent.example.com/" + strings.Repeat("a-long-path/", 10) + "p.jpg\x1b[31m"}
			},
			`  State     awaiting_approval: A person must decide.
  Comment   “Does it come in oak?”
            edited Sun 22 Nov 09:55 UTC (5m ago)
            with a photo https://scontent.example.com/` + strings.Repeat("a-long-path/", 10) + `p.jpg[31m
` + strings.SplitAfterN(comment, "\n", 2)[1] + `  Decision  a person decides, by rule wood
  Reply     “Hi lena, yes.”
  Deadline  Sun 22 Nov 13:00 UTC (in 3h), counted from when Meta sent the webhook
  Next      starter approve ` + id + `
  Next      starter reject ` + id + ` --reason "…"
`,
		},
		"refused by Meta": {
			func(s *workflows.PrivateReplyStatus) {
				s.State, s.Reason = privatereply.Undeliverable, privatereply.PersonUnavailable
				s.Text, s.Approver, s.DecidedAt = "Yes!", "ana", statusNow.Add(-time.Minute)
				s.Send = &workflows.SendStatus{
					Outcome: privatereply.OutcomeRefused, Reason: privatereply.PersonUnavailable, Attempts: 2,
					Code: 200, Subcode: 1545041, TraceID: "Abc", SentAt: statusNow.Add(-30 * time.Second),
				}
				s.RefusedSignals = []workflows.RefusedSignal{{Name: "reject", Why: "too late", At: statusNow}}
			},
			`  State     undeliverable: It was not delivered and is not tried again.
  Reason    The person cannot receive messages from this account. (person_unavailable)
` + comment + `  Decision  a person decides, by rule wood
  Proposed  “Hi lena, yes.”
  Reply     “Yes!”
  Approver  ana, Sun 22 Nov 09:59 UTC (1m ago)
  Deadline  Sun 22 Nov 13:00 UTC (in 3h), counted from when Meta sent the webhook
  Send      2 attempts, the last one: refused
            The person cannot receive messages from this account.
            Meta's error: code 200, subcode 1545041, trace Abc
            written Sun 22 Nov 09:59 UTC (30s ago)
  Refused   signal reject, Sun 22 Nov 10:00 UTC (in 0s): too late
`,
		},
		"answered": {
			func(s *workflows.PrivateReplyStatus) {
				s.State = privatereply.Responded
				s.Send = &workflows.SendStatus{Outcome: privatereply.OutcomeSent, Attempts: 1, MessageID: "aWdf", RecipientID: "6999"}
				s.Window = &workflows.WindowStatus{RespondedAt: statusNow, ClosesAt: statusNow.Add(24 * time.Hour)}
			},
			`  State     responded: The person answered; the 24-hour window is open.
` + comment + `  Decision  a person decides, by rule wood
  Reply     “Hi lena, yes.”
  Deadline  Sun 22 Nov 13:00 UTC (in 3h), counted from when Meta sent the webhook
  Send      1 attempt, the last one: sent
  Message   aWdf to 6999
  Answer    first Sun 22 Nov 10:00 UTC (in 0s)
  Window    closes Mon 23 Nov 10:00 UTC (in 1d)
  Next      starter reply conversation:instagram:17841400000000001:6999 --text "…"
`,
		},
		"with all that goes with it": {
			func(s *workflows.PrivateReplyStatus) {
				s.State = privatereply.Responded
				s.Buttons = []privatereply.Button{{Title: "Yes, please", Then: "Here it is."}, {Title: "Shop", URL: "https://example.com"}}
				s.PublicText = "Look into your messages."
				s.PublicReply = &workflows.PublicReplyStatus{State: workflows.EffectDone, Text: s.PublicText, Reason: privatereply.FoundUnderComment, CommentID: "18000000000000009", At: statusNow}
				s.Hide = &workflows.HideStatus{State: workflows.EffectWaiting, Hidden: true, By: "ben", Reason: privatereply.Throttled, Code: 4, TraceID: "Abc", RetryAt: statusNow.Add(time.Minute)}
				s.Taps = []workflows.TapStatus{
					{Title: "Yes, please", At: statusNow, Times: 2, State: privatereply.OutcomeSent, MessageID: "aWdg"},
					{At: statusNow, Times: 1, Reason: privatereply.UnknownButton},
				}
			},
			`  State     responded: The person answered; the 24-hour window is open.
` + comment + `  Decision  a person decides, by rule wood
  Reply     “Hi lena, yes.”
  Buttons   [Yes, please] sends “Here it is.”
            [Shop] opens https://example.com
  Deadline  Sun 22 Nov 13:00 UTC (in 3h), counted from when Meta sent the webhook
  Public    “Look into your messages.”
            Sun 22 Nov 10:00 UTC (in 0s): The public reply is posted. The public reply was found
            under the comment.
            its id is 18000000000000009
  Hiding    ben hides the comment; it is under way. Meta is limiting this account. Next try: Sun 22
            Nov 10:01 UTC (in 1m)
            Meta's error: code 4, subcode 0, trace Abc
  Tapped    Yes, please, first Sun 22 Nov 10:00 UTC (in 0s), 2 times, answered with message aWdg
  Tapped    something that this product did not send, first Sun 22 Nov 10:00 UTC (in 0s)
            The tapped button is of an old message, or not of a message that this product sent.
  Next      starter reply conversation:instagram:17841400000000001:6000000000000001 --text "…"
`,
		},
		"a message that waits, with answers to tap": {
			func(s *workflows.PrivateReplyStatus) {
				s.QuickReplies = []privatereply.QuickReply{{Title: "Small", Then: "Monday."}, {Title: "Other"}}
				s.PublicText, s.Decision.Hide = "Look!", true
			},
			`  State     awaiting_approval: A person must decide.
` + comment + `  Decision  a person decides, and the comment hidden, by rule wood
  Reply     “Hi lena, yes.”
  Answers   (Small) sends “Monday.”
            (Other) somebody reads it
  Deadline  Sun 22 Nov 13:00 UTC (in 3h), counted from when Meta sent the webhook
  Public    “Look!”
            posted under the comment once the private reply is sent
  Hiding    the comment is hidden once the reply has ended or is delivered
  Next      starter approve ` + id + `
  Next      starter reject ` + id + ` --reason "…"
`,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			if err := describeReply(id, exampleStatus(tc.change), statusNow).Write(&b); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, b.String()); diff != "" {
				t.Errorf("story (-want +got):\n%s", diff)
			}
		})
	}
}

// Guards: no state and no clock is shown without words, also one that is added later.
func TestEveryStateAndClockHasWords(t *testing.T) {
	for _, s := range privatereply.States {
		if s.Sentence() == "" {
			t.Errorf("state %s has no words", s)
		}
	}
	for _, c := range []privatereply.Clock{privatereply.ClockCreated, privatereply.ClockEntry, privatereply.ClockReceived, privatereply.ClockBroadcast} {
		if c.Label() == "" {
			t.Errorf("clock %s has no words", c)
		}
	}
}

// Guards: each way to come to a decision is told apart.
func TestDescribeDecision(t *testing.T) {
	tests := map[string]struct {
		decision privatereply.Decision
		want     string
	}{
		"rule with hold": {
			privatereply.Decision{Action: privatereply.ActionAuto, Rule: "price", Hold: privatereply.Duration(2 * time.Minute), Reason: privatereply.DecidedByRule},
			"answered automatically after a hold of 2m, by rule price",
		},
		"default":     {privatereply.Decision{Action: privatereply.ActionIgnore, Reason: privatereply.DecidedByDefault}, "left alone, by the default, because no rule matched"},
		"hand":        {privatereply.Decision{Action: privatereply.ActionAsk, Reason: privatereply.DecidedByHand}, "a person decides, by hand"},
		"failed rule": {privatereply.Decision{Action: privatereply.ActionAsk, Reason: "rule_error:price"}, "a person decides, by rule price, whose condition failed"},
		"slow rules":  {privatereply.Decision{Action: privatereply.ActionAsk, Reason: "rule_error:too_slow"}, "a person decides, by the bridge, which had no time for the rules"},
		"once": {
			privatereply.Decision{Action: privatereply.ActionAuto, Rule: "list", Once: privatereply.OncePersonAndPost, Reason: privatereply.DecidedByRule},
			"answered automatically, once per person and post, by rule list",
		},
		"once, nobody": {
			privatereply.Decision{Action: privatereply.ActionAsk, Rule: "list", Once: privatereply.OncePerson, Reason: privatereply.OnceUnknown},
			"a person decides, once per person, by rule list, which answers a person once, but Meta did not name the person",
		},
		"hidden": {privatereply.Decision{Action: privatereply.ActionIgnore, Rule: "spam", Hide: true, Reason: privatereply.DecidedByRule}, "left alone, and the comment hidden, by rule spam"},
		"sweep":  {privatereply.Decision{Action: privatereply.ActionAsk, Rule: "price", Reason: privatereply.FoundBySweep}, "a person decides, by rule price, but a sweep found the comment late"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := describeAction(tc.decision) + ", by " + describeSource(tc.decision); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}
