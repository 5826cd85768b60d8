package desk_test

import (
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/harness/harnesstest"
	"github.com/privatereply/privatereply/lab/meta"
)

// loaded is true once every picture under a selector has come through the desk.
const loaded = `(() => { const all = [...document.querySelectorAll(%s)]; return all.length === %d && all.every(i => i.complete && i.naturalWidth > 0 && new URL(i.src).origin === location.origin); })()`

// In a browser, on the real product: the agent sees the post, the comment above and the photo,
// approves, reads what the person writes back in words and in a picture as it comes, and
// answers under it. (findings A1, B1, B2)
func TestBrowserConversation(t *testing.T) {
	inTurn(t)
	s := newProduct(t)
	harnesstest.Start(t, s.Workers)
	post, err := s.Sandbox.PublishPost(meta.NewPost{Account: page, Caption: "The walnut shelf is back: cut to your wall."})
	if err != nil {
		t.Fatal(err)
	}
	above, err := s.Sandbox.Comment(meta.NewComment{PostID: post, Username: "mia", Text: "Is the walnut one sturdier than oak?", NoWebhook: true})
	if err != nil {
		t.Fatal(err)
	}
	_, id := s.start(newComment{account: page, username: "Lena Vogt", text: "Same here, broken", reply: "Oh dear. What is your order number?", rule: "complaints", post: post, parent: above, attachment: "photo"})

	b := newBrowser(t, s.ApprovalsURL)
	ana := s.tab(b, "ana", desktop)
	ana.signIn(s.Tokens["ana"])
	ana.open("/?q=broken")
	ana.awaitCard(id)
	ana.awaitText(card(id), "Same here, broken")
	ana.click(card(id) + " h2 a")
	ana.awaitText("#context", "cut to your wall")
	ana.awaitText("#context", "Is the walnut one sturdier than oak?")
	ana.awaitTrue(fmt.Sprintf(loaded, quote("#context .thumb img"), 1))
	ana.awaitTrue(fmt.Sprintf(loaded, quote("#comment .attached img"), 1))
	ana.awaitTrue(`document.querySelector("[data-back]").getAttribute("href") === "/?q=broken"`)
	ana.setHold(time.Second)
	ana.clickWith("#edit button.primary", "")
	ana.awaitText("#state", "Delivered")
	ana.awaitText("#chat", "Oh dear. What is your order number?")
	ana.awaitTrue(`(window.same = true)`)

	s.personWrites(id, meta.NewMessage{Text: "Here is the photo: the left leg is split. Order 4711.", Attachment: "photo"})
	ana.awaitText("#thread .theirs", "the left leg is split. Order 4711.")
	ana.awaitTrue(fmt.Sprintf(loaded, quote("#thread .theirs .attached img"), 1))
	ana.awaitText("#chat", "You can write for")
	ana.awaitTrue(`document.querySelector("#follow").getBoundingClientRect().top > document.querySelector("#thread").getBoundingClientRect().bottom - 1`)

	// What is being written stays while a colleague answers from elsewhere.
	ana.awaitTrue(`(document.querySelector("#follow").focus(), document.activeElement.id === "follow")`)
	ana.write("#follow", "You will have a new one on Thursday.")
	if _, err := s.Sandbox.HumanMessage(meta.Person{Account: page, Username: "Lena Vogt"}, "A colleague here: thanks!"); err != nil {
		t.Fatal(err)
	}
	ana.awaitText("#thread .ours", "A colleague here: thanks!")
	ana.awaitText("#thread .ours", "sent elsewhere")
	ana.awaitTrue(`document.querySelector("#follow").value === "You will have a new one on Thursday." && window.same`)
	ana.checkAccessibility()
	ana.setHold(time.Second)
	ana.clickWith("#chat form button.primary", "")
	ana.awaitTrue(`[...document.querySelectorAll("#thread .ours")].some(m => m.innerText.includes("You will have a new one on Thursday.") && m.innerText.includes("ana,") && !m.innerText.includes("elsewhere") && !m.innerText.includes("on its way"))`)
	ana.screenshot("conversation")

	// When Meta says no, what was read stays, and the reason stands beside it.
	must := func(f meta.Fault) {
		t.Helper()
		if _, err := s.Sandbox.AddFault(f); err != nil {
			t.Fatal(err)
		}
	}
	must(meta.Fault{Name: "token-revoked", Calls: "conversations"})
	ana.awaitText("#thread .unread", "must be connected again")
	ana.awaitText("#thread .theirs", "the left leg is split")

	// On a phone, as a viewer: the words and no box; a failing read says where to look.
	vera := s.tab(b, "vera's phone", phone)
	vera.signIn(s.Tokens["vera"])
	vera.open("/replies/" + url.PathEscape(id))
	vera.awaitText("#thread", "must be connected again")
	vera.awaitTrue(`document.querySelector('#thread a[href^="https://business.facebook.com/"]')`)
	s.Sandbox.ClearFault("")
	vera.awaitText("#thread .theirs", "the left leg is split")
	vera.awaitTrue(fmt.Sprintf(loaded, quote("#context .thumb img"), 1))
	vera.awaitTrue(`!document.querySelector("#follow")`)
	vera.checkWidth()
	vera.checkAccessibility()
	vera.screenshot("conversation-phone")

	// Without script the post is a link away, and the conversation is there.
	plain := s.noScriptTab(b, "ana without script")
	plain.open("/replies/" + url.PathEscape(id))
	plain.awaitText("#thread .theirs", "the left leg is split")
	plain.click("#context a")
	plain.awaitText("#context", "Is the walnut one sturdier than oak?")

	// A decision leads to the next reply of the list, and back leads to the list.
	_, first := s.start(newComment{username: "otto", age: time.Hour, text: "one question", reply: "One answer.", rule: "questions"})
	_, second := s.start(newComment{username: "ida", text: "one more question", reply: "Another answer.", rule: "questions"})
	ana.open("/?q=question")
	ana.awaitText(card(first), "one question")
	ana.awaitText(card(second), "one more question")
	ana.click(card(first) + " h2 a")
	ana.awaitText(".trail", "1 of 2")
	ana.setHold(100 * time.Millisecond)
	ana.clickWith("#edit button.primary", "")
	ana.awaitTrue(`location.pathname.endsWith(` + quote(url.PathEscape(second)) + `) && location.search.includes("back=")`)
	ana.awaitText(".notice", "Your decision was taken.")
	ana.click("[data-back]")
	ana.awaitTrue(`location.pathname + location.search === "/?q=question"`)
	if status := s.awaitState(first, privatereply.Sent); status.Approver != "ana" {
		t.Errorf("approved by %q", status.Approver)
	}

	// The page on which a developer is the person fits a phone.
	vera.do(chromedp.Navigate(s.SandboxURL + "/"))
	vera.awaitText("#people", "Lena Vogt")
	vera.awaitTrue(fmt.Sprintf(`document.documentElement.scrollWidth <= %d`, phone))
}
