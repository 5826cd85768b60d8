package measure

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.temporal.io/api/serviceerror"

	"github.com/privatereply/privatereply/lab/harness"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/lab/scenario"
)

const (
	// soakComment is the time between two comments.
	soakComment = time.Second * 2 / 3
	// soakReload is the time between two changes of a file: of the rules and of the accounts
	// in turn.
	soakReload = 20 * time.Second
	// soakPage is the time between two pages that a person at the desk opens.
	soakPage = time.Second
	// soakPatience is how long a reply may take.
	soakPatience = time.Minute
)

// soakPeople are signed in at the desk in turns.
var soakPeople = []string{"ana", "ben", "cleo"}

// soakPages are the pages that each of them opens, beside that of a reply.
var soakPages = []string{"/", "/replies", "/answered", "/funnel", "/unknown", "/saved"}

// soakKinds are the comments by what becomes of them, in turns.
var soakKinds = []struct {
	text               string
	approved, answered bool // answered: the person writes back
}{
	{text: harness.AnsweredText}, {text: harness.IgnoredText}, {text: askedText, approved: true}, {text: harness.AnsweredText, answered: true},
}

// soakRules are rules with a version that is in each reply.
func soakRules(version int) string {
	return strings.Replace(harness.DefaultRules, "/prices", fmt.Sprintf("/prices?v=%d", version), 1)
}

var (
	rulesVersion   = regexp.MustCompile(`/prices\?v=([1-9]\d*)`)
	accountVersion = regexp.MustCompile(`>Account 1 v([1-9]\d*)<`)
)

// soakTest is a soak while it runs, with what it has done.
type soakTest struct {
	*product
	programs []*harness.Program

	comments, replies, approvals, answers atomic.Int64
	sessions, pages, streams              atomic.Int64
	failed                                atomic.Int64
	rules, accountFiles                   versions     // that were seen to be in force
	newest                                atomic.Value // the workflow id of a reply
}

// versions are the versions of a file that were seen.
type versions struct {
	mu   sync.Mutex
	seen map[string]bool
}

func (v *versions) note(match []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.seen == nil {
		v.seen = map[string]bool{}
	}
	if match != nil {
		v.seen[match[1]] = true
	}
}

func (v *versions) count() int64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	return int64(len(v.seen))
}

// soakCount is how often something was done.
type soakCount struct {
	what string
	n    int64
}

func (s *soakTest) counts() []soakCount {
	return []soakCount{
		{"comments delivered", s.comments.Load()}, {"replies sent", s.replies.Load()}, {"approvals", s.approvals.Load()},
		{"people who wrote back", s.answers.Load()}, {"sessions at the desk", s.sessions.Load()}, {"pages", s.pages.Load()},
		{"event streams", s.streams.Load()}, {"reloads of the rules", s.rules.count()}, {"reloads of the accounts", s.accountFiles.count()},
	}
}

// work is counts in words.
func (s *soakTest) work() string {
	var all []string
	for _, c := range s.counts() {
		all = append(all, number(float64(c.n))+" "+c.what)
	}
	return strings.Join(all, ", ")
}

// run is the load, until ctx is done. What fails is counted, and the load goes on.
func (s *soakTest) run(ctx context.Context) {
	var all sync.WaitGroup
	try := func(do func() error) {
		if err := do(); err != nil && ctx.Err() == nil {
			s.failed.Add(1)
			s.lab.Printf("soak: %v", err)
		}
	}
	all.Go(func() {
		for i := 0; scenario.Sleep(ctx, soakComment); i++ {
			all.Go(func() { try(func() error { return s.comment(ctx, i) }) })
		}
	})
	all.Go(func() {
		for i := 1; scenario.Sleep(ctx, soakReload); i++ {
			try(func() error { return s.rewrite(i) })
		}
	})
	for _, name := range soakPeople {
		all.Go(func() {
			for scenario.Sleep(ctx, soakPage) {
				try(func() error { return s.visit(ctx, name) })
			}
		})
	}
	all.Wait()
}

// comment delivers a comment and does what people do about it.
func (s *soakTest) comment(ctx context.Context, i int) error {
	ctx, cancel := context.WithTimeoutCause(ctx, soakPatience, fmt.Errorf("not within %v", soakPatience))
	defer cancel()
	kind := soakKinds[i%len(soakKinds)]
	c, err := s.writeNumbered(meta.NewComment{Username: "soak", Text: kind.text}, i)
	if err != nil {
		return err
	}
	if err := s.deliver(ctx, deliveriesOf([]comment{c})); err != nil {
		return err
	}
	s.comments.Add(1)
	if kind.text == harness.IgnoredText {
		return nil
	}
	if kind.approved {
		if err := s.approveSoon(ctx, c); err != nil {
			return err
		}
		s.approvals.Add(1)
	}
	text, err := s.awaitReply(ctx, c)
	if err != nil {
		return err
	}
	s.replies.Add(1)
	s.rules.note(rulesVersion.FindStringSubmatch(text))
	id, err := c.workflowID()
	if err != nil {
		return err
	}
	s.newest.Store(id)
	if !kind.answered {
		return nil
	}
	if err := awaitConversations(ctx, s.product, []comment{c}); err != nil {
		return err
	}
	if err := writeBack(ctx, s.product, []comment{c}); err != nil {
		return err
	}
	s.answers.Add(1)
	return nil
}

// approveSoon approves a reply as soon as it exists.
func (s *soakTest) approveSoon(ctx context.Context, c comment) error {
	for {
		err := s.approve(ctx, c)
		var missing *serviceerror.NotFound
		if !errors.As(err, &missing) {
			return err
		}
		if !scenario.Sleep(ctx, pollInterval) {
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		}
	}
}

// awaitReply waits for the private reply to a comment, and returns its text.
func (s *soakTest) awaitReply(ctx context.Context, c comment) (text string, err error) {
	for {
		if report, _ := s.Sandbox.CommentReport(c.id); len(report.Delivered) > 0 {
			return report.Delivered[0].Text, nil
		}
		if !scenario.Sleep(ctx, pollInterval) {
			return "", fmt.Errorf("the reply to %s: %w", c.id, context.Cause(ctx))
		}
	}
}

// rewrite changes the rules file and the accounts folder in turn.
func (s *soakTest) rewrite(version int) error {
	if version%2 == 1 {
		return os.WriteFile(s.File("rules.yaml"), []byte(soakRules(version)), 0o600)
	}
	path := s.File("accounts.yaml")
	file, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return os.WriteFile(path, soakName.ReplaceAll(file, fmt.Appendf(nil, `"Account 1 v%d"`, version)), 0o600)
}

// soakName matches the name of the first account in the accounts file.
var soakName = regexp.MustCompile(`"Account 1( v\d+)?"`)

// visit is a session of a person at the desk: they sign in, open pages while streams are
// open, and sign out.
func (s *soakTest) visit(ctx context.Context, name string) error {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return err
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	browser := &http.Client{Jar: jar, Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if _, err := s.ask(ctx, browser, http.MethodPost, "/signin", url.Values{"token": {s.Tokens[name]}}, http.StatusSeeOther); err != nil {
		return err
	}
	s.sessions.Add(1)
	pages, streams := soakPages, []string{"/events", "/events"}
	if id, ok := s.newest.Load().(string); ok {
		pages = append([]string{"/replies/" + url.PathEscape(id)}, pages...)
		streams[1] += "?reply=" + url.QueryEscape(id)
	}
	streaming, drop := context.WithCancel(ctx)
	defer drop()
	var open sync.WaitGroup
	errs := make([]error, len(streams))
	for i, path := range streams {
		open.Go(func() { errs[i] = s.stream(streaming, browser, path) })
	}
	for _, path := range pages {
		body, err := s.ask(ctx, browser, http.MethodGet, path, nil, http.StatusOK)
		if err != nil {
			return err
		}
		s.pages.Add(1)
		s.accountFiles.note(accountVersion.FindStringSubmatch(body))
		if !scenario.Sleep(ctx, soakPage) {
			return ctx.Err()
		}
	}
	drop()
	open.Wait()
	_, err = s.ask(ctx, browser, http.MethodPost, "/signout", url.Values{}, http.StatusSeeOther)
	return errors.Join(append(errs, err)...)
}

// ask sends a request to the desk, and reads the answer, which must have a status.
func (s *soakTest) ask(ctx context.Context, browser *http.Client, method, path string, form url.Values, want int) (body string, err error) {
	req, err := http.NewRequestWithContext(ctx, method, s.ApprovalsURL+path, strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := browser.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != want {
		err = fmt.Errorf("the desk answered %s to %s %s", resp.Status, method, path)
	}
	return string(data), err
}

// stream reads an event stream until ctx is done.
func (s *soakTest) stream(ctx context.Context, browser *http.Client, path string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.ApprovalsURL+path, nil)
	if err != nil {
		return err
	}
	resp, err := browser.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	if !lines.Scan() || resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the stream %s: %s, %v", path, resp.Status, lines.Err())
	}
	s.streams.Add(1)
	for lines.Scan() {
	}
	if ctx.Err() == nil {
		return fmt.Errorf("the stream %s ended by itself: %v", path, lines.Err())
	}
	return nil
}
