package desk_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/approvals/desk"
	"github.com/privatereply/privatereply/internal/lookup"
	"github.com/privatereply/privatereply/workflows"
)

// A card says what goes with its text, and has no button that approves what it does not show.
func TestCardsOfCampaigns(t *testing.T) {
	row := waitingRow(1, "list", "Hi! The list?")
	for name, tt := range map[string]struct {
		memo       workflows.MessageMemo
		approvable bool
		want       []string
	}{
		"a text alone": {workflows.MessageMemo{}, true, nil},
		"hidden":       {workflows.MessageMemo{Hide: true}, true, []string{"hides the comment"}},
		"buttons":      {workflows.MessageMemo{Buttons: "Yes, please\nThe shop"}, false, []string{"<li dir=\"auto\">Yes, please</li>", "<li dir=\"auto\">The shop</li>"}},
		"cut":          {workflows.MessageMemo{QuickReplies: "Small\nMedi" + privatereply.CutMark, Public: true}, false, []string{"<li dir=\"auto\">Medi…</li>", "answers in public, too"}},
	} {
		t.Run(name, func(t *testing.T) {
			row.Message = tt.memo
			c := newFakeDesk(t, row)
			s := c.fake.status[row.ID]
			s.Buttons = []privatereply.Button{{Title: "Yes, please", Then: "Here: https://example.com/list"}}
			c.fake.status[row.ID] = s
			ana := c.signedIn("ana")
			_, page := c.do(ana, http.MethodGet, "/", "", nil)
			if got := strings.Contains(page, `data-do="approve"`); got != tt.approvable {
				t.Errorf("approved from the card: %v", got)
			}
			if got := strings.Contains(page, `data-do="whole"`); got == tt.approvable {
				t.Errorf("opened on the card: %v", got)
			}
			for _, want := range tt.want {
				if !strings.Contains(page, want) {
					t.Errorf("no %q in %s", want, page)
				}
			}
			// Where many are decided all of it is shown, with its hash.
			if tt.approvable {
				return
			}
			_, page = c.do(ana, http.MethodPost, "/bulk", url.Values{"reply": {row.ID}}.Encode(), asForm)
			hash := privatereply.ProposalSHA256(s.Message(), "")
			for _, want := range []string{`name="text_sha256:` + row.ID + `" value="` + hash + `"`, "Here: https://example.com/list"} {
				if !strings.Contains(page, want) {
					t.Errorf("no %q in %s", want, page)
				}
			}
		})
	}
}

// A comment is hidden and shown again by approvers, with a reject or by itself; what Meta says
// of it is shown, and who changed it last.
func TestHide(t *testing.T) {
	hidden := false
	meta := &fakeLookup{parent: lookup.Comment{Hidden: &hidden}}
	c := newFakeDeskWith(t, func(cfg *desk.Config) { cfg.Lookup = meta }, waitingRow(1, "buy followers", "Hi!"))
	id := c.fake.rows[0].ID
	path, ana := "/replies/"+url.PathEscape(id), c.signedIn("ana")
	sees := func(who string, want, not string) {
		t.Helper()
		_, part := c.do(c.signedIn(who), http.MethodGet, path+"?part=visibility", "", nil)
		if !strings.Contains(part, want) || not != "" && strings.Contains(part, not) {
			t.Errorf("%s sees %s", who, part)
		}
	}
	sees("ana", "Everybody sees it.", "Show it again")
	sees("ana", "Hide the comment", "")
	sees("wim", "Everybody sees it.", "Hide the comment")
	if resp, answer := c.do(c.signedIn("wim"), http.MethodPost, "/api"+path+"/hide", `{}`, asJSON); resp.StatusCode != http.StatusForbidden {
		t.Errorf("a writer hides: %s %s", resp.Status, answer)
	}
	if resp, answer := c.do(c.signedIn("otto"), http.MethodPost, "/api"+path+"/hide", `{}`, asJSON); resp.StatusCode != http.StatusNotFound {
		t.Errorf("somebody of another account hides: %s %s", resp.Status, answer)
	}
	if resp, answer := c.do(ana, http.MethodPost, "/api"+path+"/hide", `{}`, asJSON); resp.StatusCode != http.StatusOK || !strings.Contains(answer, "Hidden.") {
		t.Errorf("%s: %s", resp.Status, answer)
	}
	sees("ben", "It is hidden", "Hide the comment") // Meta's answer may be from before
	sees("ben", "ana hid the comment.", "")
	if resp, _ := c.do(ana, http.MethodPost, path+"/show", "click=click-0001", asForm); resp.StatusCode != http.StatusSeeOther || c.fake.hidden.Hidden {
		t.Errorf("%s: %+v", resp.Status, c.fake.hidden)
	}
	c.fake.hiding = workflows.EffectRefused
	if resp, answer := c.do(ana, http.MethodPost, "/api"+path+"/hide", `{}`, asJSON); resp.StatusCode != http.StatusConflict || !strings.Contains(answer, "was not hidden") {
		t.Errorf("%s: %s", resp.Status, answer)
	}
	c.fake.hiding = workflows.EffectWaiting
	if resp, answer := c.do(ana, http.MethodPost, "/api"+path+"/hide", `{}`, asJSON); resp.StatusCode != http.StatusAccepted || !strings.Contains(answer, "tried again by itself") {
		t.Errorf("%s: %s", resp.Status, answer)
	}
	c.fake.decides = true
	resp, answer := c.do(ana, http.MethodPost, "/api"+path+"/reject", `{"reason":"spam","hide":true}`, asJSON)
	if resp.StatusCode != http.StatusOK || !strings.Contains(answer, "the comment is being hidden") || len(c.fake.rejected) != 1 || !c.fake.rejected[0].Hide {
		t.Errorf("%s: %s: %+v", resp.Status, answer, c.fake.rejected)
	}
}

// On a live broadcast of Instagram nothing can be hidden or answered in public, and the desk
// offers neither.
func TestLiveCommentsAreNotHidden(t *testing.T) {
	row := waitingRow(1, "hi", "Hi!")
	row.Source = privatereply.SourceLive
	c := newFakeDesk(t, row)
	s := c.fake.status[row.ID]
	s.Comment.Source = privatereply.SourceLive
	c.fake.status[row.ID] = s
	ana, path := c.signedIn("ana"), "/replies/"+url.PathEscape(row.ID)
	_, page := c.do(ana, http.MethodGet, path, "", nil)
	if strings.Contains(page, `name="hide"`) || strings.Contains(page, `name="public"`) || !strings.Contains(page, privatereply.NotOnLive.Sentence()) {
		t.Error("hiding or a public reply is offered")
	}
	if resp, answer := c.do(ana, http.MethodPost, "/api"+path+"/hide", `{}`, asJSON); resp.StatusCode != http.StatusConflict || c.fake.hidden != nil {
		t.Errorf("%s: %s", resp.Status, answer)
	}
}

// The page of a reply tells what was tapped, what came of it and of the public reply; what
// nobody can prove is on the page of the unknown ones too, and the list finds each.
func TestWhatHappenedBeside(t *testing.T) {
	row := waitingRow(1, "list", "Hi! The list?")
	row.State, row.Effects = privatereply.Responded, []string{workflows.EffectTapped, workflows.EffectPublicUnknown}
	other := waitingRow(2, "me too", "Hi!")
	c := newFakeDesk(t, row, other)
	at := time.Now().Add(-time.Minute).UTC()
	s := c.fake.status[row.ID]
	s.PublicText = "Look into your messages!"
	s.PublicReply = &workflows.PublicReplyStatus{State: workflows.EffectUnknown, Text: s.PublicText, Reason: privatereply.NoAnswer, At: at}
	s.Taps = []workflows.TapStatus{
		{Payload: "a", Title: "Yes, please", At: at, Times: 2, State: privatereply.OutcomeSent, EndedAt: at},
		{Payload: "b", Title: "Small", At: at, Times: 1, Reason: privatereply.NothingFollows},
		{Payload: "c", Title: "Large", At: at, Times: 1, Reason: privatereply.Throttled},
	}
	c.fake.status[row.ID] = s
	ana := c.signedIn("ana")
	_, page := c.do(ana, http.MethodGet, "/replies/"+url.PathEscape(row.ID), "", nil)
	for _, want := range []string{"Nobody knows whether the public reply was posted", "“Yes, please”", "2 times", "its text was sent", "nothing was sent. No text belongs to this tap", "its text waits. Meta is limiting this account."} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %q", want)
		}
	}
	if _, page = c.do(ana, http.MethodGet, "/unknown", "", nil); !strings.Contains(page, "Public replies that nobody can prove") || !strings.Contains(page, ">person1<") || strings.Contains(page, ">person2<") {
		t.Errorf("the unknown ones are %s", page)
	}
	if _, page = c.do(ana, http.MethodGet, "/replies?effect=tapped", "", nil); !strings.Contains(page, ">person1<") || strings.Contains(page, ">person2<") || !strings.Contains(page, "Happened: <bdi>tapped</bdi>") {
		t.Errorf("the list is %s", page)
	}
	if _, page = c.do(ana, http.MethodGet, "/funnel", "", nil); !strings.Contains(page, `href="/replies?effect=tapped">Tapped <b>1</b>`) || strings.Contains(page, "Comment hidden") {
		t.Errorf("the results are %s", page)
	}
}
