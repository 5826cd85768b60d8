package meta_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/meta"
)

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

// A visitor's post is answered by post_id, a comment by comment_id, and neither by
// the other.
func TestVisitorPost(t *testing.T) {
	e := start(t)
	post := e.comment(meta.NewComment{Account: pageID, Source: privatereply.SourceVisitorPost, Username: "Kim", Text: "Where are you?"})
	byPost := encode(map[string]any{"recipient": map[string]string{"post_id": post}, "message": map[string]string{"text": "In the workshop."}})
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
			return encode(map[string]any{"recipient": map[string]string{"comment_id": c, "id": p}, "message": map[string]string{"text": "x"}})
		}, [2]int{100, 0}},
		{"no recipient", pageID, func(string, string) string { return `{"message":{"text":"x"}}` }, [2]int{100, 0}},
		{"a number as id", pageID, func(string, string) string { return `{"recipient":{"comment_id":180},"message":{"text":"x"}}` }, [2]int{100, 0}},
		{"page: messaging_type with a comment", pageID, func(c, _ string) string {
			return encode(map[string]any{"recipient": map[string]string{"comment_id": c}, "message": map[string]string{"text": "x"}, "messaging_type": "RESPONSE"})
		}, [2]int{}},
		{"page: a message without messaging_type", pageID, func(_, p string) string {
			return encode(map[string]any{"recipient": map[string]string{"id": p}, "message": map[string]string{"text": "x"}, "message_type": "RESPONSE"})
		}, [2]int{100, 0}},
		{"own login: a message without messaging_type", ownLoginID, func(_, p string) string {
			return encode(map[string]any{"recipient": map[string]string{"id": p}, "message": map[string]string{"text": "x"}})
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
