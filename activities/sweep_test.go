package activities

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/mock"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/mocks"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/activities/pacing"
	"github.com/privatereply/privatereply/graph"
	"github.com/privatereply/privatereply/internal/personkey"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/rules"
	"github.com/privatereply/privatereply/workflows"
)

const sweepRules = `
default: ask
rules:
  - name: price
    when: says(text, "price") && found_by_sweep && account == "Clean Slate"
    reply: "Hi {{username|there}}!"
    hold: 2m
  - name: emoji-only
    when: letters(text) == 0
    ignore: true
`

// sweeping is a sandbox in Meta's place, and a Temporal that notes what is started.
type sweeping struct {
	*testsuite.TestActivityEnvironment
	*meta.Sandbox
	sweeper *Sweeper
	account privatereply.Account
	instead func(path string) string // Meta's answer to a call; "" leaves it to the sandbox

	mu      sync.Mutex
	started []workflows.PrivateReplyInput
	has     map[string]bool // workflows that exist
	fail    func(id string) error
}

type fixedRules struct{ set *rules.Set }

func (r fixedRules) Current() *rules.Set { return r.set }

// Credentials makes s the accounts file.
func (s *sweeping) Credentials(p privatereply.Platform, id string) (graph.Credentials, error) {
	switch {
	case p == s.account.Platform && id == s.account.ID:
		return graph.Credentials{Account: s.account, Token: testToken, AppSecret: testSecret}, nil
	case id == tokenless.ID:
		return graph.Credentials{Account: tokenless}, errNoToken
	}
	return graph.Credentials{}, fmt.Errorf("%w: %s %s", ErrUnknownAccount, p, id)
}

func newSweeping(t *testing.T, account privatereply.Account) *sweeping {
	t.Helper()
	account.Name, account.SweepAutoWithin = "Clean Slate", time.Hour
	s := &sweeping{account: account, instead: func(string) string { return "" }, has: map[string]bool{}, fail: func(string) error { return nil }}
	now := func() time.Time { return noon }
	s.Sandbox = meta.New(meta.Config{Now: now, Accounts: []meta.Account{{
		Platform: account.Platform, ID: account.ID, Name: "Clean Slate", Login: account.Login, PageID: account.PageID,
		Token: testToken, AppSecret: testSecret,
	}}})
	t.Cleanup(s.Close)
	server := httptest.NewServer(s.Sandbox)
	t.Cleanup(server.Close)
	meta, err := graph.New(graph.Options{FacebookURL: server.URL + "/facebook", InstagramURL: server.URL + "/instagram", Now: now, Transport: s})
	if err != nil {
		t.Fatal(err)
	}
	set, err := rules.Parse("rules.yaml", []byte(sweepRules))
	if err != nil {
		t.Fatal(err)
	}
	c := &mocks.Client{}
	c.On("ExecuteWorkflow", mock.Anything, mock.Anything, workflows.PrivateReplyType, mock.Anything).
		Return(func(_ context.Context, o client.StartWorkflowOptions, _ any, args ...any) (client.WorkflowRun, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			switch err := s.fail(o.ID); {
			case err != nil:
				return nil, err
			case s.has[o.ID]:
				return nil, serviceerror.NewWorkflowExecutionAlreadyStarted("already", "", "")
			}
			s.has[o.ID] = true
			s.started = append(s.started, args[0].(workflows.PrivateReplyInput))
			return nil, nil
		})
	s.sweeper = NewSweeper(meta, s, fixedRules{set}, pacing.New(1, time.Now), c, queue, personkey.Keys{})
	s.sweeper.now = now
	s.restart()
	return s
}

// RoundTrip brings a call to the sandbox, unless it is to be answered otherwise.
func (s *sweeping) RoundTrip(r *http.Request) (*http.Response, error) {
	body := s.instead(r.URL.Path)
	if body == "" {
		return http.DefaultTransport.RoundTrip(r)
	}
	return &http.Response{StatusCode: http.StatusBadRequest, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

// restart is the worker of another attempt.
func (s *sweeping) restart() {
	var suite testsuite.WorkflowTestSuite
	s.TestActivityEnvironment = suite.NewTestActivityEnvironment()
	s.sweeper.Register(s)
}

// write writes a comment whose webhook never arrives.
func (s *sweeping) write(t *testing.T, n meta.NewComment) string {
	t.Helper()
	n.NoWebhook = true
	if n.Account == "" {
		n.Account = s.account.ID
	}
	id, err := s.Comment(n)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func (s *sweeping) sweepPage(in workflows.SweepPageInput) (workflows.SweepPageResult, error) {
	in.Platform, in.Account = s.account.Platform, s.account.ID
	if in.FirstSweepAt.IsZero() {
		in.FirstSweepAt = noon.AddDate(0, -1, 0)
	}
	var page workflows.SweepPageResult
	value, err := s.ExecuteActivity(workflows.SweepPageActivity, in)
	if err == nil {
		err = value.Get(&page)
	}
	return page, err
}

// sweep reads all pages, as the workflow does.
func (s *sweeping) sweep(t *testing.T, firstSweepAt time.Time) workflows.SweepCounts {
	t.Helper()
	var all workflows.SweepCounts
	for in := (workflows.SweepPageInput{FirstSweepAt: firstSweepAt}); ; {
		page, err := s.sweepPage(in)
		if err != nil {
			t.Fatal(err)
		}
		all = all.Plus(page.SweepCounts)
		if in.Cursor = page.Next; in.Cursor == "" {
			return all
		}
		in.PostsBefore = all.Posts
	}
}

func ago(d time.Duration) privatereply.Duration { return privatereply.Duration(d) }

// A sweep of a Page finds comments, replies to comments and visitors' posts that no
// webhook told of, and says of them what a webhook would have said. It leaves alone
// what has a reply, what is the Page's own, and what is too old.
func TestSweepPageOfFeed(t *testing.T) {
	s := newSweeping(t, page)
	asked := s.write(t, meta.NewComment{Username: "lena", Text: "Is it oak?", Age: ago(26 * time.Hour)})
	answered := s.write(t, meta.NewComment{Username: "mia", Text: "And this?", Age: ago(25 * time.Hour)})
	under := s.write(t, meta.NewComment{ParentID: answered, Username: "tom", Text: "I want one too", Age: ago(5 * time.Hour)})
	visitor := s.write(t, meta.NewComment{Source: privatereply.SourceVisitorPost, Username: "ann", Text: "Open on Sunday?", Age: ago(4 * time.Hour)})
	underVisitor := s.write(t, meta.NewComment{PostID: visitor, Username: "bob", Text: "Good question", Age: ago(3 * time.Hour)})
	onReel := s.write(t, meta.NewComment{Source: privatereply.SourceReel, Username: "kim", Text: "The price?", Age: ago(30 * time.Minute)})
	has := s.write(t, meta.NewComment{Username: "eve", Text: "Its webhook arrived", Age: ago(time.Hour)})
	s.write(t, meta.NewComment{ByAccount: true, ParentID: answered, Text: "Thank you!", Age: ago(time.Hour)})
	s.write(t, meta.NewComment{Username: "old", Text: "Long ago", Age: ago(7*24*time.Hour - time.Minute)})
	if _, err := s.HumanReply(answered, "Yes, it is."); err != nil {
		t.Fatal(err)
	}
	s.has["reply:facebook:"+page.ID+":"+has[strings.LastIndexByte(has, '_')+1:]] = true

	want := workflows.SweepCounts{Pages: 1, Posts: 3, Comments: 9, Started: 5, Duplicate: 1, AlreadyReplied: 1, Own: 1, TooOld: 1}
	if diff := cmp.Diff(want, s.sweep(t, time.Time{})); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	type found struct {
		ID, Parent, Media, Person, Text string
		Source                          privatereply.Source
		CreatedAt                       time.Time
		Via                             privatereply.Via
	}
	var got []found
	for _, in := range s.started {
		c := in.Comment
		got = append(got, found{privatereply.CanonicalID(c), c.ParentID, c.MediaID, c.Username, c.Text, c.Source, c.CreatedAt, c.Via})
		if c.PersonID == "" || c.ReceivedAt != noon || !c.EntryAt.IsZero() {
			t.Errorf("%s: %+v", c.TargetID(), c)
		}
	}
	last := func(id string) string { return id[strings.LastIndexByte(id, '_')+1:] }
	post := func(comment string) string { return page.ID + "_" + strings.Split(comment, "_")[0] }
	via := privatereply.ViaSweep
	wantFound := []found{
		{last(asked), "", post(asked), "lena", "Is it oak?", privatereply.SourcePost, noon.Add(-26 * time.Hour), via},
		{last(under), answered, post(under), "tom", "I want one too", privatereply.SourcePost, noon.Add(-5 * time.Hour), via},
		{"post-" + last(visitor), "", visitor, "ann", "Open on Sunday?", privatereply.SourceVisitorPost, noon.Add(-4 * time.Hour), via},
		{last(underVisitor), "", visitor, "bob", "Good question", privatereply.SourceVisitorPost, noon.Add(-3 * time.Hour), via},
		{last(onReel), "", post(onReel), "kim", "The price?", privatereply.SourcePost, noon.Add(-30 * time.Minute), via},
	}
	byID := func(a, b found) int { return strings.Compare(a.ID, b.ID) }
	slices.SortFunc(got, byID)
	slices.SortFunc(wantFound, byID)
	if diff := cmp.Diff(wantFound, got); diff != "" {
		t.Errorf("started (-want +got):\n%s", diff)
	}

	if again := s.sweep(t, time.Time{}); again.Started != 0 || again.Duplicate != 6 {
		t.Errorf("the second pass started %d and met %d replies", again.Started, again.Duplicate)
	}
}

// On Instagram comments have pages, their replies have pages of their own, and a new
// reply can stand under an old comment. Nothing says there that a comment was
// answered.
func TestSweepPageOfMedia(t *testing.T) {
	for _, account := range []privatereply.Account{instagram, instagramLogin} {
		t.Run(string(account.Login), func(t *testing.T) {
			s := newSweeping(t, account)
			old := s.write(t, meta.NewComment{Username: "first", Text: "Lovely", Age: ago(10 * 24 * time.Hour)})
			for i := range 60 {
				s.write(t, meta.NewComment{ParentID: old, Username: fmt.Sprint("fan", i), Text: "Which wood?", Age: ago(time.Duration(60-i) * time.Minute)})
			}
			for i := range 120 {
				s.write(t, meta.NewComment{Source: privatereply.SourceReel, Username: fmt.Sprint("viewer", i), Text: "Which oil?", Age: ago(time.Duration(i+1) * time.Hour)})
			}
			s.write(t, meta.NewComment{Source: privatereply.SourceAd, Username: "target", Text: "Not listed"})
			s.write(t, meta.NewComment{ParentID: old, ByAccount: true, Text: "Oak!"})
			want := workflows.SweepCounts{Pages: 1, Posts: 2, Comments: 182, Started: 180, Own: 1, TooOld: 1}
			if diff := cmp.Diff(want, s.sweep(t, time.Time{})); diff != "" {
				t.Errorf("counts (-want +got):\n%s", diff)
			}
			sources := map[privatereply.Source]int{}
			for _, in := range s.started {
				sources[in.Comment.Source]++
				if isReply := in.Comment.ParentID == old; isReply != (in.Comment.Source == privatereply.SourcePost) {
					t.Errorf("%s has the parent %q", in.Comment.CommentID, in.Comment.ParentID)
				}
			}
			if sources[privatereply.SourcePost] != 60 || sources[privatereply.SourceReel] != 120 {
				t.Errorf("started by source: %v", sources)
			}
		})
	}
}

// A pass goes through every page of posts and of their comments, also through pages
// that are empty because what they held is gone.
func TestSweepPageByPage(t *testing.T) {
	s := newSweeping(t, page)
	for i := range 60 {
		id := s.write(t, meta.NewComment{Source: privatereply.SourceVisitorPost, Username: fmt.Sprint("v", i), Text: "Hello?", Age: ago(time.Duration(60-i) * time.Minute)})
		if i >= 10 && i < 40 {
			if err := s.RemoveComment(id); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i := range 130 {
		s.write(t, meta.NewComment{Username: fmt.Sprint("c", i), Text: "Hello?", Age: ago(time.Hour)})
	}
	want := workflows.SweepCounts{Pages: 3, Posts: 32, Comments: 160, Started: 160}
	if diff := cmp.Diff(want, s.sweep(t, time.Time{})); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
}

// No rule answers alone what is older than the account wants, or older than its
// first sweep; a person is asked, with the rule's text. A rule that leaves a comment
// alone still does.
func TestSweepAsks(t *testing.T) {
	asks := privatereply.Decision{Action: privatereply.ActionAsk, Rule: "price", Text: "Hi lena!", Reason: privatereply.FoundBySweep}
	auto := privatereply.Decision{Action: privatereply.ActionAuto, Rule: "price", Text: "Hi lena!", Reason: privatereply.DecidedByRule, Hold: ago(2 * time.Minute)}
	tests := []struct {
		name         string
		text         string
		age          time.Duration
		firstSweepAt time.Time
		within       time.Duration
		want         privatereply.Decision
	}{
		{"fresh", "What price?", time.Hour, noon.Add(-2 * time.Hour), time.Hour, auto},
		{"a second too old", "What price?", time.Hour + time.Second, noon.Add(-2 * time.Hour), time.Hour, asks},
		{"in the second of the first sweep", "What price?", time.Minute, noon.Add(-time.Minute), time.Hour, auto},
		{"before the first sweep", "What price?", time.Minute + time.Second, noon.Add(-time.Minute), time.Hour, asks},
		{"never alone", "What price?", time.Second, noon.Add(-time.Hour), 0, asks},
		{"days are fine", "What price?", 6 * 24 * time.Hour, noon.AddDate(0, -1, 0), 7 * 24 * time.Hour, auto},
		{"old, but left alone", "🎉", 24 * time.Hour, noon.AddDate(0, -1, 0), time.Hour,
			privatereply.Decision{Action: privatereply.ActionIgnore, Rule: "emoji-only", Reason: privatereply.DecidedByRule}},
		{"old, and asked anyway", "Hm", 24 * time.Hour, noon.AddDate(0, -1, 0), time.Hour,
			privatereply.Decision{Action: privatereply.ActionAsk, Reason: privatereply.DecidedByDefault}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSweeping(t, page)
			s.account.SweepAutoWithin = tt.within
			s.write(t, meta.NewComment{Username: "lena", Text: tt.text, Age: ago(tt.age)})
			s.sweep(t, tt.firstSweepAt)
			if len(s.started) != 1 {
				t.Fatalf("%d replies started", len(s.started))
			}
			tt.want.RulesSHA256 = s.sweeper.rules.Current().SHA256()
			if diff := cmp.Diff(tt.want, s.started[0].Decision); diff != "" {
				t.Errorf("decision (-want +got):\n%s", diff)
			}
		})
	}
}

// A comment whose time Meta does not tell is never answered by a rule alone.
func TestSweepAsksWithoutTime(t *testing.T) {
	s := newSweeping(t, page)
	f := pageScan{account: s.account, rules: s.sweeper.rules.Current(), now: noon}
	c := privatereply.Comment{Platform: privatereply.Facebook, Account: page.ID, CommentID: "1_2", Text: "price", ReceivedAt: noon}
	if d := f.decide(c); d.Action != privatereply.ActionAsk || d.Reason != privatereply.FoundBySweep {
		t.Errorf("decided %+v", d)
	}
}

// Replies are started in the order of their deadlines, and a page that is tried
// again goes on where it was: no reply is started twice, and each counts as what it
// was.
func TestSweepGoesOn(t *testing.T) {
	s := newSweeping(t, page)
	workflow := func(comment string) string {
		return "reply:facebook:" + page.ID + ":" + comment[strings.LastIndexByte(comment, '_')+1:]
	}
	var comments []string
	for i := range 40 {
		comments = append(comments, s.write(t, meta.NewComment{Username: fmt.Sprint("c", i), Text: "Hello?", Age: ago(time.Duration(40-i) * time.Hour)}))
	}
	s.has[workflow(comments[3])] = true
	s.fail = func(id string) error {
		if id == workflow(comments[20]) {
			return serviceerror.NewUnavailable("no server")
		}
		return nil
	}
	var reported sweepProgress
	s.SetOnActivityHeartbeatListener(func(_ *activity.Info, details converter.EncodedValues) {
		if err := details.Get(&reported); err != nil {
			t.Error(err)
		}
	})
	if _, err := s.sweepPage(workflows.SweepPageInput{}); err == nil || !strings.Contains(err.Error(), "start the missing replies") {
		t.Fatalf("the page ended with %v", err)
	}
	if reported.Started != 15 || reported.Duplicate != 1 || reported.UpTo.ID != workflow(comments[15]) {
		t.Fatalf("reported %+v", reported)
	}
	if n := len(s.started); n < 16 || n > 23 {
		t.Errorf("%d replies were started before the fault", n)
	}

	s.restart()
	s.SetHeartbeatDetails(reported)
	s.fail = func(string) error { return nil }
	s.write(t, meta.NewComment{Username: "late", Text: "Hello?"})
	lost := len(s.started) - reported.Started // started in the batch that failed
	got, err := s.sweepPage(workflows.SweepPageInput{})
	if err != nil {
		t.Fatal(err)
	}
	want := workflows.SweepCounts{Pages: 1, Posts: 2, Comments: 41, Started: 40 - lost, Duplicate: 1 + lost}
	if diff := cmp.Diff(want, got.SweepCounts); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	if len(s.started) != 40 {
		t.Errorf("%d replies were started", len(s.started))
	}
	for i, in := range s.started[:reported.Started] { // comments[3] is none of them
		if place := slices.Index(comments, in.Comment.CommentID); place/maxConcurrentStarts != (i+1)/maxConcurrentStarts {
			t.Errorf("comment %d was started as number %d", place, i)
		}
	}
}

// What Meta refuses for now is tried again when it says, or when somebody may have
// mended it; what it refuses for good, and an account that is gone, is not.
func TestSweepPageFailures(t *testing.T) {
	tests := []struct {
		name    string
		fault   meta.Fault
		account string // empty: the one that is there
		reason  string
		wait    time.Duration // 0: never again
	}{
		{"throttled for the named minutes", meta.Fault{Name: "throttle", Minutes: 19}, "", "throttled", 19 * time.Minute},
		{"token", meta.Fault{Name: "token-revoked"}, "", "token_rejected", 5 * time.Minute},
		{"permission", meta.Fault{Name: "permission-missing"}, "", "not_permitted", 5 * time.Minute},
		{"outage", meta.Fault{Name: "transient"}, "", "outage", time.Minute},
		{"no answer", meta.Fault{Name: "accept-then-not-json"}, "", "no_answer", time.Minute},
		{"connection lost", meta.Fault{Name: "reset"}, "", "no_answer", time.Minute},
		{"refused for good", meta.Fault{Name: "error", Code: 100}, "", "bad_request", 0},
		{"token unreadable", meta.Fault{}, tokenless.ID, "token_rejected", 5 * time.Minute},
		{"account gone", meta.Fault{}, "100000000000404", "account_unknown", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSweeping(t, page)
			if tt.fault.Calls = "read"; tt.fault.Name != "" {
				if _, err := s.AddFault(tt.fault); err != nil {
					t.Fatal(err)
				}
			}
			in := workflows.SweepPageInput{Platform: page.Platform, Account: page.ID}
			if tt.account != "" {
				in.Account = tt.account
			}
			_, err := s.ExecuteActivity(workflows.SweepPageActivity, in)
			var failed *temporal.ApplicationError
			if !errors.As(err, &failed) || failed.Type() != tt.reason {
				t.Fatalf("it failed with %v, want %s", err, tt.reason)
			}
			if failed.NonRetryable() != (tt.wait == 0) {
				t.Errorf("never again: %v", failed.NonRetryable())
			}
			if wait := failed.NextRetryDelay(); wait < tt.wait || wait > tt.wait+tt.wait/5 {
				t.Errorf("it waits %v, want %v and at most a fifth more", wait, tt.wait)
			}
			for _, secret := range []string{testToken, testSecret, testProof} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("the error shows a secret: %v", err)
				}
			}
		})
	}
}

// A post whose comments Meta does not show does not keep the others from being
// swept; a fault that passes does, and the page is tried again.
func TestSweepPagePastABrokenPost(t *testing.T) {
	tests := []struct {
		name   string
		answer string
		failed bool
	}{
		{"gone", `{"error":{"code":100,"error_subcode":33}}`, false},
		{"throttled", `{"error":{"code":80002}}`, true},
		{"token", `{"error":{"code":190}}`, true},
		{"not JSON", "<html>", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSweeping(t, instagram)
			s.write(t, meta.NewComment{Username: "lena", Text: "Hello?"})
			s.write(t, meta.NewComment{Source: privatereply.SourceReel, Username: "mia", Text: "Hello?"})
			posts := 0
			s.instead = func(path string) string {
				if strings.HasSuffix(path, "/comments") {
					if posts++; posts == 1 {
						return tt.answer
					}
				}
				return ""
			}
			got, err := s.sweepPage(workflows.SweepPageInput{})
			if tt.failed {
				if err == nil || len(s.started) != 0 {
					t.Errorf("%+v, %v", got, err)
				}
				return
			}
			want := workflows.SweepCounts{Pages: 1, Posts: 2, Comments: 1, Started: 1, Failed: 1}
			if diff := cmp.Diff(want, got.SweepCounts); err != nil || diff != "" {
				t.Errorf("%v, counts (-want +got):\n%s", err, diff)
			}
		})
	}
}

// A worker that stops gives the page away at once.
func TestSweepPageStops(t *testing.T) {
	s := newSweeping(t, page)
	stop := make(chan struct{})
	close(stop)
	s.SetWorkerStopChannel(stop)
	_, err := s.sweepPage(workflows.SweepPageInput{})
	var failed *temporal.ApplicationError
	if !errors.As(err, &failed) || failed.NonRetryable() || !strings.Contains(err.Error(), errStopping.Error()) {
		t.Errorf("it ended with %v", err)
	}
}

// A pass ends at posts of long ago, but not before it has seen enough of them, and
// not at a page that holds a newer one.
func TestSweepPageEnds(t *testing.T) {
	long := ago(100 * 24 * time.Hour)
	tests := []struct {
		name   string
		before int
		newest privatereply.Duration
		want   bool // it goes on
	}{
		{"old, and enough", minPosts, long, false},
		{"old, and just enough with this page", minPosts - 25, long, false},
		{"old, but too few", minPosts - 26, long, true},
		{"a newer one among them", minPosts, ago(89 * 24 * time.Hour), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSweeping(t, page)
			posts := func(count int, age privatereply.Duration) {
				for range count {
					s.write(t, meta.NewComment{Source: privatereply.SourceVisitorPost, Username: "ann", Text: "Hello?", Age: age})
				}
			}
			posts(23, ago(10*24*time.Hour)) // the first page, with the two that every sandbox has
			posts(1, tt.newest)
			posts(30, long)
			first, err := s.sweepPage(workflows.SweepPageInput{})
			if err != nil || first.Next == "" {
				t.Fatalf("%+v, %v", first, err)
			}
			second, err := s.sweepPage(workflows.SweepPageInput{Cursor: first.Next, PostsBefore: tt.before})
			if err != nil || second.Posts != 25 {
				t.Fatalf("%+v, %v", second, err)
			}
			if got := second.Next != ""; got != tt.want {
				t.Errorf("it goes on: %v, want %v", got, tt.want)
			}
		})
	}
}
