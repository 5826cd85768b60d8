package bridge

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/routing"
	"github.com/privatereply/privatereply/workflows"
)

// gatedCommitter is a Temporal whose commits wait until it is opened.
type gatedCommitter struct {
	mu      sync.Mutex
	direct  []string   // comment ids that went alone
	batches [][]string // comment ids of each Intake
	live    []bool     // of each Intake
	open    chan struct{}
	failing func(ids []string) error
}

func newGatedCommitter() *gatedCommitter { return &gatedCommitter{open: make(chan struct{})} }

func (g *gatedCommitter) wait(ctx context.Context, ids []string) error {
	select {
	case <-g.open:
	case <-ctx.Done():
		return ctx.Err()
	}
	if g.failing != nil {
		return g.failing(ids)
	}
	return nil
}

func (g *gatedCommitter) commit(ctx context.Context, arrivals []workflows.InboundEvent) ([]routing.Result, error) {
	id := arrivals[0].Comment.CommentID
	g.mu.Lock()
	g.direct = append(g.direct, id)
	g.mu.Unlock()
	return []routing.Result{{Effect: routing.Started}}, g.wait(ctx, []string{id})
}

func (g *gatedCommitter) startIntake(ctx context.Context, encoded [][]byte, live bool) error {
	var in workflows.IntakeInput
	if err := json.Unmarshal(intakeInput(encoded).Payload().GetData(), &in); err != nil {
		return err
	}
	var ids []string
	for _, a := range in.Events {
		ids = append(ids, a.Comment.CommentID)
	}
	g.mu.Lock()
	g.batches = append(g.batches, ids)
	g.live = append(g.live, live)
	g.mu.Unlock()
	return g.wait(ctx, ids)
}

func (g *gatedCommitter) sizes() (ones int, groups []int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, ids := range g.batches {
		groups = append(groups, len(ids))
	}
	return len(g.direct), groups
}

func (g *batcher) commitsNow() (running, stuck int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.inFlight, g.slowCommits
}

func eventsOf(ids ...string) []workflows.InboundEvent {
	var all []workflows.InboundEvent
	for _, id := range ids {
		all = append(all, workflows.InboundEvent{
			Event: privatereply.Event{Comment: &privatereply.Comment{
				Platform: privatereply.Instagram, Account: instagramID, CommentID: id, ReceivedAt: now,
			}},
			Decision: &privatereply.Decision{Action: privatereply.ActionAsk},
		})
	}
	return all
}

func numbered(prefix string, n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("%s%d", prefix, i)
	}
	return ids
}

var smallLimits = batchLimits{maxInFlight: 1, slowAfter: time.Hour, maxBatchEvents: 10, maxBatchBytes: 1 << 20, maxQueueEvents: 100, maxQueueBytes: 1 << 20, commitTimeout: time.Second}

// Without a commit in flight an event starts its workflow directly; the events that
// arrive meanwhile go in one batch, without waiting for a timer.
func TestBatchesFormWhileCommitsRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		temporal := newGatedCommitter()
		g := newBatcher(smallLimits, temporal, temporal.startIntake)
		var answered sync.WaitGroup
		post := func(ids ...string) {
			answered.Go(func() {
				effects, err := g.commit(t.Context(), eventsOf(ids...))
				if err != nil || len(effects) != len(ids) || slices.Contains(effects, routing.Result{}) {
					t.Errorf("%v: %v, %v", ids, effects, err)
				}
			})
			synctest.Wait()
		}
		post("first")
		for i := range 12 {
			post(fmt.Sprintf("later%d", i), fmt.Sprintf("later%db", i))
		}
		if got := g.depth(); got != 24 {
			t.Errorf("%d events wait, want 24", got)
		}
		close(temporal.open)
		answered.Wait()
		synctest.Wait()
		ones, groups := temporal.sizes()
		if diff := cmp.Diff([]int{10, 10, 4}, groups); ones != 1 || diff != "" {
			t.Errorf("%d alone, groups (-want +got):\n%s", ones, diff)
		}
		if g.depth() != 0 || g.queuedBytes != 0 || g.inFlight != 0 {
			t.Errorf("left behind: %d events, %d bytes, %d commits", g.depth(), g.queuedBytes, g.inFlight)
		}
	})
}

// The order of arrival holds within a batch and from batch to batch, and a
// delivery may be spread over several.
func TestBatchesKeepOrder(t *testing.T) {
	temporal := newGatedCommitter()
	close(temporal.open)
	g := newBatcher(smallLimits, temporal, temporal.startIntake)
	ids := numbered("c", 35)
	if _, err := g.commit(t.Context(), eventsOf(ids...)); err != nil {
		t.Fatal(err)
	}
	if got := slices.Concat(temporal.batches...); !slices.Equal(got, ids) {
		t.Errorf("committed %v", got)
	}
}

// A batch with a live comment is known as such, so that workers take it first.
func TestLiveBatches(t *testing.T) {
	temporal := newGatedCommitter()
	close(temporal.open)
	g := newBatcher(smallLimits, temporal, temporal.startIntake)
	for _, live := range []bool{false, true} {
		arrivals := eventsOf("a", "b", "c")
		if live {
			arrivals[1].Comment.Source = privatereply.SourceLive
		}
		if _, err := g.commit(t.Context(), arrivals); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(temporal.live, []bool{false, true}) {
		t.Errorf("live: %v", temporal.live)
	}
}

// A group stays below what Temporal takes in one payload, but one event always goes.
func TestBatchBytes(t *testing.T) {
	size, err := json.Marshal(eventsOf("c0")[0])
	if err != nil {
		t.Fatal(err)
	}
	temporal := newGatedCommitter()
	close(temporal.open)
	b := smallLimits
	b.maxBatchBytes = 3*len(size) + 3
	g := newBatcher(b, temporal, temporal.startIntake)
	if _, err := g.commit(t.Context(), eventsOf(numbered("c", 7)...)); err != nil {
		t.Fatal(err)
	}
	if _, groups := temporal.sizes(); !slices.Equal(groups, []int{3, 3}) || len(temporal.direct) != 1 {
		t.Errorf("groups %v and %d alone", groups, len(temporal.direct))
	}
	b.maxBatchBytes = 1
	g = newBatcher(b, temporal, temporal.startIntake)
	if _, err := g.commit(t.Context(), eventsOf("big")); err != nil {
		t.Errorf("an event larger than a group: %v", err)
	}
}

// A commit that fails fails the deliveries that are in it and no others.
func TestFailedCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		temporal := newGatedCommitter()
		down := errors.New("down")
		temporal.failing = func(ids []string) error {
			if slices.Contains(ids, "bad") {
				return down
			}
			return nil
		}
		b := smallLimits
		b.maxBatchEvents = 3
		g := newBatcher(b, temporal, temporal.startIntake)
		results := map[string]error{}
		var mu sync.Mutex
		var answered sync.WaitGroup
		for _, ids := range [][]string{{"alone"}, {"a", "b"}, {"bad", "with1"}, {"with2"}, {"c", "d", "e"}} {
			answered.Go(func() {
				_, err := g.commit(t.Context(), eventsOf(ids...))
				mu.Lock()
				results[ids[0]] = err
				mu.Unlock()
			})
			synctest.Wait()
		}
		close(temporal.open)
		answered.Wait()
		// Groups are [a b bad] [with1 with2 c] [d e]: a delivery with a failed part is
		// sent back whole, and its neighbours in that group with it.
		for id, want := range map[string]error{"alone": nil, "a": down, "bad": down, "with2": nil, "c": nil} {
			if !errors.Is(results[id], want) || (want == nil) != (results[id] == nil) {
				t.Errorf("%s: %v, want %v", id, results[id], want)
			}
		}
	})
}

// Beyond the bounds the answer is no at once; one delivery larger than the bound is
// still taken when nothing waits.
func TestFullQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		temporal := newGatedCommitter()
		b := smallLimits
		b.maxQueueEvents = 5
		g := newBatcher(b, temporal, temporal.startIntake)
		var answered sync.WaitGroup
		post := func(ids ...string) {
			answered.Go(func() {
				if _, err := g.commit(t.Context(), eventsOf(ids...)); err != nil {
					t.Errorf("%v: %v", ids, err)
				}
			})
			synctest.Wait()
		}
		post("first")                 // under way
		post(numbered("large", 8)...) // waits, though larger than the bound
		if _, err := g.commit(t.Context(), eventsOf("one more")); !errors.Is(err, errFull) || classifyFailure(err) != overloaded {
			t.Errorf("got %v", err)
		}
		close(temporal.open)
		answered.Wait()
		if _, err := g.commit(t.Context(), eventsOf("again")); err != nil {
			t.Errorf("after the burst: %v", err)
		}
	})
}

// One commit runs at a time; one that hangs does not hold up the others, and when it
// has ended one runs at a time again.
func TestSlowCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		temporal := newGatedCommitter()
		hang := make(chan struct{})
		temporal.failing = func(ids []string) error {
			switch {
			case ids[0] == "hangs":
				<-hang
			case len(ids) > 1:
				time.Sleep(100 * time.Millisecond)
			}
			return nil
		}
		close(temporal.open)
		b := smallLimits
		b.maxInFlight, b.slowAfter = 2, 250*time.Millisecond
		g := newBatcher(b, temporal, temporal.startIntake)
		var answered sync.WaitGroup
		post := func(ids ...string) {
			answered.Go(func() {
				if _, err := g.commit(t.Context(), eventsOf(ids...)); err != nil {
					t.Errorf("%v: %v", ids, err)
				}
			})
			synctest.Wait()
		}
		post("hangs")
		post("a", "b")
		time.Sleep(200 * time.Millisecond)
		if _, groups := temporal.sizes(); len(groups) != 0 {
			t.Errorf("groups %v went beside a commit that was not slow", groups)
		}
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		if _, groups := temporal.sizes(); !slices.Equal(groups, []int{2}) {
			t.Errorf("groups %v: the slow commit held up the others", groups)
		}
		post("c", "d")
		close(hang)
		synctest.Wait()
		if running, stuck := g.commitsNow(); running != 1 || stuck != 0 {
			t.Errorf("%d commits run, %d of them slow; want one", running, stuck)
		}
		answered.Wait()
		time.Sleep(maxDelay)
		synctest.Wait()
		if running, stuck := g.commitsNow(); running != 0 || stuck != 0 || g.depth() != 0 {
			t.Errorf("left behind: %d commits, %d slow, %d events", running, stuck, g.depth())
		}
	})
}

// In a burst the next batch has the next events of the senders that were just answered.
func TestBatchDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		temporal := newGatedCommitter()
		close(temporal.open)
		temporal.failing = func([]string) error { time.Sleep(5 * time.Millisecond); return nil }
		g := newBatcher(smallLimits, temporal, temporal.startIntake)
		var all sync.WaitGroup
		for client := range 4 {
			all.Go(func() {
				for n := range 5 {
					if _, err := g.commit(t.Context(), eventsOf(fmt.Sprintf("c%d-%d", client, n))); err != nil {
						t.Error(err)
					}
					time.Sleep(500 * time.Microsecond)
				}
			})
		}
		all.Wait()
		time.Sleep(maxDelay) // the last commit gathers once more
		synctest.Wait()
		ones, groups := temporal.sizes()
		if ones > 2 || !slices.Contains(groups, 4) || len(groups) > 6 {
			t.Errorf("%d alone, groups %v; want groups of all four", ones, groups)
		}
	})
}

// Whoever stops waiting is left out of later groups, and a commit has an end.
func TestAbandoned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		temporal := newGatedCommitter()
		g := newBatcher(smallLimits, temporal, temporal.startIntake)
		var answered sync.WaitGroup
		answered.Go(func() {
			if _, err := g.commit(t.Context(), eventsOf("stuck")); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("stuck: %v, want the commit's own time-out", err)
			}
		})
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := g.commit(ctx, eventsOf("impatient", "impatient2")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("impatient: %v", err)
		}
		answered.Wait()
		synctest.Wait()
		if _, groups := temporal.sizes(); len(groups) != 0 || g.depth() != 0 {
			t.Errorf("groups %v, %d wait", groups, g.depth())
		}
	})
}

// Many deliveries at once are each answered, once, with nothing lost or doubled.
func TestConcurrentCommits(t *testing.T) {
	temporal := newGatedCommitter()
	close(temporal.open)
	b := batchLimitsDefault
	b.maxBatchEvents = 7
	g := newBatcher(b, temporal, temporal.startIntake)
	var answered sync.WaitGroup
	for i := range 200 {
		answered.Go(func() {
			if _, err := g.commit(t.Context(), eventsOf(numbered(fmt.Sprintf("r%d-", i), 1+i%5)...)); err != nil {
				t.Error(err)
			}
		})
	}
	answered.Wait()
	seen := map[string]int{}
	for _, ids := range append(temporal.batches, temporal.direct) {
		for _, id := range ids {
			seen[id]++
		}
	}
	if len(seen) != 200*3 {
		t.Errorf("%d events were committed, want 600", len(seen))
	}
	for id, n := range seen {
		if n != 1 {
			t.Errorf("%s was committed %d times", id, n)
		}
	}
}

// The input that is put together from bytes is the JSON that the worker reads.
func TestIntakeInput(t *testing.T) {
	all := eventsOf("a", "b")
	all[1].HumanAgent = true
	var encoded [][]byte
	for _, a := range all {
		b, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		encoded = append(encoded, b)
	}
	want, err := json.Marshal(workflows.IntakeInput{Events: all})
	if err != nil {
		t.Fatal(err)
	}
	if got := intakeInput(encoded).Payload().GetData(); !bytes.Equal(got, want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
