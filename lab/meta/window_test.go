package meta_test

import (
	"net/http"
	"testing"
	"time"

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
