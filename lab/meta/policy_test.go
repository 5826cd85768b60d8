package meta_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/meta"
)

// Only what the person writes opens the 24 hours, and the newest of it counts.
func TestStandardWindow(t *testing.T) {
	closed := map[string][2]int{pageID: {10, 2018278}, linkedID: {10, 2534022}, ownLoginID: {10, 2534022}}
	tests := []struct {
		name   string
		before func(e *env, account string)
		open   bool
	}{
		{"a comment alone", func(*env, string) {}, false},
		{"a private reply", func(e *env, account string) {
			e.answer(account, e.comment(meta.NewComment{Account: account, Username: "sam"}), "Hi")
		}, false},
		{"a message", wrote("text", 0), true},
		{"a message 24 hours ago", wrote("text", 24*time.Hour), false},
		{"a message just within", wrote("text", 24*time.Hour-time.Second), true},
		{"a postback", wrote("postback", 0), true},
		{"a quick reply", wrote("quick_reply", 0), true},
		{"a story reply", wrote("story_reply", 0), true},
		{"a reaction", wrote("reaction", 0), false},
		{"a read receipt", wrote("seen", 0), false},
		{"an edit", wrote("edit", 0), false},
		{"a deletion", wrote("delete", 0), false},
		{"an old message after a new one", func(e *env, account string) {
			wrote("text", time.Hour)(e, account)
			wrote("text", 30*time.Hour)(e, account)
		}, true},
	}
	for account, refusal := range closed {
		for _, tt := range tests {
			t.Run(account+": "+tt.name, func(t *testing.T) {
				e := start(t)
				e.comment(meta.NewComment{Account: account, Username: "sam"})
				tt.before(e, account)
				got := e.followUp(account, e.personID(account, "sam"), "Are you still there?")
				want := refusal
				if tt.open {
					want = [2]int{}
				}
				if got.code() != want {
					t.Errorf("answered %v, want %v", got.code(), want)
				}
				if !tt.open && got.status != http.StatusForbidden {
					t.Errorf("status %d, want 403", got.status)
				}
			})
		}
	}
}

func wrote(kind string, ago time.Duration) func(*env, string) {
	return func(e *env, account string) {
		e.say(meta.NewMessage{Account: account, Username: "sam", Kind: kind, Text: "x", At: e.clock.now().Add(-ago)})
	}
}

// The HUMAN_AGENT tag reaches seven days, where the app has the feature.
func TestHumanAgent(t *testing.T) {
	tests := []struct {
		name    string
		feature bool
		ago     time.Duration
		want    [2]int
	}{
		{"within 24 hours", true, time.Hour, [2]int{}},
		{"after 24 hours", true, 30 * time.Hour, [2]int{}},
		{"after 7 days", true, 7 * 24 * time.Hour, [2]int{10, 2018278}},
		{"without the feature", false, 30 * time.Hour, [2]int{10, 0}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := start(t)
			must(t, e.UpdateAccount(pageID, meta.AccountUpdate{HumanAgent: new(tt.feature)}))
			wrote("text", tt.ago)(e, pageID)
			got := e.followUp(pageID, e.personID(pageID, "sam"), "x", "messaging_type", "MESSAGE_TAG", "tag", "HUMAN_AGENT")
			if got.code() != tt.want {
				t.Errorf("answered %v, want %v", got.code(), tt.want)
			}
		})
	}
}

// POST /{conversation-id}/messages is the same message by another way: Pages only,
// within the window.
func TestThreadReply(t *testing.T) {
	e := start(t)
	wrote("text", 0)(e, pageID)
	wrote("text", 0)(e, linkedID)
	thread := func(platform string) string {
		list := e.get("/facebook/v26.0/"+pageID+"/conversations", pageToken, "platform", platform)
		return list.json["data"].([]any)[0].(map[string]any)["id"].(string)
	}
	page := thread("messenger")
	got := e.do(http.MethodPost, "/facebook/v26.0/"+page+"/messages", pageToken, `{"message":"On our way"}`)
	if got.status != http.StatusOK || got.text("id") == "" || got.text("uuid") == "" {
		t.Errorf("within the window: %s", got.body)
	}
	e.clock.advance(25 * time.Hour)
	if got := e.do(http.MethodPost, "/facebook/v26.0/"+page+"/messages", pageToken, `{"message":"x"}`); got.code() != [2]int{10, 2018278} {
		t.Errorf("outside: %v", got.code())
	}
	if got := e.do(http.MethodPost, "/facebook/v26.0/"+thread("instagram")+"/messages", pageToken, `{"message":"x"}`); got.code() != [2]int{100, 33} {
		t.Errorf("instagram: %v, want 100/33", got.code())
	}
	if got := len(e.Inbox(meta.Person{Account: pageID, Username: "sam"})); got != 2 {
		t.Errorf("%d messages in the inbox, want 2", got)
	}
}

// Somebody of the business writes in Meta's own inbox: the person gets it, and it
// opens nothing.
func TestHumanMessage(t *testing.T) {
	e := start(t)
	to := meta.Person{Account: pageID, Username: "sam"}
	if _, err := e.HumanMessage(to, "Hi"); err == nil {
		t.Error("a human cannot write first either")
	}
	wrote("text", 30*time.Hour)(e, pageID)
	_, err := e.HumanMessage(to, "Hi")
	must(t, err)
	if got := e.followUp(pageID, e.personID(pageID, "sam"), "x"); got.code() != [2]int{10, 2018278} {
		t.Errorf("answered %v, want 10/2018278", got.code())
	}
}

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

// A lost permission is refused in the way of the call: a look-up looks like a
// missing object.
func TestPermissions(t *testing.T) {
	tests := []struct {
		name    string
		account string
		granted []string
		tasks   []string
		call    func(*env, string) reply
		want    [2]int
	}{
		{"page send", pageID, []string{}, nil, func(e *env, id string) reply { return e.answer(pageID, id, "x") }, [2]int{200, 0}},
		{"page send without the task", pageID, nil, []string{"MODERATE"}, func(e *env, id string) reply { return e.answer(pageID, id, "x") }, [2]int{200, 0}},
		{"instagram private reply", ownLoginID, []string{"instagram_business_basic"}, nil, func(e *env, id string) reply { return e.answer(ownLoginID, id, "x") }, [2]int{200, 2534066}},
		{"look-up", pageID, []string{}, nil, func(e *env, id string) reply { return e.get("/facebook/v26.0/"+id, pageToken) }, [2]int{100, 33}},
		{"feed", pageID, []string{}, nil, func(e *env, _ string) reply { return e.get("/facebook/v26.0/"+pageID+"/feed", pageToken) }, [2]int{10, 0}},
		{"conversations", ownLoginID, []string{}, nil, func(e *env, _ string) reply { return e.get("/instagram/v26.0/me/conversations", ownToken) }, [2]int{10, 0}},
		{"the account itself needs none", pageID, []string{}, nil, func(e *env, _ string) reply { return e.get("/facebook/v26.0/me", pageToken) }, [2]int{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := start(t)
			id := e.comment(meta.NewComment{Account: tt.account})
			change := meta.AccountUpdate{}
			if tt.granted != nil {
				change.Permissions = &tt.granted
			}
			if tt.tasks != nil {
				change.Tasks = &tt.tasks
			}
			must(t, e.UpdateAccount(tt.account, change))
			if got := tt.call(e, id); got.code() != tt.want {
				t.Errorf("answered %v, want %v", got.code(), tt.want)
			}
		})
	}
}

// Each rule of a private reply, by the codes that Meta answers on each platform.
func TestPrivateReplyRules(t *testing.T) {
	instagramNo := [2]int{100, 2534025}
	tests := []struct {
		name    string
		account string
		comment meta.NewComment
		before  func(*env, string) // what happens between the comment and the call
		want    [2]int
	}{
		{name: "page: in time", account: pageID},
		{name: "linked instagram: in time", account: linkedID},
		{name: "own login: in time", account: ownLoginID},
		{name: "page: a comment without from", account: pageID, comment: meta.NewComment{Anonymous: true}},
		{name: "page: a hidden comment can be answered", account: pageID, before: func(e *env, id string) { must(e.t, e.HideComment(id, true)) }},
		{name: "instagram ad", account: ownLoginID, comment: meta.NewComment{Source: privatereply.SourceAd}},
		{name: "page: second reply", account: pageID, before: func(e *env, id string) { e.answer(pageID, id, "first") }, want: [2]int{10900, 0}},
		{name: "instagram: second reply", account: ownLoginID, before: func(e *env, id string) { e.answer(ownLoginID, id, "first") }, want: instagramNo},
		{name: "page: a human was first", account: pageID, before: humanFirst, want: [2]int{10900, 0}},
		{name: "instagram: a human was first", account: linkedID, before: humanFirst, want: instagramNo},
		{name: "page: last moment", account: pageID, before: later(7*24*time.Hour - time.Second)},
		{name: "page: seven days", account: pageID, before: later(7 * 24 * time.Hour), want: [2]int{10901, 0}},
		{name: "instagram: seven days", account: ownLoginID, before: later(7 * 24 * time.Hour), want: instagramNo},
		{name: "page: already old when delivered", account: pageID, comment: meta.NewComment{Age: privatereply.Duration(8 * 24 * time.Hour)}, want: [2]int{10901, 0}},
		{name: "page: own comment", account: pageID, comment: meta.NewComment{ByAccount: true}, want: [2]int{10903, 0}},
		{name: "instagram: own comment", account: ownLoginID, comment: meta.NewComment{ByAccount: true}, want: instagramNo},
		{name: "page: removed", account: pageID, before: removed, want: [2]int{100, 33}},
		{name: "instagram: removed", account: ownLoginID, before: removed, want: instagramNo},
		{name: "page: commenter is a Page", account: pageID, before: is(pageID, meta.PersonIsPage), want: [2]int{10903, 0}},
		{name: "page: commenter unavailable", account: pageID, before: is(pageID, meta.PersonUnavailable), want: [2]int{551, 1545041}},
		{name: "instagram: commenter unavailable", account: ownLoginID, before: is(ownLoginID, meta.PersonUnavailable), want: [2]int{200, 1545041}},
		{name: "page: commenter blocked the account", account: pageID, before: is(pageID, meta.PersonBlocked), want: [2]int{10, 2018108}},
		{name: "page: another app has the thread", account: pageID, before: is(pageID, meta.PersonWithOtherApp), want: [2]int{10, 2018300}},
		{name: "instagram: another app has the thread", account: ownLoginID, before: is(ownLoginID, meta.PersonWithOtherApp), want: [2]int{100, 2534037}},
		{name: "page: not published", account: pageID, before: func(e *env, _ string) {
			must(e.t, e.UpdateAccount(pageID, meta.AccountUpdate{Published: new(false)}))
		}, want: [2]int{10902, 0}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := start(t)
			tt.comment.Account, tt.comment.Username = tt.account, "sam"
			id := e.comment(tt.comment)
			if tt.before != nil {
				tt.before(e, id)
			}
			had := e.RepliesDelivered(id)
			got := e.answer(tt.account, id, "Hi, here is your answer.")
			if got.code() != tt.want {
				t.Fatalf("answered %v %s, want %v", got.code(), got.body, tt.want)
			}
			delivered := e.RepliesDelivered(id) - had
			if accepted := tt.want == [2]int{}; accepted != (delivered == 1) {
				t.Errorf("%d private replies were delivered, accepted: %v", delivered, accepted)
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func humanFirst(e *env, id string) {
	_, err := e.HumanReply(id, "I answered this by hand.")
	must(e.t, err)
}

func removed(e *env, id string) { must(e.t, e.RemoveComment(id)) }

func later(d time.Duration) func(*env, string) {
	return func(e *env, _ string) { e.clock.advance(d) }
}

func is(account string, state meta.PersonState) func(*env, string) {
	return func(e *env, _ string) {
		must(e.t, e.SetPersonState(meta.Person{Account: account, Username: "sam"}, state))
	}
}

// A live comment can be answered while the broadcast runs, and on Instagram only then.
func TestLiveComments(t *testing.T) {
	tests := []struct {
		name    string
		account string
		ended   bool
		want    [2]int
	}{
		{"instagram: running", ownLoginID, false, [2]int{}},
		{"instagram: ended", ownLoginID, true, [2]int{100, 2534025}},
		{"linked instagram: ended", linkedID, true, [2]int{100, 2534025}},
		{"page: ended", pageID, true, [2]int{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := start(t)
			media := e.live(tt.account)
			id := e.comment(meta.NewComment{PostID: media, Text: "first!"})
			late := 0
			if tt.ended {
				must(t, e.EndLive(media))
				if tt.want != [2]int{} {
					late = 1
				}
			}
			if got := e.answer(tt.account, id, "Hi"); got.code() != tt.want {
				t.Errorf("answered %v, want %v", got.code(), tt.want)
			}
			if got := e.Report().SendsAfterLiveEnded; got != late {
				t.Errorf("report: %d sends after the live ended, want %d", got, late)
			}
			if _, err := e.Comment(meta.NewComment{PostID: media}); (err != nil) != (tt.ended && tt.account != pageID) {
				t.Errorf("another comment on the live: %v", err)
			}
		})
	}
}
