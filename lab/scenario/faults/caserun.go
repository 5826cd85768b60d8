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

// caseRun runs one case, with what it has done and seen so far. Like testing.T it ends the
// goroutine of the case where something goes wrong: see must and fail.
type caseRun struct {
	*Stack
	Case
	scenario string
	ctx      context.Context
	barrier  *barrier

	killed, restarted chan struct{} // closed when the victim has died, and when it is back

	mu            sync.Mutex
	cancel        context.CancelCauseFunc // of ctx, once the case runs
	comments      []*comment
	messaged      []meta.Person // to whom follow-ups went
	observed      []string
	problem       string
	stillAtStep   []func() bool // each says whether the step still lasts
	releaseBridge func()        // lets the next webhook of the round come, if this case keeps it back
	missedStep    bool          // a step was over before the victim died
	cleanups      []func()
	background    sync.WaitGroup // what goes on beside the case: deliveries, clicks
}

// fail ends the case, also from what goes on beside it.
func (t *caseRun) fail(format string, args ...any) {
	problem := fmt.Sprintf(format, args...)
	t.recordProblem(problem)
	t.end(errors.New(problem))
	runtime.Goexit()
}

// end ends whatever the case waits for.
func (t *caseRun) end(why error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cancel != nil {
		t.cancel(why)
	}
}

// recordProblem keeps the first problem of a case.
func (t *caseRun) recordProblem(problem string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.problem == "" {
		t.problem = problem
	}
}

// must ends the case if err is one.
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

// awaitReady waits at the barrier until all cases are ready: what follows has little time.
func (t *caseRun) awaitReady() {
	t.barrier.reach(t, ready)
	t.must(t.barrier.await(t.ctx, ready))
}

// awaitBlocked waits at the barrier until all others are at their steps or blocked here,
// and then goes on alone: Meta waits only seconds for the answer to a webhook.
func (t *caseRun) awaitBlocked() {
	t.barrier.reach(t, blocked)
	t.must(t.barrier.await(t.ctx, blocked))
	t.barrier.bridge.Lock()
	t.releaseBridge = sync.OnceFunc(t.barrier.bridge.Unlock)
	t.cleanup(t.releaseBridge)
}

// awaitKill waits at the barrier until the victim has died. Each of still must report until
// then that the step lasts.
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

// awaitRestart waits at the barrier until the victim runs again.
func (t *caseRun) awaitRestart() {
	t.barrier.reach(t, restartable)
	t.wait(t.restarted)
}

// killAndRestart has the victim killed and started again.
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

// checkStep records whether the step at which the case waits is over already.
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

// hold holds calls of programs until the case releases them, or ends.
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

// within reports, later, whether less than d has passed since the call.
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
