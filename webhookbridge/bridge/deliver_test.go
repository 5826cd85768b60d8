package bridge

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/workflows"
)

const (
	replyID  = "reply:instagram:" + instagramID + ":18000000000000001"
	secondID = "reply:instagram:" + instagramID + ":18000000000000002"
	pagePost = pageID + "_200000000000001"
)

// A comment becomes one workflow, with what Meta said about it and what the rules say.
func TestCommentStartsReply(t *testing.T) {
	fake := newFakeTemporal()
	h := newHarness(t, fake)
	if status := h.post(delivery("instagram", entryOf(instagramID, commentChange("18000000000000001", "What is the price?")))); status != 200 {
		t.Fatalf("status = %d", status)
	}
	in, ok := fake.reply(replyID)
	if !ok {
		t.Fatalf("no %s; calls %q", replyID, fake.told())
	}
	want := workflows.PrivateReplyInput{
		Comment: privatereply.Comment{
			Platform: privatereply.Instagram, Account: instagramID, CommentID: "18000000000000001", MediaID: "17800000000000001",
			Source: privatereply.SourcePost, PersonID: "6000000000000001", Username: "someone", Text: "What is the price?",
			EntryAt: now.Add(-5 * time.Second), ReceivedAt: now, Via: privatereply.ViaWebhook,
		},
		Decision: privatereply.Decision{
			Action: privatereply.ActionAuto, Rule: "price", Reason: privatereply.DecidedByRule,
			Text: "Hi someone, see https://example.com/prices", Hold: privatereply.Duration(2 * time.Minute),
			RulesSHA256: h.cfg.Rules.Current().SHA256(),
		},
		InitialState: &workflows.InitialState{
			Deadline:     now.Add(-5*time.Second + 7*24*time.Hour - 2*time.Minute),
			DeadlineFrom: privatereply.ClockEntry, State: privatereply.Holding, HoldUntil: now.Add(2 * time.Minute),
			Limits: privatereply.LimitsOf(privatereply.Instagram),
		},
	}
	if diff := cmp.Diff(want, in); diff != "" {
		t.Errorf("input (-want +got):\n%s", diff)
	}
}

// What Temporal holds after a delivery, what is counted, and the answer: the table
// of the bridge's contract for all that is not an error of Temporal's.
func TestEffects(t *testing.T) {
	hour := func(n int) time.Time { return now.Add(-time.Duration(n) * time.Hour) }
	conversation := "conversation:instagram:" + instagramID + ":6000000000000001"
	humans := "conversation:instagram:" + humanID + ":6000000000000001"
	pageReply := "reply:facebook:" + pageID + ":300000000000001"
	comment := "200000000000001_300000000000001"
	tests := []struct {
		name    string
		running []string
		ended   []string
		body    string
		calls   []string
		counted map[string]float64
	}{
		{name: "a comment", body: delivery("instagram", entryOf(instagramID, commentChange("18000000000000001", "hi"))),
			calls: []string{"start " + replyID}, counted: map[string]float64{"events_total{effect=started}": 1}},
		{name: "a comment that has a reply", running: []string{replyID},
			body:  delivery("instagram", entryOf(instagramID, commentChange("18000000000000001", "hi"))),
			calls: []string{"start " + replyID}, counted: map[string]float64{"events_total{effect=duplicate}": 1}},
		{name: "the same comment twice", body: delivery("instagram", entryOf(instagramID, commentChange("18000000000000001", "hi"), commentChange("18000000000000001", "hi"))),
			calls:   []string{"start " + replyID, "start " + replyID},
			counted: map[string]float64{"events_total{effect=started}": 1, "events_total{effect=duplicate}": 1}},
		{name: "a comment that a rule ignores", body: delivery("instagram", entryOf(instagramID, commentChange("18000000000000001", "🎉"))),
			calls: []string{"start " + replyID}, counted: map[string]float64{"events_total{effect=started}": 1}},
		{name: "our own comment", body: delivery("instagram", entryOf(instagramID, strings.Replace(commentChange("18000000000000001", "hi"), "6000000000000001", instagramID, 1))),
			counted: map[string]float64{"events_total{effect=ignored,reason=own_comment}": 1}},
		{name: "an unknown account", body: delivery("instagram", entryOf("17841400000000777", commentChange("18000000000000001", "hi"))),
			counted: map[string]float64{"events_total{effect=ignored,reason=unknown_account}": 1}},
		{name: "a message", body: delivery("instagram", messaging(instagramID, messageItem("6000000000000001", "m1", now))),
			calls: []string{"signal-with-start " + conversation}, counted: map[string]float64{"events_total{effect=signalled}": 1}},
		{name: "a message just inside the window", body: delivery("instagram", messaging(instagramID, messageItem("6000000000000001", "m1", hour(24).Add(time.Second)))),
			calls: []string{"signal-with-start " + conversation}, counted: map[string]float64{"events_total{effect=signalled}": 1}},
		{name: "a message outside the window", body: delivery("instagram", messaging(instagramID, messageItem("6000000000000001", "m1", hour(24)))),
			calls: []string{"signal " + conversation}, counted: map[string]float64{"events_total{effect=ignored,reason=outside_window}": 1}},
		{name: "a message outside the window, to a running conversation", running: []string{conversation},
			body:  delivery("instagram", messaging(instagramID, messageItem("6000000000000001", "m1", hour(100)))),
			calls: []string{"signal " + conversation}, counted: map[string]float64{"events_total{effect=signalled}": 1}},
		{name: "an old message where a human agent may answer", body: delivery("instagram", messaging(humanID, messageItem("6000000000000001", "m1", hour(167)))),
			calls: []string{"signal-with-start " + humans}, counted: map[string]float64{"events_total{effect=signalled}": 1}},
		{name: "a message too old for a human agent", body: delivery("instagram", messaging(humanID, messageItem("6000000000000001", "m1", hour(168)))),
			calls: []string{"signal " + humans}, counted: map[string]float64{"events_total{effect=ignored,reason=outside_window}": 1}},
		{name: "a removed comment", running: []string{pageReply}, body: delivery("page", entryOf(pageID, feedChange("comment", "remove", comment, pagePost))),
			calls: []string{"signal-with-start " + pageReply}, counted: map[string]float64{"events_total{effect=signalled}": 1}},
		{name: "a removed comment whose reply has ended", ended: []string{pageReply}, body: delivery("page", entryOf(pageID, feedChange("comment", "remove", comment, pagePost))),
			calls: []string{"signal-with-start " + pageReply}, counted: map[string]float64{"events_total{effect=ignored,reason=reply_ended}": 1}},
		{name: "a visitor post", body: delivery("page", entryOf(pageID, feedChange("post", "add", "", pagePost))),
			calls: []string{"start reply:facebook:" + pageID + ":post-200000000000001"}, counted: map[string]float64{"events_total{effect=started}": 1}},
		{name: "a removed post", body: delivery("page", entryOf(pageID, feedChange("post", "remove", "", pagePost))),
			calls:   []string{"signal reply:facebook:" + pageID + ":post-200000000000001", "start removed-post:facebook:" + pageID + ":" + pagePost},
			counted: map[string]float64{"events_total{effect=signalled}": 1}},
		{name: "nothing that matters", body: delivery("instagram", messaging(instagramID, `{"sender":{"id":"6000000000000001"},"read":{"mid":"m1"}}`)),
			counted: map[string]float64{"events_total{effect=ignored,reason=receipt}": 1}},
		{name: "not JSON", body: "hello", counted: map[string]float64{"unreadable_total{}": 1, "deliveries_total{status=200}": 1}},
		{name: "an array", body: "[]", counted: map[string]float64{"unreadable_total{}": 1}},
		{name: "nested too deep", body: strings.Repeat("[", 1<<20), counted: map[string]float64{"unreadable_total{}": 1}},
		{name: "nested as deep as may be", body: delivery("instagram", entryOf(instagramID, strings.Replace(commentChange("18000000000000001", "hi"),
			`"media":{`, `"media":{"deep":`+strings.Repeat("[", 9000)+strings.Repeat("]", 9000)+",", 1))),
			calls: []string{"start " + replyID}, counted: map[string]float64{"events_total{effect=started}": 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fake := newFakeTemporal()
			fake.begin(tt.running...)
			fake.end(tt.ended...)
			h := newHarness(t, fake)
			if status := h.post(tt.body); status != 200 {
				t.Errorf("status = %d, want 200", status)
			}
			if diff := cmp.Diff(tt.calls, fake.told()); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
			h.wantCounted(tt.counted)
		})
	}
}

// Whatever stands where an id should be, no workflow gets a strange id, and the
// comment beside it is started.
func TestHostileIDs(t *testing.T) {
	for name, id := range map[string]string{
		"empty": `""`, "a space": `"1 2"`, "NUL": `"1\u00002"`, "a tab": `"1\t2"`, "beyond ASCII": `"ｉｄ"`, "an emoji": `"\ud83d\ude00"`,
		"300 bytes": `"` + strings.Repeat("1", 300) + `"`, "an object": `{}`, "a list": `["1"]`, "null": `null`,
		"a fraction": `1.25`, "an exponent": `1e400`, "negative": `-18000000000000001`,
	} {
		t.Run(name, func(t *testing.T) {
			fake := newFakeTemporal()
			h := newHarness(t, fake)
			bad := fmt.Sprintf(`{"field":"comments","value":{"id":%s,"text":"secret text"}}`, id)
			if status := h.post(delivery("instagram", entryOf(instagramID, bad, commentChange("18000000000000001", "hi")))); status != 200 {
				t.Errorf("status = %d, want 200", status)
			}
			if diff := cmp.Diff([]string{"start " + replyID}, fake.told()); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
			h.wantCounted(map[string]float64{"events_total{effect=ignored,reason=no_usable_id}": 1, "events_total{effect=started}": 1})
			if log := h.logged(); !strings.Contains(log, "no_usable_id") {
				t.Errorf("the log does not say why:\n%s", log)
			}
		})
	}
}

// A colon or a quote in an id reaches neither another workflow nor a query.
func TestIDsCannotEscape(t *testing.T) {
	fake := newFakeTemporal()
	h := newHarness(t, fake)
	body := delivery("instagram", entryOf(instagramID, commentChange("1:2", "hi"), commentChange(`1" OR "1`, "hi"))) // the second has spaces
	if status := h.post(body); status != 200 {
		t.Errorf("status = %d", status)
	}
	body = delivery("page", entryOf(pageID, feedChange("post", "remove", "", `x"OR"_\`), feedChange("post", "remove", "", pagePost)))
	if status := h.post(body); status != 200 {
		t.Errorf("status = %d", status)
	}
	page := "reply:facebook:" + pageID
	calls := []string{"start reply:instagram:" + instagramID + ":1:2", "signal " + page + `:post-\`, "signal " + page + ":post-200000000000001",
		"start removed-post:facebook:" + pageID + ":" + pagePost}
	told := fake.told()
	slices.Sort(told[1:]) // the posts have no order
	slices.Sort(calls[1:])
	if diff := cmp.Diff(calls, told); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	want := map[string]workflows.RemovedPostInput{
		"removed-post:facebook:" + pageID + ":" + pagePost: {Platform: privatereply.Facebook, Account: pageID, Media: pagePost},
	}
	if diff := cmp.Diff(want, fake.removedPosts()); diff != "" {
		t.Errorf("removed posts (-want +got):\n%s", diff)
	}
	h.wantCounted(map[string]float64{"events_total{effect=ignored,reason=nothing_known}": 1, "events_total{effect=signalled}": 1})
}

// A delivery that was recorded and is sent again changes nothing.
func TestReplay(t *testing.T) {
	fake := newFakeTemporal()
	h := newHarness(t, fake)
	body := delivery("instagram", entryOf(instagramID, commentChange("18000000000000001", "hi"), commentChange("18000000000000002", "hi")))
	for range 5 {
		if status := h.post(body); status != 200 {
			t.Fatalf("status = %d", status)
		}
	}
	if n := len(fake.inputs); n != 2 {
		t.Errorf("%d workflows, want 2", n)
	}
	h.wantCounted(map[string]float64{
		"events_total{effect=started}": 2, "events_total{effect=duplicate}": 8,
		"events_received_total{}": 10, "deliveries_total{status=200}": 5, "acknowledgement_seconds{}": 5,
		"body_bytes_total{}": float64(5 * len(body)),
	})
}

// Whatever is logged, at every level, has ids, and never what people wrote or are
// called, nor a secret.
func TestLogsHaveNoTexts(t *testing.T) {
	fake := newFakeTemporal()
	h := newHarness(t, fake)
	bodies := []string{
		delivery("instagram", entryOf(instagramID, commentChange("18000000000000001", "a private text"), commentChange("", "a private text"))),
		delivery("instagram", entryOf("17841400000000777", commentChange("18000000000000001", "a private text"))),
		delivery("instagram", messaging(instagramID, strings.Replace(messageItem("6000000000000001", "m1", now), "thank you", "a private text", 1))),
		delivery("page", entryOf(pageID, feedChange("comment", "edited", "1_2", pagePost), feedChange("post", "remove", "", pagePost))),
		`{"a private text": "a private text"`,
		`["a private text"]`,
	}
	for range 2 {
		for _, body := range bodies {
			h.post(body)
			h.do(signed(t, []byte(body+" forged after signing")))
		}
		fake.before = failing(errors.New("some trouble"))
	}
	log := h.logged()
	for _, private := range []string{"private text", "someone", "Some One", appSecret, otherSecret, verifyToken} {
		if strings.Contains(log, private) {
			t.Errorf("the log has %q:\n%s", private, log)
		}
	}
	for _, wanted := range []string{"unknown_account", "17841400000000777", "no_usable_id", "18000000000000001"} {
		if !strings.Contains(log, wanted) {
			t.Errorf("the log lacks %q:\n%s", wanted, log)
		}
	}
}

// Each comment's and each person's events reach Temporal in the order of the
// delivery, and a post goes after the comments under it.
func TestOrder(t *testing.T) {
	fake := newFakeTemporal()
	h := newHarness(t, fake)
	var changes, items []string
	for n := range 20 {
		comment := fmt.Sprintf("200000000000001_30000000000000%02d", n)
		changes = append(changes, feedChange("post", "remove", "", pagePost),
			feedChange("comment", "add", comment, pagePost), feedChange("comment", "remove", comment, pagePost))
	}
	for n := range 20 {
		items = append(items, messageItem("8000000000000001", fmt.Sprintf("m%02d", n), now))
	}
	if status := h.post(delivery("page", entryOf(pageID, changes...), messaging(pageID, items...))); status != 200 {
		t.Fatalf("status = %d", status)
	}
	if len(fake.signals) != 40 { // and none to the visitor post, which has no reply
		t.Fatalf("%d signals, want 40: %+v", len(fake.signals), fake.signals)
	}
	var mids []string
	for _, s := range fake.signals {
		if m, ok := s.arg.(workflows.PersonMessage); ok {
			mids = append(mids, m.MessageID)
		}
	}
	if !slices.IsSorted(mids) || len(mids) != 20 {
		t.Errorf("messages came as %q", mids)
	}
	calls := fake.told()
	if last := calls[len(calls)-1]; last != "start removed-post:facebook:"+pageID+":"+pagePost || len(fake.removedPosts()) != 1 {
		t.Errorf("the last of the calls is %q; %d removed posts", last, len(fake.removedPosts()))
	}
	h.wantCounted(map[string]float64{"events_received_total{}": 80, "events_total{effect=started}": 20})
}

// The answer repeats nothing of the request.
func TestNothingIsReflected(t *testing.T) {
	h := newHarness(t, newFakeTemporal())
	for _, body := range []string{"<script>", delivery("<script>"), delivery("instagram", entryOf(instagramID, commentChange("<script>", "<script>")))} {
		w := h.do(signed(t, []byte(body)))
		if w.Code != http.StatusOK || w.Body.String() != "OK\n" {
			t.Errorf("answer = %d %q", w.Code, w.Body)
		}
	}
}
