package config

import (
	"fmt"
	"regexp"
	"strings"
	"time"
	_ "time/tzdata" // images have no zones of their own
)

// QuietHours is the part of each day in which only what cannot wait is notified. The zero
// value is no part.
type QuietHours struct {
	from, to time.Duration // since midnight
	zone     *time.Location
}

var quietHours = regexp.MustCompile(`^([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)(?: +(\S+))?$`)

// UnmarshalText reads hours such as "22:00-07:00 Europe/Berlin"; without a zone in UTC.
func (q *QuietHours) UnmarshalText(text []byte) error {
	if len(strings.TrimSpace(string(text))) == 0 {
		return nil
	}
	m := quietHours.FindStringSubmatch(strings.TrimSpace(string(text)))
	if m == nil || m[1]+m[2] == m[3]+m[4] {
		return fmt.Errorf("%q are no quiet hours; write some such as 22:00-07:00 Europe/Berlin", text)
	}
	zone, err := time.LoadLocation(m[5])
	if err != nil {
		return fmt.Errorf("%q is no time zone; write one such as Europe/Berlin", m[5])
	}
	clock := func(hours, minutes string) time.Duration {
		d, _ := time.ParseDuration(hours + "h" + minutes + "m") // the pattern has digits only
		return d
	}
	*q = QuietHours{from: clock(m[1], m[2]), to: clock(m[3], m[4]), zone: zone}
	return nil
}

// End is when the quiet hours end that now is in, and zero if now is in none.
func (q QuietHours) End(now time.Time) time.Time {
	if q.zone == nil {
		return time.Time{}
	}
	here := now.In(q.zone)
	year, month, day := here.Date()
	at := func(days int, clock time.Duration) time.Time {
		return time.Date(year, month, day+days, int(clock.Hours()), int(clock.Minutes())%60, 0, 0, q.zone)
	}
	for _, began := range []int{-1, 0} { // yesterday's may not have ended
		end := at(began, q.to)
		if q.to <= q.from {
			end = at(began+1, q.to)
		}
		if !here.Before(at(began, q.from)) && here.Before(end) {
			return end
		}
	}
	return time.Time{}
}
