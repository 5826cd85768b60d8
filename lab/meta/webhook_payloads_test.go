package meta_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/meta"
)

var updateGolden = flag.Bool("update", false, "write the golden files")

// The shape of each webhook, for each platform and login, to the byte.
func TestWebhookShapes(t *testing.T) {
	tests := map[string]func(*env){
		"instagram_comment": func(e *env) {
			e.comment(meta.NewComment{Account: ownLoginID, Username: "sam", Text: "How much? café 😀 </b> a/b"})
		},
		"instagram_answer": func(e *env) {
			id := e.comment(meta.NewComment{Account: ownLoginID, Username: "sam", NoWebhook: true})
			e.comment(meta.NewComment{ParentID: id, Username: "lou", Text: "me too"})
		},
		"instagram_reel": func(e *env) {
			e.comment(meta.NewComment{Account: linkedID, Source: privatereply.SourceReel, Username: "sam", Text: "nice"})
		},
		"instagram_ad": func(e *env) {
			e.comment(meta.NewComment{Account: linkedID, Source: privatereply.SourceAd, Username: "sam", Text: "nice"})
		},
		"instagram_live": func(e *env) {
			e.comment(meta.NewComment{PostID: e.live(ownLoginID), Username: "sam", Text: "hello"})
		},
		"instagram_own":       func(e *env) { e.comment(meta.NewComment{Account: ownLoginID, ByAccount: true, Text: "Thank you all"}) },
		"instagram_anonymous": func(e *env) { e.comment(meta.NewComment{Account: ownLoginID, Anonymous: true, Text: "psst"}) },
		"instagram_flat": func(e *env) {
			must(e.t, e.SetWebhookSettings(meta.WebhookSettings{Documented: true}))
			e.comment(meta.NewComment{Account: ownLoginID, Username: "sam", Text: "nice"})
		},
		"instagram_comment_id": func(e *env) {
			must(e.t, e.SetWebhookSettings(meta.WebhookSettings{Documented: true}))
			e.comment(meta.NewComment{Account: linkedID, Username: "sam", Text: "nice"})
		},
		"page_comment": func(e *env) {
			e.comment(meta.NewComment{Account: pageID, Username: "Sam Visitor", Text: "How much?"})
		},
		"page_answer": func(e *env) {
			id := e.comment(meta.NewComment{Account: pageID, NoWebhook: true})
			e.comment(meta.NewComment{ParentID: id, ByAccount: true, Text: "See your inbox"})
		},
		"page_reel": func(e *env) {
			e.comment(meta.NewComment{Account: pageID, Source: privatereply.SourceReel, Username: "Sam Visitor", Text: "nice"})
		},
		"page_ad": func(e *env) {
			e.comment(meta.NewComment{Account: pageID, Source: privatereply.SourceAd, Username: "Sam Visitor", Text: "nice"})
		},
		"page_visitor_post": func(e *env) {
			e.comment(meta.NewComment{Account: pageID, Source: privatereply.SourceVisitorPost, Username: "Sam Visitor", Text: "Are you open?"})
		},
		"page_removed": func(e *env) {
			id := e.comment(meta.NewComment{Account: pageID, Username: "Sam Visitor", Text: "oops", NoWebhook: true})
			must(e.t, e.RemoveComment(id))
		},
		"page_hidden": func(e *env) {
			id := e.comment(meta.NewComment{Account: pageID, Username: "Sam Visitor", Text: "rude", NoWebhook: true})
			must(e.t, e.HideComment(id, true))
		},
		"page_post_removed": func(e *env) {
			id, err := e.PublishPost(meta.NewPost{Account: pageID})
			must(e.t, err)
			must(e.t, e.RemovePost(id))
		},
		"page_live":          func(e *env) { must(e.t, e.EndLive(e.live(pageID))) },
		"instagram_text":     said(ownLoginID, "text"),
		"instagram_postback": said(ownLoginID, "postback"),
		"instagram_story":    said(ownLoginID, "story_reply"),
		"instagram_reaction": said(ownLoginID, "reaction"),
		"instagram_seen":     said(ownLoginID, "seen"),
		"instagram_edit":     said(ownLoginID, "edit"),
		"instagram_delete":   said(ownLoginID, "delete"),
		"instagram_edit_zero": func(e *env) {
			e.say(meta.NewMessage{Account: ownLoginID, Username: "sam", Kind: "edit_zero", Text: "yes please"})
		},
		"instagram_edit_zero_anonymous": func(e *env) {
			e.say(meta.NewMessage{Account: ownLoginID, Username: "sam", Kind: "edit_zero", Text: "yes please", Anonymous: true})
		},
		"page_edited": func(e *env) {
			id := e.comment(meta.NewComment{Account: pageID, Username: "Sam Visitor", Text: "How much?", NoWebhook: true})
			e.clock.advance(time.Minute)
			must(e.t, e.EditComment(id, "Never mind"))
		},
		"page_photo": func(e *env) {
			e.comment(meta.NewComment{Account: pageID, Username: "Sam Visitor", Attachment: "photo"})
		},
		"page_video": func(e *env) {
			e.comment(meta.NewComment{Account: pageID, Username: "Sam Visitor", Text: "look", Attachment: "video"})
		},
		"page_text":        said(pageID, "text"),
		"page_quick_reply": said(pageID, "quick_reply"),
		"page_seen":        said(pageID, "seen"),
		"page_standby": func(e *env) {
			must(e.t, e.SetPersonState(meta.Person{Account: pageID, Username: "sam"}, meta.PersonWithOtherApp))
			said(pageID, "text")(e)
		},
		"instagram_echo": func(e *env) {
			e.answer(ownLoginID, e.comment(meta.NewComment{Account: ownLoginID, NoWebhook: true}), "Hi")
		},
		"page_echo": func(e *env) { e.answer(pageID, e.comment(meta.NewComment{Account: pageID, NoWebhook: true}), "Hi") },
		"page_human_echo": func(e *env) {
			_, err := e.HumanReply(e.comment(meta.NewComment{Account: pageID, NoWebhook: true}), "By hand")
			must(e.t, err)
		},
		"page_template_echo": func(e *env) {
			e.sendToComment(pageID, e.comment(meta.NewComment{Account: pageID, NoWebhook: true}), template("The list?", postbackButton("Yes", "list"), urlButton("Shop", "https://example.com")))
		},
		"instagram_template_echo": func(e *env) {
			e.sendToComment(ownLoginID, e.comment(meta.NewComment{Account: ownLoginID, NoWebhook: true}), template("The list?", postbackButton("Yes", "list")))
		},
		"page_tap": func(e *env) {
			must(e.t, e.SetWebhookSettings(meta.WebhookSettings{Echo: meta.EchoOff}))
			e.sendToComment(pageID, e.comment(meta.NewComment{Account: pageID, Username: "sam", NoWebhook: true}), template("The list?", postbackButton("Yes", "list")))
			_, err := e.Tap(meta.NewTap{Account: pageID, Person: "sam", Title: "Yes"})
			must(e.t, err)
		},
		"instagram_tap": func(e *env) {
			must(e.t, e.SetWebhookSettings(meta.WebhookSettings{Echo: meta.EchoOff}))
			e.sendToComment(ownLoginID, e.comment(meta.NewComment{Account: ownLoginID, Username: "sam", NoWebhook: true}), quickReplies("Which?", "Small"))
			_, err := e.Tap(meta.NewTap{Account: ownLoginID, Person: "sam", Title: "Small"})
			must(e.t, err)
		},
		"page_public_reply": func(e *env) {
			e.replyInPublic(pageID, e.comment(meta.NewComment{Account: pageID, NoWebhook: true}), "Thank you")
		},
		"instagram_public_reply": func(e *env) {
			e.replyInPublic(ownLoginID, e.comment(meta.NewComment{Account: ownLoginID, NoWebhook: true}), "Thank you")
		},
		"page_shown_again": func(e *env) {
			id := e.comment(meta.NewComment{Account: pageID, Username: "Sam Visitor", Text: "rude", NoWebhook: true})
			e.hide(pageID, id, true)
			e.hide(pageID, id, false)
		},
		"page_receipts": func(e *env) {
			must(e.t, e.SetWebhookSettings(meta.WebhookSettings{Receipts: true, Echo: meta.EchoOff}))
			e.answer(pageID, e.comment(meta.NewComment{Account: pageID, NoWebhook: true}), "Hi")
		},
		"instagram_receipt": func(e *env) {
			must(e.t, e.SetWebhookSettings(meta.WebhookSettings{Receipts: true, Echo: meta.EchoOff}))
			e.answer(ownLoginID, e.comment(meta.NewComment{Account: ownLoginID, NoWebhook: true}), "Hi")
		},
		"dashboard_messages": func(e *env) { must(e.t, e.SendTestWebhook(ownLoginID, "messages")) },
		"dashboard_live":     func(e *env) { must(e.t, e.SendTestWebhook(ownLoginID, "live_comments")) },
		"dashboard_feed":     func(e *env) { must(e.t, e.SendTestWebhook(pageID, "feed")) },
	}
	for name, happens := range tests {
		t.Run(name, func(t *testing.T) {
			r := receive(t)
			e := startWith(t, r)
			happens(e)
			must(t, e.DrainWebhooks(t.Context()))
			var got bytes.Buffer
			for _, webhook := range r.all() {
				got.WriteString(webhook.body + "\n")
			}
			golden := filepath.Join("testdata", name+".json")
			if *updateGolden {
				must(t, os.WriteFile(golden, got.Bytes(), 0o644))
			}
			want, err := os.ReadFile(golden)
			must(t, err)
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func said(account, kind string) func(*env) {
	return func(e *env) {
		e.say(meta.NewMessage{Account: account, Username: "sam", Text: "hi", NoWebhook: true})
		e.say(meta.NewMessage{Account: account, Username: "sam", Kind: kind, Text: "hi"})
	}
}

// Instagram tells nothing when a comment is edited.
func TestInstagramEditsAreSilent(t *testing.T) {
	r := receive(t)
	e := startWith(t, r)
	must(t, e.EditComment(e.comment(meta.NewComment{Account: ownLoginID, Text: "a", NoWebhook: true}), "b"))
	must(t, e.DrainWebhooks(t.Context()))
	if got := r.all(); len(got) != 0 {
		t.Errorf("%d webhooks", len(got))
	}
}

// The vector of meta-platform.md §1.2.
func TestSignVector(t *testing.T) {
	body := `{"object":"instagram","entry":[{"id":"17841400000000001","time":1785412106,"changes":[{"field":"comments","value":{"id":"18000000000000001","text":"caf\u00e9 \ud83d\ude00"}}]}]}`
	if got, want := meta.Sign("test-app-secret", []byte(body)), "sha256=7eb48ba9e4ca31f82258fcac129683326fdd70005e74f936010ac81b162ba722"; got != want {
		t.Errorf("signature %s, want %s", got, want)
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
