package draining

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A storm is seen while it comes in, ends when it does, and keeps placing back for
// a bounded time only.
func TestStorms(t *testing.T) {
	steady := func(n int, by int64) (counts []int64) {
		for i := range n {
			counts = append(counts, 100+int64(i)*by)
		}
		return counts
	}
	for name, test := range map[string]struct {
		counts   []int64 // open batches, a look each
		trickles bool    // after the last
	}{
		"nothing is known yet":          {nil, true},
		"after one look":                {[]int64{3}, true},
		"a few batches are no storm":    {[]int64{3, 3}, false},
		"it comes in":                   {[]int64{3, 20, 60}, true},
		"it pauses for a moment":        {[]int64{3, 20, 60, 60, 80, 80}, true},
		"it has ended":                  {[]int64{3, 20, 60, 60, 59}, false},
		"another one comes":             {[]int64{3, 20, 60, 60, 59, 90}, true},
		"for almost half a minute":      {steady(60, 10), true},
		"for half a minute":             {steady(61, 10), false},
		"one that is too long stays so": {steady(80, 10), false},
		"until its batches are taken":   {append(steady(80, 10), 50, 0, 10), true},
		"as many come as are taken":     {[]int64{300, 302, 304, 301}, false},
		"all are taken at once":         {[]int64{3, 20, 0, 0}, false},
	} {
		t.Run(name, func(t *testing.T) {
			var f flow
			now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
			for _, n := range test.counts {
				f.see(n, now)
				now = now.Add(lookEvery)
			}
			if got := f.trickles(now); got != test.trickles {
				t.Errorf("trickles: %v, want %v", got, test.trickles)
			}
		})
	}
}

// valve is one in whose storm only the test says what is open.
func valve(t *testing.T, count func(context.Context) (int64, error)) *Valve {
	v := New(count, time.Now)
	ctx, cancel := context.WithCancel(t.Context())
	var run sync.WaitGroup
	run.Go(func() { v.Run(ctx) })
	t.Cleanup(func() { cancel(); run.Wait() })
	return v
}

// place takes turns for d and says how many events were placed, each in 10 ms.
func place(t *testing.T, v *Valve, d time.Duration) int {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	var mu sync.Mutex
	var all sync.WaitGroup
	placed := 0
	for range 3 * callsAtOnce {
		all.Go(func() {
			for {
				done, err := v.Turn(ctx)
				if err != nil {
					return
				}
				time.Sleep(10 * time.Millisecond)
				done()
				mu.Lock()
				placed++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return placed
}

// While a storm comes in a worker places a twentieth of the time, one event at a time;
// then as many at once as it may, from whatever number of batches.
func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var open int64
		grow := int64(stormBatches)
		v := valve(t, func(context.Context) (int64, error) {
			mu.Lock()
			defer mu.Unlock()
			open += grow
			return open, nil
		})
		defer v.Open()()
		if n := place(t, v, 10*time.Second); n < 47 || n > 51 {
			t.Errorf("%d events were placed in 10 s of a storm, want a twentieth of 1,000", n)
		}
		mu.Lock()
		grow = 0
		mu.Unlock()
		time.Sleep(2 * time.Second)
		if n := place(t, v, 10*time.Second); n < callsAtOnce*950 {
			t.Errorf("%d events were placed in 10 s after it, want 8,000", n)
		}
	})
}

// A server that refuses to count, or never answers, does not make a storm: neither
// while it does nor when it counts again, however often that changes.
func TestNoCount(t *testing.T) {
	refuses := func(n int, _ context.Context) (int64, error) {
		if n%2 == 0 {
			return 0, errors.New("too many requests")
		}
		return 300, nil
	}
	for name, count := range map[string]func(n int, ctx context.Context) (int64, error){
		"refuses every other time": refuses,
		"does not answer": func(_ int, ctx context.Context) (int64, error) {
			<-ctx.Done()
			return 0, ctx.Err()
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := 0
				v := valve(t, func(ctx context.Context) (int64, error) { n++; return count(n, ctx) })
				defer v.Open()()
				time.Sleep(5 * time.Second)
				if n := place(t, v, 10*time.Second); n < callsAtOnce*950 {
					t.Errorf("%d events were placed in 10 s, want 8,000", n)
				}
			})
		})
	}
}

// New replies that wait for their workers hold the placing of more, and only as long
// as they do.
func TestWaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := valve(t, func(context.Context) (int64, error) { return 0, errors.New("down") })
		defer v.Open()()
		time.Sleep(2 * time.Second)
		v.Waited(longestWait + time.Millisecond)
		if n := place(t, v, lookEvery-50*time.Millisecond); n > 6 {
			t.Errorf("%d events were placed while replies wait", n)
		}
		v.Waited(longestWait)
		if n := place(t, v, time.Second); n < callsAtOnce*90 {
			t.Errorf("%d events were placed when they do not wait", n)
		}
	})
}

// A worker opens a few batches, one in a storm, and the next when one is done.
func TestRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := valve(t, func(context.Context) (int64, error) { return 4, nil })
		first := v.Open()
		room := make(chan error, 1)
		ask := func() { room <- v.Room(t.Context()) }
		go ask()
		synctest.Wait()
		if len(room) != 0 {
			t.Error("room for a second batch at the beginning of what may be a storm")
		}
		time.Sleep(2 * time.Second)
		if len(room) != 1 {
			t.Fatal("no room for a second batch when there is no storm")
		}
		<-room
		for range batchesAtOnce - 1 {
			defer v.Open()()
		}
		go ask()
		time.Sleep(time.Minute)
		if len(room) != 0 {
			t.Error("room for more batches than a worker may have open")
		}
		first()
		if err := <-room; err != nil {
			t.Error(err)
		}
	})
}

// Who is told to stop does not wait.
func TestStopped(t *testing.T) {
	v := New(func(context.Context) (int64, error) { return 0, nil }, time.Now)
	defer v.Open()()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := v.Room(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Room: %v", err)
	}
	done, err := v.Turn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	if _, err := v.Turn(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Turn: %v", err)
	}
}
