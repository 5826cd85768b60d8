package graph

import (
	"context"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/privatereply/privatereply"
)

// Guards the look-up before a person is asked: the fields each platform has, and
// that what Meta leaves out stays unknown instead of false.
func TestComment(t *testing.T) {
	for _, tc := range []struct {
		name    string
		account privatereply.Account
		id      string
		body    string
		path    string
		fields  string
		want    CommentInfo
	}{
		{"on a Page", pageAccount, "200_300", `{"can_reply_privately":false,"created_time":"` + noonText + `","id":"200_300"}`,
			"/facebook/v26.0/200_300", "can_reply_privately,created_time", CommentInfo{CreatedAt: noon, CanReplyPrivately: ptr(false)}},
		{"a visitor's post", pageAccount, "100_200", `{"can_reply_privately":true,"created_time":"` + noonText + `"}`,
			"/facebook/v26.0/100_200", "can_reply_privately,created_time", CommentInfo{CreatedAt: noon, CanReplyPrivately: ptr(true)}},
		{"on a Page, nothing said", pageAccount, "200_300", `{"id":"200_300"}`,
			"/facebook/v26.0/200_300", "can_reply_privately,created_time", CommentInfo{}},
		{"Instagram, Facebook Login", igByPage, "18000000000000001", `{"timestamp":"` + noonText + `"}`,
			"/facebook/v26.0/18000000000000001", "timestamp", CommentInfo{CreatedAt: noon}},
		{"Instagram, Instagram Login", igAccount, "18000000000000001", `{"timestamp":"2026-10-01T12:00:00Z"}`,
			"/instagram/v26.0/18000000000000001", "timestamp", CommentInfo{CreatedAt: noon}},
		{"a time in seconds", igAccount, "1", `{"timestamp":1790856000}`,
			"/instagram/v26.0/1", "timestamp", CommentInfo{CreatedAt: noon}},
		{"a time in milliseconds, as a string", igAccount, "1", `{"timestamp":"1790856000000"}`,
			"/instagram/v26.0/1", "timestamp", CommentInfo{CreatedAt: noon}},
		{"an unreadable time", igAccount, "1", `{"timestamp":"yesterday"}`,
			"/instagram/v26.0/1", "timestamp", CommentInfo{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := newMeta(t, respondWith(200, tc.body))
			got, err := m.Comment(t.Context(), credentials(tc.account), tc.id)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
			call := m.only(t)
			if diff := cmp.Diff(url.Values{"fields": {tc.fields}}, call.query(t)); call.Path != tc.path || diff != "" {
				t.Errorf("path %s, query %s", call.Path, diff)
			}
		})
	}
}

// Guards the lists of comments of both platforms and their ways to nest.
func TestComments(t *testing.T) {
	const page = `{"data":[
		{"id":"1","text":"top","timestamp":"` + noonText + `","username":"someone","from":{"id":"6","username":"someone"},
		 "replies":{"data":[{"id":"2","text":"below","timestamp":"` + noonText + `","username":"other","parent_id":"1"}],
		            "paging":{"cursors":{"after":"r"},"next":"https://x/"}}}],
		"paging":{"cursors":{"after":"n"},"next":"https://x/"}}`
	want := CommentPage{
		Comments: []Comment{{ID: "1", PersonID: "6", Username: "someone", Text: "top", CreatedAt: noon,
			Replies:      []Comment{{ID: "2", ParentID: "1", Username: "other", Text: "below", CreatedAt: noon}},
			RepliesAfter: "r"}},
		After: "n",
	}
	const ig = "id,text,timestamp,username,from,user,parent_id"
	for _, tc := range []struct {
		name  string
		read  func(context.Context, *metaServer) (CommentPage, error)
		path  string
		query url.Values
	}{
		{"of a media, first page", func(ctx context.Context, m *metaServer) (CommentPage, error) {
			return m.MediaComments(ctx, credentials(igAccount), "18", "")
		}, "/instagram/v26.0/18/comments", url.Values{"fields": {ig + ",replies{" + ig + "}"}, "limit": {"50"}}},
		{"of a media, Facebook Login", func(ctx context.Context, m *metaServer) (CommentPage, error) {
			return m.MediaComments(ctx, credentials(igByPage), "18", "q")
		}, "/facebook/v26.0/18/comments", url.Values{"fields": {ig + ",replies{" + ig + "}"}, "limit": {"50"}, "after": {"q"}}},
		{"replies", func(ctx context.Context, m *metaServer) (CommentPage, error) {
			return m.Replies(ctx, credentials(igAccount), "1", "q")
		}, "/instagram/v26.0/1/replies", url.Values{"fields": {ig}, "limit": {"50"}, "after": {"q"}}},
		{"of a post", func(ctx context.Context, m *metaServer) (CommentPage, error) {
			return m.PostComments(ctx, credentials(pageAccount), "100_200", "q")
		}, "/facebook/v26.0/100_200/comments",
			url.Values{"fields": {"id,message,created_time,from,parent,can_reply_privately,attachment{type,url,media{image{src},source}}"}, "filter": {"stream"}, "limit": {"50"}, "after": {"q"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := newMeta(t, respondWith(200, page))
			got, err := tc.read(t.Context(), m)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			call := m.only(t)
			if diff := cmp.Diff(tc.query, call.query(t)); call.Path != tc.path || diff != "" {
				t.Errorf("path %s, query %s", call.Path, diff)
			}
		})
	}
}

// Guards what a Facebook comment shows beside its text, or instead of it.
func TestAttachments(t *testing.T) {
	media := `"media":{"image":{"src":"https://cdn/i.jpg"},"source":"https://cdn/v.mp4"},"url":"https://www.facebook.com/p"`
	for attached, want := range map[string]privatereply.Attachment{
		`{"type":"photo",` + media + `}`:                             {Kind: privatereply.Photo, URL: "https://cdn/i.jpg"},
		`{"type":"video_inline",` + media + `}`:                      {Kind: privatereply.Video, URL: "https://cdn/v.mp4"},
		`{"type":"sticker",` + media + `}`:                           {Kind: privatereply.Sticker, URL: "https://cdn/i.jpg"},
		`{"type":"animated_image_share",` + media + `}`:              {Kind: privatereply.GIF, URL: "https://cdn/i.jpg"},
		`{"type":"video_inline","url":"https://www.facebook.com/p"}`: {Kind: privatereply.Video, URL: "https://www.facebook.com/p"},
		`{"type":"photo"}`:                                           {Kind: privatereply.Photo},
		`{"type":"share","url":"https://example.com/","media":{}}`:   {},
	} {
		m := newMeta(t, respondWith(200, `{"data":[{"id":"1_2","attachment":`+attached+`}]}`))
		got, err := m.PostComments(t.Context(), credentials(pageAccount), "1_2", "")
		if err != nil || got.Comments[0].Attachment != want {
			t.Errorf("%s: %+v, %v", attached, got.Comments, err)
		}
	}
}

// Guards the account's own words on Instagram, where Meta names their author in one
// of two ways or not at all.
func TestCommentUser(t *testing.T) {
	for user, want := range map[string]string{`{"id":"17841400000000001"}`: "17841400000000001", `"17841400000000001"`: "17841400000000001", `17841400000000001`: "17841400000000001", `null`: ""} {
		m := newMeta(t, respondWith(200, `{"data":[{"id":"1","user":`+user+`}]}`))
		got, err := m.Replies(t.Context(), credentials(igByPage), "18", "")
		if err != nil || got.Comments[0].UserID != want {
			t.Errorf("%s: %+v, %v", user, got.Comments, err)
		}
	}
	m := newMeta(t, respondWith(200, `{"username":"clean.slate","id":"17841400000000001"}`))
	if name, err := m.Username(t.Context(), credentials(igByPage)); err != nil || name != "clean.slate" || m.only(t).Path != "/facebook/v26.0/17841400000000001" {
		t.Errorf("%q, %v", name, err)
	}
}
