package desk_test

import (
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/replies"
)

// waitingRow is a reply that waits, to a comment of which lists have the beginning.
func waitingRow(n int, comment, text string) replies.Row {
	return replies.Row{ID: fmt.Sprintf("reply:instagram:%s:1800000000000000%d", instagram, n), State: privatereply.AwaitingApproval,
		Platform: privatereply.Instagram, Account: instagram, Person: fmt.Sprintf("person%d", n), Rule: "price",
		Comment: privatereply.CutText(comment, 300), CommentSHA256: privatereply.TextSHA256(comment), Text: text,
		Deadline: time.Now().Add(time.Duration(n) * time.Hour), StartedAt: time.Now()}
}

// newFakeDeskWithLongComment has a reply to a long comment, whose status has all of it.
func newFakeDeskWithLongComment(t *testing.T, comment, text string) *fakeDesk {
	t.Helper()
	row := waitingRow(1, comment, privatereply.CutText(text, 300))
	c := newFakeDesk(t, row)
	s := c.fake.status[row.ID]
	s.Comment.Text, s.Text, s.Decision.Text = comment, text, text
	c.fake.status[row.ID] = s
	return c
}

// Whatever a decision is made on carries the hash of the words that are shown there,
// also where a list has only their beginning.
func TestApprovalsCarryWhatWasRead(t *testing.T) {
	long := strings.Repeat("How much is it in oak? ", 40)
	for name, tt := range map[string]struct{ comment, text string }{
		"short":           {"How much?", "12 euros"},
		"no text":         {"", "12 euros"},
		"a long comment":  {long, "12 euros"},
		"a long proposal": {long, strings.Repeat("It is 12 euros. ", 40)},
	} {
		t.Run(name, func(t *testing.T) {
			c := newFakeDeskWithLongComment(t, tt.comment, tt.text)
			id := c.fake.rows[0].ID
			hash := privatereply.TextSHA256(tt.comment)
			field := `name="comment_sha256" value="` + hash + `"`
			ana := c.signedIn("ana")
			_, page := c.do(ana, http.MethodGet, "/", "", nil)
			if !strings.Contains(page, field) || !strings.Contains(page, `data-comment="`+hash+`"`) {
				t.Error("the card has no hash of the comment")
			}
			_, page = c.do(ana, http.MethodGet, "/replies/"+url.PathEscape(id), "", nil)
			if !strings.Contains(page, field) || !strings.Contains(page, `data-comment="`+hash+`"`) {
				t.Error("the reply's page has no hash of the comment")
			}
			_, page = c.do(ana, http.MethodPost, "/bulk", url.Values{"reply": {id}}.Encode(), asForm)
			if !strings.Contains(page, `name="comment_sha256:`+id+`" value="`+hash+`"`) || !strings.Contains(page, `data-comment="`+hash+`"`) {
				t.Errorf("the selection has no hash of the comment: %s", page)
			}
			_, body := c.do(ana, http.MethodGet, "/api/replies", "", nil)
			if !strings.Contains(body, `"comment_sha256":"`+hash+`"`) {
				t.Errorf("the API gives %s", body)
			}
			resp, _ := c.do(ana, http.MethodPost, "/replies/"+url.PathEscape(id)+"/approve", "click=click-0001&comment_sha256="+hash, asForm)
			if resp.StatusCode != http.StatusSeeOther || len(c.fake.approved) != 1 || c.fake.approved[0].CommentSHA256 != hash {
				t.Errorf("%s: approved %+v", resp.Status, c.fake.approved)
			}
		})
	}
}

// Who decides on words that are gone is told so, where the decision was made, with the
// new words and with what was written; a program gets a code and what it must read.
func TestApprovalOfOldWords(t *testing.T) {
	old := privatereply.TextSHA256("How much?")
	const now = "How much is it <in oak>?"
	path := "/replies/" + url.PathEscape(waitingID) + "/approve"
	edited := func(t *testing.T) (*fakeDesk, *http.Client) {
		c := newFakeDesk(t)
		c.fake.edit(waitingID, now, "Hi, 48 euros in oak")
		return c, c.signedIn("ana")
	}

	t.Run("a form", func(t *testing.T) {
		c, ana := edited(t)
		resp, page := c.do(ana, http.MethodPost, path, "text=my+own+words&comment_sha256="+old, asForm)
		for _, want := range []string{"The comment was edited at 12:00:00", html.EscapeString(now), "my own words</textarea>", "edited <time", `name="comment_sha256" value="` + privatereply.TextSHA256(now) + `"`} {
			if !strings.Contains(page, want) {
				t.Errorf("the page lacks %q", want)
			}
		}
		if resp.StatusCode != http.StatusConflict || len(c.fake.approved) != 0 {
			t.Errorf("%s, approved %v", resp.Status, c.fake.approved)
		}
		resp, _ = c.do(ana, http.MethodPost, path, "text=my+own+words&comment_sha256="+privatereply.TextSHA256(now), asForm)
		if resp.StatusCode != http.StatusSeeOther || len(c.fake.approved) != 1 {
			t.Errorf("after reading: %s, approved %v", resp.Status, c.fake.approved)
		}
	})
	t.Run("the API", func(t *testing.T) {
		c, ana := edited(t)
		resp, body := c.do(ana, http.MethodPost, "/api"+path, `{"comment_sha256":"`+old+`"}`, asJSON)
		var v struct {
			Accepted    bool
			Code, Words string
			Comment     map[string]string
		}
		if err := json.Unmarshal([]byte(body), &v); err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != http.StatusConflict || v.Accepted || v.Code != "edited" || !strings.HasPrefix(v.Words, "The comment was edited") ||
			v.Comment["text"] != now || v.Comment["comment_sha256"] != privatereply.TextSHA256(now) || v.Comment["edited_at"] != "2026-01-02T12:00:00Z" {
			t.Errorf("%s: %s", resp.Status, body)
		}
	})
	t.Run("the API, of one who has not said what was read", func(t *testing.T) {
		c, ana := edited(t)
		if resp, body := c.do(ana, http.MethodPost, "/api"+path, `{}`, asJSON); resp.StatusCode != http.StatusOK || c.fake.approved[0].CommentSHA256 != "" {
			t.Errorf("%s: %s", resp.Status, body)
		}
	})
	t.Run("what is no hash", func(t *testing.T) {
		c, ana := edited(t)
		for _, hash := range []string{"How much?", strings.ToUpper(old), old[1:]} {
			resp, body := c.do(ana, http.MethodPost, "/api"+path, `{"comment_sha256":"`+hash+`"}`, asJSON)
			if resp.StatusCode != http.StatusBadRequest || !strings.Contains(body, "64 of 0-9 and a-f") || len(c.fake.approved) != 0 {
				t.Errorf("%q: %s: %s", hash, resp.Status, body)
			}
		}
	})
	t.Run("one that somebody decided meanwhile", func(t *testing.T) {
		c, ana := edited(t)
		s := c.fake.status[waitingID]
		s.State = privatereply.Sending
		c.fake.status[waitingID] = s
		c.fake.refusal = &replies.Error{Code: replies.Refused, Message: "already decided: ben approved this reply"}
		_, body := c.do(ana, http.MethodPost, "/api"+path, `{"comment_sha256":"`+old+`"}`, asJSON)
		if !strings.Contains(body, `"code":"refused"`) || strings.Contains(body, `"comment"`) {
			t.Errorf("it is told to read again: %s", body)
		}
	})
}

// Of a selection, what was edited meanwhile is left out with the reason and the new
// words, and all else goes on.
func TestBulkWithOldWords(t *testing.T) {
	rows := []replies.Row{waitingRow(1, "How much?", "12 euros"), waitingRow(2, "In oak?", "Yes"), waitingRow(3, "In red?", "No")}
	start := func(t *testing.T) (*fakeDesk, *http.Client) {
		c := newFakeDesk(t, rows...)
		c.fake.edit(rows[1].ID, "In walnut?", "No, in oak")
		return c, c.signedIn("ana")
	}
	t.Run("the API", func(t *testing.T) {
		c, ana := start(t)
		ids, read := []string{}, map[string]string{}
		for _, r := range rows {
			ids = append(ids, r.ID)
			read[r.ID] = r.CommentSHA256
		}
		delete(read, rows[2].ID) // of which nobody says what was read
		body, err := json.Marshal(map[string]any{"replies": ids, "comment_sha256": read})
		if err != nil {
			t.Fatal(err)
		}
		resp, answer := c.do(ana, http.MethodPost, "/api/approve", string(body), asJSON)
		var got struct {
			Replies []struct {
				ID, Code string
				Accepted bool
				Comment  *struct{ Text string }
			}
		}
		if err := json.Unmarshal([]byte(answer), &got); err != nil || len(got.Replies) != 3 {
			t.Fatalf("%s: %s (%v)", resp.Status, answer, err)
		}
		for i, v := range got.Replies {
			if refused := i == 1; v.ID != ids[i] || v.Accepted == refused || (v.Code == "edited") != refused || (v.Comment != nil) != refused {
				t.Errorf("%+v", v)
			}
		}
		if c := got.Replies[1].Comment; c == nil || c.Text != "In walnut?" {
			t.Errorf("the new words are %+v", c)
		}
		resp, answer = c.do(ana, http.MethodPost, "/api/approve", `{"replies":["`+ids[0]+`"],"comment_sha256":{"another":"`+read[ids[0]]+`"}}`, asJSON)
		if resp.StatusCode != http.StatusBadRequest || !strings.Contains(answer, "another") {
			t.Errorf("a hash for nothing: %s: %s", resp.Status, answer)
		}
	})
	t.Run("a form", func(t *testing.T) {
		c, ana := start(t)
		form := url.Values{}
		for _, r := range rows {
			form.Add("reply", r.ID)
			form.Set("comment_sha256:"+r.ID, r.CommentSHA256)
		}
		_, page := c.do(ana, http.MethodPost, "/bulk/approve", form.Encode(), asForm)
		if len(c.fake.approved) != 2 || strings.Count(page, "verdict good") != 2 || strings.Count(page, "verdict bad") != 1 ||
			!strings.Contains(page, "The comment was edited at") || !strings.Contains(page, "In walnut?") {
			t.Errorf("approved %v: %s", c.fake.approved, page)
		}
	})
}

// What a comment shows beside its words is named on every page, and never loaded: only a
// plain https address is a link, and only on the reply's own page.
func TestAttachments(t *testing.T) {
	const address = "https://scontent.example.com/p.jpg?a=1&b=2"
	for name, tt := range map[string]struct {
		kind          privatereply.AttachmentKind
		address, text string
		word          string
		linked        bool
	}{
		"a photo alone":       {privatereply.Photo, address, "", "photo", true},
		"a photo with words":  {privatereply.Photo, address, "It is broken", "photo", true},
		"a GIF":               {privatereply.GIF, address, "", "GIF", true},
		"without an address":  {privatereply.Sticker, "", "", "sticker", false},
		"not encrypted":       {privatereply.Video, "http://example.com/v.mp4", "", "video", false},
		"a script":            {privatereply.Photo, "javascript:alert(1)", "", "photo", false},
		"data":                {privatereply.Photo, "data:text/html,<script>alert(1)</script>", "", "photo", false},
		"a relative address":  {privatereply.Photo, "//example.com/p.jpg", "", "photo", false},
		"with a password":     {privatereply.Photo, "https://meta.com@example.com/", "", "photo", false},
		"no host":             {privatereply.Photo, "https:///p.jpg", "", "photo", false},
		"markup":              {privatereply.Photo, `https://example.com/"onclick="alert(1)`, "", "photo", true},
		"of an unknown kind":  {`<img src=x>`, address, "", "attachment", true},
		"not even an address": {privatereply.Photo, "%zz https://example.com", "", "photo", false},
	} {
		t.Run(name, func(t *testing.T) {
			row := waitingRow(1, tt.text, "Hi!")
			row.Attachment.Kind = tt.kind
			lost := row
			lost.ID, lost.State = row.ID+"9", privatereply.DeliveryUnknown
			c := newFakeDesk(t, row, lost)
			for id, s := range c.fake.status {
				s.Comment.Attachment = privatereply.Attachment{Kind: tt.kind, URL: tt.address}
				c.fake.status[id] = s
			}
			ana := c.signedIn("ana")
			mark := `<span class="mark">` + tt.word + `</span>`
			pages := map[string]string{}
			for _, path := range []string{"/", "/unknown", "/replies", "/replies/" + url.PathEscape(row.ID)} {
				_, pages[path] = c.do(ana, http.MethodGet, path, "", nil)
			}
			_, pages["/bulk"] = c.do(ana, http.MethodPost, "/bulk", url.Values{"reply": {row.ID}}.Encode(), asForm)
			kind, err := json.Marshal(tt.kind)
			if err != nil {
				t.Fatal(err)
			}
			if _, body := c.do(ana, http.MethodGet, "/api/replies", "", nil); !strings.Contains(body, `"attachment":{"kind":`+string(kind)+`}`) {
				t.Errorf("the API gives %s", body)
			}
			for path, page := range pages {
				if !strings.Contains(page, mark) || strings.Contains(page, "no text") {
					t.Errorf("%s does not tell of it", path)
				}
				if strings.Contains(page, "<img") || strings.Contains(page, `"onclick`) || strings.Contains(page, `href="javascript`) || strings.Contains(page, "<script>alert") {
					t.Errorf("%s: it became part of the page", path)
				}
				own := path == "/replies/"+url.PathEscape(row.ID)
				if got := strings.Contains(page, `rel="noopener noreferrer nofollow">open the `+tt.word+`</a>`); got != (own && tt.linked) {
					t.Errorf("%s: linked: %v", path, got)
				}
				if own && !tt.linked && tt.address != "" && !strings.Contains(page, tt.word+": "+html.EscapeString(tt.address)) {
					t.Error("the address is not shown")
				}
			}
		})
	}
}

// An edit is told with its time on every page, and where nobody edited nothing is.
func TestEditsAreShown(t *testing.T) {
	row := waitingRow(1, "In oak?", "Yes")
	lost := row
	lost.ID, lost.State = row.ID+"9", privatereply.DeliveryUnknown
	const mark = `<span class="mark edited">edited <time datetime="2026-01-02T12:0`
	for _, edited := range []bool{false, true} {
		c := newFakeDesk(t, row, lost)
		if edited {
			c.fake.edit(row.ID, "In walnut?", "No")
			c.fake.edit(lost.ID, "In walnut?", "No")
			c = newFakeDesk(t, c.fake.rows...)
			for id, s := range c.fake.status {
				s.Comment.EditedAt = c.fake.rows[0].EditedAt
				c.fake.status[id] = s
			}
		}
		ana := c.signedIn("ana")
		for _, path := range []string{"/", "/unknown", "/replies", "/replies/" + url.PathEscape(row.ID)} {
			if _, page := c.do(ana, http.MethodGet, path, "", nil); strings.Contains(page, mark) != edited {
				t.Errorf("%s tells of an edit: %v", path, !edited)
			}
		}
		if _, page := c.do(ana, http.MethodPost, "/bulk", url.Values{"reply": {row.ID}}.Encode(), asForm); strings.Contains(page, mark) != edited {
			t.Errorf("the selection tells of an edit: %v", !edited)
		}
	}
}

// Every kind has its word, also one that is added later.
func TestAttachmentLabels(t *testing.T) {
	for _, kind := range privatereply.AttachmentKinds {
		row := waitingRow(1, "", "Hi!")
		row.Attachment.Kind = kind
		_, page := newFakeDesk(t, row).getQueue(t)
		if strings.Contains(page, ">attachment<") {
			t.Errorf("%s has no word", kind)
		}
	}
}

func (c *fakeDesk) getQueue(t *testing.T) (*http.Response, string) {
	t.Helper()
	return c.do(c.signedIn("ana"), http.MethodGet, "/", "", nil)
}

// In a browser: new words come to the card and to the reply's page by themselves, what is
// being written stays, and nothing that was clicked on the old words is sent.
func TestBrowserEditedComment(t *testing.T) {
	inTurn(t)
	rows := []replies.Row{waitingRow(1, "Does it come in oak?", "Yes, in oak."), waitingRow(2, "", "Thank you!"), waitingRow(3, "In red?", "No.")}
	rows[1].Attachment.Kind = privatereply.Photo
	c := newFakeDesk(t, rows...)
	s := c.fake.status[rows[1].ID]
	s.Comment.Attachment = privatereply.Attachment{Kind: privatereply.Photo, URL: "https://scontent.example.com/p.jpg"}
	c.fake.status[rows[1].ID] = s
	b := newBrowser(t, c.url)
	ana := b.tab("ana", desktop, 900)
	ana.signIn(c.tokens["ana"])
	approved := func() []string {
		c.fake.mu.Lock()
		defer c.fake.mu.Unlock()
		var texts []string
		for _, m := range c.fake.approved {
			texts = append(texts, m.Text)
		}
		return texts
	}
	first, red := card(rows[0].ID), card(rows[2].ID)

	// A click on the old words is taken back while it is held.
	ana.awaitTrue(`document.body.dataset.hold = 3600000`)
	ana.click(first + " [data-do=approve]")
	ana.awaitText(first+" .outcome", "Undo")
	c.fake.edit(rows[0].ID, "Does it come in walnut?", "No, in oak only.")
	ana.awaitText(first+" .comment", "Does it come in walnut?")
	ana.awaitText(first+" .marks", "edited")
	ana.awaitText(first+" .proposal", "No, in oak only.")
	ana.awaitText(first+" .outcome", "before your click was sent")
	ana.checkAccessibility()

	// What is written stays, and answers the new words.
	ana.click(first + " [data-do=edit]")
	ana.write(first+" .editor textarea", " Sorry!")
	c.fake.edit(rows[0].ID, "Does it come in ash?", "")
	ana.awaitText(first+" .comment", "Does it come in ash?")
	ana.awaitText(first+" .outcome", "while you were writing")
	ana.awaitTrue(`document.querySelector(".editor textarea").value === "No, in oak only. Sorry!"`)
	ana.awaitTrue(`document.body.dataset.hold = 10`)
	ana.click(first + " .editor .primary")
	ana.awaitTrue(`document.querySelector('` + first + `').dataset.settled`)
	if got := approved(); !slices.Equal(got, []string{"No, in oak only. Sorry!"}) {
		t.Errorf("approved %q", got)
	}

	// What the desk has not seen yet is refused, and the card then offers no button that
	// would send a proposal nobody read.
	c.fake.editStatusOnly(rows[2].ID, "In blue?", "Yes, in blue.")
	ana.click(red + " [data-do=approve]")
	ana.awaitText(red+" .outcome", "The comment was edited at")
	ana.awaitText(red+" .comment", "In blue?")
	ana.awaitTrue(`document.querySelector('` + red + ` [data-do=approve]') === null`)
	ana.awaitText(red+" .buttons a", "Read and decide")
	if n := len(approved()); n != 1 {
		t.Errorf("%d approved", n)
	}

	// On the reply's page.
	ana.open("/replies/" + rows[2].ID)
	ana.awaitText("#comment", "In blue?")
	ana.write("#text", " Indeed.")
	c.fake.edit(rows[2].ID, "In green?", "Yes, in green.")
	c.fake.news <- struct{}{}
	ana.awaitText("#comment .comment", "In green?")
	ana.awaitText("#decide .outcome", "while you were writing")
	ana.awaitTrue(`["Yes, in blue.", " Indeed."].every(words => document.querySelector("#text").value.includes(words))`)
	ana.awaitTrue(`document.body.dataset.hold = 10`)
	ana.click("#edit .primary")
	ana.awaitText("#decide .outcome", "Approved")
	ana.open("/replies/" + rows[1].ID)
	ana.awaitText("#comment .marks", "photo")
	ana.awaitTrue(`document.querySelector("#comment a").relList.contains("nofollow")`)
	ana.checkAccessibility()
}
