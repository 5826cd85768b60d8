package desk_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/privatereply/privatereply/internal/replies"
)

// clippedProposals lists what is cut of the texts that a page offers to approve: the
// selector finds where to look.
const clippedProposals = `[...document.querySelectorAll(%s)].filter(p => {
	const range = document.createRange(), box = p.getBoundingClientRect();
	range.selectNodeContents(p);
	return !p.checkVisibility() || p.scrollHeight > p.clientHeight || p.scrollWidth > p.clientWidth ||
		[...range.getClientRects()].some(r => r.bottom > box.bottom + 1 || r.right > box.right + 1);
}).map(p => p.textContent.slice(0, 80))`

// In a browser: nothing that would be sent is cut where it can be approved, what is long
// unfolds, and the keyboard goes on to the next card after every kind of decision.
func TestBrowserQueue(t *testing.T) {
	inTurn(t)
	lines := "Dear customer," + strings.Repeat("\nwe are sorry about this.", 10) + "\nUse the code SECRETSTAFF50."
	rows := []replies.Row{
		waitingRow(1, strings.Repeat("My board arrived with a split leg. ", 12), lines),
		waitingRow(2, "In oak?", strings.Repeat("It comes in oak, in ash and in walnut. ", 12)),
		waitingRow(3, "אפשר בבקשה מחיר?", "48 euros"),
		waitingRow(4, "In red?", "No."),
		waitingRow(5, "In blue?", "Yes."),
	}
	c := newFakeDesk(t, rows...)
	b := newBrowser(t, c.url)

	pocket := b.tab("ana's phone", phone, 844)
	pocket.do(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: "Asia/Kolkata"})
		return err
	}))
	pocket.signIn(c.tokens["ana"])
	pocket.awaitText(card(rows[0].ID), "SECRETSTAFF50")
	whole := func(p *tab, selector string) {
		t.Helper()
		if cut := get[[]string](p, fmt.Sprintf(clippedProposals, quote(selector))); len(cut) > 0 {
			t.Errorf("%s: cut where it can be approved: %q", p.name, cut)
		}
	}
	whole(pocket, ".card .proposal")
	pocket.checkWidth()
	folded := `document.querySelector('` + card(rows[0].ID) + ` .comment')`
	pocket.awaitTrue(folded + `.scrollHeight > ` + folded + `.clientHeight`)
	pocket.click(card(rows[0].ID) + " .words summary")
	pocket.awaitTrue(folded + `.scrollHeight <= ` + folded + `.clientHeight`)
	pocket.checkAccessibility()
	pocket.awaitTrue(`(() => { const s = getComputedStyle(document.querySelector('` + card(rows[2].ID) + ` .comment')); return s.borderRightWidth === "3px" && s.borderLeftWidth === "0px"; })()`)

	ana := b.tab("ana", desktop, 900)
	ana.signIn(c.tokens["ana"])
	ana.awaitText(card(rows[0].ID), "SECRETSTAFF50")
	whole(ana, ".card .proposal")
	focused := func(n int) {
		t.Helper()
		ana.awaitTrue(fmt.Sprintf(`document.activeElement.dataset.reply === %s`, quote(rows[n].ID)))
	}
	ana.awaitTrue(`document.body.dataset.hold = 3600000`)
	ana.press("j")
	focused(0)
	ana.press("e")
	ana.awaitTrue(`document.activeElement.matches(".editor textarea")`)
	whole(ana, ".editor textarea")
	ana.write(".editor textarea", " Sorry!")
	ana.do(chromedp.KeyEvent("\r", chromedp.KeyModifiers(2))) // Ctrl+Enter
	focused(1)
	ana.awaitText(card(rows[0].ID)+" .sending", "Sorry!")
	ana.press("r")
	ana.awaitTrue(`document.activeElement.name === "reason"`)
	ana.write(card(rows[1].ID)+" input[name=reason]", "spam\r")
	focused(2)
	ana.press("j")
	focused(3)
	ana.press("a")
	focused(4)
	ana.press("k")
	focused(3)

	// In the compact list a proposal that does not fit has no Approve until it is unfolded,
	// not by the keyboard either.
	for range 3 {
		ana.press("u")
	}
	ana.awaitTrue(`!document.querySelector(".held")`)
	ana.awaitTrue(`document.body.dataset.hold = 10`)
	ana.awaitTrue(`(sessionStorage.clear(), true)`) // a draft would be opened instead of unfolded
	ana.click(".head .view")
	ana.awaitTrue(`document.querySelector("#list.compact")`)
	ana.awaitTrue(`location.search === ""`)
	first := card(rows[0].ID)
	approvable := `[...document.querySelectorAll(".card")].filter(c => c.querySelector("[data-do=approve]")?.checkVisibility())`
	ana.awaitTrue(approvable + ".length === 3")
	whole(ana, ".card:not(:has(.decide > .unfold)) .proposal")
	ana.checkAccessibility()
	ana.press("j")
	ana.press("a")
	ana.awaitTrue(`document.querySelector('` + first + ` .decide > .unfold').open`)
	whole(ana, first+" .proposal")
	ana.awaitTrue(approvable + ".length === 4")
	c.fake.mu.Lock()
	if n := len(c.fake.approved); n != 0 {
		t.Errorf("%d were approved unread", n)
	}
	c.fake.mu.Unlock()

	// Sentences tell the reader's time, and dates are English.
	pocket.awaitTrue(`/zone=Asia.(Kolkata|Calcutta)/.test(document.cookie)`)
	pocket.awaitTrue(`/^\d{1,2} \p{L}+ \d{4} at \d{2}:\d{2}$/u.test(document.querySelector("[data-since]").title)`)
	last := card(rows[4].ID)
	ana.awaitTrue(`document.body.dataset.hold = 10`)
	ana.click(last + " [data-do=approve]")
	kolkata := time.FixedZone("", 5*3600+1800)
	pocket.awaitText(last+" .outcome", "You approved this at "+time.Now().In(kolkata).Format("15:"))
	if text := get[string](pocket, `document.querySelector('`+last+` .outcome').innerText`); strings.Contains(text, "UTC") {
		t.Errorf("the card says %q", text)
	}

	// The browser tells, who asked for it, of what begins to wait while nobody looks.
	ana.awaitTrue(`(() => {
		window.told = [];
		window.Notification = class { constructor(title, options) { told.push(options); } static permission = "granted"; static async requestPermission() { return "granted"; } };
		Object.defineProperty(document, "hidden", { configurable: true, get: () => true });
		return !document.querySelector("[data-notify]").hidden && !document.getElementById("notify-on").checked;
	})()`)
	more := `document.dispatchEvent(new CustomEvent("desk:event", { detail: { counts: { decide: 1000, unknown: 0 } } }))`
	ana.awaitTrue(more + ` && told.length === 0`)
	ana.clickWith("#notify-on", "")
	ana.awaitTrue(`localStorage.getItem("desk:notify") === "on"`)
	ana.awaitTrue(more + ` && told.length === 1 && told[0].silent && / more replies wait for a decision$/.test(told[0].body)`)
	ana.awaitTrue(more + ` && told.length === 1`)
}
