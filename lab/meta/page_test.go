package meta_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/meta"
)

const hostile = `"><script>alert(1)</script><img src=x onerror=alert(2)>&{{.}}`

// What people write is shown as text wherever the page shows it.
func TestPageEscapesHostileText(t *testing.T) {
	r := receive(t)
	e := startWith(t, r, func(c *meta.Config) { c.Accounts[0].Name = hostile })
	for _, account := range []string{pageID, ownLoginID} {
		id := e.comment(meta.NewComment{Account: account, Username: hostile, Text: hostile})
		e.answer(account, id, hostile)
		e.say(meta.NewMessage{Account: account, Username: hostile, Text: hostile})
	}
	_, err := e.PublishPost(meta.NewPost{Account: pageID, Caption: hostile})
	must(t, err)
	must(t, e.DrainWebhooks(t.Context()))
	page := e.get("/", "")
	if page.status != http.StatusOK {
		t.Fatalf("status %d: %s", page.status, page.body)
	}
	for _, bad := range []string{"<script>alert", "<img"} {
		if strings.Contains(page.body, bad) {
			t.Errorf("the page has %s in it", bad)
		}
	}
	if strings.Count(page.body, "&lt;script&gt;alert(1)") < 10 {
		t.Error("the texts are not on the page")
	}
	if strings.Contains(page.body, pageToken) || strings.Contains(page.body, appSecret) {
		t.Error("the page has secrets in it")
	}
}

// The page loads its own files and nothing else, and every field has a label.
func TestPageIsSelfContained(t *testing.T) {
	e := start(t)
	e.comment(meta.NewComment{Account: pageID})
	page := e.get("/", "")
	policy := page.header.Get("Content-Security-Policy")
	if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy %q", policy)
	}
	links := regexp.MustCompile(`(?:src|href)="([^"#][^"]*)"`).FindAllStringSubmatch(page.body, -1)
	if len(links) != 3 {
		t.Errorf("links: %v", links)
	}
	for _, link := range links {
		if got := e.get(link[1], ""); got.status != http.StatusOK || len(got.body) == 0 {
			t.Errorf("%s: %d", link[1], got.status)
		}
	}
	if strings.Contains(page.body, "<style") || regexp.MustCompile(`<[^>]+\s(?:style|on[a-z]+)=`).MatchString(page.body) {
		t.Error("the page has inline style or script")
	}
	fields := regexp.MustCompile(`<(?:input|select|textarea)[^>]*>`).FindAllString(page.body, -1)
	unlabelled := 0
	for _, field := range fields {
		if !strings.Contains(field, `type="hidden"`) {
			unlabelled++
		}
	}
	if labels := strings.Count(page.body, "<label"); labels != unlabelled {
		t.Errorf("%d fields, %d labels", unlabelled, labels)
	}
	if got := e.get("/assets/nothing.js", ""); got.status != http.StatusNotFound {
		t.Errorf("an asset that is not there: %d", got.status)
	}
}

// The page tells a script that has seen everything so, and shows it what is new.
func TestPageUpdates(t *testing.T) {
	e := start(t)
	version := func() string {
		return regexp.MustCompile(`data-version="(\d+)"`).FindStringSubmatch(e.get("/", "").body)[1]
	}
	seen := version()
	if got := e.get("/", "", "seen", seen); got.status != http.StatusNoContent {
		t.Errorf("nothing new: status %d", got.status)
	}
	e.comment(meta.NewComment{Account: pageID, Text: "brand new"})
	if got := e.get("/", "", "seen", seen); got.status != http.StatusOK || !strings.Contains(got.body, "brand new") {
		t.Errorf("something new: status %d", got.status)
	}
}

// submit sends a form of the page.
func (e *env) submit(action string, values ...string) reply {
	e.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(values); i += 2 {
		form.Set(values[i], values[i+1])
	}
	resp, err := http.PostForm(e.url+"/act/"+action, form)
	must(e.t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	must(e.t, err)
	return reply{status: resp.StatusCode, body: string(body)}
}

// Every form of the page works without script: it does its thing and shows the page.
func TestPageForms(t *testing.T) {
	r := receive(t)
	e := startWith(t, r)
	forms := map[string]int{}
	for _, m := range regexp.MustCompile(`action="/act/([a-z-]+)"`).FindAllStringSubmatch(e.fullPage(), -1) {
		forms[m[1]] = 0
	}
	act := func(action string, values ...string) string {
		t.Helper()
		forms[action]++
		got := e.submit(action, values...)
		if got.status != http.StatusOK {
			t.Fatalf("%s: %d %s", action, got.status, problemOf(got.body))
		}
		return got.body
	}
	newest := func() string {
		return regexp.MustCompile(`id="comment-([0-9_]+)"`).FindStringSubmatch(e.get("/", "").body)[1]
	}

	act("comment", "place", "visitor:"+pageID, "username", "Kim", "text", "Open on Sunday?", "age", "2")
	visitor := newest()
	if got, _ := e.CommentReport(visitor); got.Source != string(privatereply.SourceVisitorPost) || got.Text != "Open on Sunday?" {
		t.Errorf("visitor post: %+v", got)
	}
	act("hide", "id", visitor)
	act("human", "id", visitor, "text", "Yes")
	act("say", "account", pageID, "username", "Kim", "kind", "text", "text", "Great")
	act("person", "account", pageID, "username", "Kim", "state", "blocked")
	act("remove", "id", visitor)
	e.sendToComment(pageID, e.comment(meta.NewComment{Account: pageID, Username: "Lou"}), template("The list?", postbackButton("Yes", "list")))
	act("tap", "account", pageID, "username", "Lou", "payload", "list")
	if box := e.inbox(pageID, "Lou"); len(box) != 2 || box[1].Payload != "list" {
		t.Errorf("after the tap: %+v", box)
	}
	e.sendToComment(ownLoginID, e.comment(meta.NewComment{Account: ownLoginID, Username: "lou"}), quickReplies("Which?", "Small"))
	if act("follow", "account", ownLoginID, "username", "lou"); e.inbox(ownLoginID, "lou")[0].QuickReplies != nil {
		t.Error("somebody who does not follow sees quick replies")
	}
	if got := len(e.Inbox(meta.Person{Account: pageID, Username: "Kim"})); got != 2 {
		t.Errorf("%d messages in the inbox, want 2", got)
	}

	page := act("live-start", "account", ownLoginID)
	live := regexp.MustCompile(`value="post:(\d+)">live`).FindStringSubmatch(page)[1]
	act("comment", "place", "post:"+live, "username", "sam", "text", "hello")
	act("live-end", "id", live)
	if got, _ := e.CommentReport(newest()); got.RefusalReason != "the broadcast has ended (100/2534025)" {
		t.Errorf("verdict %q", got.RefusalReason)
	}

	act("fault", "name", "error", "calls", "read", "times", "3", "code", "613", "subcode", "1996", "account", pageID)
	if got := e.ActiveFaults(); len(got) != 1 || got[0].Code != 613 || got[0].Times != 3 || got[0].Account != pageID {
		t.Errorf("faults: %+v", got)
	}
	act("fault-clear", "id", e.ActiveFaults()[0].ID)
	act("delivery", "batch", "2", "echo", "before", "receipts", "1")
	if got := e.WebhookSettings(); got.Batch != 2 || got.Echo != meta.EchoBefore || !got.Receipts || got.Shuffle {
		t.Errorf("delivery: %+v", got)
	}
	must(t, e.DrainWebhooks(t.Context()))
	act("resend")
	act("retry")
	act("test", "account", ownLoginID, "field", "comments")
	must(t, e.DrainWebhooks(t.Context()))

	act("unsubscribe", "account", ownLoginID)
	act("token-end", "account", ownLoginID)
	if got := e.get("/instagram/v26.0/me", ownToken); got.code() != [2]int{190, 463} {
		t.Errorf("after its token was ended: %s", got.body)
	}
	act("data-deletion", "account", ownLoginID)
	act("app-remove", "account", ownLoginID)

	for form, used := range forms {
		if used == 0 {
			t.Errorf("the form %s was not tried", form)
		}
	}
}

// fullPage is a page on which every form is shown.
func (e *env) fullPage() string {
	e.t.Helper()
	other := start(e.t)
	other.live(ownLoginID)
	_, err := other.AddFault(meta.Fault{Name: "slow"})
	must(e.t, err)
	other.sendToComment(pageID, other.comment(meta.NewComment{Account: pageID}), template("Hi", postbackButton("Yes", "p")))
	return other.get("/", "").body
}

func problemOf(page string) string {
	return fmt.Sprint(regexp.MustCompile(`id="problem"[^>]*>([^<]*)`).FindStringSubmatch(page))
}

// What a form cannot do is said on the page.
func TestPageShowsProblems(t *testing.T) {
	e := start(t)
	got := e.submit("human", "id", "1", "text", "x")
	if got.status != http.StatusBadRequest || !strings.Contains(problemOf(got.body), "unknown here") {
		t.Errorf("%d: %s", got.status, problemOf(got.body))
	}
}

// The page shows what the person can tap, as they see it, and what everybody sees.
func TestPageShowsTaps(t *testing.T) {
	e := start(t)
	id := e.comment(meta.NewComment{Account: ownLoginID, Username: "sam"})
	e.sendToComment(ownLoginID, id, template("The list?", postbackButton("Yes, please", "list"), urlButton("Our shop", "https://example.com/shop")))
	e.sendToComment(pageID, e.comment(meta.NewComment{Account: pageID, Username: "sam"}), quickReplies("Which?", "Small one"))
	e.replyInPublic(ownLoginID, id, "Look at your messages")
	e.hide(ownLoginID, id, true)
	page := e.get("/", "").body
	for _, want := range []string{
		`value="list"><button>Yes, please</button>`, `<a href="https://example.com/shop" target="_blank" rel="noopener noreferrer">Our shop</a>`,
		`<button>Small one</button>`, "Look at your messages", "in public", "hidden from the public",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not have %s", want)
		}
	}
	must(t, e.SetFollows(meta.Person{Account: ownLoginID, Username: "kim"}, false))
	e.sendToComment(ownLoginID, e.comment(meta.NewComment{Account: ownLoginID, Username: "kim"}), quickReplies("Which?", "Large one"))
	if page := e.get("/", "").body; strings.Contains(page, "Large one</button>") || !strings.Contains(page, "These messages lie in Message Requests") {
		t.Error("Message Requests shows quick replies")
	}
}

// A page of another site cannot make a developer's browser change anything.
func TestOtherSitesCannotAct(t *testing.T) {
	e := start(t)
	for _, path := range []string{"/act/live-start", "/sandbox/lives"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, e.url+path, strings.NewReader("account="+pageID))
		must(t, err)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Sec-Fetch-Site", "cross-site")
		resp, err := http.DefaultClient.Do(req)
		must(t, err)
		resp.Body.Close()
		if resp.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %d, want 403", path, resp.StatusCode)
		}
	}
}
