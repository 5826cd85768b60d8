package desk_test

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/workflows"
)

func (c *fakeDesk) approvals() []workflows.Approve {
	c.fake.mu.Lock()
	defer c.fake.mu.Unlock()
	return slices.Clone(c.fake.approved)
}

// In two browsers: people see each other, a writer proposes, an approver sends the draft back
// with a note and approves the next one, and whoever loses the race keeps what they wrote.
func TestBrowserTeam(t *testing.T) {
	inTurn(t)
	rows := []replies.Row{waitingRow(1, "Does it come in oak?", "Hi, which size?"), waitingRow(2, "In red?", "No."), waitingRow(3, "Spam", "Hi!")}
	c := newFakeDesk(t, rows...)
	c.fake.decides = true
	b := newBrowser(t, c.url)
	first, second, third := card(rows[0].ID), card(rows[1].ID), card(rows[2].ID)
	wim, ana := b.tab("wim", desktop, 900), b.tab("ana", phone, 844)
	wim.signIn(c.tokens["wim"])
	ana.signIn(c.tokens["ana"])

	// A writer can propose, and has no button that decides.
	wim.awaitText(first, "Does it come in oak?")
	wim.awaitTrue(`!document.querySelector("[data-do=approve], [data-do=reject], .pick")`)
	ana.awaitText(first, "Does it come in oak?")
	wim.click(first + " [data-do=edit]")
	ana.awaitText(first+" [data-present]", "wim has it open")
	wim.write(first+" .editor textarea", " Yes!")
	ana.awaitText(first+" [data-present]", "wim is writing")
	wim.write(first+" .editor [name=note]", "is that right?")
	wim.awaitLoad()
	wim.checkAccessibility()
	wim.click(first + " .editor .primary")
	wim.awaitText(first+" .outcome", "Saved as a draft for approval. Nothing was sent.")
	ana.awaitText(first+" .by", "wim proposes")
	ana.awaitText(first+" .proposal", "Hi, which size? Yes!")
	ana.awaitTrue(`[...document.querySelectorAll("[data-present]")].every(p => p.hidden)`)

	// Sent back, it is the writer's again, with the note.
	ana.click(".whose a:last-child")
	ana.awaitTrue(`document.querySelector(".whose [aria-current] [data-count=drafts]")?.textContent === "1"`)
	ana.checkAccessibility()
	ana.checkWidth()
	ana.click(first + " [data-do=send-back]")
	ana.write(first+" .editor [name=note]", "ask for the size\r")
	ana.awaitText(".whose [data-count=drafts]", "0")
	wim.awaitText(first+" .by", "yours")
	wim.awaitText(".whose [data-count=mine]", "1")
	wim.open("/replies/" + rows[0].ID)
	wim.awaitText("#team .notes", "ask for the size")
	wim.awaitText("#team", "is that right?")
	wim.checkAccessibility()
	wim.awaitTrue(`(document.querySelector("#text").value = "") === ""`)
	wim.write("#text", "Yes, in which size?")
	wim.click("#edit [data-verb=propose]")
	wim.awaitText("#decide .outcome", "Saved as a draft")
	wim.awaitText("#team", "Nobody takes care of it")

	// Two approvers: the second one keeps the text, and is told what was sent.
	ana.open("/")
	ben := b.tab("ben", desktop, 900)
	ben.signIn(c.tokens["ben"])
	ben.awaitText(first+" .proposal", "Yes, in which size?")
	ben.click(first + " [data-do=edit]")
	ben.write(first+" .editor textarea", " Ben asks.")
	ana.awaitText(first+" [data-present]", "ben is writing")
	ana.awaitTrue(`document.body.dataset.hold = 10`)
	ana.click(first + " [data-do=approve]")
	ana.awaitResult(first+" .outcome", "Approved. It is on its way.", "You approved this at")
	ben.awaitText(first+" .outcome", "ana approved this")
	ben.awaitText(first+" .sent", "Yes, in which size?")
	ben.awaitTrue(`document.querySelector('` + first + ` .editor textarea').value === "Yes, in which size? Ben asks."`)
	if m := c.approvals()[0]; m.Approver != "ana" || m.Text != "" || m.TextSHA256 == "" {
		t.Errorf("approved %+v", m)
	}

	// What somebody else proposes is not sent by a click on the text before.
	ben.awaitTrue(`document.body.dataset.hold = 3600000`)
	ben.click(second + " [data-do=approve]")
	ben.awaitText(second+" .outcome", "Undo")
	wim.open("/")
	wim.click(second + " [data-do=edit]")
	wim.write(second+" .editor textarea", " Perhaps later.")
	wim.click(second + " .editor .primary")
	ben.awaitText(second+" .outcome", "wim proposed another text before your click was sent")
	ben.awaitText(second+" .proposal", "No. Perhaps later.")

	// A draft of one's own is shown, and Approve does not send the proposal instead.
	ben.click(second + " [data-do=edit]")
	ben.write(second+" .editor textarea", " My draft.")
	ben.open("/")
	ben.awaitText(second+" .draft", "Your draft is not sent")
	ben.awaitText(second+" .draft", "No. Perhaps later. My draft.")
	ben.checkAccessibility()
	ben.awaitTrue(`document.body.dataset.hold = 10`)
	ben.click(second + " [data-do=approve]")
	ben.awaitTrue(`document.querySelector('` + second + ` .editor textarea').value.endsWith("My draft.")`)
	if n := len(c.approvals()); n != 1 {
		t.Errorf("%d approved", n)
	}

	// A mistaken rejection is taken back, on the card and on the page.
	ben.click(third + " [data-do=reject]")
	ben.write(third+" .editor [name=reason]", "spam\r")
	ben.awaitText(third+" .outcome", "Rejected. It will never be sent.")
	ben.click(third + " .reopen")
	ben.awaitText(third+" .outcome", "It waits for a decision again.")
	ben.awaitTrue(`document.querySelector('` + third + ` [data-do=reject]').checkVisibility()`)
	ben.awaitText(".tabs [data-count=decide]", "2")
}

// Many are decided together: the bar of what is selected stays in the window, all that match
// can be reviewed and not only a page, each text is whole there, and nothing is clicked twice.
func TestBrowserBulk(t *testing.T) {
	inTurn(t)
	var rows []replies.Row
	for i := range 60 {
		row := waitingRow(1, "How much is it?", "It is 12 euros.")
		row.ID += strconv.Itoa(100 + i)
		rows = append(rows, row)
	}
	rows[1].Comment, rows[1].Text = strings.Repeat("long ", 200), "" // without a proposal
	c := newFakeDesk(t, rows...)
	c.fake.decides = true
	ana := newBrowser(t, c.url).tab("ana", desktop, 800)
	ana.signIn(c.tokens["ana"])
	ana.awaitTrue(`document.querySelectorAll(".card").length === 50`)
	inWindow := `(() => { const r = document.querySelector("#bulk").getBoundingClientRect(); return r.top > 0 && r.bottom <= innerHeight; })()`
	ana.press("j")
	ana.press("x")
	ana.awaitText("[data-selected]", "1 selected")
	ana.awaitTrue(inWindow)
	ana.awaitTrue(`(scrollTo(0, 3000), ` + inWindow + `)`)
	ana.press("v")
	ana.awaitText("h1", "Decide 1 together")
	ana.open("/?q=12")
	ana.awaitText("[data-do=review-matching]", "all 59 that match")
	ana.click("[data-do=review-matching]")
	ana.awaitText("h1", "Decide 59 together")
	ana.awaitText("#bulk-approve [data-verb=approve]", "Approve 59")
	ana.awaitTrue(`document.body.dataset.hold = 3600000`)
	ana.click("#bulk-approve [data-verb=approve]")
	ana.awaitText(".bulk .outcome", "Undo")
	ana.awaitTrue(`[...document.querySelectorAll("#bulk-approve .bulk > button")].every(b => b.disabled)`)
	ana.press("u")
	ana.awaitTrue(`!document.querySelector("#bulk-approve [data-verb=approve]").disabled`)
	ana.awaitTrue(`document.body.dataset.hold = 10`)
	ana.click("#bulk-approve [data-verb=reject]")
	ana.awaitTrue(`document.activeElement.name === "reason"`)
	ana.write("#bulk-approve [name=reason]", "spam")
	ana.click("#bulk-approve [data-verb=reject]")
	ana.awaitText(".bulk .outcome", "All 59 are rejected.")
	if n := len(c.approvals()); n != 0 {
		t.Errorf("%d approved", n)
	}
	ana.open("/")
	ana.awaitTrue(`document.querySelectorAll(".card").length === 1`)
	ana.click("[data-do=select-all]")
	ana.click("[data-do=review]")
	ana.awaitText(".bulkitem", "No text is proposed")
	ana.awaitTrue(`document.querySelector("#bulk-approve [data-verb=approve]").disabled && !document.querySelector("#bulk-approve [data-verb=reject]").disabled`)
	ana.checkAccessibility()
}

// A writer finds what was sent back, nothing is assigned to strangers, and who is present is
// bounded and told to those alone who see the account.
func TestWorkingTogether(t *testing.T) {
	c := newFakeDesk(t, waitingRow(1, "In oak?", "Yes"), oakRow())
	id := waitingRow(1, "", "").ID
	path := "/api/replies/" + url.PathEscape(id)
	wim, ana := c.signedIn("wim"), c.signedIn("ana")
	step := func(who *http.Client, verb, body string, status int, want string) {
		t.Helper()
		if resp, answer := c.do(who, http.MethodPost, path+verb, body, asJSON); resp.StatusCode != status || !strings.Contains(answer, want) {
			t.Errorf("%s %s: %s: %s", verb, body, resp.Status, answer)
		}
	}
	found := func(who *http.Client, filter string, want string) {
		t.Helper()
		if _, answer := c.do(who, http.MethodGet, "/api/replies?who="+filter, "", nil); !strings.Contains(answer, `"found":`+want+`,`) {
			t.Errorf("%s: %s", filter, answer)
		}
	}
	step(ana, "/send-back", `{"note":"why?"}`, http.StatusConflict, "No person has proposed this text")
	step(wim, "/propose", `{"text":" "}`, http.StatusUnprocessableEntity, "There is no text")
	step(wim, "/propose", `{"text":"Yes, in oak.","note":"sure?"}`, http.StatusOK, "Nothing was sent.")
	found(ana, "drafts", "1")
	step(ana, "/send-back", `{"note":" "}`, http.StatusUnprocessableEntity, "There is no note")
	step(ana, "/send-back", `{"note":"say which size"}`, http.StatusOK, "Sent back to wim")
	found(ana, "drafts", "0")
	found(wim, "mine", "1")
	step(wim, "/propose", `{"text":"Yes, in M."}`, http.StatusOK, "Nothing was sent.")
	found(wim, "mine", "0")
	step(wim, "/approve", `{}`, http.StatusForbidden, "this needs the role approver")
	step(ana, "/approve", `{"text_sha256":"`+privatereply.TextSHA256("Yes, in oak.")+`"}`, http.StatusConflict, `"code":"proposed"`)
	step(wim, "/assign", `{"to":"mallory"}`, http.StatusUnprocessableEntity, "Nobody who works on this account")
	step(wim, "/assign", `{"to":"otto"}`, http.StatusUnprocessableEntity, "Nobody who works on this account")
	step(wim, "/assign", `{"to":"vera"}`, http.StatusUnprocessableEntity, "Nobody who works on this account")
	step(wim, "/assign", `{"to":"ben"}`, http.StatusOK, "ben takes care of it.")
	found(wim, "unassigned", "1")
	step(wim, "/reopen", `{}`, http.StatusForbidden, "")
	step(ana, "/reopen", `{}`, http.StatusConflict, "nothing to reopen")
	step(ana, "/presence", `{"state":"there","tab":"12345678"}`, http.StatusBadRequest, "")
}
