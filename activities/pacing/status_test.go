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
func TestStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(1, time.Now)
		want := func(when string, live bool, want AccountStatus) {
			t.Helper()
			if got := p.Status(account("1"), live); got != want {
				t.Errorf("%s: %+v, want %+v", when, got, want)
			}
		}
		want("before anything", false, AccountStatus{})
		time.Sleep(time.Hour)
		first := Request{Account: account("1"), Reply: "first", ByPerson: true}
		if _, ok := p.Wait(t.Context(), first); !ok {
			t.Fatal("no permit after a quiet time")
		}
		want("after a permit", false, AccountStatus{})
		p.Refused(first, privatereply.TokenRejected, 5*time.Minute)
		cooling := AccountStatus{Paused: true, Reason: privatereply.TokenRejected, Waiting: 1}
		want("refused", false, cooling)
		want("refused", true, AccountStatus{})

		time.Sleep(5 * time.Minute)
		if _, ok := p.Wait(t.Context(), first); !ok {
			t.Fatal("no probe after the cooldown")
		}
		cooling.Waiting = 0
		want("while the probe is under way", false, cooling)
		p.Answered(first, graph.Usage{})
		want("after the probe", false, AccountStatus{})

		p.Refused(first, privatereply.Throttled, time.Minute)
		time.Sleep(time.Minute + probeComes)
		want("no probe came", false, AccountStatus{})
	})
}

// What Meta says is used up holds the account back for as long as the cooldown lasts.
func TestStatusNearlyUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(1, time.Now)
		time.Sleep(time.Hour)
		ask := Request{Account: account("1"), Reply: "first"}
		if _, ok := p.Wait(t.Context(), ask); !ok {
			t.Fatal("no permit after a quiet time")
		}
		p.Answered(ask, graph.Usage{Percent: nearlyUsed})
		if got, want := p.Status(account("1"), false), (AccountStatus{Paused: true, Reason: privatereply.Throttled}); got != want {
			t.Errorf("nearly used: %+v, want %+v", got, want)
		}
		time.Sleep(nearlyUsedCooldown)
		if got := p.Status(account("1"), false); got.Paused {
			t.Errorf("after the cooldown: %+v", got)
		}
	})
}
