package pacing

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/privatereply/privatereply"
)

// However many public replies wait, and in however many processes, no hour has more than
// its rate and one burst; all of them come to their turn, and hiding does not wait for them.
func TestPublicReplyPace(t *testing.T) {
	for _, workers := range []int{1, 2} {
		synctest.Test(t, func(t *testing.T) {
			pacers := make([]*Pacer, workers)
			for i := range pacers {
				pacers[i] = New(workers, time.Now)
			}
			var at []time.Time
			begin := time.Now()
			waiting := map[int]time.Time{}
			for i := range 100 {
				waiting[i] = begin
			}
			for len(waiting) > 0 {
				for i, next := range waiting {
					if next.After(time.Now()) {
						continue
					}
					retryAt, ok := pacers[i%workers].PublicReply(t.Context(), account("1"))
					if ok {
						at = append(at, time.Now())
						delete(waiting, i)
						continue
					}
					if !retryAt.After(time.Now()) {
						t.Fatalf("turned away until %v, which is not later", retryAt)
					}
					waiting[i] = retryAt
				}
				if _, ok := pacers[0].Hide(t.Context(), account("1")); !ok && len(at) < 20 {
					t.Error("hiding waits for public replies")
				}
				time.Sleep(10 * time.Second)
			}
			if most := mostWithin(at, time.Hour); most > 60+publicReplyBurst {
				t.Errorf("%d processes: %d public replies in an hour", workers, most)
			}
			if took := time.Since(begin); took > 110*time.Minute {
				t.Errorf("%d processes: 100 public replies took %v", workers, took)
			}
		})
	}
}

// A rate limit of Meta's holds back everything that the account does; a block of what it
// writes under comments holds back that alone, on that account.
func TestWriteRefused(t *testing.T) {
	for _, tt := range []struct {
		reason privatereply.Reason
		sends  bool
	}{{privatereply.Throttled, false}, {privatereply.AccountBlocked, true}} {
		synctest.Test(t, func(t *testing.T) {
			p := New(1, time.Now)
			time.Sleep(time.Hour)
			p.WriteRefused(account("1"), tt.reason, 4*time.Hour)
			if at, ok := p.PublicReply(t.Context(), account("1")); ok || time.Until(at) != 4*time.Hour {
				t.Errorf("%s: public reply %v in %v", tt.reason, ok, time.Until(at))
			}
			if at, ok := p.Hide(t.Context(), account("1")); ok || time.Until(at) != 4*time.Hour {
				t.Errorf("%s: hide %v in %v", tt.reason, ok, time.Until(at))
			}
			if _, ok := p.PublicReply(t.Context(), account("2")); !ok {
				t.Errorf("%s: another account waits", tt.reason)
			}
			if _, ok := p.Wait(t.Context(), Request{Account: account("1"), ByPerson: true}); ok != tt.sends {
				t.Errorf("%s: private reply %v", tt.reason, ok)
			}
			if _, ok := p.LookUp(t.Context(), account("1"), 0); ok != tt.sends {
				t.Errorf("%s: look-up %v", tt.reason, ok)
			}
			p.WriteRefused(account("2"), tt.reason, 0)
			if at, ok := p.PublicReply(t.Context(), account("2")); ok || time.Until(at) < time.Minute || time.Until(at) > 72*time.Second {
				t.Errorf("%s: without a time from Meta, %v in %v", tt.reason, ok, time.Until(at))
			}
		})
	}
}

// What Meta holds against the private replies of an account holds its public ones too.
func TestPublicRepliesWaitWithPrivateOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(1, time.Now)
		time.Sleep(time.Hour)
		first := Request{Account: account("1"), Reply: "first", ByPerson: true}
		if _, ok := p.Wait(t.Context(), first); !ok {
			t.Fatal("no permit")
		}
		p.Refused(first, privatereply.AccountBlocked, 30*time.Minute)
		if at, ok := p.PublicReply(t.Context(), account("1")); ok || time.Until(at) != 30*time.Minute {
			t.Errorf("public reply %v in %v", ok, time.Until(at))
		}
	})
}
