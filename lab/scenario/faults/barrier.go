package faults

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// phase is how far a case has come towards the kill that it shares with others.
type phase int

const (
	running     phase = iota // on the way to its step
	ready                    // where nothing happens until the victim dies
	blocked                  // where little time is left: a call to Temporal is held, or Meta waits
	killable                 // at its step: when all are, the victim dies
	restartable              // what had to happen in the outage has happened: when all are, the victim starts again
	ended
)

// barrier brings cases to their steps together, so that one kill serves all of them.
type barrier struct {
	mu      sync.Mutex
	phases  map[*caseRun]phase
	changed chan struct{}
	bridge  sync.Mutex // held while a webhook is on its way: two that come together are one commit
}

func newBarrier(runs []*caseRun) *barrier {
	r := &barrier{phases: map[*caseRun]phase{}, changed: make(chan struct{})}
	for _, t := range runs {
		r.phases[t] = running
		t.barrier = r
	}
	return r
}

// reach records that a case has come to a phase.
func (r *barrier) reach(t *caseRun, p phase) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.phases[t] = max(p, r.phases[t])
	close(r.changed)
	r.changed = make(chan struct{})
}

// await waits until every case has come to a phase.
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

// at lists the cases that are in a phase.
func (r *barrier) at(p phase) []*caseRun {
	r.mu.Lock()
	defer r.mu.Unlock()
	var runs []*caseRun
	for t, at := range r.phases {
		if at == p {
			runs = append(runs, t)
		}
	}
	return runs
}

// endLate ends the cases that have not come to their steps within d, so that the
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
