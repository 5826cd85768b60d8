package meta_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/privatereply/privatereply/lab/meta"
)

// One person's conversation is found by user_id, with its messages' times in
// whole seconds: what settles an unknown delivery.
func TestConversationOfOnePerson(t *testing.T) {
	routes := map[string]struct{ path, token, platform string }{
		pageID:     {"/facebook/v26.0/" + pageID + "/conversations", pageToken, ""},
		linkedID:   {"/facebook/v26.0/" + pageID + "/conversations", pageToken, "instagram"},
		ownLoginID: {"/instagram/v26.0/me/conversations", ownToken, "instagram"},
	}
	for account, route := range routes {
		t.Run(account, func(t *testing.T) {
			e := start(t)
			e.clock.advance(900 * time.Millisecond)
			id := e.comment(meta.NewComment{Account: account, Username: "sam"})
			sent := e.answer(account, id, "Hi sam")
			got := e.get(route.path, route.token, "platform", route.platform, "user_id", sent.text("recipient_id"), "fields", "id,messages{id,message,from,created_time}")
			messages := got.json["data"].([]any)[0].(map[string]any)["messages"].(map[string]any)["data"].([]any)
			name := map[bool]string{true: "name", false: "username"}[account == pageID]
			from := map[string]any{"id": account, name: map[string]string{pageID: "Clean Slate", linkedID: "clean.slate", ownLoginID: "oak.and.ash"}[account]}
			want := []any{map[string]any{"id": sent.text("message_id"), "message": "Hi sam", "from": from, "created_time": "2026-11-02T09:30:00+0000"}}
			if diff := cmp.Diff(want, messages); diff != "" {
				t.Error(diff)
			}
			nobody := e.get(route.path, route.token, "platform", route.platform, "user_id", "123")
			if diff := cmp.Diff([]any{}, nobody.json["data"]); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// All conversations are listed by their newest message, page by page.
func TestConversationPaging(t *testing.T) {
	e := start(t)
	var want []string
	for i := range 6 {
		person := meta.NewMessage{Account: pageID, Username: fmt.Sprint("person ", i), Text: "hi"}
		e.say(person)
		want = append([]string{e.personID(pageID, person.Username)}, want...)
	}
	e.say(meta.NewMessage{Account: pageID, Username: "person 2", Text: "again"})
	want = []string{want[3], want[0], want[1], want[2], want[4], want[5]}

	var got []string
	page := e.get("/facebook/v26.0/"+pageID+"/conversations", pageToken, "limit", "4", "fields", "participants")
	for {
		for _, c := range page.json["data"].([]any) {
			participants := c.(map[string]any)["participants"].(map[string]any)["data"].([]any)
			got = append(got, participants[0].(map[string]any)["id"].(string))
		}
		next := nextOf(page.json)
		if next == "" {
			break
		}
		page = e.follow(next)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Instagram gives details of the 20 newest messages; older ones answer 9000001.
func TestOldInstagramMessages(t *testing.T) {
	e := start(t)
	var ids []string
	for range 21 {
		ids = append(ids, e.say(meta.NewMessage{Account: ownLoginID, Username: "sam", Text: "hi"}))
	}
	if got := e.get("/instagram/v26.0/"+ids[0], ownToken, "fields", "message"); got.code() != [2]int{9000001, 0} {
		t.Errorf("the oldest: %v, want 9000001", got.code())
	}
	if got := e.get("/instagram/v26.0/"+ids[1], ownToken, "fields", "message"); got.text("message") != "hi" {
		t.Errorf("the 20th: %s", got.body)
	}
	e.clock.advance(time.Second) // Meta takes two of these calls a second
	list := e.get("/instagram/v26.0/me/conversations", ownToken, "fields", "messages{message}").json["data"].([]any)[0].(map[string]any)
	messages := list["messages"].(map[string]any)["data"].([]any)
	if _, has := messages[20].(map[string]any)["message"]; has || len(messages) != 21 {
		t.Errorf("%d messages, the oldest with its text: %v", len(messages), has)
	}
}

// What a doctor asks: whose token, what may it, is the Page fit to send, is the app
// subscribed.
func TestDoctor(t *testing.T) {
	e := start(t)
	page := e.get("/facebook/v26.0/me", pageToken, "fields", "id,name,is_published,tasks,instagram_business_account{id,username}")
	want := map[string]any{
		"id": pageID, "name": "Clean Slate", "is_published": true,
		"tasks":                      []any{"ADVERTISE", "ANALYZE", "CREATE_CONTENT", "MESSAGING", "MODERATE", "MANAGE"},
		"instagram_business_account": map[string]any{"id": linkedID, "username": "clean.slate"},
	}
	if diff := cmp.Diff(want, page.json); diff != "" {
		t.Error(diff)
	}
	own := e.get("/instagram/v26.0/me", ownToken, "fields", "id,user_id,username")
	if own.text("user_id") != ownLoginID || own.text("id") == ownLoginID || own.text("username") != "oak.and.ash" {
		t.Errorf("me of the instagram login: %s", own.body)
	}
	if got := e.get("/facebook/v26.0/me/permissions", pageToken); len(got.json["data"].([]any)) != 8 {
		t.Errorf("permissions: %s", got.body)
	}

	debug := func() map[string]any {
		return e.get("/facebook/v26.0/debug_token", pageToken, "input_token", pageToken).json["data"].(map[string]any)
	}
	if d := debug(); d["is_valid"] != true || d["profile_id"] != pageID {
		t.Errorf("debug_token: %v", d)
	}

	other := e.do(http.MethodPost, "/facebook/v26.0/debug_token", pageToken, `{"method":"get","input_token":"EAAother"}`).json["data"].(map[string]any)
	if other["is_valid"] != false {
		t.Errorf("debug_token of nobody's token: %v", other)
	}

	apps := "/facebook/v26.0/" + pageID + "/subscribed_apps"
	fields := func() any {
		data := e.get(apps, pageToken).json["data"].([]any)
		if len(data) == 0 {
			return nil
		}
		return data[0].(map[string]any)["subscribed_fields"]
	}
	if got := e.do(http.MethodPost, apps+"?subscribed_fields=feed,messages", pageToken, ""); got.json["success"] != true {
		t.Errorf("subscribe: %s", got.body)
	}
	if diff := cmp.Diff([]any{"feed", "messages"}, fields()); diff != "" {
		t.Error(diff)
	}
	if got := e.do(http.MethodPost, apps+"?subscribed_fields=comments", pageToken, ""); got.code() != [2]int{100, 0} {
		t.Errorf("a Page has no comments field: %v", got.code())
	}
	e.do(http.MethodDelete, apps, pageToken, "")
	if got := fields(); got != nil {
		t.Errorf("after DELETE: %v", got)
	}
}

// A new message of which Meta tells as an edit with the number 0 is in the inbox,
// opens the window, and is read by its id, of which alone the webhook may tell.
func TestEditZeroIsAMessage(t *testing.T) {
	e := start(t)
	person := meta.Person{Account: ownLoginID, Username: "sam"}
	id := e.say(meta.NewMessage{Account: ownLoginID, Username: "sam", Kind: "edit_zero", Text: "yes please", Anonymous: true})
	got := e.get("/instagram/v26.0/"+id, ownToken, "fields", "id,created_time,from,to,message").json
	want := map[string]any{
		"id": id, "created_time": "2026-11-02T09:30:00+0000", "message": "yes please",
		"from": map[string]any{"id": e.personID(ownLoginID, "sam"), "username": "sam"},
		"to":   map[string]any{"data": []any{map[string]any{"id": ownLoginID, "username": "oak.and.ash"}}},
	}
	if diff := cmp.Diff(want, got); diff != "" || len(e.Inbox(person)) != 1 {
		t.Error(diff)
	}
	if sent := e.followUp(ownLoginID, e.personID(ownLoginID, "sam"), "Fine"); sent.text("message_id") == "" {
		t.Errorf("the window is closed: %s", sent.body)
	}
}
