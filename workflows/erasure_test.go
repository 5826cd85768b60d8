package workflows

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/privatereply/privatereply"
)

// fakeEraser are the activities of an erasure, over a list of runs and of accounts.
type fakeEraser struct {
	runs       []HeldRun
	keep       map[string]string // why runs are kept, by their ids
	unreadable int
	pageSize   int // 0: no limit
	// arrives is called at each search, with its number from 1.
	arrives func(n int)

	searches int
	keys     [][]PersonKey // of each search

	accounts   []AccountKey
	connected  map[AccountKey]error // why an account cannot be disconnected; nil: it can be
	automatic  map[AccountKey][]int // replies that each rejection finds
	rejections []AccountKey
}

func (f *fakeEraser) SearchPerson(_ context.Context, in SearchPersonInput) (SearchPersonResult, error) {
	f.searches++
	f.keys = append(f.keys, in.Keys)
	if f.arrives != nil {
		f.arrives(f.searches)
	}
	found := SearchPersonResult{Keys: in.Keys, Runs: slices.Clone(f.runs), Unreadable: f.unreadable}
	if f.unreadable > 0 {
		found.UnreadableRuns = []UnreadableRun{{RunID: "u", Why: "its key is not configured"}}
	}
	if f.pageSize > 0 && len(found.Runs) > f.pageSize {
		found.Runs, found.More = found.Runs[:f.pageSize], true
	}
	if len(in.Keys) == 1 && len(f.runs) > 0 {
		found.Keys = append(slices.Clone(in.Keys), PersonKey{Key: "alias"})
	}
	return found, nil
}

func (f *fakeEraser) RemoveRuns(_ context.Context, in RemoveRunsInput) (RemoveRunsResult, error) {
	var result RemoveRunsResult
	for _, h := range in.Runs {
		if why := f.keep[h.RunID]; why != "" {
			h.KeptReason = why
			result.Kept = append(result.Kept, h)
			continue
		}
		result.Removed = append(result.Removed, h)
		f.runs = slices.DeleteFunc(f.runs, func(o HeldRun) bool { return o.RunID == h.RunID })
	}
	return result, nil
}

func (f *fakeEraser) FindConnections(context.Context, FindConnectionsInput) (FindConnectionsResult, error) {
	return FindConnectionsResult{Accounts: slices.Clone(f.accounts)}, nil
}

func (f *fakeEraser) DisconnectAccount(_ context.Context, a AccountKey) error {
	if err := f.connected[a]; err != nil {
		return err
	}
	f.accounts = slices.DeleteFunc(f.accounts, func(o AccountKey) bool { return o == a })
	return nil
}

func (f *fakeEraser) RejectAutomatic(_ context.Context, a AccountKey) (RejectAutomaticResult, error) {
	f.rejections = append(f.rejections, a)
	n := 0
	if left := f.automatic[a]; len(left) > 0 {
		n, f.automatic[a] = left[0], left[1:]
	}
	return RejectAutomaticResult{Rejected: n}, nil
}

func held(ids ...string) []HeldRun {
	var runs []HeldRun
	for _, id := range ids {
		runs = append(runs, HeldRun{Kind: "reply", RunID: id})
	}
	return runs
}

func newErasureEnvironment(f *fakeEraser) *testsuite.TestWorkflowEnvironment {
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	env.SetStartTime(start)
	env.SetTestTimeout(time.Minute)
	env.RegisterWorkflowWithOptions(Erasure, workflow.RegisterOptions{Name: ErasureType})
	for name, do := range map[string]any{
		SearchPersonActivity: f.SearchPerson, RemoveRunsActivity: f.RemoveRuns, FindConnectionsActivity: f.FindConnections,
		DisconnectAccountActivity: f.DisconnectAccount, RejectAutomaticActivity: f.RejectAutomatic,
	} {
		env.RegisterActivityWithOptions(do, activity.RegisterOptions{Name: name})
	}
	return env
}

var personErasure = ErasureInput{Scope: ErasePerson, PersonKey: "hash", RequestedAt: start}

// A person is erased when a search finds nothing more. What is kept, unreadable or new
// keeps the erasure going, and its status says so.
func TestErasePerson(t *testing.T) {
	tests := []struct {
		name     string
		fake     fakeEraser
		removed  int
		searches int
		state    ErasureState
		took     time.Duration // at least
		why      string        // in the first kept run, or the first unreadable one
	}{
		{"nothing is held", fakeEraser{}, 0, 1, ErasureDone, 0, ""},
		{"all at once", fakeEraser{runs: held("a", "b")}, 2, 2, ErasureDone, 0, ""},
		{"page by page", fakeEraser{runs: held("a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"), pageSize: 2}, 12, 7, ErasureDone, 0, ""},
		{"one is kept", fakeEraser{runs: held("a", "b"), keep: map[string]string{"b": "no worker"}}, 1, 0, ErasureStuck, 30 * 24 * time.Hour, "no worker"},
		{"some cannot be read", fakeEraser{runs: held("a"), unreadable: 3}, 1, 0, ErasureStuck, 30 * 24 * time.Hour, "its key is not configured"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := tt.fake
			env := newErasureEnvironment(&f)
			env.ExecuteWorkflow(ErasureType, personErasure)
			var got ErasureStatus
			if err := env.GetWorkflowResult(&got); err != nil {
				t.Fatal(err)
			}
			if got.State != tt.state || got.Removed != tt.removed || len(got.RemovedRuns) != tt.removed || !got.NextAt.IsZero() {
				t.Errorf("the result is %+v", got)
			}
			if tt.searches > 0 && f.searches != tt.searches {
				t.Errorf("%d searches, want %d", f.searches, tt.searches)
			}
			if took := env.Now().Sub(start); took < tt.took || tt.took == 0 && took > time.Hour {
				t.Errorf("it took %v", took)
			}
			why := ""
			switch {
			case got.Kept > 0:
				why = got.KeptRuns[0].KeptReason
			case got.Unreadable > 0:
				why = got.UnreadableRuns[0].Why
			}
			if why != tt.why {
				t.Errorf("why = %q, want %q", why, tt.why)
			}
		})
	}
}

// Comments that keep coming in do not keep an erasure searching without end, and it goes
// on later.
func TestEraseWhoGoesOnWriting(t *testing.T) {
	var f fakeEraser
	f.arrives = func(n int) {
		if n <= 10 {
			f.runs = append(f.runs, held(fmt.Sprint(n))...)
		}
	}
	env := newErasureEnvironment(&f)
	var stuck ErasureStatus
	env.RegisterDelayedCallback(func() {
		answer, err := env.QueryWorkflow(StatusQuery)
		if err == nil {
			err = answer.Get(&stuck)
		}
		if err != nil {
			t.Error(err)
		}
	}, firstErasureRetry/2)
	env.ExecuteWorkflow(ErasureType, personErasure)
	if stuck.State != ErasureStuck || stuck.Removed != maxErasurePasses || stuck.Kept != 1 || !stuck.NextAt.Equal(start.Add(firstErasureRetry)) {
		t.Errorf("after some passes it is %+v", stuck)
	}
	var done ErasureStatus
	if err := env.GetWorkflowResult(&done); err != nil || done.State != ErasureDone || done.Removed != 10 || done.Kept != 0 {
		t.Errorf("%+v, %v", done, err)
	}
}

// An id that one search makes known is searched for by the next ones: the reply that showed
// it may be gone by then.
func TestErasureRemembersIDs(t *testing.T) {
	f := fakeEraser{runs: held("a")}
	env := newErasureEnvironment(&f)
	env.ExecuteWorkflow(ErasureType, personErasure)
	if err := env.GetWorkflowError(); err != nil {
		t.Fatal(err)
	}
	want := [][]PersonKey{{{Key: "hash"}}, {{Key: "hash"}, {Key: "alias"}}}
	if diff := cmp.Diff(want, f.keys); diff != "" {
		t.Error(diff)
	}
}

// Every account of a connection is disconnected and its automatic replies rejected; one
// that cannot be keeps no other, is said, and tried again.
func TestEraseConnection(t *testing.T) {
	one, two := AccountKey{privatereply.Instagram, "1"}, AccountKey{privatereply.Facebook, "2"}
	broken := temporal.NewNonRetryableApplicationError("the accounts folder cannot be written", "", nil)
	f := fakeEraser{
		accounts:  []AccountKey{one, two},
		connected: map[AccountKey]error{one: broken},
		automatic: map[AccountKey][]int{one: {0, 2, 0}, two: {3, 1, 0}},
	}
	env := newErasureEnvironment(&f)
	var stuck ErasureStatus
	env.RegisterDelayedCallback(func() {
		answer, err := env.QueryWorkflow(StatusQuery)
		if err == nil {
			err = answer.Get(&stuck)
		}
		if err != nil {
			t.Error(err)
		}
		f.connected[one] = nil
	}, firstErasureRetry/2)
	env.ExecuteWorkflow(ErasureType, ErasureInput{Scope: EraseConnection, PersonKey: "hash", RequestedAt: start})
	var done ErasureStatus
	if err := env.GetWorkflowResult(&done); err != nil {
		t.Fatal(err)
	}
	want := []AccountStatus{{AccountKey: one, Why: "the accounts folder cannot be written"}, {AccountKey: two, Done: true}}
	if diff := cmp.Diff(want, stuck.Accounts); diff != "" || stuck.State != ErasureStuck || stuck.Found != 2 || stuck.Removed != 1 || stuck.Kept != 1 {
		t.Errorf("while one cannot be disconnected: %+v\n%s", stuck, diff)
	}
	want = []AccountStatus{{AccountKey: one, Done: true}, {AccountKey: two, Done: true}}
	if diff := cmp.Diff(want, done.Accounts); diff != "" || done.State != ErasureDone || done.Removed != 2 || done.Kept != 0 || done.Rejected != 6 {
		t.Errorf("in the end: %+v\n%s", done, diff)
	}
	// Two passes after the last one that found a reply; of the first account the first pass
	// found none.
	if n := len(f.rejections); n != 6 {
		t.Errorf("%d passes over the replies, want 6: %v", n, f.rejections)
	}
}

// An erasure that could never be carried out says what is wrong with it.
func TestErasureRefuses(t *testing.T) {
	for name, in := range map[string]ErasureInput{
		"person_key": {Scope: ErasePerson},
		"scope":      {Scope: "everything", PersonKey: "hash"},
	} {
		env := newErasureEnvironment(&fakeEraser{})
		env.ExecuteWorkflow(ErasureType, in)
		var refused *temporal.ApplicationError
		if err := env.GetWorkflowError(); !errors.As(err, &refused) || !strings.HasPrefix(refused.Message(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, code := range []string{"", "short", strings.Repeat("a", 24), strings.Repeat("A", 25), strings.Repeat("1", 24)} {
		if _, err := ErasureOptions(code, "q", personErasure); !errors.Is(err, privatereply.ErrUnusableID) {
			t.Errorf("code %q: %v", code, err)
		}
	}
}

// A reply of an account that was disconnected says so; no other cause can be given.
func TestRejectCause(t *testing.T) {
	r := rejection{&reply{}}
	if err := r.validate(Reject{Approver: "an erasure", Cause: privatereply.AccountDisconnected}); err != nil {
		t.Error(err)
	}
	if err := r.validate(Reject{Approver: "ana", Cause: privatereply.CommentRemoved}); err == nil || !strings.HasPrefix(err.Error(), "cause: ") {
		t.Errorf("another cause: %v", err)
	}
}
