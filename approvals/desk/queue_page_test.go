package desk_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/replies"
)

// The queue says how many of all a filter finds, marks the words, tells how old a comment
// is, and keeps its order in every address.
func TestQueueFiltersAndOrder(t *testing.T) {
	var rows []replies.Row
	for n, age := range []time.Duration{50 * time.Hour, 3 * time.Hour, 100 * time.Hour} {
		r := waitingRow(n+1, fmt.Sprintf("How much is number %d?", n), "12 <euros>")
		r.Deadline = time.Now().Add(privatereply.ReplyPeriod - privatereply.DeadlineMargin - age)
		rows = append(rows, r)
	}
	// A broadcast's deadline says nothing about the comment.
	rows[1].Source, rows[1].StartedAt = privatereply.SourceLive, time.Now().Add(-5*time.Minute)
	c := newFakeDesk(t, rows...)
	ana := c.signedIn("ana")
	page := func(path string) string {
		t.Helper()
		_, page := c.do(ana, http.MethodGet, path, "", nil)
		return page
	}
	for path, want := range map[string]string{"/": "person2 person3 person1", "/?sort=oldest": "person3 person1 person2", "/?sort=newest": "person2 person1 person3", "/?sort=x": "person2 person3 person1"} {
		text := page(path)
		at := map[int]string{}
		var places []int
		for _, person := range strings.Fields(want) {
			i := strings.Index(text, "<bdi>"+person)
			places, at[i] = append(places, i), person
		}
		if places[0] < 0 || places[0] > places[1] || places[1] > places[2] {
			t.Errorf("%s: %v", path, at)
		}
	}
	text := page("/?sort=oldest&q=EURO+2%3F")
	for _, want := range []string{"1 found of 3", "12 &lt;<mark>euro</mark>s&gt;", `href="/?sort=oldest"`, "written 4 d ago", "/?q=EURO&#43;2%3F&amp;sort=oldest&amp;state=holding"} {
		if !strings.Contains(text, want) && !strings.Contains(text, strings.ReplaceAll(want, "&#43;", "+")) {
			t.Errorf("the page lacks %s", want)
		}
	}
	for _, want := range []string{"written 5 min ago", "written 2 d ago"} {
		if text := page("/"); !strings.Contains(text, want) || strings.Contains(text, "found of") {
			t.Errorf("the page lacks %q, or counts without a filter", want)
		}
	}
}

// The compact list is kept in a cookie.
func TestCompactList(t *testing.T) {
	c := newFakeDesk(t)
	ana := c.signedIn("ana")
	for _, tt := range []struct {
		view    string
		compact bool
	}{{"compact", true}, {"cards", false}} {
		resp, _ := c.do(ana, http.MethodGet, "/?q=lena&view="+tt.view, "", nil)
		if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != "/?q=lena" {
			t.Errorf("%s: %s to %s", tt.view, resp.Status, resp.Header.Get("Location"))
		}
		if _, page := c.do(ana, http.MethodGet, "/", "", nil); strings.Contains(page, `class="cards compact"`) != tt.compact {
			t.Errorf("%s: it is compact: %v", tt.view, !tt.compact)
		}
	}
}
