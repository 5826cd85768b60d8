package pacing

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/graph"
)

// An account that Meta refuses cools down for the time that Meta named, and it alone: not
// another account, nor the other kind of reply. When the cooldown is over one send is
// tried, and only when Meta takes it do the others follow, one by one.
func TestCooldown(t *testing.T) {
	for _, live := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			p := New(1, time.Now)
			time.Sleep(time.Hour)
			ask := func(name string) Request {
				return Request{Account: account("1"), Live: live, Reply: name, ByPerson: true}
			}
			first := ask("first")
			if _, ok := p.Wait(t.Context(), first); !ok {
				t.Fatal("no permit after a quiet time")
			}
			slot := p.Refused(first, privatereply.TokenRejected, 5*time.Minute)
			if time.Until(slot.At) != 5*time.Minute || slot.Reason != privatereply.TokenRejected {
				t.Errorf("live %v: the refused one may ask in %v (%s)", live, time.Until(slot.At), slot.Reason)
			}
			crowd := asking(500, ask("crowd"))
			apart := time.Duration(float64(time.Second) / paceOf(first, 1).perSecond)
			slots := make([]time.Time, len(crowd))
			for i, a := range crowd {
				slot, ok := p.Wait(t.Context(), a)
				slots[i] = slot.At
				want := 5*time.Minute + time.Duration(i+1)*apart
				if off := time.Until(slot.At) - want; ok || off.Abs() > time.Millisecond || slot.Reason != privatereply.TokenRejected {
					t.Fatalf("live %v: permit %v, slot %d in %v (%s), want one in %v", live, ok, i, time.Until(slot.At), slot.Reason, want)
				}
			}
			for _, other := range []Request{
				{Account: account("2"), Live: live, Reply: "other account", ByPerson: true},
				{Account: account("1"), Live: !live, Reply: "other kind", ByPerson: true},
			} {
				if _, ok := p.Wait(t.Context(), other); !ok {
					t.Errorf("live %v: %s cools down as well", live, other.Reply)
				}
			}

			time.Sleep(5 * time.Minute)
			if n := permitsNow(p, crowd[:20]); n != 1 {
				t.Errorf("live %v: %d are tried when the cooldown is over, want 1", live, n)
			}
			p.Answered(crowd[0], graph.Usage{})
			if n := permitsNow(p, crowd[1:20]); n > 1 {
				t.Errorf("live %v: %d go at once after the cooldown", live, n)
			}
			c := newCrowd(t, 0, p)
			begin := time.Now()
			var all sync.WaitGroup
			for i, a := range crowd[1:] {
				all.Go(func() {
					time.Sleep(time.Until(slots[i+1]))
					a.Waited = true
					c.one(a)
				})
			}
			all.Wait()
			if d, want := time.Since(begin), 499*apart*6/5; d > want {
				t.Errorf("live %v: the crowd needed %v, want at most %v", live, d, want)
			}
		})
	}
}

// One reply that Meta rejects, and goes on to reject while it takes others, delays
// itself alone; an account that Meta rejects cools down as a whole.
func TestRejectedAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(1, time.Now)
		time.Sleep(time.Hour)
		ask := func(name string) Request { return Request{Account: account("1"), Reply: name} }
		try := func(a Request) (Slot, bool) {
			t.Helper()
			return p.Wait(t.Context(), a)
		}
		disliked := ask("disliked")
		for range 3 { // Meta takes nobody's: each time it may be the account
			if _, ok := try(disliked); !ok {
				t.Fatal("no permit")
			}
			slot := p.Rejected(disliked, privatereply.NotPermitted, 5*time.Minute)
			if _, ok := try(ask("other")); ok || time.Until(slot.At) != 5*time.Minute {
				t.Fatalf("the account does not cool down; the rejected one may ask in %v", time.Until(slot.At))
			}
			p.Unused(ask("other"))
			time.Sleep(6 * time.Minute)
		}
		other := ask("other")
		if _, ok := try(other); !ok {
			t.Fatal("no permit after the cooldown")
		}
		p.Answered(other, graph.Usage{})
		time.Sleep(time.Minute)
		if _, ok := try(disliked); !ok {
			t.Fatal("no permit when the account is well")
		}
		slot := p.Rejected(disliked, privatereply.NotPermitted, 5*time.Minute)
		if time.Until(slot.At) != 5*time.Minute || slot.Reason != privatereply.NotPermitted {
			t.Errorf("the rejected one may ask in %v (%s)", time.Until(slot.At), slot.Reason)
		}
		time.Sleep(time.Minute)
		if slot, ok := try(ask("next")); !ok {
			t.Errorf("the account cools down because of one reply: %+v", slot)
		}
	})
}

// Without a time from Meta each refusal doubles the cooldown, however many sends are
// refused together; a message that Meta takes ends it.
func TestCooldownDoubles(t *testing.T) {
	tests := []struct {
		live bool
		want []time.Duration // at least; a fifth more at most
	}{
		{false, []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 15 * time.Minute, 15 * time.Minute}},
		{true, []time.Duration{10 * time.Second, 20 * time.Second, 40 * time.Second, time.Minute, time.Minute}},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			p := New(1, time.Now)
			time.Sleep(time.Hour)
			together := asking(3, Request{Account: account("1"), Live: tt.live, ByPerson: true})
			if n := permitsNow(p, together); n != 3 {
				t.Fatalf("%d have a permit", n)
			}
			for i, want := range tt.want {
				slot := p.Refused(together[0], privatereply.Throttled, 0)
				l := p.limiter(together[0])
				until := l.cooldown.until
				if i == 0 {
					p.Refused(together[1], privatereply.Throttled, 0)
					p.Refused(together[2], privatereply.Throttled, 0)
				}
				// Those that were refused with the first one wait longer for their next try.
				others := 2 * l.pace.apart()
				if d := time.Until(until); d < want || d > want*6/5 || slot.At.Before(until) || slot.At.After(until.Add(others)) {
					t.Errorf("live %v: cooldown %d is %v, want %v to a fifth more; the slot is in %v", tt.live, i+1, d, want, time.Until(slot.At))
				}
				time.Sleep(want*6/5 + others)
				if _, ok := p.Wait(t.Context(), together[0]); !ok {
					t.Fatalf("live %v: no permit after cooldown %d", tt.live, i+1)
				}
			}
			p.Answered(together[0], graph.Usage{})
			time.Sleep(time.Minute)
			if _, ok := p.Wait(t.Context(), together[1]); !ok {
				t.Errorf("live %v: no permit after Meta took a message", tt.live)
			}
			if d := time.Until(p.Refused(together[1], privatereply.Throttled, 0).At); d > tt.want[0]*6/5 {
				t.Errorf("live %v: the next cooldown is %v, want it to begin anew", tt.live, d)
			}
		})
	}
}

// A probe that nobody answered proves nothing; another one is tried. One that is
// never heard of again holds up nobody for long.
func TestProbeWithoutAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(1, time.Now)
		time.Sleep(time.Hour)
		all := asking(3, Request{Account: account("1"), ByPerson: true})
		permitsNow(p, all[:1])
		p.Refused(all[0], privatereply.Throttled, time.Minute)
		time.Sleep(time.Minute)
		if n := permitsNow(p, all); n != 1 {
			t.Fatalf("%d probes", n)
		}
		p.Unused(all[0])
		if n := permitsNow(p, all[1:]); n != 1 {
			t.Errorf("%d probes after one without an answer, want 1", n)
		}
		time.Sleep(probeTime)
		if n := permitsNow(p, all[2:]); n != 1 {
			t.Errorf("%d probes after one that was never heard of, want 1", n)
		}
	})
}

// Near the limit the account cools down before Meta has to refuse; live replies, whose
// broadcast would be over, only when Meta would refuse them.
func TestUsage(t *testing.T) {
	tests := []struct {
		name  string
		live  bool
		usage graph.Usage
		want  time.Duration
	}{
		{"below", false, graph.Usage{Percent: 89}, 0},
		{"nearly used up", false, graph.Usage{Percent: 90}, time.Minute},
		{"Meta names a time", false, graph.Usage{Percent: 100, RegainAfter: 19 * time.Minute}, 19 * time.Minute},
		{"live, nearly used up", true, graph.Usage{Percent: 99}, 0},
		{"live, Meta names a time", true, graph.Usage{Percent: 100, RegainAfter: time.Minute}, time.Minute},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := New(1, time.Now)
				time.Sleep(time.Hour)
				all := asking(2, Request{Account: account("1"), Live: tt.live, ByPerson: true})
				permitsNow(p, all[:1])
				p.Answered(all[0], tt.usage)
				slot, ok := p.Wait(t.Context(), all[1])
				if ok != (tt.want == 0) || !ok && time.Until(slot.At) != tt.want {
					t.Errorf("permit %v, slot in %v; want a cooldown of %v", ok, time.Until(slot.At), tt.want)
				}
			})
		})
	}
}
