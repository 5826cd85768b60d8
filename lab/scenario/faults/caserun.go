package faults

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/privatereply/privatereply/lab/harness"
	"github.com/privatereply/privatereply/lab/harness/gate"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/lab/scenario"
)

// pollInterval is how often Temporal is asked about something that is awaited.
const pollInterval = 250 * time.Millisecond

// caseRun is a case that runs. Like a test it ends where something goes wrong: must
// and fail end its goroutine.
type caseRun struct {
	*Stack
	Case
	group   string
	ctx     context.Context
	barrier *barrier

	killed, restarted chan struct{} // closed when the victim has died, and when it is back

	mu            sync.Mutex
	cancel        context.CancelCauseFunc // of ctx, once the trial runs
	comments      []*comment
	messaged      []meta.Person // to whom follow-ups went
	observed      []string
	problem       string
	stillAtStep   []func() bool // each says whether the step still lasts
	releaseBridge func()        // lets the next webhook of the round come, if this trial keeps it back
	missedStep    bool          // a step was over before the victim died
	cleanups      []func()
	background    sync.WaitGroup // what goes on beside the case: deliveries, clicks
}

// fail ends the trial, also from what goes on beside it.
func (t *caseRun) fail(format string, args ...any) {
	problem := fmt.Sprintf(format, args...)
	t.recordProblem(problem)
	t.end(errors.New(problem))
	runtime.Goexit()
}

// end ends whatever the trial waits for.
func (t *caseRun) end(why error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cancel != nil {
		t.cancel(why)
	}
}

// recordProblem keeps the first problem of a trial.
func (t *caseRun) recordProblem(problem string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.problem == "" {
		t.problem = problem
	}
}

// must ends the trial if err is one.
func (t *caseRun) must(err error) {
	if err != nil {
		t.fail("%v", err)
	}
}

// observe adds to what is compared with what the case expects to see.
func (t *caseRun) observe(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.observed = append(t.observed, fmt.Sprintf(format, args...))
}

// await asks again until done is true.
func (t *caseRun) await(what string, done func() (bool, error)) {
	var last error
	for {
		ok, err := done()
		if ok {
			return
		}
		last = err
		if !scenario.Sleep(t.ctx, pollInterval) {
			t.fail("%s did not happen: %v; last error: %v", what, context.Cause(t.ctx), last)
		}
	}
}

// awaitReady says that the case is where it can stay until the victim dies, and waits
// until all others are as well: what follows has little time.
func (t *caseRun) awaitReady() {
	t.barrier.reach(t, ready)
	t.must(t.barrier.await(t.ctx, ready))
}

// awaitBlocked waits until all others are where they should be, but for those that
// come here: a webhook waits for few seconds only.
func (t *caseRun) awaitBlocked() {
	t.barrier.reach(t, blocked)
	t.must(t.barrier.await(t.ctx, blocked))
	t.barrier.bridge.Lock()
	t.releaseBridge = sync.OnceFunc(t.barrier.bridge.Unlock)
	t.cleanup(t.releaseBridge)
}

// awaitKill waits until the victim has died. Still says that the step lasts until then.
func (t *caseRun) awaitKill(still ...func() bool) {
	t.mu.Lock()
	t.stillAtStep = still
	t.mu.Unlock()
	t.barrier.reach(t, killable)
	t.wait(t.killed)
	if t.missedStep {
		runtime.Goexit()
	}
}

// awaitRestart waits until the victim runs again.
func (t *caseRun) awaitRestart() {
	t.barrier.reach(t, restartable)
	t.wait(t.restarted)
}

// killAndRestart has the victim die and come back.
func (t *caseRun) killAndRestart(still ...func() bool) {
	t.awaitKill(still...)
	t.awaitRestart()
}

func (t *caseRun) wait(happened <-chan struct{}) {
	select {
	case <-happened:
	case <-t.ctx.Done():
		t.fail("the victim neither died nor came back: %v", context.Cause(t.ctx))
	}
}

// checkStep notes whether the step at which the trial waits is over.
func (t *caseRun) checkStep() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, still := range t.stillAtStep {
		t.missedStep = t.missedStep || !still()
	}
}

// awaitHeld waits until a call is held.
func (t *caseRun) awaitHeld(h *gate.Hold) {
	if t.releaseBridge != nil {
		defer t.releaseBridge()
	}
	if _, err := h.Await(t.ctx); err != nil {
		t.fail("no call was there to be held: %v", err)
	}
}

// hold holds calls of programs until the trial releases them, or ends.
func (t *caseRun) hold(p *harness.Programs, point gate.Point, method, about string) *gate.Hold {
	h := p.Holds.Add(point, method, about)
	t.cleanup(h.Release)
	return h
}

func (t *caseRun) cleanup(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cleanups = append(t.cleanups, f)
}

// within says that less than d has passed since now.
func within(d time.Duration) (still func() bool) {
	began := time.Now()
	return func() bool { return time.Since(began) < d }
}

// sleepUntil waits for an instant.
func (t *caseRun) sleepUntil(at time.Time) {
	if !scenario.Sleep(t.ctx, time.Until(at)) {
		t.fail("%v", context.Cause(t.ctx))
	}
}
