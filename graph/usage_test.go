package graph

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var usageHeaders = []struct {
	name    string
	headers map[string]string
	want    Usage
}{
	{"none", nil, Usage{}},
	{"the app's", map[string]string{"X-App-Usage": `{"call_count":28,"total_time":25,"total_cputime":31.5}`}, Usage{Percent: 31.5}},
	{"the Page's", map[string]string{"X-Page-Usage": `{"call_count":91,"total_time":25,"total_cputime":25}`}, Usage{Percent: 91}},
	{"the account's business use, in minutes",
		map[string]string{"X-Business-Use-Case-Usage": `{"17841400000000001":[{"type":"instagram","call_count":100,"total_cputime":25,"total_time":25,"estimated_time_to_regain_access":19}]}`},
		Usage{Percent: 100, RegainAfter: 19 * time.Minute}},
	{"the Page behind the account",
		map[string]string{"X-Business-Use-Case-Usage": `{"100000000000001":[{"type":"messenger","call_count":95,"estimated_time_to_regain_access":0}]}`},
		Usage{Percent: 95}},
	{"somebody else's business use",
		map[string]string{"X-Business-Use-Case-Usage": `{"100000000000009":[{"type":"messenger","call_count":100,"estimated_time_to_regain_access":60}]}`},
		Usage{}},
	{"the account's advertisements",
		map[string]string{"X-Business-Use-Case-Usage": `{"100000000000001":[{"type":"ads_management","call_count":100,"estimated_time_to_regain_access":60},{"type":"pages","call_count":12}]}`},
		Usage{Percent: 12}},
	{"the worst of all", map[string]string{
		"X-App-Usage":               `{"call_count":50}`,
		"X-Page-Usage":              `{"total_time":70}`,
		"X-Business-Use-Case-Usage": `{"100000000000001":[{"type":"pages","total_cputime":60,"estimated_time_to_regain_access":3},{"type":"messenger","call_count":5,"estimated_time_to_regain_access":7}]}`,
	}, Usage{Percent: 70, RegainAfter: 7 * time.Minute}},
	{"numbers as strings", map[string]string{"X-App-Usage": `{"call_count":"93"}`}, Usage{Percent: 93}},
	{"nonsense", map[string]string{"X-App-Usage": `93%`, "X-Page-Usage": `[]`, "X-Business-Use-Case-Usage": `{"100000000000001":{"call_count":99}}`}, Usage{}},
	{"nonsense for numbers", map[string]string{"X-App-Usage": `{"call_count":-5,"total_time":"NaN","total_cputime":null}`}, Usage{}},
	{"longer than any of Meta's windows",
		map[string]string{"X-Business-Use-Case-Usage": `{"100000000000001":[{"type":"pages","estimated_time_to_regain_access":1e30}]}`},
		Usage{RegainAfter: 24 * time.Hour}},
}

// Guards what pacing stands on: the account's own use, from every header, after a
// success and after a refusal.
func TestUsage(t *testing.T) {
	for _, tc := range usageHeaders {
		t.Run(tc.name, func(t *testing.T) {
			status, body := http.StatusOK, delivered
			m := newMeta(t, func(w http.ResponseWriter, _ *http.Request) {
				for name, value := range tc.headers {
					w.Header().Set(name, value)
				}
				respondWith(status, body)(w, nil)
			})
			receipt, err := m.SendPrivateReply(t.Context(), credentials(igByPage), Recipient{CommentID: "1"}, OutgoingMessage{Text: "hi"})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, receipt.Usage, cmpopts.EquateApprox(0, 1e-9)); diff != "" {
				t.Errorf("after a success: %s", diff)
			}
			status, body = http.StatusForbidden, `{"error":{"code":80002}}`
			_, err = m.SendPrivateReply(t.Context(), credentials(igByPage), Recipient{CommentID: "1"}, OutgoingMessage{Text: "hi"})
			e := asGraphError(t, err)
			if diff := cmp.Diff(tc.want, e.Usage, cmpopts.EquateApprox(0, 1e-9)); diff != "" {
				t.Errorf("after a refusal: %s", diff)
			}
			if e.RetryAfter != tc.want.RegainAfter {
				t.Errorf("retry after %v, want %v", e.RetryAfter, tc.want.RegainAfter)
			}
		})
	}
}

// Guards the header that Meta does not document, in both of its forms, against a
// wrong clock and against values that no limit of Meta's has.
func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		name, header string
		want         time.Duration
	}{
		{"absent", "", 0},
		{"seconds", "90", 90 * time.Second},
		{"part of a second", "1.5", 1500 * time.Millisecond},
		{"a date", "Thu, 01 Oct 2026 12:30:00 GMT", 30 * time.Minute},
		{"a date that has passed", "Thu, 01 Oct 2026 11:30:00 GMT", 0},
		{"negative", "-5", 0},
		{"more than a day", "999999999999", 24 * time.Hour},
		{"infinite", "Inf", 24 * time.Hour},
		{"not a number", "NaN", 0},
		{"a text", "soon", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := newMeta(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", tc.header)
				respondWith(429, `{"error":{"code":4}}`)(w, nil)
			})
			m.now = func() time.Time { return now }
			_, err := m.SendPrivateReply(t.Context(), credentials(pageAccount), Recipient{CommentID: "1"}, OutgoingMessage{Text: "hi"})
			if e := asGraphError(t, err); e.RetryAfter != tc.want || e.Class != Throttled || !e.SentAt.Equal(now) {
				t.Errorf("retry after %v, want %v: %+v", e.RetryAfter, tc.want, e)
			}
		})
	}
}

// Meta's Date shows how far the clock here is off, within its one second; an answer out
// of a cache, or without a Date, shows nothing.
func TestClockOffset(t *testing.T) {
	now := time.Date(2026, 3, 2, 12, 0, 0, 400e6, time.UTC)
	date := func(d time.Duration) http.Header {
		return http.Header{"Date": {now.Truncate(time.Second).Add(d).Format(http.TimeFormat)}}
	}
	cached := date(-time.Hour)
	cached.Set("Age", "3600")
	tests := []struct {
		name   string
		header http.Header
		took   time.Duration // the answer
		ahead  time.Duration
		known  bool
	}{
		{"the same second", date(0), 0, 0, true},
		{"the second before", date(-time.Second), 0, 400 * time.Millisecond, true},
		{"ahead", date(-10 * time.Second), 0, 9400 * time.Millisecond, true},
		{"an answer that took long", date(-10 * time.Second), 12 * time.Second, 0, true},
		{"behind", date(10 * time.Second), 0, -9600 * time.Millisecond, true},
		{"cached", cached, 0, 0, false},
		{"no Date", http.Header{}, 0, 0, false},
		{"no time", http.Header{"Date": {"yesterday"}}, 0, 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var c Client
			c.clock.observe(now.Add(-tt.took), now, tt.header)
			if ahead, known := c.ClockOffset(); ahead != tt.ahead || known != tt.known {
				t.Errorf("%v, %v; want %v, %v", ahead, known, tt.ahead, tt.known)
			}
		})
	}
}
