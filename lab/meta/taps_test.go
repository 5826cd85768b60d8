package meta_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/privatereply/privatereply/lab/meta"
)

type node map[string]any

// template is a button template as a message.
func template(text string, buttons ...node) node {
	return node{"attachment": node{"type": "template", "payload": node{"template_type": "button", "text": text, "buttons": buttons}}}
}

func postbackButton(title, payload string) node {
	return node{"type": "postback", "title": title, "payload": payload}
}

func urlButton(title, address string) node {
	return node{"type": "web_url", "title": title, "url": address}
}

// quickReplies is a text with quick replies as a message, by titles.
func quickReplies(text string, titles ...string) node {
	list := []node{}
	for _, title := range titles {
		list = append(list, node{"content_type": "text", "title": title, "payload": "q:" + title})
	}
	return node{"text": text, "quick_replies": list}
}

// send sends a message by the account's route to a recipient such as {"comment_id": …}.
func (e *env) send(account string, recipient node, message any) reply {
	e.t.Helper()
	path, token := sendRoute(account)
	return e.do(http.MethodPost, path, token, encodeEnvelope(node{"recipient": recipient, "message": message, "messaging_type": "RESPONSE"}))
}

func (e *env) sendToComment(account, comment string, message any) reply {
	e.t.Helper()
	return e.send(account, node{"comment_id": comment}, message)
}

func (e *env) sendToPerson(account, username string, message any) reply {
	e.t.Helper()
	return e.send(account, node{"id": e.personID(account, username)}, message)
}

func (e *env) inbox(account, username string) []meta.Message {
	return e.Inbox(meta.Person{Account: account, Username: username})
}

// Guards: Meta's limits of buttons and quick replies, on every login and for both kinds of
// recipient.
func TestMessageLimits(t *testing.T) {
	button, long := postbackButton("Yes", "p"), strings.Repeat("p", 1000)
	many := func(n int, one node) (list []node) {
		for range n {
			list = append(list, one)
		}
		return list
	}
	thirteen := strings.Split("abcdefghijklm", "")
	tests := []struct {
		name       string
		message    node
		pageOnly   bool
		notAllowed bool
	}{
		{name: "one button", message: template("Hi", button)},
		{name: "three buttons", message: template("Hi", button, button, urlButton("Open", "https://example.com"))},
		{name: "four buttons", message: template("Hi", many(4, button)...), notAllowed: true},
		{name: "no button", message: template("Hi"), notAllowed: true},
		{name: "640 characters", message: template(strings.Repeat("a", 640), button)},
		{name: "641 characters", message: template(strings.Repeat("a", 641), button), notAllowed: true},
		{name: "a template without a text", message: template(" ", button), notAllowed: true},
		{name: "a title of 20", message: template("Hi", postbackButton(strings.Repeat("ä", 20), "p"))},
		{name: "a title of 21", message: template("Hi", postbackButton(strings.Repeat("ä", 21), "p")), notAllowed: true},
		{name: "no title", message: template("Hi", postbackButton("", "p")), notAllowed: true},
		{name: "a payload of 1000", message: template("Hi", postbackButton("Yes", long))},
		{name: "a payload of 1001", message: template("Hi", postbackButton("Yes", long+"p")), notAllowed: true},
		{name: "no payload", message: template("Hi", postbackButton("Yes", "")), notAllowed: true},
		{name: "an http address", message: template("Hi", urlButton("Open", "http://example.com")), notAllowed: true},
		{name: "another button", message: template("Hi", node{"type": "phone_number", "title": "Call", "payload": "+1"}), notAllowed: true},
		{name: "a card", message: node{"attachment": node{"type": "template", "payload": node{"template_type": "generic"}}}, notAllowed: true},
		{name: "text beside an attachment", message: func() node { m := template("Hi", button); m["text"] = "Hi"; return m }(), notAllowed: true},
		{name: "thirteen quick replies", message: quickReplies("Hi", thirteen...)},
		{name: "fourteen quick replies", message: quickReplies("Hi", append(thirteen, "n")...), notAllowed: true},
		{name: "a quick reply without a title", message: quickReplies("Hi", ""), notAllowed: true},
		{name: "a quick reply that asks for a number", message: node{"text": "Hi", "quick_replies": []node{{"content_type": "user_phone_number"}}}, notAllowed: true},
		{name: "quick replies without a text", message: quickReplies("", "Yes"), notAllowed: true},
		{name: "buttons and quick replies", message: func() node {
			m := template("Hi", button)
			m["quick_replies"] = quickReplies("", "Yes")["quick_replies"]
			return m
		}(), pageOnly: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := start(t)
			for _, account := range []string{pageID, linkedID, ownLoginID} {
				want := [2]int{}
				if tt.notAllowed || tt.pageOnly && account != pageID {
					want = [2]int{100, 0}
				}
				id := e.comment(meta.NewComment{Account: account, Username: "sam"})
				if got := e.sendToComment(account, id, tt.message); got.code() != want {
					t.Errorf("%s, to a comment: %v, want %v: %s", account, got.code(), want, got.body)
				}
				e.say(meta.NewMessage{Account: account, Username: "sam", Text: "hello"})
				if got := e.sendToPerson(account, "sam", tt.message); got.code() != want {
					t.Errorf("%s, to a person: %v, want %v: %s", account, got.code(), want, got.body)
				}
			}
		})
	}
}

// Guards: a long title of a quick reply is cut without a word, and what is cut can be
// tapped.
func TestQuickReplyTitleIsCut(t *testing.T) {
	e := start(t)
	id := e.comment(meta.NewComment{Account: pageID, Username: "sam"})
	if got := e.sendToComment(pageID, id, quickReplies("Which?", strings.Repeat("x", 25))); got.status != http.StatusOK {
		t.Fatal(got.body)
	}
	if _, err := e.Tap(meta.NewTap{Account: pageID, Person: "sam", Title: strings.Repeat("x", 20)}); err != nil {
		t.Error(err)
	}
}

// Guards: an account may take nothing but texts in private replies, and says so with the
// code of content that is not allowed; a refused one is not used up.
func TestTextOnlyReplies(t *testing.T) {
	e := start(t)
	for _, account := range []string{pageID, ownLoginID} {
		must(t, e.UpdateAccount(account, meta.AccountUpdate{TextOnlyReplies: new(true)}))
		id := e.comment(meta.NewComment{Account: account, Username: "sam"})
		for _, message := range []node{template("Hi", postbackButton("Yes", "p")), quickReplies("Hi", "Yes")} {
			if got := e.sendToComment(account, id, message); got.code() != [2]int{100, 2534015} {
				t.Errorf("%s: %v", account, got.code())
			}
		}
		if got := e.answer(account, id, "Hi"); got.status != http.StatusOK {
			t.Errorf("%s: a text: %s", account, got.body)
		}
		e.say(meta.NewMessage{Account: account, Username: "sam", Text: "hello"})
		if got := e.sendToPerson(account, "sam", template("Hi", postbackButton("Yes", "p"))); got.status != http.StatusOK {
			t.Errorf("%s: a follow-up: %s", account, got.body)
		}
	}
}

// Guards: a tap on a button is reported with its payload and opens the 24 hours, one on an
// address is not and does not.
func TestTapButton(t *testing.T) {
	for _, account := range []string{pageID, linkedID, ownLoginID} {
		t.Run(account, func(t *testing.T) {
			e := start(t)
			id := e.comment(meta.NewComment{Account: account, Username: "sam", NoWebhook: true})
			sent := e.sendToComment(account, id, template("The list?", postbackButton("Yes", "list"), urlButton("Shop", "https://example.com/shop")))
			if sent.status != http.StatusOK {
				t.Fatal(sent.body)
			}
			if mid, err := e.Tap(meta.NewTap{Account: account, Person: "sam", Title: "Shop"}); err != nil || mid != "" {
				t.Errorf("the address: %q, %v", mid, err)
			}
			if got := e.sendToPerson(account, "sam", node{"text": "too early"}); got.status == http.StatusOK {
				t.Error("the tap on the address opened the window")
			}
			e.clock.advance(time.Hour)
			mid, err := e.Tap(meta.NewTap{Account: account, Person: e.personID(account, "sam"), Payload: "list"})
			must(t, err)
			if got := e.sendToPerson(account, "sam", node{"text": "Here it is"}); got.status != http.StatusOK {
				t.Errorf("after the tap: %s", got.body)
			}
			again, err := e.Tap(meta.NewTap{Account: account, Person: "sam", Payload: "list", MID: "message"})
			must(t, err)
			if again == mid {
				t.Error("two taps have one id here")
			}
			_, err = e.Tap(meta.NewTap{Account: account, Person: "sam", Payload: "list", MID: "none"})
			must(t, err)
			var got []node
			for _, v := range e.messaging() {
				if v["postback"] != nil {
					got = append(got, node{"at": v["timestamp"], "from": v["sender"].(map[string]any)["id"], "postback": v["postback"]})
				}
			}
			at, from := float64(e.clock.now().UnixMilli()), e.personID(account, "sam")
			want := []node{
				{"at": at, "from": from, "postback": map[string]any{"mid": mid, "title": "Yes", "payload": "list"}},
				{"at": at, "from": from, "postback": map[string]any{"mid": sent.text("message_id"), "title": "Yes", "payload": "list"}},
				{"at": at, "from": from, "postback": map[string]any{"title": "Yes", "payload": "list"}},
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Guards: a tap on a quick reply is a message of the person with its payload, and then
// there is nothing left to tap.
func TestTapQuickReply(t *testing.T) {
	e := start(t)
	id := e.comment(meta.NewComment{Account: pageID, Username: "sam", NoWebhook: true})
	e.sendToComment(pageID, id, quickReplies("Which?", "Small", "Large"))
	mid, err := e.Tap(meta.NewTap{Account: pageID, Person: "sam", Title: "Small"})
	must(t, err)
	for _, title := range []string{"Small", "Large"} {
		if _, err := e.Tap(meta.NewTap{Account: pageID, Person: "sam", Title: title}); err == nil || !strings.Contains(err.Error(), "gone") {
			t.Errorf("%s again: %v", title, err)
		}
	}
	box := e.inbox(pageID, "sam")
	if len(box) != 2 || box[0].QuickReplies != nil || box[1].Payload != "q:Small" {
		t.Errorf("%+v", box)
	}
	want := map[string]any{"mid": mid, "text": "Small", "quick_reply": map[string]any{"payload": "q:Small"}}
	found := false
	for _, v := range e.messaging() {
		if m, _ := v["message"].(map[string]any); m["quick_reply"] != nil {
			found = true
			if diff := cmp.Diff(want, m); diff != "" {
				t.Error(diff)
			}
		}
	}
	if !found {
		t.Error("no webhook")
	}
	if got := e.sendToPerson(pageID, "sam", node{"text": "In stock"}); got.status != http.StatusOK {
		t.Errorf("the window is closed: %s", got.body)
	}
}

// Guards: in Instagram's Message Requests buttons are shown and quick replies are not,
// until the person answers or follows.
func TestMessageRequests(t *testing.T) {
	tests := []struct {
		name    string
		account string
		follows bool
		written string // before the message, by the person
		want    bool   // the quick reply can be tapped
	}{
		{"somebody who follows", ownLoginID, true, "", true},
		{"somebody who does not", ownLoginID, false, "", false},
		{"the linked account", linkedID, false, "", false},
		{"somebody who wrote before", ownLoginID, false, "hello", true},
		{"a Page has no such folder", pageID, false, "", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := start(t)
			must(t, e.SetFollows(meta.Person{Account: tt.account, Username: "sam"}, tt.follows))
			if tt.written != "" {
				e.say(meta.NewMessage{Account: tt.account, Username: "sam", Text: tt.written})
			}
			id := e.comment(meta.NewComment{Account: tt.account, Username: "sam"})
			e.sendToComment(tt.account, id, quickReplies("Which?", "Small"))
			box := e.inbox(tt.account, "sam")
			if last := box[len(box)-1]; (last.QuickReplies != nil) != tt.want || last.Requests == tt.want {
				t.Errorf("%+v", last)
			}
			if _, err := e.Tap(meta.NewTap{Account: tt.account, Person: "sam", Title: "Small"}); (err == nil) != tt.want {
				t.Errorf("tapped: %v", err)
			}
		})
	}
	e := start(t)
	must(t, e.SetFollows(meta.Person{Account: ownLoginID, Username: "kim"}, false))
	e.sendToComment(ownLoginID, e.comment(meta.NewComment{Account: ownLoginID, Username: "kim"}), template("The list?", postbackButton("Yes", "list")))
	if !e.inbox(ownLoginID, "kim")[0].Requests {
		t.Error("the message is in the inbox")
	}
	_, err := e.Tap(meta.NewTap{Account: ownLoginID, Person: "kim", Title: "Yes"})
	must(t, err)
	if e.inbox(ownLoginID, "kim")[0].Requests {
		t.Error("the message is still a request after an answer")
	}
}

// Guards: what cannot be tapped is refused in words.
func TestTapNothing(t *testing.T) {
	e := start(t)
	e.sendToComment(pageID, e.comment(meta.NewComment{Account: pageID, Username: "sam"}), template("?", postbackButton("Yes", "list")))
	tests := []struct {
		tap  meta.NewTap
		want string
	}{
		{meta.NewTap{Account: pageID, Person: "sam"}, "payload, title: give one of them"},
		{meta.NewTap{Account: pageID, Person: "sam", Title: "Yes", Payload: "list"}, "payload, title: give one of them"},
		{meta.NewTap{Account: "1", Person: "sam", Title: "Yes"}, `account: "1" is unknown`},
		{meta.NewTap{Account: pageID, Person: "lou", Title: "Yes"}, `person: "lou" is unknown`},
		{meta.NewTap{Account: pageID, Person: "sam", Title: "No"}, `"No" is unknown`},
		{meta.NewTap{Account: pageID, Person: "sam", Title: "list"}, `"list" is unknown`},
		{meta.NewTap{Account: pageID, Person: "sam", Payload: "Yes"}, `"Yes" is unknown`},
		{meta.NewTap{Account: pageID, Person: "sam", Title: "Yes", MID: "x"}, `mid: "x" is none of them`},
	}
	for _, tt := range tests {
		if _, err := e.Tap(tt.tap); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want %q", tt.tap, err, tt.want)
		}
	}
}

// Guards: the app that has the conversation taken from it is not told the payload.
func TestTapInStandby(t *testing.T) {
	e := start(t)
	e.sendToComment(pageID, e.comment(meta.NewComment{Account: pageID, Username: "sam", NoWebhook: true}), template("?", postbackButton("Yes", "list")))
	must(t, e.SetPersonState(meta.Person{Account: pageID, Username: "sam"}, meta.PersonWithOtherApp))
	_, err := e.Tap(meta.NewTap{Account: pageID, Person: "sam", Title: "Yes"})
	must(t, err)
	body := e.Webhooks()[0].Body
	if !strings.Contains(body, `"standby"`) || !strings.Contains(body, `"title":"Yes"`) || strings.Contains(body, "payload") {
		t.Error(body)
	}
}

// Guards: a person can tap what another app sent, or an ice breaker.
func TestForeignPayload(t *testing.T) {
	e := start(t)
	e.say(meta.NewMessage{Account: pageID, Username: "sam", Kind: "postback", Text: "Start", Payload: "ICE"})
	if body := e.Webhooks()[0].Body; !strings.Contains(body, `"payload":"ICE"`) {
		t.Error(body)
	}
	if _, err := e.WriteMessage(meta.NewMessage{Account: pageID, Username: "sam", Text: "Start", Payload: "ICE"}); err == nil {
		t.Error("a text has no payload")
	}
}

// Guards: in the conversation a template has no text of its own; Facebook shows what stands
// in it, Instagram does not.
func TestReadTemplate(t *testing.T) {
	e := start(t)
	page := e.comment(meta.NewComment{Account: pageID, Username: "sam"})
	message := template("The list?", postbackButton("Yes", "list"), urlButton("Shop", "https://example.com"))
	mid := e.sendToComment(pageID, page, message).text("message_id")
	got := e.get("/facebook/v26.0/"+mid, pageToken, "fields", "message,attachments{generic_template{title,cta{title,type,url}}}")
	want := map[string]any{"id": mid, "attachments": map[string]any{"data": []any{map[string]any{
		"generic_template": map[string]any{"title": "The list?", "cta": []any{
			map[string]any{"title": "Yes", "type": "postback"},
			map[string]any{"title": "Shop", "type": "open_url", "url": "https://example.com"},
		}},
	}}}}
	if diff := cmp.Diff(want, got.json); diff != "" {
		t.Error(diff)
	}
	own := e.comment(meta.NewComment{Account: ownLoginID, Username: "sam"})
	mid = e.sendToComment(ownLoginID, own, message).text("message_id")
	got = e.get("/instagram/v26.0/"+mid, ownToken, "fields", "message,attachments")
	if got.text("message") != "" || strings.Contains(got.body, "list") || !strings.Contains(got.body, `"attachments":{"data":[{}]}`) {
		t.Error(got.body)
	}
	mid = e.sendToComment(pageID, e.comment(meta.NewComment{Account: pageID, Username: "sam"}), quickReplies("Which?", "Small")).text("message_id")
	if got := e.get("/facebook/v26.0/"+mid, pageToken, "fields", "message"); got.text("message") != "Which?" {
		t.Error(got.body)
	}
}

// messaging are the elements of messaging[] in the webhooks, oldest first.
func (e *env) messaging() (list []map[string]any) {
	e.t.Helper()
	all := e.Webhooks()
	slices.Reverse(all)
	for _, w := range all {
		var body struct {
			Entry []struct{ Messaging []map[string]any }
		}
		must(e.t, json.Unmarshal([]byte(w.Body), &body))
		for _, entry := range body.Entry {
			list = append(list, entry.Messaging...)
		}
	}
	return list
}

// Guards: messages with the same words to one person are counted, so that nobody overlooks
// a double.
func TestMessagesReceived(t *testing.T) {
	e := start(t)
	e.sendToComment(pageID, e.comment(meta.NewComment{Account: pageID, Username: "sam"}), template("The list?", postbackButton("Yes", "list")))
	_, err := e.Tap(meta.NewTap{Account: pageID, Person: "sam", Title: "Yes"})
	must(t, err)
	for range 2 {
		e.sendToPerson(pageID, "sam", node{"text": "Here it is"})
	}
	want := map[string]int{"The list? [Yes]": 1, "Here it is": 2}
	if diff := cmp.Diff(want, e.MessagesReceived(meta.Person{Account: pageID, Username: "sam"})); diff != "" {
		t.Error(diff)
	}
	if got := e.Report().RepeatedMessages; got != 1 {
		t.Errorf("%d repeated messages", got)
	}
}
