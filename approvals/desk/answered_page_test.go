package desk_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/approvals/answered"
	"github.com/privatereply/privatereply/approvals/desk"
	"github.com/privatereply/privatereply/internal/lookup"
	"github.com/privatereply/privatereply/internal/replies"
)

// inboxOf is Meta with one account's newest conversations, and what was commented on.
type inboxOf struct {
	threads []lookup.Thread
	post    lookup.Post
	above   lookup.Comment

	mu    sync.Mutex
	reads map[string]int
}

func (m *inboxOf) count(what string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.reads == nil {
		m.reads = map[string]int{}
	}
	m.reads[what]++
}

func (m *inboxOf) LatestThreads(context.Context, privatereply.Account) ([]lookup.Thread, error) {
	m.count("latest")
	return m.threads, nil
}

func (m *inboxOf) Thread(_ context.Context, _ privatereply.Account, id string) (lookup.Thread, error) {
	m.count("thread")
	for _, t := range m.threads {
		if t.PersonID == id {
			return t, nil
		}
	}
	return lookup.Thread{PersonID: id, Complete: true}, nil
}

func (m *inboxOf) Post(context.Context, privatereply.Comment) (lookup.Post, error) {
	m.count("post")
	return m.post, nil
}

func (m *inboxOf) Comment(context.Context, privatereply.Account, string) (lookup.Comment, error) {
	m.count("comment")
	return m.above, nil
}

// answeredRow is a reply that a person of the account answered.
func answeredRow(n int, person string) replies.Row {
	row := waitingRow(n, "How much?", "12 euros")
	row.State, row.PersonKey, row.Person = privatereply.Responded, "new "+instagram+person, person
	return row
}

func said(ago time.Duration, ours bool, text string, attached ...lookup.Attachment) lookup.Message {
	return lookup.Message{ID: "m_" + ago.String(), At: time.Now().Add(-ago), FromPerson: !ours, Text: text, Attachments: attached}
}

// newAnsweredDesk has three people who answered: lena has the least time left, mia was
// answered from Meta's inbox, and otto can only be answered by a human agent.
func newAnsweredDesk(t *testing.T, meta *inboxOf) *fakeDesk {
	t.Helper()
	closed := answeredRow(4, "otto")
	closed.State, closed.EndedAt = privatereply.WindowClosed, time.Now().Add(-time.Hour)
	var list *answered.List
	c := newFakeDeskWith(t, func(cfg *desk.Config) {
		list = answered.New(cfg.Replies.(*fakeReplies), meta, cfg.Accounts, zap.NewNop())
		cfg.Answered, cfg.Lookup = list, meta
	}, answeredRow(1, "mia"), answeredRow(2, "lena"), closed, answeredRow(5, "ida"), waitingRow(6, "Hello?", "Hi"), oakRow())
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	running.Go(func() { list.Run(ctx) })
	t.Cleanup(func() { stop(); running.Wait() })
	return c
}

const hostile = `<script>window.pwned=1</script>{{.ID}} "quoted"`

func answeredMeta() *inboxOf {
	return &inboxOf{threads: []lookup.Thread{
		{PersonID: "lena", PersonName: "lena", Messages: []lookup.Message{said(30*time.Hour, true, "Hi lena"), said(23*time.Hour, false, "SECRET the left leg is split. "+strings.Repeat("Very much so. ", 60)+"END",
			lookup.Attachment{Kind: privatereply.Photo, URL: "https://cdn.example/leg.jpg", PictureURL: "https://cdn.example/leg.jpg"})}},
		{PersonID: "ida", PersonName: "ida " + hostile, Messages: []lookup.Message{said(time.Hour, false, hostile)}},
		{PersonID: "mia", PersonName: "mia", Messages: []lookup.Message{said(3*time.Hour, false, "thanks"), said(time.Hour, true, "from the inbox: welcome")}},
		{PersonID: "otto", PersonName: "otto", Messages: []lookup.Message{said(26*time.Hour, false, "still there?")}},
	}}
}

// The page has who waits for us first, the least time left before the others, with their
// words whole and harmless, and a box to answer for who may write.
func TestAnsweredPage(t *testing.T) {
	meta := answeredMeta()
	c := newAnsweredDesk(t, meta)
	_, body := c.do(c.signedIn("ana"), http.MethodGet, "/answered", "", nil)
	last := -1
	for _, want := range []string{"SECRET the left leg is split.", "END</p>", "/message/m_23h0m0s/0\" alt=\"photo\"", "&lt;script&gt;window.pwned=1&lt;/script&gt;{{.ID}}", "still there?", "as a human agent", "We wrote last</h2>", "from the inbox: welcome"} {
		at := strings.LastIndex(body, want)
		if at < last {
			t.Errorf("%q is not there, or not in its place", want)
		}
		last = max(last, at)
	}
	if strings.Contains(body, "<script>window") || strings.Contains(body, "cdn.example/leg.jpg\" alt") {
		t.Error("what strangers write became part of the page")
	}
	if n := strings.Count(body, `/follow-up"`); n != 4 {
		t.Errorf("%d boxes to write, want 4", n)
	}
	if n := strings.Count(body, `name="human_agent"`); n != 1 {
		t.Errorf("%d boxes of human agents, want 1", n)
	}
	if !strings.Contains(body, `data-count="answered">3<`) {
		t.Error("the tab does not count three people")
	}
	if _, body := c.do(c.signedIn("vera"), http.MethodGet, "/answered", "", nil); strings.Contains(body, "<textarea") || !strings.Contains(body, "SECRET") {
		t.Error("a viewer reads, and writes nothing")
	}
	for _, path := range []string{"/answered", "/answered?part=list", "/api/answered", "/api/counts"} {
		if _, body := c.do(c.signedIn("otto"), http.MethodGet, path, "", nil); strings.Contains(body, "SECRET") || strings.Contains(body, `"answered":3`) {
			t.Errorf("%s tells otto of another account: %s", path, body)
		}
	}
	var answer struct {
		Waiting int
		People  []struct {
			Reply, Person string
			WaitsForUs    bool `json:"waits_for_us"`
			HumanAgent    bool `json:"human_agent"`
			Messages      []struct {
				Text        string
				Attachments []string
			}
		}
	}
	_, body = c.do(c.signedIn("ana"), http.MethodGet, "/api/answered", "", nil)
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		t.Fatal(err)
	}
	if p := answer.People; answer.Waiting != 3 || len(p) != 4 || p[0].Person != "lena" || !strings.HasSuffix(p[0].Messages[0].Text, "END") || p[0].Messages[0].Attachments[0] != "photo" || p[3].WaitsForUs {
		t.Errorf("the API has %s", body)
	}
	if n := meta.reads["thread"]; n > 0 {
		t.Errorf("%d conversations were read one by one", n)
	}
}

// A person's page has every comment on the account, under each encryption key, the newest
// first, and says what is missing.
func TestPersonPage(t *testing.T) {
	row := func(n int, key string, state privatereply.State, text string) replies.Row {
		r := waitingRow(n, hostile+" comment "+text, "answer "+text)
		r.PersonKey, r.State, r.StartedAt = key, state, time.Now().Add(-time.Duration(n)*time.Hour)
		return r
	}
	c := newFakeDesk(t, row(1, "new "+instagram+"2", privatereply.AwaitingApproval, "one"), row(2, "new "+instagram+"2", privatereply.Sent, "two"),
		row(3, "old "+instagram+"2", privatereply.NoResponse, "three"), row(4, "new "+instagram+"9", privatereply.Sent, "SECRET"))
	path := "/replies/" + url.PathEscape(c.fake.rows[0].ID) + "/person"
	_, body := c.do(c.signedIn("vera"), http.MethodGet, path, "", nil)
	last := -1
	for _, want := range []string{"3 comments, 2 replies", "answer one", "answer two", "answer three"} {
		at := strings.Index(body, want)
		if at <= last {
			t.Errorf("%q is not there, or not in its place", want)
		}
		last = at
	}
	if strings.Contains(body, "SECRET") || strings.Contains(body, "<script>window") {
		t.Error("it has what is not the person's, or a stranger's text became part of it")
	}
	if resp, body := c.do(c.signedIn("otto"), http.MethodGet, path, "", nil); resp.StatusCode != http.StatusNotFound || strings.Contains(body, "answer one") {
		t.Errorf("otto is answered %d", resp.StatusCode)
	}
	s := c.fake.status[c.fake.rows[0].ID]
	s.Comment.PersonID = ""
	c.fake.status[c.fake.rows[0].ID] = s
	if _, body := c.do(c.signedIn("vera"), http.MethodGet, path, "", nil); !strings.Contains(body, "answer two") || strings.Contains(body, "answer three") || !strings.Contains(body, "encryption keys is missing") {
		t.Error("without the person's id it does not show what the key finds, or does not say what is missing")
	}
}

// The page of the queue waits for nothing of Meta's. What stands around its cards is asked
// for by the cards in view: the post, with one picture for all of its cards, the comment
// above, and how many comments of the person there were.
func TestCardContext(t *testing.T) {
	var rows []replies.Row
	for n := range 60 {
		row := waitingRow(n, "How much?", "12 euros")
		row.ID = fmt.Sprintf("reply:instagram:%s:%d", instagram, 1000+n)
		row.Media, row.PersonKey, row.StartedAt = "17900000000000001", fmt.Sprint("key", n%20), time.Now().Add(time.Duration(n)*time.Minute)
		if n < 40 {
			row.State = privatereply.Sent
		}
		rows = append(rows, row)
	}
	rows[59].ParentID = "18000000000000009"
	meta := &inboxOf{post: lookup.Post{Caption: hostile, PictureURL: "https://cdn.example/post.jpg"}, above: lookup.Comment{Username: "ben", Text: "Is it sturdier than oak?"}}
	c := newFakeDeskWith(t, func(cfg *desk.Config) { cfg.Lookup = meta }, rows...)
	ana := c.signedIn("ana")
	_, body := c.do(ana, http.MethodGet, "/", "", nil)
	if n := strings.Count(body, "data-context="); n != 20 || len(meta.reads) > 0 {
		t.Errorf("%d places, and the page has read %v", n, meta.reads)
	}
	query := url.Values{}
	for _, row := range rows {
		query.Add("reply", row.ID)
	}
	query["reply"] = append([]string{rows[59].ID, "reply:instagram:1:nowhere"}, query["reply"]...)
	_, body = c.do(ana, http.MethodGet, "/context?"+query.Encode(), "", nil)
	for want, n := range map[string]int{
		`data-for=`: 50 - 1, "&lt;script&gt;window.pwned=1": 49, "/pictures/" + url.PathEscape(rows[40].ID) + "/post": 49,
		"Answers <bdi>ben</bdi>: <bdi>Is it sturdier than oak?</bdi>": 1, ">third comment, two replies<": 9,
	} {
		if got := strings.Count(body, want); got != n {
			t.Errorf("%q is there %d times, want %d", want, got, n)
		}
	}
	if strings.Contains(body, "<script>window") || strings.Contains(body, "cdn.example") {
		t.Error("what strangers write became part of the page")
	}
	if _, body := c.do(c.signedIn("otto"), http.MethodGet, "/context?"+query.Encode(), "", nil); strings.Contains(body, "data-for") {
		t.Error("otto is told of another account")
	}
}
