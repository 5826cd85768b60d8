package feed_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/graph"
	"github.com/privatereply/privatereply/internal/feed"
)

var (
	noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

	page      = privatereply.Account{Platform: privatereply.Facebook, ID: "100000000000001", Login: privatereply.LoginFacebook}
	instagram = privatereply.Account{Platform: privatereply.Instagram, ID: "17841400000000002", Login: privatereply.LoginInstagram}
)

// readerOf reads for account from a Meta that answers by the last part of the path
// and the cursor, and notes what it was asked for.
func readerOf(t *testing.T, account privatereply.Account, answers map[string]string) (feed.Reader, *[]string) {
	t.Helper()
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := path.Base(path.Dir(r.URL.Path)) + "/" + path.Base(r.URL.Path) + "?" + r.FormValue("after")
		asked = append(asked, key)
		body, ok := answers[key]
		if !ok {
			w.WriteHeader(http.StatusBadRequest)
			body = `{"error":{"code":100,"error_subcode":33}}`
		}
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	g, err := graph.New(graph.Options{FacebookURL: server.URL, InstagramURL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	return feed.Reader{Graph: g, Credentials: graph.Credentials{Account: account, Token: "EAAtesttoken"}}, &asked
}

func list(next, items string) string {
	paging := ""
	if next != "" {
		paging = fmt.Sprintf(`,"paging":{"cursors":{"after":%q},"next":"https://graph.example.com/?access_token=EAAtesttoken"}`, next)
	}
	return `{"data":[` + items + `]` + paging + `}`
}

func at(age time.Duration) string { return noon.Add(-age).Format("2006-01-02T15:04:05-0700") }

// commentsOf reads everything under the first post.
func commentsOf(t *testing.T, r feed.Reader, since time.Time) (ids []string, err error) {
	t.Helper()
	posts, err := r.Posts(t.Context(), "", time.Time{})
	if err != nil {
		return nil, err
	}
	for c, err := range r.Comments(t.Context(), posts.Posts[0], since) {
		if err != nil {
			return ids, err
		}
		id := c.CommentID
		if c.ParentID != "" {
			id = c.ParentID + "/" + id
		}
		ids = append(ids, id)
	}
	return ids, nil
}

const day = 24 * time.Hour

// media is an Instagram post with comments on three pages; ages are in days.
func media(ages ...int) map[string]string {
	answers := map[string]string{instagram.ID + "/media?": list("", `{"id":"9","media_product_type":"FEED"}`)}
	for p := range 3 {
		items := ""
		for i := range 2 {
			n := 2*p + i
			items += fmt.Sprintf(`,{"id":"%d","text":"Hi","timestamp":%q}`, n+1, at(time.Duration(ages[n])*day))
		}
		answers["9/comments?"+[]string{"", "b", "c"}[p]] = list([]string{"b", "c", ""}[p], items[1:])
	}
	return answers
}

// Reading ends where everything is too old, and only where nothing newer can follow.
func TestCommentsBackTo(t *testing.T) {
	all := []string{"1", "2", "3", "4", "5", "6"}
	tests := []struct {
		name  string
		since time.Time
		ages  []int
		want  []string
	}{
		{"to the end", time.Time{}, []int{1, 2, 30, 31, 32, 33}, all},
		{"newest first: ends after a page that is too old", noon.Add(-20 * day), []int{1, 2, 30, 31, 32, 33}, all[:4]},
		{"one on the page is new enough", noon.Add(-20 * day), []int{1, 2, 19, 31, 32, 33}, all},
		{"oldest first: goes on", noon.Add(-20 * day), []int{33, 32, 31, 30, 2, 1}, all},
		{"all of one time: goes on", noon.Add(-20 * day), []int{30, 30, 30, 30, 30, 30}, all},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, _ := readerOf(t, instagram, media(tt.ages...))
			got, err := commentsOf(t, r, tt.since)
			if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
				t.Errorf("%v, comments (-want +got):\n%s", err, diff)
			}
		})
	}
}

// A reply names its parent, also on its own pages, and every page is asked for once.
func TestReplies(t *testing.T) {
	reply := func(id string) string { return fmt.Sprintf(`{"id":%q,"timestamp":%q}`, id, at(0)) }
	r, asked := readerOf(t, instagram, map[string]string{
		instagram.ID + "/media?": list("", `{"id":"9","media_product_type":"FEED"}`),
		"9/comments?":            list("b", `{"id":"1","replies":`+list("r2", reply("2"))+`},{"id":"5"}`),
		"9/comments?b":           list("", `{"id":"6","replies":`+list("", reply("7"))+`}`),
		"1/replies?r2":           list("r3", ""),
		"1/replies?r3":           list("", reply("3")+","+reply("4")),
	})
	got, err := commentsOf(t, r, time.Time{})
	if diff := cmp.Diff([]string{"1", "1/2", "1/3", "1/4", "5", "6", "6/7"}, got); err != nil || diff != "" {
		t.Errorf("%v, comments (-want +got):\n%s", err, diff)
	}
	want := []string{instagram.ID + "/media?", "9/comments?", "1/replies?r2", "1/replies?r3", "9/comments?b"}
	if diff := cmp.Diff(want, *asked); diff != "" {
		t.Errorf("asked for (-want +got):\n%s", diff)
	}
}

// What Meta says of a Page's post decides whether it is a visitor's, which can be
// answered, also without the permission to see who wrote it.
func TestVisitorPosts(t *testing.T) {
	tests := []struct {
		name, post string
		visitor    bool
	}{
		{"a visitor's", `{"id":"1_2","from":{"id":"7","name":"Ann"},"message":"Hello?"}`, true},
		{"a visitor's, answered", `{"id":"1_2","from":{"id":"7"},"can_reply_privately":false}`, true},
		{"the Page's", `{"id":"1_2","from":{"id":"100000000000001"}}`, false},
		{"unknown, can be answered", `{"id":"1_2","can_reply_privately":true}`, true},
		{"unknown, cannot be answered", `{"id":"1_2","can_reply_privately":false}`, false},
		{"unknown", `{"id":"1_2"}`, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, _ := readerOf(t, page, map[string]string{page.ID + "/feed?": list("", tt.post)})
			got, err := r.Posts(t.Context(), "", time.Time{})
			if err != nil {
				t.Fatal(err)
			}
			post, source := got.Posts[0], privatereply.SourcePost
			if tt.visitor {
				source = privatereply.SourceVisitorPost
			}
			if post.Source != source || (post.Visitor != nil) != tt.visitor {
				t.Fatalf("%+v", post)
			}
			if tt.visitor && (post.Visitor.PostID != "1_2" || post.Visitor.CommentID != "" || post.Visitor.Validate() != nil) {
				t.Errorf("%+v", post.Visitor)
			}
		})
	}
}

// Only posts that can have something to answer cost a request.
func TestPostsWithoutComments(t *testing.T) {
	for name, item := range map[string]string{
		"no comments": `{"id":"9","media_product_type":"FEED","comments_count":0}`,
		"IGTV":        `{"id":"9","media_product_type":"IGTV","comments_count":3}`,
		"live":        `{"id":"9","media_product_type":"LIVE","comments_count":3}`,
	} {
		t.Run(name, func(t *testing.T) {
			r, asked := readerOf(t, instagram, map[string]string{instagram.ID + "/media?": list("", item)})
			got, err := commentsOf(t, r, time.Time{})
			if err != nil || len(got) != 0 || len(*asked) != 1 {
				t.Errorf("read %q with %q, %v", got, *asked, err)
			}
		})
	}
}

// Before ends the reading before any request.
func TestBefore(t *testing.T) {
	enough := errors.New("enough")
	for allowed, want := range []int{0, 0, 2} { // comments read with so many requests
		r, asked := readerOf(t, instagram, media(1, 2, 3, 4, 5, 6))
		left := allowed
		r.Before = func() error {
			if left--; left < 0 {
				return enough
			}
			return nil
		}
		got, err := commentsOf(t, r, time.Time{})
		if !errors.Is(err, enough) || len(got) != want || len(*asked) != allowed {
			t.Errorf("%d requests allowed: read %q with %q, %v", allowed, got, *asked, err)
		}
	}
}
