package graph

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/privatereply/privatereply"
)

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
		m := newMeta(t, respondWith(200, `{"data":[
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
				if e := asGraphError(t, err); e.Class != Unknown {
					t.Errorf("%+v", e)
				}
			}
			if len(pages) != 0 || m.received()[0].Path != "/facebook/v26.0/17841400000000001/live_media" {
				t.Errorf("%d pages unread, asked %s", len(pages), m.received()[0].Path)
			}
		})
	}
}
