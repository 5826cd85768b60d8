package desk_test

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/approvals/signin"
	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/lab/harness"
	"github.com/privatereply/privatereply/lab/harness/devserver/devservertest"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/workflows"
)

// The accounts of `starter dev` that this day is about.
const (
	cleanSlate     = "17841400000000001"
	cleanSlatePage = "100000000000001"
)

// deskDay is `starter dev` with people of every role in a browser.
type deskDay struct {
	t      *testing.T
	dev    *harness.Dev
	folder string
	tokens map[string]string
	b      *browser
}

func newDeskDay(t *testing.T) *deskDay {
	t.Helper()
	d := &deskDay{t: t, folder: t.TempDir(), tokens: map[string]string{}}
	var users strings.Builder
	for name, role := range map[string]signin.Role{"adam": signin.Admin, "ana": signin.Approver, "ben": signin.Approver, "wim": signin.Writer, "vera": signin.Viewer} {
		token, lines, err := signin.NewUser(name, role)
		if err != nil {
			t.Fatal(err)
		}
		d.tokens[name] = token
		users.WriteString(lines)
	}
	file := filepath.Join(t.TempDir(), "users.yaml")
	if err := os.WriteFile(file, []byte(users.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	ports, err := harness.FreePorts()
	if err != nil {
		t.Fatal(err)
	}
	d.dev, err = harness.StartDev(t.Context(), harness.DevOptions{
		Folder: d.folder, Ports: ports, CLIPath: devservertest.CLI(t), Ephemeral: true, Encrypt: true, UsersFile: file, RepairInterval: 2 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.dev.Stop(); err != nil {
			t.Error(err)
		}
	})
	// Nothing of the day may go out by itself on a busy machine.
	rules := filepath.Join(d.folder, config.DevRulesFile)
	text, err := os.ReadFile(rules)
	if err == nil {
		err = os.WriteFile(rules, []byte(strings.Replace(string(text), "hold: 30s", "hold: 30m", 1)), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	d.b = newBrowser(t, d.dev.ApprovalsURL)
	return d
}

func (d *deskDay) signedIn(name string, width int64) *tab {
	d.t.Helper()
	p := d.b.tab(name, width, 900)
	p.signIn(d.tokens[name])
	return p
}

// comment has somebody comment, and returns the comment's and the reply's id.
func (d *deskDay) comment(n meta.NewComment, account string, platform privatereply.Platform) (comment, reply string) {
	d.t.Helper()
	comment, err := d.dev.Sandbox.Comment(n)
	if err != nil {
		d.t.Fatal(err)
	}
	reply, err = privatereply.ReplyID(privatereply.Comment{Platform: platform, Account: account, CommentID: comment})
	if err != nil {
		d.t.Fatal(err)
	}
	return comment, reply
}

// untilStatus waits until a reply is as it should be.
func (d *deskDay) untilStatus(reply string, reached func(workflows.PrivateReplyStatus) bool) workflows.PrivateReplyStatus {
	d.t.Helper()
	var status workflows.PrivateReplyStatus
	var err error
	for end := time.Now().Add(pageTimeout); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if status, err = d.dev.Replies.Status(d.t.Context(), reply); err == nil && reached(status) {
			return status
		}
	}
	d.t.Fatalf("%s: %s %s, %+v, %v", reply, status.State, status.Reason, status, err)
	return status
}

// A day of a team at the desk, on the product as `starter dev` runs it: from a comment with a
// photo to the follow-up, with every role, two browsers, a phone, the rules and a broken account.
func TestBrowserDay(t *testing.T) {
	inTurn(t)
	d := newDeskDay(t)
	adam, ana, wim := d.signedIn("adam", desktop), d.signedIn("ana", desktop), d.signedIn("wim", desktop)
	d.saveReply(adam)
	lena := d.conversationBegins(ana)
	d.draft(wim, lena)
	d.decideTogether(ana, lena)
	d.answered(ana, lena)
	otto := d.outsideTool(ana)
	d.stopRule(ana)
	d.rules(adam)
	d.export(ana)
	d.brokenAccount(ana, otto)
	d.onAPhone(lena)
}

// saveReply has a text saved for everybody.
func (d *deskDay) saveReply(adam *tab) {
	d.t.Helper()
	adam.open("/saved")
	adam.clickWith("form[action='/saved'] button[value=save]", `
		document.querySelector("form[action='/saved'] [name=name]").value = "order number";
		document.querySelector("#saved-text").value = "Sorry about that, {{username|there}}. What is your order number?"`)
	adam.awaitText(".savedreply", "order number")
	adam.checkAccessibility()
	adam.screenshot("saved")
}

// conversationBegins has lena comment with a photo under another comment of a post with a
// picture, and edit her words.
func (d *deskDay) conversationBegins(ana *tab) (reply string) {
	d.t.Helper()
	post, err := d.dev.Sandbox.PublishPost(meta.NewPost{Account: cleanSlatePage, Caption: "The walnut shelf is back: cut to your wall."})
	if err != nil {
		d.t.Fatal(err)
	}
	above, err := d.dev.Sandbox.Comment(meta.NewComment{PostID: post, Username: "Mia Lund", Text: "Is the walnut one sturdier than oak?", NoWebhook: true})
	if err != nil {
		d.t.Fatal(err)
	}
	comment, reply := d.comment(meta.NewComment{PostID: post, ParentID: above, Username: "Lena Vogt", Text: "Same here, brokne", Attachment: "photo"}, cleanSlatePage, privatereply.Facebook)
	ana.open("/")
	ana.awaitCard(reply)
	ana.awaitText(card(reply), "Same here, brokne")
	if err := d.dev.Sandbox.EditComment(comment, "Same here, broken"); err != nil {
		d.t.Fatal(err)
	}
	ana.awaitText(card(reply)+" .comment", "Same here, broken")
	ana.awaitText(card(reply), "edited")
	ana.awaitText(card(reply), "cut to your wall")                     // the post
	ana.awaitText(card(reply), "Is the walnut one sturdier than oak?") // what it answers
	ana.screenshot("queue")
	return reply
}

// draft has a writer propose a saved reply, with a note to who approves it.
func (d *deskDay) draft(wim *tab, lena string) {
	d.t.Helper()
	wim.open("/")
	wim.awaitCard(lena)
	wim.awaitText(card(lena), "Same here, broken")
	wim.awaitTrue(`!document.querySelector("[data-do=approve], [data-do=reject]")`)
	wim.clickWith(card(lena)+" [data-do=edit]", "")
	area := "document.querySelector(" + quote(card(lena)+" .editor textarea[name=text], "+card(lena)+" .editor textarea") + ")"
	wim.awaitTrue(area)
	wim.awaitTrue(`(() => { const a = ` + area + `; a.focus(); a.value = "/order"; a.setSelectionRange(6, 6); a.dispatchEvent(new Event("input", {bubbles: true})); return true; })()`)
	wim.awaitText("#saved-list", "order number")
	wim.awaitTrue(`(` + area + `.dispatchEvent(new KeyboardEvent("keydown", {key: "Enter", bubbles: true, cancelable: true})), ` + area + `.value === "Sorry about that, Lena Vogt. What is your order number?")`)
	wim.clickWith(card(lena)+" .editor .primary", `document.querySelector(`+quote(card(lena)+" .editor [name=note]")+`).value = "is the tone right?"`)
	wim.awaitText(card(lena)+" .outcome", "Nothing was sent")
}

// decideTogether has ana take the draft, note something and approve it, while ben has it open
// too and loses.
func (d *deskDay) decideTogether(ana *tab, lena string) {
	d.t.Helper()
	page := "/replies/" + url.PathEscape(lena)
	ana.awaitCard(lena)
	ana.awaitText(card(lena)+" .proposal", "What is your order number?")
	ana.awaitText(card(lena), "wim proposes")
	ana.open(page)
	ana.awaitText("#team", "is the tone right?")
	ana.clickWith("#team form[action$='/assign'] button", "")
	ana.awaitText("#team", "You take care of it.")
	ana.clickWith("#team form[action$='/note'] button", `document.querySelector("#note").value = "Yes. Her second shelf."`)
	ana.awaitText("#team .notes", "Her second shelf")
	ana.awaitText("#context", "cut to your wall")
	ana.checkAccessibility()
	ana.screenshot("reply")

	ben := d.signedIn("ben", desktop)
	ben.open(page)
	ana.awaitText("#team [data-present]", "ben has it open")
	ben.awaitTrue(`(() => { const a = document.querySelector("#text"); if (!a) return false; a.focus(); a.value = "Ben asks something else."; a.dispatchEvent(new Event("input", {bubbles: true})); return true; })()`)
	ana.awaitText("#team [data-present]", "ben is writing")
	ana.setHold(50 * time.Millisecond)
	ana.clickWith("#edit button.primary", "")
	d.untilStatus(lena, func(s workflows.PrivateReplyStatus) bool { return s.State == privatereply.Sent && s.Approver == "ana" })
	ben.awaitText("#decide .outcome", "Decided by ana")
	ben.awaitTrue(`document.querySelector("#text").value === "Ben asks something else."`)
	if got := d.received(meta.Person{Account: cleanSlatePage, Username: "Lena Vogt"}); len(got) != 1 || got[0] != "Sorry about that, Lena Vogt. What is your order number?" {
		d.t.Errorf("Lena Vogt received %q", got)
	}
}

// received is what a person got.
func (d *deskDay) received(p meta.Person) (texts []string) {
	for _, m := range d.dev.Sandbox.Inbox(p) {
		if m.Sender != meta.SenderPerson {
			texts = append(texts, m.Text)
		}
	}
	return texts
}

// answered has lena answer in words and with a picture, which ana reads and follows up.
func (d *deskDay) answered(ana *tab, lena string) {
	d.t.Helper()
	person := meta.Person{Account: cleanSlatePage, Username: "Lena Vogt"}
	ana.open("/")
	if _, err := d.dev.Sandbox.WriteMessage(meta.NewMessage{Account: person.Account, Username: person.Username, Text: "Order 4711. The left leg is split.", Attachment: "photo"}); err != nil {
		d.t.Fatal(err)
	}
	ana.awaitTrue(`document.querySelector("[data-count=answered]")?.textContent === "1"`)
	ana.open("/answered")
	ana.awaitText(card(lena), "Order 4711. The left leg is split.")
	ana.awaitText(card(lena), "Waits for us")
	ana.awaitTrue(fmt.Sprintf(loaded, quote(card(lena)+" .attached img"), 1))
	ana.checkAccessibility()
	ana.screenshot("answered")
	ana.setHold(50 * time.Millisecond)
	ana.clickWith(card(lena)+" .answer-form button.primary", `document.querySelector(`+quote(card(lena)+" .answer-form textarea")+`).value = "A new leg is on its way."`)
	ana.awaitText("#answered", "We wrote last")
	ana.awaitTrue(`document.querySelector("[data-count=answered]")?.textContent === "0"`)
	if got := d.received(person); len(got) != 2 || got[1] != "A new leg is on its way." {
		d.t.Errorf("Lena Vogt received %q", got)
	}
}

// outsideTool has a plain Temporal client propose a text.
func (d *deskDay) outsideTool(ana *tab) (reply string) {
	d.t.Helper()
	_, reply = d.comment(meta.NewComment{Account: cleanSlate, Username: "otto", Text: "Do you ship it in June?"}, cleanSlate, privatereply.Instagram)
	_, _ = d.comment(meta.NewComment{Account: cleanSlate, Username: "ida", Text: "Is it oak?"}, cleanSlate, privatereply.Instagram)
	d.untilStatus(reply, func(s workflows.PrivateReplyStatus) bool {
		return s.State == privatereply.Holding || s.State == privatereply.AwaitingApproval
	})
	handle, err := d.dev.Client.UpdateWorkflow(d.t.Context(), client.UpdateWorkflowOptions{
		WorkflowID: reply, UpdateName: "propose", WaitForStage: client.WorkflowUpdateStageCompleted,
		Args: []any{map[string]any{"by": "order bot", "text": "Hi otto, yes: from the second of June."}},
	})
	if err == nil {
		err = handle.Get(d.t.Context(), nil)
	}
	if err != nil {
		d.t.Fatal(err)
	}
	ana.open("/")
	ana.awaitCard(reply)
	ana.awaitText(card(reply)+" .proposal", "from the second of June")
	ana.awaitText(card(reply), "order bot proposes")
	return reply
}

// stopRule has a rule that sends something wrong stopped and resumed by one click each, and
// the rejection of one comment taken back.
func (d *deskDay) stopRule(ana *tab) {
	d.t.Helper()
	ask := func(person string, want privatereply.State) (reply string) {
		_, reply = d.comment(meta.NewComment{Account: cleanSlate, Username: person, Text: "How long does the shipping take?"}, cleanSlate, privatereply.Instagram)
		d.untilStatus(reply, func(s workflows.PrivateReplyStatus) bool { return want == "" || s.State == want })
		return reply
	}
	held := ask("karl", privatereply.Holding)
	ana.open("/?state=holding&rule=delivery")
	ana.awaitCard(held)
	ana.awaitText(card(held), "How long does the shipping take?")
	ana.clickWith("form[action='/stop'] button.danger", "")
	ana.awaitText("main", "1 reply was stopped")
	ana.checkAccessibility()
	d.untilStatus(held, func(s workflows.PrivateReplyStatus) bool {
		return s.State == privatereply.Rejected && s.Approver == "ana"
	})
	waiting := ask("nora", privatereply.AwaitingApproval)
	if s, err := d.dev.Replies.Status(d.t.Context(), waiting); err != nil || s.Decision.Reason != privatereply.AutomaticPaused || s.Text == "" {
		d.t.Errorf("what the stopped rule would have sent: %+v, %v", s.Decision, err)
	}
	ana.open("/replies/" + url.PathEscape(held))
	ana.clickWith("#reopen button", "")
	ana.awaitText("#state", "Waits for a decision")
	ana.open("/?rule=delivery")
	ana.awaitCard(held)
	ana.awaitText(card(held), "How long does the shipping take?")
	ana.clickWith("form[action='/resume'] button", "")
	ana.awaitText("main", "Resumed")
	// The bridge reads the file again within seconds.
	for n, end := 0, time.Now().Add(pageTimeout); ; n++ {
		paul := ask(fmt.Sprintf("paul%d", n), "")
		if s := d.untilStatus(paul, func(workflows.PrivateReplyStatus) bool { return true }); s.State == privatereply.Holding {
			return
		}
		if time.Now().After(end) {
			d.t.Fatal("the rule is not resumed")
		}
		time.Sleep(500 * time.Millisecond)
	}
}

// rules has the rules edited with a mistake, mended, tried, run on held comments, saved and
// taken back.
func (d *deskDay) rules(adam *tab) {
	d.t.Helper()
	file := filepath.Join(d.folder, config.DevRulesFile)
	before, err := os.ReadFile(file)
	if err != nil {
		d.t.Fatal(err)
	}
	adam.open("/rules")
	edit := func(from, to string) {
		adam.awaitTrue(`(() => { const a = document.getElementById("content"); if (!a) return false; a.value = a.value.replace(` + quote(from) + `, ` + quote(to) + `); a.dispatchEvent(new Event("input")); return true; })()`)
	}
	edit("rules:\n", "rules:\n  - name: oak\n    when: say(text, \"oak\")\n    ask: \"Yes, it is oak.\"\n\n")
	adam.awaitText("#problems", "say")
	adam.screenshot("rules-wrong")
	edit("say(text, \"oak\")", "says(text, \"oak\")")
	adam.awaitText("#problems", "It loads.")
	adam.clickWith("[formaction='/rules/try']", `document.querySelector("#rules [name=text]").value = "Oak?"`)
	adam.awaitText(".tried .proposal", "Yes, it is oak.")
	adam.clickWith("[formaction='/rules/backtest']", "")
	adam.awaitText("#backtest", "would be decided otherwise")
	adam.awaitText("#backtest", "Is it oak?")
	adam.checkAccessibility()
	adam.screenshot("rules")
	adam.clickWith("[formaction='/rules/save']", `document.querySelector("#rules [name=why]").value = "people ask for oak"`)
	adam.awaitText(".banner.good", "Saved")
	if after, err := os.ReadFile(file); err != nil || !strings.Contains(string(after), "name: oak") {
		d.t.Errorf("the file after saving: %v\n%s", err, after)
	}
	adam.clickWith(".versions li:last-child a", "")
	adam.awaitText("h1", "Rules of")
	adam.clickWith("form[method=post] .primary", `document.querySelector("[name=why]").value = "not in this season"`)
	adam.awaitText(".banner.good", "Taken back")
	if after, err := os.ReadFile(file); err != nil || string(after) != string(before) {
		d.t.Errorf("the file after taking back: %v\n%s", err, after)
	}
}

// export searches the list, and opens it as CSV.
func (d *deskDay) export(ana *tab) {
	d.t.Helper()
	ana.open("/replies?q=order+number")
	ana.awaitText("main mark", "order")
	ana.awaitTrue(`document.querySelectorAll("main .row").length === 1`)
	ana.open("/replies")
	ana.awaitText("main", "Lena Vogt")
	ana.screenshot("all")
	csv := get[string](ana, `fetch(document.querySelector("a[href*='.csv']").href).then(r => r.text())`)
	if !strings.Contains(csv, "What is your order number?") || !strings.Contains(csv, "ana") || strings.Count(csv, "\n") < 4 {
		d.t.Errorf("the CSV is\n%s", csv)
	}
}

// brokenAccount revokes a token: everybody is told, and what is approved waits.
func (d *deskDay) brokenAccount(ana *tab, otto string) {
	d.t.Helper()
	revoked := meta.TokenRevoked
	if err := d.dev.Sandbox.UpdateAccount(cleanSlate, meta.AccountUpdate{TokenState: &revoked}); err != nil {
		d.t.Fatal(err)
	}
	ana.open("/")
	ana.setHold(50 * time.Millisecond)
	ana.clickWith(card(otto)+" [data-do=approve]", "")
	ana.awaitText("#banners", "Clean Slate")
	ana.awaitText("#banners", "1 approved reply waits")
	ana.checkAccessibility()
	ana.screenshot("banner")
	valid := meta.TokenValid
	if err := d.dev.Sandbox.UpdateAccount(cleanSlate, meta.AccountUpdate{TokenState: &valid}); err != nil {
		d.t.Fatal(err)
	}
}

// onAPhone opens every page as a viewer, who can decide nothing, on a phone.
func (d *deskDay) onAPhone(lena string) {
	d.t.Helper()
	vera := d.signedIn("vera", phone)
	for _, page := range []struct{ name, path, shows string }{
		{"queue-phone", "/", "Is it oak?"},
		{"answered-phone", "/answered", "A new leg is on its way."},
		{"reply-phone", "/replies/" + url.PathEscape(lena), "The left leg is split."},
		{"person-phone", "/replies/" + url.PathEscape(lena) + "/person", "Same here, broken"},
		{"all-phone", "/replies", "Lena Vogt"},
		{"unknown-phone", "/unknown", ""},
		{"funnel-phone", "/funnel", ""},
	} {
		vera.open(page.path)
		vera.awaitText("main", page.shows)
		vera.awaitTrue(`!document.querySelector("[data-do=approve], [data-do=reject], #edit, .answer-form, #follow")`)
		vera.checkWidth()
		vera.checkAccessibility()
		vera.screenshot(page.name)
	}
	if status := get[int](vera, `fetch("/rules").then(r => r.status)`); status != 403 {
		d.t.Errorf("a viewer gets %d of the rules", status)
	}
}
