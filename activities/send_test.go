package activities

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/workflows"
)

func postComment(account privatereply.Account) privatereply.Comment {
	return privatereply.Comment{
		Platform: account.Platform, Account: account.ID, CommentID: "200000000000001_300000000000001",
		Source: privatereply.SourcePost, PersonID: person, ReceivedAt: noon,
	}
}

func privateReply(c privatereply.Comment, attempt int) workflows.SendPrivateReplyInput {
	return workflows.SendPrivateReplyInput{Comment: c, Message: privatereply.Message{Text: testText}, Deadline: noon.Add(time.Hour), Attempt: attempt}
}

// checkRetry checks a time of the next try against the shortest wait; 0 means none.
func checkRetry(t *testing.T, at time.Time, wait time.Duration) {
	t.Helper()
	if wait == 0 {
		if !at.IsZero() {
			t.Errorf("another try at %v", at)
		}
		return
	}
	if got := at.Sub(noon); got < wait || got > wait+wait/5 {
		t.Errorf("the next try waits %v, want %v and at most a fifth more", got, wait)
	}
	if at.Location() != time.UTC {
		t.Errorf("the next try is not in UTC: %v", at)
	}
}

// Every class of Meta's answers becomes its outcome, and only what is proven not
// sent names a time for the next try.
func TestSendPrivateReplyOutcomes(t *testing.T) {
	wrote := func(outcome privatereply.Outcome, reason privatereply.Reason, code, subcode int) privatereply.SendResult {
		return privatereply.SendResult{Outcome: outcome, Reason: reason, Code: code, Subcode: subcode, Wrote: true, SentAt: noon}
	}
	sent := wrote(privatereply.OutcomeSent, "", 0, 0)
	sent.MessageID, sent.RecipientID, sent.Joined = "m_1", "7000000000000001", true
	outage := wrote(privatereply.OutcomeNotSent, privatereply.Outage, 2, 0)
	outage.Doubtful = true
	unlisted := wrote(privatereply.OutcomeNotSent, privatereply.Refused, 424242, 0)
	unlisted.Doubtful = true // nobody knows what it proves
	traced := wrote(privatereply.OutcomeRefused, privatereply.PersonUnavailable, 551, 1545041)
	traced.TraceID = "Atrace1"
	const busy = `{"100000000000001":[{"type":"messenger","call_count":100,"estimated_time_to_regain_access":19}]}`
	tests := []struct {
		name   string
		status int
		header http.Header
		body   string
		want   privatereply.SendResult
		wait   time.Duration
	}{
		{"delivered", 200, nil, delivered, sent, 0},

		{"no readable answer", 200, nil, "<html>", wrote(privatereply.OutcomeUnknown, privatereply.NoAnswer, 0, 0), 0},
		{"success without a message id", 200, nil, "{}", wrote(privatereply.OutcomeUnknown, privatereply.NoAnswer, 0, 0), 0},
		{"failure without an error", 503, nil, "{}", wrote(privatereply.OutcomeUnknown, privatereply.NoAnswer, 0, 0), 0},
		{"did it and answered with an error", 400, nil, `{"error":{"code":1,"error_subcode":1357046}}`,
			wrote(privatereply.OutcomeUnknown, privatereply.AnsweredWithError, 1, 1357046), 0},

		{"app throttled", 400, nil, `{"error":{"code":4}}`, wrote(privatereply.OutcomeNotSent, privatereply.Throttled, 4, 0), time.Minute},
		{"Page throttled", 400, nil, `{"error":{"code":32}}`, wrote(privatereply.OutcomeNotSent, privatereply.Throttled, 32, 0), 5 * time.Minute},
		{"throttled until a named time", 429, http.Header{"Retry-After": {"120"}}, `{"error":{"code":613}}`,
			wrote(privatereply.OutcomeNotSent, privatereply.Throttled, 613, 0), 2 * time.Minute},
		{"a named time shorter than ours", 429, http.Header{"Retry-After": {"10"}}, `{"error":{"code":32}}`,
			wrote(privatereply.OutcomeNotSent, privatereply.Throttled, 32, 0), 10 * time.Second},
		{"throttled for the minutes of the usage header", 400, http.Header{"X-Business-Use-Case-Usage": {busy}}, `{"error":{"code":80006}}`,
			wrote(privatereply.OutcomeNotSent, privatereply.Throttled, 80006, 0), 19 * time.Minute},
		{"account blocked", 400, nil, `{"error":{"code":368}}`, wrote(privatereply.OutcomeNotSent, privatereply.AccountBlocked, 368, 0), 30 * time.Minute},
		{"token", 401, nil, `{"error":{"code":190,"error_subcode":463}}`, wrote(privatereply.OutcomeNotSent, privatereply.TokenRejected, 190, 463), 5 * time.Minute},
		{"permission", 403, nil, `{"error":{"code":10}}`, wrote(privatereply.OutcomeNotSent, privatereply.NotPermitted, 10, 0), 5 * time.Minute},
		{"outage", 500, nil, `{"error":{"code":2}}`, outage, time.Minute},
		{"called passing", 400, nil, `{"error":{"code":506,"is_transient":true}}`, wrote(privatereply.OutcomeNotSent, privatereply.Outage, 506, 0), time.Minute},

		{"refused for good", 400, nil, `{"error":{"code":551,"error_subcode":1545041,"fbtrace_id":"Atrace1"}}`, traced, 0},
		{"too old", 400, nil, `{"error":{"code":10901}}`, wrote(privatereply.OutcomeRefused, privatereply.ReplyTimeExpired, 10901, 0), 0},
		{"already replied", 400, nil, `{"error":{"code":10900}}`, wrote(privatereply.OutcomeRefused, privatereply.AlreadyReplied, 10900, 0), 0},
		{"Instagram's one code for three things", 400, nil, `{"error":{"code":100,"error_subcode":2534025}}`,
			wrote(privatereply.OutcomeRefused, privatereply.NotRepliableOrAlreadyReplied, 100, 2534025), 0},
		{"not in the table", 400, nil, `{"error":{"code":424242}}`, unlisted, time.Minute},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, func(w http.ResponseWriter, r *http.Request) {
				for name, values := range tt.header {
					w.Header()[name] = values
				}
				says(tt.status, tt.body)(w, r)
			})
			got, err := run[privatereply.SendResult](t, b, "SendPrivateReply", privateReply(postComment(page), 1))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, cmpopts.IgnoreFields(got, "RetryAt")); diff != "" {
				t.Error(diff)
			}
			checkRetry(t, got.RetryAt, tt.wait)
		})
	}
}

// A connection that never came about proves that nothing was sent.
func TestSendPrivateReplyNotConnected(t *testing.T) {
	b := newBench(t, says(200, delivered))
	b.server.Close()
	got, err := run[privatereply.SendResult](t, b, "SendPrivateReply", privateReply(postComment(page), 3))
	if err != nil {
		t.Fatal(err)
	}
	checkRetry(t, got.RetryAt, 4*time.Minute)
	got.RetryAt = time.Time{}
	want := privatereply.SendResult{Outcome: privatereply.OutcomeNotSent, Reason: privatereply.NotConnected}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// A connection that breaks after the request leaves the delivery unknown.
func TestSendPrivateReplyCutOff(t *testing.T) {
	b := newBench(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	got, err := run[privatereply.SendResult](t, b, "SendPrivateReply", privateReply(postComment(page), 1))
	want := privatereply.SendResult{Outcome: privatereply.OutcomeUnknown, Reason: privatereply.NoAnswer, Wrote: true, SentAt: noon}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	if paths := b.paths(); len(paths) != 1 {
		t.Errorf("%d requests left", len(paths))
	}
}

// The comment or the visitor post is named as it was received, with the text as it
// was decided, in one request.
func TestSendPrivateReplyRequest(t *testing.T) {
	visitorPost := postComment(page)
	visitorPost.CommentID, visitorPost.PostID = "", "100000000000001_200000000000001"
	tests := []struct {
		name    string
		comment privatereply.Comment
		path    string
		to      string
	}{
		{"comment on a Page", postComment(page), "/facebook/v26.0/100000000000001/messages", `"comment_id":"200000000000001_300000000000001"`},
		{"visitor post", visitorPost, "/facebook/v26.0/100000000000001/messages", `"post_id":"100000000000001_200000000000001"`},
		{"Instagram, Facebook Login", postComment(instagram), "/facebook/v26.0/100000000000001/messages", `"comment_id":"200000000000001_300000000000001"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, says(200, delivered))
			if _, err := run[privatereply.SendResult](t, b, "SendPrivateReply", privateReply(tt.comment, 1)); err != nil {
				t.Fatal(err)
			}
			body := `{"recipient":{` + tt.to + `},"message":{"text":"` + testText + `"},"messaging_type":"RESPONSE"}`
			if len(b.requests) != 1 || b.requests[0].path != tt.path || b.requests[0].body != body {
				t.Errorf("%+v", b.requests)
			}
		})
	}
}

// Nothing leaves the process at the deadline or later, not even a question.
func TestSendPrivateReplyPastDeadline(t *testing.T) {
	live := postComment(instagram)
	live.Source, live.MediaID = privatereply.SourceLive, "17800000000000001"
	for name, in := range map[string]workflows.SendPrivateReplyInput{
		"first attempt":  privateReply(postComment(page), 1),
		"later attempt":  privateReply(postComment(page), 7),
		"a live's later": privateReply(live, 2),
	} {
		for _, past := range []time.Duration{0, time.Nanosecond, time.Hour} {
			in.Deadline = noon.Add(-past)
			b := newBench(t, says(200, delivered))
			got, err := run[privatereply.SendResult](t, b, "SendPrivateReply", in)
			want := privatereply.SendResult{Outcome: privatereply.OutcomeNotSent, Reason: privatereply.DeadlineWhileSending, RetryAt: in.Deadline}
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("%s, %v past: %v %s", name, past, err, diff)
			}
			if paths := b.paths(); len(paths) != 0 {
				t.Errorf("%s, %v past: asked for %v", name, past, paths)
			}
		}
	}
	in := privateReply(postComment(page), 1)
	in.Deadline = noon.Add(time.Nanosecond)
	if got, err := run[privatereply.SendResult](t, newBench(t, says(200, delivered)), "SendPrivateReply", in); err != nil || got.Outcome != privatereply.OutcomeSent {
		t.Errorf("a nanosecond before: %+v, %v", got, err)
	}
}

// A later attempt on a live asks first whether the broadcast runs. Only Meta's plain
// word that it does not run stops the send.
func TestSendPrivateReplyOnLive(t *testing.T) {
	const media = "17800000000000001"
	running := `{"data":[{"id":"17800000000000002"},{"id":"` + media + `"}]}`
	ask, send := "live_media", "messages"
	tests := []struct {
		name    string
		attempt int
		change  func(*privatereply.Comment)
		status  int
		live    string // what live_media answers
		asked   []string
		over    bool
	}{
		{"first attempt", 1, nil, 200, `{"data":[]}`, []string{send}, false},
		{"runs", 2, nil, 200, running, []string{ask, send}, false},
		{"over", 2, nil, 200, `{"data":[]}`, []string{ask}, true},
		{"another broadcast runs", 5, nil, 200, `{"data":[{"id":"17800000000000002"}]}`, []string{ask}, true},
		{"an outage", 2, nil, 500, `{"error":{"code":2}}`, []string{ask, send}, false},
		{"not permitted", 2, nil, 403, `{"error":{"code":10}}`, []string{ask, send}, false},
		{"an answer without data", 2, nil, 200, `{}`, []string{ask, send}, false},
		{"no media id", 2, func(c *privatereply.Comment) { c.MediaID = "" }, 200, `{"data":[]}`, []string{send}, false},
		{"not a live", 2, func(c *privatereply.Comment) { c.Source = privatereply.SourceReel }, 200, `{"data":[]}`, []string{send}, false},
		{"a Page's live", 2, func(c *privatereply.Comment) { c.Platform, c.Account = page.Platform, page.ID }, 200, `{"data":[]}`, []string{send}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodGet {
					says(tt.status, tt.live)(w, r)
					return
				}
				says(200, delivered)(w, r)
			})
			c := postComment(instagram)
			c.Source, c.MediaID = privatereply.SourceLive, media
			if tt.change != nil {
				tt.change(&c)
			}
			got, err := run[privatereply.SendResult](t, b, "SendPrivateReply", privateReply(c, tt.attempt))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.asked, b.paths()); diff != "" {
				t.Error(diff)
			}
			if tt.over { // the first answer without the broadcast only makes it wait
				if got.Outcome != privatereply.OutcomeNotSent || got.Reason != privatereply.Outage {
					t.Errorf("after one answer: %+v", got)
				}
				checkRetry(t, got.RetryAt, broadcastPollInterval)
				b.now = got.RetryAt
				if got, err = run[privatereply.SendResult](t, b, "SendPrivateReply", privateReply(c, tt.attempt)); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(append(tt.asked, tt.asked...), b.paths()); diff != "" {
					t.Error(diff)
				}
			}
			over := privatereply.SendResult{Outcome: privatereply.OutcomeNotSent, Reason: privatereply.BroadcastEnded}
			if tt.over != (got == over) || !tt.over && got.Outcome != privatereply.OutcomeSent {
				t.Errorf("got %+v, over: %v", got, tt.over)
			}
		})
	}
}

// Meta's list lags: a send believes that its broadcast is over after two answers without
// it, some seconds apart, with no other one between them; and it does not wait for ever.
func TestSendBelievesTheEndOfALive(t *testing.T) {
	const media = "17800000000000001"
	const empty, runs, fails = `{"data":[]}`, `{"data":[{"id":"` + media + `"}]}`, ``
	const wait, over, sent = privatereply.Outage, privatereply.BroadcastEnded, privatereply.Reason("")
	type try struct {
		after time.Duration // since the one before
		live  string
		want  privatereply.Reason
	}
	tests := []struct {
		name  string
		tries []try
	}{
		{"two empty answers", []try{{0, empty, wait}, {10 * time.Second, empty, over}}},
		{"an empty answer that was wrong", []try{{0, empty, wait}, {10 * time.Second, runs, sent}}},
		{"two at once are one", []try{{0, empty, wait}, {time.Second, empty, wait}, {9 * time.Second, empty, over}}},
		{"a sign of life between them", []try{{0, empty, wait}, {10 * time.Second, runs, sent}, {10 * time.Second, empty, wait}, {10 * time.Second, empty, over}}},
		{"a failure between them", []try{{0, empty, wait}, {10 * time.Second, fails, sent}, {10 * time.Second, empty, wait}}},
		{"one long ago is forgotten", []try{{0, empty, wait}, {20 * time.Minute, empty, wait}, {10 * time.Second, empty, over}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			live := ""
			b := newBench(t, func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.Method != http.MethodGet:
					says(200, delivered)(w, r)
				case live == fails:
					says(500, `{"error":{"code":2}}`)(w, r)
				default:
					says(200, live)(w, r)
				}
			})
			c := postComment(instagram)
			c.Source, c.MediaID = privatereply.SourceLive, media
			for i, try := range tt.tries {
				live = try.live
				b.now = b.now.Add(try.after)
				got, err := run[privatereply.SendResult](t, b, "SendPrivateReply", privateReply(c, 2))
				if err != nil || got.Reason != try.want || (got.Outcome == privatereply.OutcomeSent) != (try.want == sent) {
					t.Errorf("try %d: %+v, %v; want %q", i+1, got, err, try.want)
				}
			}
		})
	}
}

// The question before a live send leaves the send its whole time within the limit
// of the attempt; else a slow answer would make a delivery unknown.
func TestBroadcastCheckLeavesTimeToSend(t *testing.T) {
	b := newBench(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			says(200, `{"data":[{"id":"1"}]}`)(w, r)
			return
		}
		says(200, delivered)(w, r)
	})
	c := postComment(instagram)
	c.Source, c.MediaID = privatereply.SourceLive, "1"
	if _, err := run[privatereply.SendResult](t, b, "SendPrivateReply", privateReply(c, 2)); err != nil {
		t.Fatal(err)
	}
	if len(b.requests) != 2 {
		t.Fatalf("%+v", b.requests)
	}
	question, send := b.requests[0].timeLeft, b.requests[1].timeLeft
	if question <= 0 || question+workflows.HTTPTimeout >= workflows.SendTimeout || send < 10*time.Second {
		t.Errorf("the question may take %v, the send %v", question, send)
	}
}

// What is wrong with an account can be mended, so its replies wait, without a
// request and with the reason.
func TestSendWithoutCredentials(t *testing.T) {
	unknown, unreadable := page, tokenless
	unknown.ID = "100000000000404"
	tests := []struct {
		name    string
		account privatereply.Account
		reason  privatereply.Reason
	}{
		{"unknown account", unknown, privatereply.AccountUnknown},
		{"unreadable token", unreadable, privatereply.TokenRejected},
	}
	for _, tt := range tests {
		for name, in := range map[string]any{
			"SendPrivateReply": privateReply(postComment(tt.account), 1),
			"SendFollowUp":     followUp(tt.account, false),
		} {
			t.Run(tt.name+" "+name, func(t *testing.T) {
				b := newBench(t, says(200, delivered))
				got, err := run[privatereply.SendResult](t, b, name, in)
				if err != nil {
					t.Fatal(err)
				}
				checkRetry(t, got.RetryAt, 5*time.Minute)
				got.RetryAt = time.Time{}
				if diff := cmp.Diff(privatereply.SendResult{Outcome: privatereply.OutcomeNotSent, Reason: tt.reason}, got); diff != "" {
					t.Error(diff)
				}
				if paths := b.paths(); len(paths) != 0 {
					t.Errorf("asked for %v", paths)
				}
				if b.logs.FilterMessage("not sent: no credentials").Len() != 1 {
					t.Error("the log does not say why")
				}
			})
		}
	}
}

func followUp(account privatereply.Account, humanAgent bool) workflows.SendFollowUpInput {
	return workflows.SendFollowUpInput{
		Platform: account.Platform, Account: account.ID, Person: person, Message: privatereply.Message{Text: testText},
		HumanAgent: humanAgent, NotAfter: noon.Add(time.Hour),
	}
}

// Nothing at Meta stops a second copy of a follow-up: only what proves that nothing
// was delivered may be tried again.
func TestSendFollowUpOutcomes(t *testing.T) {
	tests := []struct {
		name    string
		status  int
		body    string
		outcome privatereply.Outcome
		reason  privatereply.Reason
		wait    time.Duration
	}{
		{"delivered", 200, delivered, privatereply.OutcomeSent, "", 0},
		{"no readable answer", 200, "", privatereply.OutcomeUnknown, privatereply.NoAnswer, 0},
		{"an outage may have delivered it", 500, `{"error":{"code":2}}`, privatereply.OutcomeUnknown, privatereply.Outage, 0},
		{"so may an unknown fault", 500, `{"error":{"code":1}}`, privatereply.OutcomeUnknown, privatereply.Outage, 0},
		{"throttled", 400, `{"error":{"code":4}}`, privatereply.OutcomeNotSent, privatereply.Throttled, 10 * time.Second},
		{"token", 400, `{"error":{"code":190}}`, privatereply.OutcomeNotSent, privatereply.TokenRejected, 5 * time.Minute},
		{"closed window", 400, `{"error":{"code":10,"error_subcode":2534022}}`, privatereply.OutcomeRefused, privatereply.OutsideWindow, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := run[privatereply.SendResult](t, newBench(t, says(tt.status, tt.body)), "SendFollowUp", followUp(page, false))
			if err != nil || got.Outcome != tt.outcome || got.Reason != tt.reason || !got.Wrote {
				t.Errorf("got %+v, %v; want %s, %s", got, err, tt.outcome, tt.reason)
			}
			checkRetry(t, got.RetryAt, tt.wait)
		})
	}
	b := newBench(t, says(200, delivered))
	b.server.Close()
	got, err := run[privatereply.SendResult](t, b, "SendFollowUp", followUp(page, false))
	if err != nil || got.Outcome != privatereply.OutcomeNotSent || got.Reason != privatereply.NotConnected {
		t.Errorf("not connected: %+v, %v", got, err)
	}
	checkRetry(t, got.RetryAt, 10*time.Second)
}

// The tag goes with what a human agent writes and with nothing else.
func TestSendFollowUpRequest(t *testing.T) {
	for humanAgent, kind := range map[bool]string{
		false: `"messaging_type":"RESPONSE"`,
		true:  `"messaging_type":"MESSAGE_TAG","tag":"HUMAN_AGENT"`,
	} {
		b := newBench(t, says(200, delivered))
		if _, err := run[privatereply.SendResult](t, b, "SendFollowUp", followUp(page, humanAgent)); err != nil {
			t.Fatal(err)
		}
		body := `{"recipient":{"id":"` + person + `"},"message":{"text":"` + testText + `"},` + kind + `}`
		if len(b.requests) != 1 || b.requests[0].path != "/facebook/v26.0/100000000000001/messages" || b.requests[0].body != body {
			t.Errorf("%+v", b.requests)
		}
	}
}

// A follow-up that waited too long in the queue is refused, not sent late.
func TestSendFollowUpNotAfter(t *testing.T) {
	for past, want := range map[time.Duration]privatereply.Outcome{
		-time.Nanosecond: privatereply.OutcomeSent,
		0:                privatereply.OutcomeRefused,
		time.Hour:        privatereply.OutcomeRefused,
	} {
		b := newBench(t, says(200, delivered))
		in := followUp(page, false)
		in.NotAfter = noon.Add(-past)
		got, err := run[privatereply.SendResult](t, b, "SendFollowUp", in)
		if err != nil || got.Outcome != want || want == privatereply.OutcomeRefused && got.Reason != privatereply.OutsideWindow {
			t.Errorf("%v past: %+v, %v", past, got, err)
		}
		if sent := slices.Contains(b.paths(), "messages"); sent != (want == privatereply.OutcomeSent) {
			t.Errorf("%v past: a request left: %v", past, sent)
		}
	}
}

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

// What can be tapped goes out with the payloads by which the taps are known later: of a
// private reply with the comment's key, of a follow-up with the one that it was given.
func TestSendsWithTaps(t *testing.T) {
	m := privatereply.Message{Text: testText, Buttons: []privatereply.Button{
		{Title: "Shop", URL: "https://example.com/"}, {Title: "List", Then: "Here it is"},
	}, QuickReplies: []privatereply.QuickReply{{Title: "Thanks"}}}
	b := newBench(t, says(200, delivered))
	reply := privateReply(postComment(page), 1)
	reply.Message = m
	followUp := workflows.SendFollowUpInput{Platform: page.Platform, Account: page.ID, Person: person, Message: m, TapKey: "f-0a1b2c3d-2", NotAfter: noon.Add(time.Hour)}
	if _, err := run[privatereply.SendResult](t, b, workflows.SendPrivateReplyActivity, reply); err != nil {
		t.Fatal(err)
	}
	if _, err := run[privatereply.SendResult](t, b, workflows.SendFollowUpActivity, followUp); err != nil {
		t.Fatal(err)
	}
	for i, key := range []string{"300000000000001", "f-0a1b2c3d-2"} {
		want := `"message":{"attachment":{"type":"template","payload":{"template_type":"button","text":"` + testText + `","buttons":[` +
			`{"type":"web_url","title":"Shop","url":"https://example.com/"},{"type":"postback","title":"List","payload":"privatereply:` + key + `:b1"}]}},` +
			`"quick_replies":[{"content_type":"text","title":"Thanks","payload":"privatereply:` + key + `:q0"}]}`
		if got := b.requests[i].body; !strings.Contains(got, want) {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
}
