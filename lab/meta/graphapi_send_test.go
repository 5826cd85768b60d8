package meta_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/meta"
)

// A visitor's post is answered by post_id, a comment by comment_id, and neither by
// the other.
func TestVisitorPost(t *testing.T) {
	e := start(t)
	post := e.comment(meta.NewComment{Account: pageID, Source: privatereply.SourceVisitorPost, Username: "Kim", Text: "Where are you?"})
	byPost := encodeEnvelope(map[string]any{"recipient": map[string]string{"post_id": post}, "message": map[string]string{"text": "In the workshop."}})
	if got := e.answer(pageID, post, "wrong way"); got.code() != [2]int{100, 33} {
		t.Errorf("by comment_id: %v, want 100/33", got.code())
	}
	if got := e.do(http.MethodPost, pageSends, pageToken, byPost); got.status != http.StatusOK {
		t.Fatalf("by post_id: %s", got.body)
	}
	if got := e.do(http.MethodPost, pageSends, pageToken, byPost); got.code() != [2]int{10900, 0} {
		t.Errorf("the second time: %v, want 10900", got.code())
	}
	if _, err := e.Comment(meta.NewComment{Account: ownLoginID, Source: privatereply.SourceVisitorPost}); err == nil {
		t.Error("Instagram has no visitor posts")
	}
}

// A request that is wrong in itself is refused as Meta refuses it.
func TestSendParameters(t *testing.T) {
	long := strings.Repeat("ä", 500)
	tests := []struct {
		name    string
		account string
		body    func(comment, person string) string
		want    [2]int
	}{
		{"instagram: 1000 bytes", ownLoginID, func(c, _ string) string { return answering(c, long) }, [2]int{}},
		{"instagram: 1001 bytes", ownLoginID, func(c, _ string) string { return answering(c, long+"!") }, [2]int{100, 0}},
		{"page: 2000 characters", pageID, func(c, _ string) string { return answering(c, strings.Repeat("ä", 2000)) }, [2]int{}},
		{"page: 2001 characters", pageID, func(c, _ string) string { return answering(c, strings.Repeat("ä", 2001)) }, [2]int{100, 0}},
		{"no text", pageID, func(c, _ string) string { return answering(c, " ") }, [2]int{100, 0}},
		{"two recipients", pageID, func(c, p string) string {
			return encodeEnvelope(map[string]any{"recipient": map[string]string{"comment_id": c, "id": p}, "message": map[string]string{"text": "x"}})
		}, [2]int{100, 0}},
		{"no recipient", pageID, func(string, string) string { return `{"message":{"text":"x"}}` }, [2]int{100, 0}},
		{"a number as id", pageID, func(string, string) string { return `{"recipient":{"comment_id":180},"message":{"text":"x"}}` }, [2]int{100, 0}},
		{"page: messaging_type with a comment", pageID, func(c, _ string) string {
			return encodeEnvelope(map[string]any{"recipient": map[string]string{"comment_id": c}, "message": map[string]string{"text": "x"}, "messaging_type": "RESPONSE"})
		}, [2]int{}},
		{"page: a message without messaging_type", pageID, func(_, p string) string {
			return encodeEnvelope(map[string]any{"recipient": map[string]string{"id": p}, "message": map[string]string{"text": "x"}, "message_type": "RESPONSE"})
		}, [2]int{100, 0}},
		{"own login: a message without messaging_type", ownLoginID, func(_, p string) string {
			return encodeEnvelope(map[string]any{"recipient": map[string]string{"id": p}, "message": map[string]string{"text": "x"}})
		}, [2]int{}},
		{"unknown messaging_type", pageID, func(_, p string) string { return followingUp(p, "x", "messaging_type", "LETTER") }, [2]int{100, 0}},
		{"a tag that is no more", pageID, func(_, p string) string {
			return followingUp(p, "x", "messaging_type", "MESSAGE_TAG", "tag", "ACCOUNT_UPDATE")
		}, [2]int{100, 0}},
		{"message tag without a tag", pageID, func(_, p string) string { return followingUp(p, "x", "messaging_type", "MESSAGE_TAG") }, [2]int{100, 0}},
		{"human agent without the feature", pageID, func(_, p string) string {
			return followingUp(p, "x", "messaging_type", "MESSAGE_TAG", "tag", "HUMAN_AGENT")
		}, [2]int{10, 0}},
		{"page: unknown comment", pageID, func(string, string) string { return answering("200000000000001_300000000000001", "x") }, [2]int{100, 33}},
		{"page: the comment under another post", pageID, func(c, _ string) string { return answering("299999999999999"+c[strings.Index(c, "_"):], "x") }, [2]int{100, 33}},
		{"linked instagram: unknown comment", linkedID, func(string, string) string { return answering("18000000000000001", "x") }, [2]int{100, 2534014}},
		{"own login: unknown comment", ownLoginID, func(string, string) string { return answering("18000000000000001", "x") }, [2]int{100, 2534014}},
		{"page: unknown person", pageID, func(string, string) string { return followingUp("7000000000000001", "x") }, [2]int{100, 2018001}},
		{"own login: unknown person", ownLoginID, func(string, string) string { return followingUp("6000000000000001", "x") }, [2]int{100, 2534014}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := start(t)
			comment := e.comment(meta.NewComment{Account: tt.account, Username: "sam"})
			e.say(meta.NewMessage{Account: tt.account, Username: "sam", Text: "hello"})
			path, token := sendRoute(tt.account)
			if got := e.do(http.MethodPost, path, token, tt.body(comment, e.personID(tt.account, "sam"))); got.code() != tt.want {
				t.Errorf("answered %v, want %v: %s", got.code(), tt.want, got.body)
			}
		})
	}
}

// A send may come as a form with JSON in it, too; Meta takes both.
func TestSendAsForm(t *testing.T) {
	e := start(t)
	id := e.comment(meta.NewComment{Account: pageID})
	resp, err := http.PostForm(e.url+pageSends, map[string][]string{
		"access_token": {pageToken}, "recipient": {`{"comment_id":"` + id + `"}`}, "message": {`{"text":"Hi"}`},
	})
	must(t, err)
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK || e.RepliesDelivered(id) != 1 {
		t.Errorf("status %d, %d deliveries", resp.StatusCode, e.RepliesDelivered(id))
	}
}

// The person's inbox shows each message with the comment it answers, and the send
// names the person and the message.
func TestInbox(t *testing.T) {
	e := start(t)
	id := e.comment(meta.NewComment{Account: ownLoginID, Username: "sam", Text: "price?"})
	sent := e.answer(ownLoginID, id, "Hi sam")
	said := e.say(meta.NewMessage{Account: ownLoginID, Username: "sam", Text: "thanks"})
	want := []meta.Message{
		{ID: sent.text("message_id"), Sender: meta.SenderAPI, Kind: meta.KindPrivateReply, Text: "Hi sam", CommentID: id, At: e.clock.now()},
		{ID: said, Sender: meta.SenderPerson, Kind: "text", Text: "thanks", At: e.clock.now()},
	}
	if diff := cmp.Diff(want, e.Inbox(meta.Person{Account: ownLoginID, Username: "sam"})); diff != "" {
		t.Error(diff)
	}
	if got, want := sent.text("recipient_id"), e.personID(ownLoginID, "sam"); got != want {
		t.Errorf("recipient_id %q, want %q", got, want)
	}
	if got := e.ReplyAttempts(id); got != 1 {
		t.Errorf("%d attempts, want 1", got)
	}
}

// With SeparateMessagingIDs a commenter has another id in messages, and only that one is sent to.
func TestAliasIDs(t *testing.T) {
	e := start(t, func(c *meta.Config) { c.Accounts[2].SeparateMessagingIDs = true })
	id := e.comment(meta.NewComment{Account: ownLoginID, Username: "sam"})
	commenter := e.get("/instagram/v26.0/"+id, ownToken, "fields", "from").json["from"].(map[string]any)["id"].(string)
	recipient := e.answer(ownLoginID, id, "Hi").text("recipient_id")
	if commenter == recipient {
		t.Fatalf("both ids are %q", commenter)
	}
	e.say(meta.NewMessage{Account: ownLoginID, Username: "sam", Text: "hi"})
	if got := e.followUp(ownLoginID, commenter, "x"); got.code() != [2]int{100, 2534014} {
		t.Errorf("to the commenter's id: %v, want 100/2534014", got.code())
	}
	if got := e.followUp(ownLoginID, recipient, "x"); got.status != http.StatusOK {
		t.Errorf("to the recipient's id: %s", got.body)
	}
}

// However many calls for one comment arrive at once, one is accepted.
func TestOneReplyUnderConcurrency(t *testing.T) {
	e := start(t)
	id := e.comment(meta.NewComment{Account: pageID})
	codes := make(chan [2]int)
	for range 50 {
		go func() {
			r, err := e.try(t.Context(), http.MethodPost, pageSends, pageToken, answering(id, "Hi"))
			if err != nil {
				t.Error(err)
			}
			codes <- r.code()
		}()
	}
	counts := map[[2]int]int{}
	for range 50 {
		counts[<-codes]++
	}
	if diff := cmp.Diff(map[[2]int]int{{}: 1, {10900, 0}: 49}, counts); diff != "" {
		t.Error(diff)
	}
	if e.RepliesDelivered(id) != 1 || e.ReplyAttempts(id) != 50 || e.Report().RepeatedSends != 49 {
		t.Errorf("%d deliveries, %d attempts, %d repeats", e.RepliesDelivered(id), e.ReplyAttempts(id), e.Report().RepeatedSends)
	}
}
