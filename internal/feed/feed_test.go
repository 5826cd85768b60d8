package feed_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"strings"
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

// mediaPosts is an Instagram post with comments on three pages; ages are in days.
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
		r.BeforeRequest = func() error {
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

// answersOf reads a file of answers that somebody met in public.
func answersOf(t *testing.T, name string) []string {
	t.Helper()
	content, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var answers []struct{ Body json.RawMessage }
	if err := json.Unmarshal(content, &answers); err != nil {
		t.Fatal(err)
	}
	bodies := make([]string, len(answers))
	for i, a := range answers {
		bodies[i] = string(a.Body)
	}
	return bodies
}

// warned counts what a reader warns of.
func warned(r *feed.Reader) *int {
	n := new(int)
	r.Warn = func(string, ...any) { *n++ }
	return n
}

// A list that Meta pages in a circle ends, with a warning, and gives each comment once.
func TestCommentsInACircle(t *testing.T) {
	bodies := answersOf(t, "05-comments-paging-in-a-circle.json")
	r, asked := readerOf(t, page, map[string]string{
		page.ID + "/feed?": bodies[0],
		"100000000000001_200000000000001/comments?AAA": bodies[1],
		"100000000000001_200000000000001/comments?BBB": bodies[2],
	})
	warnings := warned(&r)
	got, err := commentsOf(t, r, time.Time{})
	if diff := cmp.Diff([]string{"200000000000001_300000000000001"}, got); err != nil || diff != "" {
		t.Errorf("%v, comments (-want +got):\n%s", err, diff)
	}
	if len(*asked) != 2 || *warnings != 1 {
		t.Errorf("%d warnings after %q", *warnings, *asked)
	}
}

// The same for replies and for a circle that is longer, with new comments on its way.
func TestLongerCircles(t *testing.T) {
	item := func(ids ...string) string {
		items := ""
		for _, id := range ids {
			items += fmt.Sprintf(`,{"id":%q}`, id)
		}
		return items[1:]
	}
	r, asked := readerOf(t, instagram, map[string]string{
		instagram.ID + "/media?": list("", `{"id":"9","media_product_type":"FEED"}`),
		"9/comments?":            list("b", `{"id":"1","replies":`+list("r", item("2"))+`}`),
		"9/comments?b":           list("c", item("3")),
		"9/comments?c":           list("b", item("3", "4")),
		"1/replies?r":            list("r", item("2")),
	})
	warnings := warned(&r)
	got, err := commentsOf(t, r, time.Time{})
	if diff := cmp.Diff([]string{"1", "1/2", "3", "4"}, got); err != nil || diff != "" {
		t.Errorf("%v, comments (-want +got):\n%s", err, diff)
	}
	if len(*asked) != 5 || *warnings != 2 {
		t.Errorf("%d warnings after %q", *warnings, *asked)
	}
}

// A circle of empty pages ends too.
func TestEmptyCircles(t *testing.T) {
	r, asked := readerOf(t, instagram, map[string]string{
		instagram.ID + "/media?": list("", `{"id":"9","media_product_type":"FEED"}`),
		"9/comments?":            list("b", `{"id":"1","replies":`+list("r", "")+`}`),
		"9/comments?b":           list("c", ""),
		"9/comments?c":           list("b", ""),
		"1/replies?r":            list("s", ""),
		"1/replies?s":            list("r", ""),
	})
	warnings := warned(&r)
	got, err := commentsOf(t, r, time.Time{})
	if diff := cmp.Diff([]string{"1"}, got); err != nil || diff != "" || len(*asked) != 6 || *warnings != 2 {
		t.Errorf("%v, %d warnings after %q, comments (-want +got):\n%s", err, *warnings, *asked, diff)
	}
}

// Posts are read a page at a time, by different workers even, and end all the same
// where Meta's pages lead in a circle, also of empty ones.
func TestPostsInACircle(t *testing.T) {
	tests := map[string]struct {
		pages map[string]string
		want  []string
	}{
		"no circle": {map[string]string{"": list("b", `{"id":"1_1"}`), "b": list("c", ""), "c": list("", `{"id":"1_3"}`)}, []string{"1_1", "1_3"}},
		"of three":  {map[string]string{"": list("b", `{"id":"1_1"}`), "b": list("c", `{"id":"1_2"}`), "c": list("b", `{"id":"1_3"}`)}, []string{"1_1", "1_2", "1_3"}},
		"to itself": {map[string]string{"": list("b", `{"id":"1_1"}`), "b": list("b", `{"id":"1_2"}`)}, []string{"1_1", "1_2"}},
		"of empty":  {map[string]string{"": list("b", `{"id":"1_1"}`), "b": list("c", ""), "c": list("b", "")}, []string{"1_1"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			answers := map[string]string{}
			for cursor, body := range tt.pages {
				answers[page.ID+"/feed?"+cursor] = body
			}
			r, asked := readerOf(t, page, answers)
			warnings := warned(&r)
			var got []string
			for next, more := "", true; more; more = next != "" {
				p, err := r.Posts(t.Context(), next, time.Time{})
				if err != nil {
					t.Fatal(err)
				}
				for _, post := range p.Posts {
					got = append(got, post.ID)
				}
				if next = p.Next; len(*asked) > 10 {
					t.Fatalf("asked for %q", *asked)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			if (*warnings == 1) != (name != "no circle") {
				t.Errorf("%d warnings", *warnings)
			}
		})
	}
}

// A feed that Meta pages by time is read to its end.
func TestPostsByTime(t *testing.T) {
	r, asked := readerOf(t, page, map[string]string{page.ID + "/feed?": answersOf(t, "04-feed-time-based-paging.json")[0]})
	first, err := r.Posts(t.Context(), "", time.Time{})
	if err != nil || len(first.Posts) != 1 || first.Next == "" {
		t.Fatalf("%+v, %v", first, err)
	}
	if strings.Contains(first.Next, "http") {
		t.Errorf("keeps Meta's link: %q", first.Next)
	}
	// The second page answers as the first: a circle, and the end.
	if second, err := r.Posts(t.Context(), first.Next, time.Time{}); err != nil || len(second.Posts) != 0 || second.Next != "" || len(*asked) != 2 {
		t.Errorf("%+v, %v after %q", second, err, *asked)
	}
}

// The feed of a busy Page is read with less on a page.
func TestFeedTooLarge(t *testing.T) {
	refusal := answersOf(t, "03-feed-reduce-amount-of-data.json")[0]
	var limits []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		limits = append(limits, r.FormValue("limit"))
		if len(r.FormValue("limit")) > 1 {
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = io.WriteString(w, refusal)
			return
		}
		_, _ = io.WriteString(w, list("", `{"id":"1_1"}`))
	}))
	t.Cleanup(server.Close)
	g, err := graph.New(graph.Options{FacebookURL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	before := 0
	r := feed.Reader{Graph: g, Credentials: graph.Credentials{Account: page, Token: "EAAtesttoken"}, BeforeRequest: func() error { before++; return nil }}
	got, err := r.Posts(t.Context(), "", time.Time{})
	if diff := cmp.Diff([]string{"25", "10", "5"}, limits); err != nil || diff != "" || len(got.Posts) != 1 || before != 3 {
		t.Errorf("%+v, %v after %d calls of Before, limits (-want +got):\n%s", got, err, before, diff)
	}
}

// What the account itself wrote is known by any of the three ways in which Instagram
// names an author.
func TestOwnWords(t *testing.T) {
	bodies := answersOf(t, "11-instagram-own-reply-without-from-in-sweep.json")
	const name = `{"username":"Clean.Slate"}`
	tests := []struct {
		name     string
		comments string
		username string // given to the reader
		answer   string // to the question for the account's name
		own      []string
		asked    int // for the name
		fails    bool
	}{
		{"by its name", bodies[1], "", name, []string{"18000000000000022"}, 1, false},
		{"by a name that is known", bodies[1], "clean.slate", "", []string{"18000000000000022"}, 0, false},
		{"by from", list("", `{"id":"1","username":"x","from":{"id":"17841400000000002"}}`), "", "", []string{"1"}, 0, false},
		{"by user", list("", `{"id":"1","username":"x","user":{"id":"17841400000000002"}}`), "", "", []string{"1"}, 0, false},
		{"by user, under another id", list("", `{"id":"1","user":{"id":"24000000000000000"}}`), "", "", []string{"1"}, 0, false},
		{"somebody else's", list("", `{"id":"1","username":"clean.slate","from":{"id":"6"},"user":{"id":"7"}}`), "", "", nil, 0, false},
		{"nobody's", list("", `{"id":"1"}`), "", "", nil, 0, false},
		{"asked for once", list("", `{"id":"1","username":"clean.slate"},{"id":"2","username":"lena"},{"id":"3","username":"CLEAN.SLATE"}`), "", name, []string{"1", "3"}, 1, false},
		{"the name is not shown", bodies[1], "", `{"error":{"code":10}}`, nil, 1, false},
		{"the name cannot be read now", bodies[1], "", `{"error":{"code":4}}`, nil, 1, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, asked := readerOf(t, instagram, map[string]string{
				instagram.ID + "/media?":      list("", `{"id":"9","media_product_type":"FEED"}`),
				"9/comments?":                 tt.comments,
				"v26.0/" + instagram.ID + "?": tt.answer,
			})
			r.Username = tt.username
			posts, err := r.Posts(t.Context(), "", time.Time{})
			if err != nil {
				t.Fatal(err)
			}
			var own []string
			var failed error
			for c, err := range r.Comments(t.Context(), posts.Posts[0], time.Time{}) {
				if failed = err; c.Own {
					own = append(own, c.CommentID)
				}
			}
			if diff := cmp.Diff(tt.own, own); diff != "" || (failed != nil) != tt.fails || len(*asked) != 2+tt.asked {
				t.Errorf("%v after %q, own (-want +got):\n%s", failed, *asked, diff)
			}
		})
	}
}

// A photo is part of a comment; a post that is only advertised is an ad, and what
// stands in the feed is a post, also while it is promoted.
func TestFacebookPosts(t *testing.T) {
	for item, want := range map[string]privatereply.Source{
		`"is_published":false,"promotion_status":"active"`:   privatereply.SourceAd,
		`"is_published":false,"promotion_status":"inactive"`: privatereply.SourcePost,
		`"is_published":true,"promotion_status":"active"`:    privatereply.SourcePost,
		`"is_published":false`:                               privatereply.SourcePost,
		`"promotion_status":"active"`:                        privatereply.SourcePost,
	} {
		r, _ := readerOf(t, page, map[string]string{page.ID + "/feed?": list("", `{"id":"1_2","from":{"id":"100000000000001"},`+item+
			`,"comments":{"data":[{"id":"2_3","attachment":{"type":"photo","media":{"image":{"src":"https://example.com/i.jpg"}}}}]}}`)})
		posts, err := r.Posts(t.Context(), "", time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		for c, err := range r.Comments(t.Context(), posts.Posts[0], time.Time{}) {
			if err != nil || c.Source != want || c.Attachment != (privatereply.Attachment{Kind: privatereply.Photo, URL: "https://example.com/i.jpg"}) {
				t.Errorf("%s: %+v, %v", item, c, err)
			}
		}
	}
}
