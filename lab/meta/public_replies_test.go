package meta_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/meta"
)

// commentNode is the path of a comment at the account's host, and its edge of replies.
func commentNode(account, comment string) (path, replies, token string) {
	switch account {
	case ownLoginID:
		return "/instagram/v26.0/" + comment, "/instagram/v26.0/" + comment + "/replies", ownToken
	case linkedID:
		return "/facebook/v26.0/" + comment, "/facebook/v26.0/" + comment + "/replies", pageToken
	}
	return "/facebook/v26.0/" + comment, "/facebook/v26.0/" + comment + "/comments", pageToken
}

func (e *env) replyInPublic(account, comment, text string) reply {
	e.t.Helper()
	_, replies, token := commentNode(account, comment)
	return e.do(http.MethodPost, replies, token, encodeEnvelope(node{"message": text}))
}

// hide hides a comment by the account's route, or shows it again.
func (e *env) hide(account, comment string, hidden bool) reply {
	e.t.Helper()
	path, _, token := commentNode(account, comment)
	if account == pageID {
		return e.do(http.MethodPost, path, token, encodeEnvelope(node{"is_hidden": hidden}))
	}
	value := url.Values{"hide": {"false"}}
	if hidden {
		value.Set("hide", "true")
	}
	return e.do(http.MethodPost, path+"?"+value.Encode(), token, "")
}

func (e *env) report(comment string) meta.CommentReport {
	e.t.Helper()
	r, found := e.CommentReport(comment)
	if !found {
		e.t.Fatalf("no comment %s", comment)
	}
	return r
}

// Guards: a public reply stands under the comment, is listed with its author, comes back as
// a webhook, and can be doubled.
func TestPublicReply(t *testing.T) {
	for _, account := range []string{pageID, linkedID, ownLoginID} {
		t.Run(account, func(t *testing.T) {
			e := start(t)
			id := e.comment(meta.NewComment{Account: account, Username: "sam", Text: "list"})
			built := len(e.Webhooks())
			got := e.replyInPublic(account, id, "Sent you a message")
			if got.status != http.StatusOK || got.text("id") == "" {
				t.Fatal(got.body)
			}
			_, replies, token := commentNode(account, id)
			names := "id,text,from,username,timestamp"
			if account == pageID {
				names = "id,message,from,created_time,parent"
			}
			list := e.get(replies, token, "fields", names).json["data"].([]any)
			if len(list) != 1 {
				t.Fatalf("%d replies", len(list))
			}
			one := list[0].(map[string]any)
			if one["id"] != got.text("id") || one["from"].(map[string]any)["id"] != account {
				t.Errorf("%v", one)
			}
			if hooks := e.Webhooks(); len(hooks) != built+1 || !strings.Contains(hooks[0].Body, "Sent you a message") || !strings.Contains(hooks[0].Body, `"from":{"id":"`+account) {
				t.Errorf("webhook: %+v", hooks[0])
			}
			if got := e.replyInPublic(account, id, "Sent you a message"); got.status != http.StatusOK {
				t.Errorf("the same again: %s", got.body)
			}
			if public := e.PublicReplies(id); len(public) != 2 || public[0].Text != "Sent you a message" {
				t.Errorf("%+v", public)
			}
			r := e.Report()
			if r.PublicReplies != 2 || r.RepeatedPublic != 1 || r.Comments != 1 || r.RepeatedSends != 0 {
				t.Errorf("%+v", r)
			}
		})
	}
}

// Guards: what Meta does not let an account reply to in public.
func TestPublicReplyRefused(t *testing.T) {
	tests := []struct {
		name    string
		account string
		comment func(*env) string
		change  meta.AccountUpdate
		text    string
		want    [2]int
	}{
		{name: "a hidden comment on Instagram", account: ownLoginID, comment: func(e *env) string {
			id := e.comment(meta.NewComment{Account: ownLoginID})
			must(e.t, e.HideComment(id, true))
			return id
		}, want: [2]int{100, 0}},
		{name: "a hidden comment on a Page", account: pageID, comment: func(e *env) string {
			id := e.comment(meta.NewComment{Account: pageID})
			must(e.t, e.HideComment(id, true))
			return id
		}},
		{name: "a live", account: ownLoginID, comment: func(e *env) string {
			return e.comment(meta.NewComment{PostID: e.live(ownLoginID)})
		}, want: [2]int{100, 0}},
		{name: "a live that has ended", account: ownLoginID, comment: func(e *env) string {
			live := e.live(ownLoginID)
			id := e.comment(meta.NewComment{PostID: live})
			must(e.t, e.EndLive(live))
			return id
		}, want: [2]int{100, 33}},
		{name: "a live of a Page", account: pageID, comment: func(e *env) string {
			return e.comment(meta.NewComment{PostID: e.live(pageID)})
		}},
		{name: "a comment that was removed", account: ownLoginID, comment: func(e *env) string {
			id := e.comment(meta.NewComment{Account: ownLoginID})
			must(e.t, e.RemoveComment(id))
			return id
		}, want: [2]int{100, 33}},
		{name: "a comment of a post that was removed", account: pageID, comment: func(e *env) string {
			post, err := e.PublishPost(meta.NewPost{Account: pageID})
			must(e.t, err)
			id := e.comment(meta.NewComment{PostID: post})
			must(e.t, e.RemovePost(post))
			return id
		}, want: [2]int{100, 33}},
		{name: "the own edge of a reply", account: ownLoginID, comment: func(e *env) string {
			return e.comment(meta.NewComment{ParentID: e.comment(meta.NewComment{Account: ownLoginID})})
		}, want: [2]int{100, 0}},
		{name: "a third level on a Page", account: pageID, comment: func(e *env) string {
			return e.comment(meta.NewComment{ParentID: e.comment(meta.NewComment{Account: pageID})})
		}, want: [2]int{100, 0}},
		{name: "can_comment is false", account: pageID, comment: func(e *env) string {
			return e.comment(meta.NewComment{Account: pageID, NoComments: true})
		}, want: [2]int{100, 0}},
		{name: "no text", account: pageID, text: " ", want: [2]int{100, 0}},
		{name: "2200 characters on Instagram", account: linkedID, text: strings.Repeat("ä", 2200)},
		{name: "2201 characters on Instagram", account: linkedID, text: strings.Repeat("ä", 2201), want: [2]int{100, 0}},
		{name: "8001 characters on a Page", account: pageID, text: strings.Repeat("ä", 8001), want: [2]int{100, 0}},
		{name: "a Page that is not published", account: pageID, change: meta.AccountUpdate{Published: new(false)}, want: [2]int{100, 0}},
		{name: "a Page without the permission", account: pageID, change: meta.AccountUpdate{Permissions: &[]string{"pages_messaging", "pages_read_engagement"}}, want: [2]int{200, 0}},
		{name: "a Page without the task", account: pageID, change: meta.AccountUpdate{Tasks: &[]string{"MESSAGING"}}, want: [2]int{200, 0}},
		{name: "Instagram without the permission", account: ownLoginID, change: meta.AccountUpdate{Permissions: &[]string{"instagram_business_basic"}}, want: [2]int{10, 0}},
		{name: "a comment that is none", account: pageID, comment: func(*env) string { return "200000000000001_300000000000001" }, want: [2]int{100, 33}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := start(t)
			id := ""
			if tt.comment == nil {
				id = e.comment(meta.NewComment{Account: tt.account})
			} else {
				id = tt.comment(e)
			}
			must(t, e.UpdateAccount(tt.account, tt.change))
			if tt.text == "" {
				tt.text = "Thanks"
			}
			if got := e.replyInPublic(tt.account, id, tt.text); got.code() != tt.want {
				t.Errorf("answered %v, want %v: %s", got.code(), tt.want, got.body)
			}
			want := 0
			if tt.want == [2]int{} {
				want = 1
			}
			if got := e.Report().PublicReplies; got != want {
				t.Errorf("%d public replies, want %d", got, want)
			}
		})
	}
}

// Guards: a visitor's post is replied to as a comment is, and a comment of a reel by the id
// of reads too.
func TestPublicReplyToOthers(t *testing.T) {
	e := start(t)
	post := e.comment(meta.NewComment{Account: pageID, Source: privatereply.SourceVisitorPost, Username: "Kim", Text: "Are you open?"})
	if got := e.replyInPublic(pageID, post, "Until six"); got.status != http.StatusOK || len(e.PublicReplies(post)) != 1 {
		t.Errorf("visitor post: %s", got.body)
	}
	reel := e.comment(meta.NewComment{Account: pageID, Source: privatereply.SourceReel, Username: "Kim"})
	read := e.get("/facebook/v26.0/"+reel, pageToken).text("id")
	if got := e.replyInPublic(pageID, read, "Thanks"); read == reel || got.status != http.StatusOK || len(e.PublicReplies(reel)) != 1 {
		t.Errorf("reel: %s", got.body)
	}
}

// Guards: a comment write that asks for fields is done, and answered with an error.
func TestFieldsOfWrite(t *testing.T) {
	e := start(t)
	for _, account := range []string{pageID, ownLoginID} {
		id := e.comment(meta.NewComment{Account: account})
		_, replies, token := commentNode(account, id)
		got := e.do(http.MethodPost, replies+"?fields=id", token, encodeEnvelope(node{"message": "Thanks"}))
		if got.status != http.StatusBadRequest || got.code() != [2]int{20, 1772107} || len(e.PublicReplies(id)) != 1 {
			t.Errorf("%d %s", got.status, got.body)
		}
	}
}

// Guards: a message posted to a Page's comment overwrites it, and is no reply.
func TestOverwrittenComment(t *testing.T) {
	e := start(t)
	id := e.comment(meta.NewComment{Account: pageID, Username: "sam", Text: "How much?"})
	got := e.do(http.MethodPost, "/facebook/v26.0/"+id, pageToken, encodeEnvelope(node{"message": "Thanks"}))
	if got.text("id") != "" || got.json["success"] != true || e.report(id).Text != "Thanks" || len(e.PublicReplies(id)) != 0 {
		t.Error(got.body)
	}
}

// Guards: hiding and showing, its reads and its webhooks; the same twice is fine.
func TestHide(t *testing.T) {
	for _, account := range []string{pageID, linkedID, ownLoginID} {
		t.Run(account, func(t *testing.T) {
			e := start(t)
			id := e.comment(meta.NewComment{Account: account, Username: "sam"})
			path, _, token := commentNode(account, id)
			name := "hidden"
			if account == pageID {
				name = "is_hidden"
			}
			var verbs []string
			for _, hidden := range []bool{true, true, false} {
				before := len(e.Webhooks())
				if got := e.hide(account, id, hidden); got.status != http.StatusOK || got.json["success"] != true {
					t.Fatal(got.body)
				}
				if got := e.get(path, token, "fields", name).json[name]; got != hidden || e.report(id).Hidden != hidden {
					t.Errorf("%s is %v, want %v", name, got, hidden)
				}
				for _, w := range e.Webhooks()[:len(e.Webhooks())-before] {
					verbs = append(verbs, strings.Split(strings.Split(w.Body, `"verb":"`)[1], `"`)[0])
				}
			}
			want := []string{"hide", "unhide"}
			if account != pageID {
				want = nil
			}
			if diff := cmp.Diff(want, verbs); diff != "" {
				t.Errorf("webhooks: %s", diff)
			}
			if got := e.report(id); got.RefusalReason != "" {
				t.Errorf("a private reply: %s", got.RefusalReason)
			}
		})
	}
}

// Guards: what cannot be hidden.
func TestHideRefused(t *testing.T) {
	e := start(t)
	refused := func(account, id string, want [2]int) {
		t.Helper()
		if got := e.hide(account, id, true); got.code() != want {
			t.Errorf("answered %v, want %v", got.code(), want)
		}
	}
	for _, account := range []string{pageID, ownLoginID} {
		refused(account, e.comment(meta.NewComment{Account: account, ByAccount: true}), [2]int{100, 0})
		removed := e.comment(meta.NewComment{Account: account})
		must(t, e.RemoveComment(removed))
		refused(account, removed, [2]int{100, 33})
		path, _, token := commentNode(account, e.comment(meta.NewComment{Account: account}))
		for _, query := range []string{"", "?hide=perhaps&is_hidden=perhaps"} {
			if got := e.do(http.MethodPost, path+query, token, ""); got.code() != [2]int{100, 0} {
				t.Errorf("%q: %s", query, got.body)
			}
		}
	}
	refused(ownLoginID, e.comment(meta.NewComment{PostID: e.live(ownLoginID)}), [2]int{100, 0})
	page := e.comment(meta.NewComment{Account: pageID})
	got := e.get("/facebook/v26.0/"+page, pageToken, "fields", "can_hide,can_comment")
	if got.json["can_hide"] != true || got.json["can_comment"] != true {
		t.Error(got.body)
	}
	if e.Report().Accounts[0].Hides != 0 {
		t.Error("something was hidden")
	}
}

// Guards: every fault strikes public replies, hiding and the list of replies, and what says
// that it was done was done.
func TestFaultsOfComments(t *testing.T) {
	calls := map[meta.Operation]func(e *env, id string) (reply, error){
		meta.OpPublicReply: func(e *env, id string) (reply, error) {
			return e.try(t.Context(), http.MethodPost, "/instagram/v26.0/"+id+"/replies", ownToken, `{"message":"Thanks"}`)
		},
		meta.OpHide: func(e *env, id string) (reply, error) {
			return e.try(t.Context(), http.MethodPost, "/instagram/v26.0/"+id+"?hide=true", ownToken, "")
		},
		meta.OpCommentReplies: func(e *env, id string) (reply, error) {
			return e.try(t.Context(), http.MethodGet, "/instagram/v26.0/"+id+"/replies", ownToken, "")
		},
	}
	tests := []struct {
		fault meta.Fault
		done  bool
		want  [2]int
		lost  bool // no readable answer
	}{
		{fault: meta.Fault{Name: "throttle"}, want: [2]int{80002, 0}},
		{fault: meta.Fault{Name: "transient"}, want: [2]int{2, 0}},
		{fault: meta.Fault{Name: "reset"}, lost: true},
		{fault: meta.Fault{Name: "blocked"}, want: [2]int{368, 0}},
		{fault: meta.Fault{Name: "error", Code: 4, Subcode: 2207051}, want: [2]int{4, 2207051}},
		{fault: meta.Fault{Name: "accept-then-drop"}, done: true, lost: true},
		{fault: meta.Fault{Name: "accept-then-500"}, done: true},
		{fault: meta.Fault{Name: "accept-then-error"}, done: true, want: [2]int{1, 1357046}},
		{fault: meta.Fault{Name: "accept-without-ids"}, done: true},
		{fault: meta.Fault{Name: "slow", DelayMilliseconds: 1}, done: true},
	}
	for op, call := range calls {
		for _, tt := range tests {
			if tt.lost && op == meta.OpCommentReplies {
				continue // Go's client asks for a list again by itself
			}
			t.Run(string(op)+" "+tt.fault.Name, func(t *testing.T) {
				e := start(t)
				other, id := e.comment(meta.NewComment{Account: ownLoginID}), e.comment(meta.NewComment{Account: ownLoginID})
				tt.fault.Calls, tt.fault.CommentID, tt.fault.Times = string(op), id, 1
				_, err := e.AddFault(tt.fault)
				must(t, err)
				if got, err := call(e, other); err != nil || got.status != http.StatusOK {
					t.Errorf("another comment: %v %s", err, got.body)
				}
				got, err := call(e, id)
				if (err != nil) != tt.lost || got.code() != tt.want {
					t.Errorf("%v: %s", err, got.body)
				}
				if len(e.ActiveFaults()) != 0 {
					t.Error("the fault was not used")
				}
				r := e.report(id)
				if op == meta.OpPublicReply && (len(r.PublicReplies) == 1) != tt.done || op == meta.OpHide && r.Hidden != tt.done {
					t.Errorf("%+v", r)
				}
				if e.ReplyAttempts(id) != 0 {
					t.Error("it counts as a private reply")
				}
			})
		}
	}
}

// Guards: faults of reads and of sends leave comment writes alone.
func TestFaultGroups(t *testing.T) {
	e := start(t)
	for _, calls := range []string{"read", "send"} {
		_, err := e.AddFault(meta.Fault{Name: "transient", Calls: calls})
		must(t, err)
	}
	id := e.comment(meta.NewComment{Account: pageID})
	if got := e.replyInPublic(pageID, id, "Thanks"); got.status != http.StatusOK {
		t.Error(got.body)
	}
	if got := e.hide(pageID, id, true); got.status != http.StatusOK {
		t.Error(got.body)
	}
}

// Guards: an own public reply carries the account's name as its author also where the
// comment above it had none.
func TestPublicReplyUnderAnonymous(t *testing.T) {
	e := start(t)
	id := e.comment(meta.NewComment{Account: ownLoginID, Anonymous: true})
	e.clock.advance(time.Minute)
	if got := e.replyInPublic(ownLoginID, id, "Thanks"); got.status != http.StatusOK {
		t.Fatal(got.body)
	}
	if got := e.PublicReplies(id)[0].At; !got.Equal(e.clock.now()) {
		t.Errorf("at %v", got)
	}
}
