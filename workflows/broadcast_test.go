package workflows

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/privatereply/privatereply"
)

// broadcastTest plays one Broadcast in the time-skipping environment.
type broadcastTest struct {
	*testsuite.TestWorkflowEnvironment
	t  *testing.T
	in BroadcastInput

	// watches are how long each watch lasts until Meta has twice not listed the
	// broadcast; the first of the two answers is 10 seconds older. The last one
	// goes on.
	watches []time.Duration
	fails   int // of the first watches
	watched int
	told    [][]string // batches of comments
	toldAt  []time.Duration
	end     time.Time // that they were told
}

func newBroadcastTest(t *testing.T, watches ...time.Duration) *broadcastTest {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	b := &broadcastTest{
		TestWorkflowEnvironment: suite.NewTestWorkflowEnvironment(), t: t, watches: watches,
		in: BroadcastInput{Platform: privatereply.Instagram, Account: "17841400000000001", Media: "17800000000000001", FirstSeen: start},
	}
	b.SetStartTime(start)
	b.SetTestTimeout(time.Minute)
	b.RegisterWorkflowWithOptions(Broadcast, workflow.RegisterOptions{Name: BroadcastType})
	b.RegisterActivityWithOptions(func(context.Context, WatchBroadcastInput) (WatchBroadcastResult, error) { panic("mocked") },
		activity.RegisterOptions{Name: WatchBroadcastActivity})
	b.RegisterActivityWithOptions(func(_ context.Context, in EndRepliesInput) error {
		b.told = append(b.told, in.Comments)
		b.toldAt = append(b.toldAt, b.Now().Sub(start))
		b.end = in.At
		return nil
	}, activity.RegisterOptions{Name: EndRepliesActivity})
	return b
}

// watch has the next watch end. In this environment an activity's time passes
// before its function runs.
func (b *broadcastTest) watch(context.Context, WatchBroadcastInput) (WatchBroadcastResult, error) {
	b.watched++
	if b.watched <= b.fails {
		return WatchBroadcastResult{}, temporal.NewNonRetryableApplicationError("broken", "Broken", nil)
	}
	return WatchBroadcastResult{At: b.Now().Add(-10 * time.Second)}, nil
}

func (b *broadcastTest) mock() {
	for i, lasts := range b.watches {
		call := b.OnActivity(WatchBroadcastActivity, mock.Anything, mock.Anything).Return(b.watch).After(lasts)
		if i < len(b.watches)-1 {
			call.Once()
		}
	}
}

func (b *broadcastTest) at(d time.Duration, do func()) { b.RegisterDelayedCallback(do, d) }

func (b *broadcastTest) joinAt(d time.Duration, comment string, writtenAt time.Duration) {
	b.at(d, func() {
		b.SignalWorkflow(ReplyJoinedSignal, LiveReplyJoined{Reply: "reply:instagram:17841400000000001:" + comment, At: start.Add(writtenAt)})
	})
}

func (b *broadcastTest) play() *BroadcastStatus {
	b.t.Helper()
	b.mock()
	b.ExecuteWorkflow(Broadcast, b.in)
	if !b.IsWorkflowCompleted() {
		b.t.Fatal("the workflow did not end")
	}
	if err := b.GetWorkflowError(); err != nil {
		b.t.Fatalf("the workflow failed: %v", err)
	}
	var status BroadcastStatus
	if err := b.GetWorkflowResult(&status); err != nil {
		b.t.Fatal(err)
	}
	return &status
}

// Every end of a broadcast reaches every reply that joined, with the time from
// which it counts; a comment that is newer than Meta's word proves it wrong.
func TestBroadcastEnds(t *testing.T) {
	tests := []struct {
		name    string
		watches []time.Duration
		tell    func(*broadcastTest)
		endedAt time.Duration
		endedBy EndedBy
		told    []string
		watched int
	}{
		{"Meta does not list it any more", []time.Duration{10 * time.Minute}, func(b *broadcastTest) {
			b.joinAt(time.Minute, "1", time.Minute)
			b.joinAt(2*time.Minute, "2", 2*time.Minute)
		}, 10*time.Minute - 10*time.Second, EndedByMeta, []string{"1", "2"}, 1},
		{"a newer comment is a sign of life", []time.Duration{10 * time.Minute, time.Hour}, func(b *broadcastTest) {
			b.joinAt(time.Minute, "1", time.Minute)
			b.joinAt(10*time.Minute-5*time.Second, "2", 10*time.Minute-5*time.Second)
		}, 70*time.Minute - 10*time.Second, EndedByMeta, []string{"1", "2"}, 2},
		{"an older comment that comes late is none", []time.Duration{10 * time.Minute}, func(b *broadcastTest) {
			b.joinAt(10*time.Minute-time.Second, "1", 9*time.Minute)
		}, 10*time.Minute - 10*time.Second, EndedByMeta, []string{"1"}, 1},
		{"nor one whose clock is ahead for ever", []time.Duration{10 * time.Minute, 20 * time.Second}, func(b *broadcastTest) {
			b.joinAt(time.Minute, "1", 3*time.Hour)
		}, 10*time.Minute - 10*time.Second, EndedByMeta, []string{"1"}, 1},
		{"somebody says so", []time.Duration{10 * time.Hour}, func(b *broadcastTest) {
			b.joinAt(time.Minute, "1", time.Minute)
			b.at(5*time.Minute, func() { b.SignalWorkflow(BroadcastEndedSignal, EventTime{start.Add(5 * time.Minute)}) })
		}, 5 * time.Minute, EndedByHand, []string{"1"}, 0},
		{"four hours after the first comment", []time.Duration{10 * time.Hour}, func(b *broadcastTest) {
			b.joinAt(time.Minute, "1", -time.Hour)
		}, 3 * time.Hour, EndedByLimit, []string{"1"}, 0},
		{"the watch breaks off", []time.Duration{time.Minute, 10 * time.Minute}, func(b *broadcastTest) {
			b.fails = 1
			b.joinAt(time.Second, "1", 0)
		}, 11 * time.Minute, EndedByMeta, []string{"1"}, 2},
		{"a reply that joins twice is told once", []time.Duration{time.Minute}, func(b *broadcastTest) {
			b.joinAt(time.Second, "1", 0)
			b.joinAt(2*time.Second, "1", 0)
		}, 50 * time.Second, EndedByMeta, []string{"1"}, 1},
		{"several join together", []time.Duration{time.Minute}, func(b *broadcastTest) {
			b.at(time.Second, func() {
				b.SignalWorkflow(ReplyJoinedSignal, LiveReplyJoined{Replies: []string{
					"reply:instagram:17841400000000001:1", "reply:instagram:17841400000000001:2",
				}, At: start})
			})
		}, 50 * time.Second, EndedByMeta, []string{"1", "2"}, 1},
		{"nobody waits", []time.Duration{time.Minute}, nil, 50 * time.Second, EndedByMeta, nil, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBroadcastTest(t, tt.watches...)
			if tt.tell != nil {
				tt.tell(b)
			}
			status := b.play()
			if status.EndedBy != tt.endedBy || !status.EndedAt.Equal(start.Add(tt.endedAt)) || status.Running {
				t.Errorf("ended by %s after %v, want %s after %v", status.EndedBy, status.EndedAt.Sub(start), tt.endedBy, tt.endedAt)
			}
			if got := slices.Concat(b.told...); !slices.Equal(got, tt.told) || status.Notified != len(tt.told) || status.Joined != len(tt.told) {
				t.Errorf("told %v, %d of %d", got, status.Notified, status.Joined)
			}
			if len(tt.told) > 0 && !b.end.Equal(status.EndedAt) {
				t.Errorf("they were told %v", b.end)
			}
			if b.watched != tt.watched {
				t.Errorf("%d watches ended, want %d", b.watched, tt.watched)
			}
		})
	}
}

// A reply that joins while the others are told, or in the last moment, is told too.
func TestBroadcastLateJoiners(t *testing.T) {
	t.Run("while the others are told", func(t *testing.T) {
		b := newBroadcastTest(t, time.Minute)
		b.joinAt(time.Second, "1", 0)
		b.OnActivity(EndRepliesActivity, mock.Anything, mock.Anything).After(time.Minute).Return(
			func(_ context.Context, in EndRepliesInput) error {
				b.told = append(b.told, in.Comments)
				return nil
			})
		b.joinAt(90*time.Second, "2", 0)
		if status := b.play(); status.Notified != 2 || len(b.told) != 2 {
			t.Errorf("told %v, status %+v", b.told, status)
		}
	})
	t.Run("together with the end", func(t *testing.T) {
		b := newBroadcastTest(t, time.Hour)
		b.at(time.Minute, func() {
			b.SignalWorkflowSkippingWorkflowTask(BroadcastEndedSignal, EventTime{start.Add(time.Minute)})
			b.SignalWorkflow(ReplyJoinedSignal, LiveReplyJoined{Reply: "reply:instagram:17841400000000001:1"})
		})
		if status := b.play(); status.Notified != 1 || status.EndedBy != EndedByHand {
			t.Errorf("told %v, status %+v", b.told, status)
		}
	})
}

// Thousands of replies are told in batches, and survive in a run that goes on for
// one whose history has grown too long, however far that had come.
func TestBroadcastWithThousands(t *testing.T) {
	carried := func(ended time.Time) *BroadcastContinueAsNewState {
		was := &BroadcastContinueAsNewState{LastSeen: start, Notified: 7}
		if !ended.IsZero() {
			was.EndedAt, was.EndedBy = ended, EndedByMeta
		}
		for i := range 2500 {
			was.Pending = append(was.Pending, fmt.Sprint(i))
		}
		return was
	}
	for name, ended := range map[string]time.Time{"it runs": {}, "it has ended": start.Add(-time.Minute)} {
		t.Run(name, func(t *testing.T) {
			b := newBroadcastTest(t, time.Minute)
			b.in.ContinuedFrom = carried(ended)
			b.joinAt(time.Second, "1", 0) // carried already
			status := b.play()
			if len(b.told) != 3 || status.Notified != 2507 || status.Joined != 2507 {
				t.Errorf("told in %d batches, status %+v", len(b.told), status)
			}
			if b.watched > 0 != ended.IsZero() {
				t.Errorf("watched %d times", b.watched)
			}
		})
	}
	t.Run("the history grows too long", func(t *testing.T) {
		b := newBroadcastTest(t, time.Hour)
		b.in.ContinuedFrom = carried(time.Time{})
		b.joinAt(time.Minute, "new", time.Minute)
		b.at(2*time.Minute-time.Millisecond, func() { // it comes with the task that must go on in a new run
			b.SignalWorkflowSkippingWorkflowTask(ReplyJoinedSignal, LiveReplyJoined{Reply: "reply:instagram:17841400000000001:newer", At: start.Add(90 * time.Second)})
		})
		b.at(2*time.Minute, func() { b.SetContinueAsNewSuggested(true) })
		b.mock()
		b.ExecuteWorkflow(Broadcast, b.in)
		var next *workflow.ContinueAsNewError
		if err := b.GetWorkflowError(); !errors.As(err, &next) {
			t.Fatalf("it ended with %v", err)
		}
		var in BroadcastInput
		if err := converter.GetDefaultDataConverter().FromPayloads(next.Input, &in); err != nil {
			t.Fatal(err)
		}
		if n := len(in.ContinuedFrom.Pending); n != 2502 || in.ContinuedFrom.Pending[n-1] != "newer" || in.ContinuedFrom.Notified != 7 {
			t.Errorf("%d replies go on, %d told", n, in.ContinuedFrom.Notified)
		}
		if !in.FirstSeen.Equal(start) || !in.ContinuedFrom.LastSeen.Equal(start.Add(90*time.Second)) {
			t.Errorf("first seen %v, last seen %v", in.FirstSeen, in.ContinuedFrom.LastSeen)
		}
	})
}

// Signals that cannot be followed are refused, and the status says why.
func TestBroadcastRefusesSignals(t *testing.T) {
	for name, send := range map[string]func(b *broadcastTest){
		"not a reply": func(b *broadcastTest) {
			b.SignalWorkflow(ReplyJoinedSignal, LiveReplyJoined{Reply: "conversation:instagram:1:2"})
		},
		"of another account": func(b *broadcastTest) {
			b.SignalWorkflow(ReplyJoinedSignal, LiveReplyJoined{Reply: "reply:instagram:2:3"})
		},
		"no reply at all":     func(b *broadcastTest) { b.SignalWorkflow(ReplyJoinedSignal, LiveReplyJoined{At: start}) },
		"mistyped":            func(b *broadcastTest) { b.SignalWorkflow(ReplyJoinedSignal, map[string]any{"replys": "1"}) },
		"an end without time": func(b *broadcastTest) { b.SignalWorkflow(BroadcastEndedSignal, struct{}{}) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBroadcastTest(t, time.Hour)
			b.at(time.Minute, func() { send(b) })
			if status := b.play(); len(status.RefusedSignals) != 1 || status.Joined != 0 || status.EndedBy != EndedByMeta {
				t.Errorf("status %+v", status)
			}
		})
	}
	t.Run("more than a run can carry", func(t *testing.T) {
		b := newBroadcastTest(t, time.Hour)
		b.in.ContinuedFrom = &BroadcastContinueAsNewState{}
		// Long ids, so that few of them fill a run: the race detector makes each slow.
		const idBytes = 256
		for i := range maxJoinedBytes / idBytes {
			b.in.ContinuedFrom.Pending = append(b.in.ContinuedFrom.Pending, fmt.Sprintf("%0*d", idBytes, i))
		}
		b.joinAt(time.Minute, "1", time.Minute)
		if status := b.play(); len(status.RefusedSignals) != 1 || status.Notified != maxJoinedBytes/idBytes {
			t.Errorf("refused %v, told %d", status.RefusedSignals, status.Notified)
		}
	})
}
