package workflows

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/privatereply/privatereply"
)

// swept plays one run of Sweep against pages that answer as told.
type swept struct {
	*testsuite.TestWorkflowEnvironment
	asked         []SweepPageInput
	conversations []SweepConversationsInput // asked for
	changed       SweepConversationsResult
	unreadable    error // the conversations
}

func sweepRun(t *testing.T, answer func(context.Context, SweepPageInput) (SweepPageResult, error)) *swept {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	s := &swept{TestWorkflowEnvironment: suite.NewTestWorkflowEnvironment()}
	s.SetStartTime(start)
	s.SetTestTimeout(time.Minute)
	s.RegisterWorkflowWithOptions(Sweep, workflow.RegisterOptions{Name: SweepType})
	s.RegisterActivityWithOptions(func(ctx context.Context, in SweepPageInput) (SweepPageResult, error) {
		s.asked = append(s.asked, in)
		return answer(ctx, in)
	}, activity.RegisterOptions{Name: SweepPageActivity})
	s.RegisterActivityWithOptions(func(_ context.Context, in SweepConversationsInput) (SweepConversationsResult, error) {
		s.conversations = append(s.conversations, in)
		return s.changed, s.unreadable
	}, activity.RegisterOptions{Name: SweepConversationsActivity})
	return s
}

var sweptAccount = SweepInput{Platform: privatereply.Facebook, Account: "100000000000001"}

// nextRun is the input with which s goes on as new, or nil if it does not.
func (s *swept) nextRun(t *testing.T) *SweepInput {
	t.Helper()
	var next *workflow.ContinueAsNewError
	if !errors.As(s.GetWorkflowError(), &next) {
		return nil
	}
	if next.WorkflowType.Name != SweepType {
		t.Errorf("it goes on as %s", next.WorkflowType.Name)
	}
	var in SweepInput
	if err := converter.GetDefaultDataConverter().FromPayloads(next.Input, &in); err != nil {
		t.Fatal(err)
	}
	return &in
}

func (s *swept) result(t *testing.T) SweepStatus {
	t.Helper()
	var status SweepStatus
	if err := s.GetWorkflowError(); err != nil {
		t.Fatalf("the pass failed: %v", err)
	}
	if err := s.GetWorkflowResult(&status); err != nil {
		t.Fatal(err)
	}
	return status
}

// A pass reads each page once, in a run of its own, and its result counts them all.
// A page may be empty and have a next one.
func TestSweepReadsEveryPage(t *testing.T) {
	pages := map[string]SweepPageResult{
		"":       {SweepCounts: SweepCounts{Pages: 1, Posts: 25, Comments: 9, Started: 3, Duplicate: 2, TooOld: 1, Own: 1, AlreadyReplied: 1, Failed: 1}, Next: "second", OldestPostAt: start.Add(-24 * time.Hour)},
		"second": {SweepCounts: SweepCounts{Pages: 1}, Next: "third"},
		"third":  {SweepCounts: SweepCounts{Pages: 1, Posts: 2, Comments: 1, Started: 1}, OldestPostAt: start.Add(-48 * time.Hour)},
	}
	in := sweptAccount
	var asked []SweepPageInput
	for run := 1; ; run++ {
		s := sweepRun(t, func(_ context.Context, in SweepPageInput) (SweepPageResult, error) { return pages[in.Cursor], nil })
		s.SetStartTime(start.Add(time.Duration(run-1) * time.Hour))
		s.ExecuteWorkflow(SweepType, in)
		asked = append(asked, s.asked...)
		next := s.nextRun(t)
		if next != nil {
			in = *next
			continue
		}
		want := SweepStatus{
			Platform: sweptAccount.Platform, Account: sweptAccount.Account, StartedAt: start, FirstSweepAt: start, ReachedAt: start.Add(-48 * time.Hour),
			SweepCounts: SweepCounts{Pages: 3, Posts: 27, Comments: 10, Started: 4, Duplicate: 2, TooOld: 1, Own: 1, AlreadyReplied: 1, Failed: 1},
		}
		if diff := cmp.Diff(want, s.result(t)); diff != "" {
			t.Errorf("result (-want +got):\n%s", diff)
		}
		break
	}
	page := SweepPageInput{Platform: sweptAccount.Platform, Account: sweptAccount.Account, FirstSweepAt: start}
	second, third := page, page
	second.Cursor, second.PostsBefore = "second", 25
	third.Cursor, third.PostsBefore = "third", 25
	if diff := cmp.Diff([]SweepPageInput{page, second, third}, asked); diff != "" {
		t.Errorf("pages asked for (-want +got):\n%s", diff)
	}
}

// The account's first sweep is handed on by the result that its Schedule gives the
// next pass; a result that cannot be read makes this pass the first, so that no rule
// answers alone.
func TestFirstSweep(t *testing.T) {
	long := start.AddDate(0, -2, 0)
	tests := []struct {
		name string
		last any // nil: no pass has completed
		want time.Time
	}{
		{"first pass", nil, start},
		{"later pass", SweepStatus{StartedAt: start.Add(-time.Hour), FirstSweepAt: long}, long},
		{"result without a first sweep", map[string]string{"platform": "facebook"}, start},
		{"unreadable result", 7, start},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := sweepRun(t, func(context.Context, SweepPageInput) (SweepPageResult, error) { return SweepPageResult{}, nil })
			if tt.last != nil {
				s.SetLastCompletionResult(tt.last)
			}
			s.ExecuteWorkflow(SweepType, sweptAccount)
			if got := s.result(t); !got.FirstSweepAt.Equal(tt.want) || !s.asked[0].FirstSweepAt.Equal(tt.want) {
				t.Errorf("first sweep %v, the page was told %v, want %v", got.FirstSweepAt, s.asked[0].FirstSweepAt, tt.want)
			}
		})
	}
}

func throttledFor(delay time.Duration) error {
	return temporal.NewApplicationErrorWithOptions("throttled", "throttled", temporal.ApplicationErrorOptions{NextRetryDelay: delay})
}

// A pass waits as long as Meta says, goes on when a token is repaired, and gives up
// what Meta refuses for good, or what takes a day.
func TestSweepWaits(t *testing.T) {
	tests := []struct {
		name   string
		errs   []error // of the tries, in order; the last one goes on
		tries  int
		after  time.Duration
		failed bool
	}{
		{"named time", []error{throttledFor(19 * time.Minute), nil}, 2, 19 * time.Minute, false},
		{"repaired after hours", []error{throttledFor(5 * time.Minute), throttledFor(5 * time.Minute), throttledFor(3 * time.Hour), nil}, 4, 3*time.Hour + 10*time.Minute, false},
		{"refused for good", []error{temporal.NewNonRetryableApplicationError("no", "refused", nil)}, 1, 0, true},
		{"a day", []error{throttledFor(5 * time.Hour)}, 5, 20 * time.Hour, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var s *swept
			var last time.Time
			s = sweepRun(t, func(context.Context, SweepPageInput) (SweepPageResult, error) {
				last = s.Now()
				return SweepPageResult{}, tt.errs[min(len(s.asked), len(tt.errs))-1]
			})
			s.ExecuteWorkflow(SweepType, sweptAccount)
			if err := s.GetWorkflowError(); (err != nil) != tt.failed {
				t.Errorf("the pass ended with %v", err)
			}
			if took := last.Sub(start); len(s.asked) != tt.tries || took.Round(time.Second) != tt.after {
				t.Errorf("%d tries, the last after %v; want %d, %v", len(s.asked), took, tt.tries, tt.after)
			}
		})
	}
}

// How far a pass is can be asked while it waits.
func TestSweepStatus(t *testing.T) {
	carried := SweepStatus{
		Platform: sweptAccount.Platform, Account: sweptAccount.Account, StartedAt: start, FirstSweepAt: start,
		SweepCounts: SweepCounts{Pages: 4, Posts: 90, Started: 2}, ReachedAt: start.Add(-time.Hour),
	}
	in := sweptAccount
	in.ContinuedFrom = &SweepContinueAsNewState{SweepStatus: carried, Cursor: "fifth"}
	var s *swept
	s = sweepRun(t, func(context.Context, SweepPageInput) (SweepPageResult, error) {
		if len(s.asked) == 1 {
			return SweepPageResult{}, throttledFor(time.Hour)
		}
		return SweepPageResult{}, nil
	})
	told := false
	s.RegisterDelayedCallback(func() {
		told = true
		value, err := s.QueryWorkflow(StatusQuery)
		if err != nil {
			t.Error(err)
			return
		}
		var got SweepStatus
		if err := value.Get(&got); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(carried, got); diff != "" {
			t.Errorf("status (-want +got):\n%s", diff)
		}
	}, time.Minute)
	s.ExecuteWorkflow(SweepType, in)
	if s.result(t); s.asked[0].Cursor != "fifth" || !told {
		t.Errorf("it went on at %q, and was asked: %v", s.asked[0].Cursor, told)
	}
}

// withoutKey panics, as encryption does in workflows, when it should read the result of
// a pass.
type withoutKey struct{ converter.DataConverter }

func (c withoutKey) FromPayloads(p *commonpb.Payloads, to ...any) error {
	if _, ok := to[0].(*SweepStatus); ok {
		panic("the key is gone")
	}
	return c.DataConverter.FromPayloads(p, to...)
}

// A key that is gone holds up no sweep: the pass counts as the first.
func TestSweepWithoutThePassBefore(t *testing.T) {
	s := sweepRun(t, func(context.Context, SweepPageInput) (SweepPageResult, error) { return SweepPageResult{}, nil })
	s.SetDataConverter(withoutKey{converter.GetDefaultDataConverter()})
	s.SetLastCompletionResult(SweepStatus{FirstSweepAt: start.Add(-time.Hour)})
	s.ExecuteWorkflow(SweepType, sweptAccount)
	if err := s.GetWorkflowError(); err != nil {
		t.Fatal(err)
	}
	if len(s.asked) != 1 || !s.asked[0].FirstSweepAt.Equal(start) {
		t.Errorf("it asked for %+v", s.asked)
	}
}

// A pass reads the conversations once, since the pass before it, and goes on where they
// cannot be read.
func TestSweepReadsConversations(t *testing.T) {
	page := func(context.Context, SweepPageInput) (SweepPageResult, error) {
		return SweepPageResult{Next: "second"}, nil
	}
	s := sweepRun(t, page)
	s.changed = SweepConversationsResult{Conversations: 7, Messages: 3}
	s.SetLastCompletionResult(SweepStatus{StartedAt: start.Add(-time.Hour), FirstSweepAt: start.Add(-48 * time.Hour)})
	s.ExecuteWorkflow(Sweep, sweptAccount)
	if len(s.conversations) != 1 || !s.conversations[0].ChangedSince.Equal(start.Add(-time.Hour)) || s.conversations[0].Account != sweptAccount.Account {
		t.Fatalf("asked for %+v", s.conversations)
	}
	failed := sweepRun(t, page)
	failed.SetLastCompletionResult(SweepStatus{StartedAt: start.Add(-time.Hour), FirstSweepAt: start.Add(-48 * time.Hour), ConversationsProblem: privatereply.Throttled})
	failed.ExecuteWorkflow(Sweep, sweptAccount)
	if len(failed.conversations) != 1 || !failed.conversations[0].ChangedSince.IsZero() {
		t.Errorf("after a pass that could not read them: asked for %+v", failed.conversations)
	}
	next := s.nextRun(t)
	if next == nil || next.ContinuedFrom.Conversations != 7 || next.ContinuedFrom.Messages != 3 {
		t.Fatalf("carried over: %+v", next)
	}
	later := sweepRun(t, page)
	later.ExecuteWorkflow(Sweep, *next)
	if len(later.conversations) != 0 {
		t.Errorf("the second page's run asked again: %+v", later.conversations)
	}
	for name, err := range map[string]error{
		"not_permitted": temporal.NewNonRetryableApplicationError("no", "not_permitted", nil),
		"no_answer":     temporal.NewNonRetryableApplicationError("no", "", nil),
	} {
		broken := sweepRun(t, page)
		broken.unreadable = err
		broken.ExecuteWorkflow(Sweep, sweptAccount)
		if next := broken.nextRun(t); next == nil || string(next.ContinuedFrom.ConversationsProblem) != name {
			t.Errorf("%s: carried over: %+v", name, next)
		}
	}
}
