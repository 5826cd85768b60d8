package desk_test

import (
	"slices"
	"testing"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/approvals/desk"
	"github.com/privatereply/privatereply/internal/lookup"
	"github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/workflows"
)

// A campaign at the desk: a card is opened before it is approved, an approver writes what can
// be tapped and sees it as the person will, mistakes are said where they are made, and a
// comment is hidden and shown again.
func TestBrowserTaps(t *testing.T) {
	inTurn(t)
	m := campaignMessage()
	rows := []replies.Row{waitingRow(1, "list", m.Text), waitingRow(2, "In oak?", "Which size?"), waitingRow(3, "buy followers", "Hi!")}
	rows[0].Message = workflows.MessageMemo{Buttons: "Yes, please\nOpen the shop", Public: true}
	shown := false
	c := newFakeDeskWith(t, func(cfg *desk.Config) { cfg.Lookup = &fakeLookup{parent: lookup.Comment{Hidden: &shown}} }, rows...)
	c.fake.decides = true
	c.fake.propose(rows[0].ID, m, campaignPublic)
	b := newBrowser(t, c.url)
	campaign, plain := card(rows[0].ID), card(rows[1].ID)

	// On a phone: the card has the titles, and Approve once all of it is shown.
	p := b.tab("ana", phone, 844)
	p.signIn(c.tokens["ana"])
	p.awaitText(campaign+" .beside", "Yes, please")
	p.awaitText(campaign+" .beside", "answers in public, too")
	p.awaitTrue(`document.querySelector(` + quote(campaign+" [data-do=whole]") + `) && !document.querySelector(` + quote(campaign+" [data-do=approve]") + `)`)
	p.checkWidth()
	p.screenshot("phone-taps-card")
	p.clickWith(campaign+" [data-do=whole]", "")
	p.awaitText(campaign+" .taps", "https://example.com/list")
	p.awaitText(campaign+" .public", campaignPublic)
	p.checkAccessibility()
	p.checkWidth()
	p.screenshot("phone-taps")
	p.clickWith(campaign+" [data-do=approve]", "document.body.dataset.hold = 10")
	p.awaitText(campaign+" .outcome", "Approved. It is on its way.")
	if a := c.approvals()[0]; a.TextSHA256 != privatereply.ProposalSHA256(m, campaignPublic) || a.Text != "" || a.Buttons != nil {
		t.Errorf("approved %+v", a)
	}

	// On a desk: buttons, quick replies and a public reply are written and previewed.
	ana := b.tab("ana", desktop, 1100)
	ana.signIn(c.tokens["ana"])
	ana.awaitText(plain, "In oak?")
	ana.open("/replies/" + rows[1].ID)
	ana.awaitText("#visibility", "Everybody sees it.")
	ana.awaitTrue(`document.querySelector(".parts details") && !document.querySelector(".parts details").open && document.querySelector("[data-preview]").hidden`)
	ana.clickWith("[data-list=buttons] .add-row", `document.querySelector(".parts details").open = true`)
	fill := func(selector, value string) string {
		return `(() => { const f = document.querySelector(` + quote(selector) + `); f.value = ` + quote(value) + `; f.dispatchEvent(new Event("input", { bubbles: true })); return true; })()`
	}
	ana.awaitTrue(fill("[name=button_title]", "A title that is much too long"))
	ana.awaitTrue(fill("[name=button_follows]", "http://example.com"))
	ana.awaitText(".row-says", "The title has 29 characters; at most 20. The address begins with https://")
	ana.awaitText(".preview .bubble-buttons", "A title that is much too long")
	ana.clickWith("#edit .buttons button.primary", "document.body.dataset.hold = 10")
	ana.awaitText("#decide .outcome", "Button 1, title: message cannot be sent")
	ana.awaitTrue(`document.querySelector(".tap-row.refused [name=button_title]") === document.activeElement`)
	ana.awaitTrue(fill("[name=button_title]", "The price list"))
	ana.awaitTrue(fill("[name=button_follows]", "https://example.com/prices"))
	ana.clickWith("[name=public]", "")
	ana.awaitTrue(fill("[name=public_text]", "Look into your messages!"))
	ana.awaitText(".preview .public", "Look into your messages!")
	ana.awaitText(".preview .bubble-buttons", "The price list")
	ana.checkAccessibility()
	ana.awaitTrue(`(document.querySelector("#decide").scrollIntoView(), true)`)
	ana.screenshot("taps")
	ana.clickWith("#edit .buttons button.primary", "document.activeElement.blur()")
	ana.awaitText("#decide .preview", "opens https://example.com/prices")
	a := c.approvals()[1]
	if !slices.Equal(a.Buttons, []privatereply.Button{{Title: "The price list", URL: "https://example.com/prices"}}) || a.QuickReplies == nil || len(a.QuickReplies) != 0 || a.PublicText == nil || *a.PublicText != "Look into your messages!" {
		t.Errorf("approved %+v", a)
	}

	// The comment is hidden, said by Meta's word and by who did it, and shown again.
	ana.open("/replies/" + rows[2].ID)
	ana.awaitText("#visibility", "Everybody sees it.")
	ana.clickWith("#visibility form[data-hold=hide] button", "")
	ana.awaitText("#comment .outcome", "Hidden. Only the person")
	ana.awaitText("#visibility", "It is hidden: only the person and their friends see it.")
	ana.awaitText("#visibility", "ana hid the comment.")
	ana.checkAccessibility()
	ana.screenshot("hidden")
	ana.clickWith("#visibility form[data-hold=show] button", "")
	ana.awaitText("#visibility", "ana showed the comment again.")
	ana.awaitText("#visibility", "Everybody sees it.")

	// Rejected and hidden in one step, on the card.
	p.clickWith(card(rows[2].ID)+" [data-do=reject]", "")
	p.screenshot("phone-taps-reject")
	p.clickWith(card(rows[2].ID)+" .editor .danger", `document.querySelector(`+quote(card(rows[2].ID)+" .editor [name=reason]")+`).value = "spam"; document.querySelector(`+quote(card(rows[2].ID)+" .editor [name=hide]")+`).checked = true`)
	p.awaitText(card(rows[2].ID)+" .outcome", "the comment is being hidden")
}
