package pacing

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/graph"
)

// No window of Meta's has more sends than Meta allows, however many replies want
// to go and however late they come to their slots; and nobody waits much longer
// than the rate makes them.
func TestRate(t *testing.T) {
	tests := []struct {
		name    string
		ask     Ask
		n       int
		workers int
		idle    time.Duration // before the crowd comes
		late    time.Duration // at most, how much a reply misses its slot by
		window  time.Duration
		most    int           // in any window
		all     time.Duration // until the last one goes
		tries   float64       // asks per reply, at most
	}{
		{name: "posts after a quiet time", ask: Ask{Account: account("1")}, n: 1500, workers: 1, idle: time.Hour, late: time.Second,
			window: time.Hour, most: 730, all: 130 * time.Minute, tries: 2.1},
		{name: "posts after a restart", ask: Ask{Account: account("1")}, n: 1500, workers: 1, late: time.Second,
			window: time.Hour, most: 701, all: 131 * time.Minute, tries: 2.1},
		{name: "posts, very late timers", ask: Ask{Account: account("1")}, n: 500, workers: 1, late: 2 * time.Minute,
			window: time.Hour, most: 730, all: 50 * time.Minute, tries: 7},
		{name: "posts, two workers", ask: Ask{Account: account("1")}, n: 1000, workers: 2, idle: time.Hour, late: time.Second,
			window: time.Hour, most: 730, all: 100 * time.Minute, tries: 4},
		{name: "live after a quiet time", ask: Ask{Account: account("1"), Live: true}, n: 2000, workers: 1, idle: time.Hour, late: 900 * time.Millisecond,
			window: time.Second, most: 95, all: 24 * time.Second, tries: 2.5},
		{name: "live, three workers", ask: Ask{Account: account("1"), Live: true}, n: 2000, workers: 3, idle: time.Hour, late: 900 * time.Millisecond,
			window: time.Second, most: 96, all: 26 * time.Second, tries: 3},
		{name: "a slow account", ask: Ask{Account: privatereply.Account{ID: "1", PostsPerHour: 6}}, n: 20, workers: 1, late: time.Second,
			window: time.Hour, most: 7, all: 260 * time.Minute, tries: 2.5},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var pacers []*Pacer
				for range tt.workers {
					pacers = append(pacers, New(tt.workers, time.Now))
				}
				time.Sleep(tt.idle)
				c := newCrowd(t, tt.late, pacers...)
				begin := time.Now()
				c.send(asking(tt.n, tt.ask)...)
				if n := c.most(tt.window); n > tt.most {
					t.Errorf("%d went within %v, want at most %d", n, tt.window, tt.most)
				}
				if d := time.Since(begin); d > tt.all {
					t.Errorf("the last one went after %v, want at most %v", d, tt.all)
				}
				if n := c.tries(); n > tt.tries {
					t.Errorf("%.1f asks per reply, want at most %.1f", n, tt.tries)
				}
				t.Logf("at most %d in %v, all within %v, %.2f asks per reply", c.most(tt.window), tt.window, time.Since(begin), c.tries())
			})
		})
	}
}

// Buckets start empty, save what is not used up to their burst, and hold a share
// of the rate where several workers run.
func TestBucketFills(t *testing.T) {
	tests := []struct {
		name    string
		workers int
		live    bool
		idle    time.Duration
		leaves  int // given at once to persons
	}{
		{"posts, at the start", 1, false, 0, 0},
		{"posts, six seconds later", 1, false, 6 * time.Second, 1},
		{"posts, an hour later", 1, false, time.Hour, 30},
		{"posts, four workers", 4, false, time.Hour, 8},
		{"posts, a hundred workers", 100, false, time.Hour, 1},
		{"live, at the start", 1, true, 0, 0},
		{"live, an hour later", 1, true, time.Hour, 5},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := New(tt.workers, time.Now)
				time.Sleep(tt.idle)
				if n := leavesNow(p, asking(100, Ask{Account: account("1"), Live: tt.live, ByPerson: true})); n != tt.leaves {
					t.Errorf("%d have leave at once, want %d", n, tt.leaves)
				}
			})
		})
	}
}

// leavesNow is how many of asks have leave without any wait.
func leavesNow(p *Pacer, asks []Ask) (n int) {
	for _, a := range asks {
		if _, ok := p.bucket(a).ask(time.Now(), a); ok {
			n++
		}
	}
	return n
}

// The first slots are those that the rate gives, one after the other.
func TestSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(1, time.Now)
		a := Ask{Account: privatereply.Account{ID: "1", PostsPerHour: 360}, ByPerson: true}
		for i, ask := range asking(3, a) {
			slot, ok := p.Wait(t.Context(), ask)
			if want := time.Duration(i+1) * 10 * time.Second; ok || time.Until(slot.At) != want || slot.Reason != privatereply.Paced {
				t.Errorf("reply %d: leave %v, slot in %v (%s), want one in %v", i, ok, time.Until(slot.At), slot.Reason, want)
			}
		}
	})
}

// What a person approved does not stand behind thousands of automatic replies, and
// these get the whole rate where no person needs a part of it.
func TestPersonsFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(1, time.Now)
		time.Sleep(time.Hour)
		c := newCrowd(t, 0, p)
		done := make(chan struct{})
		go func() {
			defer close(done)
			c.send(asking(900, Ask{Account: account("1"), Reply: "rule"})...)
		}()
		time.Sleep(20 * time.Minute)
		persons := newCrowd(t, 0, p)
		begin := time.Now()
		persons.send(asking(6, Ask{Account: account("1"), Reply: "person", ByPerson: true})...)
		if d := time.Since(begin); d > MaxWait {
			t.Errorf("six approved replies waited %v", d)
		}
		persons.send(asking(20, Ask{Account: account("1"), Reply: "more", ByPerson: true})...)
		if d := time.Since(begin); d > 21*time.Hour/700 {
			t.Errorf("20 more approved replies waited %v behind automatic ones", d)
		}
		<-done
		if d := time.Since(begin) + 20*time.Minute; d > (900+26)*time.Hour/700 {
			t.Errorf("the automatic replies took %v: they do not get what persons leave", d)
		}
	})
}

// Who was given a slot keeps its place: replies that come later do not overtake
// it, whether it comes back to the same worker, to another or to one that has
// started anew and remembers nothing.
func TestPlacesAreKept(t *testing.T) {
	tests := []struct {
		name    string
		pacers  func() []*Pacer
		restart bool
		slack   int // places by which others may overtake somebody
	}{
		{"one worker", func() []*Pacer { return []*Pacer{New(1, time.Now)} }, false, 10},
		{"two workers", func() []*Pacer { return []*Pacer{New(2, time.Now), New(2, time.Now)} }, false, 40},
		{"a restart", func() []*Pacer { return []*Pacer{New(1, time.Now)} }, true, 10},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCrowd(t, time.Second, tt.pacers()...)
				done := make(chan struct{})
				go func() {
					defer close(done)
					c.send(asking(300, Ask{Account: account("1"), Reply: "first"})...)
				}()
				time.Sleep(5 * time.Minute)
				if tt.restart {
					c.mu.Lock()
					c.pacers = tt.pacers()
					c.mu.Unlock()
				}
				c.send(asking(100, Ask{Account: account("1"), Reply: "second"})...)
				<-done
				for i, place := range c.places() {
					if place > i+tt.slack {
						t.Errorf("the %d. to be decided was the %d. to go", i, place)
					}
				}
			})
		})
	}
}

// Replies that were stopped in their sleep hold up nobody.
func TestStoppedRepliesFreeTheirSlots(t *testing.T) {
	for _, live := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			p := New(1, time.Now)
			leavesNow(p, asking(2000, Ask{Account: account("1"), Live: live, Reply: "stopped"}))
			time.Sleep(10 * time.Minute)
			c := newCrowd(t, 0, p)
			begin := time.Now()
			c.send(asking(20, Ask{Account: account("1"), Live: live, Reply: "fresh"})...)
			if d := time.Since(begin); d > 30*time.Second {
				t.Errorf("live %v: 20 replies took %v behind stopped ones", live, d)
			}
		})
	}
}

// A rate that is changed in the accounts file holds for who asks from then on.
func TestChangedRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(1, time.Now)
		a := Ask{Account: account("1"), ByPerson: true}
		leavesNow(p, asking(30, a)) // all of it is booked for minutes
		a.Reply, a.Account.PostsPerHour = "faster", 36000
		if slot, ok := p.Wait(t.Context(), a); !ok {
			t.Errorf("no leave, and a slot in %v, at ten replies a second", time.Until(slot.At))
		}
	})
}

// A send that is no longer wanted does not wait.
func TestWaitEndsWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(1, time.Now)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin := time.Now()
		slot, ok := p.Wait(ctx, Ask{Account: privatereply.Account{ID: "1", PostsPerHour: 1800}, ByPerson: true})
		if ok || time.Since(begin) != time.Second || !slot.At.After(time.Now()) {
			t.Errorf("leave %v after %v, slot %v", ok, time.Since(begin), slot)
		}
	})
}

// Absurd rates stay calculable.
func TestAbsurdRates(t *testing.T) {
	for _, rate := range []float64{1e-300, 1e300} {
		synctest.Test(t, func(t *testing.T) {
			p := New(1, time.Now)
			for _, a := range asking(3, Ask{Account: privatereply.Account{ID: "1", PostsPerHour: rate, LivePerSecond: rate}}) {
				if slot, ok := p.bucket(a).ask(time.Now().Add(time.Second), a); !ok && slot.At.Before(time.Now()) {
					t.Errorf("rate %v: slot %v", rate, slot.At)
				}
				p.bucket(a).answered(time.Now(), a, graph.Usage{})
			}
		})
	}
}
