package faults

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/meta"
)

// connectStep is a step of connecting an account at the desk.
type connectStep struct {
	name    string
	holds   bool   // the desk holds the folder's lock at it, or just before
	between string // what is there when the desk is back
	reach   func(t *caseRun, b *browser, where int)
}

// connectCases kill the desk at each step of a login. A new login then connects the account.
func connectCases() []Case {
	const nothing = "nothing is left, begin again"
	var all []Case
	for _, s := range []connectStep{
		{name: "login-at-meta", between: nothing, reach: func(t *caseRun, b *browser, where int) {
			back := b.throughMeta(where)
			t.killAndRestart()
			b.mustBeginAgain(b.get(back))
		}},
		{name: "code-exchanged", between: nothing, reach: answerLost(meta.OpCodeExchange)},
		{name: "token-exchanged", between: nothing, reach: answerLost(meta.OpTokenExchange)},
		{name: "accounts-shown", between: nothing, reach: func(t *caseRun, b *browser, where int) {
			grant := b.grant(where)
			t.killAndRestart()
			b.mustBeginAgain(b.choose(grant, where))
		}},
		{name: "token-written", holds: true, between: "a token without an account is named, not subscribed", reach: choiceLost(
			meta.Fault{Name: "hang", Calls: string(meta.OpSubscription)})},
		{name: "webhooks-subscribed", holds: true, between: "a token without an account is named, subscribed", reach: choiceLost(
			passing(1), meta.Fault{Name: "accept-then-hang", Calls: string(meta.OpSubscription)})},
		{name: "account-written", holds: true, between: "the account is shown, subscribed", reach: choiceLost(
			passing(2), meta.Fault{Name: "accept-then-hang", Calls: string(meta.OpAccount)})},
	} {
		all = append(all, Case{Name: s.name, holdsFolder: s.holds, Expect: Expect{Observed: s.between + "; then " + wholeConnection}, run: func(t *caseRun) {
			where := t.toConnect()
			s.reach(t, t.newBrowser(), where)
			t.observe("%s", t.between(where))
			t.connectAtDesk(where)
			t.observe("then %s", t.connection(where))
		}})
	}
	return all
}

// passing is a fault that changes nothing: it lets so many calls about an account pass the
// fault behind it.
func passing(calls int) meta.Fault {
	return meta.Fault{Name: "without-recipient", Calls: string(meta.OpAccount), Times: calls}
}

// answerLost has the code of a login, or its first token, used up at Meta without the desk
// knowing.
func answerLost(op meta.Operation) func(*caseRun, *browser, int) {
	return func(t *caseRun, b *browser, where int) {
		back := b.throughMeta(where)
		t.awaitReady()
		strikes := t.addFault(meta.Fault{Name: "accept-then-hang", Calls: string(op), Account: t.accounts[where].id})
		t.background.Go(func() { _, _ = b.try(http.MethodGet, back, nil) })
		strikes.awaitHit()
		t.killAndRestart(within(metaPatience))
		b.mustBeginAgain(b.get(back))
	}
}

// metaPatience is less than the desk and the worker wait for Meta.
const metaPatience = 12 * time.Second

// choiceLost has the last of the faults hold the connection of an account that was chosen.
func choiceLost(faults ...meta.Fault) func(*caseRun, *browser, int) {
	return func(t *caseRun, b *browser, where int) {
		grant := b.grant(where)
		t.awaitReady()
		var strikes *injectedFault
		for _, f := range faults {
			f.Account = t.accounts[where].id
			strikes = t.addFault(f)
		}
		t.background.Go(func() { _, _ = b.try(http.MethodPost, "/accounts/connect", b.chosen(grant, where)) })
		strikes.awaitHit()
		t.killAndRestart(within(metaPatience))
	}
}

// between says what the folder and the page have of an account whose connection was cut off.
func (t *caseRun) between(where int) string {
	a := t.accounts[where]
	files, page := t.files(where), t.newBrowser().get("/accounts").body
	shown := strings.Contains(page, fmt.Sprintf(`id="%s-%s"`, a.platform, a.id))
	named := strings.Contains(page, fmt.Sprintf("%s-%s.token belongs to no account", a.platform, a.id)) && strings.Contains(page, "connect the account again")
	_, subscribed, _ := strings.Cut(t.connection(where), "token works, ")
	switch words := fmt.Sprint(files); {
	case words == "[]" && !shown && !named:
		return "nothing is left, begin again"
	case words == "[token]" && !shown && named:
		return "a token without an account is named, " + subscribed
	case words == "[token yaml]" && shown && !named:
		return "the account is shown, " + subscribed
	default:
		return fmt.Sprintf("files %v, shown %t, named %t, %s", files, shown, named, t.connection(where))
	}
}

// connectAtDesk connects an account with a login of its own, and checks that the page names
// nothing unfinished of it any more.
func (t *caseRun) connectAtDesk(where int) {
	b := t.newBrowser()
	if got := b.choose(b.grant(where), where); !strings.Contains(got.body, "Connected. Its webhooks are subscribed") {
		t.fail("the account was not connected: %s", got.words())
	}
	t.await("the account on the page, and nothing unfinished", func() (bool, error) {
		seen := t.between(where)
		return strings.HasPrefix(seen, "the account is shown"), fmt.Errorf("%s", seen)
	})
	t.awaitSchedule(where)
}

// connectBeside connects an account at the desk while the worker or the bridge dies: who was
// away takes it up.
func connectBeside() Case {
	return Case{Name: "connecting-beside", holdsFolder: true, Expect: each(delivered).and(wholeConnection), run: func(t *caseRun) {
		where := t.toConnect()
		b := t.newBrowser()
		grant := b.grant(where)
		t.awaitReady()
		strikes := t.addFault(meta.Fault{Name: "slow", DelayMilliseconds: 6000, Calls: string(meta.OpSubscription), Account: t.accounts[where].id})
		connected := make(chan string, 1)
		t.background.Go(func() {
			got, err := b.try(http.MethodPost, "/accounts/connect", b.chosen(grant, where))
			switch {
			case err != nil:
				connected <- err.Error()
			case strings.Contains(got.body, "Connected. Its webhooks are subscribed"):
				connected <- ""
			default:
				connected <- got.words()
			}
		})
		strikes.awaitHit()
		t.killAndRestart(within(5 * time.Second))
		if problem := t.outcome(connected); problem != "" {
			t.fail("the account was not connected: %s", problem)
		}
		t.awaitSchedule(where)
		t.observe("%s", t.connection(where))
		t.deliver(t.comment(where, price).id)
	}}
}

// disconnectCases kill the desk while it disconnects an account. A second click does it.
func disconnectCases() []Case {
	var all []Case
	for _, s := range []struct{ name, fault, between string }{
		{"disconnecting", "hang", wholeConnection},
		{"webhooks-ended", "accept-then-hang", "files [token yaml], token works, not subscribed"},
	} {
		all = append(all, Case{Name: s.name, holdsFolder: true, Expect: Expect{Observed: s.between + "; then " + noConnection}, run: func(t *caseRun) {
			where := t.connectedBy("a person of " + t.Name)
			a := t.accounts[where]
			b := t.newBrowser()
			path := fmt.Sprintf("/accounts/%s/%s/disconnect", a.platform, a.id)
			t.await("the account at the desk", func() (bool, error) { return b.get(path).status == http.StatusOK, nil })
			t.awaitReady()
			strikes := t.addFault(meta.Fault{Name: s.fault, Calls: string(meta.OpSubscription), Account: a.id})
			t.background.Go(func() { _, _ = b.try(http.MethodPost, path, url.Values{}) })
			strikes.awaitHit()
			t.killAndRestart(within(metaPatience))
			t.observe("%s", t.connection(where))
			if got := b.mustTry(http.MethodPost, path, url.Values{}); got.status != http.StatusSeeOther {
				t.fail("the second click: %s", got.words())
			}
			t.observe("then %s", t.connection(where))
		}})
	}
	return all
}

// browser is an admin's, at the desk.
type browser struct {
	t      *caseRun
	client *http.Client
}

func (t *caseRun) newBrowser() *browser {
	jar, err := cookiejar.New(nil)
	t.must(err)
	return &browser{t, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// webPage is what the desk answered.
type webPage struct {
	status         int
	location, body string
}

// words are the page's text in one line, for the row of a case that fails.
func (p webPage) words() string {
	_, main, _ := strings.Cut(p.body, "<main")
	return fmt.Sprintf("%d %s", p.status, privatereply.CutText(strings.Join(strings.Fields(main), " "), 300))
}

// try asks the desk once.
func (b *browser) try(method, address string, form url.Values) (p webPage, err error) {
	if strings.HasPrefix(address, "/") {
		address = b.t.ApprovalsURL + address
	}
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(b.t.ctx, method, address, body)
	if err != nil {
		return p, err
	}
	req.Header.Set("Authorization", "Bearer "+b.t.folder.admin)
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := b.client.Do(req)
	if err != nil {
		return p, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return webPage{resp.StatusCode, resp.Header.Get("Location"), string(data)}, err
}

func (b *browser) mustTry(method, address string, form url.Values) webPage {
	p, err := b.try(method, address, form)
	b.t.must(err)
	return p
}

func (b *browser) get(address string) webPage { return b.mustTry(http.MethodGet, address, nil) }

// throughMeta begins a login at the desk and goes through Meta's dialog. It returns the
// address that the dialog leads back to.
func (b *browser) throughMeta(where int) (back string) {
	dialog := b.get("/accounts/connect?login=" + string(privatereply.LoginInstagram))
	if dialog.status != http.StatusSeeOther {
		b.t.fail("the login did not begin: %s", dialog.words())
	}
	back, err := b.t.Sandbox.AnswerLogin(dialog.location, meta.LoginAnswer{Account: b.t.accounts[where].id})
	b.t.must(err)
	return back
}

// grant goes through a login until the desk shows its accounts.
func (b *browser) grant(where int) (id string) {
	shown := b.get(b.throughMeta(where))
	to, err := url.Parse(shown.location)
	if err != nil || to.Query().Get("grant") == "" {
		b.t.fail("the login gave no accounts: %s", shown.words())
	}
	return to.Query().Get("grant")
}

// choose connects an account of a login.
func (b *browser) choose(grant string, where int) webPage {
	return b.mustTry(http.MethodPost, "/accounts/connect", b.chosen(grant, where))
}

func (b *browser) chosen(grant string, where int) url.Values {
	a := b.t.accounts[where]
	return url.Values{"grant": {grant}, "account": {string(a.platform) + ":" + a.id}}
}

// mustBeginAgain ends the case unless the page says that the login is not known any more.
func (b *browser) mustBeginAgain(p webPage) {
	if p.status != http.StatusBadRequest || !strings.Contains(p.body, "not known here") || !strings.Contains(p.body, "begin again") {
		b.t.fail("after the desk's death the login: %s", p.words())
	}
}
