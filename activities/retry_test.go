package activities

import (
	"testing"
	"time"

	"github.com/privatereply/privatereply/graph"
)

// The wait grows from attempt to attempt up to its maximum, Meta's own time goes before
// ours, and chance only lengthens it, by at most a fifth.
func TestBackoff(t *testing.T) {
	const m, s = time.Minute, time.Second
	outage, throttled := graph.Error{Class: graph.Temporary}, graph.Error{Class: graph.Throttled}
	notWritten, account := graph.Error{Class: graph.NotWritten}, graph.Error{Class: graph.AccountFault}
	paused := graph.Error{Class: graph.Throttled, Cooldown: 5 * m}
	named := graph.Error{Class: graph.Throttled, Cooldown: 5 * m, RetryAfter: 7 * s}
	tests := []struct {
		name   string
		live   bool
		failed graph.Error
		waits  []time.Duration // of the attempts from 1
	}{
		{"outage", false, outage, []time.Duration{m, 2 * m, 4 * m, 8 * m, 15 * m, 15 * m, 15 * m}},
		{"a passing code", false, graph.Error{Class: graph.Temporary, Code: 2}, []time.Duration{m, 4 * m, 16 * m, 64 * m, 180 * m, 180 * m}},
		{"a code that nobody knows", false, graph.Error{Class: graph.Unlisted, Code: 4711}, []time.Duration{m, 4 * m, 16 * m, 64 * m, 180 * m}},
		{"live, a passing code", true, graph.Error{Class: graph.Temporary, Code: 2}, []time.Duration{10 * s, 20 * s, 40 * s, m, m}},
		{"throttle", false, throttled, []time.Duration{m, 2 * m, 4 * m, 8 * m, 15 * m}},
		{"no connection", false, notWritten, []time.Duration{m, 2 * m, 4 * m, 8 * m, 15 * m}},
		{"account", false, account, []time.Duration{5 * m, 5 * m, 5 * m, 5 * m, 5 * m, 5 * m}},
		{"a rest that the error needs", false, paused, []time.Duration{5 * m, 5 * m, 5 * m, 8 * m, 15 * m}},
		{"Meta's time", false, named, []time.Duration{7 * s, 7 * s, 7 * s, 7 * s, 7 * s}},
		{"live outage", true, outage, []time.Duration{10 * s, 20 * s, 40 * s, m, m}},
		{"live throttle", true, throttled, []time.Duration{10 * s, 20 * s, 40 * s, m, m}},
		{"live account", true, account, []time.Duration{5 * m, 5 * m}},
		{"live, Meta's time", true, named, []time.Duration{7 * s, 7 * s}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for i, wait := range tt.waits {
				w := backoff{attempt: i + 1, live: tt.live, now: func() time.Time { return noon }}
				var differs bool
				first := w.retryAt(&tt.failed)
				for range 200 {
					at := w.retryAt(&tt.failed)
					checkRetry(t, at, wait)
					differs = differs || at != first
				}
				if !differs {
					t.Errorf("attempt %d: replies that failed together come back together", i+1)
				}
			}
		})
	}
	for _, attempt := range []int{-1, 0, 1 << 30} {
		want := time.Minute
		if attempt > 1 {
			want = 15 * time.Minute
		}
		checkRetry(t, backoff{attempt: attempt, now: func() time.Time { return noon }}.retryAt(&outage), want)
	}
}
