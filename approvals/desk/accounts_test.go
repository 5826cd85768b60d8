package desk_test

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/lab/harness"
	"github.com/privatereply/privatereply/lab/harness/devserver/devservertest"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/workflows"
)

// The accounts of `starter dev` that wait to be connected.
const (
	lampPost     = "17841400000000006"
	fernGatePage = "100000000000005"
)

// accountsDay is `starter dev` with a browser in which an admin is signed in.
type accountsDay struct {
	*tab
	dev    *harness.Dev
	folder string
}

func newAccountsDay(t *testing.T) *accountsDay {
	t.Helper()
	ports, err := harness.FreePorts()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	dev, err := harness.StartDev(t.Context(), harness.DevOptions{
		Folder: folder, Ports: ports, CLIPath: devservertest.CLI(t), Ephemeral: true, Encrypt: true, RepairInterval: 2 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := dev.Stop(); err != nil {
			t.Error(err)
		}
	})
	return &accountsDay{tab: newBrowser(t, dev.ApprovalsURL).tab("admin", 1280, 900), dev: dev, folder: filepath.Join(folder, config.DevAccountsFolder, "connected")}
}

// connect goes through Meta's dialog of a login and chooses everything that it reaches.
func (d *accountsDay) connect(login privatereply.Login) {
	d.t.Helper()
	d.open("/accounts")
	d.click(`a.button[href="/accounts/connect?login=` + string(login) + `"]`)
	d.awaitTrue(`document.querySelector("#approve")`)
	if login == privatereply.LoginInstagram {
		d.click("#account-" + lampPost)
	}
	d.click("#approve")
	d.awaitTrue(`document.querySelector("form[action='/accounts/connect']")`)
	d.screenshot("choose-" + string(login))
	d.click("form[action='/accounts/connect'] button.primary")
	d.awaitTrue(`document.querySelector("h1").textContent == "Connected"`)
	d.screenshot("connected-" + string(login))
}

// ask has somebody comment on the account's newest post, and approves the reply once it
// waits.
func (d *accountsDay) ask(account string) (comment, reply string) {
	d.t.Helper()
	comment, err := d.dev.Sandbox.Comment(meta.NewComment{Account: account, Username: "lena", Text: "Does it come in oak?"})
	if err != nil {
		d.t.Fatal(err)
	}
	a := d.account(account)
	if reply, err = privatereply.ReplyID(privatereply.Comment{Platform: a.Platform, Account: account, CommentID: comment}); err != nil {
		d.t.Fatal(err)
	}
	d.awaitStatus(reply, func(s workflows.PrivateReplyStatus) bool { return s.State == privatereply.AwaitingApproval })
	d.open("/replies/" + url.PathEscape(reply))
	d.clickWith("#edit button.primary", `document.querySelector("#text").value = "Yes, it does."`)
	return comment, reply
}

// forget has the person of a reply forgotten, and expects nothing to be left of the reply but
// that it was withdrawn before it began.
func (d *accountsDay) forget(reply string) {
	d.t.Helper()
	d.open("/replies/" + url.PathEscape(reply))
	d.clickWith("#story a[href$='/forget']", "")
	d.awaitTrue(`document.querySelector("form[action$='/forget']")`)
	d.screenshot("forget")
	d.click("form[action$='/forget'] button.danger")
	for end := time.Now().Add(pageTimeout); ; time.Sleep(500 * time.Millisecond) {
		d.awaitTrue(`document.querySelector("h1").textContent == "Forgetting a person"`)
		if get[bool](d.tab, `document.querySelector(".lead").textContent == "It is done."`) {
			break
		}
		if time.Now().After(end) {
			d.t.Fatal("the erasure is not done")
		}
		d.click("p > a.button")
	}
	if status, err := d.dev.Replies.Status(d.t.Context(), reply); err == nil && (status.Comment.Text != "" || status.Text != "" || status.Comment.Username != "") {
		d.t.Errorf("the reply of a person who was forgotten says %+v", status)
	}
}

// askPaused has somebody ask for the price, which a rule answers by itself but for the pause,
// and returns the reply that waits for a person instead.
func (d *accountsDay) askPaused(account string) (reply string) {
	d.t.Helper()
	for end := time.Now().Add(pageTimeout); !d.account(account).AutomaticPaused; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			d.t.Fatal("the pause is not in force")
		}
	}
	comment, err := d.dev.Sandbox.Comment(meta.NewComment{Account: account, Username: "otto", Text: "How much is it?"})
	if err != nil {
		d.t.Fatal(err)
	}
	reply, err = privatereply.ReplyID(privatereply.Comment{Platform: privatereply.Instagram, Account: account, CommentID: comment})
	if err != nil {
		d.t.Fatal(err)
	}
	d.awaitStatus(reply, func(s workflows.PrivateReplyStatus) bool {
		return s.State == privatereply.AwaitingApproval && s.Decision.Reason == privatereply.AutomaticPaused && s.Text != ""
	})
	return reply
}

func (d *accountsDay) account(id string) privatereply.Account {
	d.t.Helper()
	for _, a := range d.dev.Accounts.All() {
		if a.ID == id {
			return a
		}
	}
	d.t.Fatalf("%s is not among the accounts", id)
	return privatereply.Account{}
}

func (d *accountsDay) awaitStatus(reply string, reached func(workflows.PrivateReplyStatus) bool) {
	d.t.Helper()
	var status workflows.PrivateReplyStatus
	var err error
	for end := time.Now().Add(pageTimeout); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if status, err = d.dev.Replies.Status(d.t.Context(), reply); err == nil && reached(status) {
			return
		}
	}
	d.t.Fatalf("%s: %s %s, send %+v, %v", reply, status.State, status.Reason, status.Send, err)
}

func (d *accountsDay) awaitSent(reply string) {
	d.t.Helper()
	d.awaitStatus(reply, func(s workflows.PrivateReplyStatus) bool { return s.State == privatereply.Sent })
}

// files are the names of an account's files in the folder.
func (d *accountsDay) files(id string) []string {
	d.t.Helper()
	entries, err := os.ReadDir(d.folder)
	if err != nil {
		d.t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if strings.Contains(e.Name(), id) {
			names = append(names, e.Name())
		}
	}
	return names
}

// A day of an account: it is connected through Meta's dialog, answers, waits while its token
// is over, goes on when it is connected again, and leaves nothing when it is disconnected.
func TestAccountsDay(t *testing.T) {
	inTurn(t)
	d := newAccountsDay(t)
	d.open("/accounts")
	d.awaitTrue(`document.body.textContent.includes("tin.kettle")`)

	d.connect(privatereply.LoginInstagram)
	d.connect(privatereply.LoginFacebook)
	d.open("/accounts")
	d.checkAccessibility()
	// The browser loads pictures that are near; one that Meta was late with is asked for again.
	d.awaitTrue(`(img => { img.scrollIntoView(); if (img.complete && !img.naturalWidth) img.src = img.src; return img.naturalWidth == 50 })(document.querySelector("#instagram-` + lampPost + ` img"))`)
	d.awaitTrue(`(scrollTo(0, 0), true)`)
	d.screenshot("accounts")
	for _, id := range []string{lampPost, fernGatePage} {
		if n := len(d.files(id)); n != 2 {
			t.Fatalf("%s has %d files in the folder, want its YAML and its token", id, n)
		}
		comment, reply := d.ask(id)
		d.awaitSent(reply)
		if report, _ := d.dev.Sandbox.CommentReport(comment); len(report.Delivered) != 1 {
			t.Errorf("%s: %d messages delivered, want 1", id, len(report.Delivered))
		}
	}

	expired := meta.TokenExpired
	if err := d.dev.Sandbox.UpdateAccount(lampPost, meta.AccountUpdate{TokenState: &expired}); err != nil {
		t.Fatal(err)
	}
	comment, reply := d.ask(lampPost)
	d.awaitStatus(reply, func(s workflows.PrivateReplyStatus) bool {
		return s.State == privatereply.Sending && s.Send != nil && s.Send.Reason == privatereply.TokenRejected
	})
	// The page that is open says so by itself, and what to do.
	d.awaitTrue(`document.querySelector("#banners .trouble")?.textContent.includes("1 approved reply waits")`)
	d.awaitTrue(`document.querySelector("#banners a[href='/accounts#instagram-` + lampPost + `']")`)
	d.open("/replies?state=sending")
	d.awaitTrue(`document.querySelector(".row-held")?.textContent.includes("rejects the account")`)
	d.checkAccessibility()
	d.screenshot("banner")
	d.openUntil("/accounts", `document.querySelector("#instagram-`+lampPost+` .banner")`)
	d.screenshot("accounts-waiting")
	d.connect(privatereply.LoginInstagram)
	d.awaitSent(reply)
	if report, _ := d.dev.Sandbox.CommentReport(comment); len(report.Delivered) != 1 {
		t.Errorf("%d messages were delivered after the account was connected again, want 1", len(report.Delivered))
	}
	d.open("/")
	d.awaitTrue(`document.querySelector("#banners") && !document.querySelector("#banners .trouble")`)

	d.forget(reply)

	d.open("/accounts")
	d.click("form[action='/accounts/instagram/" + lampPost + "/pause'] button")
	d.awaitTrue(`document.querySelector("form[action='/accounts/instagram/` + lampPost + `/resume']")`)
	waiting := d.askPaused(lampPost)

	d.open("/accounts/instagram/" + lampPost + "/disconnect")
	d.screenshot("disconnect")
	d.click("input[name=replies][value=reject]")
	d.click("form button.danger")
	d.awaitTrue(`document.querySelector(".banner[role=status]")`)
	if left := d.files(lampPost); len(left) > 0 {
		t.Errorf("a disconnected account left %v in the folder", left)
	}
	d.openUntil("/accounts", `!document.querySelector("#instagram-`+lampPost+`")`)
	d.awaitStatus(waiting, func(s workflows.PrivateReplyStatus) bool {
		return s.State == privatereply.Rejected && s.RejectReason == "the account was disconnected"
	})
}

// openUntil opens a page until it is as expected: a list follows a moment later, and the folder
// is read again within seconds.
func (d *accountsDay) openUntil(path, expression string) {
	d.t.Helper()
	for end := time.Now().Add(pageTimeout); time.Now().Before(end); time.Sleep(500 * time.Millisecond) {
		d.open(path)
		if get[bool](d.tab, "!!("+expression+")") {
			return
		}
	}
	d.t.Fatalf("%s never shows %s", path, expression)
}
