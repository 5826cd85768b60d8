package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/privatereply/privatereply/internal/placing"
	"github.com/privatereply/privatereply/workflows"
)

// errFull says that too much waits already. Meta delivers again.
var errFull = errors.New("the bridge has too many events waiting for Temporal")

// bounds of group commit.
type bounds struct {
	commits     int           // that run at once, the slow ones included
	slow        time.Duration // after which a commit lets another one begin beside it
	groupEvents int           // in one Intake
	groupBytes  int           // encoded, in one Intake; Temporal warns at 512 KiB
	waitEvents  int           // that wait for a commit
	waitBytes   int           // encoded
	commit      time.Duration // that one commit may take
}

var defaultBounds = bounds{
	commits:     4,
	slow:        250 * time.Millisecond,
	groupEvents: 500,
	groupBytes:  500 << 10, // some of the 512 KiB is for the list around the events
	waitEvents:  20_000,
	waitBytes:   32 << 20,
	commit:      commitTimeout,
}

// A storm's next group waits for those who were just answered, a part of the time
// that their commit took: their next events then go with it and not behind it.
const (
	gather  = 5 // one part of so many
	maxWait = 2 * time.Millisecond
)

// grouped commits what arrives while another commit is under way in one group, so
// that a storm costs one transaction for hundreds of events. In the quiet case
// nothing waits: the next arrival goes at once and alone, straight to its workflow.
//
// One commit at a time makes the largest groups, and a database that does not
// commit in parallel takes as many of those as of small ones.
type grouped struct {
	bounds
	one  committer // for a group of one
	many intake

	mu      sync.Mutex
	waiting []*request
	events  int // waiting
	bytes   int // waiting
	running int // commits
	stuck   int // of those, slow
}

// request is the arrivals of one delivery. It may be spread over several groups.
type request struct {
	arrivals []workflows.Arrival
	encoded  [][]byte
	effects  []placing.Effect

	// Guarded by grouped.mu.
	taken    int // arrivals that are in a group
	open     int // arrivals that are not durable yet
	err      error
	finished bool
	done     chan struct{}
}

func newGrouped(b bounds, one committer, many intake) *grouped {
	return &grouped{bounds: b, one: one, many: many}
}

// commit waits until every arrival is durable.
func (g *grouped) commit(ctx context.Context, arrivals []workflows.Arrival) ([]placing.Effect, error) {
	if len(arrivals) == 0 {
		return nil, nil
	}
	r := &request{
		arrivals: arrivals,
		encoded:  make([][]byte, len(arrivals)),
		effects:  make([]placing.Effect, len(arrivals)),
		open:     len(arrivals),
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

func (g *grouped) enqueue(r *request, size int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.events > 0 && (g.events+len(r.arrivals) > g.waitEvents || g.bytes+size > g.waitBytes) {
		return false
	}
	g.waiting = append(g.waiting, r)
	g.events += len(r.arrivals)
	g.bytes += size
	g.begin()
	return true
}

// begin begins a commit unless one is under way that is not slow.
func (g *grouped) begin() {
	if len(g.waiting) > 0 && g.running == g.stuck && g.running < g.commits {
		g.running++
		go g.run()
	}
}

// abandon keeps what nobody waits for any more out of later groups.
func (g *grouped) abandon(r *request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fail(r, context.Canceled)
}

// run commits groups until nothing waits.
func (g *grouped) run() {
	for {
		group := g.next()
		if group == nil {
			return
		}
		began := time.Now()
		effects, err := g.commitWatched(group)
		g.finish(group, effects, err)
		if len(group) > 1 {
			time.Sleep(min(time.Since(began)/gather, maxWait))
		}
	}
}

// commitWatched commits a group, and lets another commit begin when it is slow: one
// that hangs must not hold up all others.
func (g *grouped) commitWatched(group []slot) ([]placing.Effect, error) {
	ctx, cancel := context.WithTimeout(context.Background(), g.bounds.commit)
	defer cancel()
	var slow, done bool // guarded by g.mu
	timer := time.AfterFunc(g.slow, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if !done {
			slow = true
			g.stuck++
			g.begin()
		}
	})
	defer timer.Stop()
	effects, err := g.commitGroup(ctx, group)
	g.mu.Lock()
	defer g.mu.Unlock()
	done = true
	if slow {
		g.stuck--
	}
	return effects, err
}

// slot is one arrival's place in a group.
type slot struct {
	request *request
	n       int
}

// next takes the next group, in the order of arrival. Without one, or where another
// commit took over while this one was slow, this was the last.
func (g *grouped) next() []slot {
	g.mu.Lock()
	defer g.mu.Unlock()
	var group []slot
	bytes := 0
	for len(g.waiting) > 0 && g.running-g.stuck == 1 {
		r := g.waiting[0]
		for r.err == nil && r.taken < len(r.arrivals) {
			size := len(r.encoded[r.taken]) + 1
			if len(group) == g.groupEvents || len(group) > 0 && bytes+size > g.groupBytes {
				return group
			}
			group = append(group, slot{r, r.taken})
			g.take(r)
			bytes += size
		}
		for r.taken < len(r.arrivals) { // failed meanwhile
			g.take(r)
		}
		g.waiting[0] = nil
		g.waiting = g.waiting[1:]
	}
	if group == nil {
		if len(g.waiting) == 0 {
			g.waiting = nil // and with it the array that it was cut from
		}
		g.running--
	}
	return group
}

func (g *grouped) take(r *request) {
	g.events--
	g.bytes -= len(r.encoded[r.taken])
	r.taken++
}

func (g *grouped) commitGroup(ctx context.Context, group []slot) ([]placing.Effect, error) {
	if len(group) == 1 {
		s := group[0]
		return g.one.commit(ctx, s.request.arrivals[s.n:s.n+1])
	}
	encoded := make([][]byte, len(group))
	effects := make([]placing.Effect, len(group))
	live := false
	for i, s := range group {
		encoded[i] = s.request.encoded[s.n]
		effects[i] = placing.Effect{Name: batched}
		c := s.request.arrivals[s.n].Comment
		live = live || c != nil && c.OnLive()
	}
	return effects, g.many(ctx, encoded, live)
}

// finish tells the requests of a group. A failed commit fails exactly these.
func (g *grouped) finish(group []slot, effects []placing.Effect, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, s := range group {
		if err != nil {
			g.fail(s.request, err)
			continue
		}
		s.request.effects[s.n] = effects[i]
		s.request.open--
		if s.request.open == 0 {
			s.request.finish()
		}
	}
}

func (g *grouped) fail(r *request, err error) {
	if r.err == nil && !r.finished {
		r.err = err
		r.finish()
	}
}

func (r *request) finish() {
	r.finished = true
	close(r.done)
}

// depth is how many events wait for a commit.
func (g *grouped) depth() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.events
}
