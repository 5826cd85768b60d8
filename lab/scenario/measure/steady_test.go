package measure

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// Guards: a latency counts from when a task was due, a slow task delays no other one, and
// what is not done counts with its age.
func TestSteadyLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var done [20]time.Time
		r, err := steadyLoad{
			due: dueTimes(10, 2*time.Second),
			start: func(_ context.Context, i int) error {
				if i == 0 {
					return errors.New("refused")
				}
				time.Sleep(500 * time.Millisecond)
				done[i] = time.Now()
				return nil
			},
			doneAt: func(i int) time.Time { return done[i] },
		}.run(t.Context(), 3*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if len(r.due) != 20 || r.failed != 1 || r.undone != 1 || r.length != time.Since(began) {
			t.Errorf("result %+v", r)
		}
		if got := r.doneBy(2 * time.Second); got != 15 {
			t.Errorf("%d were done after 2 s, want those due by 1.5 s but the first", got)
		}
		took := r.latencies()
		if quantile(took, 0.5) != 500*time.Millisecond || quantile(took, 1) != 3*time.Second {
			t.Errorf("p50 %v, most %v, want 500 ms and the age of the one that was not done", quantile(took, 0.5), quantile(took, 1))
		}
	})
}
