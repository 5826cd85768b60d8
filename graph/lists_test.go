package graph

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/privatereply/privatereply"
)

func ptr[T any](v T) *T { return &v }

// noon is the time in the answers below, as Meta writes it.
var noon = time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)

const noonText = "2026-10-01T14:00:00+0200"

// query reads what a call asked for, and checks what every call must carry.
func (r received) query(t *testing.T) url.Values {
	t.Helper()
	q, err := url.ParseQuery(r.Query)
	if err != nil {
		t.Fatal(err)
	}
	if r.Authorization != "Bearer "+testToken || q.Get("appsecret_proof") != testProof || r.Method != http.MethodGet {
		t.Errorf("%s with %q and proof %q", r.Method, r.Authorization, q.Get("appsecret_proof"))
	}
	q.Del("appsecret_proof")
	return q
}

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
			m := newMeta(t, says(200, tc.body))
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

// Guards the sweep of a Page: posts, what is nested in them, and the cursors that
// lead on, of which the inner ones are followed with a call of their own.
func TestFeed(t *testing.T) {
	m := newMeta(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-App-Usage", `{"call_count":7}`)
		fmt.Fprint(w, `{"data":[
			{"id":"100_200","message":"Our post","created_time":"`+noonText+`","from":{"id":"100","name":"Clean Slate"},"can_reply_privately":false,
			 "comments":{"data":[
				{"id":"200_300","message":"How much?","created_time":"`+noonText+`","from":{"id":7000000000000001,"name":"Someone"},"can_reply_privately":true},
				{"id":"200_301","created_time":"`+noonText+`","parent":{"id":"200_300"}}],
			  "paging":{"cursors":{"before":"a","after":"b"},"next":"https://graph.facebook.com/x?access_token=secret&after=b"}}},
			{"id":"100_201","created_time":"`+noonText+`","from":{"id":"7000000000000002"},"can_reply_privately":true,
			 "comments":{"data":[],"paging":{"cursors":{"before":"c","after":"d"}}}},
			{"id":"100_202"}],
			"paging":{"cursors":{"before":"e","after":"f"},"next":"https://graph.facebook.com/x?access_token=secret&after=f"}}`)
	})
	got, err := m.Feed(t.Context(), credentials(pageAccount), FeedQuery{Since: noon, After: "q"})
	if err != nil {
		t.Fatal(err)
	}
	want := FeedPage{
		Posts: []Post{
			{ID: "100_200", PersonID: "100", Username: "Clean Slate", Text: "Our post", CreatedAt: noon, CanReplyPrivately: ptr(false),
				Comments: []Comment{
					{ID: "200_300", PersonID: "7000000000000001", Username: "Someone", Text: "How much?", CreatedAt: noon, CanReplyPrivately: ptr(true)},
					{ID: "200_301", ParentID: "200_300", CreatedAt: noon},
				}, CommentsAfter: "b"},
			{ID: "100_201", PersonID: "7000000000000002", CreatedAt: noon, CanReplyPrivately: ptr(true), Comments: []Comment{}},
			{ID: "100_202", Comments: []Comment{}},
		},
		After: "f",
		Usage: Usage{Percent: 7},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	wantQuery := url.Values{
		"fields": {"id,message,created_time,from,can_reply_privately,is_published,promotion_status,comments.filter(stream).limit(50){id,message,created_time,from,parent,can_reply_privately,attachment{type,url,media{image{src},source}}}"},
		"limit":  {"25"}, "since": {"1790856000"}, "after": {"q"},
	}
	call := m.only(t)
	if diff := cmp.Diff(wantQuery, call.query(t)); call.Path != "/facebook/v26.0/100000000000001/feed" || diff != "" {
		t.Errorf("path %s, query %s", call.Path, diff)
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
			m := newMeta(t, says(200, page))
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

// Guards the sweep of an Instagram account: on both hosts the list hangs on the
// account and not on the Page.
func TestMedia(t *testing.T) {
	for _, tc := range []struct {
		account privatereply.Account
		path    string
	}{
		{igByPage, "/facebook/v26.0/17841400000000001/media"},
		{igAccount, "/instagram/v26.0/17841400000000002/media"},
	} {
		m := newMeta(t, says(200, `{"data":[
			{"id":"18","media_product_type":"REELS","timestamp":"`+noonText+`","comments_count":3},
			{"id":"19","comments_count":0},{"id":"20"}],"paging":{"cursors":{"after":"z"}}}`))
		got, err := m.Media(t.Context(), credentials(tc.account), "")
		if err != nil {
			t.Fatal(err)
		}
		want := MediaPage{Media: []Media{
			{ID: "18", ProductType: "REELS", CreatedAt: noon, Comments: 3}, {ID: "19"}, {ID: "20", Comments: -1},
		}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		call := m.only(t)
		wantQuery := url.Values{"fields": {"id,media_product_type,timestamp,comments_count"}, "limit": {"25"}}
		if diff := cmp.Diff(wantQuery, call.query(t)); call.Path != tc.path || diff != "" {
			t.Errorf("path %s, query %s", call.Path, diff)
		}
	}
}

// Guards live replies: a broadcast is over when Meta lists it no more, and never
// because a list could not be read.
func TestLiveMedia(t *testing.T) {
	for _, tc := range []struct {
		name   string
		answer []string // one for each page
		want   []LiveMedia
		fails  bool
	}{
		{"running", []string{`{"data":[{"id":"90","media_type":"BROADCAST","media_product_type":"LIVE","timestamp":"` + noonText + `","permalink":"p"}]}`},
			[]LiveMedia{{ID: "90", Permalink: "p", StartedAt: noon}}, false},
		{"over", []string{`{"data":[]}`}, nil, false},
		{"on the second page", []string{`{"data":[],"paging":{"cursors":{"after":"b"},"next":"https://x/"}}`, `{"data":[{"id":"90"}]}`},
			[]LiveMedia{{ID: "90"}}, false},
		{"no list", []string{`{}`}, nil, true},
		{"a list of null", []string{`{"data":null}`}, nil, true},
		{"a bare list", []string{`[]`}, nil, true},
		{"nothing", []string{``}, nil, true},
		{"the same page again", []string{`{"data":[],"paging":{"cursors":{"after":"b"},"next":"https://x/"}}`,
			`{"data":[],"paging":{"cursors":{"after":"b"},"next":"https://x/"}}`}, nil, true},
		{"the second page leads by time", []string{`{"data":[],"paging":{"next":"https://x/?until=1&__paging_token=enc_y"}}`, `{"data":[{"id":"90"}]}`},
			[]LiveMedia{{ID: "90"}}, false},
		{"in a circle", []string{`{"data":[{"id":"90"}],"paging":{"cursors":{"after":"b"},"next":"https://x/"}}`,
			`{"data":[{"id":"90"}],"paging":{"cursors":{"after":"c"},"next":"https://x/"}}`}, []LiveMedia{{ID: "90"}}, false},
		{"in a circle of empty pages", []string{`{"data":[],"paging":{"cursors":{"after":"b"},"next":"https://x/"}}`,
			`{"data":[],"paging":{"cursors":{"after":"c"},"next":"https://x/"}}`,
			`{"data":[],"paging":{"cursors":{"after":"b"},"next":"https://x/"}}`}, nil, true},
		{"more, without a way to it", []string{`{"data":[],"paging":{"next":"https://x/?limit=1"}}`}, nil, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			pages := make(chan string, len(tc.answer))
			for _, p := range tc.answer {
				pages <- p
			}
			m := newMeta(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, <-pages) })
			got, err := m.LiveMedia(t.Context(), credentials(igByPage))
			if diff := cmp.Diff(tc.want, got); diff != "" || (err != nil) != tc.fails {
				t.Errorf("%s, %v", diff, err)
			}
			if tc.fails {
				if e := failure(t, err); e.Class != Unknown {
					t.Errorf("%+v", e)
				}
			}
			if len(pages) != 0 || m.received()[0].Path != "/facebook/v26.0/17841400000000001/live_media" {
				t.Errorf("%d pages unread, asked %s", len(pages), m.received()[0].Path)
			}
		})
	}
}

// Guards paging against Meta's "next" link, which has the token in it: only its
// cursor is used.
func TestCursorFromNextLink(t *testing.T) {
	m := newMeta(t, says(200, `{"data":[],"paging":{"next":"https://graph.facebook.com/v26.0/1/media?access_token=`+testToken+`&limit=25&after=QVFI%3D"}}`))
	got, err := m.Media(t.Context(), credentials(igByPage), "")
	if err != nil || got.After != "QVFI=" {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err = m.Media(t.Context(), credentials(igByPage), got.After); err == nil {
		t.Error("a cursor that leads to itself is followed for ever")
	}
	failure(t, err)
}
