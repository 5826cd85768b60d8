package console

import (
	"fmt"
	"time"
)

// FormatTime tells t in the local time zone and as seen from now:
// "Sat 29 Nov 10:16 CET (in 6d 23h)".
func FormatTime(t, now time.Time) string {
	return fmt.Sprintf("%s (%s)", t.Local().Format("Mon 2 Jan 15:04 MST"), RelativeTime(t, now))
}

// RelativeTime tells t as seen from now: "in 3h 5m" or "2m ago".
func RelativeTime(t, now time.Time) string {
	d := t.Sub(now)
	if d < 0 {
		return FormatDuration(-d) + " ago"
	}
	return "in " + FormatDuration(d)
}

// FormatDuration tells a duration in its two largest units.
func FormatDuration(d time.Duration) string {
	days, hours := int(d/(24*time.Hour)), int(d/time.Hour)%24
	minutes, seconds := int(d/time.Minute)%60, int(d/time.Second)%60
	switch {
	case days > 0:
		return units(days, "d", hours, "h")
	case hours > 0:
		return units(hours, "h", minutes, "m")
	case minutes >= 10:
		return units(minutes, "m", 0, "")
	case minutes > 0:
		return units(minutes, "m", seconds, "s")
	}
	return units(seconds, "s", 0, "")
}

func units(large int, unit string, small int, smallUnit string) string {
	if small == 0 {
		return fmt.Sprintf("%d%s", large, unit)
	}
	return fmt.Sprintf("%d%s %d%s", large, unit, small, smallUnit)
}
