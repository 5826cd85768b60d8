package meta_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/meta"
)

// Only what was asked for is answered, and a field that does not exist is an error.
func TestFields(t *testing.T) {
	e := start(t)
	page := e.comment(meta.NewComment{Account: pageID, Username: "Kim", Text: "price?"})
	answer := e.comment(meta.NewComment{ParentID: page, Username: "Lou", Text: "me too"})
	insta := e.comment(meta.NewComment{Account: ownLoginID, Username: "sam", Text: "nice"})
	visitor := e.comment(meta.NewComment{Account: pageID, Source: privatereply.SourceVisitorPost, Username: "Kim", Text: "hello"})
	kim := e.personID(pageID, "Kim")
	const at = "2026-11-02T09:30:00+0000"
	tests := []struct {
		name   string
		id     string
		fields string
		want   any
	}{
		{"page comment", page, "can_reply_privately,created_time,from,message", map[string]any{
			"id": page, "can_reply_privately": true, "created_time": at, "from": map[string]any{"id": kim, "name": "Kim"}, "message": "price?"}},
		{"page: id alone", page, "id", map[string]any{"id": page}},
		{"page: usual fields", page, "", map[string]any{"id": page, "created_time": at, "from": map[string]any{"id": kim, "name": "Kim"}, "message": "price?"}},
		{"page: answer to a comment", answer, "parent", map[string]any{"id": answer, "parent": map[string]any{"id": page}}},
		{"page: nested", page, "comments{message}", map[string]any{"id": page, "comments": map[string]any{
			"data":   []any{map[string]any{"id": answer, "message": "me too"}},
			"paging": map[string]any{"cursors": map[string]any{"before": "MA", "after": "MA"}}}}},
		{"page: no such field", page, "timestamp", [2]int{100, 0}},
		{"visitor post", visitor, "can_reply_privately,message", map[string]any{"id": visitor, "can_reply_privately": true, "message": "hello"}},
		{"instagram comment", insta, "timestamp,text", map[string]any{"id": insta, "timestamp": at, "text": "nice"}},
		{"instagram: nobody says whether it can be answered", insta, "can_reply_privately", [2]int{100, 0}},
		{"unreadable fields", insta, "from{id", [2]int{100, 0}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path, token := "/facebook/v26.0/"+tt.id, pageToken
			if tt.id == insta {
				path, token = "/instagram/v26.0/"+tt.id, ownToken
			}
			got := e.get(path, token, "fields", tt.fields)
			if code, refused := tt.want.([2]int); refused {
				if got.code() != code {
					t.Errorf("answered %v, want %v", got.code(), code)
				}
				return
			}
			if diff := cmp.Diff(tt.want, any(got.json)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// can_reply_privately follows the rules that the send keeps.
func TestCanReplyPrivately(t *testing.T) {
	e := start(t)
	id := e.comment(meta.NewComment{Account: pageID})
	own := e.comment(meta.NewComment{Account: pageID, ByAccount: true})
	can := func(id string) any {
		return e.get("/facebook/v26.0/"+id, pageToken, "fields", "can_reply_privately").json["can_reply_privately"]
	}
	if can(id) != true || can(own) != false {
		t.Fatalf("before: %v and own %v", can(id), can(own))
	}
	e.answer(pageID, id, "x")
	if can(id) != false {
		t.Error("after the reply it is still true")
	}
	must(t, e.RemoveComment(id))
	if got := e.get("/facebook/v26.0/"+id, pageToken); got.code() != [2]int{100, 33} {
		t.Errorf("removed: %v, want 100/33", got.code())
	}
}

// The feed with its nested comments is read to its end by following next, which
// carries the token; removed posts leave short pages behind.
func TestFeedPaging(t *testing.T) {
	e := start(t)
	var want []string
	for i := range 7 {
		e.clock.advance(time.Minute)
		post, err := e.PublishPost(meta.NewPost{Account: pageID, Caption: fmt.Sprint("post ", i)})
		must(t, err)
		for range 3 {
			want = append(want, e.comment(meta.NewComment{PostID: post}))
		}
	}
	empty, err := e.PublishPost(meta.NewPost{Account: pageID})
	must(t, err)
	must(t, e.RemovePost(empty))

	var got []string
	pages, emptyPages := 0, 0
	next := e.url + "/facebook/v26.0/" + pageID + "/feed?limit=1&fields=" + url.QueryEscape("id,comments.limit(2){id,message}") + "&access_token=" + pageToken
	for next != "" {
		page := e.follow(next)
		pages++
		posts := page.json["data"].([]any)
		if len(posts) == 0 {
			emptyPages++
		}
		for _, p := range posts {
			if comments, ok := p.(map[string]any)["comments"].(map[string]any); ok {
				got = append(got, e.allIDs(comments)...)
			}
		}
		next = nextOf(page.json)
		if next != "" && !strings.Contains(next, "access_token="+pageToken) {
			t.Fatalf("next has no token: %s", next)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if pages < 8 || emptyPages != 1 {
		t.Errorf("%d pages, %d of them empty", pages, emptyPages)
	}
}

// follow gets a whole next link.
func (e *env) follow(link string) reply {
	e.t.Helper()
	return e.do(http.MethodGet, strings.TrimPrefix(link, e.url), "", "")
}

// allIDs reads a nested list to its end.
func (e *env) allIDs(list map[string]any) []string {
	e.t.Helper()
	var ids []string
	for {
		for _, v := range list["data"].([]any) {
			ids = append(ids, v.(map[string]any)["id"].(string))
		}
		next := nextOf(list)
		if next == "" {
			return ids
		}
		list = e.follow(next).json
	}
}

func nextOf(list map[string]any) string {
	paging, _ := list["paging"].(map[string]any)
	next, _ := paging["next"].(string)
	return next
}

// Instagram's comments are found under the media: answers among the replies, ads
// and ended lives nowhere, at most 50 on a page.
func TestInstagramMedia(t *testing.T) {
	e := start(t)
	reel := e.comment(meta.NewComment{Account: ownLoginID, Source: privatereply.SourceReel, Text: "reel"})
	answer := e.comment(meta.NewComment{ParentID: reel, Text: "answer"})
	ad := e.comment(meta.NewComment{Account: ownLoginID, Source: privatereply.SourceAd, Text: "ad"})
	live := e.live(ownLoginID)
	onLive := e.comment(meta.NewComment{PostID: live, Text: "live"})
	_, err := e.Comments(meta.NewComment{Account: ownLoginID, NoWebhook: true}, 60)
	must(t, err)

	media := e.get("/instagram/v26.0/"+ownLoginID+"/media", ownToken, "fields", "media_product_type,comments.limit(100){id,replies{id}}")
	var kinds, found []string
	for _, m := range media.json["data"].([]any) {
		m := m.(map[string]any)
		kinds = append(kinds, m["media_product_type"].(string))
		comments := m["comments"].(map[string]any)
		if n := len(comments["data"].([]any)); n > 50 {
			t.Errorf("%d comments on one page", n)
		}
		found = append(found, e.allIDs(comments)...)
	}
	if diff := cmp.Diff([]string{"REELS", "FEED"}, kinds); diff != "" {
		t.Error(diff)
	}
	if len(found) != 61 || slices.Contains(found, ad) || slices.Contains(found, onLive) || slices.Contains(found, answer) {
		t.Errorf("found %d comments, want the 60 and the reel's one", len(found))
	}
	replies := e.get("/instagram/v26.0/"+reel+"/replies", ownToken)
	if diff := cmp.Diff([]string{answer}, e.allIDs(replies.json)); diff != "" {
		t.Error(diff)
	}
	onAir := e.get("/instagram/v26.0/"+live+"/comments", ownToken)
	if diff := cmp.Diff([]string{onLive}, e.allIDs(onAir.json)); diff != "" {
		t.Error(diff)
	}
	must(t, e.EndLive(live))
	if got := e.get("/instagram/v26.0/"+onLive, ownToken); got.code() != [2]int{100, 33} {
		t.Errorf("after the live: %v, want 100/33", got.code())
	}
}

// live_media lists what is on air, on both hosts.
func TestLiveMedia(t *testing.T) {
	e := start(t)
	routes := map[string][2]string{
		ownLoginID: {"/instagram/v26.0/me/live_media", ownToken},
		linkedID:   {"/facebook/v26.0/" + linkedID + "/live_media", pageToken},
	}
	for account, route := range routes {
		on := func() []string { return e.allIDs(e.get(route[0], route[1], "fields", "id,media_type").json) }
		if got := on(); len(got) != 0 {
			t.Errorf("%s: before: %v", account, got)
		}
		media := e.live(account)
		if diff := cmp.Diff([]string{media}, on()); diff != "" {
			t.Errorf("%s: %s", account, diff)
		}
		must(t, e.EndLive(media))
		if got := on(); len(got) != 0 {
			t.Errorf("%s: afterwards: %v", account, got)
		}
	}
}

// A Facebook reel's comment has the post's prefix in webhooks and the video's in
// reads; both can be answered.
func TestReelPrefixes(t *testing.T) {
	e := start(t)
	hook := e.comment(meta.NewComment{Account: pageID, Source: privatereply.SourceReel})
	read := e.get("/facebook/v26.0/"+hook, pageToken, "fields", "id").text("id")
	if hook == read || hook[strings.Index(hook, "_"):] != read[strings.Index(read, "_"):] {
		t.Fatalf("%q in the webhook, %q in the read", hook, read)
	}
	if got := e.answer(pageID, read, "x"); got.status != http.StatusOK || e.RepliesDelivered(hook) != 1 {
		t.Errorf("answered %s", got.body)
	}
}

// Without pages_read_user_content a Page's comments have neither author nor text.
func TestWithoutUserContent(t *testing.T) {
	e := start(t)
	id := e.comment(meta.NewComment{Account: pageID, Text: "secret"})
	must(t, e.UpdateAccount(pageID, meta.AccountUpdate{Permissions: &[]string{"pages_read_engagement"}}))
	got := e.get("/facebook/v26.0/"+id, pageToken, "fields", "from,message")
	if diff := cmp.Diff(map[string]any{"id": id}, got.json); diff != "" {
		t.Error(diff)
	}
}

// Every field of every kind of object can be read.
func TestEveryField(t *testing.T) {
	e := start(t)
	page := e.comment(meta.NewComment{Account: pageID, Source: privatereply.SourceReel, Username: "Kim", Attachment: "photo"})
	e.answer(pageID, page, "Hi")
	postOf := func(id string) string {
		r, _ := e.CommentReport(id)
		return r.PostID
	}
	insta := e.comment(meta.NewComment{Account: ownLoginID, Source: privatereply.SourceReel})
	under := e.comment(meta.NewComment{ParentID: insta, ByAccount: true})
	live := e.live(ownLoginID)
	message := e.say(meta.NewMessage{Account: pageID, Username: "Kim", Text: "hi"})
	thread := e.get("/facebook/v26.0/me/conversations", pageToken).json["data"].([]any)[0].(map[string]any)["id"].(string)
	tests := []struct{ name, id, fields, missing string }{
		{"page comment", page, "id,message,created_time,from,can_reply_privately,is_hidden,parent,object,private_reply_conversation,comments,attachment", "message,parent"},
		{"post", postOf(page), "id,message,created_time,updated_time,from,can_reply_privately,permalink_url,is_published,promotion_status,status_type,comments", ""},
		{"instagram comment", under, "id,text,timestamp,username,from,user,hidden,like_count,media,parent_id,replies", "text"},
		{"media", postOf(insta), "id,caption,timestamp,media_type,media_product_type,permalink,username,owner,comments_count,comments", ""},
		{"live", live, "media_type,permalink", ""},
		{"conversation", thread, "id,updated_time,link,message_count,participants,can_reply,messages", ""},
		{"message", message, "id,created_time,message,from,to", ""},
		{"Page", "me", "id,name,is_published,tasks,link,connected_instagram_account", ""},
		{"linked account", linkedID, "id,username,name,media_count", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e.clock.advance(time.Second) // Meta takes two calls about conversations a second
			path, token := "/facebook/v26.0/"+tt.id, pageToken
			if tt.id == under || tt.id == live || tt.id == postOf(insta) {
				path, token = "/instagram/v26.0/"+tt.id, ownToken
			}
			got := e.get(path, token, "fields", tt.fields)
			for _, name := range strings.Split(tt.fields, ",") {
				_, has := got.json[name]
				if want := !slices.Contains(strings.Split(tt.missing, ","), name); has != want {
					t.Errorf("%s: there %v, want %v: %s", name, has, want, got.body)
				}
			}
			if got := e.get(path, token, "fields", "id,nonsense"); got.code() != [2]int{100, 0} {
				t.Errorf("an unknown field: %v, want 100", got.code())
			}
		})
	}
}

// The feed can be narrowed to a period, and a post's comments widened to the answers.
func TestListParameters(t *testing.T) {
	e := start(t)
	e.clock.advance(time.Hour)
	since := e.clock.now()
	post, err := e.PublishPost(meta.NewPost{Account: pageID})
	must(t, err)
	old := e.comment(meta.NewComment{Account: pageID, Source: privatereply.SourceVisitorPost, Age: privatereply.Duration(96 * time.Hour)})
	feed := func(query ...string) []string {
		return e.allIDs(e.get("/facebook/v26.0/"+pageID+"/feed", pageToken, query...).json)
	}
	if diff := cmp.Diff([]string{post}, feed("since", fmt.Sprint(since.Unix()))); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{old}, feed("until", fmt.Sprint(since.Add(-90*time.Hour).Unix()))); diff != "" {
		t.Error(diff)
	}
	if all := feed(); len(all) != 4 || all[0] != post || all[3] != old {
		t.Errorf("feed %v is not newest first", all)
	}

	first := e.comment(meta.NewComment{PostID: post})
	answer := e.comment(meta.NewComment{ParentID: first})
	second := e.comment(meta.NewComment{PostID: post})
	comments := func(query ...string) []string {
		return e.allIDs(e.get("/facebook/v26.0/"+post+"/comments", pageToken, query...).json)
	}
	if diff := cmp.Diff([]string{first, second}, comments()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{first, answer, second}, comments("filter", "stream")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{second, first}, comments("order", "reverse_chronological")); diff != "" {
		t.Error(diff)
	}
	if got := e.get("/facebook/v26.0/"+post+"/comments", pageToken, "after", "nonsense"); got.code() != [2]int{100, 0} {
		t.Errorf("a wrong cursor: %v", got.code())
	}
}

// Who wrote an Instagram comment: "user" names the account alone, and "from" can be
// missing.
func TestInstagramAuthors(t *testing.T) {
	e := start(t)
	fields := func(n meta.NewComment) map[string]any {
		n.Account = ownLoginID
		got := e.get("/instagram/v26.0/"+e.comment(n), ownToken, "fields", "username,from,user").json
		delete(got, "id")
		return got
	}
	own := map[string]any{"id": ownLoginID}
	if diff := cmp.Diff(map[string]any{"username": "oak.and.ash", "user": own}, fields(meta.NewComment{ByAccount: true, Anonymous: true})); diff != "" {
		t.Error(diff)
	}
	if got := fields(meta.NewComment{Username: "sam"}); got["user"] != nil || got["from"] == nil {
		t.Errorf("somebody else's: %v", got)
	}
	if diff := cmp.Diff(map[string]any{"username": "sam"}, fields(meta.NewComment{Username: "sam", Anonymous: true})); diff != "" {
		t.Error(diff)
	}
}

// A Page's comment is read with what it shows, as far as it was asked for.
func TestPageAttachments(t *testing.T) {
	e := start(t)
	for kind, name := range map[string]string{"photo": "photo", "video": "video_inline", "sticker": "sticker", "gif": "animated_image_share"} {
		id := e.comment(meta.NewComment{Account: pageID, Attachment: kind})
		a := e.get("/facebook/v26.0/"+id, pageToken, "fields", "message,attachment{type,media{image{src},source}}").json["attachment"].(map[string]any)
		media := a["media"].(map[string]any)
		if a["type"] != name || a["url"] != nil || media["image"].(map[string]any)["src"] == nil || (media["source"] != nil) != (kind == "video") {
			t.Errorf("%s: %v", kind, a)
		}
	}
	for _, n := range []meta.NewComment{{Account: pageID, Attachment: "song"}, {Account: linkedID, Attachment: "photo"}} {
		if _, err := e.Comment(n); err == nil {
			t.Errorf("%+v is taken", n)
		}
	}
}

// A comment that was edited is read with its new words; one under an advertisement can
// be read, but the advertisement is in no feed.
func TestEditedAndAdvertised(t *testing.T) {
	e := start(t)
	id := e.comment(meta.NewComment{Account: pageID, Source: privatereply.SourceAd, Text: "how much?"})
	must(t, e.EditComment(id, "never mind"))
	if got := e.get("/facebook/v26.0/"+id, pageToken, "fields", "message"); got.text("message") != "never mind" {
		t.Errorf("read %s", got.body)
	}
	report, _ := e.CommentReport(id)
	post := e.get("/facebook/v26.0/"+report.PostID, pageToken, "fields", "is_published,promotion_status").json
	if post["is_published"] != false || post["promotion_status"] != "active" {
		t.Errorf("the advertisement: %v", post)
	}
	if feed := e.get("/facebook/v26.0/"+pageID+"/feed", pageToken); strings.Contains(feed.body, report.PostID) {
		t.Errorf("the advertisement is in the feed: %s", feed.body)
	}
	if err := e.EditComment("1_2", "x"); !errors.Is(err, meta.ErrUnknown) {
		t.Errorf("an unknown comment: %v", err)
	}
}

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
