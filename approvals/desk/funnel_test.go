package desk

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

// countStore counts replies that it has.
type countStore struct {
	mu    sync.Mutex
	rows  []replies.Row
	calls int
}

func (s *countStore) Count(_ context.Context, f replies.Filter) (int64, error) {
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
	for _, all := range statesOf {
		for _, s := range all {
			seen[s]++
		}
	}
	for _, s := range privatereply.States {
		if seen[s] != 1 {
			t.Errorf("%s is in %d stages", s, seen[s])
		}
	}
	if len(stages) != len(statesOf) {
		t.Errorf("%d stages are shown, %d are counted", len(stages), len(statesOf))
	}
}

// Each reply is counted on the day it came in, by what has become of it.
func TestSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now().UTC() // the bubble's clock begins at midnight
		s := &countStore{}
		add := func(age time.Duration, account string, all ...privatereply.State) {
			for _, state := range all {
				s.rows = append(s.rows, replies.Row{StartedAt: now.Add(-age), Account: account, State: state})
			}
		}
		add(0, "1", privatereply.AwaitingApproval, privatereply.Sent, privatereply.WindowClosed)
		add(25*time.Hour, "1", privatereply.Expired, privatereply.Ignored)
		add(25*time.Hour, "2", privatereply.NoResponse)
		add(40*24*time.Hour, "1", privatereply.Sent)

		c := newFunnelCounter(s)
		slots, err := c.Days(t.Context(), funnelFilter{}, 3, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := sumDays(slots)
		want := stageCounts{Received: 6, In: map[stage]int64{stageWaiting: 1, stageSent: 2, stageResponded: 1, stageExpired: 1, stageIgnored: 1, stageDeclined: 0}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if slots[0].Received != 3 || slots[1].Received != 0 || slots[2].Received != 3 || got.Delivered() != 3 {
			t.Errorf("slots %+v, delivered %d", slots, got.Delivered())
		}
		one, err := c.Total(t.Context(), funnelFilter{Account: "2"}, 3, nil)
		if err != nil || one.Received != 1 || one.In[stageSent] != 1 {
			t.Errorf("account 2: %+v, %v", one, err)
		}
		before := s.calls
		if _, err := c.Days(t.Context(), funnelFilter{}, 3, nil); err != nil || s.calls != before {
			t.Errorf("asked %d times for what was just counted, %v", s.calls-before, err)
		}
	})
}

// The visibility store is shared: counts are made at a pace, and one who cannot wait
// is told so and goes on from there.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &countStore{}
		for day := range 30 {
			s.rows = append(s.rows, replies.Row{StartedAt: time.Now().Add(-time.Duration(day) * 24 * time.Hour), State: privatereply.DeliveryUnknown})
		}
		c := newFunnelCounter(s)
		hurry, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		if _, err := c.Days(hurry, funnelFilter{}, 30, nil); err == nil {
			t.Error("everything was counted at once")
		}
		if most := countBurst + 3*countsPerSecond + 1; s.calls > most {
			t.Errorf("%d calls in 3 seconds", s.calls)
		}
		slots, err := c.Days(t.Context(), funnelFilter{}, 30, nil)
		if err != nil || sumDays(slots).In[stageDeliveryUnknown] != 30 {
			t.Errorf("%+v, %v", sumDays(slots), err)
		}
	})
}
