package pacing

import (
	"math"
	"testing"
	"testing/synctest"
	"time"
)

// However many workers share an account's rate, each of whose bursts is rounded up to a
// whole reply, all of them together keep to Meta's limit.
func TestBurstOfManyWorkers(t *testing.T) {
	for _, tt := range []struct {
		name    string
		ask     Ask
		n       int
		workers int
		window  time.Duration
		limit   int // Meta's
	}{
		{"live, 6 workers", Ask{Account: account("1"), Live: true}, 600, 6, time.Second, 100},
		{"live, 12 workers", Ask{Account: account("1"), Live: true}, 600, 12, time.Second, 100},
		{"live, 16 workers", Ask{Account: account("1"), Live: true}, 600, 16, time.Second, 100},
		{"live, 20 workers", Ask{Account: account("1"), Live: true}, 600, 20, time.Second, 100},
		{"posts, 64 workers", Ask{Account: account("1")}, 1000, 64, time.Hour, 750},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var pacers []*Pacer
				for range tt.workers {
					pacers = append(pacers, New(tt.workers, time.Now))
				}
				for _, p := range pacers { // each knows the account already
					p.bucket(tt.ask)
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
		posts, live := paceOf(Ask{Account: account("1")}, workers), paceOf(Ask{Account: account("1"), Live: true}, workers)
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
