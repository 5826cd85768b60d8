package desk_test

import (
	"bufio"
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/approvals/queue"
	"github.com/privatereply/privatereply/internal/replies"
)

// oakID is a reply of the account that otto sees.
const oakID = "reply:facebook:" + page + ":200000000000001"

func oakRow() replies.Row {
	return replies.Row{ID: oakID, State: privatereply.AwaitingApproval, Platform: privatereply.Facebook, Account: page,
		Person: "Karl", Comment: "Is it solid?", Text: "Yes, oak.", Rule: "wood", Deadline: time.Now().Add(time.Hour), StartedAt: time.Now()}
}

// Who sees only one account meets nothing of another on any page and in any answer: no text,
// no name, no number. A reply of the other account is as one that never was, to the letter.
func TestOtherAccounts(t *testing.T) {
	lost := waitingRow(7, "Did it arrive? SECRET", "SECRET text")
	lost.State, lost.Rule = privatereply.DeliveryUnknown, "secret-rule"
	held := waitingRow(8, "SECRET held", "SECRET hold")
	held.State, held.Rule = privatereply.Holding, "secret-rule"
	row := waitingRow(1, "SECRET comment", "SECRET proposal")
	row.Person, row.Rule = "lena", "secret-rule"
	c := newFakeDesk(t, row, lost, held, oakRow())
	otto := c.signedIn("otto")
	const nowhere = "reply:instagram:" + instagram + ":19999999999999999"
	with := func(id string) [][4]string {
		e := url.PathEscape(id)
		return [][4]string{
			{"GET", "/replies/" + e},
			{"POST", "/replies/" + e + "/approve", "text=hi", "form"},
			{"POST", "/replies/" + e + "/reject", "reason=x", "form"},
			{"POST", "/replies/" + e + "/resolve", "delivered=true", "form"},
			{"POST", "/replies/" + e + "/follow-up", "text=hi", "form"},
			{"POST", "/replies/" + e + "/reopen", "", "form"},
			{"POST", "/replies/" + e + "/send-back", "note=hi", "form"},
			{"POST", "/replies/" + e + "/propose", "text=hi", "form"},
			{"POST", "/replies/" + e + "/note", "text=hi", "form"},
			{"POST", "/replies/" + e + "/assign", "to=otto", "form"},
			{"POST", "/api/replies/" + e + "/reopen", "{}", "json"},
			{"POST", "/api/replies/" + e + "/send-back", `{"note":"x"}`, "json"},
			{"POST", "/api/replies/" + e + "/propose", `{"text":"x"}`, "json"},
			{"POST", "/api/replies/" + e + "/note", `{"text":"x"}`, "json"},
			{"POST", "/api/replies/" + e + "/assign", `{"to":"otto"}`, "json"},
			{"POST", "/api/replies/" + e + "/presence", `{"state":"open","tab":"12345678"}`, "json"},
			{"GET", "/api/replies/" + e},
			{"POST", "/api/replies/" + e + "/approve", "{}", "json"},
			{"POST", "/api/replies/" + e + "/reject", `{"reason":"x"}`, "json"},
			{"POST", "/api/replies/" + e + "/resolve", `{"delivered":true}`, "json"},
			{"POST", "/api/replies/" + e + "/follow-up", `{"text":"hi"}`, "json"},
		}
	}
	among := func(id string) [][4]string {
		return [][4]string{
			{"POST", "/bulk", "reply=" + url.QueryEscape(id), "form"},
			{"POST", "/bulk/approve", "reply=" + url.QueryEscape(id), "form"},
			{"POST", "/bulk/reject", "reason=x&reply=" + url.QueryEscape(id), "form"},
			{"POST", "/api/reject", `{"reason":"x","replies":["` + id + `"]}`, "json"},
			{"POST", "/api/approve", `{"replies":["` + id + `"]}`, "json"},
		}
	}
	lists := [][4]string{
		{"GET", "/"}, {"GET", "/?account=" + instagram}, {"GET", "/?state=holding"}, {"GET", "/?part=list"}, {"GET", "/unknown"},
		{"GET", "/replies"}, {"GET", "/replies?account=" + instagram}, {"GET", "/funnel"}, {"GET", "/funnel?account=" + instagram}, {"GET", "/people"},
		{"GET", "/api/replies"}, {"GET", "/api/replies?account=" + instagram}, {"GET", "/api/replies?state=delivery_unknown"}, {"GET", "/api/counts"},
	}
	kinds := map[string]http.Header{"form": asForm, "json": asJSON, "": nil}
	variable := regexp.MustCompile(`name="click" value="[^"]*"|data-now="[^"]*"|datetime="[^"]*"|data-version="[^"]*"|id="r-[^"]*"|value="[A-Z2-7]{26}"`)
	ask := func(a [4]string) (int, string) {
		resp, body := c.do(otto, a[0], a[1], a[2], kinds[a[3]])
		for _, secret := range []string{"SECRET", "lena", "secret-rule", "Clean Slate"} {
			if strings.Contains(body, secret) {
				t.Errorf("%s %s: %q is shown: %s", a[0], a[1], secret, body)
			}
		}
		return resp.StatusCode, variable.ReplaceAllString(body, "")
	}
	for i, a := range append(with(row.ID), among(row.ID)...) {
		status, body := ask(a)
		wantStatus, want := ask(append(with(nowhere), among(nowhere)...)[i])
		body, want = strings.ReplaceAll(body, row.ID, "ID"), strings.ReplaceAll(want, nowhere, "ID")
		body, want = strings.ReplaceAll(body, url.PathEscape(row.ID), "ID"), strings.ReplaceAll(want, url.PathEscape(nowhere), "ID")
		if status != wantStatus || body != want {
			t.Errorf("%s %s: %d, and of a reply that never was %d\n%s\n%s", a[0], a[1], status, wantStatus, body, want)
		}
		if i < len(with(row.ID)) && status != http.StatusNotFound {
			t.Errorf("%s %s: %d", a[0], a[1], status)
		}
	}
	for _, a := range lists {
		if status, _ := ask(a); status != http.StatusOK {
			t.Errorf("%s: %d", a[1], status)
		}
	}
	if len(c.fake.approved) > 0 {
		t.Errorf("approved %v", c.fake.approved)
	}
	if _, body := ask([4]string{"GET", "/api/counts"}); !strings.Contains(body, `"decide":1,"held":0,"unknown":0`) {
		t.Errorf("the counts are %s", body)
	}
	if _, body := ask([4]string{"GET", "/"}); !strings.Contains(body, "Is it solid?") {
		t.Error("the queue lacks the account that is seen")
	}
	if status, _ := ask([4]string{"POST", "/api/replies/" + oakID + "/approve", "{}", "json"}); status != http.StatusOK {
		t.Errorf("the account that is seen cannot be decided: %d", status)
	}
	if _, body := c.do(otto, http.MethodGet, "/people", "", nil); strings.Contains(body, "<bdi>ana</bdi></th>") || !strings.Contains(body, "<bdi>otto</bdi></th>") {
		t.Errorf("the people are %s", body)
	}
	if resp, _ := c.do(otto, http.MethodPost, "/people/end", "name=ana", asForm); resp.StatusCode != http.StatusNotFound {
		t.Errorf("somebody of other accounts is signed out: %s", resp.Status)
	}
}

// What happens to another account wakes no stream of whoever does not see it.
func TestOtherAccountsEvents(t *testing.T) {
	c := newFakeDesk(t, waitingRow(1, "In oak?", "Yes"), waitingRow(2, "In ash?", "No"), oakRow())
	otto := c.signedIn("otto")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url+"/events?reply="+waitingRow(1, "", "").ID, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := otto.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	next := func() string {
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				return data
			}
		}
		t.Fatal(lines.Err())
		return ""
	}
	if first := next(); !strings.Contains(first, `"decide":1,`) {
		t.Errorf("the first event is %s", first)
	}
	for _, row := range c.fake.rows {
		c.queue.RecordDecision(queue.Decision{ID: row.ID, Verb: "approve", By: "ana", At: time.Now(), State: privatereply.Sending})
	}
	// The first event after that is about the reply that is seen, and has only that.
	if got := next(); strings.Count(got, `"by":"ana"`) != 1 || !strings.Contains(got, `"decide":0`) {
		t.Errorf("the event is %s", got)
	}
}
