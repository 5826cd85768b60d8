package measure

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/privatereply/privatereply/lab/scenario"
)

// doneInterval is the pause between two looks at what of a load is done.
const doneInterval = 100 * time.Millisecond

// steadyLoad is an open-loop load: each task starts when it is due, however many of the
// earlier ones are still under way.
type steadyLoad struct {
	due    []time.Duration // of each task, since the beginning of the load, in ascending order
	start  func(ctx context.Context, i int) error
	doneAt func(i int) time.Time // zero: not done yet
}

// dueTimes are those of a number of tasks a second, for a period.
func dueTimes(perSecond float64, period time.Duration) []time.Duration {
	all := make([]time.Duration, int(perSecond*period.Seconds()))
	for i := range all {
		all[i] = time.Duration(float64(i) / perSecond * float64(time.Second))
	}
	return all
}

// run starts the tasks and waits until all are done, at most until so long after the
// beginning.
func (l steadyLoad) run(ctx context.Context, until time.Duration) (steadyResult, error) {
	began := time.Now()
	var starting sync.WaitGroup
	errs := make([]error, len(l.due))
	for i, due := range l.due {
		if !scenario.Sleep(ctx, time.Until(began.Add(due))) {
			break
		}
		starting.Go(func() { errs[i] = l.start(ctx, i) })
	}
	starting.Wait()
	r := steadyResult{due: l.due, done: make([]time.Duration, len(l.due))}
	for {
		r.length = time.Since(began)
		r.undone = 0
		for i := range l.due {
			if r.done[i] != 0 {
				continue
			}
			if at := l.doneAt(i); at.IsZero() {
				r.undone++
			} else {
				r.done[i] = at.Sub(began)
			}
		}
		if r.undone == 0 || r.length >= until {
			break
		}
		if !scenario.Sleep(ctx, doneInterval) {
			return r, context.Cause(ctx)
		}
	}
	for _, err := range errs {
		if err != nil {
			r.failed++
		}
	}
	return r, ctx.Err()
}

// steadyResult is what came of a steadyLoad. Times are since its beginning.
type steadyResult struct {
	due, done []time.Duration // done: 0 if the task was not done by the end
	length    time.Duration
	undone    int
	failed    int // starts that failed
}

// latencies are the times from when a task was due until it was done, in ascending order. A
// task that was not done counts with its age.
func (r steadyResult) latencies() []time.Duration {
	all := make([]time.Duration, len(r.due))
	for i, due := range r.due {
		if all[i] = r.done[i] - due; r.done[i] == 0 {
			all[i] = r.length - due
		}
	}
	slices.Sort(all)
	return all
}

// doneBy is how many tasks were done at a time.
func (r steadyResult) doneBy(at time.Duration) (n int) {
	for _, done := range r.done {
		if done != 0 && done <= at {
			n++
		}
	}
	return n
}

// quantile is that of values in ascending order.
func quantile(sorted []time.Duration, q float64) time.Duration {
	return sorted[int(q*float64(len(sorted)-1))]
}
