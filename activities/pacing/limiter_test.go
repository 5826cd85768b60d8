package pacing

import (
	"context"
	"math"
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
		ask     Request
		n       int
		workers int
		idle    time.Duration // before the crowd comes
		late    time.Duration // at most, how much a reply misses its slot by
		window  time.Duration
		most    int           // in any window
		all     time.Duration // until the last one goes
		tries   float64       // asks per reply, at most
	}{
		{name: "posts after a quiet time", ask: Request{Account: account("1")}, n: 1500, workers: 1, idle: time.Hour, late: time.Second,
			window: time.Hour, most: 730, all: 130 * time.Minute, tries: 2.1},
		{name: "posts after a restart", ask: Request{Account: account("1")}, n: 1500, workers: 1, late: time.Second,
			window: time.Hour, most: 701, all: 131 * time.Minute, tries: 2.1},
		{name: "posts, very late timers", ask: Request{Account: account("1")}, n: 500, workers: 1, late: 2 * time.Minute,
			window: time.Hour, most: 730, all: 50 * time.Minute, tries: 7},
		{name: "posts, two workers", ask: Request{Account: account("1")}, n: 1000, workers: 2, idle: time.Hour, late: time.Second,
			window: time.Hour, most: 730, all: 100 * time.Minute, tries: 4},
		{name: "live after a quiet time", ask: Request{Account: account("1"), Live: true}, n: 2000, workers: 1, idle: time.Hour, late: 900 * time.Millisecond,
			window: time.Second, most: 95, all: 24 * time.Second, tries: 2.5},
		{name: "live, three workers", ask: Request{Account: account("1"), Live: true}, n: 2000, workers: 3, idle: time.Hour, late: 900 * time.Millisecond,
			window: time.Second, most: 96, all: 26 * time.Second, tries: 3},
		{name: "a slow account", ask: Request{Account: privatereply.Account{ID: "1", PostsPerHour: 6}}, n: 20, workers: 1, late: time.Second,
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
		permits int // given at once to persons
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
				if n := permitsNow(p, asking(100, Request{Account: account("1"), Live: tt.live, ByPerson: true})); n != tt.permits {
					t.Errorf("%d have a permit at once, want %d", n, tt.permits)
				}
			})
		})
	}
}

// permitsNow is how many of asks have a permit without any wait.
func permitsNow(p *Pacer, asks []Request) (n int) {
	for _, a := range asks {
		if _, _, ok := p.limiter(a).reserve(time.Now(), a, time.Now()); ok {
			if _, ok = p.limiter(a).enter(time.Now(), a); ok {
				n++
			}
		}
	}
	return n
}

// The first slots are those that the rate gives, one after the other.
func TestSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(1, time.Now)
		a := Request{Account: privatereply.Account{ID: "1", PostsPerHour: 360}, ByPerson: true}
		for i, ask := range asking(3, a) {
			slot, ok := p.Wait(t.Context(), ask)
			if want := time.Duration(i+1) * 10 * time.Second; ok || time.Until(slot.At) != want || slot.Reason != privatereply.Paced {
				t.Errorf("reply %d: permit %v, slot in %v (%s), want one in %v", i, ok, time.Until(slot.At), slot.Reason, want)
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
			c.send(asking(900, Request{Account: account("1"), Reply: "rule"})...)
		}()
		time.Sleep(20 * time.Minute)
		persons := newCrowd(t, 0, p)
		begin := time.Now()
		persons.send(asking(6, Request{Account: account("1"), Reply: "person", ByPerson: true})...)
		if d := time.Since(begin); d > MaxWait {
			t.Errorf("six approved replies waited %v", d)
		}
		persons.send(asking(20, Request{Account: account("1"), Reply: "more", ByPerson: true})...)
		if d := time.Since(begin); d > 21*time.Hour/700 {
			t.Errorf("20 more approved replies waited %v behind automatic ones", d)
		}
		<-done
		if d := time.Since(begin) + 20*time.Minute; d > (900+26)*time.Hour/700 {
			t.Errorf("the automatic replies took %v: they do not get what persons leave", d)
		}
	})
}

// Who was given a slot keeps it: replies that come later do not overtake it.
func TestSlotsAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, time.Second, New(1, time.Now))
		first := asking(300, Request{Account: account("1"), Reply: "first"})
		second := asking(100, Request{Account: account("1"), Reply: "second"})
		done := make(chan struct{})
		go func() {
			defer close(done)
			c.send(first...)
		}()
		time.Sleep(5 * time.Minute)
		c.send(second...)
		<-done
		for i, position := range c.positions(append(first, second...)...) {
			if position > i+10 {
				t.Errorf("the %d. to ask was the %d. to be sent", i, position)
			}
		}
	})
}

// Replies that were stopped in their sleep hold up nobody.
func TestStoppedRepliesFreeTheirSlots(t *testing.T) {
	for _, live := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			p := New(1, time.Now)
			permitsNow(p, asking(2000, Request{Account: account("1"), Live: live, Reply: "stopped"}))
			time.Sleep(10 * time.Minute)
			c := newCrowd(t, 0, p)
			begin := time.Now()
			c.send(asking(20, Request{Account: account("1"), Live: live, Reply: "fresh"})...)
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
		a := Request{Account: account("1"), ByPerson: true}
		permitsNow(p, asking(30, a)) // all of it is booked for minutes
		a.Reply, a.Account.PostsPerHour = "faster", 36000
		if slot, ok := p.Wait(t.Context(), a); !ok {
			t.Errorf("no permit, and a slot in %v, at ten replies a second", time.Until(slot.At))
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
		slot, ok := p.Wait(ctx, Request{Account: privatereply.Account{ID: "1", PostsPerHour: 1800}, ByPerson: true})
		if ok || time.Since(begin) != time.Second || !slot.At.After(time.Now()) {
			t.Errorf("permit %v after %v, slot %v", ok, time.Since(begin), slot)
		}
	})
}

// Absurd rates stay calculable.
func TestAbsurdRates(t *testing.T) {
	for _, rate := range []float64{1e-300, 1e300} {
		synctest.Test(t, func(t *testing.T) {
			p := New(1, time.Now)
			for _, a := range asking(3, Request{Account: privatereply.Account{ID: "1", PostsPerHour: rate, LivePerSecond: rate}}) {
				if slot, ok := p.Wait(t.Context(), a); !ok && slot.At.Before(time.Now()) {
					t.Errorf("rate %v: slot %v", rate, slot.At)
				}
				p.Answered(a, graph.Usage{})
			}
		})
	}
}

// However many workers share an account's rate, each of whose bursts is rounded up to a
// whole reply, all of them together keep to Meta's limit.
func TestBurstOfManyWorkers(t *testing.T) {
	for _, tt := range []struct {
		name    string
		ask     Request
		n       int
		workers int
		window  time.Duration
		limit   int // Meta's
	}{
		{"live, 6 workers", Request{Account: account("1"), Live: true}, 600, 6, time.Second, 100},
		{"live, 12 workers", Request{Account: account("1"), Live: true}, 600, 12, time.Second, 100},
		{"live, 16 workers", Request{Account: account("1"), Live: true}, 600, 16, time.Second, 100},
		{"live, 20 workers", Request{Account: account("1"), Live: true}, 600, 20, time.Second, 100},
		{"posts, 64 workers", Request{Account: account("1")}, 1000, 64, time.Hour, 750},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var pacers []*Pacer
				for range tt.workers {
					pacers = append(pacers, New(tt.workers, time.Now))
				}
				for _, p := range pacers { // each knows the account already
					p.limiter(tt.ask)
				}
				time.Sleep(time.Hour)
				c := newCrowd(t, 900*time.Millisecond, pacers...)
				c.send(asking(tt.n, tt.ask)...)
				if n := c.most(tt.window); n > tt.limit {
					t.Errorf("%d went within %v; Meta's limit is %d", n, tt.window, tt.limit)
				} else {
					t.Logf("%d within %v", n, tt.window)
				}
			})
		})
	}
}

// The rates and bursts of all workers together are what one worker has, 730 an hour and
// 94.5 a second at the defaults, and no worker is left without a rate.
func TestPaceOfManyWorkers(t *testing.T) {
	for _, workers := range []int{1, 2, 3, 6, 12, 16, 20, 30, 64, 200} {
		n := float64(workers)
		posts, live := paceOf(Request{Account: account("1")}, workers), paceOf(Request{Account: account("1"), Live: true}, workers)
		if all := n * (posts.perSecond*time.Hour.Seconds() + float64(posts.burst)); all > 730.001 && workers < 200 {
			t.Errorf("%d workers: %.1f posts in an hour", workers, all)
		}
		if all := n * (live.perSecond + float64(live.burst)); all > 94.501 && workers < 64 {
			t.Errorf("%d workers: %.1f live replies in a second", workers, all)
		}
		for _, p := range []pace{posts, live} {
			if p.perSecond <= 0 || math.IsNaN(p.perSecond) {
				t.Errorf("%d workers: a rate of %v", workers, p.perSecond)
			}
		}
	}
}

// 200 replies that Meta refuses for now, again and again, are tried every 16 minutes. They do not keep a new reply waiting for hours.
func TestRefusedAgainAndAgain(t *testing.T) {
	for _, zombies := range []int{0, 100, 200} {
		synctest.Test(t, func(t *testing.T) {
			p := New(1, time.Now)
			stop := time.Now().Add(8 * time.Hour)
			for i := range zombies {
				go func() {
					a := Request{Account: account("1"), Reply: "zombie" + string(rune('A'+i%26)) + string(rune('a'+i/26))}
					for time.Now().Before(stop) {
						slot, ok := p.Wait(t.Context(), a)
						if ok {
							p.Unused(a) // graph.Temporary
							time.Sleep(16*time.Minute + 30*time.Second)
							a.Waited = true
							continue
						}
						time.Sleep(time.Until(slot.At) + time.Second)
						a.Waited = true
					}
				}()
			}
			time.Sleep(4 * time.Hour)
			a := Request{Account: account("1"), Reply: "fresh"}
			came := time.Now()
			for {
				slot, ok := p.Wait(t.Context(), a)
				if ok || time.Now().After(stop) {
					break
				}
				time.Sleep(time.Until(slot.At) + time.Second)
				a.Waited = true
			}
			t.Logf("%d zombies: a new automatic reply goes after %v", zombies, time.Since(came).Round(time.Second))
			if time.Since(came) > time.Hour {
				t.Errorf("%d zombies: a new automatic reply had to wait %v", zombies, time.Since(came).Round(time.Second))
			}
			time.Sleep(time.Until(stop) + time.Hour)
		})
	}
}
