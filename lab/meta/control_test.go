package meta_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/privatereply/privatereply/lab/meta"
)

// One story told over the control API alone: everything that the Go methods do can
// be done by another process.
func TestControlAPI(t *testing.T) {
	r := receive(t)
	e := startWith(t, r)
	call := func(method, path, body string) reply {
		t.Helper()
		got := e.do(method, "/sandbox/"+path, "", body)
		if got.status != http.StatusOK {
			t.Fatalf("%s %s: %d %s", method, path, got.status, got.body)
		}
		return got
	}
	has := func(got reply, parts ...string) {
		t.Helper()
		for _, part := range parts {
			if !strings.Contains(got.body, part) {
				t.Errorf("%q is not in %s", part, got.body)
			}
		}
	}

	accounts := call(http.MethodGet, "accounts", "")
	has(accounts, pageID, linkedID, ownLoginID, `"source":"ad"`)
	if strings.Contains(accounts.body, pageToken) || strings.Contains(accounts.body, appSecret) {
		t.Error("the list of accounts has secrets in it")
	}

	post := call(http.MethodPost, "posts", `{"account":"`+pageID+`","source":"reel","caption":"new"}`).text("id")
	comment := call(http.MethodPost, "comments", `{"post_id":"`+post+`","username":"Kim","text":"price?","age":"2h"}`).text("id")
	many := call(http.MethodPost, "comments", `{"account":"`+pageID+`","count":3,"quiet":true}`)
	if got := len(many.json["ids"].([]any)); got != 3 {
		t.Errorf("%d comments, want 3", got)
	}
	has(call(http.MethodGet, "comments/"+comment, ""), `"username":"Kim"`, `"attempts":0`, `"verdict":""`, `"created_at":"2026-11-02T07:30:00Z"`)
	under := call(http.MethodPost, "comments", `{"parent_id":"`+comment+`","username":"Lou","text":"me too","attachment":"photo"}`).text("id")
	has(call(http.MethodGet, "comments/"+under, ""), `"parent_id":"`+comment+`"`, `"attachment":"photo"`)
	call(http.MethodPost, "comments/"+comment+"/hide", "")
	call(http.MethodPost, "comments/"+comment+"/unhide", "")
	call(http.MethodPost, "comments/"+comment+"/human", `{"text":"By hand"}`)
	has(call(http.MethodGet, "inbox?account="+pageID+"&username=Kim", ""), `"by":"human"`, `"text":"By hand"`, comment)
	call(http.MethodPost, "messages", `{"account":"`+pageID+`","username":"Kim","kind":"postback","text":"More"}`)
	call(http.MethodPost, "messages", `{"account":"`+pageID+`","username":"Kim","attachment":"photo"}`)
	has(call(http.MethodGet, "inbox?account="+pageID+"&username=Kim", ""), `"attachment":"photo"`)
	call(http.MethodPost, "human", `{"account":"`+pageID+`","username":"Kim","text":"More by hand"}`)
	call(http.MethodPost, "people", `{"account":"`+pageID+`","username":"Kim","state":"blocked"}`)
	call(http.MethodDelete, "comments/"+comment, "")
	has(call(http.MethodGet, "comments/"+comment, ""), `"removed":true`, `it was removed (100/33)`)
	call(http.MethodDelete, "posts/"+post, "")

	asked := call(http.MethodPost, "comments", `{"account":"`+ownLoginID+`","username":"lou","text":"list"}`).text("id")
	e.sendToComment(ownLoginID, asked, template("The list?", postbackButton("Yes", "list")))
	call(http.MethodPost, "people", `{"account":"`+ownLoginID+`","username":"lou","follows":false}`)
	has(call(http.MethodGet, "inbox?account="+ownLoginID+"&username=lou", ""), `"requests":true`, `"buttons":[{"title":"Yes","payload":"list"}]`)
	tap := call(http.MethodPost, "tap", `{"account":"`+ownLoginID+`","person":"lou","title":"Yes"}`).text("id")
	has(call(http.MethodGet, "inbox?account="+ownLoginID+"&username=lou", ""), tap, `"payload":"list"`)
	e.replyInPublic(ownLoginID, asked, "See your messages")
	has(call(http.MethodGet, "comments/"+asked, ""), `"public_replies":[{"id":`, `"text":"See your messages"`)
	call(http.MethodPatch, "accounts/"+ownLoginID, `{"text_only_replies":true}`)

	live := call(http.MethodPost, "lives", `{"account":"`+ownLoginID+`"}`).text("id")
	has(call(http.MethodGet, "accounts", ""), live)
	call(http.MethodDelete, "lives/"+live, "")
	if strings.Contains(call(http.MethodGet, "accounts", "").body, live) {
		t.Error("the ended live can still be commented on")
	}

	fault := call(http.MethodPost, "faults", `{"name":"blocked","times":2}`).text("id")
	has(call(http.MethodGet, "faults", ""), `"name":"accept-then-500"`, `"description":`, `"active":[{"id":"`+fault+`"`, `"times":2`)
	call(http.MethodDelete, "faults/"+fault, "")
	call(http.MethodDelete, "faults", "")
	has(call(http.MethodGet, "faults", ""), `"active":[]`)

	call(http.MethodPatch, "accounts/"+pageID, `{"token_state":"expired","permissions":["pages_messaging"]}`)
	if got := e.get("/facebook/v26.0/me", pageToken); got.code() != [2]int{190, 463} {
		t.Errorf("the token is %v, want 190/463", got.code())
	}
	call(http.MethodPut, "app", `{"object":"page","fields":["feed"],"version":"v25.0"}`)
	has(e.get("/facebook/v26.0/240000000000001/subscriptions", "240000000000001|"+appSecret), `"version":"v25.0"`)
	call(http.MethodPut, "limits", `{"posts_per_hour":5}`)
	has(call(http.MethodGet, "limits", ""), `"posts_per_hour":5`)
	call(http.MethodPut, "delivery", `{"batch":2,"echo":"before"}`)
	has(call(http.MethodGet, "delivery", ""), `"batch":2`, `"echo":"before"`)

	must(t, e.DrainWebhooks(t.Context()))
	before := len(r.all())
	call(http.MethodPost, "webhooks/resend", `{"times":4}`)
	call(http.MethodPost, "webhooks/test", `{"account":"`+ownLoginID+`","field":"comments"}`)
	must(t, e.DrainWebhooks(t.Context()))
	if got := len(r.all()) - before; got != 5 {
		t.Errorf("%d more webhooks, want 5", got)
	}
	has(call(http.MethodGet, "webhooks", ""), `"state":"delivered"`)
	has(call(http.MethodPost, "webhooks/retry", ""), `"retried":0`)

	quiet := many.text("id")
	signed := call(http.MethodPost, "webhooks/signed", `{"ids":["`+quiet+`"]}`)
	headers := signed.json["headers"].(map[string]any)
	if want := meta.Sign(appSecret, []byte(signed.text("body"))); headers["X-Hub-Signature-256"].([]any)[0] != want {
		t.Errorf("headers %v, want the signature %s", headers, want)
	}

	events := call(http.MethodGet, "events?after=0", "")
	var list []meta.Event
	must(t, json.Unmarshal([]byte(events.body), &list))
	for i, event := range list {
		if event.Seq != i+1 {
			t.Fatalf("event %d has the number %d", i, event.Seq)
		}
	}
	var report meta.Report
	must(t, json.Unmarshal([]byte(call(http.MethodGet, "report", "").body), &report))
	if diff := cmp.Diff(e.Report(), report); diff != "" {
		t.Error(diff)
	}
	if report.Comments != 6 || report.Answered != 2 {
		t.Errorf("report: %+v", report)
	}
}

// What cannot be done is refused in words, and changes nothing.
func TestControlAPIRefuses(t *testing.T) {
	e := start(t)
	tests := []struct {
		name, method, path, body string
		status                   int
	}{
		{"unknown field", http.MethodPost, "comments", `{"account":"` + pageID + `","txt":"x"}`, 400},
		{"not JSON", http.MethodPost, "comments", `text`, 400},
		{"which account", http.MethodPost, "comments", `{}`, 404},
		{"unknown post", http.MethodPost, "comments", `{"post_id":"1"}`, 404},
		{"unknown parent", http.MethodPost, "comments", `{"parent_id":"1"}`, 404},
		{"nothing is live", http.MethodPost, "comments", `{"account":"` + pageID + `","source":"live"}`, 400},
		{"own visitor post", http.MethodPost, "comments", `{"account":"` + pageID + `","source":"visitor_post","own":true}`, 400},
		{"unknown comment", http.MethodGet, "comments/1", "", 404},
		{"remove unknown", http.MethodDelete, "comments/1", "", 404},
		{"remove unknown post", http.MethodDelete, "posts/1", "", 404},
		{"a live is no post", http.MethodPost, "posts", `{"account":"` + pageID + `","source":"live"}`, 400},
		{"end what is not live", http.MethodDelete, "lives/1", "", 404},
		{"unknown kind", http.MethodPost, "messages", `{"account":"` + pageID + `","kind":"smoke"}`, 400},
		{"unknown state", http.MethodPost, "people", `{"account":"` + pageID + `","state":"asleep"}`, 400},
		{"unknown fault", http.MethodPost, "faults", `{"name":"flood"}`, 400},
		{"unknown token state", http.MethodPatch, "accounts/" + pageID, `{"token_state":"lost"}`, 400},
		{"unknown account", http.MethodPatch, "accounts/1", `{}`, 404},
		{"unknown echo mode", http.MethodPut, "delivery", `{"echo":"loud"}`, 400},
		{"negative batch", http.MethodPut, "delivery", `{"batch":-1}`, 400},
		{"nothing to resend", http.MethodPost, "webhooks/resend", ``, 404},
		{"no test event", http.MethodPost, "webhooks/test", `{"account":"` + pageID + `","field":"comments"}`, 400},
		{"no callback", http.MethodPost, "callback/verify", ``, 400},
		{"a callback that is not there", http.MethodPut, "callback", `{"url":"http://127.0.0.1:1/","verify_token":"x"}`, 400},
		{"no such route", http.MethodPost, "nonsense", `{}`, 404},
	}
	version := e.Report()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := e.do(tt.method, "/sandbox/"+tt.path, "", tt.body)
			if got.status != tt.status {
				t.Errorf("status %d, want %d: %s", got.status, tt.status, got.body)
			}
			if tt.name != "no such route" && got.text("error") == "" {
				t.Errorf("no words: %s", got.body)
			}
		})
	}
	if diff := cmp.Diff(version, e.Report()); diff != "" {
		t.Error(diff)
	}
}

// The activity keeps the newest 500 entries, in order.
func TestEventsAreBounded(t *testing.T) {
	e := start(t)
	_, err := e.Comments(meta.NewComment{Account: pageID, NoWebhook: true}, 700)
	must(t, err)
	list := e.Events(0)
	if len(list) != 500 || list[0].Seq != 201 || list[499].Seq != 700 {
		t.Errorf("%d entries, %d to %d", len(list), list[0].Seq, list[len(list)-1].Seq)
	}
	if got := e.Events(698); len(got) != 2 || got[0].Seq != 699 {
		t.Errorf("after 698: %v", got)
	}
	if got := e.Events(9999); len(got) != 0 {
		t.Errorf("after the end: %v", got)
	}
}
