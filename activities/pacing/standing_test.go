package pacing

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/graph"
)

// An account is shown as paused while Meta holds it back and until a probe was taken,
// but not for ever where nothing probes; and only replies whose slots are to come
// wait.
func TestStanding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(1, time.Now)
		want := func(when string, live bool, want Standing) {
			t.Helper()
			if got := p.Standing(account("1"), live); got != want {
				t.Errorf("%s: %+v, want %+v", when, got, want)
			}
		}
		want("before anything", false, Standing{})
		time.Sleep(time.Hour)
		first := Ask{Account: account("1"), Reply: "first", Since: time.Now(), ByPerson: true}
		if _, ok := p.Wait(t.Context(), first); !ok {
			t.Fatal("no leave after a quiet time")
		}
		want("after a leave", false, Standing{})
		p.Refused(first, privatereply.TokenRejected, 5*time.Minute)
		rests := Standing{Paused: true, Reason: privatereply.TokenRejected, Waiting: 1}
		want("refused", false, rests)
		want("refused", true, Standing{})

		time.Sleep(5 * time.Minute)
		if _, ok := p.Wait(t.Context(), first); !ok {
			t.Fatal("no probe after the rest")
		}
		rests.Waiting = 0
		want("while the probe is under way", false, rests)
		p.Answered(first, graph.Usage{})
		want("after the probe", false, Standing{})

		p.Refused(first, privatereply.Throttled, time.Minute)
		time.Sleep(time.Minute + probeComes)
		want("no probe came", false, Standing{})
	})
}

// What Meta says is used up holds the account back for as long as the rest lasts.
func TestStandingNearlyUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(1, time.Now)
		time.Sleep(time.Hour)
		ask := Ask{Account: account("1"), Reply: "first"}
		if _, ok := p.Wait(t.Context(), ask); !ok {
			t.Fatal("no leave after a quiet time")
		}
		p.Answered(ask, graph.Usage{Percent: nearlyUsed})
		if got, want := p.Standing(account("1"), false), (Standing{Paused: true, Reason: privatereply.Throttled}); got != want {
			t.Errorf("nearly used: %+v, want %+v", got, want)
		}
		time.Sleep(nearlyUsedRest)
		if got := p.Standing(account("1"), false); got.Paused {
			t.Errorf("after the rest: %+v", got)
		}
	})
}
