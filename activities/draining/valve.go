// Package draining decides how fast a worker takes the batches of a storm apart.
//
// To accept a comment and to place it cost the same server. While a storm comes in,
// accepting goes first, since Meta waits five seconds; and placing never goes much
// faster than the replies that it starts are worked off, so that a send that is due
// does not stand behind thousands of them.
package draining

import (
	"context"
	"sync"
	"time"
)

const (
	// lookEvery is how often the open batches are counted while this worker has one.
	lookEvery = 500 * time.Millisecond
	// countTimeout bounds a count. A client repeats for a minute what a busy server
	// refuses, and a storm would seem to last as long.
	countTimeout = 2 * time.Second
	// trickle is the part of the time in which a worker places while something else
	// goes first.
	trickle = 0.05
	// callsAtOnce is how many events a worker places at once, from all its batches. A
	// few keep a server busy: with SQLite one does.
	callsAtOnce = 8
	// batchesAtOnce is how many batches a worker has open.
	batchesAtOnce = 4
)

// Valve is shared by all that places batches in one process.
type Valve struct {
	count func(context.Context) (int64, error)
	now   func() time.Time

	mu      sync.Mutex
	changed chan struct{} // closed when anything below changes
	batches int           // open here
	calls   int           // events that are being placed
	next    time.Time     // when a trickle goes on
	flow
}

// New makes a valve, which counts the open batches of all workers with count.
func New(count func(context.Context) (int64, error), now func() time.Time) *Valve {
	return &Valve{count: count, now: now, changed: make(chan struct{})}
}

// Run watches for storms until ctx is done.
func (v *Valve) Run(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		v.mu.Lock()
		idle := v.batches == 0
		if idle {
			v.flow = flow{}
		}
		v.mu.Unlock()
		if idle {
			continue
		}
		v.lookOnce(ctx)
	}
}

// lookOnce counts the open batches. Where they cannot be counted there is no storm,
// and the next count is compared with none.
func (v *Valve) lookOnce(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, countTimeout)
	defer cancel()
	open, err := v.count(ctx)
	v.mu.Lock()
	defer v.mu.Unlock()
	if err != nil {
		v.flow = flow{over: true, crowded: v.crowded}
	} else {
		v.see(open, v.now())
	}
	v.tell()
}

// Waited tells how long a new workflow has waited for a worker.
func (v *Valve) Waited(d time.Duration) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.waited(d, v.now())
}

// Open counts a batch until closed is called.
func (v *Valve) Open() (closed func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.batches++
	return func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.batches--
		v.tell()
	}
}

// Turn waits until the next event may be placed, and counts it until done is called.
func (v *Valve) Turn(ctx context.Context) (done func(), err error) {
	err = v.wait(ctx, func(now time.Time) (bool, time.Time) {
		if !v.trickles(now) {
			return v.calls < callsAtOnce, time.Time{}
		}
		return v.calls == 0 && !now.Before(v.next), v.next
	}, func() { v.calls++ })
	if err != nil {
		return nil, err
	}
	began := v.now()
	return func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.calls--
		now := v.now()
		v.next = now.Add(time.Duration(float64(now.Sub(began)) * (1/trickle - 1)))
		v.tell()
	}, nil
}

// Room waits until one more batch may be opened.
func (v *Valve) Room(ctx context.Context) error {
	return v.wait(ctx, func(now time.Time) (bool, time.Time) {
		if v.trickles(now) {
			return v.batches == 0, time.Time{}
		}
		return v.batches < batchesAtOnce, time.Time{}
	}, func() {})
}

// wait waits until may allows it, then does do. The time that may gives is when to
// ask again if nothing changes before.
func (v *Valve) wait(ctx context.Context, may func(now time.Time) (bool, time.Time), do func()) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		v.mu.Lock()
		now := v.now()
		ok, at := may(now)
		if ok {
			do()
			v.mu.Unlock()
			return nil
		}
		changed, pause := v.changed, at.Sub(now)
		v.mu.Unlock()
		var again <-chan time.Time
		if pause > 0 {
			again = time.After(pause)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		case <-again:
		}
	}
}

func (v *Valve) tell() {
	close(v.changed)
	v.changed = make(chan struct{})
}
