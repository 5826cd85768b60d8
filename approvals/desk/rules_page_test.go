package desk_test

import (
	"context"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/approvals/desk"
	"github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/internal/stop"
	"github.com/privatereply/privatereply/workflows"
)

const rulesFile = `# ours
default: ask
rules:
  - name: price
    when: says(text, "price")
    reply: "12 euros"
`

// heldComments is what Temporal holds, for backtests.
type heldComments []string

func (h heldComments) Page(context.Context, replies.Filter, int, []byte) ([]replies.Row, []byte, error) {
	var rows []replies.Row
	for i := range h {
		rows = append(rows, replies.Row{ID: fmt.Sprint(i)})
	}
	return rows, nil, nil
}

func (h heldComments) Input(_ context.Context, id string) (in workflows.PrivateReplyInput, err error) {
	i := 0
	_, _ = fmt.Sscan(id, &i)
	in.Comment = privatereply.Comment{Platform: privatereply.Instagram, Text: h[i]}
	in.Decision = privatereply.Decision{Action: privatereply.ActionAsk, Reason: privatereply.DecidedByDefault}
	return in, nil
}

// rulesDesk is a fakeDesk with a rules file.
type rulesDesk struct {
	*fakeDesk
	path    string
	batches *fakeBatches
}

func newRulesDesk(t *testing.T, content string, rows ...replies.Row) *rulesDesk {
	t.Helper()
	d := &rulesDesk{path: filepath.Join(t.TempDir(), "rules.yaml"), batches: &fakeBatches{}}
	d.write(t, content)
	d.fakeDesk = newFakeDeskWith(t, func(c *desk.Config) {
		c.Rules = desk.NewRulesFile(d.path, heldComments{"the <b>price</b>?", "where?"})
		c.Stops = &desk.Stops{Batches: d.batches}
	}, rows...)
	d.batches.fake = d.fake
	return d
}

func (d *rulesDesk) write(t *testing.T, content string) {
	t.Helper()
	if err := os.WriteFile(d.path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (d *rulesDesk) content() string {
	d.t.Helper()
	data, err := os.ReadFile(d.path)
	if err != nil {
		d.t.Fatal(err)
	}
	return string(data)
}

// post sends a form, and gives the status and the page's text with its markup.
func (d *rulesDesk) post(client *http.Client, path string, form url.Values) (int, string) {
	d.t.Helper()
	resp, body := d.do(client, http.MethodPost, path, form.Encode(), http.Header{"Content-Type": {"application/x-www-form-urlencoded"}})
	return resp.StatusCode, body
}

// field is the value of a hidden field of a page.
func field(body, name string) string {
	_, rest, _ := strings.Cut(body, `name="`+name+`" value="`)
	value, _, _ := strings.Cut(rest, `"`)
	return html.UnescapeString(value)
}

// An admin edits the rules: what does not load is never saved, a reason is asked for, the
// versions are kept and one can be taken back.
func TestRulesPage(t *testing.T) {
	d := newRulesDesk(t, rulesFile)
	adam := d.signedIn("adam")
	_, page := d.do(adam, http.MethodGet, "/rules", "", nil)
	base := field(page, "base")
	for _, want := range []string{">\n# ours", "It loads.", "sends at once"} {
		if !strings.Contains(page, want) {
			t.Fatalf("the page lacks %q:\n%s", want, page)
		}
	}
	changed := strings.Replace(rulesFile, "12 euros", "14 </textarea><script>", 1)
	form := func(content, why string) url.Values {
		return url.Values{"base": {base}, "content": {strings.ReplaceAll(content, "\n", "\r\n")}, "why": {why}, "platform": {"instagram"}, "source": {"post"}}
	}
	broken := form(strings.Replace(changed, "says(text", "say(text", 1)+"    hold: long\n", "new price")
	for _, verb := range []string{"check", "try", "backtest", "save"} {
		status, body := d.post(adam, "/rules/"+verb, broken)
		for _, want := range []string{"2 things are wrong", `data-line="5"`, "Line 7", `undeclared reference to &#39;say&#39;`, "<code>    hold: long</code>", "14 &lt;/textarea&gt;&lt;script&gt;"} {
			if status < 400 || !strings.Contains(body, want) {
				t.Errorf("%s of a broken file: %d, lacks %q", verb, status, want)
			}
		}
	}
	if _, body := d.post(adam, "/rules/save", form(changed, " ")); !strings.Contains(body, "say in a few words why") || d.content() != rulesFile {
		t.Error("it was saved without a reason")
	}
	try := form(changed, "")
	try.Set("text", "The PRICE?")
	try.Set("is_reply", "true")
	if _, body := d.post(adam, "/rules/try", try); !strings.Contains(body, "It is answered automatically, by rule price.") || !strings.Contains(body, `dir="auto">14 &lt;/textarea&gt;&lt;script&gt;</p>`) {
		t.Errorf("trying a comment:\n%s", body)
	}
	try.Set("age", "soon")
	if _, body := d.post(adam, "/rules/try", try); !strings.Contains(body, "is not an age") {
		t.Error("an age that is none is tried")
	}
	if _, body := d.post(adam, "/rules/backtest", form(changed, "")); !strings.Contains(body, "1 of 2 comments would be decided otherwise") || !strings.Contains(body, "the &lt;b&gt;price&lt;/b&gt;?") {
		t.Errorf("the backtest:\n%s", body)
	}
	if status, body := d.post(adam, "/rules/save", form(changed, "new \"price\"")); status != http.StatusSeeOther || d.content() != changed {
		t.Fatalf("it was not saved: %d\n%s\n%s", status, body, d.content())
	}
	_, page = d.do(adam, http.MethodGet, "/rules", "", nil)
	if !strings.Contains(page, "“<bdi>new &#34;price&#34;</bdi>”") || strings.Count(page, "/rules/versions/") != 2 || !strings.Contains(page, "<i>not at the desk</i>") {
		t.Errorf("the versions:\n%s", page[strings.Index(page, `id="versions"`):])
	}
	first := strings.LastIndex(page, "/rules/versions/")
	version := page[first : first+strings.IndexByte(page[first:], '"')]
	_, page = d.do(adam, http.MethodGet, version, "", nil)
	for _, want := range []string{"<del>−     reply: &#34;14 &lt;/textarea&gt;&lt;script&gt;&#34;</del>", "<ins>+     reply: &#34;12 euros&#34;</ins>"} {
		if !strings.Contains(page, want) {
			t.Errorf("the version's page lacks %q:\n%s", want, page)
		}
	}
	if status, _ := d.post(adam, version, url.Values{"base": {field(page, "base")}}); status == http.StatusSeeOther {
		t.Error("it was taken back without a reason")
	}
	if status, _ := d.post(adam, version, url.Values{"base": {base}, "why": {"x"}}); status != http.StatusConflict || d.content() != changed {
		t.Error("it was taken back over what the page did not show")
	}
	if status, _ := d.post(adam, version, url.Values{"base": {field(page, "base")}, "why": {"wrong price"}}); status != http.StatusSeeOther || d.content() != rulesFile {
		t.Errorf("it was not taken back: %d", status)
	}
}

// Two admins: the second is told that the first has the page open, and of what the first
// saved; a file that was changed by hand is not overwritten either.
func TestRulesPageForTwo(t *testing.T) {
	d := newRulesDesk(t, rulesFile)
	adam, eve := d.signedIn("adam"), d.signedIn("eve")
	_, first := d.do(adam, http.MethodGet, "/rules", "", nil)
	_, second := d.do(eve, http.MethodGet, "/rules", "", nil)
	if strings.Contains(first, "has this page open") || !strings.Contains(second, "<bdi>adam</bdi> has this page open") {
		t.Error("who has the page open is not said")
	}
	save := func(who *http.Client, base, price, over string) (int, string) {
		form := url.Values{"base": {base}, "content": {strings.Replace(rulesFile, "12", price, 1)}, "why": {"price " + price}}
		if over != "" {
			form.Set("over", over)
		}
		return d.post(who, "/rules/save", form)
	}
	if status, _ := save(adam, field(first, "base"), "13", ""); status != http.StatusSeeOther {
		t.Fatal(status)
	}
	status, body := save(eve, field(second, "base"), "14", "")
	for _, want := range []string{"adam changed the file while you were writing", "“<bdi>price 13</bdi>”", "<del>−     reply: &#34;13 euros&#34;</del>", "14 euros&#34;\n</textarea>"} {
		if status != http.StatusConflict || !strings.Contains(body, want) {
			t.Errorf("%d, lacks %q", status, want)
		}
	}
	over := field(body, "over")
	d.write(t, rulesFile+"# by hand\n")
	if status, body = save(eve, field(second, "base"), "14", over); status != http.StatusConflict || !strings.Contains(body, "at the machine, not at the desk") {
		t.Errorf("over a third version: %d", status)
	}
	if status, _ = save(eve, field(second, "base"), "14", field(body, "over")); status != http.StatusSeeOther || !strings.Contains(d.content(), "14 euros") {
		t.Errorf("over the version that was shown: %d", status)
	}
	_, page := d.do(eve, http.MethodGet, "/rules", "", nil)
	if n := strings.Count(page, "/rules/versions/"); n != 4 { // the first, 13, by hand, 14
		t.Errorf("%d versions", n)
	}
}

// What cannot be done is said before anybody types, and to those who may not.
func TestRulesPageRefusals(t *testing.T) {
	d := newRulesDesk(t, "rules:\n- nothing\n")
	if err := os.WriteFile(d.path+".versions", nil, 0o600); err != nil { // so that nothing can be written
		t.Fatal(err)
	}
	adam := d.signedIn("adam")
	_, page := d.do(adam, http.MethodGet, "/rules", "", nil)
	if !strings.Contains(page, "Nothing can be saved here") || strings.Contains(page, `formaction="/rules/save"`) || !strings.Contains(page, "Line 2") {
		t.Errorf("a file that does not load, in a folder that cannot be written:\n%s", page)
	}
	if status, body := d.post(adam, "/rules/save", url.Values{"base": {field(page, "base")}, "content": {rulesFile}, "why": {"x"}}); status != http.StatusConflict || !strings.Contains(body, "cannot be written") {
		t.Errorf("saved all the same: %d", status)
	}
	for _, name := range []string{"", "vera", "ana", "otto"} {
		client := d.signedIn(name)
		for _, path := range []string{"/rules", "/rules/versions/20260101T000000.000000000Z"} {
			if resp, body := d.do(client, http.MethodGet, path, "", nil); resp.StatusCode == http.StatusOK || strings.Contains(body, d.path) {
				t.Errorf("%q reads %s", name, path)
			}
		}
		for _, path := range []string{"/rules/save", "/rules/backtest", "/api/rules/check"} {
			if status, _ := d.post(client, path, url.Values{"content": {rulesFile}, "why": {"x"}}); status < 300 {
				t.Errorf("%q posts %s: %d", name, path, status)
			}
		}
	}
	if resp, _ := d.do(adam, http.MethodGet, "/rules/versions/..%2f..%2frules", "", nil); resp.StatusCode != http.StatusNotFound {
		t.Errorf("a version of another name: %d", resp.StatusCode)
	}
}

// fakeBatches rejects the replies of a fakeDesk: all but those whose send has begun.
type fakeBatches struct {
	fake *fakeReplies
	mu   sync.Mutex
	told []stop.Selection
	late string // the id of one that is too late
	err  error
}

func (b *fakeBatches) Reject(_ context.Context, s stop.Selection, m workflows.Reject, _ func(string)) (stop.Report, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.told = append(b.told, s)
	if b.err != nil {
		return stop.Report{}, b.err
	}
	b.fake.mu.Lock()
	defer b.fake.mu.Unlock()
	var n int64
	for i, r := range b.fake.rows {
		if r.Rule != s.Rule && r.Account != s.Account || r.State != privatereply.Holding && r.State != privatereply.Sending || m.Approver == "" {
			continue
		}
		n++
		b.fake.rows[i].State = privatereply.Rejected
		if r.ID == b.late {
			b.fake.rows[i].State = privatereply.Sent
		}
	}
	return stop.Report{Concerned: n, Signalled: n}, nil
}

// One click pauses a rule and rejects what it is about to send; each is done although the
// other cannot be, and the page says what happened.
func TestStop(t *testing.T) {
	row := func(id string, state privatereply.State, rule string) replies.Row {
		return replies.Row{ID: "reply:instagram:" + instagram + ":" + id, State: state, Platform: privatereply.Instagram, Account: instagram, Rule: rule}
	}
	rows := []replies.Row{row("1", privatereply.Holding, "price"), row("2", privatereply.Holding, "price"), row("3", privatereply.Sending, "price"),
		row("4", privatereply.AwaitingApproval, "price"), row("5", privatereply.Holding, "other")}
	for name, tt := range map[string]struct {
		file  string
		form  url.Values
		user  string
		err   error
		want  []string
		after string // of the file
		told  int
	}{
		"rule": {rulesFile, url.Values{"rule": {"price"}}, "ana", nil,
			[]string{"The rule is paused", "2 replies were stopped before anything was sent.", "1 reply was too late to stop", "Resume this rule"},
			strings.Replace(rulesFile, "price\n", "price\n    paused: true\n", 1), 1},
		"broken file": {"rules:\n- nothing\n", url.Values{"rule": {"price"}}, "ana", nil,
			[]string{"is not paused, and goes on sending", "Mend the file first", "2 replies were stopped"}, "rules:\n- nothing\n", 1},
		"no such rule": {rulesFile, url.Values{"rule": {"gone"}}, "ana", nil,
			[]string{"no rule of the file has this name", "Nothing was held or on its way."}, rulesFile, 0},
		"no batch": {rulesFile, url.Values{"rule": {"price"}}, "adam", context.DeadlineExceeded,
			[]string{"The rule is paused", "was perhaps not stopped", "Click again"}, strings.Replace(rulesFile, "price\n", "price\n    paused: true\n", 1), 1},
		"account": {rulesFile, url.Values{"account": {instagram}}, "ana", nil,
			[]string{"automatic replies are not paused", "3 replies were stopped", "1 reply was too late"}, rulesFile, 1},
		"viewer":           {rulesFile, url.Values{"rule": {"price"}}, "vera", nil, []string{"this needs the role approver"}, rulesFile, 0},
		"not every rule":   {rulesFile, url.Values{"rule": {"price"}}, "otto", nil, []string{"you see only some"}, rulesFile, 0},
		"not this account": {rulesFile, url.Values{"account": {instagram}}, "otto", nil, []string{"There is no such account."}, rulesFile, 0},
		"nothing":          {rulesFile, url.Values{}, "ana", nil, []string{"Say what to stop"}, rulesFile, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newRulesDesk(t, tt.file, append([]replies.Row{}, rows...)...)
			d.batches.late, d.batches.err = rows[2].ID, tt.err
			_, body := d.post(d.signedIn(tt.user), "/stop", tt.form)
			for _, want := range tt.want {
				if !strings.Contains(body, want) {
					t.Errorf("the page lacks %q:\n%s", want, body)
				}
			}
			if d.content() != tt.after || len(d.batches.told) != tt.told {
				t.Errorf("%d batches, and the file is\n%s", len(d.batches.told), d.content())
			}
		})
	}
}

// What is paused is resumed by one click; the queue offers both to those who decide.
func TestResume(t *testing.T) {
	d := newRulesDesk(t, strings.Replace(rulesFile, "price\n", "price\n    paused: true\n", 1))
	for name, want := range map[string]string{"ana": "Resume this rule", "vera": "", "otto": "you see only some"} {
		_, page := d.do(d.signedIn(name), http.MethodGet, "/?rule=price", "", nil)
		if want != "" && !strings.Contains(page, want) || want == "" && strings.Contains(page, `class="stop"`) {
			t.Errorf("%s: the queue lacks %q", name, want)
		}
	}
	if status, body := d.post(d.signedIn("ana"), "/resume", url.Values{"rule": {"price"}}); status != http.StatusOK || d.content() != rulesFile || !strings.Contains(body, "Stop this rule now") {
		t.Errorf("%d\n%s\n%s", status, d.content(), body)
	}
	if _, page := d.do(d.signedIn("ana"), http.MethodGet, "/?account="+instagram, "", nil); !strings.Contains(page, "Stop this account now") {
		t.Error("the queue does not offer to stop the account")
	}
	if _, page := d.do(d.signedIn("adam"), http.MethodGet, "/rules", "", nil); !strings.Contains(page, "resume rule price") || !strings.Contains(page, "<bdi>ana</bdi>") {
		t.Error("the version does not say who resumed what")
	}
}
