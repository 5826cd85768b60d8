package activities

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/workflows"
)

// gathered is every metric of r that is not zero: a histogram by the sum of what it
// saw. Names are without their prefix, and labels only their values.
func gathered(t *testing.T, r prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			key := strings.TrimPrefix(f.GetName(), "privatereply_worker_")
			for _, l := range m.GetLabel() {
				if l.GetValue() != "" {
					key += " " + l.GetValue()
				}
			}
			if n := m.GetCounter().GetValue() + m.GetHistogram().GetSampleSum(); n != 0 {
				all[key] = n
			}
		}
	}
	return all
}

// Each attempt is counted by its outcome; what reaches Meta with the time that was
// left; and a next try that comes too late is seen when it is named.
func TestSendMetrics(t *testing.T) {
	throttled := func(minutes int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", fmt.Sprint(minutes*60))
			says(http.StatusTooManyRequests, `{"error":{"code":613}}`)(w, r)
		}
	}
	reply := func(a privatereply.Account) workflows.SendPrivateReplyInput { return privateReply(postComment(a), 1) }
	late := reply(page)
	late.Deadline = noon
	tests := []struct {
		name   string
		answer http.HandlerFunc
		send   workflows.SendPrivateReplyInput
		want   map[string]float64
	}{
		{"sent", says(200, delivered), reply(page),
			map[string]float64{"sends_total private_reply sent": 1, "send_margin_seconds posts": 3600}},
		{"refused", says(400, `{"error":{"code":10900}}`), reply(page),
			map[string]float64{"sends_total private_reply refused already_replied": 1, "send_margin_seconds posts": 3600}},
		{"nobody knows", says(200, "{}"), reply(page),
			map[string]float64{"sends_total private_reply unknown no_answer": 1, "send_margin_seconds posts": 3600}},
		{"without a token", says(200, delivered), reply(tokenless),
			map[string]float64{"sends_total private_reply not_sent token_rejected": 1}},
		{"past the deadline", says(200, delivered), late,
			map[string]float64{"sends_total private_reply not_sent deadline_while_sending": 1}},
		{"throttled, in time", throttled(30), reply(page),
			map[string]float64{"sends_total private_reply not_sent throttled": 1, "send_margin_seconds posts": 3600}},
		{"throttled past the deadline", throttled(60), reply(page),
			map[string]float64{"sends_total private_reply not_sent throttled": 1, "send_margin_seconds posts": 3600, "tries_after_deadline_total posts": 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, tt.answer)
			if _, err := run[privatereply.SendResult](t, b, workflows.SendPrivateReplyActivity, tt.send); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, gathered(t, b.registry)); diff != "" {
				t.Errorf("counted (-want +got):\n%s", diff)
			}
		})
	}
	followUp := workflows.SendFollowUpInput{Platform: page.Platform, Account: page.ID, Person: "7000000000000001", Message: privatereply.Message{Text: testText}, NotAfter: noon.Add(time.Hour)}
	tapAnswer := followUp
	tapAnswer.Tap = true
	for _, tt := range []struct {
		kind, activity string
		in             any
	}{
		{"follow_up", workflows.SendFollowUpActivity, followUp},
		{"tap_answer", workflows.SendFollowUpActivity, tapAnswer},
		{"public_reply", workflows.PostPublicReplyActivity, publicReply(postComment(page))},
		{"hide", workflows.SetCommentHiddenActivity, workflows.SetCommentHiddenInput{Comment: postComment(page), Hidden: true, Attempt: 1}},
	} {
		t.Run(tt.kind, func(t *testing.T) {
			b := newBench(t, says(200, `{"message_id":"m_1","id":"1","success":true}`))
			if _, err := run[privatereply.SendResult](t, b, tt.activity, tt.in); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(map[string]float64{"sends_total " + tt.kind + " sent": 1}, gathered(t, b.registry)); diff != "" {
				t.Errorf("counted (-want +got):\n%s", diff)
			}
		})
	}
}

// A sweep counts as ended with its last page, not before and not when it fails.
func TestLastSweepAt(t *testing.T) {
	s := newSweeping(t, page)
	swept := func() time.Time { return s.sweeper.metrics.LastSweepAt(page.Platform, page.ID) }
	for i := range 30 {
		s.write(t, meta.NewComment{Source: privatereply.SourceVisitorPost, Username: fmt.Sprint("v", i), Text: "Hello?", Age: privatereply.Duration(time.Hour)})
	}
	first, err := s.sweepPage(workflows.SweepPageInput{})
	if err != nil || first.Next == "" {
		t.Fatalf("the first page is the last: %v", err)
	}
	if at := swept(); !at.IsZero() {
		t.Errorf("after the first page it ended at %v", at)
	}
	s.instead = func(string) string { return `{"error":{"code":190}}` }
	if _, err := s.sweepPage(workflows.SweepPageInput{Cursor: first.Next}); err == nil || !swept().IsZero() {
		t.Errorf("a page that failed (%v) ended it at %v", err, swept())
	}
	s.instead = func(string) string { return "" }
	s.sweep(t, time.Time{})
	if at := swept(); !at.Equal(noon) {
		t.Errorf("it ended at %v, want %v", at, noon)
	}
}

// What a sweep starts counts as a webhook that was missed, unless the webhook may be
// under way, or the pass may be the account's first one.
func TestWebhooksMissed(t *testing.T) {
	s := newSweeping(t, page)
	registry := prometheus.NewRegistry()
	s.sweeper.WithMetrics(NewMetrics(registry))
	for _, age := range []time.Duration{time.Hour, 48 * time.Hour} {
		s.write(t, meta.NewComment{Username: "lena", Text: "Before", Age: privatereply.Duration(age)})
	}
	if n := s.sweep(t, time.Time{}).Started; n != 2 || len(gathered(t, registry)) != 0 {
		t.Errorf("the first pass started %d and counted %v", n, gathered(t, registry))
	}
	for _, age := range []time.Duration{missedWebhookAfter, missedWebhookAfter - time.Second} {
		s.write(t, meta.NewComment{Username: "tom", Text: "After", Age: privatereply.Duration(age)})
	}
	if n := s.sweep(t, time.Time{}).Started; n != 2 {
		t.Errorf("the second pass started %d", n)
	}
	s.sweep(t, time.Time{}) // finds duplicates only
	if diff := cmp.Diff(map[string]float64{"webhooks_missed_total facebook": 1}, gathered(t, registry)); diff != "" {
		t.Errorf("counted (-want +got):\n%s", diff)
	}
}
