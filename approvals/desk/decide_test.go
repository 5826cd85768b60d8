package desk_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/privatereply/privatereply/internal/replies"
)

// A decision is made in the name of who signed in, with the text that was meant.
func TestApprove(t *testing.T) {
	path := "/replies/" + url.PathEscape(waitingID) + "/approve"
	tests := []struct {
		name         string
		api          bool
		body         string
		status       int
		text, update string // of the Update; no update: none was made
	}{
		{"a form without a text keeps the proposal", false, "click=click-0001", http.StatusSeeOther, "", "desk-approve-click-0001"},
		{"a form with a text", false, "click=click-0001&text=Hi%0D%0Alena", http.StatusSeeOther, "Hi\nlena", "desk-approve-click-0001"},
		{"a form whose text was deleted", false, "click=click-0001&text=+", http.StatusUnprocessableEntity, "", ""},
		{"JSON without a text keeps the proposal", true, `{"click":"click-0001"}`, http.StatusOK, "", "desk-approve-click-0001"},
		{"JSON with an empty text", true, `{"text":""}`, http.StatusUnprocessableEntity, "", ""},
		{"a mistyped field", true, `{"txt":"Hi"}`, http.StatusBadRequest, "", ""},
		{"an approver in the body", true, `{"approver":"mallory"}`, http.StatusBadRequest, "", ""},
		{"two values", true, `{}{}`, http.StatusBadRequest, "", ""},
		{"a name of the click that cannot be one", true, `{"click":"../x"}`, http.StatusOK, "", "desk-approve-"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newFakeDesk(t)
			at, header := path, asForm
			if tt.api {
				at, header = "/api"+path, asJSON
			}
			resp, body := c.do(c.signedIn("ana"), http.MethodPost, at, tt.body, header)
			if resp.StatusCode != tt.status {
				t.Errorf("%s: %s", resp.Status, body)
			}
			if (len(c.fake.approved) == 1) != (tt.update != "") {
				t.Fatalf("approved %v", c.fake.approved)
			}
			if tt.update == "" {
				return
			}
			if got := c.fake.approved[0]; got.Approver != "ana" || got.Text != tt.text {
				t.Errorf("approved %+v", got)
			}
			if !strings.HasPrefix(c.fake.updates[0], tt.update) || strings.Contains(c.fake.updates[0], "..") {
				t.Errorf("the Update's id is %q", c.fake.updates[0])
			}
		})
	}
}

// A refusal is said in words where the decision was made, with what was written
// still there; programs get a status and a code.
func TestRefusals(t *testing.T) {
	const words = "already decided: ben approved this reply at 12:00:00 UTC on 2 Jan 2026; it is sent"
	for _, tt := range []struct {
		kind   replies.Code
		status int
	}{
		{replies.Refused, http.StatusConflict},
		{replies.NoWorker, http.StatusServiceUnavailable},
		{replies.EffectUnknown, http.StatusAccepted},
	} {
		t.Run(string(tt.kind), func(t *testing.T) {
			c := newFakeDesk(t)
			c.fake.refusal = &replies.Error{Code: tt.kind, Message: words}
			ana := c.signedIn("ana")
			path := "/replies/" + url.PathEscape(waitingID) + "/approve"
			resp, page := c.do(ana, http.MethodPost, path, "text=my+own+words", asForm)
			if resp.StatusCode != tt.status || !strings.Contains(page, "Already decided: ben approved") || !strings.Contains(page, "my own words</textarea>") {
				t.Errorf("%s: the page does not tell, or has lost what was written", resp.Status)
			}
			resp, body := c.do(ana, http.MethodPost, "/api"+path, "{}", asJSON)
			var v struct {
				Accepted    bool
				Code, Words string
			}
			if err := json.Unmarshal([]byte(body), &v); err != nil || v.Accepted || v.Code != string(tt.kind) || resp.StatusCode != tt.status {
				t.Errorf("%s: %s (%v)", resp.Status, body, err)
			}
		})
	}
}

// What came too late, and what nobody knows, is never said to be done.
func TestLateAndUnknownAreNotAccepted(t *testing.T) {
	c := newFakeDesk(t)
	ana := c.signedIn("ana")
	for verb, want := range map[string]string{
		"reject":    "Too late to stop it: delivered.",
		"follow-up": "It is not known whether this arrived.",
	} {
		resp, body := c.do(ana, http.MethodPost, "/api/replies/"+url.PathEscape(waitingID)+"/"+verb, map[string]string{"reject": `{"reason":"x"}`, "follow-up": `{"text":"x"}`}[verb], asJSON)
		if resp.StatusCode != http.StatusConflict || !strings.Contains(body, want) || strings.Contains(body, `"accepted":true`) {
			t.Errorf("%s: %s: %s", verb, resp.Status, body)
		}
	}
}

// A bearer token does what a session does, and a wrong one does not.
func TestBearer(t *testing.T) {
	c := newFakeDesk(t)
	with := func(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }
	resp, body := c.do(c.signedIn(""), http.MethodGet, "/api/replies", "", with(c.tokens["vera"]))
	var list struct {
		Found   int
		Replies []replies.Row
	}
	if err := json.Unmarshal([]byte(body), &list); err != nil || list.Found != 1 || list.Replies[0].ID != waitingID {
		t.Errorf("%s: %s (%v)", resp.Status, body, err)
	}
	resp, _ = c.do(c.signedIn(""), http.MethodGet, "/api/replies", "", with("desk-guess"))
	if resp.StatusCode != http.StatusUnauthorized || resp.Header.Get("WWW-Authenticate") == "" {
		t.Errorf("a wrong token: %s", resp.Status)
	}
}

// Two hundred replies do not wait one after another for a worker that is not there.
func TestBulkWithoutAWorker(t *testing.T) {
	c := newFakeDesk(t)
	c.fake.refusal = &replies.Error{Code: replies.NoWorker, Message: "no worker is running"}
	var ids []string
	for range 200 {
		ids = append(ids, waitingID)
	}
	body, err := json.Marshal(map[string]any{"replies": ids})
	if err != nil {
		t.Fatal(err)
	}
	resp, answer := c.do(c.signedIn("ana"), http.MethodPost, "/api/approve", string(body), asJSON)
	if n := strings.Count(answer, "Not tried"); resp.StatusCode != http.StatusOK || n < 180 || strings.Contains(answer, `"accepted":true`) {
		t.Errorf("%s: %d of 200 were not tried", resp.Status, n)
	}
}
