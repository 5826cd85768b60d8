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
	"github.com/privatereply/privatereply/lab/meta"
)

const (
	desktop int64 = 1280
	phone   int64 = 390
)

// The whole job of the people who decide, done in a browser on the real product:
// each step is one promise of the desk.
func TestBrowser(t *testing.T) {
	s := newStage(t)
	s.work()
	b := newBrowser(t, s.url)

	// A delivery that nobody can prove takes a while; it happens beside the others.
	lost, lostID := s.start(ask{username: "otto", text: "How do I clean the board?", reply: "Hi otto, with warm water only.",
		rule: "care", action: privatereply.ActionAuto, lost: true})

	ana := s.tab(b, "ana", desktop)
	ana.do(chromedp.Navigate(s.url + "/"))
	ana.see(`location.pathname === "/signin"`)
	ana.accessible()
	ana.signIn(s.tokens["ana"])
	ana.sees(".empty", "All decided.")

	step := func(name string, do func(t *testing.T)) {
		t.Run(name, func(t *testing.T) {
			s.t, ana.t = t, t
			do(t)
		})
	}

	var lena string
	step("a new comment appears without a reload", func(t *testing.T) {
		ana.see(`(window.same = true)`)
		_, lena = s.start(ask{username: "lena", text: "Does it come in oak?", reply: "Hi lena, which size?", rule: "questions"})
		ana.sees(".card", "Does it come in oak?")
		ana.see(`window.same`)
	})

	var mia string
	step("what is typed stays while others arrive, and the edited text is delivered", func(t *testing.T) {
		ana.click(card(lena) + " [data-do=edit]")
		ana.see(`(document.querySelector(".editor textarea").value = "") === ""`)
		ana.write(".editor textarea", "Yes, in oak and in walnut, from 48 €.")
		_, mia = s.start(ask{username: "mia", text: "Buy followers at my page", reply: "Hi mia, how can we help?", rule: "questions"})
		ana.sees(card(mia), "Buy followers")
		ana.see(`document.querySelector(".editor textarea").value === "Yes, in oak and in walnut, from 48 €."`)
		ana.sees(".counter", "39 of 1000 bytes")
		ana.picture("edit")
		ana.see(`document.body.dataset.hold === "5000"`)
		ana.holds(15 * time.Second)
		ana.do(chromedp.KeyEvent("\r", chromedp.KeyModifiers(2))) // Ctrl+Enter
		ana.sees(card(lena)+" .outcome", "Undo")
		ana.sees(card(lena)+" .outcome", "Delivered.")
		status := s.reaches(lena, privatereply.Sent)
		if status.Approver != "ana" || s.delivered(status.Comment.CommentID) != "Yes, in oak and in walnut, from 48 €." {
			t.Errorf("approved by %q, delivered %q", status.Approver, s.delivered(status.Comment.CommentID))
		}
	})

	step("an undone click does nothing; a rejection has its reason", func(t *testing.T) {
		ana.holds(time.Hour)
		ana.click(card(mia) + " [data-do=approve]")
		ana.sees(card(mia)+" .outcome", "Undo")
		ana.click(card(mia) + " .outcome button")
		ana.see(`!document.querySelector('` + card(mia) + `').dataset.pending`)
		ana.holds(time.Second)
		ana.press("r")
		ana.see(`document.activeElement.name === "reason"`)
		ana.write(card(mia)+" input[name=reason]", "spam, ae\r")
		ana.told(card(mia)+" .outcome", "Rejected. It will never be sent.", "You rejected this at")
		status := s.reaches(mia, privatereply.Rejected)
		if status.Approver != "ana" || status.RejectReason != "spam, ae" {
			t.Errorf("rejected by %q because %q", status.Approver, status.RejectReason)
		}
	})

	step("who loses a race is told who won, and leaving a page sends the click", func(t *testing.T) {
		_, id := s.start(ask{username: "jonas", text: "How much is the shipping?", reply: "Hi jonas, 4 euros.", rule: "price"})
		ben := s.tab(b, "ben", desktop)
		ben.signIn(s.tokens["ben"])
		path := "/replies/" + id
		ana.open(path)
		ben.open(path)
		ana.holds(time.Hour)
		ben.holds(time.Hour)
		plain := s.plainTab(b, "ana without script")
		plain.open(path)
		ben.click("#edit button")
		ben.sees("#decide .outcome", "Undo")
		ana.click("#edit button")
		ana.sees("#decide .outcome", "Undo")
		ben.open("/replies") // sends the click at once
		ana.sees("#decide", "ben")
		ana.sees("#decide .outcome", "decided before your click")
		plain.click("#edit button")
		plain.sees(".verdict", "Already decided: ben approved this reply")
		if status := s.reaches(id, privatereply.Sent); status.Approver != "ben" {
			t.Errorf("approved by %q", status.Approver)
		}
		ana.sees("#state", "Delivered")
		ana.sees("#story", "ben approved it")
	})

	step("twenty are approved together after each was shown", func(t *testing.T) {
		var ids []string
		for i := range 20 {
			_, id := s.start(ask{username: fmt.Sprintf("person%02d", i), text: "What is the price?", reply: fmt.Sprintf("Hi, it is %d euros.", 10+i), rule: "price"})
			ids = append(ids, id)
		}
		ana.open("/")
		// What comes while the page opens waits behind a button.
		ana.see(`(document.querySelector("#pill:not([hidden])")?.click(), document.querySelectorAll(".card").length === 20)`)
		ana.click("[data-do=select-all]")
		ana.sees("[data-selected]", "20 selected")
		ana.accessible()
		ana.click("[data-do=review]")
		ana.sees("h1", "Approve 20 together")
		ana.sees(".bulkitem", "Hi, it is 29 euros.")
		ana.accessible()
		ana.picture("bulk")
		ana.click("#bulk-approve .bulk .primary")
		ana.sees(".bulk .outcome", "All 20 are approved.")
		for _, id := range ids {
			s.reaches(id, privatereply.Sent)
		}
	})

	step("the window is followed up on a phone", func(t *testing.T) {
		pocket := s.tab(b, "ana's phone", phone)
		pocket.signIn(s.tokens["ana"])
		pocket.open("/replies/" + lena)
		pocket.sees("#chat", "only an answer of the person opens it")
		s.answer(lena)
		pocket.sees("#chat .notice", "You can write for 23 h")
		pocket.write("#follow", "It ships on Monday.")
		pocket.click("#chat form button")
		pocket.sees("#chat .chat", "It ships on Monday.")
		pocket.see(`document.querySelector("#follow").value === ""`)
		pocket.accessible()
		pocket.fits()
		pocket.picture("phone-reply")
		inbox := s.sandbox.Inbox(meta.Person{Account: instagram, Username: "lena"})
		if last := inbox[len(inbox)-1]; last.Kind != meta.KindFollowUp || last.Text != "It ships on Monday." {
			t.Errorf("the person got %+v", last)
		}
	})

	step("what strangers write changes nothing but its own display", func(t *testing.T) {
		long := `<script>window.pwned=1</script><img src=x onerror="window.pwned=1"> {{username}} {{.Comment}} ` + "\u202etfel ot thgir\u202c " + strings.Repeat("wwwwwwwwww", 990)
		_, id := s.start(ask{username: `"><svg onload="window.pwned=1">` + "\u202eevil", text: long, reply: "Hi!", rule: "<b>rule</b>"})
		ana.open("/")
		ana.sees(".card", "<script>window.pwned=1</script>")
		ana.sees(".card", "{{username}}")
		pocket := s.tab(b, "a phone", phone)
		pocket.signIn(s.tokens["ana"])
		pocket.sees(".card", "<script>")
		pocket.fits()
		pocket.open("/replies/" + id)
		pocket.sees(".comment", "{{.Comment}}")
		pocket.fits()
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
		s.reaches(lostID, privatereply.DeliveryUnknown)
		ana.sees("[data-count=unknown]", "1") // Temporal lists it a little later
		ana.open("/unknown")
		ana.sees(".case", "Attempt 2")
		ana.sees(".case", "it is not there")
		ana.accessible()
		ana.picture("unknown")
		ana.click(".case .resolve form:nth-child(2) button")
		ana.told(".case .outcome", "Noted: it was not delivered.", "You resolved this at")
		status := s.reaches(lostID, privatereply.Undeliverable)
		if status.Reason != privatereply.ResolvedNotDelivered || s.sandbox.RepliesDelivered(lost) != 0 {
			t.Errorf("reason %q, %d deliveries", status.Reason, s.sandbox.RepliesDelivered(lost))
		}
	})

	step("a viewer decides nothing", func(t *testing.T) {
		_, id := s.start(ask{username: "noor", text: "Is it waterproof?", reply: "Hi noor, yes.", rule: "questions"})
		vera := s.tab(b, "vera", desktop)
		vera.signIn(s.tokens["vera"])
		vera.sees(".card", "Is it waterproof?")
		for _, path := range []string{"/", "/replies/" + id} {
			vera.open(path)
			vera.sees("main", "noor")
			if n := get[int](vera, `document.querySelectorAll("main form[method=post], main .buttons, main textarea, main [type=checkbox]").length`); n != 0 {
				t.Errorf("%s offers a viewer %d things to decide with", path, n)
			}
		}
		for _, verb := range []string{"approve", "reject", "resolve", "follow-up"} {
			if status, _ := vera.post("/api/replies/"+id+"/"+verb, `{}`); status != http.StatusForbidden {
				t.Errorf("%s answers a viewer with %d", verb, status)
			}
		}
		if status := s.reaches(id, privatereply.AwaitingApproval); status.Approver != "" {
			t.Errorf("decided by %q", status.Approver)
		}
	})

	step("who is signed out is told so, and nothing is decided", func(t *testing.T) {
		_, id := s.start(ask{username: "ida", text: "Do you restock?", reply: "Hi ida, in May.", rule: "questions"})
		ben := s.tab(b, "ben", desktop)
		ben.signIn(s.tokens["ben"])
		ben.sees(card(id), "Do you restock?")
		if n := s.signedIn.SignOutUser("ben"); n == 0 {
			t.Fatal("ben was not signed in")
		}
		ben.click(card(id) + " [data-do=approve]")
		ben.sees(card(id)+" .outcome", "You are not signed in any more. Nothing was decided.")
		s.reaches(id, privatereply.AwaitingApproval)
	})

	step("what goes out by itself is stopped at once", func(t *testing.T) {
		_, id := s.start(ask{username: "tim", text: "price?", reply: "Hi tim!", rule: "price", action: privatereply.ActionAuto, hold: time.Hour})
		ana.open("/?state=holding")
		ana.click(card(id) + " [data-do=reject]")
		ana.see(`(new MutationObserver(() => { window.heldBack ||= document.querySelector(".fuse") !== null; }).observe(document.body, {subtree: true, childList: true}), true)`)
		ana.write(card(id)+" input[name=reason]", "wrong price\r")
		ana.told(card(id)+" .outcome", "Rejected. It will never be sent.", "You rejected this at")
		if get[bool](ana, `Boolean(window.heldBack)`) {
			t.Error("the click was held back")
		}
		s.reaches(id, privatereply.Rejected)
	})

	step("every page is accessible, in light and dark", func(t *testing.T) {
		s.scene()
		adam := s.tab(b, "adam", desktop)
		adam.signIn(s.tokens["adam"])
		// What the desk learns of only now waits behind the pill.
		adam.see(`(document.getElementById("pill")?.hidden === false && document.getElementById("pill").click(), [...document.querySelectorAll(".card")].some(e => e.innerText.includes("Live")))`)
		for _, path := range []string{"/", "/?state=holding", "/unknown", "/replies", "/replies/" + lena, "/funnel", "/people", "/nowhere"} {
			adam.open(path)
			adam.see(`document.querySelector("h1")`)
			adam.accessible()
		}
		adam.open("/")
		adam.sees(".card", "Live")
		adam.picture("queue")
		adam.open("/replies/" + lena)
		adam.picture("reply")
		adam.open("/funnel")
		adam.see(`!document.querySelector(".notice[role=status]")`)
		adam.picture("funnel")
		adam.dark()
		for _, path := range []string{"/replies/" + lena, "/funnel", "/"} {
			adam.open(path)
			adam.see(`document.querySelector("h1")`)
			adam.accessible()
		}
		adam.picture("dark")
		pocket := s.tab(b, "adam's phone", phone)
		pocket.signIn(s.tokens["adam"])
		for _, path := range []string{"/unknown", "/replies", "/replies/" + lena, "/funnel", "/people", "/"} {
			pocket.open(path)
			pocket.see(`document.querySelector("h1")`)
			pocket.fits()
		}
		pocket.accessible()
		pocket.picture("phone")
	})
}

// tab opens a page of somebody, on behalf of the step that runs.
func (s *stage) tab(b *browser, name string, width int64) *tab {
	s.t.Helper()
	p := b.tab(name, width, map[int64]int64{desktop: 900, phone: 844}[width])
	p.t = s.t
	return p
}

// holds has the page hold clicks back for so long, instead of five seconds: on a busy
// machine those can be over before the test has seen or undone one.
func (p *tab) holds(d time.Duration) {
	p.t.Helper()
	p.see(fmt.Sprintf(`document.body.dataset.hold = %d`, d.Milliseconds()))
}

// resultOf waits until what answers a click is shown, or already what takes its place: the
// words that every page gets about a decision.
func (p *tab) told(selector, answer, afterwards string) {
	p.t.Helper()
	p.see(fmt.Sprintf(`[...document.querySelectorAll(%s)].some(e => e.checkVisibility() && [%s, %s].some(words => (e.innerText || "").includes(words)))`,
		quote(selector), quote(answer), quote(afterwards)))
}

// card finds the card of a reply.
func card(id string) string { return fmt.Sprintf(`.card[data-reply="%s"]`, id) }

// fits checks that nothing makes the page wider than its screen.
func (p *tab) fits() {
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

// plainTab is ana's browser without script.
func (s *stage) plainTab(b *browser, name string) *tab {
	s.t.Helper()
	p := s.tab(b, name, desktop)
	p.signIn(s.tokens["ana"])
	p.do(chromedp.Func(func(ctx context.Context, tg *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	}))
	return p
}

func (s *stage) delivered(comment string) string {
	s.t.Helper()
	report, ok := s.sandbox.CommentReport(comment)
	if !ok || len(report.Delivered) != 1 {
		s.t.Fatalf("comment %s: %+v", comment, report)
	}
	return report.Delivered[0].Text
}

// scene fills the desk with what a team sees on an ordinary day.
func (s *stage) scene() {
	s.t.Helper()
	const day = 24 * time.Hour
	for _, a := range []ask{
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
