package faults

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/privatereply/privatereply/lab/harness/gate"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/lab/scenario"
)

// pollEvery is how often Temporal is asked about something that is awaited.
const pollEvery = 250 * time.Millisecond

// trial is a case that runs. Like a test it ends where something goes wrong: must
// and fail end its goroutine.
type trial struct {
	*Stack
	Case
	group string
	ctx   context.Context
	round *round

	down, up chan struct{} // closed when the victim has died, and when it is back

	mu       sync.Mutex
	end      context.CancelCauseFunc // of ctx, once the trial runs
	comments []*comment
	written  []meta.Person // to whom follow-ups went
	also     []string
	problem  string
	still    []func() bool // each says whether the step still lasts
	letNext  func()        // lets the next webhook of the round come, if this trial keeps it back
	tooSlow  bool          // a step was over before the victim died
	cleanups []func()
	posts    sync.WaitGroup // what goes on beside the case: deliveries, clicks
}

// fail ends the trial, also from what goes on beside it.
func (t *trial) fail(format string, args ...any) {
	problem := fmt.Sprintf(format, args...)
	t.note(problem)
	t.stop(errors.New(problem))
	runtime.Goexit()
}

// stop ends whatever the trial waits for.
func (t *trial) stop(why error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.end != nil {
		t.end(why)
	}
}

// note keeps the first problem of a trial.
func (t *trial) note(problem string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.problem == "" {
		t.problem = problem
	}
}

// must ends the trial if err is one.
func (t *trial) must(err error) {
	if err != nil {
		t.fail("%v", err)
	}
}

// saw adds to what is compared with what the case expects to see.
func (t *trial) saw(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.also = append(t.also, fmt.Sprintf(format, args...))
}

// await asks again until done is true.
func (t *trial) await(what string, done func() (bool, error)) {
	var last error
	for {
		ok, err := done()
		if ok {
			return
		}
		last = err
		if !scenario.Sleep(t.ctx, pollEvery) {
			t.fail("%s did not happen: %v; last error: %v", what, context.Cause(t.ctx), last)
		}
	}
}

// settled says that the case is where it can stay until the victim dies, and waits
// until all others are as well: what follows has little time.
func (t *trial) settled() {
	t.round.come(t, waits)
	t.must(t.round.all(t.ctx, waits))
}

// lastMoment waits until all others are where they should be, but for those that
// come here: a webhook waits for few seconds only.
func (t *trial) lastMoment() {
	t.round.come(t, poised)
	t.must(t.round.all(t.ctx, poised))
	t.round.bridge.Lock()
	t.letNext = sync.OnceFunc(t.round.bridge.Unlock)
	t.cleanup(t.letNext)
}

// dies waits until the victim has died. Still says that the step lasts until then.
func (t *trial) dies(still ...func() bool) {
	t.mu.Lock()
	t.still = still
	t.mu.Unlock()
	t.round.come(t, struck)
	t.wait(t.down)
	if t.tooSlow {
		runtime.Goexit()
	}
}

// comesBack waits until the victim runs again.
func (t *trial) comesBack() {
	t.round.come(t, back)
	t.wait(t.up)
}

// strike has the victim die and come back.
func (t *trial) strike(still ...func() bool) {
	t.dies(still...)
	t.comesBack()
}

func (t *trial) wait(happened <-chan struct{}) {
	select {
	case <-happened:
	case <-t.ctx.Done():
		t.fail("the victim neither died nor came back: %v", context.Cause(t.ctx))
	}
}

// checkStep notes whether the step at which the trial waits is over.
func (t *trial) checkStep() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, still := range t.still {
		t.tooSlow = t.tooSlow || !still()
	}
}

// caught waits until a call is held.
func (t *trial) caught(h *gate.Hold) {
	if t.letNext != nil {
		defer t.letNext()
	}
	if _, err := h.Await(t.ctx); err != nil {
		t.fail("no call was there to be held: %v", err)
	}
}

// hold holds calls of programs until the trial releases them, or ends.
func (t *trial) hold(p *programs, point gate.Point, method, about string) *gate.Hold {
	h := p.holds.Add(point, method, about)
	t.cleanup(h.Release)
	return h
}

func (t *trial) cleanup(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cleanups = append(t.cleanups, f)
}

// within says that less than d has passed since now.
func within(d time.Duration) (still func() bool) {
	began := time.Now()
	return func() bool { return time.Since(began) < d }
}

// until waits for an instant.
func (t *trial) until(at time.Time) {
	if !scenario.Sleep(t.ctx, time.Until(at)) {
		t.fail("%v", context.Cause(t.ctx))
	}
}
