package desk_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/approvals/desk"
	"github.com/privatereply/privatereply/graph"
	"github.com/privatereply/privatereply/internal/lookup"
	"github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/workflows"
)

// fakeLookup reads from memory in Meta's place.
type fakeLookup struct {
	mu     sync.Mutex
	thread lookup.Thread
	post   lookup.Post
	parent lookup.Comment
	err    error
	slow   chan struct{} // a read waits for it, if it is set
	asked  []string
}

func (f *fakeLookup) note(what, of string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, what+" "+of)
	return f.err
}

func (f *fakeLookup) Thread(ctx context.Context, a privatereply.Account, person string) (lookup.Thread, error) {
	if f.slow != nil {
		select {
		case <-f.slow:
		case <-ctx.Done():
			return lookup.Thread{}, ctx.Err()
		}
	}
	err := f.note("thread", person)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil {
		return lookup.Thread{}, err
	}
	return f.thread, nil
}

func (f *fakeLookup) LatestThreads(context.Context, privatereply.Account) ([]lookup.Thread, error) {
	return nil, nil
}

func (f *fakeLookup) Post(_ context.Context, c privatereply.Comment) (lookup.Post, error) {
	return f.post, f.note("post", c.ShownMediaID())
}

func (f *fakeLookup) Comment(_ context.Context, _ privatereply.Account, id string) (lookup.Comment, error) {
	return f.parent, f.note("comment", id)
}

const hostileWords = `"><script>alert(1)</script><img src=x onerror=alert(2)>{{.}} ` + "\u202eevil"

// newConversation is a desk with a delivered reply of ana's to a comment under a comment.
func newConversation(t *testing.T, f *fakeLookup) *fakeDesk {
	t.Helper()
	c := newFakeDeskWith(t, func(cfg *desk.Config) {
		cfg.LocalMeta = true
		if f != nil {
			cfg.Lookup = f
		}
	})
	s := c.fake.status[waitingID]
	s.State, s.Text, s.Approver, s.DecidedAt = privatereply.Responded, "12 euros", "ana", at(-60)
	s.Send = &workflows.SendStatus{Outcome: privatereply.OutcomeSent, MessageID: "m1", RecipientID: "77", SentAt: at(-60)}
	s.Comment.MediaID, s.Comment.OriginalMediaID, s.Comment.ParentID, s.Comment.Username = "1790", "1791", "1800", "lena"
	c.fake.status[waitingID] = s
	c.fake.thread = replies.Conversation{
		Status: workflows.ConversationStatus{LastMessageAt: at(-10), Replies: []workflows.ReplyJoined{{Reply: waitingID, MessageID: "m1"}, {Reply: "reply:instagram:" + instagram + ":18999", MessageID: "m0"}}},
		Messages: []replies.Message{
			{At: at(-30)},
			{At: at(-20), Agent: "ben", Text: "It ships\r\non Monday", Answer: &workflows.FollowUpResult{State: privatereply.OutcomeUnknown, Reason: privatereply.NoAnswer}},
			{At: at(-15), Agent: "ben", Text: "Lost words", Answer: &workflows.FollowUpResult{State: privatereply.OutcomeRefused, Reason: privatereply.OutsideWindow}},
			{At: at(-5)},
		},
	}
	return c
}

// at is a time so many minutes from now.
func at(minutes int) time.Time { return time.Now().Add(time.Duration(minutes) * time.Minute).UTC() }

func someThread() lookup.Thread {
	return lookup.Thread{PersonID: "77", PersonName: "lena", ReadAt: at(0), Link: "https://www.facebook.com/1/inbox/2/", Messages: []lookup.Message{
		{ID: "m0", At: at(-90), Text: "Thanks for your comment"},
		{ID: "m1", At: at(-60), Text: "12 euros"},
		{ID: "m2", At: at(-30), FromPerson: true, Text: hostileWords},
		{ID: "m3", At: at(-29), FromPerson: true, Attachments: []lookup.Attachment{
			{Kind: privatereply.Photo, URL: "https://cdn.example/1", PictureURL: "https://cdn.example/1", Name: hostileWords},
			{Kind: graph.FileAttachment, URL: "javascript:alert(1)", Name: "bill.pdf"}}},
		{ID: "m4", At: at(-20), Text: "It ships\non Monday "},
		{ID: "m5", At: at(-12), Text: "From my phone"},
		{ID: "m6", At: at(-11), FromPerson: true},
	}}
}

// part is the text of a part of the reply's page.
func (c *fakeDesk) part(query string) (*http.Response, string) {
	c.t.Helper()
	return c.do(c.signedIn("ana"), http.MethodGet, "/replies/"+url.PathEscape(waitingID)+query, "", nil)
}

// plain is the text of a piece of a page, without its tags and line ends.
func plain(page string) string {
	var text strings.Builder
	for i, piece := range strings.Split(page, "<") {
		if i > 0 {
			_, piece, _ = strings.Cut(piece, ">")
		}
		text.WriteString(piece)
	}
	return strings.Join(strings.Fields(text.String()), " ")
}

// The conversation stands in its own words above the box, each message of the account with
// who sent it, and what Meta does not know beside it. (It fails on a desk that only says
// "the person wrote": findings A1.)
func TestConversationInItsOwnWords(t *testing.T) {
	c := newConversation(t, &fakeLookup{thread: someThread()})
	_, page := c.part("")
	text := plain(page)
	last := 0
	for _, want := range []string{
		"Earlier messages are in the account's inbox",
		"Thanks for your comment", "the private reply to another comment,",
		"12 euros", "the private reply, ana,",
		"&lt;script&gt;alert(1)", "lena,",
		"bill.pdf",
		"It ships on Monday", "ben,",
		"Lost words", "not sent: The messaging window is closed.",
		"From my phone", "sent elsewhere,",
		"Something that Meta does not show here.",
		"The person wrote.", "Meta does not show it yet",
		"You can write for", "Write to lena",
	} {
		i := strings.Index(text[last:], want)
		if i < 0 {
			t.Fatalf("%q is not in the rest: %s", want, text[last:])
		}
		last += i + len(want)
	}
	for _, bad := range []string{"<script>alert", "<img src=x", "javascript:", "cdn.example/1\"><img", "nobody knows whether it arrived"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page has %s", bad)
		}
	}
	if !strings.Contains(page, `src="/pictures/`+url.PathEscape(waitingID)+`/message/m3/0"`) || strings.Count(text, "It ships") != 1 {
		t.Error("the picture is not shown through the desk, or a message is shown twice")
	}
}

// What cannot be read is said with the reason and where to look; what the product knows
// stays, and so does the box.
func TestConversationThatCannotBeRead(t *testing.T) {
	token := &graph.Error{Class: graph.AccountFault, Reason: privatereply.TokenRejected}
	for _, tt := range []struct {
		name string
		fake *fakeLookup
		want []string
	}{
		{"a revoked token", &fakeLookup{err: token}, []string{"What lena wrote cannot be shown here. Meta rejects the account", "Open the account's inbox", "the person wrote"}},
		{"too many at once", &fakeLookup{err: fmt.Errorf("read: %w", lookup.ErrBusy)}, []string{"others are being asked"}},
		{"no reader", nil, []string{"this desk does not read it", "their words are in the account's inbox"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, page := newConversation(t, tt.fake).part("")
			text := strings.ToLower(plain(page))
			for _, want := range append(tt.want, "12 euros", "Lost words", "Write to lena") {
				if !strings.Contains(text, strings.ToLower(want)) {
					t.Errorf("%q is missing", want)
				}
			}
			if !strings.Contains(page, `href="https://www.instagram.com/direct/inbox/"`) {
				t.Error("no way to the inbox")
			}
		})
	}
	slow := &fakeLookup{thread: someThread(), slow: make(chan struct{})}
	c := newConversation(t, slow)
	began := time.Now()
	_, page := c.part("")
	if !strings.Contains(page, "is being read from Meta") || time.Since(began) > 10*time.Second {
		t.Errorf("a slow Meta holds the page for %v", time.Since(began))
	}
	close(slow.slow)
	if _, page := c.part("?part=thread"); !strings.Contains(page, "From my phone") || strings.Contains(page, "<html") {
		t.Errorf("the part: %s", page)
	}
}

// A page that has seen everything is told so, without asking Temporal; another message, or
// a failure, is news.
func TestThreadPartTellsNews(t *testing.T) {
	f := &fakeLookup{thread: someThread()}
	c := newConversation(t, f)
	_, page := c.part("?part=thread")
	_, rest, _ := strings.Cut(page, `data-seen="`)
	seen, _, _ := strings.Cut(rest, `"`)
	if resp, _ := c.part("?part=thread&seen=" + seen); resp.StatusCode != http.StatusNoContent {
		t.Errorf("nothing new: %d", resp.StatusCode)
	}
	f.mu.Lock()
	f.thread.Messages = append(f.thread.Messages, lookup.Message{ID: "m7", At: at(0), FromPerson: true, Text: "Hello?"})
	f.mu.Unlock()
	if resp, page := c.part("?part=thread&seen=" + seen); resp.StatusCode != http.StatusOK || !strings.Contains(page, "Hello?") {
		t.Errorf("a new message: %d", resp.StatusCode)
	}
	f.mu.Lock()
	f.err = errors.New("x")
	f.mu.Unlock()
	if resp, page := c.part("?part=thread&seen=" + seen); resp.StatusCode != http.StatusOK || !strings.Contains(page, "data-failed") {
		t.Errorf("a failure: %d", resp.StatusCode)
	}
}

// What a comment stands under is a part of its own, so that the page need not wait for it:
// the post that people see, and the comment above. (findings B1, B2)
func TestPostOfAReply(t *testing.T) {
	long := "Oak & ash.\n" + strings.Repeat("word ", 80)
	f := &fakeLookup{thread: someThread(), post: lookup.Post{Caption: long, Permalink: "https://www.instagram.com/p/1/", PictureURL: "https://cdn.example/p", Kind: "reel", At: at(-600)},
		parent: lookup.Comment{Username: "mia", Text: hostileWords, At: at(-500)}}
	c := newConversation(t, f)
	if _, page := c.part(""); !strings.Contains(page, "show the post") || strings.Contains(page, "Oak &amp; ash") {
		t.Error("the page waits for the post, or has no way to it")
	}
	for _, query := range []string{"?part=post", "?post"} {
		_, page := c.part(query)
		for _, want := range []string{"In answer to", "mia", "&lt;script&gt;alert(1)", "Oak &amp; ash", strings.Repeat("word ", 80)[:300], `class="unfold"`, "reel,", `href="https://www.instagram.com/p/1/"`, `src="/pictures/` + url.PathEscape(waitingID) + `/post"`} {
			if !strings.Contains(page, want) {
				t.Errorf("%s: %q is missing", query, want)
			}
		}
	}
	f.mu.Lock()
	if asked := strings.Join(f.asked, ", "); !strings.Contains(asked, "post 1791") || !strings.Contains(asked, "comment 1800") {
		t.Errorf("asked for %s", asked)
	}
	f.err = &graph.Error{Reason: privatereply.CommentNotFound}
	f.mu.Unlock()
	if _, page := c.part("?part=post"); !strings.Contains(page, "The post cannot be shown. Meta does not show it any more") || !strings.Contains(page, "The comment above cannot be shown.") {
		t.Errorf("a removed post: %s", page)
	}
}

// Pictures come from where Meta says and never from what a request says, with a private
// cache, and only to those who see the account.
func TestPictures(t *testing.T) {
	var drawn bytes.Buffer
	if err := png.Encode(&drawn, image.NewGray(image.Rect(0, 0, 2, 2))); err != nil {
		t.Fatal(err)
	}
	cdn := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "image/png")
		_, _ = w.Write(drawn.Bytes())
	}))
	defer cdn.Close()
	f := &fakeLookup{post: lookup.Post{PictureURL: cdn.URL + "/post"}, parent: lookup.Comment{Attachment: lookup.Attachment{PictureURL: cdn.URL + "/parent"}},
		thread: lookup.Thread{Messages: []lookup.Message{{ID: "m/3", At: at(-1), FromPerson: true, Attachments: []lookup.Attachment{{Kind: privatereply.Photo, PictureURL: cdn.URL + "/m3"}}}}}}
	c := newConversation(t, f)
	ana, base := c.signedIn("ana"), "/pictures/"+url.PathEscape(waitingID)
	for path, want := range map[string]int{
		"/post": 200, "/comment": 200, "/parent": 200, "/message/m%2F3/0": 200,
		"/message/m%2F3/1": 404, "/message/m%2F3/-1": 404, "/message/other/0": 404, "/avatar": 404, "/post?url=" + url.QueryEscape(cdn.URL): 200,
	} {
		resp, body := c.do(ana, http.MethodGet, base+path, "", nil)
		if resp.StatusCode != want || want == 200 && (body != drawn.String() || resp.Header.Get("Content-Type") != "image/png" || !strings.HasPrefix(resp.Header.Get("Cache-Control"), "private")) {
			t.Errorf("%s: %d %v", path, resp.StatusCode, resp.Header)
		}
	}
	if resp, _ := c.do(c.signedIn(""), http.MethodGet, base+"/post", "", nil); resp.StatusCode == http.StatusOK {
		t.Error("a stranger sees the picture")
	}
	if resp, _ := c.do(ana, http.MethodGet, "/pictures/"+url.PathEscape("reply:instagram:1:2")+"/post", "", nil); resp.StatusCode != http.StatusNotFound {
		t.Errorf("a reply that does not exist: %d", resp.StatusCode)
	}
	f.post.PictureURL = "http://169.254.169.254/latest/meta-data"
	if resp, _ := c.do(ana, http.MethodGet, base+"/post", "", nil); resp.StatusCode != http.StatusNotFound {
		t.Errorf("an address inside the network: %d", resp.StatusCode)
	}
}

// The way back leads to the list that one came from, with its filter; the next reply of that
// list is one click away, and follows a decision. (findings C3)
func TestTrail(t *testing.T) {
	row := func(number int, person, comment string) replies.Row {
		return replies.Row{ID: fmt.Sprintf("reply:instagram:%s:%d", instagram, number), State: privatereply.AwaitingApproval, Platform: privatereply.Instagram, Account: instagram,
			Person: person, Comment: comment, Text: "Hi", Deadline: time.Now().Add(time.Duration(number) * time.Hour), StartedAt: time.Now()}
	}
	rows := []replies.Row{row(1, "lena", "refund please"), row(2, "otto", "nice"), row(3, "mia", "refund now")}
	c := newFakeDesk(t, rows...)
	ana := c.signedIn("ana")
	link := func(i int, back string) string {
		address := "/replies/" + url.PathEscape(rows[i].ID)
		if back != "" {
			address += "?" + url.Values{"back": {back}}.Encode()
		}
		return address
	}
	open := func(path, referer string) string {
		t.Helper()
		_, page := c.do(ana, http.MethodGet, path, "", http.Header{"Referer": {referer}})
		_, page, _ = strings.Cut(page, `<nav class="trail"`)
		page, _, _ = strings.Cut(page, "</nav>")
		return strings.ReplaceAll(page, "&amp;", "&")
	}
	for _, tt := range []struct {
		name, path, referer string
		want                []string
		not                 string
	}{
		{"from the filtered queue", link(0, ""), c.url + "/?q=refund", []string{`href="/?q=refund" data-back>← Queue`, `href="` + link(2, "/?q=refund") + `" rel="next"`, "1 of 2", "data-advance"}, "prev"},
		{"further on", link(2, "/?q=refund"), c.url + link(0, ""), []string{`href="/?q=refund"`, `href="` + link(0, "/?q=refund") + `" rel="prev"`, "2 of 2"}, "rel=\"next\""},
		{"from a bookmark", link(1, ""), "", []string{`href="/" data-back>← Queue`, `href="` + link(2, "") + `" rel="next"`, "2 of 3"}, "data-advance"},
		{"from all", link(1, ""), c.url + "/replies?state=sent", []string{`href="/replies?state=sent" data-back>← All`}, "rel="},
		{"from elsewhere", link(1, ""), "https://evil.example/?q=refund", []string{`href="/" data-back`}, "evil"},
		{"from a forged link", link(1, "//evil.example/"), "", []string{`href="/" data-back`}, "evil"},
		{"from a forged script", link(1, "javascript:alert(1)"), "", []string{`href="/" data-back`}, "javascript"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := open(tt.path, tt.referer)
			for _, want := range tt.want {
				if !strings.Contains(got, want) {
					t.Errorf("%q is missing: %s", want, got)
				}
			}
			if strings.Contains(got, tt.not) {
				t.Errorf("it has %q: %s", tt.not, got)
			}
		})
	}
	form := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	resp, _ := c.do(ana, http.MethodPost, "/replies/"+url.PathEscape(rows[0].ID)+"/approve", url.Values{"text": {"Hi"}, "back": {"/?q=refund"}}.Encode(), form)
	if got, want := resp.Header.Get("Location"), link(2, "/?q=refund")+"&decided="+url.QueryEscape(rows[0].ID); got != want {
		t.Errorf("after a decision: %s, want %s", got, want)
	}
	if _, page := c.do(ana, http.MethodGet, resp.Header.Get("Location"), "", nil); !strings.Contains(page, "Your decision was taken.") {
		t.Error("the next page does not say that the decision was taken")
	}
	resp, _ = c.do(ana, http.MethodPost, "/replies/"+url.PathEscape(rows[1].ID)+"/approve", url.Values{"text": {"Hi"}}.Encode(), form)
	if got := resp.Header.Get("Location"); got != link(1, "") {
		t.Errorf("after a decision without a list: %s", got)
	}
}
