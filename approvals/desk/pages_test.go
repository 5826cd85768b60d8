package desk_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/workflows"
)

// Nobody approves what they cannot read: a text that the list has cut, or has no key
// for, is approved where it is shown whole.
func TestCutTextsAreNotApprovedFromTheList(t *testing.T) {
	for name, tt := range map[string]struct {
		text  string
		ready bool
	}{
		"whole":     {"12 euros", true},
		"cut":       {"12 euros, and" + privatereply.CutMark, false},
		"encrypted": {replies.Encrypted, false},
		"none":      {"", false},
	} {
		t.Run(name, func(t *testing.T) {
			c := newFakeDesk(t, replies.Row{ID: waitingID, State: privatereply.AwaitingApproval, Platform: privatereply.Instagram, Account: instagram, Text: tt.text})
			_, body := c.do(c.signedIn("ana"), http.MethodGet, "/", "", nil)
			if got := strings.Contains(body, `data-do="approve"`); got != tt.ready {
				t.Errorf("it can be approved: %v", got)
			}
			// What is selected is reviewed, where each text is whole.
			if !strings.Contains(body, `name="reply"`) {
				t.Error("it cannot be selected")
			}
		})
	}
}

// A reply that a tool started without search attributes has no state, and ends nothing.
func TestReplyWithoutState(t *testing.T) {
	c := newFakeDesk(t, replies.Row{ID: waitingID, Platform: privatereply.Instagram, Account: instagram, Text: "12 euros"})
	c.fake.status[waitingID] = workflows.PrivateReplyStatus{}
	form := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	for _, tt := range []struct{ method, path, body string }{
		{http.MethodPost, "/bulk", url.Values{"reply": {waitingID}}.Encode()},
		{http.MethodGet, "/replies/" + url.PathEscape(waitingID), ""},
	} {
		resp, body := c.do(c.signedIn("ana"), tt.method, tt.path, tt.body, form)
		if resp.StatusCode != http.StatusOK || !strings.Contains(strings.ToLower(body), "state not known") {
			t.Errorf("%s answers %d", tt.path, resp.StatusCode)
		}
	}
}

// The box to write is there exactly while something may be sent, and says how.
func TestFollowUpBox(t *testing.T) {
	for _, tt := range []struct {
		name  string
		ago   time.Duration // since the person wrote; 0: never
		user  string
		words string
		box   bool
		human bool
	}{
		{"the person never wrote", 0, "ana", "only an answer of the person opens it", false, false},
		{"open", time.Hour, "ana", "You can write for", true, false},
		{"open, for a viewer", time.Hour, "vera", "The window is open for", false, false},
		{"a day later", 25 * time.Hour, "ana", "as a human agent", true, true},
		{"a week later", 8 * 24 * time.Hour, "ana", "more than 24 hours old", false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newFakeDesk(t)
			s := c.fake.status[waitingID]
			s.State = privatereply.Responded
			c.fake.status[waitingID] = s
			if tt.ago > 0 {
				c.fake.thread.Status.LastMessageAt = time.Now().Add(-tt.ago)
			}
			_, body := c.do(c.signedIn(tt.user), http.MethodGet, "/replies/"+url.PathEscape(waitingID), "", nil)
			if !strings.Contains(body, tt.words) || strings.Contains(body, `/follow-up"`) != tt.box || strings.Contains(body, `name="human_agent"`) != tt.human {
				t.Errorf("the page does not say %q, or offers the wrong box", tt.words)
			}
		})
	}
}

// A queue longer than a page is leafed through in the order of the deadlines, and
// each reply is on one page.
func TestPagesOfTheQueue(t *testing.T) {
	var rows []replies.Row
	for n := range 120 {
		rows = append(rows, replies.Row{ID: fmt.Sprintf("reply:instagram:%s:%d", instagram, n), State: privatereply.AwaitingApproval,
			Platform: privatereply.Instagram, Account: instagram, Person: fmt.Sprintf("person-%d-", n), Deadline: time.Now().Add(time.Duration(n+1) * time.Hour)})
	}
	c := newFakeDesk(t, rows...)
	ana := c.signedIn("ana")
	for from, want := range map[string][]int{"1": {0, 49}, "51": {50, 99}, "101": {100, 119}, "": {0, 49}, "x": {0, 49}} {
		_, body := c.do(ana, http.MethodGet, "/?from="+from, "", nil)
		if n := strings.Count(body, `<article class="card"`); n != want[1]-want[0]+1 {
			t.Errorf("from %q: %d cards", from, n)
		}
		for _, n := range want {
			if !strings.Contains(body, fmt.Sprintf("person-%d-", n)) {
				t.Errorf("from %q: person %d is not there", from, n)
			}
		}
	}
	_, body := c.do(ana, http.MethodGet, "/?q=person-7-", "", nil)
	if n := strings.Count(body, `<article class="card"`); n != 1 {
		t.Errorf("the search finds %d", n)
	}
}

// Whoever watches is told of a decision at once, in words and without texts; what
// their filter leaves out does not make them load the list again.
func TestEvents(t *testing.T) {
	c := newFakeDesk(t)
	type event struct {
		Changed bool
		Counts  struct{ Decide int }
		Decided []struct{ By, Words string }
	}
	listen := func(query string) *bufio.Scanner {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.url+"/events?"+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+c.tokens["vera"])
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { resp.Body.Close() })
		if kind := resp.Header.Get("Content-Type"); kind != "text/event-stream" {
			t.Fatalf("%s, %s", resp.Status, kind)
		}
		return bufio.NewScanner(resp.Body)
	}
	version := fmt.Sprint("version=", c.queue.View(t.Context()).Version)
	all, other := listen(version), listen(version+"&account=another")
	if resp, body := c.do(c.signedIn("ana"), http.MethodPost, "/api/replies/"+url.PathEscape(waitingID)+"/approve", "{}", asJSON); resp.StatusCode != http.StatusOK {
		t.Fatal(body)
	}
	for _, tt := range []struct {
		name    string
		lines   *bufio.Scanner
		changed bool
	}{{"everything", all, true}, {"another account", other, false}} {
		for tt.lines.Scan() {
			data, ok := strings.CutPrefix(tt.lines.Text(), "data: ")
			if !ok {
				continue
			}
			var e event
			if err := json.Unmarshal([]byte(data), &e); err != nil {
				t.Fatal(err)
			}
			if e.Changed != tt.changed || len(e.Decided) != 1 || !strings.HasPrefix(e.Decided[0].Words, "ana approved this at") || e.Counts.Decide != 0 || strings.Contains(data, "How much") {
				t.Errorf("%s: told %s", tt.name, data)
			}
			break
		}
		if err := tt.lines.Err(); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}
