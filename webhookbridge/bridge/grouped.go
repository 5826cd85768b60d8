package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/privatereply/privatereply/internal/routing"
	"github.com/privatereply/privatereply/workflows"
)

// errFull says that too much waits already. Meta delivers again.
var errFull = errors.New("the bridge has too many events waiting for Temporal")

// batchLimits of group commit.
type batchLimits struct {
	maxInFlight    int           // that run at once, the slow ones included
	slowAfter      time.Duration // after which a commit lets another one begin beside it
	maxBatchEvents int           // in one Intake
	maxBatchBytes  int           // encoded, in one Intake; Temporal warns at 512 KiB
	maxQueueEvents int           // that wait for a commit
	maxQueueBytes  int           // encoded
	commitTimeout  time.Duration // that one commit may take
}

var batchLimitsDefault = batchLimits{
	maxInFlight:    4,
	slowAfter:      250 * time.Millisecond,
	maxBatchEvents: 500,
	maxBatchBytes:  500 << 10, // some of the 512 KiB is for the list around the events
	maxQueueEvents: 20_000,
	maxQueueBytes:  32 << 20,
	commitTimeout:  commitTimeout,
}

// A storm's next group waits for those who were just answered, a part of the time
// that their commit took: their next events then go with it and not behind it.
const (
	delayDivisor = 5 // one part of so many
	maxDelay     = 2 * time.Millisecond
)

// batcher commits what arrives while another commit is under way in one group, so
// that a storm costs one transaction for hundreds of events. In the quiet case
// nothing waits: the next arrival goes at once and alone, straight to its workflow.
//
// One commit at a time makes the largest groups, and a database that does not
// commit in parallel takes as many of those as of small ones.
type batcher struct {
	batchLimits
	direct      committer // for a group of one
	startIntake intakeStarter

	mu           sync.Mutex
	queue        []*commitRequest
	queuedEvents int // waiting
	queuedBytes  int // waiting
	inFlight     int // commits
	slowCommits  int // of those, slow
}

// commitRequest is the arrivals of one delivery. It may be spread over several groups.
type commitRequest struct {
	arrivals []workflows.InboundEvent
	encoded  [][]byte
	effects  []routing.Result

	// Guarded by grouped.mu.
	batched  int // arrivals that are in a group
	pending  int // arrivals that are not durable yet
	err      error
	finished bool
	done     chan struct{}
}

func newBatcher(b batchLimits, one committer, many intakeStarter) *batcher {
	return &batcher{batchLimits: b, direct: one, startIntake: many}
}

// commit waits until every arrival is durable.
func (g *batcher) commit(ctx context.Context, arrivals []workflows.InboundEvent) ([]routing.Result, error) {
	if len(arrivals) == 0 {
		return nil, nil
	}
	r := &commitRequest{
		arrivals: arrivals,
		encoded:  make([][]byte, len(arrivals)),
		effects:  make([]routing.Result, len(arrivals)),
		pending:  len(arrivals),
		done:     make(chan struct{}),
	}
	size := 0
	for i, a := range arrivals {
		b, err := json.Marshal(a)
		if err != nil {
			return nil, fmt.Errorf("encode an event: %w", err)
		}
		r.encoded[i] = b
		size += len(b)
	}
	if !g.enqueue(r, size) {
		return nil, errFull
	}
	select {
	case <-r.done:
		return r.effects, r.err
	case <-ctx.Done():
		g.abandon(r)
		return nil, context.Cause(ctx)
	}
}

func (g *batcher) enqueue(r *commitRequest, size int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.queuedEvents > 0 && (g.queuedEvents+len(r.arrivals) > g.maxQueueEvents || g.queuedBytes+size > g.maxQueueBytes) {
		return false
	}
	g.queue = append(g.queue, r)
	g.queuedEvents += len(r.arrivals)
	g.queuedBytes += size
	g.startCommit()
	return true
}

// startCommit begins a commit unless one is under way that is not slow.
func (g *batcher) startCommit() {
	if len(g.queue) > 0 && g.inFlight == g.slowCommits && g.inFlight < g.maxInFlight {
		g.inFlight++
		go g.run()
	}
}

// abandon keeps what nobody waits for any more out of later groups.
func (g *batcher) abandon(r *commitRequest) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fail(r, context.Canceled)
}

// run commits groups until nothing waits.
func (g *batcher) run() {
	for {
		group := g.nextBatch()
		if group == nil {
			return
		}
		began := time.Now()
		effects, err := g.commitWithSlowTimer(group)
		g.complete(group, effects, err)
		if len(group) > 1 {
			time.Sleep(min(time.Since(began)/delayDivisor, maxDelay))
		}
	}
}

// commitWithSlowTimer commits a group, and lets another commit begin when it is slow: one
// that hangs must not hold up all others.
func (g *batcher) commitWithSlowTimer(group []batchItem) ([]routing.Result, error) {
	ctx, cancel := context.WithTimeout(context.Background(), g.batchLimits.commitTimeout)
	defer cancel()
	var slow, done bool // guarded by g.mu
	timer := time.AfterFunc(g.slowAfter, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if !done {
			slow = true
			g.slowCommits++
			g.startCommit()
		}
	})
	defer timer.Stop()
	effects, err := g.commitBatch(ctx, group)
	g.mu.Lock()
	defer g.mu.Unlock()
	done = true
	if slow {
		g.slowCommits--
	}
	return effects, err
}

// batchItem is one arrival's place in a group.
type batchItem struct {
	request *commitRequest
	index   int
}

// nextBatch takes the next group, in the order of arrival. Without one, or where another
// commit took over while this one was slow, this was the last.
func (g *batcher) nextBatch() []batchItem {
	g.mu.Lock()
	defer g.mu.Unlock()
	var group []batchItem
	bytes := 0
	for len(g.queue) > 0 && g.inFlight-g.slowCommits == 1 {
		r := g.queue[0]
		for r.err == nil && r.batched < len(r.arrivals) {
			size := len(r.encoded[r.batched]) + 1
			if len(group) == g.maxBatchEvents || len(group) > 0 && bytes+size > g.maxBatchBytes {
				return group
			}
			group = append(group, batchItem{r, r.batched})
			g.dequeue(r)
			bytes += size
		}
		for r.batched < len(r.arrivals) { // failed meanwhile
			g.dequeue(r)
		}
		g.queue[0] = nil
		g.queue = g.queue[1:]
	}
	if group == nil {
		if len(g.queue) == 0 {
			g.queue = nil // and with it the array that it was cut from
		}
		g.inFlight--
	}
	return group
}

func (g *batcher) dequeue(r *commitRequest) {
	g.queuedEvents--
	g.queuedBytes -= len(r.encoded[r.batched])
	r.batched++
}

func (g *batcher) commitBatch(ctx context.Context, group []batchItem) ([]routing.Result, error) {
	if len(group) == 1 {
		s := group[0]
		return g.direct.commit(ctx, s.request.arrivals[s.index:s.index+1])
	}
	encoded := make([][]byte, len(group))
	effects := make([]routing.Result, len(group))
	live := false
	for i, s := range group {
		encoded[i] = s.request.encoded[s.index]
		effects[i] = routing.Result{Effect: batched}
		c := s.request.arrivals[s.index].Comment
		live = live || c != nil && c.OnLive()
	}
	return effects, g.startIntake(ctx, encoded, live)
}

// complete tells the requests of a group. A failed commit fails exactly these.
func (g *batcher) complete(group []batchItem, effects []routing.Result, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, s := range group {
		if err != nil {
			g.fail(s.request, err)
			continue
		}
		s.request.effects[s.index] = effects[i]
		s.request.pending--
		if s.request.pending == 0 {
			s.request.finish()
		}
	}
}

func (g *batcher) fail(r *commitRequest, err error) {
	if r.err == nil && !r.finished {
		r.err = err
		r.finish()
	}
}

func (r *commitRequest) finish() {
	r.finished = true
	close(r.done)
}

// depth is how many events wait for a commit.
func (g *batcher) depth() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.queuedEvents
}
