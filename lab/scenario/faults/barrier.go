package faults

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// phase is how far a trial has come in its round.
type phase int

const (
	running     phase = iota
	ready             // it is where nothing happens until the victim dies
	blocked           // it is where little time is left: Meta, or Temporal, waits for it
	killable          // everybody is at their step: the victim dies
	restartable       // what had to happen in the outage has happened: the victim comes back
	ended
)

// runTogether brings trials to their steps together, so that one death serves all.
type barrier struct {
	mu      sync.Mutex
	phases  map[*caseRun]phase
	changed chan struct{}
	bridge  sync.Mutex // for a webhook on its way: two that come together are one commit
}

func newBarrier(trials []*caseRun) *barrier {
	r := &barrier{phases: map[*caseRun]phase{}, changed: make(chan struct{})}
	for _, t := range trials {
		r.phases[t] = running
		t.barrier = r
	}
	return r
}

// reach says that t has come to p.
func (r *barrier) reach(t *caseRun, p phase) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.phases[t] = max(p, r.phases[t])
	close(r.changed)
	r.changed = make(chan struct{})
}

// await waits until every trial has come to p.
func (r *barrier) await(ctx context.Context, p phase) error {
	for {
		r.mu.Lock()
		changed, reached := r.changed, true
		for _, at := range r.phases {
			reached = reached && at >= p
		}
		r.mu.Unlock()
		if reached {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// at lists the trials that are in p.
func (r *barrier) at(p phase) []*caseRun {
	r.mu.Lock()
	defer r.mu.Unlock()
	var trials []*caseRun
	for t, at := range r.phases {
		if at == p {
			trials = append(trials, t)
		}
	}
	return trials
}

// endLate ends the trials that have not come to their steps within d, so that the
// others still have the time for theirs: first those that all wait for, a little
// later those that only had a moment to go.
func (r *barrier) endLate(d time.Duration) (stop func()) {
	end := func(late ...phase) func() {
		return func() {
			for _, p := range late {
				for _, t := range r.at(p) {
					t.end(fmt.Errorf("it did not come to its step within %v", d))
				}
			}
		}
	}
	first := time.AfterFunc(d, end(running))
	second := time.AfterFunc(d+d/4, end(ready, blocked))
	return func() {
		first.Stop()
		second.Stop()
	}
}
