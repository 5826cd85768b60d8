package meta

import (
	"math"
	"sort"
	"time"
)

// LimitKind is one of the limits that an account has.
type LimitKind string

const (
	LimitPosts         LimitKind = "posts"
	LimitLive          LimitKind = "live"
	LimitSends         LimitKind = "sends"
	LimitConversations LimitKind = "conversations"
)

// meter counts calls in a window that slides. Refused calls count as well, so a
// client that keeps calling while it is throttled stays throttled.
type meter struct {
	limit int // 0 or less: none
	per   time.Duration
	calls []time.Time // a ring of the newest limit calls
	next  int
}

func newMeter(limit, metas int, per time.Duration) *meter {
	if limit == 0 {
		limit = metas
	}
	return &meter{limit: limit, per: per}
}

// count counts a call and reports how long the account is over its limit; 0 is
// within it.
func (m *meter) count(now time.Time) time.Duration {
	if m.limit <= 0 {
		return 0
	}
	if len(m.calls) < m.limit {
		m.calls = append(m.calls, now)
		return 0
	}
	oldest := m.calls[m.next]
	m.calls[m.next] = now
	m.next = (m.next + 1) % m.limit
	return max(0, m.per-now.Sub(oldest))
}

// percent is how much of the limit is used at now.
func (m *meter) percent(now time.Time) int {
	if m.limit <= 0 {
		return 0
	}
	n := len(m.calls)
	first := sort.Search(n, func(i int) bool {
		return now.Sub(m.calls[(m.next+i)%n]) < m.per
	})
	return (n - first) * 100 / m.limit
}

// minutes rounds up to Meta's unit of estimated_time_to_regain_access.
func minutes(d time.Duration) int { return int(math.Ceil(d.Minutes())) }

// SetLimits changes every account's limits and forgets the calls counted so far.
func (s *Sandbox) SetLimits(l Limits) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.setLimits(l)
	s.note("account", "", "", "The limits were changed: %+v", l)
}

// Limits are the limits as they were set; zero fields are Meta's own.
func (s *Sandbox) Limits() Limits {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cfg.Limits
}

// setLimits fills in the numbers of meta-platform.md §5.
func (s *Sandbox) setLimits(l Limits) {
	s.cfg.Limits = l
	s.appCalls = newMeter(l.AppPerHour, 0, time.Hour)
	for _, a := range s.accounts {
		a.meters = map[LimitKind]*meter{
			LimitPosts:         newMeter(l.PostsPerHour, 750, time.Hour),
			LimitLive:          newMeter(l.LivePerSecond, 100, time.Second),
			LimitSends:         newMeter(l.SendsPerSecond, 100, time.Second),
			LimitConversations: newMeter(l.ConversationsPerSecond, 2, time.Second),
		}
	}
}
