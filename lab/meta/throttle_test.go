package meta_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/privatereply/privatereply/lab/meta"
)

// Each account has its own limit for each kind of call; it slides, and calls made
// while it is over count as well.
func TestLimits(t *testing.T) {
	small := meta.Limits{PostsPerHour: 3, LivePerSecond: 3, SendsPerSecond: 3, ConversationsPerSecond: 3}
	tests := []struct {
		name    string
		account string
		window  time.Duration
		call    func(*env) reply
		want    [2]int
		status  int
	}{
		{"page posts", pageID, time.Hour, func(e *env) reply { return e.answer(pageID, e.comment(meta.NewComment{Account: pageID}), "x") }, [2]int{80006, 0}, 400},
		{"instagram posts", ownLoginID, time.Hour, func(e *env) reply {
			return e.answer(ownLoginID, e.comment(meta.NewComment{Account: ownLoginID}), "x")
		}, [2]int{80002, 0}, 400},
		{"instagram live", ownLoginID, time.Second, func(e *env) reply {
			return e.answer(ownLoginID, e.comment(meta.NewComment{Account: ownLoginID, Source: "live"}), "x")
		}, [2]int{613, 2534040}, 429},
		{"follow-ups", pageID, time.Second, func(e *env) reply { return e.followUp(pageID, e.personID(pageID, "sam"), "x") }, [2]int{613, 2534040}, 429},
		{"conversations", pageID, time.Second, func(e *env) reply { return e.get("/facebook/v26.0/"+pageID+"/conversations", pageToken) }, [2]int{613, 0}, 400},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := start(t, func(c *meta.Config) { c.Limits = small })
			e.live(ownLoginID)
			wrote("text", 0)(e, pageID)
			for i := range 3 {
				if got := tt.call(e); got.status != http.StatusOK {
					t.Fatalf("call %d: %s", i+1, got.body)
				}
			}
			over := tt.call(e)
			if over.code() != tt.want || over.status != tt.status {
				t.Errorf("over the limit: %d %v, want %d %v", over.status, over.code(), tt.status, tt.want)
			}
			e.clock.advance(tt.window)
			for i := range 2 {
				if got := tt.call(e); got.status != http.StatusOK {
					t.Errorf("call %d of the next window: %s", i+1, got.body)
				}
			}
			if got := e.Report(); got.Accounts[0].Throttled+got.Accounts[2].Throttled != 1 {
				t.Errorf("throttled: %+v", got.Accounts)
			}
		})
	}
}

// A client that keeps calling while it is throttled stays throttled.
func TestCallsWhileThrottledCount(t *testing.T) {
	e := start(t, func(c *meta.Config) { c.Limits.PostsPerHour = 2 })
	call := func() reply { return e.answer(pageID, e.comment(meta.NewComment{Account: pageID}), "x") }
	call()
	call()
	for range 4 {
		e.clock.advance(20 * time.Minute)
		if got := call(); got.code() != [2]int{80006, 0} {
			t.Fatalf("answered %v, want 80006", got.code())
		}
	}
	e.clock.advance(time.Hour)
	if got := call(); got.status != http.StatusOK {
		t.Errorf("after an hour of silence: %s", got.body)
	}
}

// usageOf reads Meta's header about an account's limits.
func usageOf(t *testing.T, r reply, account string) (percent, wait int, kind string) {
	t.Helper()
	var usage map[string][]struct {
		Type      string `json:"type"`
		CallCount int    `json:"call_count"`
		Minutes   int    `json:"estimated_time_to_regain_access"`
	}
	header := r.header.Get("X-Business-Use-Case-Usage")
	if header == "" {
		return 0, 0, ""
	}
	must(t, json.Unmarshal([]byte(header), &usage))
	u := usage[account][0]
	return u.CallCount, u.Minutes, u.Type
}

// The usage headers tell the percentage used on successes, and the minutes to wait
// on refusals.
func TestUsageHeaders(t *testing.T) {
	e := start(t, func(c *meta.Config) { c.Limits = meta.Limits{PostsPerHour: 20, AppPerHour: 100} })
	call := func() reply { return e.answer(ownLoginID, e.comment(meta.NewComment{Account: ownLoginID}), "x") }
	if got := call(); got.header.Get("X-Business-Use-Case-Usage") != "" {
		t.Errorf("a quiet account has no header: %v", got.header)
	}
	e.clock.advance(10*time.Minute + time.Second)
	var last reply
	for range 17 {
		last = call()
	}
	if percent, wait, kind := usageOf(t, last, ownLoginID); percent != 90 || wait != 0 || kind != "instagram" {
		t.Errorf("after 18 calls of 20: %d %%, %d minutes, %q", percent, wait, kind)
	}
	if got := last.header.Get("X-App-Usage"); got != `{"call_count":18,"total_cputime":0,"total_time":0}` {
		t.Errorf("X-App-Usage: %s", got)
	}
	call()
	call()
	if percent, wait, _ := usageOf(t, call(), ownLoginID); percent != 100 || wait != 50 {
		t.Errorf("throttled: %d %%, %d minutes; want 100 and 50", percent, wait)
	}
}

// The app as a whole can be limited too.
func TestAppLimit(t *testing.T) {
	e := start(t, func(c *meta.Config) { c.Limits.AppPerHour = 2 })
	for range 2 {
		e.get("/facebook/v26.0/me", pageToken)
	}
	if got := e.get("/instagram/v26.0/me", ownToken); got.code() != [2]int{4, 0} || got.header.Get("X-App-Usage") == "" {
		t.Errorf("answered %v", got.code())
	}
}

// The report finds the busiest window that slides, so that a test can hold the
// product to Meta's limits.
func TestReportFindsBusiestWindow(t *testing.T) {
	e := start(t)
	call := func() { e.answer(pageID, e.comment(meta.NewComment{Account: pageID}), "x") }
	call()
	e.clock.advance(50 * time.Minute)
	call()
	call()
	e.clock.advance(20 * time.Minute)
	call()
	e.clock.advance(2 * time.Hour)
	call()
	page := e.Report().Accounts[0]
	if page.MostPostsInHour != 3 || page.Calls[meta.OpPrivateReply] != 5 || page.Accepted != 5 || page.Answered != 5 {
		t.Errorf("report: %+v", page)
	}
	if got := len(e.CallTimes(pageID, meta.LimitPosts)); got != 5 {
		t.Errorf("%d call times, want 5", got)
	}
}

// Limits can be changed while the sandbox runs.
func TestSetLimits(t *testing.T) {
	e := start(t)
	e.SetLimits(meta.Limits{PostsPerHour: 1})
	e.answer(pageID, e.comment(meta.NewComment{Account: pageID}), "x")
	if got := e.answer(pageID, e.comment(meta.NewComment{Account: pageID}), "x"); got.code() != [2]int{80006, 0} {
		t.Errorf("answered %v, want 80006", got.code())
	}
	e.SetLimits(meta.Limits{PostsPerHour: -1})
	if got := e.answer(pageID, e.comment(meta.NewComment{Account: pageID}), "x"); got.status != http.StatusOK {
		t.Errorf("without a limit: %s", got.body)
	}
}
