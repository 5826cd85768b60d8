package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/telemetry"
	"github.com/privatereply/privatereply/rules"
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
	h := newTestBridge(t, fake)
	if status := h.post(delivery("instagram", entryOf(instagramID, commentChange("18000000000000001", "What is the price?")))); status != 200 {
		t.Fatalf("status = %d", status)
	}
	in, ok := fake.reply(replyID)
	if !ok {
		t.Fatalf("no %s; calls %q", replyID, fake.callLog())
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
			h := newTestBridge(t, fake)
			if status := h.post(tt.body); status != 200 {
				t.Errorf("status = %d, want 200", status)
			}
			if diff := cmp.Diff(tt.calls, fake.callLog()); diff != "" {
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
			h := newTestBridge(t, fake)
			bad := fmt.Sprintf(`{"field":"comments","value":{"id":%s,"text":"secret text"}}`, id)
			if status := h.post(delivery("instagram", entryOf(instagramID, bad, commentChange("18000000000000001", "hi")))); status != 200 {
				t.Errorf("status = %d, want 200", status)
			}
			if diff := cmp.Diff([]string{"start " + replyID}, fake.callLog()); diff != "" {
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
	h := newTestBridge(t, fake)
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
	told := fake.callLog()
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
	h := newTestBridge(t, fake)
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
	h := newTestBridge(t, fake)
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
	h := newTestBridge(t, fake)
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
	calls := fake.callLog()
	if last := calls[len(calls)-1]; last != "start removed-post:facebook:"+pageID+":"+pagePost || len(fake.removedPosts()) != 1 {
		t.Errorf("the last of the calls is %q; %d removed posts", last, len(fake.removedPosts()))
	}
	h.wantCounted(map[string]float64{"events_received_total{}": 80, "events_total{effect=started}": 20})
}

// The answer repeats nothing of the request.
func TestNothingIsReflected(t *testing.T) {
	h := newTestBridge(t, newFakeTemporal())
	for _, body := range []string{"<script>", delivery("<script>"), delivery("instagram", entryOf(instagramID, commentChange("<script>", "<script>")))} {
		w := h.do(signed(t, []byte(body)))
		if w.Code != http.StatusOK || w.Body.String() != "OK\n" {
			t.Errorf("answer = %d %q", w.Code, w.Body)
		}
	}
}

func failing(err error) func(context.Context, string) error {
	return func(context.Context, string) error { return err }
}

// Nothing is lost while Temporal fails: Meta is asked to deliver again, and the metrics
// and the log give the failure class.
func TestFailureClasses(t *testing.T) {
	tests := []struct {
		err   error
		class string
	}{
		{serviceerror.NewUnavailable("connection refused"), unavailable},
		{serviceerror.NewDeadlineExceeded("too late"), tooSlow},
		{serviceerror.NewCanceled("cancelled"), tooSlow},
		{context.DeadlineExceeded, tooSlow},
		{serviceerror.NewResourceExhausted(enumspb.RESOURCE_EXHAUSTED_CAUSE_RPS_LIMIT, "rate limit"), overloaded},
		{serviceerror.NewNamespaceNotFound("default"), notSetUp},
		{serviceerror.NewNotFound("no such thing"), notSetUp},
		{serviceerror.NewInvalidArgument("search attribute ReplyState is not defined"), refusedByTemporal},
		{serviceerror.NewPermissionDenied("no", ""), notPermitted},
		{serviceerror.NewInternal("a fault"), otherFailure},
		{errors.New("the codec has no key"), otherFailure},
	}
	for _, tt := range tests {
		t.Run(tt.class+" "+tt.err.Error(), func(t *testing.T) {
			fake := newFakeTemporal()
			fake.before = failing(tt.err)
			h := newTestBridge(t, fake)
			body := delivery("instagram", entryOf(instagramID, commentChange("18000000000000001", "hi"), commentChange("", "hi")))
			for range 3 {
				w := h.do(signed(t, []byte(body)))
				if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
					t.Fatalf("answer = %d, Retry-After %q; want 503 with a time", w.Code, w.Header().Get("Retry-After"))
				}
			}
			h.wantCounted(map[string]float64{
				"commit_failures_total{class=" + tt.class + "}": 3,
				"events_sent_back_total{}":                      6,
				"events_received_total{}":                       0,
				"deliveries_total{status=503}":                  3,
				"acknowledgement_seconds{}":                     0,
			})
			if n := strings.Count(h.logged(), "Meta must deliver again"); n != 1 {
				t.Errorf("logged %d times within a minute, want once:\n%s", n, h.logged())
			}
			if !strings.Contains(h.logged(), replyID) {
				t.Errorf("the log does not name the reply:\n%s", h.logged())
			}

			fake.before = nil
			if status := h.post(body); status != 200 {
				t.Errorf("status after the failure = %d", status)
			}
			h.wantCounted(map[string]float64{"events_total{effect=started}": 1, "events_total{effect=ignored,reason=no_usable_id}": 1})
		})
	}
}

// One event that Temporal does not take never keeps its neighbours out, and the
// delivery comes again until it is taken.
func TestNeighboursOfFailure(t *testing.T) {
	fake := newFakeTemporal()
	fake.before = func(_ context.Context, id string) error {
		if id == replyID {
			return serviceerror.NewInvalidArgument("poisoned")
		}
		return nil
	}
	h := newTestBridge(t, fake)
	body := delivery("instagram", entryOf(instagramID, commentChange("18000000000000001", "hi"), commentChange("18000000000000002", "hi")))
	if status := h.post(body); status != http.StatusServiceUnavailable {
		t.Errorf("status = %d, want 503", status)
	}
	if _, ok := fake.reply(secondID); !ok {
		t.Error("the neighbour was not started")
	}
	fake.before = nil
	if status := h.post(body); status != 200 {
		t.Errorf("status = %d, want 200", status)
	}
	h.wantCounted(map[string]float64{"events_total{effect=started}": 1, "events_total{effect=duplicate}": 1, "events_sent_back_total{}": 2})
}

// A later event of a comment never overtakes one that failed: a removal would find
// no reply, and the redelivery would then start one.
func TestFailureStopsTheOrderingKey(t *testing.T) {
	fake := newFakeTemporal()
	reply := "reply:facebook:" + pageID + ":300000000000001"
	first := true
	fake.before = func(_ context.Context, id string) error {
		if id == reply && first {
			first = false
			return serviceerror.NewUnavailable("gone")
		}
		return nil
	}
	h := newTestBridge(t, fake)
	body := delivery("page", entryOf(pageID,
		feedChange("comment", "add", "200000000000001_300000000000001", pagePost),
		feedChange("comment", "remove", "200000000000001_300000000000001", pagePost)))
	for _, want := range []int{503, 200} {
		if status := h.post(body); status != want {
			t.Errorf("status = %d, want %d", status, want)
		}
	}
	if got := strings.Join(fake.callLog(), ", "); got != "start "+reply+", signal-with-start "+reply {
		t.Errorf("calls = %s", got)
	}
}

// A commit that takes too long is given up while there is time to say so, and a
// caller that hangs up does not break it off.
func TestCommitHasALimit(t *testing.T) {
	fake := newFakeTemporal()
	fake.before = func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() }
	h := newTestBridge(t, fake)
	h.timeouts.answer = 20 * time.Millisecond
	hungUp, cancel := context.WithCancel(t.Context())
	cancel()
	body := []byte(delivery("instagram", entryOf(instagramID, commentChange("18000000000000001", "hi"))))
	if w := h.do(signed(t, body).WithContext(hungUp)); w.Code != http.StatusServiceUnavailable {
		t.Errorf("status = %d, want 503", w.Code)
	}
	h.wantCounted(map[string]float64{"commit_failures_total{class=too_slow}": 1})

	h.timeouts.answer = commitTimeout
	fake.before = func(ctx context.Context, _ string) error { return ctx.Err() }
	if w := h.do(signed(t, body).WithContext(hungUp)); w.Code != http.StatusOK {
		t.Errorf("status = %d, want 200", w.Code)
	}
}

// However many comments come at once, only so many calls run at a time.
func TestCallsAreBounded(t *testing.T) {
	fake := newFakeTemporal()
	var running, most atomic.Int64
	var reached sync.Once
	full := make(chan struct{})
	fake.before = func(context.Context, string) error {
		n := running.Add(1)
		defer running.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		if n == maxConcurrentCalls {
			reached.Do(func() { close(full) })
		}
		<-full
		return nil
	}
	h := newTestBridge(t, fake)
	var changes []string
	for n := range 3 * maxConcurrentCalls {
		changes = append(changes, commentChange(strings.Repeat("1", n+1), "hi"))
	}
	if status := h.post(delivery("instagram", entryOf(instagramID, changes...))); status != 200 {
		t.Errorf("status = %d", status)
	}
	if n := most.Load(); n != maxConcurrentCalls {
		t.Errorf("%d calls at once, want %d", n, maxConcurrentCalls)
	}
	h.wantCounted(map[string]float64{"events_total{effect=started}": 3 * maxConcurrentCalls})
}

// Each kind of event is logged once a minute with how often it happened, and one kind
// does not hide another.
func TestLogSampler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newLogSampler()
		type step struct {
			after time.Duration
			kind  string
			times int64 // logged; 0: nothing is logged
		}
		for i, st := range []step{
			{0, "a", 1}, {0, "b", 1}, {time.Second, "a", 0}, {58 * time.Second, "a", 0}, {time.Second, "a", 3}, {0, "b", 1}, {0, "a", 0},
			{2 * time.Minute, "a", 2},
		} {
			time.Sleep(st.after)
			core, logs := observer.New(zap.DebugLevel)
			s.warn(zap.New(core), st.kind, "it happened")
			var times int64
			for _, entry := range logs.All() {
				times = entry.ContextMap()["times"].(int64)
			}
			if times != st.times || logs.Len() != int(min(st.times, 1)) {
				t.Errorf("step %d: logged %d times in %d lines; want %d", i, times, logs.Len(), st.times)
			}
		}
	})
}

// The story of an event goes on under the span of its delivery, in whatever group it
// reaches Temporal. What nobody signed makes no span, and no span holds a text.
func TestSpans(t *testing.T) {
	comment := delivery("instagram", entryOf(instagramID, commentChange("18000000000000001", "how much, please?")))
	tests := []struct {
		name   string
		body   string
		secret string
		fault  error
		status int
		spans  int
	}{
		{"a comment", comment, appSecret, nil, http.StatusOK, 1},
		{"sent back", comment, appSecret, errors.New("no server"), http.StatusServiceUnavailable, 1},
		{"forged", comment, "another secret", nil, http.StatusForbidden, 0},
		{"not JSON", "nonsense", appSecret, nil, http.StatusOK, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fake := newFakeTemporal()
			var under trace.SpanContext
			fake.before = func(ctx context.Context, _ string) error {
				under = trace.SpanContextFromContext(ctx)
				return tt.fault
			}
			h := newTestBridge(t, fake)
			spans := tracetest.NewSpanRecorder()
			h.cfg.Tracer = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)).Tracer("test")

			r := signed(t, []byte(tt.body))
			r.Header.Set("X-Hub-Signature-256", sign([]byte(tt.body), tt.secret))
			r.Header.Set("traceparent", "00-11111111111111111111111111111111-2222222222222222-01")
			if status := h.do(r).Code; status != tt.status {
				t.Errorf("status = %d, want %d", status, tt.status)
			}
			ended := spans.Ended()
			if len(ended) != tt.spans {
				t.Fatalf("%d spans, want %d", len(ended), tt.spans)
			}
			if tt.spans == 0 {
				return
			}
			span := ended[0]
			if span.SpanContext().SpanID() != under.SpanID() || span.SpanContext().TraceID() != under.TraceID() {
				t.Errorf("Temporal was called under %v, the delivery's span is %v", under, span.SpanContext())
			}
			if span.Parent().IsValid() {
				t.Errorf("the caller chose the trace: %v", span.Parent())
			}
			if failed := span.Status().Code == codes.Error; failed != (tt.fault != nil) {
				t.Errorf("status of the span = %v", span.Status())
			}
			if shown := fmt.Sprint(span.Name(), span.Attributes(), span.Status(), span.Events()); strings.Contains(shown, "please") || strings.Contains(shown, "no server") {
				t.Errorf("the span shows %s", shown)
			}
		})
	}
}

// Without a tracer an event carries nothing that it did not carry before.
func TestNoSpansWithoutTracer(t *testing.T) {
	h := newTestBridge(t, newFakeTemporal())
	ctx, end := h.startSpan(t.Context(), now, 1)
	defer end(http.StatusOK)
	if span := telemetry.Traceparent(ctx); span != "" {
		t.Errorf("events would carry %q", span)
	}
}

// slowRules is a rules file as costly as the check at load lets through, with a rule for
// a comment that is quickly decided before the others.
func slowRules(t *testing.T) rulesFile {
	t.Helper()
	var words []string
	for i := range 60 {
		words = append(words, fmt.Sprintf("%q", fmt.Sprintf("wordnumber%d", i)))
	}
	var f strings.Builder
	f.WriteString("default: ask\nrules:\n  - name: short\n    when: size(text) < 10\n    reply: hi\n")
	for i := range 40 {
		fmt.Fprintf(&f, "  - name: r%d\n    when: says(text, [%s, \"x%d\"])\n    ignore: true\n", i, strings.Join(words, ", "), i)
	}
	set, err := rules.Parse("rules.yaml", []byte(f.String()))
	if err != nil {
		t.Fatal(err)
	}
	return rulesFile{set}
}

// A rules file that the check at load lets through, and a delivery of 400 comments as long as
// Instagram takes them (Meta puts up to 1000 into one). The rules have a time of their own;
// what they do not come to is for people, and all is committed in the time that Meta waits.
func TestSlowRulesCommit(t *testing.T) {
	const comments = 400
	h := newTestBridge(t, newFakeTemporal())
	h.cfg.Rules = slowRules(t)
	var mu sync.Mutex // a second group may begin while a slow one is committed
	var committed []workflows.InboundEvent
	h.committer = newBatcher(batchLimitsDefault, h.committer, func(ctx context.Context, encoded [][]byte, _ bool) error {
		if end, ok := ctx.Deadline(); !ok || time.Until(end) < commitTimeout-time.Second {
			t.Errorf("the rules have taken the commit's time: until %v", end)
		}
		for _, e := range encoded {
			var a workflows.InboundEvent
			if err := json.Unmarshal(e, &a); err != nil {
				return err
			}
			mu.Lock()
			committed = append(committed, a)
			mu.Unlock()
		}
		return nil
	})
	var changes []string
	for i := range comments {
		changes = append(changes, commentChange(fmt.Sprintf("18000000000%06d", i), strings.Repeat("a ", 1100)))
	}
	body := delivery("instagram", entryOf(instagramID, changes...))
	slow := 0
	for range 2 {
		committed = nil
		if status := h.post(body); status != 200 {
			t.Fatalf("the delivery is answered %d", status)
		}
		if len(committed) != comments {
			t.Errorf("%d of %d comments are committed", len(committed), comments)
		}
		slices.SortFunc(committed, func(a, b workflows.InboundEvent) int {
			return strings.Compare(a.Comment.CommentID, b.Comment.CommentID)
		})
		late := 0
		for i, a := range committed {
			switch {
			case a.Decision.Action != privatereply.ActionAsk:
				t.Fatalf("comment %d is decided as %+v", i, a.Decision)
			case a.Decision.Reason == "rule_error:too_slow":
				late++
			case a.Decision.Reason != privatereply.DecidedByDefault || late > 0:
				t.Fatalf("comment %d is decided as %+v after %d that were late", i, a.Decision, late)
			}
		}
		if late == 0 || late == comments {
			t.Errorf("the rules had no time for %d of %d comments", late, comments)
		}
		slow += late
	}
	h.wantCounted(map[string]float64{
		"rules_too_slow_total{}": float64(slow), "deliveries_total{status=200}": 2, "events_total{effect=batched}": 2 * comments,
	})
	log := h.logs.FilterMessageSnippet("The rules had no time")
	if log.Len() != 1 || log.All()[0].Message == "" {
		t.Errorf("it is logged %d times", log.Len())
	}
}

// Usual comments and an edited one are decided, and a delivery that leaves time leaves it
// to the commits.
func TestRulesInTime(t *testing.T) {
	h := newTestBridge(t, newFakeTemporal())
	h.cfg.Rules = slowRules(t)
	comment := privatereply.Comment{Platform: privatereply.Instagram, Account: instagramID, CommentID: "1", Text: "hi"}
	arrivals := h.inboundEvents(t.Context(), []privatereply.Event{{Comment: &comment}, {Edited: &comment}})
	for i, a := range arrivals {
		if a.Decision == nil || a.Decision.Rule != "short" {
			t.Errorf("arrival %d: %+v", i, a.Decision)
		}
	}
	if len(arrivals) != 2 {
		t.Errorf("%d arrivals", len(arrivals))
	}
	if rulesTimeout+commitTimeout >= answerTimeout || answerTimeout >= 5*time.Second {
		t.Error("Meta waits 5 seconds: for the rules, then for one commit")
	}
	h.wantCounted(map[string]float64{"rules_too_slow_total{}": 0})
}

// What arrives has what the workflows need to know of its account: an edited comment what
// the rules say of its new words, and a message without a sender what a message has.
func TestInboundEvents(t *testing.T) {
	h := newTestBridge(t, newFakeTemporal())
	edited := privatereply.Comment{Platform: privatereply.Facebook, Account: pageID, CommentID: "1_2", Text: "What is the price?"}
	nobody := privatereply.PersonMessage{Platform: privatereply.Instagram, Account: humanID, MessageID: "m1", At: now}
	kept := privatereply.PersonMessage{Platform: privatereply.Instagram, Account: instagramID, MessageID: "m2", At: now}
	arrivals := h.inboundEvents(t.Context(), []privatereply.Event{{Edited: &edited}, {Message: &nobody}, {Ignored: &privatereply.IgnoredEvent{}}, {Message: &kept}})
	if len(arrivals) != 3 {
		t.Fatalf("%d arrivals", len(arrivals))
	}
	if a := arrivals[0]; a.Edited != &edited || a.Decision == nil || a.Decision.Rule != "price" || a.Decision.RulesSHA256 != h.cfg.Rules.Current().SHA256() {
		t.Errorf("edited: %+v, decision %+v", a, a.Decision)
	}
	if a := arrivals[1]; a.Message != &nobody || !a.HumanAgent || !a.RepliedOnly || a.Decision != nil {
		t.Errorf("a message without a sender: %+v", a)
	}
	if a := arrivals[2]; a.Message != &kept || a.HumanAgent || a.RepliedOnly {
		t.Errorf("a message that is kept: %+v", a)
	}
}

// Each removed post gets a workflow that withdraws the replies under it, and only a
// visitor post's own reply is told directly.
func TestRemovedPosts(t *testing.T) {
	fake := newFakeTemporal()
	fake.begin("reply:facebook:" + pageID + ":post-1")
	h := newTestBridge(t, fake)
	body := delivery("page", entryOf(pageID,
		feedChange("post", "remove", "", pageID+"_1"), feedChange("photo", "remove", "", pageID+"_2")))
	if status := h.post(body); status != 200 {
		t.Fatalf("status = %d", status)
	}
	want := map[string]workflows.RemovedPostInput{
		"removed-post:facebook:" + pageID + ":" + pageID + "_1": {Platform: privatereply.Facebook, Account: pageID, Media: pageID + "_1"},
		"removed-post:facebook:" + pageID + ":" + pageID + "_2": {Platform: privatereply.Facebook, Account: pageID, Media: pageID + "_2"},
	}
	if diff := cmp.Diff(want, fake.removedPosts()); diff != "" {
		t.Errorf("removed posts (-want +got):\n%s", diff)
	}
	if len(fake.signals) != 1 || fake.signals[0].name != workflows.CommentRemovedSignal {
		t.Errorf("signals: %+v, want one to the visitor post", fake.signals)
	}
	h.wantCounted(map[string]float64{"events_total{effect=signalled}": 2})
	// A second delivery finds both under way.
	if status := h.post(body); status != 200 || len(fake.removedPosts()) != 2 {
		t.Errorf("status = %d, %d removed posts", status, len(fake.removedPosts()))
	}
}

// A removal that Temporal does not take for now makes Meta deliver again.
func TestRemovedPostWhileOverloaded(t *testing.T) {
	fake := newFakeTemporal()
	fake.before = failing(serviceerror.NewResourceExhausted(enumspb.RESOURCE_EXHAUSTED_CAUSE_RPS_LIMIT, "namespace rate limit exceeded"))
	h := newTestBridge(t, fake)
	body := delivery("page", entryOf(pageID, feedChange("post", "remove", "", pagePost)))
	if status := h.post(body); status != 503 {
		t.Errorf("status = %d, want 503", status)
	}
	h.wantCounted(map[string]float64{"commit_failures_total{class=overloaded}": 1})
	fake.before = nil
	if status := h.post(body); status != 200 || len(fake.removedPosts()) != 1 {
		t.Errorf("status = %d, %d removed posts; want 200 and one", status, len(fake.removedPosts()))
	}
}
