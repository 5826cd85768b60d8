package funnel

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/replies"
)

// store counts replies that it has.
type store struct {
	mu    sync.Mutex
	rows  []replies.Row
	calls int
}

func (s *store) Count(_ context.Context, f replies.Filter) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	n := int64(0)
	for _, r := range s.rows {
		if (len(f.States) == 0 || slices.Contains(f.States, r.State)) && (f.Account == "" || f.Account == r.Account) &&
			!r.StartedAt.Before(f.StartedFrom) && r.StartedAt.Before(f.StartedBefore) {
			n++
		}
	}
	return n, nil
}

// Every state is in exactly one stage: a funnel that drops or doubles replies lies.
func TestEveryStateHasItsStage(t *testing.T) {
	seen := map[privatereply.State]int{}
	for _, all := range states {
		for _, s := range all {
			seen[s]++
		}
	}
	for _, s := range privatereply.States {
		if seen[s] != 1 {
			t.Errorf("%s is in %d stages", s, seen[s])
		}
	}
	if len(Stages) != len(states) {
		t.Errorf("%d stages are shown, %d are counted", len(Stages), len(states))
	}
}

// Each reply is counted on the day it came in, by what has become of it.
func TestSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now().UTC() // the bubble's clock begins at midnight
		s := &store{}
		add := func(age time.Duration, account string, all ...privatereply.State) {
			for _, state := range all {
				s.rows = append(s.rows, replies.Row{StartedAt: now.Add(-age), Account: account, State: state})
			}
		}
		add(0, "1", privatereply.AwaitingApproval, privatereply.Sent, privatereply.WindowClosed)
		add(25*time.Hour, "1", privatereply.Expired, privatereply.Ignored)
		add(25*time.Hour, "2", privatereply.NoResponse)
		add(40*24*time.Hour, "1", privatereply.Sent)

		c := New(s)
		slots, err := c.Days(t.Context(), Selection{}, 3)
		if err != nil {
			t.Fatal(err)
		}
		got := Sum(slots)
		want := Counts{Received: 6, In: map[Stage]int64{Waiting: 1, Sent: 2, Responded: 1, Expired: 1, Ignored: 1, Declined: 0}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if slots[0].Received != 3 || slots[1].Received != 0 || slots[2].Received != 3 || got.Delivered() != 3 {
			t.Errorf("slots %+v, delivered %d", slots, got.Delivered())
		}
		one, err := c.Total(t.Context(), Selection{Account: "2"}, 3)
		if err != nil || one.Received != 1 || one.In[Sent] != 1 {
			t.Errorf("account 2: %+v, %v", one, err)
		}
		before := s.calls
		if _, err := c.Days(t.Context(), Selection{}, 3); err != nil || s.calls != before {
			t.Errorf("asked %d times for what was just counted, %v", s.calls-before, err)
		}
	})
}

// The visibility store is shared: counts are made at a pace, and one who cannot wait
// is told so and goes on from there.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &store{}
		for day := range 30 {
			s.rows = append(s.rows, replies.Row{StartedAt: time.Now().Add(-time.Duration(day) * 24 * time.Hour), State: privatereply.DeliveryUnknown})
		}
		c := New(s)
		hurry, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		if _, err := c.Days(hurry, Selection{}, 30); err == nil {
			t.Error("everything was counted at once")
		}
		if most := countBurst + 3*countsPerSecond + 1; s.calls > most {
			t.Errorf("%d calls in 3 seconds", s.calls)
		}
		slots, err := c.Days(t.Context(), Selection{}, 30)
		if err != nil || Sum(slots).In[DeliveryUnknown] != 30 {
			t.Errorf("%+v, %v", Sum(slots), err)
		}
	})
}
