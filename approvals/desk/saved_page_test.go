package desk_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"go.uber.org/zap"

	"github.com/privatereply/privatereply/approvals/desk"
	"github.com/privatereply/privatereply/approvals/saved"
	"github.com/privatereply/privatereply/internal/replies"
)

const savedFile = `- name: price list
  text: "Hi {{username|there}}, {{account}} has it: https://example.com/<prices>"
- name: delivery
  text: Tomorrow.
  accounts: [Oak Corner]
  language: en
`

func newSavedDesk(t *testing.T, content string, rows ...replies.Row) *rulesDesk {
	t.Helper()
	d := &rulesDesk{path: filepath.Join(t.TempDir(), "saved-replies.yaml")}
	d.write(t, content)
	d.fakeDesk = newFakeDeskWith(t, func(c *desk.Config) { c.Saved = saved.Open(d.path, zap.NewNop()) }, rows...)
	return d
}

// names are those of the saved replies that the API gives, and the text of the first.
func (d *rulesDesk) saved(client *http.Client, query string) (status int, names []string, text string) {
	d.t.Helper()
	resp, body := d.do(client, http.MethodGet, "/api/saved"+query, "", nil)
	var got struct {
		Replies []struct{ Name, Text string }
	}
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		d.t.Fatalf("%v: %s", err, body)
	}
	for i, r := range got.Replies {
		if names = append(names, r.Name); i == 0 {
			text = r.Text
		}
	}
	return resp.StatusCode, names, text
}

// Whoever may write gets the saved replies of a reply's account, with the person and the
// account filled in; of an account that they do not see they get nothing.
func TestSavedAPI(t *testing.T) {
	d := newSavedDesk(t, savedFile, waitingRow(1, "How much?", "12 euros"), oakRow())
	for _, tt := range []struct {
		user, query string
		status      int
		names       []string
		text        string
	}{
		{"wim", "", 200, []string{"price list", "delivery"}, "Hi {{username|there}}, {{account}} has it: https://example.com/<prices>"},
		{"wim", "?account=" + instagram, 200, []string{"price list"}, "Hi {{username|there}}, {{account}} has it: https://example.com/<prices>"},
		{"ana", "?reply=" + url.QueryEscape(oakID), 200, []string{"price list", "delivery"}, "Hi Karl, Oak Corner has it: https://example.com/<prices>"},
		{"otto", "?reply=" + url.QueryEscape(oakID), 200, []string{"price list", "delivery"}, "Hi Karl, Oak Corner has it: https://example.com/<prices>"},
		{"otto", "?account=" + instagram, 404, nil, ""},
		{"otto", "?reply=" + url.QueryEscape(waitingID), 404, nil, ""},
		{"vera", "", 403, nil, ""},
		{"", "", 401, nil, ""},
	} {
		if status, names, text := d.saved(d.signedIn(tt.user), tt.query); status != tt.status || !slices.Equal(names, tt.names) || text != tt.text {
			t.Errorf("%s%s: %d %q %q", tt.user, tt.query, status, names, text)
		}
	}
}

// Approvers edit the file at the desk; what cannot be sent is refused in words, and whoever
// was slower sees what the other wrote.
func TestSavedPage(t *testing.T) {
	d := newSavedDesk(t, "# ours\n"+savedFile)
	ana := d.signedIn("ana")
	post := func(client *http.Client, form url.Values) (int, string) { return d.post(client, "/saved", form) }
	for want, form := range map[string]url.Values{
		"there is no placeholder {{first}}":      {"name": {"x"}, "text": {"Hi {{first}}"}},
		"says nothing for a person":              {"name": {"x"}, "text": {"Hi {{username}}"}},
		"is called &#34;Delivery&#34; already":   {"name": {"Delivery"}, "text": {"x"}},
		"there is no account &#34;Nobody&#34;":   {"name": {"x"}, "text": {"x"}, "accounts": {"Nobody"}},
		"for Clean Slate":                        {"name": {"x"}, "text": {strings.Repeat("é", 501)}},
		"Text: it is missing":                    {"name": {"x"}, "text": {"\r\n"}},
		"somebody deleted or renamed this reply": {"was": {"gone"}, "sha256": {"x"}, "name": {"gone"}, "text": {"x"}},
	} {
		if status, body := post(ana, form); status != http.StatusConflict || !strings.Contains(strings.ToLower(body), strings.ToLower(want)) || d.content() != "# ours\n"+savedFile {
			t.Errorf("%d, lacks %q:\n%s", status, want, body)
		}
	}
	if status, body := post(ana, url.Values{"name": {"thanks"}, "text": {"Danke,\r\n<b>{{account}}</b>"}, "accounts": {"Clean Slate"}, "language": {"de"}}); status != http.StatusSeeOther {
		t.Fatalf("%d\n%s", status, body)
	}
	_, page := d.do(ana, http.MethodGet, "/saved", "", nil)
	if !strings.Contains(page, "Danke,\n&lt;b&gt;{{account}}&lt;/b&gt;</p>") || !strings.HasPrefix(d.content(), "# ours\n"+savedFile) {
		t.Errorf("added:\n%s\n%s", d.content(), page)
	}
	_, page = d.do(ana, http.MethodGet, "/saved?edit=delivery", "", nil)
	sha := field(page, "sha256")
	if !strings.Contains(page, `value="Oak Corner" checked`) {
		t.Error("the form does not have the reply's accounts")
	}
	change := url.Values{"was": {"delivery"}, "sha256": {sha}, "name": {"delivery"}, "text": {"In two days."}, "accounts": {"Oak Corner"}}
	if status, _ := post(d.signedIn("otto"), change); status != http.StatusSeeOther { // an admin of that account
		t.Error(status)
	}
	change.Set("text", "In three days.")
	status, body := post(ana, change)
	if status != http.StatusConflict || !strings.Contains(body, "somebody changed this reply") || !strings.Contains(body, ">In two days.</p>") || !strings.Contains(body, "\nIn three days.</textarea>") {
		t.Errorf("changed by two: %d\n%s", status, body)
	}
	if status, _ := post(ana, url.Values{"was": {"delivery"}, "sha256": {field(body, "sha256")}, "do": {"delete"}}); status != http.StatusSeeOther || strings.Contains(d.content(), "delivery") {
		t.Errorf("not deleted: %d", status)
	}
	for name, form := range map[string]url.Values{
		"for all":            {"name": {"x"}, "text": {"x"}},
		"for another":        {"name": {"x"}, "text": {"x"}, "accounts": {"Clean Slate"}},
		"change one for all": {"was": {"price list"}, "name": {"price list"}, "text": {"x"}, "accounts": {"Oak Corner"}},
	} {
		if status, _ := post(d.signedIn("otto"), form); status != http.StatusConflict {
			t.Errorf("somebody who sees one account saves one %s: %d", name, status)
		}
	}
	if _, page := d.do(d.signedIn("otto"), http.MethodGet, "/saved", "", nil); strings.Contains(page, "Danke") || !strings.Contains(page, "price list") {
		t.Error("otto sees the replies of the wrong accounts")
	}
	if status, _ := post(d.signedIn("wim"), url.Values{"name": {"x"}, "text": {"x"}}); status != http.StatusForbidden {
		t.Errorf("a writer saves one: %d", status)
	}
	if _, page := d.do(d.signedIn("wim"), http.MethodGet, "/saved", "", nil); strings.Contains(page, `action="/saved"`) || !strings.Contains(page, "price list") {
		t.Error("a writer does not see the list, or gets the form")
	}
}

// The day of an admin in a browser: rules are edited with a mistake, mended, tried, run on
// the comments that are held, saved and taken back.
func TestRulesDay(t *testing.T) {
	inTurn(t)
	d := newRulesDesk(t, rulesFile)
	p := newBrowser(t, d.url).tab("adam", 1280, 900)
	p.signIn(d.tokens["adam"])
	p.open("/rules")
	p.awaitTrue(`document.querySelector(".gutter").textContent.startsWith("1\n2\n")`)
	p.checkAccessibility()
	edit := func(from, to string) {
		t.Helper()
		p.awaitTrue(`(() => { const a = document.getElementById("content"); a.value = a.value.replace(` + quote(from) + `, ` + quote(to) + `); a.dispatchEvent(new Event("input")); return true; })()`)
	}
	send := func(verb string) {
		t.Helper()
		p.awaitTrue(`(() => { const b = document.querySelector("[formaction='/rules/` + verb + `']"); if (!b) return false; b.click(); return true; })()`)
		p.awaitLoad()
	}
	edit("says(", "say(")
	p.awaitTrue(`document.querySelector(".gutter .wrong")?.textContent === "5"`)
	p.awaitText("#problems", "undeclared reference to 'say'")
	p.checkAccessibility()
	p.screenshot("rules-wrong")
	p.awaitTrue(`(document.querySelector("#problems li button").click(), document.activeElement.id === "content" && document.activeElement.value.slice(document.activeElement.selectionStart).startsWith('say(text'))`)
	edit("say(", "says(")
	p.awaitText("#problems", "It loads.")
	edit("12 euros", "14 euros, {{username|you}}")
	p.awaitTrue(`(document.querySelector("[name=text]").value = "what PRICE?", true)`)
	send("try")
	p.awaitText(".tried", "It is answered automatically, by rule price.")
	p.awaitText(".tried .proposal", "14 euros, you")
	send("backtest")
	p.awaitText("#backtest", "1 of 2 comments would be decided otherwise.")
	p.checkAccessibility()
	p.screenshot("rules")
	if d.content() != rulesFile {
		t.Fatal("something is saved already")
	}
	p.awaitTrue(`(document.querySelector("[name=why]").value = "new price", true)`)
	send("save")
	p.awaitText(".banner.good", "Saved.")
	if !strings.Contains(d.content(), "14 euros") {
		t.Fatalf("not saved:\n%s", d.content())
	}
	p.awaitTrue(`(() => { const all = document.querySelectorAll(".versions a"); if (all.length != 2) return false; all[1].click(); return true; })()`)
	p.awaitText(".diff .added", "12 euros")
	p.checkAccessibility()
	p.awaitTrue(`(document.querySelector("[name=why]").value = "it was right before", true)`)
	p.awaitTrue(`(() => { const b = document.querySelector("form[method=post] .primary"); if (!b) return false; b.click(); return true; })()`)
	p.awaitText(".banner.good", "Taken back.")
	if d.content() != rulesFile {
		t.Errorf("taken back:\n%s", d.content())
	}
	toPhone(p)
	p.open("/rules")
	p.awaitTrue(`document.documentElement.scrollWidth <= innerWidth && document.querySelector(".gutter")`)
	p.checkAccessibility()
	p.screenshot("rules-phone")
}

// toPhone puts the page on a screen of a phone, and expects nothing to scroll sideways.
func toPhone(p *tab) {
	p.t.Helper()
	p.do(chromedp.EmulateViewport(390, 844, chromedp.EmulateMobile, chromedp.EmulatePortrait, chromedp.EmulateTouch, chromedp.EmulateScale(2)))
	p.awaitTrue(`document.documentElement.scrollWidth <= innerWidth`)
}

// A saved reply comes into an editor by "/" and its name, by the keyboard alone or by the
// button; the list says what it is to a screen reader, and Escape closes only the list.
func TestSavedInAnEditor(t *testing.T) {
	inTurn(t)
	d := newSavedDesk(t, savedFile+"- name: sizes\n  text: All of them.\n")
	p := newBrowser(t, d.url).tab("ana", 1280, 900)
	p.signIn(d.tokens["ana"])
	p.awaitTrue(`document.querySelector("[data-do=edit]")`)
	p.awaitLoad()
	p.awaitTrue(`(document.querySelector("[data-do=edit]").click(), document.querySelector(".editor .saved-open, .editor textarea"))`)
	area := `document.querySelector(".editor textarea")`
	typed := func(text string) string {
		return `(() => { const a = ` + area + `; a.focus(); a.value = ` + quote(text) + `; a.setSelectionRange(a.value.length, a.value.length); a.dispatchEvent(new Event("input", {bubbles: true})); return true; })()`
	}
	key := func(name string) {
		t.Helper()
		p.awaitTrue(`(` + area + `.dispatchEvent(new KeyboardEvent("keydown", {key: ` + quote(name) + `, bubbles: true, cancelable: true})), true)`)
	}
	options := func(want string) {
		t.Helper()
		p.awaitTrue(`[...document.querySelectorAll("#saved-list [role=option] b")].map(b => b.textContent).join() === ` + quote(want))
	}
	p.awaitTrue(area)
	p.awaitTrue(typed("Hello! either/or"))
	p.awaitTrue(typed("Hello! /"))
	options("price list,sizes") // not of the other account
	p.awaitTrue(area + `.getAttribute("role") === "combobox" && ` + area + `.getAttribute("aria-activedescendant") === "saved-0"`)
	p.checkAccessibility()
	p.screenshot("saved-list")
	key("ArrowDown")
	p.awaitTrue(`document.querySelector("#saved-1[aria-selected=true]")`)
	key("Escape")
	p.awaitTrue(`!document.querySelector("#saved-list") && ` + area + ` && ` + area + `.getAttribute("role") === null`)
	p.awaitTrue(typed("Hello,"))
	p.awaitTrue(typed("Hello, /price l"))
	options("price list")
	key("Enter")
	p.awaitTrue(area + `.value === "Hello, Hi lena, Clean Slate has it: https://example.com/<prices>"`)
	p.awaitTrue(`Object.values(sessionStorage).some(v => v.startsWith("Hello, Hi lena, Clean Slate"))`)
	p.awaitTrue(`(document.querySelector(".saved-open").click(), true)`)
	options("price list,sizes")
	p.awaitTrue(`(document.querySelector("#saved-1").click(), true)`)
	p.awaitTrue(area + `.value.endsWith("<prices>All of them.")`)
	if get[int](p, `document.querySelectorAll("#saved-list").length`) != 0 {
		t.Error("the list stays open")
	}
	// On a reply's page, and for who answers in a conversation.
	p.open("/replies/" + url.PathEscape(waitingID))
	p.awaitTrue(`document.querySelector("#edit .saved-open")`)
	toPhone(p)
	p.open("/saved")
	p.awaitTrue(`document.documentElement.scrollWidth <= innerWidth`)
	p.checkAccessibility()
	p.screenshot("saved")
}

// What a person edits by hand is in use without a restart.
func TestSavedByHand(t *testing.T) {
	d := newSavedDesk(t, savedFile)
	if err := os.WriteFile(d.path, []byte("- {name: new, text: x}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	wim := d.signedIn("wim")
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		if _, names, _ := d.saved(wim, "?account="+instagram); slices.Equal(names, []string{"new"}) {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the file that was edited by hand is not in use")
		}
	}
}
