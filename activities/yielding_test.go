package activities

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Calls make way for a crowd of sends, not for ever, and without taking all places.
func TestYielding(t *testing.T) {
	for name, tt := range map[string]struct {
		sends int // one each 100 ms
		calls int // beside the first one
		want  time.Duration
	}{
		"nobody sends":                {0, 0, 0},
		"one send":                    {1, 0, sendsPause},
		"a crowd":                     {30, 0, 29*100*time.Millisecond + sendsPause},
		"an endless stream":           {300, 0, yieldLimit},
		"as many as may wait":         {30, maxYielding - 1, 29*100*time.Millisecond + sendsPause},
		"more than there is room for": {30, maxYielding, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var y yielding
				var sends, calls sync.WaitGroup
				if tt.sends > 0 {
					y.sending()
					sends.Go(func() {
						for range tt.sends - 1 {
							time.Sleep(100 * time.Millisecond)
							y.sending()
						}
					})
				}
				for range tt.calls {
					calls.Go(func() { y.makeWay(t.Context(), nil) })
				}
				synctest.Wait()
				began := time.Now()
				y.makeWay(t.Context(), nil)
				if got := time.Since(began); got != tt.want {
					t.Errorf("made way for %v, want %v", got, tt.want)
				}
				calls.Wait()
				sends.Wait()
				if y.waiting != 0 {
					t.Errorf("%d still count as waiting", y.waiting)
				}
			})
		})
	}
}

// A worker that stops does not wait for sends that it does not make any more.
func TestYieldingStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var y yielding
		y.sending()
		stop := make(chan struct{})
		close(stop)
		began := time.Now()
		y.makeWay(t.Context(), stop)
		if d := time.Since(began); d != 0 {
			t.Errorf("it waited %v", d)
		}
	})
}
