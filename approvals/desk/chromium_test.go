package desk_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

// screenshots is the folder of the screenshots for the docs; empty: none.
var screenshots = flag.String("screenshots", "", "a folder to write screenshots to")

// pageTimeout limits the wait for a page to show something, on a busy machine.
const pageTimeout = time.Minute

// browser is a headless Chromium.
type browser struct {
	t   testing.TB
	ctx context.Context
	url string
}

// turns are those of the tests with a browser or a server of their own.
var turns = make(chan struct{}, 2)

// inTurn lets a test run beside others, but few at once: a small machine would be late.
func inTurn(t *testing.T) {
	t.Helper()
	t.Parallel()
	turns <- struct{}{}
	t.Cleanup(func() { <-turns })
}

// newBrowser starts Chromium. Without one the test is skipped, and fails where CI
// is set.
func newBrowser(t testing.TB, url string) *browser {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("this test needs Chromium, and CI must have it")
		}
		t.Skip("this test needs Chromium or Chrome on PATH")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.WindowSize(1280, 900), chromedp.WSURLReadTimeout(time.Minute),
	)
	alloc, stopAlloc := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), opts...)
	ctx, stop := chromedp.NewContext(alloc)
	t.Cleanup(func() { stop(); stopAlloc() })
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	return &browser{t: t, ctx: ctx, url: url}
}

// tab is one page of a user, with cookies of its own.
type tab struct {
	t    testing.TB
	ctx  context.Context
	url  string
	name string
}

// tab opens a page in a profile of its own, on a screen of the given size.
func (b *browser) tab(name string, width, height int64) *tab {
	b.t.Helper()
	ctx, stop := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	b.t.Cleanup(stop)
	// The first run opens the tab, which lives as long as its context: no time limit.
	if err := chromedp.Do(ctx); err != nil {
		b.t.Fatal(err)
	}
	p := &tab{t: b.t, ctx: ctx, url: b.url, name: name}
	var options []chromedp.EmulateViewportOption
	if width < 600 {
		options = append(options, chromedp.EmulateMobile, chromedp.EmulatePortrait, chromedp.EmulateTouch, chromedp.EmulateScale(2))
	}
	p.do(chromedp.EmulateViewport(width, height, options...))
	go func() {
		for m, err := range chromedp.Console(ctx) {
			if err != nil {
				return
			}
			if m.IsException() || strings.Contains(m.String(), "Content Security Policy") {
				b.t.Errorf("%s: the page complains: %s", name, m)
			}
		}
	}()
	return p
}

func (p *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, pageTimeout)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.t.Fatalf("%s: %v\n%s", p.name, err, p.body())
	}
}

// signIn signs in with a user's token.
func (p *tab) signIn(token string) {
	p.t.Helper()
	p.do(chromedp.Navigate(p.url+"/"), chromedp.SendKeys(chromedp.CSS("#token"), token), chromedp.Click(chromedp.CSS(".door button")))
	p.awaitTrue(`document.querySelector(".me")`)
}

func (p *tab) open(path string) {
	p.t.Helper()
	p.do(chromedp.Navigate(p.url + path))
}

// awaitTrue waits until a JavaScript expression is true.
func (p *tab) awaitTrue(expression string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, pageTimeout)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	var last error
	for {
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("Boolean("+expression+")"))
		if ok {
			return
		}
		if ctx.Err() == nil {
			last = err // a page that is being loaded cannot be asked
		}
		select {
		case <-ctx.Done():
			p.t.Fatalf("%s does not see %s (%v)\n%s", p.name, expression, last, p.body())
		case <-tick.C:
		}
	}
}

// awaitText waits until an element that a selector finds shows a text.
func (p *tab) awaitText(selector, text string) {
	p.t.Helper()
	p.awaitTrue(fmt.Sprintf(`[...document.querySelectorAll(%s)].some(e => e.checkVisibility() && (e.innerText || "").includes(%s))`, quote(selector), quote(text)))
}

// awaitCard waits until the card of a reply is there. What begins after the page was opened
// waits behind a button.
func (p *tab) awaitCard(reply string) {
	p.t.Helper()
	p.awaitTrue(`(document.querySelector("#pill:not([hidden])")?.click(), document.querySelector(` + quote(card(reply)) + `))`)
}

// awaitLoad waits until the page is loaded. Before, Chromium forgets what chromedp has
// found in it.
func (p *tab) awaitLoad() {
	p.t.Helper()
	p.awaitTrue(`document.readyState === "complete"`)
}

func (p *tab) click(selector string) {
	p.t.Helper()
	p.awaitLoad()
	p.do(chromedp.ScrollIntoView(chromedp.CSS(selector)), chromedp.Click(chromedp.CSS(selector)))
}

// clickWith runs a script and clicks, in one step: a reply's page renews its parts whenever
// something happens, also between two steps.
func (p *tab) clickWith(selector, script string) {
	p.t.Helper()
	p.awaitLoad()
	p.awaitTrue(fmt.Sprintf("(() => { const e = document.querySelector(%q); if (!e) return false; %s; e.click(); return true; })()", selector, script))
}

func (p *tab) write(selector, text string) {
	p.t.Helper()
	p.awaitLoad()
	p.do(chromedp.SendKeys(chromedp.CSS(selector), text))
}

// press presses a key as the keyboard does it: the letter is typed only where the
// page lets it, so it is not sent on its own.
func (p *tab) press(key string) {
	p.t.Helper()
	p.awaitLoad() // before, the page has no keys
	p.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		for _, kind := range []input.DispatchKeyEventType{input.DispatchKeyEventTypeRawKeyDown, input.DispatchKeyEventTypeKeyUp} {
			if _, err := chromedp.Call(ctx, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: kind, Key: key, Code: "Key" + strings.ToUpper(key)}); err != nil {
				return err
			}
		}
		return nil
	}))
}

func get[T any](p *tab, expression string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, pageTimeout)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("%s: %s: %v", p.name, expression, err)
	}
	return v
}

func (p *tab) body() string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(p.ctx), 5*time.Second)
	defer cancel()
	text, _ := chromedp.Run(ctx, chromedp.Evaluate[string]("location.href + '\\n' + document.body.innerText"))
	return text
}

func (p *tab) dark() {
	p.t.Helper()
	p.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}},
		})
		return err
	}))
}

// screenshot saves a screenshot for the docs, if they were asked for.
func (p *tab) screenshot(name string) {
	p.t.Helper()
	if *screenshots == "" {
		return
	}
	ctx, cancel := context.WithTimeout(p.ctx, pageTimeout)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile(filepath.Join(*screenshots, "approvals-"+name+".png"), png, 0o644)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// axeFinding is a violation that axe reports.
type axeFinding struct {
	ID, Impact, Help string
	Nodes            []struct{ HTML, FailureSummary string }
}

// checkAccessibility checks the page by axe's rules: it may have no finding that axe calls
// serious or critical.
func (p *tab) checkAccessibility() {
	p.t.Helper()
	axe, err := os.ReadFile(filepath.Join("testdata", "axe", "axe.min.js"))
	if err != nil {
		p.t.Fatal(err)
	}
	get[[]byte](p, string(axe)+"; 1")
	found := get[[]axeFinding](p, `axe.run(document, {resultTypes: ["violations"]}).then(r => r.violations.map(v => ({ID: v.id, Impact: v.impact, Help: v.help, Nodes: v.nodes.map(n => ({HTML: n.html, FailureSummary: n.failureSummary}))})))`)
	for _, f := range found {
		if f.Impact == "serious" || f.Impact == "critical" {
			detail, _ := json.MarshalIndent(f.Nodes[:min(3, len(f.Nodes))], "", " ")
			p.t.Errorf("%s: %s: axe finds %s (%s): %s\n%s", p.name, get[string](p, "location.pathname"), f.ID, f.Impact, f.Help, detail)
		}
	}
}

func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string
	}
	return string(b)
}
