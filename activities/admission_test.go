package activities

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/workflows"
)

func eventOn(source privatereply.Source) workflows.InboundEvent {
	return workflows.InboundEvent{Event: privatereply.Event{Comment: &privatereply.Comment{Platform: privatereply.Instagram, Source: source}}}
}

// However many batches there are, one event at a time is routed in half of the time: the
// slower the server, the fewer. What is accepted meanwhile has the other half.
func TestAdmission(t *testing.T) {
	for _, call := range []time.Duration{10 * time.Millisecond, 100 * time.Millisecond, 5 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			a := newAdmission()
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			var mu sync.Mutex
			routed, underWay := 0, 0
			count := func(n int) {
				mu.Lock()
				defer mu.Unlock()
				if underWay += n; underWay > 1 {
					t.Errorf("%d events at once", underWay)
				}
				routed += max(0, n)
			}
			var batches sync.WaitGroup
			for range 8 {
				batches.Go(func() {
					for {
						release, err := a.acquire(ctx, eventOn(privatereply.SourcePost))
						if err != nil {
							return
						}
						count(1)
						time.Sleep(call)
						count(-1)
						release()
					}
				})
			}
			batches.Wait()
			pause := min(call, time.Second) // a call that hung is not waited for as long again
			if want := int(10 * time.Second / (call + pause)); routed < want-1 || routed > want+1 {
				t.Errorf("%d events of %v each were routed in 10 s, want %d", routed, call, want)
			}
		})
	}
}

// Live comments do not wait for the others, whose call to the server may take seconds.
func TestLiveCommentsAreAdmittedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAdmission()
		if _, err := a.acquire(t.Context(), eventOn(privatereply.SourcePost)); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		for range 5 {
			if _, err := a.acquire(t.Context(), eventOn(privatereply.SourceLive)); err != nil {
				t.Fatal(err)
			}
		}
		if d := time.Since(began); d != 0 {
			t.Errorf("they waited %v", d)
		}
	})
}

// Who is told to stop does not wait: neither for the slot nor for the pause. The slot is
// free for others then.
func TestAdmissionStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAdmission()
		event := eventOn(privatereply.SourcePost)
		release, err := a.acquire(t.Context(), event)
		if err != nil {
			t.Fatal(err)
		}
		stopped := func(what string) {
			t.Helper()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
			defer cancel()
			began := time.Now()
			if _, err := a.acquire(ctx, event); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second/2 {
				t.Errorf("%s: %v after %v", what, err, time.Since(began))
			}
		}
		stopped("while the slot is taken")
		time.Sleep(time.Minute)
		release()
		stopped("in the pause")
		if _, err := a.acquire(t.Context(), event); err != nil {
			t.Error(err)
		}
	})
}
