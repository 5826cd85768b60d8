package desk_test

import (
	"encoding/csv"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/privatereply/privatereply"
)

// The list and the results are files, with the filters in force, and what strangers wrote is
// no formula there.
func TestFiles(t *testing.T) {
	waiting, sent, rejected := endedRow(0, "lena", "How much?", "12 euros"), endedRow(2, "=HYPERLINK(1)", `+49 1234,"now"`, "Yes"), endedRow(3, "kim", "Buy followers", "")
	waiting.State, rejected.State = privatereply.AwaitingApproval, privatereply.Rejected
	sent.Approver, sent.DecidedAt, sent.Edited = "@ben", sent.StartedAt.Add(90*time.Second), true
	rejected.Approver, rejected.DecidedAt = "@ben", rejected.StartedAt.Add(30*time.Second)
	c := newFakeDesk(t, waiting, sent, rejected)
	vera := c.signedIn("vera")
	file := func(path string) [][]string {
		t.Helper()
		resp, body := c.do(vera, http.MethodGet, path, "", nil)
		if resp.StatusCode != http.StatusOK || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/csv") || !strings.Contains(resp.Header.Get("Content-Disposition"), ".csv") {
			t.Fatalf("%s: %s %v: %s", path, resp.Status, resp.Header, body)
		}
		lines, err := csv.NewReader(strings.NewReader(body)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		return lines
	}
	cell := func(lines [][]string, n int, column string) string {
		t.Helper()
		i := slices.Index(lines[0], column)
		if i < 0 || n >= len(lines) {
			t.Fatalf("no line %d, or no column %s: %v", n, column, lines)
		}
		return lines[n][i]
	}

	all := file("/replies.csv")
	if len(all) != 4 || cell(all, 1, "person") != "lena" || cell(all, 2, "person") != "'=HYPERLINK(1)" || cell(all, 2, "comment") != `'+49 1234,"now"` || cell(all, 2, "approver") != "'@ben" {
		t.Errorf("%v", all)
	}
	if some := file("/replies.csv?q=followers"); len(some) != 2 || cell(some, 1, "person") != "kim" {
		t.Errorf("of a search: %v", some)
	}
	if some := file("/replies.csv?state=sent"); len(some) != 2 || cell(some, 1, "text") != "Yes" {
		t.Errorf("of a state: %v", some)
	}
	results := file("/funnel.csv?days=1")
	person := results[len(results)-1]
	if person[0] != "person" || person[1] != "'@ben" || !slices.Equal(person[11:], []string{"1", "1", "1", "90"}) {
		t.Errorf("%v", results)
	}
	if results[1][0] != "day" || cell(results, 1, "received") != "3" || cell(results, 1, "waiting") != "1" {
		t.Errorf("%v", results)
	}

	site, err := url.Parse(c.url)
	if err != nil {
		t.Fatal(err)
	}
	vera.Jar.SetCookies(site, []*http.Cookie{{Name: "zone", Value: "Asia/Kolkata"}})
	_, page := c.do(vera, http.MethodGet, "/funnel?days=1", "", nil)
	for _, want := range []string{"midnight in Asia/Kolkata", "<bdi>@ben</bdi></th><td>1</td><td>1</td><td>1</td><td>1 min</td>", "From 2 replies", "/funnel.csv?days=1"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}
