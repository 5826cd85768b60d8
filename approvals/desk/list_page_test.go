package desk_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/replies"
)

// endedRow is the nth newest reply of a list.
func endedRow(n int, person, comment, text string) replies.Row {
	return replies.Row{ID: fmt.Sprintf("reply:instagram:%s:%d", instagram, 18000000000000000+n), State: privatereply.Sent, Platform: privatereply.Instagram,
		Account: instagram, Person: person, Comment: comment, Text: text, Rule: "price", StartedAt: time.Now().Add(-time.Duration(n) * time.Minute)}
}

// The list of all replies finds by name, words and id, says how far it searched, and goes on
// from there; each row has the account and what was sent.
func TestSearchOfAllReplies(t *testing.T) {
	var rows []replies.Row
	for n := range 6000 {
		rows = append(rows, endedRow(n, fmt.Sprintf("person%d", n), "How much?", "12 euros"))
	}
	rows[70] = endedRow(70, "mary.ann", "Is <b>walnut</b> sturdier?", "Yes, & it is 48 euros")
	rows[70].Approver, rows[70].DecidedAt, rows[70].Edited = "<ben>", rows[70].StartedAt.Add(time.Minute), true
	rows[5500] = endedRow(5500, "mary.ann", "And oak?", "No")
	c := newFakeDesk(t, rows...)
	ana := c.signedIn("ana")
	found := func(path string) (n int, page string) {
		t.Helper()
		resp, page := c.do(ana, http.MethodGet, path, "", nil)
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s", path, resp.Status)
		}
		return strings.Count(page, `class="row"`), page
	}
	next := func(page string) string {
		t.Helper()
		link := regexp.MustCompile(`<a class="button" href="([^"]*)">(?:Search further|More, and older|Older)`).FindStringSubmatch(page)
		if link == nil {
			t.Fatalf("nothing leads on: %s", page)
		}
		return strings.ReplaceAll(link[1], "&amp;", "&")
	}

	n, page := found("/replies?q=mary.ann")
	for _, want := range []string{"1 found", "Searched the newest 5000", "<mark>mary.ann</mark>", "Is &lt;b&gt;walnut", "Sent: <bdi>Yes, &amp; it is 48 euros", "Clean Slate", "edited and approved by <bdi>&lt;ben&gt;</bdi>, <time"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if n != 1 {
		t.Errorf("%d found", n)
	}
	if n, page = found(next(page)); n != 1 || !strings.Contains(page, "And oak?") || !strings.Contains(page, "the 1000 older ones: these were the last") {
		t.Errorf("further: %d found: %s", n, page)
	}
	if n, _ := found("/replies?q=" + url.QueryEscape("WALNUT 48")); n != 1 {
		t.Errorf("words of comment and reply find %d", n)
	}
	for _, id := range []string{"18000000000005999", rows[5999].ID} {
		if n, page := found("/replies?q=" + id); n != 1 || !strings.Contains(page, url.PathEscape(rows[5999].ID)) {
			t.Errorf("the id %s finds %d", id, n)
		}
	}
	if n, page := found("/replies?q=nobody&state=rejected"); n != 0 || !strings.Contains(page, "Nothing was found") || !strings.Contains(page, `href="/replies?q=nobody"`) {
		t.Errorf("%d found: %s", n, page)
	}

	// Leafed through, each is there once, the newest first.
	n, page = found("/replies")
	if first, second := strings.Index(page, "person0<"), strings.Index(page, "person1<"); n != 50 || first < 0 || second < first {
		t.Errorf("%d rows, the newest at %d, then %d", n, first, second)
	}
	if n, page = found(next(page)); n != 50 || strings.Contains(page, "person49<") || !strings.Contains(page, "person50<") {
		t.Errorf("the next page has %d rows", n)
	}
	if n, _ := found("/replies?after=nonsense"); n != 50 {
		t.Errorf("a place that is none: %d rows", n)
	}
}
