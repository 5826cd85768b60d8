package activities

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/mock"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/converter"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/workflows"
)

const publicText = "Sent you a message, have a look!"

func publicReply(c privatereply.Comment) workflows.PostPublicReplyInput {
	return workflows.PostPublicReplyInput{Comment: c, Text: publicText, Attempt: 1, NotAfter: noon.Add(24 * time.Hour)}
}

// A public reply is tried again only where Meta's answer proves that none was posted: a
// second copy would stand there for everybody.
func TestPostPublicReplyOutcomes(t *testing.T) {
	wrote := func(outcome privatereply.Outcome, reason privatereply.Reason, code, subcode int) privatereply.SendResult {
		return privatereply.SendResult{Outcome: outcome, Reason: reason, Code: code, Subcode: subcode, Wrote: true, SentAt: noon}
	}
	posted := wrote(privatereply.OutcomeSent, "", 0, 0)
	posted.MessageID = "200_900"
	tests := []struct {
		name   string
		status int
		body   string
		want   privatereply.SendResult
		wait   time.Duration
	}{
		{"posted", 200, `{"id":"200_900"}`, posted, 0},
		{"no id", 200, `{}`, wrote(privatereply.OutcomeUnknown, privatereply.NoAnswer, 0, 0), 0},
		{"a web page", 502, `<html>`, wrote(privatereply.OutcomeUnknown, privatereply.NoAnswer, 0, 0), 0},
		{"created and answered with an error", 400, `{"error":{"code":20,"error_subcode":1772107}}`,
			wrote(privatereply.OutcomeUnknown, privatereply.AnsweredWithError, 20, 1772107), 0},
		{"a fault that may come after it", 500, `{"error":{"code":2}}`, wrote(privatereply.OutcomeUnknown, privatereply.Outage, 2, 0), 0},
		{"suspected spam, seen published", 400, `{"error":{"code":4,"error_subcode":2207051}}`,
			wrote(privatereply.OutcomeUnknown, privatereply.AccountBlocked, 4, 2207051), 0},
		{"nobody knows the code", 400, `{"error":{"code":424242}}`, wrote(privatereply.OutcomeUnknown, privatereply.Refused, 424242, 0), 0},
		{"throttled", 400, `{"error":{"code":4}}`, wrote(privatereply.OutcomeNotSent, privatereply.Throttled, 4, 0), time.Minute},
		{"action block", 400, `{"error":{"code":1,"error_subcode":4928011}}`,
			wrote(privatereply.OutcomeNotSent, privatereply.AccountBlocked, 1, 4928011), 4 * time.Hour},
		{"permission", 403, `{"error":{"code":200}}`, wrote(privatereply.OutcomeNotSent, privatereply.NotPermitted, 200, 0), 5 * time.Minute},
		{"comment gone", 400, `{"error":{"code":100,"error_subcode":33}}`, wrote(privatereply.OutcomeRefused, privatereply.CommentNotFound, 100, 33), 0},
		{"comment hidden", 400, `{"error":{"code":100}}`, wrote(privatereply.OutcomeRefused, privatereply.BadRequest, 100, 0), 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, says(tt.status, tt.body))
			got, err := run[privatereply.SendResult](t, b, workflows.PostPublicReplyActivity, publicReply(postComment(page)))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, cmpopts.IgnoreFields(got, "RetryAt")); diff != "" {
				t.Error(diff)
			}
			checkRetry(t, got.RetryAt, tt.wait)
			if len(b.paths()) != 1 {
				t.Errorf("%d requests left", len(b.paths()))
			}
		})
	}
}

// A reply stands under the comment that it answers; where that answers another one, beside
// it, as both platforms have two levels. The post is never replied to.
func TestPublicReplyStandsUnder(t *testing.T) {
	comment := func(account privatereply.Account, id, parent string) privatereply.Comment {
		return privatereply.Comment{Platform: account.Platform, Account: account.ID, CommentID: id, ParentID: parent, MediaID: "100_200", PersonID: person}
	}
	visitor := comment(page, "", "")
	visitor.PostID = "100_777"
	for _, tt := range []struct {
		name    string
		comment privatereply.Comment
		path    string
	}{
		{"on a Page", comment(page, "200_300", ""), "/facebook/v26.0/200_300/comments"},
		{"on a Page, whose parent is the post", comment(page, "200_300", "200"), "/facebook/v26.0/200_300/comments"},
		{"a reply on a Page", comment(page, "200_301", "200_300"), "/facebook/v26.0/200_300/comments"},
		{"a visitor's post", visitor, "/facebook/v26.0/100_777/comments"},
		{"on Instagram", comment(instagram, "18", ""), "/facebook/v26.0/18/replies"},
		{"a reply on Instagram", comment(instagramLogin, "19", "18"), "/instagram/v26.0/18/replies"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, says(200, `{"id":"1"}`))
			if got, err := run[privatereply.SendResult](t, b, workflows.PostPublicReplyActivity, publicReply(tt.comment)); err != nil || got.Outcome != privatereply.OutcomeSent {
				t.Fatalf("%+v, %v", got, err)
			}
			if len(b.requests) != 1 || b.requests[0].path != tt.path || strings.Contains(b.requests[0].query, "fields") {
				t.Errorf("%+v", b.requests)
			}
		})
	}
}

// Nothing leaves the process when it is too late, or without a token.
func TestPublicReplyNotTried(t *testing.T) {
	late := publicReply(postComment(page))
	late.NotAfter = noon
	for name, tt := range map[string]struct {
		in   workflows.PostPublicReplyInput
		want privatereply.SendResult
	}{
		"too late": {late, privatereply.SendResult{Outcome: privatereply.OutcomeRefused, Reason: privatereply.PublicTooLate}},
		"no token": {publicReply(postComment(tokenless)), privatereply.SendResult{Outcome: privatereply.OutcomeNotSent, Reason: privatereply.TokenRejected}},
	} {
		b := newBench(t, says(200, `{"id":"1"}`))
		got, err := run[privatereply.SendResult](t, b, workflows.PostPublicReplyActivity, tt.in)
		if diff := cmp.Diff(tt.want, got, cmpopts.IgnoreFields(got, "RetryAt")); err != nil || diff != "" || len(b.paths()) != 0 {
			t.Errorf("%s: %v %s %v", name, err, diff, b.paths())
		}
	}
}

// Public replies have a pace of their own: they take nothing from private replies, and a
// throttle of Meta's holds back both, an action block only what is written under comments.
func TestPublicRepliesArePaced(t *testing.T) {
	answer := `{"id":"1","recipient_id":"7","message_id":"m_1","success":true}`
	status := 200
	b := newBench(t, func(w http.ResponseWriter, r *http.Request) { says(status, answer)(w, r) })
	post := func() privatereply.SendResult {
		t.Helper()
		got, err := run[privatereply.SendResult](t, b, workflows.PostPublicReplyActivity, publicReply(postComment(page)))
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	send := func() privatereply.SendResult {
		t.Helper()
		got, err := run[privatereply.SendResult](t, b, workflows.SendPrivateReplyActivity, privateReply(postComment(page), 1))
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	hide := func() privatereply.SendResult {
		t.Helper()
		got, err := run[privatereply.SendResult](t, b, workflows.SetCommentHiddenActivity, workflows.SetCommentHiddenInput{Comment: postComment(page), Hidden: true, Attempt: 1})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	for i := range 10 {
		if got := post(); got.Outcome != privatereply.OutcomeSent {
			t.Fatalf("public reply %d: %+v", i, got)
		}
	}
	want := privatereply.SendResult{Outcome: privatereply.OutcomeNotSent, Reason: privatereply.Paced, RetryAt: noon.Add(time.Minute)}
	if diff := cmp.Diff(want, post()); diff != "" {
		t.Errorf("the eleventh: %s", diff)
	}
	if send().Outcome != privatereply.OutcomeSent || hide().Outcome != privatereply.OutcomeSent {
		t.Error("private replies or hiding wait for public replies")
	}

	status, answer = 400, `{"error":{"code":1,"error_subcode":4928011}}`
	if got := hide(); got.Reason != privatereply.AccountBlocked {
		t.Fatalf("%+v", got)
	}
	status, answer = 200, delivered
	if got := hide(); got.Reason != privatereply.Paced || got.RetryAt.Before(noon.Add(4*time.Hour)) {
		t.Errorf("after an action block: %+v", got)
	}
	if got := send(); got.Outcome != privatereply.OutcomeSent {
		t.Errorf("a private reply after an action block under comments: %+v", got)
	}

	b = newBench(t, func(w http.ResponseWriter, r *http.Request) { says(status, answer)(w, r) })
	status, answer = 400, `{"error":{"code":32}}`
	if got := post(); got.Reason != privatereply.Throttled {
		t.Fatalf("%+v", got)
	}
	status, answer = 200, delivered
	if got := send(); got.Reason != privatereply.Throttled || got.Outcome != privatereply.OutcomeNotSent {
		t.Errorf("a private reply after a throttle of the Page: %+v", got)
	}
}

// Hiding changes nothing the second time, so that whatever proves no refusal is tried again.
func TestSetCommentHidden(t *testing.T) {
	for _, tt := range []struct {
		name    string
		account privatereply.Account
		hidden  bool
		status  int
		body    string
		outcome privatereply.Outcome
		reason  privatereply.Reason
		wait    time.Duration
		sent    string
	}{
		{"hidden on a Page", page, true, 200, `{"success":true}`, privatereply.OutcomeSent, "", 0, "is_hidden=true"},
		{"shown on Instagram", instagram, false, 200, `{"success":true}`, privatereply.OutcomeSent, "", 0, "hide=false"},
		{"no readable answer", instagram, true, 200, `<html>`, privatereply.OutcomeNotSent, privatereply.NoAnswer, time.Minute, "hide=true"},
		{"an error that Meta gives after doing it", page, true, 400, `{"error":{"code":20,"error_subcode":1772107}}`,
			privatereply.OutcomeNotSent, privatereply.AnsweredWithError, time.Minute, "is_hidden=true"},
		{"a passing fault", page, true, 500, `{"error":{"code":2}}`, privatereply.OutcomeNotSent, privatereply.Outage, time.Minute, "is_hidden=true"},
		{"throttled", page, true, 400, `{"error":{"code":32}}`, privatereply.OutcomeNotSent, privatereply.Throttled, 5 * time.Minute, "is_hidden=true"},
		{"not to be hidden", page, true, 400, `{"error":{"code":100}}`, privatereply.OutcomeRefused, privatereply.BadRequest, 0, "is_hidden=true"},
		{"gone", page, true, 400, `{"error":{"code":100,"error_subcode":33}}`, privatereply.OutcomeRefused, privatereply.CommentNotFound, 0, "is_hidden=true"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, says(tt.status, tt.body))
			in := workflows.SetCommentHiddenInput{Comment: postComment(tt.account), Hidden: tt.hidden, Attempt: 1}
			got, err := run[privatereply.SendResult](t, b, workflows.SetCommentHiddenActivity, in)
			if err != nil || got.Outcome != tt.outcome || got.Reason != tt.reason || got.Doubtful {
				t.Errorf("%+v, %v", got, err)
			}
			checkRetry(t, got.RetryAt, tt.wait)
			if len(b.requests) != 1 || b.requests[0].body != tt.sent || !strings.HasSuffix(b.requests[0].path, "/200000000000001_300000000000001") {
				t.Errorf("%+v", b.requests)
			}
		})
	}
}

// statusOf lets the client ask replies for their public replies, by workflow id. Others do
// not exist.
func (b *bench) statusOf(replies map[string]workflows.PublicReplyStatus) {
	b.temporal.On("QueryWorkflow", mock.Anything, mock.Anything, "", workflows.StatusQuery).
		Return(func(_ context.Context, id, _, _ string, _ ...any) (converter.EncodedValue, error) {
			if status, ok := replies[id]; ok {
				return publicStatus{status}, nil
			}
			return nil, serviceerror.NewNotFound("none")
		}).Maybe()
}

// publicStatus is the status of a reply that has a public one.
type publicStatus struct{ public workflows.PublicReplyStatus }

func (publicStatus) HasValue() bool { return true }

func (s publicStatus) Get(out any) error {
	b, err := json.Marshal(map[string]any{"state": "sent", "public_reply": s.public})
	if err != nil {
		return err
	}
	return json.Unmarshal(b, out)
}

// A public reply whose attempt had no answer is believed only on the account's own words
// under the comment, of the right time, that no other reply of the thread has posted.
func TestFindPublicReply(t *testing.T) {
	answered := privatereply.Comment{Platform: page.Platform, Account: page.ID, CommentID: "200_301", ParentID: "200_300", MediaID: "100_200"}
	onInstagram := privatereply.Comment{Platform: instagram.Platform, Account: instagram.ID, CommentID: "18"}
	wrote := func(id, from, text string, after time.Duration) string {
		author := ""
		if from != "" {
			author = fmt.Sprintf(`"from":{"id":%q},`, from)
		}
		return fmt.Sprintf(`{"id":%q,%s"message":%q,"created_time":%q}`, id, author, text, noon.Add(after).Format("2006-01-02T15:04:05-0700"))
	}
	named := func(id, username, text string) string {
		return fmt.Sprintf(`{"id":%q,"username":%q,"text":%q,"timestamp":%q}`, id, username, text, noon.Format("2006-01-02T15:04:05-0700"))
	}
	above, beside := "reply:facebook:100000000000001:300", "reply:facebook:100000000000001:302"
	tests := []struct {
		name    string
		comment privatereply.Comment
		pages   []string
		others  map[string]workflows.PublicReplyStatus
		want    string
	}{
		{name: "found", comment: answered, pages: []string{wrote("200_900", page.ID, publicText, time.Second)}, want: "200_900"},
		{name: "trimmed by Meta, on the second page", comment: answered,
			pages: []string{wrote("200_302", person, publicText, 0), wrote("200_900", page.ID, publicText+"\n ", time.Second)}, want: "200_900"},
		{name: "the oldest of two", comment: answered,
			pages: []string{wrote("200_901", page.ID, publicText, time.Minute) + "," + wrote("200_900", page.ID, publicText, time.Second)}, want: "200_900"},
		{name: "nobody wrote", comment: answered, pages: []string{""}},
		{name: "a person with the same words", comment: answered, pages: []string{wrote("200_900", person, publicText, 0)}},
		{name: "Meta does not say who", comment: answered, pages: []string{wrote("200_900", "", publicText, 0)}},
		{name: "other words", comment: answered, pages: []string{wrote("200_900", page.ID, "Thanks!", 0)}},
		{name: "a little before, by another clock", comment: answered, pages: []string{wrote("200_900", page.ID, publicText, -privatereply.ClockSkew)}, want: "200_900"},
		{name: "before", comment: answered, pages: []string{wrote("200_900", page.ID, publicText, -privatereply.ClockSkew-time.Second)}},
		{name: "that of the comment above", comment: answered, pages: []string{wrote("200_900", page.ID, publicText, 0)},
			others: map[string]workflows.PublicReplyStatus{above: {State: workflows.EffectDone, Text: publicText, CommentID: "900"}}},
		{name: "one more than the comment beside it has", comment: answered,
			pages:  []string{wrote("200_302", person, "list", 0) + "," + wrote("200_900", page.ID, publicText, 0) + "," + wrote("200_901", page.ID, publicText, time.Second)},
			others: map[string]workflows.PublicReplyStatus{beside: {State: workflows.EffectDone, Text: publicText, CommentID: "200_900"}}, want: "200_901"},
		{name: "perhaps that of the comment beside it", comment: answered,
			pages:  []string{wrote("200_302", person, "list", 0) + "," + wrote("200_900", page.ID, publicText, 0)},
			others: map[string]workflows.PublicReplyStatus{beside: {State: workflows.EffectUnknown, Text: publicText}}},
		{name: "the comment beside it gets other words", comment: answered,
			pages:  []string{wrote("200_302", person, "list", 0) + "," + wrote("200_900", page.ID, publicText, 0)},
			others: map[string]workflows.PublicReplyStatus{beside: {State: workflows.EffectWaiting, Text: "Thanks!"}}, want: "200_900"},
		{name: "its own status says nothing", comment: answered,
			pages:  []string{wrote("200_301", person, "list", 0) + "," + wrote("200_900", page.ID, publicText, 0)},
			others: map[string]workflows.PublicReplyStatus{"reply:facebook:100000000000001:301": {State: workflows.EffectWaiting, Text: publicText}}, want: "200_900"},
		{name: "Instagram, by the account's name", comment: onInstagram, pages: []string{named("19", "clean.slate", publicText)}, want: "19"},
		{name: "Instagram, by another name", comment: onInstagram, pages: []string{named("19", "clean.slate.fan", publicText)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Query().Get("fields") == "username" {
					says(200, `{"username":"Clean.Slate"}`)(w, r)
					return
				}
				paging, i := "", 0
				if r.URL.Query().Get("after") != "" {
					i = 1
				}
				if i+1 < len(tt.pages) {
					paging = `,"paging":{"cursors":{"after":"q"},"next":"https://x/"}`
				}
				says(200, `{"data":[`+tt.pages[i]+`]`+paging+`}`)(w, r)
			})
			b.statusOf(tt.others)
			in := workflows.FindPublicReplyInput{Comment: tt.comment, Text: publicText, Since: noon}
			got, err := run[workflows.FindPublicReplyResult](t, b, workflows.FindPublicReplyActivity, in)
			if err != nil || got.CommentID != tt.want || got.At.IsZero() != (tt.want == "") {
				t.Errorf("found %+v, %v; want %q", got, err, tt.want)
			}
			if want := "/" + threadComment(tt.comment) + "/"; !strings.Contains(b.requests[0].path, want) {
				t.Errorf("asked for %s, want the list under %s", b.requests[0].path, want)
			}
		})
	}
}

// What could not be read is an error, never "not there".
func TestFindPublicReplyFails(t *testing.T) {
	in := workflows.FindPublicReplyInput{Comment: postComment(page), Text: publicText, Since: noon}
	for name, tt := range map[string]struct {
		status   int
		body     string
		account  string
		mentions string
	}{
		"Meta refuses":    {400, `{"error":{"code":10}}`, page.ID, "lacks a permission"},
		"nothing to read": {200, `{}`, page.ID, "form of a list"},
		"no account":      {200, `{}`, "404", "unknown account"},
		"no token":        {200, `{}`, tokenless.ID, "token_env"},
	} {
		in.Comment.Account = tt.account
		_, err := run[workflows.FindPublicReplyResult](t, newBench(t, says(tt.status, tt.body)), workflows.FindPublicReplyActivity, in)
		if err == nil || !strings.Contains(err.Error(), tt.mentions) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
