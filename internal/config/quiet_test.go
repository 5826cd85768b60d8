package config

import (
	"testing"
	"time"
)

// Quiet hours go over midnight, keep to their zone and to the day its clocks change.
func TestQuietHours(t *testing.T) {
	for _, tt := range []struct{ hours, now, end string }{
		{"22:00-07:00", "2026-03-02T21:59:00Z", ""},
		{"22:00-07:00", "2026-03-02T22:00:00Z", "2026-03-03T07:00:00Z"},
		{"22:00-07:00", "2026-03-03T06:59:00Z", "2026-03-03T07:00:00Z"},
		{"22:00-07:00", "2026-03-03T07:00:00Z", ""},
		{"12:00-13:30", "2026-03-03T12:30:00Z", "2026-03-03T13:30:00Z"},
		{"12:00-13:30", "2026-03-03T14:00:00Z", ""},
		{"22:00-07:00 Europe/Berlin", "2026-03-02T21:30:00Z", "2026-03-03T06:00:00Z"},
		{"22:00-07:00 Europe/Berlin", "2026-03-28T23:30:00Z", "2026-03-29T05:00:00Z"}, // an hour is left out
	} {
		var q QuietHours
		if err := q.UnmarshalText([]byte(tt.hours)); err != nil {
			t.Fatal(err)
		}
		now, err := time.Parse(time.RFC3339, tt.now)
		if err != nil {
			t.Fatal(err)
		}
		end := ""
		if at := q.End(now); !at.IsZero() {
			end = at.UTC().Format(time.RFC3339)
		}
		if end != tt.end {
			t.Errorf("%s at %s end at %q, want %q", tt.hours, tt.now, end, tt.end)
		}
	}
	for _, wrong := range []string{"22-7", "22:00-22:00", "24:00-07:00", "22:00-07:00 Berlin"} {
		if new(QuietHours).UnmarshalText([]byte(wrong)) == nil {
			t.Errorf("%q is accepted", wrong)
		}
	}
	if !(QuietHours{}).End(time.Now()).IsZero() {
		t.Error("no hours are quiet")
	}
}
