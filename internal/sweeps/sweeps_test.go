package sweeps_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.uber.org/zap"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/sweeps"
	"github.com/privatereply/privatereply/lab/harness"
	"github.com/privatereply/privatereply/lab/harness/harnesstest"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/workflows"
)

const (
	page      = "100000000000001"
	instagram = "17841400000000001"
	token     = "EAAtesttoken"

	testRules = `
default: ask
rules:
  - name: price
    when: says(text, "price")
    reply: "Hi {{username|there}}!"
    hold: 1h
`
)

// product is the product with one worker, whose accounts file a test can change.
type product struct {
	client.Client
	*harness.Product
	t    *testing.T
	file string
}

func start(t *testing.T) *product {
	t.Helper()
	t.Setenv("SWEEPS_TEST_TOKEN", token)
	p := &product{t: t, file: filepath.Join(t.TempDir(), "accounts.yaml")}
	p.write("sweep_every: 0")
	p.Product = harnesstest.New(t, harness.Config{
		Workers: 1, AccountsFile: p.file, Rules: testRules,
		Meta: meta.Config{Accounts: []meta.Account{
			{Platform: privatereply.Facebook, ID: page, Name: "Clean Slate Page", Login: privatereply.LoginFacebook, Token: token, AppSecret: "test-app-secret"},
			{Platform: privatereply.Instagram, ID: instagram, Name: "Clean Slate", Login: privatereply.LoginFacebook, PageID: page, Token: token, AppSecret: "test-app-secret"},
		}},
	})
	p.Client = p.Product.Client
	harnesstest.Start(t, p.Workers)
	return p
}

// write writes the accounts file: the Page with the settings, and unless they name
// only the Page the Instagram account as well.
func (p *product) write(settings string, only ...string) {
	p.t.Helper()
	content := "accounts:\n" + `
  - platform: facebook
    id: "` + page + `"
    name: Clean Slate Page
    token_env: SWEEPS_TEST_TOKEN
    ` + settings + "\n"
	if len(only) == 0 {
		content += `
  - platform: instagram
    id: "` + instagram + `"
    name: Clean Slate
    login: facebook
    page_id: "` + page + `"
    token_env: SWEEPS_TEST_TOKEN
    ` + settings + "\n"
	}
	if err := os.WriteFile(p.file, []byte(content), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// comment writes a comment whose webhook never arrives.
func (p *product) comment(n meta.NewComment) privatereply.Comment {
	p.t.Helper()
	n.NoWebhook = true
	id, err := p.Sandbox.Comment(n)
	if err != nil {
		p.t.Fatal(err)
	}
	c := privatereply.Comment{Platform: privatereply.Instagram, Account: n.Account, CommentID: id, ReceivedAt: time.Now().UTC()}
	if n.Account == page {
		c.Platform = privatereply.Facebook
	}
	return c
}

// sweep triggers a pass over an account and waits for its end.
func (p *product) sweep(platform privatereply.Platform, account string) workflows.SweepStatus {
	p.t.Helper()
	id, err := privatereply.SweepID(platform, account)
	if err != nil {
		p.t.Fatal(err)
	}
	status, err := p.sweepByID(id)
	if err != nil {
		p.t.Fatal(err)
	}
	return status
}

func (p *product) sweepByID(id string) (status workflows.SweepStatus, err error) {
	ctx, cancel := context.WithTimeout(p.t.Context(), time.Minute)
	defer cancel()
	pass, err := sweeps.Trigger(ctx, p.Client, id, func(sweeps.Pass) error { return nil })
	if err != nil {
		return status, err
	}
	if !strings.HasPrefix(pass.WorkflowID, id+"-") {
		return status, fmt.Errorf("the pass is %s", pass.WorkflowID)
	}
	return status, p.GetWorkflow(ctx, pass.WorkflowID, pass.RunID).Get(ctx, &status)
}

func (p *product) status(c privatereply.Comment) (workflows.PrivateReplyStatus, error) {
	var status workflows.PrivateReplyStatus
	id, err := privatereply.ReplyID(c)
	if err != nil {
		return status, err
	}
	value, err := p.QueryWorkflow(p.t.Context(), id, "", workflows.StatusQuery)
	if err != nil {
		return status, err
	}
	return status, value.Get(&status)
}

func (p *product) until(what string, done func() bool) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			p.t.Fatalf("waited in vain for %s", what)
		}
	}
}

// Webhooks that never arrived are made up for: each comment gets one reply, whoever
// starts it, and however often and at the same time it is swept.
func TestSweepsMakeUpForLostWebhooks(t *testing.T) {
	p := start(t)
	p.until("the Schedules", func() bool { return p.described(page) != nil && p.described(instagram) != nil })

	var all []privatereply.Comment
	for i := range 30 {
		for _, account := range []string{page, instagram} {
			all = append(all, p.comment(meta.NewComment{Account: account, Username: fmt.Sprint("someone", i), Text: "The price?", Age: privatereply.Duration(time.Duration(i) * time.Minute)}))
		}
	}
	all = append(all, p.comment(meta.NewComment{Account: page, Username: "tom", ParentID: all[0].CommentID, Text: "Me too"}))

	var group sync.WaitGroup
	var mu sync.Mutex
	total := 0
	count := func(started int) {
		mu.Lock()
		defer mu.Unlock()
		total += started
	}
	for _, id := range []string{"sweep:facebook:" + page, "sweep:instagram:" + instagram, "sweep:facebook:" + page} {
		group.Go(func() {
			status, err := p.sweepByID(id)
			if err != nil {
				t.Error(err)
			}
			count(status.Started)
		})
	}
	for _, c := range all {
		group.Go(func() { // its webhook arrives after all
			in := workflows.PrivateReplyInput{Comment: c, Decision: privatereply.Decision{Action: privatereply.ActionAsk, Text: "Hi!"}}
			options, in, err := workflows.PrivateReplyOptions(in, harness.TaskQueue, time.Now())
			if err != nil {
				t.Error(err)
				return
			}
			_, err = p.ExecuteWorkflow(t.Context(), options, workflows.PrivateReplyType, in)
			switch {
			case err == nil:
				count(1)
			case !temporal.IsWorkflowExecutionAlreadyStartedError(err):
				t.Error(err)
			}
		})
	}
	group.Wait()
	if total != len(all) {
		t.Errorf("%d replies were started for %d comments", total, len(all))
	}
	p.until("one reply for each comment", func() bool {
		n, err := p.CountWorkflow(t.Context(), &workflowservice.CountWorkflowExecutionsRequest{Query: `WorkflowType="PrivateReply"`})
		return err == nil && n.GetCount() == int64(len(all))
	})
	if again := p.sweep(privatereply.Facebook, page); again.Started != 0 || again.Duplicate != 31 {
		t.Errorf("the last pass counted %+v", again.SweepCounts)
	}
}

// A rule answers alone only what was written after the account's first sweep, which
// every later pass knows; what came before is put to a person.
func TestFirstSweepIsKept(t *testing.T) {
	p := start(t)
	p.until("the Schedule", func() bool { return p.described(page) != nil })
	for i := range 30 { // a second page, so that a pass is a chain of runs
		p.comment(meta.NewComment{Account: page, Source: privatereply.SourceVisitorPost, Username: fmt.Sprint("v", i), Text: "Hello?", Age: privatereply.Duration(8 * 24 * time.Hour)})
	}
	before := p.comment(meta.NewComment{Account: page, Username: "lena", Text: "The price?", Age: privatereply.Duration(time.Minute)})
	first := p.sweep(privatereply.Facebook, page)
	if first.Started != 1 || first.Pages != 2 || first.TooOld != 30 || !first.FirstSweepAt.Equal(first.StartedAt) || time.Since(first.StartedAt) > time.Minute {
		t.Errorf("the first pass ended as %+v", first)
	}
	if status, err := p.status(before); err != nil || status.State != privatereply.AwaitingApproval || status.Decision.Reason != privatereply.FoundBySweep {
		t.Errorf("a comment from before is %s, decided %+v, %v", status.State, status.Decision, err)
	}

	second := p.sweep(privatereply.Facebook, page) // a pass in between
	p.until("a second that is later than the first sweep", func() bool {
		return time.Now().Truncate(time.Second).After(first.FirstSweepAt) // Meta tells whole seconds
	})
	after := p.comment(meta.NewComment{Account: page, Username: "mia", Text: "The price?"})
	third := p.sweep(privatereply.Facebook, page)
	if third.Started != 1 || !second.FirstSweepAt.Equal(first.FirstSweepAt) || !third.FirstSweepAt.Equal(first.FirstSweepAt) {
		t.Errorf("the later passes ended as %+v and %+v", second, third)
	}
	if status, err := p.status(after); err != nil || status.State != privatereply.Holding {
		t.Errorf("a comment from after is %s, %v", status.State, err)
	}

	if _, err := p.sweepByID("sweep:facebook:404"); !errors.Is(err, sweeps.ErrNoSchedule) {
		t.Errorf("a pass without a Schedule failed with %v", err)
	}
}

func scheduleID(account string) string {
	if account == page {
		return "sweep:facebook:" + page
	}
	return "sweep:instagram:" + account
}

// described is an account's Schedule, or nil if it does not exist.
func (p *product) described(account string) *client.ScheduleDescription {
	p.t.Helper()
	d, err := p.ScheduleClient().GetHandle(p.t.Context(), scheduleID(account)).Describe(p.t.Context())
	var none *serviceerror.NotFound
	if err != nil && !errors.As(err, &none) {
		p.t.Fatal(err)
	}
	return d
}

// scheduled is what matters of a Schedule.
type scheduled struct {
	Every  time.Duration
	Paused bool
	Note   string
}

func (p *product) scheduled(account string) scheduled {
	p.t.Helper()
	d := p.described(account)
	if d == nil {
		return scheduled{}
	}
	s := scheduled{Paused: d.Schedule.State.Paused, Note: d.Schedule.State.Note}
	for _, interval := range d.Schedule.Spec.Intervals {
		s.Every += interval.Every
	}
	return s
}

func (p *product) want(account string, want scheduled) {
	p.t.Helper()
	if diff := cmp.Diff(want, p.scheduled(account)); diff != "" {
		p.t.Errorf("Schedule of %s (-want +got):\n%s", account, diff)
	}
}

// The Schedules follow the accounts file; what a person paused stays paused.
func TestSchedulesFollowAccounts(t *testing.T) {
	p := start(t)
	keeper := sweeps.Schedules{Client: p.Client, Accounts: p.Accounts, TaskQueue: harness.TaskQueue, Logger: zap.NewNop()}
	sync := func(settings string, only ...string) {
		t.Helper()
		p.write(settings, only...)
		count := 2 - len(only)
		p.until("the accounts file to be read", func() bool { return len(p.Accounts.All()) == count })
		if err := keeper.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	byHand := scheduled{Paused: true, Note: "sweep_every is 0: this account is swept by hand only"}
	p.until("the worker's own Schedules", func() bool { return p.scheduled(page) == byHand && p.scheduled(instagram) == byHand })

	d := p.described(page)
	action, ok := d.Schedule.Action.(*client.ScheduleWorkflowAction)
	if !ok || action.ID != scheduleID(page) || action.Workflow != workflows.SweepType || action.TaskQueue != harness.TaskQueue {
		t.Errorf("action %+v", d.Schedule.Action)
	}
	if policy := d.Schedule.Policy; policy.Overlap != enumspb.SCHEDULE_OVERLAP_POLICY_SKIP || policy.CatchupWindow != time.Minute {
		t.Errorf("policy %+v", policy)
	}

	sync("sweep_every: 2h # unpaused")
	p.until("the new settings", func() bool { return p.Accounts.All()[0].SweepEvery == 2*time.Hour })
	if err := keeper.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.want(page, scheduled{Every: 2 * time.Hour})
	next := p.described(page).Info.NextActionTimes
	other := p.described(instagram).Info.NextActionTimes
	if len(next) == 0 || len(other) == 0 || next[0].Equal(other[0]) || time.Until(next[0]) > 2*time.Hour {
		t.Errorf("the next sweeps are at %v and %v", next, other)
	}

	sync("sweep_every: 2h # unpaused", "Page only")
	p.want(page, scheduled{Every: 2 * time.Hour})
	p.until("the account that is gone to be paused", func() bool {
		if err := keeper.Sync(t.Context()); err != nil { // the list of Schedules may be behind
			t.Fatal(err)
		}
		return p.scheduled(instagram) == scheduled{Every: 2 * time.Hour, Paused: true, Note: "the accounts file does not have this account any more"}
	})

	if err := p.ScheduleClient().GetHandle(t.Context(), scheduleID(page)).Pause(t.Context(), client.SchedulePauseOptions{Note: "ana looks into it"}); err != nil {
		t.Fatal(err)
	}
	p.until("the pause", func() bool { return p.scheduled(page).Paused })
	sync("sweep_every: 2h # unpaused")
	p.want(page, scheduled{Every: 2 * time.Hour, Paused: true, Note: "ana looks into it"})
	p.want(instagram, scheduled{Every: 2 * time.Hour})
}

// Another deployment in the same namespace keeps its own Schedules.
func TestSchedulesOfOthers(t *testing.T) {
	p := start(t)
	_, err := p.ScheduleClient().Create(t.Context(), client.ScheduleOptions{
		ID:     "sweep:facebook:200000000000002",
		Spec:   client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{Every: time.Hour}}},
		Action: &client.ScheduleWorkflowAction{ID: "other", Workflow: workflows.SweepType, TaskQueue: "another-queue"},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.ScheduleClient().Create(t.Context(), client.ScheduleOptions{
		ID:     "sweep:facebook:300000000000003",
		Spec:   client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{Every: time.Hour}}},
		Action: &client.ScheduleWorkflowAction{ID: "ours", Workflow: workflows.SweepType, TaskQueue: harness.TaskQueue},
	})
	if err != nil {
		t.Fatal(err)
	}
	paused := func(id string) bool {
		d, err := p.ScheduleClient().GetHandle(t.Context(), id).Describe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return d.Schedule.State.Paused
	}
	keeper := sweeps.Schedules{Client: p.Client, Accounts: p.Accounts, TaskQueue: harness.TaskQueue, Logger: zap.NewNop()}
	p.until("our own one to be paused", func() bool {
		if err := keeper.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		return paused("sweep:facebook:300000000000003")
	})
	if paused("sweep:facebook:200000000000002") {
		t.Error("another deployment's Schedule was paused")
	}
}
