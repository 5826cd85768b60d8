package replies

import (
	"testing"
	"time"
)

// Guards: the forecast tells how many will not make their deadlines as if each reply
// were followed, and asks visibility a few dozen times however many there are.
func TestSendSimulation(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	in := func(d time.Duration, n int64) map[time.Duration]int64 { return map[time.Duration]int64{d: n} }
	tests := []struct {
		name      string
		perHour   float64
		deadlines map[time.Duration]int64 // how many, by the time that is left
		late      int64
		gone      int64
		lastAfter time.Duration
	}{
		{"nothing waits", 700, nil, 0, 0, 0},
		{"a viral post", 700, in(6*24*time.Hour, 5000), 0, 5000, 5000 * time.Hour / 700},
		{"more than a week's worth", 700, in(7*24*time.Hour-30*time.Second, 120_000), 120_000 - 700*7*24, 700 * 7 * 24, 7 * 24 * time.Hour},
		{"just before the deadline", 60, in(10*time.Minute+30*time.Second, 100), 90, 10, 10 * time.Minute},
		{"the deadline has passed", 700, in(-time.Hour, 3), 3, 0, 0},
		{"some in a hurry before many", 3600, map[time.Duration]int64{30*time.Minute + 30*time.Second: 2000, 24 * time.Hour: 1000}, 170, 2830, 2830 * time.Second},
		{"the late take nobody's time", 60, map[time.Duration]int64{time.Hour + 30*time.Second: 1000, 2*time.Hour + 30*time.Second: 60}, 940, 120, 120 * time.Minute},
		{"a very slow account", 0.001, in(7*24*time.Hour, 1), 1, 0, 0},
		{"absurdly fast", 1e12, in(24*time.Hour, 1_000_000), 0, 1_000_000, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			queries := 0
			d := sendSimulation{now: now, perSecond: tt.perHour / 3600, count: func(from, to time.Time) (n int64, err error) {
				queries++
				for left, many := range tt.deadlines {
					if at := now.Add(left); !at.Before(from) && at.Before(to) {
						n += many
					}
				}
				return n, nil
			}}
			if err := d.run(now.Add(-maxOverdue), now.Add(maxDeadlineAhead)); err != nil {
				t.Fatal(err)
			}
			exact := int64(tt.perHour/60) + 1 // deadlines are told apart by the minute
			if off := d.late - tt.late; off > exact || off < -exact || d.late+d.sent != tt.late+tt.gone {
				t.Errorf("%d late and %d gone, want %d and %d", d.late, d.sent, tt.late, tt.gone)
			}
			if last := d.sentAt(d.sent); tt.gone > 0 && last.Sub(now.Add(tt.lastAfter)).Abs() > time.Minute {
				t.Errorf("the last one leaves at %v, want %v", last, now.Add(tt.lastAfter))
			}
			if queries > 80 {
				t.Errorf("%d queries", queries)
			}
		})
	}
}
