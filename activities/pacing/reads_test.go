package pacing

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/privatereply/privatereply"
)

// readAll has n readers read as activities do: each comes back when it is told to.
func readAll(t *testing.T, n int, read func(reader int, ctx context.Context, patience time.Duration) (time.Time, bool)) []time.Time {
	t.Helper()
	var mu sync.Mutex
	var at []time.Time
	var all sync.WaitGroup
	for reader := range n {
		all.Go(func() {
			for tries := 1; ; tries++ {
				retryAt, ok := read(reader+tries, t.Context(), 2*time.Second)
				if ok {
					mu.Lock()
					at = append(at, time.Now())
					mu.Unlock()
					return
				}
				if tries > 20 || !retryAt.After(time.Now()) {
					t.Errorf("reader %d was turned away %d times, until %v", reader, tries, retryAt)
					return
				}
				time.Sleep(time.Until(retryAt))
			}
		})
	}
	all.Wait()
	slices.SortFunc(at, time.Time.Compare)
	return at
}

// mostWithin is the largest number of times within any second.
func mostWithin(at []time.Time, d time.Duration) int {
	most := 0
	for i := range at {
		n := 0
		for _, other := range at[i:] {
			if other.Sub(at[i]) < d {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

// Forty replies of one account that become unknown at once all read, and Meta sees no
// more than its two calls in any second: from one process or from two, for reads and for
// look-ups.
func TestReadsOfOneAccount(t *testing.T) {
	for _, workers := range []int{1, 2} {
		for _, kind := range []string{"read", "look-up"} {
			synctest.Test(t, func(t *testing.T) {
				var pacers []*Pacer
				for range workers {
					pacers = append(pacers, New(workers, time.Now))
				}
				began := time.Now()
				at := readAll(t, 40, func(n int, ctx context.Context, patience time.Duration) (time.Time, bool) {
					p := pacers[n%workers]
					if kind == "look-up" {
						return p.LookUp(ctx, account("1"), patience)
					}
					return p.Read(ctx, account("1"), patience)
				})
				if len(at) != 40 {
					t.Fatalf("%d of 40 got through", len(at))
				}
				if n := mostWithin(at, time.Second); n > 2 {
					t.Errorf("%d workers: %d %ss in a second", workers, n, kind)
				}
				if took := at[39].Sub(began); took > time.Minute {
					t.Errorf("%d workers: 40 %ss took %v", workers, kind, took)
				}
			})
		}
	}
}

// Another account, and the other kind of call, do not wait.
func TestReadsOfAccountsAreApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(1, time.Now)
		began := time.Now()
		for _, take := range []func(context.Context, privatereply.Account, time.Duration) (time.Time, bool){p.Read, p.LookUp} {
			for _, id := range []string{"1", "2"} {
				if _, ok := take(t.Context(), account(id), 0); !ok {
					t.Error("the first call of its kind was turned away")
				}
			}
		}
		if time.Since(began) > 0 {
			t.Errorf("they waited %v", time.Since(began))
		}
	})
}

// Nobody waits longer than its patience, those that are turned away are to come back one
// after the other, and a context that ends is kept.
func TestReadsAreTurnedAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(1, time.Now)
		if _, ok := p.Read(t.Context(), account("1"), 0); !ok {
			t.Fatal("the first read was turned away")
		}
		began, last := time.Now(), time.Time{}
		for range 5 {
			at, ok := p.Read(t.Context(), account("1"), 0)
			if ok || at.Sub(last) < readInterval {
				t.Errorf("told to come back at %v, after %v", at.Sub(began), last.Sub(began))
			}
			last = at
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if _, ok := p.Read(ctx, account("1"), time.Hour); ok || time.Since(began) > 100*time.Millisecond {
			t.Errorf("a read outlived its context: %v, after %v", ok, time.Since(began))
		}
	})
}

// A throttle pauses the reads for the time that Meta named, and the posts too. While the
// posts are paused nothing is read.
func TestReadsArePaused(t *testing.T) {
	const pause = 10 * time.Minute
	a := Request{Account: account("1"), Reply: "r", ByPerson: true}
	tests := []struct {
		name         string
		refuse       func(p *Pacer)
		reads, posts bool // are paused
	}{
		{"throttled", func(p *Pacer) { p.ReadRefused(account("1"), privatereply.Throttled, pause) }, true, true},
		{"posts are refused", func(p *Pacer) { p.Refused(a, privatereply.Throttled, pause) }, true, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := New(1, time.Now)
				p.limiter(a)
				time.Sleep(time.Hour) // its bucket has filled
				began := time.Now()
				tt.refuse(p)
				at, ok := p.Read(t.Context(), account("1"), time.Second)
				if paused := !ok && !at.Before(began.Add(pause)); paused != tt.reads {
					t.Errorf("a read: %v, at %v", ok, at.Sub(began))
				}
				if slot, ok := p.Wait(t.Context(), a); ok == tt.posts || tt.posts && slot.At.Before(began.Add(pause)) {
					t.Errorf("a post: %v, at %v", ok, slot.At.Sub(began))
				}
				time.Sleep(time.Until(at))
				if _, ok := p.Read(t.Context(), account("1"), time.Second); !ok {
					t.Error("the pause does not end")
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) { // one that begins while a read waits
		p := New(1, time.Now)
		began := time.Now()
		if _, ok := p.Read(t.Context(), account("1"), 0); !ok {
			t.Fatal("the first read was turned away")
		}
		var waiter sync.WaitGroup
		waiter.Go(func() {
			if at, ok := p.Read(t.Context(), account("1"), time.Second); ok || at.Before(began.Add(readCooldown)) {
				t.Errorf("a read that waited went into the pause: %v, %v", ok, at.Sub(began))
			}
		})
		time.Sleep(time.Millisecond)
		p.ReadRefused(account("1"), privatereply.Throttled, 0)
		waiter.Wait()
	})
}
