package graph

import (
	"net/http"
	"testing"
	"time"
)

// Meta's Date tells how far the clock here is off, within its one second; an answer that
// a cache kept, or without a Date, tells nothing.
func TestClockOffset(t *testing.T) {
	now := time.Date(2026, 3, 2, 12, 0, 0, 400e6, time.UTC)
	date := func(d time.Duration) http.Header {
		return http.Header{"Date": {now.Truncate(time.Second).Add(d).Format(http.TimeFormat)}}
	}
	cached := date(-time.Hour)
	cached.Set("Age", "3600")
	tests := []struct {
		name   string
		header http.Header
		took   time.Duration // the answer
		ahead  time.Duration
		known  bool
	}{
		{"the same second", date(0), 0, 0, true},
		{"the second before", date(-time.Second), 0, 400 * time.Millisecond, true},
		{"ahead", date(-10 * time.Second), 0, 9400 * time.Millisecond, true},
		{"an answer that took long", date(-10 * time.Second), 12 * time.Second, 0, true},
		{"behind", date(10 * time.Second), 0, -9600 * time.Millisecond, true},
		{"cached", cached, 0, 0, false},
		{"no Date", http.Header{}, 0, 0, false},
		{"no time", http.Header{"Date": {"yesterday"}}, 0, 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var c Client
			c.clock.observe(now.Add(-tt.took), now, tt.header)
			if ahead, known := c.ClockOffset(); ahead != tt.ahead || known != tt.known {
				t.Errorf("%v, %v; want %v, %v", ahead, known, tt.ahead, tt.known)
			}
		})
	}
}
