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
	underWay phase = iota
	waits          // it is where nothing happens until the victim dies
	poised         // it is where little time is left: Meta, or Temporal, waits for it
	struck         // everybody is at their step: the victim dies
	back           // what had to happen in the outage has happened: the victim comes back
	over
)

// round brings trials to their steps together, so that one death serves all.
type round struct {
	mu      sync.Mutex
	phases  map[*trial]phase
	changed chan struct{}
	bridge  sync.Mutex // for a webhook on its way: two that come together are one commit
}

func newRound(trials []*trial) *round {
	r := &round{phases: map[*trial]phase{}, changed: make(chan struct{})}
	for _, t := range trials {
		r.phases[t] = underWay
		t.round = r
	}
	return r
}

// come says that t has come to p.
func (r *round) come(t *trial, p phase) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.phases[t] = max(p, r.phases[t])
	close(r.changed)
	r.changed = make(chan struct{})
}

// all waits until every trial has come to p.
func (r *round) all(ctx context.Context, p phase) error {
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
func (r *round) at(p phase) []*trial {
	r.mu.Lock()
	defer r.mu.Unlock()
	var trials []*trial
	for t, at := range r.phases {
		if at == p {
			trials = append(trials, t)
		}
	}
	return trials
}

// hurry ends the trials that have not come to their steps within d, so that the
// others still have the time for theirs: first those that all wait for, a little
// later those that only had a moment to go.
func (r *round) hurry(d time.Duration) (stop func()) {
	end := func(late ...phase) func() {
		return func() {
			for _, p := range late {
				for _, t := range r.at(p) {
					t.stop(fmt.Errorf("it did not come to its step within %v", d))
				}
			}
		}
	}
	first := time.AfterFunc(d, end(underWay))
	second := time.AfterFunc(d+d/4, end(waits, poised))
	return func() {
		first.Stop()
		second.Stop()
	}
}
