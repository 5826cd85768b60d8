package desk_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/harness/harnesstest"
	"github.com/privatereply/privatereply/lab/meta"
)

const (
	desktop int64 = 1280
	phone   int64 = 390
)

// The whole job of the people who decide, done in a browser on the real product:
// each step is one promise of the desk.
func TestBrowser(t *testing.T) {
	inTurn(t)
	s := newProduct(t)
	harnesstest.Start(t, s.Workers)
	b := newBrowser(t, s.ApprovalsURL)

	// A delivery that nobody can prove takes a while; it happens beside the others.
	lost, lostID := s.start(newComment{username: "otto", text: "How do I clean the board?", reply: "Hi otto, with warm water only.",
		rule: "care", action: privatereply.ActionAuto, lost: true})

	ana := s.tab(b, "ana", desktop)
	ana.do(chromedp.Navigate(s.ApprovalsURL + "/"))
	ana.awaitTrue(`location.pathname === "/signin"`)
	ana.checkAccessibility()
	ana.signIn(s.Tokens["ana"])
	ana.awaitText(".empty", "All decided.")

	step := func(name string, do func(t *testing.T)) {
		t.Run(name, func(t *testing.T) {
			s.t, ana.t = t, t
			do(t)
		})
	}

	var lena string
	step("a new comment appears without a reload", func(t *testing.T) {
		ana.awaitTrue(`(window.same = true)`)
		_, lena = s.start(newComment{username: "lena", text: "Does it come in oak?", reply: "Hi lena, which size?", rule: "questions"})
		ana.awaitText(".card", "Does it come in oak?")
		ana.awaitTrue(`window.same`)
	})

	var mia string
	step("what is typed stays while others arrive, and the edited text is delivered", func(t *testing.T) {
		ana.click(card(lena) + " [data-do=edit]")
		ana.awaitTrue(`(document.querySelector(".editor textarea").value = "") === ""`)
		ana.write(".editor textarea", "Yes, in oak and in walnut, from 48 €.")
		_, mia = s.start(newComment{username: "mia", text: "Buy followers at my page", reply: "Hi mia, how can we help?", rule: "questions"})
		ana.awaitText(card(mia), "Buy followers")
		ana.awaitTrue(`document.querySelector(".editor textarea").value === "Yes, in oak and in walnut, from 48 €."`)
		ana.awaitText(".counter", "961 characters left")
		ana.screenshot("edit")
		ana.awaitTrue(`document.body.dataset.hold === "5000"`)
		ana.setHold(15 * time.Second)
		ana.do(chromedp.KeyEvent("\r", chromedp.KeyModifiers(2))) // Ctrl+Enter
		ana.awaitText(card(lena)+" .outcome", "Undo")
		ana.awaitText(card(lena)+" .outcome", "Delivered.")
		status := s.awaitState(lena, privatereply.Sent)
		if status.Approver != "ana" || s.delivered(status.Comment.CommentID) != "Yes, in oak and in walnut, from 48 €." {
			t.Errorf("approved by %q, delivered %q", status.Approver, s.delivered(status.Comment.CommentID))
		}
	})

	step("an undone click does nothing; a rejection has its reason", func(t *testing.T) {
		ana.setHold(time.Hour)
		ana.click(card(mia) + " [data-do=approve]")
		ana.awaitText(card(mia)+" .outcome", "Undo")
		ana.click(card(mia) + " .outcome button")
		ana.awaitTrue(`!document.querySelector('` + card(mia) + `').dataset.pending`)
		ana.setHold(time.Second)
		ana.press("r")
		ana.awaitTrue(`document.activeElement.name === "reason"`)
		ana.write(card(mia)+" input[name=reason]", "spam, ae\r")
		ana.awaitResult(card(mia)+" .outcome", "Rejected. It will never be sent.", "You rejected this at")
		status := s.awaitState(mia, privatereply.Rejected)
		if status.Approver != "ana" || status.RejectReason != "spam, ae" {
			t.Errorf("rejected by %q because %q", status.Approver, status.RejectReason)
		}
	})

	step("who loses a race is told who won, and leaving a page sends the click", func(t *testing.T) {
		_, id := s.start(newComment{username: "jonas", text: "How much is the shipping?", reply: "Hi jonas, 4 euros.", rule: "price"})
		ben := s.tab(b, "ben", desktop)
		ben.signIn(s.Tokens["ben"])
		path := "/replies/" + id
		ana.open(path)
		ben.open(path)
		ana.setHold(time.Hour)
		ben.setHold(time.Hour)
		plain := s.noScriptTab(b, "ana without script")
		plain.open(path)
		ben.click("#edit .primary")
		ben.awaitText("#decide .outcome", "Undo")
		ana.click("#edit .primary")
		ana.awaitText("#decide .outcome", "Undo")
		ben.open("/replies") // sends the click at once
		ana.awaitText("#decide", "ben")
		ana.awaitText("#decide .outcome", "decided before your click")
		plain.click("#edit .primary")
		plain.awaitText(".verdict", "Already decided: ben approved this reply")
		if status := s.awaitState(id, privatereply.Sent); status.Approver != "ben" {
			t.Errorf("approved by %q", status.Approver)
		}
		ana.awaitText("#state", "Delivered")
		ana.awaitText("#story", "ben approved it")
	})

	step("twenty are approved together after each was shown", func(t *testing.T) {
		var ids []string
		for i := range 20 {
			_, id := s.start(newComment{username: fmt.Sprintf("person%02d", i), text: "What is the price?", reply: fmt.Sprintf("Hi, it is %d euros.", 10+i), rule: "price"})
			ids = append(ids, id)
		}
		ana.open("/")
		// What comes while the page opens waits behind a button.
		ana.awaitTrue(`(document.querySelector("#pill:not([hidden])")?.click(), document.querySelectorAll(".card").length === 20)`)
		ana.click("[data-do=select-all]")
		ana.awaitText("[data-selected]", "20 selected")
		ana.checkAccessibility()
		ana.click("[data-do=review]")
		ana.awaitText("h1", "Decide 20 together")
		ana.awaitText(".bulkitem", "Hi, it is 29 euros.")
		ana.checkAccessibility()
		ana.screenshot("bulk")
		ana.click("#bulk-approve .bulk .primary")
		ana.awaitText(".bulk .outcome", "All 20 are approved.")
		for _, id := range ids {
			s.awaitState(id, privatereply.Sent)
		}
	})

	step("the window is followed up on a phone", func(t *testing.T) {
		pocket := s.tab(b, "ana's phone", phone)
		pocket.signIn(s.Tokens["ana"])
		pocket.open("/replies/" + lena)
		pocket.awaitText("#chat", "only an answer of the person opens it")
		s.personAnswers(lena)
		pocket.awaitText("#chat .notice", "You can write for 23 h")
		pocket.write("#follow", "It ships on Monday.")
		pocket.click("#chat form .primary")
		pocket.awaitText("#chat .chat", "It ships on Monday.")
		pocket.awaitTrue(`document.querySelector("#follow").value === ""`)
		pocket.checkAccessibility()
		pocket.checkWidth()
		pocket.screenshot("phone-reply")
		inbox := s.Sandbox.Inbox(meta.Person{Account: instagram, Username: "lena"})
		if last := inbox[len(inbox)-1]; last.Kind != meta.KindFollowUp || last.Text != "It ships on Monday." {
			t.Errorf("the person got %+v", last)
		}
	})

	step("who answered is read and answered on one page", func(t *testing.T) {
		_, rosa := s.start(newComment{username: "rosa", text: "Does it fit?", reply: "Hi rosa, which size?", rule: "questions", action: privatereply.ActionAuto})
		s.awaitState(rosa, privatereply.Sent)
		ana.open("/answered")
		ana.awaitText(".answer:not(.waits) h2", "lena")
		ana.awaitTrue(`(window.same = true)`)
		s.personAnswers(rosa)
		ana.awaitTrue(`(document.querySelector("#fresh:not([hidden])")?.click(), [...document.querySelectorAll(".answer.waits .theirs")].some(e => e.innerText.includes("Thanks!")))`)
		ana.awaitText("[data-count=answered]", "1")
		ana.awaitText(card(rosa)+" .time", "23 h")
		ana.checkAccessibility()
		ana.screenshot("answered")
		ana.setHold(time.Second)
		ana.write(card(rosa)+" textarea", "In every size.")
		ana.click(card(rosa) + " .primary")
		ana.awaitText(card(rosa)+" .outcome", "Sent.")
		ana.awaitTrue(`!document.querySelector(".answer.waits") && window.same`)
		ana.awaitText(card(rosa)+" .ours", "In every size.")
		inbox := s.Sandbox.Inbox(meta.Person{Account: instagram, Username: "rosa"})
		if last := inbox[len(inbox)-1]; last.Text != "In every size." {
			t.Errorf("the person got %+v", last)
		}
		ana.open("/replies/" + rosa + "/person")
		ana.awaitText(".person-row", "Does it fit?")
		ana.checkAccessibility()
	})

	step("what strangers write changes nothing but its own display", func(t *testing.T) {
		long := `<script>window.pwned=1</script><img src=x onerror="window.pwned=1"> {{username}} {{.Comment}} ` + "\u202etfel ot thgir\u202c " + strings.Repeat("wwwwwwwwww", 990)
		_, id := s.start(newComment{username: `"><svg onload="window.pwned=1">` + "\u202eevil", text: long, reply: "Hi!", rule: "<b>rule</b>"})
		ana.open("/")
		ana.awaitText(".card", "<script>window.pwned=1</script>")
		ana.awaitText(".card", "{{username}}")
		pocket := s.tab(b, "a phone", phone)
		pocket.signIn(s.Tokens["ana"])
		pocket.awaitText(".card", "<script>")
		pocket.checkWidth()
		pocket.open("/replies/" + id)
		pocket.awaitText(".comment", "{{.Comment}}")
		pocket.checkWidth()
		for _, p := range []*tab{ana, pocket} {
			if get[bool](p, `"pwned" in window || document.querySelector("svg[onload], img[onerror]") !== null`) {
				t.Error("a stranger's text became part of the page")
			}
		}
		if status, words := ana.post("/api/replies/"+id+"/reject", `{"reason":"spam"}`); status != http.StatusOK {
			t.Errorf("%d %s", status, words)
		}
	})

	step("unknown deliveries are resolved by what a person found", func(t *testing.T) {
		s.awaitState(lostID, privatereply.DeliveryUnknown)
		ana.awaitText("[data-count=unknown]", "1") // Temporal lists it a little later
		ana.open("/unknown")
		ana.awaitText(".case", "Attempt 2")
		ana.awaitText(".case", "it is not there")
		ana.checkAccessibility()
		ana.screenshot("unknown")
		ana.click(".case .resolve form:nth-child(2) button")
		ana.awaitResult(".case .outcome", "Noted: it was not delivered.", "You resolved this at")
		status := s.awaitState(lostID, privatereply.Undeliverable)
		if status.Reason != privatereply.ResolvedNotDelivered || s.Sandbox.RepliesDelivered(lost) != 0 {
			t.Errorf("reason %q, %d deliveries", status.Reason, s.Sandbox.RepliesDelivered(lost))
		}
	})

	step("a viewer decides nothing", func(t *testing.T) {
		_, id := s.start(newComment{username: "noor", text: "Is it waterproof?", reply: "Hi noor, yes.", rule: "questions"})
		vera := s.tab(b, "vera", desktop)
		vera.signIn(s.Tokens["vera"])
		vera.awaitText(".card", "Is it waterproof?")
		for _, path := range []string{"/", "/replies/" + id} {
			vera.open(path)
			vera.awaitText("main", "noor")
			if n := get[int](vera, `document.querySelectorAll("main form[method=post], main .buttons, main textarea, main [type=checkbox]:not(#notify-on)").length`); n != 0 {
				t.Errorf("%s offers a viewer %d things to decide with", path, n)
			}
		}
		for _, verb := range []string{"approve", "reject", "resolve", "follow-up"} {
			if status, _ := vera.post("/api/replies/"+id+"/"+verb, `{}`); status != http.StatusForbidden {
				t.Errorf("%s answers a viewer with %d", verb, status)
			}
		}
		if status := s.awaitState(id, privatereply.AwaitingApproval); status.Approver != "" {
			t.Errorf("decided by %q", status.Approver)
		}
	})

	step("who is signed out is told so, and nothing is decided", func(t *testing.T) {
		_, id := s.start(newComment{username: "ida", text: "Do you restock?", reply: "Hi ida, in May.", rule: "questions"})
		ben := s.tab(b, "ben", desktop)
		ben.signIn(s.Tokens["ben"])
		ben.awaitText(card(id), "Do you restock?")
		if n := s.Authenticator.SignOutUser("ben"); n == 0 {
			t.Fatal("ben was not signed in")
		}
		ben.click(card(id) + " [data-do=approve]")
		ben.awaitText(card(id)+" .outcome", "You are not signed in any more. Nothing was decided.")
		s.awaitState(id, privatereply.AwaitingApproval)
	})

	step("what goes out by itself is stopped at once", func(t *testing.T) {
		_, id := s.start(newComment{username: "tim", text: "price?", reply: "Hi tim!", rule: "price", action: privatereply.ActionAuto, hold: time.Hour})
		ana.open("/?state=holding")
		ana.click(card(id) + " [data-do=reject]")
		ana.awaitTrue(`(new MutationObserver(() => { window.heldBack ||= document.querySelector(".fuse") !== null; }).observe(document.body, {subtree: true, childList: true}), true)`)
		ana.write(card(id)+" input[name=reason]", "wrong price\r")
		ana.awaitResult(card(id)+" .outcome", "Rejected. It will never be sent.", "You rejected this at")
		if get[bool](ana, `Boolean(window.heldBack)`) {
			t.Error("the click was held back")
		}
		s.awaitState(id, privatereply.Rejected)
	})

	step("every page is accessible, in light and dark", func(t *testing.T) {
		s.seedReplies()
		adam := s.tab(b, "adam", desktop)
		adam.signIn(s.Tokens["adam"])
		// What the desk learns of only now waits behind the pill.
		adam.awaitTrue(`(document.getElementById("pill")?.hidden === false && document.getElementById("pill").click(), [...document.querySelectorAll(".card")].some(e => e.innerText.includes("Live")))`)
		for _, path := range []string{"/", "/?state=holding", "/answered", "/unknown", "/replies", "/replies/" + lena, "/funnel", "/people", "/nowhere"} {
			adam.open(path)
			adam.awaitTrue(`document.querySelector("h1")`)
			adam.checkAccessibility()
		}
		adam.open("/")
		adam.awaitText(".card", "Live")
		adam.screenshot("queue")
		adam.open("/replies/" + lena)
		adam.screenshot("reply")
		adam.open("/funnel")
		adam.awaitTrue(`!document.querySelector(".notice[role=status]")`)
		adam.screenshot("funnel")
		adam.dark()
		for _, path := range []string{"/replies/" + lena, "/funnel", "/"} {
			adam.open(path)
			adam.awaitTrue(`document.querySelector("h1")`)
			adam.checkAccessibility()
		}
		adam.screenshot("dark")
		pocket := s.tab(b, "adam's phone", phone)
		pocket.signIn(s.Tokens["adam"])
		for _, path := range []string{"/unknown", "/answered", "/replies", "/replies/" + lena, "/funnel", "/people", "/"} {
			pocket.open(path)
			pocket.awaitTrue(`document.querySelector("h1")`)
			pocket.checkWidth()
		}
		pocket.checkAccessibility()
		pocket.screenshot("phone")
	})
}

// tab opens a page of somebody, on behalf of the step that runs.
func (s *product) tab(b *browser, name string, width int64) *tab {
	s.t.Helper()
	p := b.tab(name, width, map[int64]int64{desktop: 900, phone: 844}[width])
	p.t = s.t
	return p
}

// setHold sets how long the page holds clicks back, instead of five seconds: on a busy
// machine those can be over before the test has seen or undone one.
func (p *tab) setHold(d time.Duration) {
	p.t.Helper()
	p.awaitTrue(fmt.Sprintf(`document.body.dataset.hold = %d`, d.Milliseconds()))
}

// awaitResult waits until the result of a click is shown, or the message that replaces it,
// which every page gets about a decision.
func (p *tab) awaitResult(selector, answer, afterwards string) {
	p.t.Helper()
	p.awaitTrue(fmt.Sprintf(`[...document.querySelectorAll(%s)].some(e => e.checkVisibility() && [%s, %s].some(words => (e.innerText || "").includes(words)))`,
		quote(selector), quote(answer), quote(afterwards)))
}

// card finds the card of a reply.
func card(id string) string { return fmt.Sprintf(`.card[data-reply="%s"]`, id) }

// checkWidth checks that nothing makes the page wider than its screen.
func (p *tab) checkWidth() {
	p.t.Helper()
	if over := get[int](p, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
		p.t.Errorf("%s: %s is %d pixels wider than the screen", p.name, get[string](p, "location.pathname"), over)
	}
}

// post does what a page of the desk could do.
func (p *tab) post(path, body string) (status int, words string) {
	p.t.Helper()
	got := get[[]any](p, fmt.Sprintf(`fetch(%s, {method: "POST", headers: {"Content-Type": "application/json"}, body: %s}).then(async r => [r.status, await r.text()])`, quote(path), quote(body)))
	return int(got[0].(float64)), got[1].(string)
}

// noScriptTab is ana's browser without script.
func (s *product) noScriptTab(b *browser, name string) *tab {
	s.t.Helper()
	p := s.tab(b, name, desktop)
	p.signIn(s.Tokens["ana"])
	p.do(chromedp.Func(func(ctx context.Context, tg *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	}))
	return p
}

func (s *product) delivered(comment string) string {
	s.t.Helper()
	report, ok := s.Sandbox.CommentReport(comment)
	if !ok || len(report.Delivered) != 1 {
		s.t.Fatalf("comment %s: %+v", comment, report)
	}
	return report.Delivered[0].Text
}

// seedReplies fills the desk with the replies of an ordinary day.
func (s *product) seedReplies() {
	s.t.Helper()
	const day = 24 * time.Hour
	for _, a := range []newComment{
		{username: "paula", text: "Can you show the back side again?", reply: "Hi paula, of course: in a minute!", rule: "live", source: privatereply.SourceLive},
		{username: "emre", text: "My board arrived broken, what now? 😢", reply: "Hi emre, I am sorry to hear that. Would you send us a photo here?", rule: "complaints", age: 6*day + 23*time.Hour + 20*time.Minute},
		{username: "sofia.k", text: "Do you ship to Norway?", reply: "Hi sofia.k, yes, we do: 9 euros, four days.", rule: "shipping", age: 6*day + 4*time.Hour},
		{username: "Hanna", account: page, text: "Are you open on Sunday?\nWe would come by with the kids.", rule: "", age: 2 * day},
		{username: "yuki", text: "とても素敵です。値段はいくらですか。", reply: "Hi yuki, it is 48 euros, and it ships worldwide.", rule: "price", age: day},
		{username: "tom", text: "price?", reply: "Hi tom, our price list: https://example.com/prices", rule: "price", action: privatereply.ActionAuto, hold: 10 * time.Minute},
		{username: "nina", text: "🔥🔥🔥", rule: "emoji-only", action: privatereply.ActionIgnore},
	} {
		s.start(a)
	}
}
