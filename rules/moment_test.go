package rules

import (
	"fmt"
	"testing"
	"time"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// hour, weekday and date are those of the account's clock when the comment was written, also
// in the night in which the clock changes.
func TestMoment(t *testing.T) {
	for _, tt := range []struct {
		name, zone, at, want string
	}{
		{"UTC", "UTC", "2026-11-28T23:59:59Z", "2026-11-28 sat 23"},
		{"winter", "Europe/Berlin", "2026-11-28T22:59:59Z", "2026-11-28 sat 23"},
		{"midnight in winter", "Europe/Berlin", "2026-11-28T23:00:00Z", "2026-11-29 sun 0"},
		{"before midnight in summer", "Europe/Berlin", "2026-07-04T21:59:59Z", "2026-07-04 sat 23"},
		{"midnight in summer", "Europe/Berlin", "2026-07-04T22:00:00Z", "2026-07-05 sun 0"},
		{"the last second before summer time", "Europe/Berlin", "2026-03-29T00:59:59Z", "2026-03-29 sun 1"},
		{"the first of summer time: there is no 2 o'clock", "Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03-29 sun 3"},
		{"midnight before summer time", "Europe/Berlin", "2026-03-28T23:00:00Z", "2026-03-29 sun 0"},
		{"midnight after it", "Europe/Berlin", "2026-03-29T22:00:00Z", "2026-03-30 mon 0"},
		{"2 o'clock in summer time", "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25 sun 2"},
		{"2 o'clock again, in winter time", "Europe/Berlin", "2026-10-25T01:30:00Z", "2026-10-25 sun 2"},
		{"3 o'clock in winter time", "Europe/Berlin", "2026-10-25T02:00:00Z", "2026-10-25 sun 3"},
		{"midnight before winter time", "Europe/Berlin", "2026-10-24T22:00:00Z", "2026-10-25 sun 0"},
		{"midnight after it", "Europe/Berlin", "2026-10-25T23:00:00Z", "2026-10-26 mon 0"},
		{"the other half of the year", "America/Santiago", "2026-04-05T03:00:00Z", "2026-04-04 sat 23"},
		{"half an hour", "Asia/Kolkata", "2026-11-28T18:30:00Z", "2026-11-29 sun 0"},
		{"a new year", "Pacific/Auckland", "2026-12-31T11:00:00Z", "2027-01-01 fri 0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			at, err := time.Parse(time.RFC3339, tt.at)
			if err != nil {
				t.Fatal(err)
			}
			var date, day string
			var hour int
			if _, err := fmt.Sscan(tt.want, &date, &day, &hour); err != nil {
				t.Fatal(err)
			}
			s := mustParse(t, fmt.Sprintf("default: ignore\nrules:\n  - name: a\n    ask: true\n    when: date == %q && weekday == %q && hour == %d\n", date, day, hour))
			in := comment(func(in *Input) { in.Comment.CreatedAt, in.TimeZone = at, zone(t, tt.zone) })
			if got := s.Decide(in); got.Rule != "a" {
				here := moment(in)
				t.Errorf("it is %s there, want %s", here, tt.want)
			}
		})
	}
}

// Opening hours hold on the day with 23 hours and on the one with 25.
func TestOpeningHoursAcrossSummerTime(t *testing.T) {
	s := mustParse(t, "default: ignore\nrules:\n  - name: closed\n    when: hour < 9 || hour >= 18 || weekday in [\"sat\", \"sun\"]\n    ask: true\n")
	berlin := zone(t, "Europe/Berlin")
	for _, day := range []time.Time{
		time.Date(2026, 3, 27, 0, 0, 0, 0, berlin), // Friday, before 29 March
		time.Date(2026, 10, 23, 0, 0, 0, 0, berlin),
	} {
		open := 0
		for at := day; at.Before(day.AddDate(0, 0, 4)); at = at.Add(10 * time.Minute) {
			got := s.Decide(comment(func(in *Input) { in.Comment.CreatedAt, in.TimeZone = at, berlin }))
			clock := at.Format("15:04")
			isOpen := at.Weekday() >= time.Monday && at.Weekday() <= time.Friday && clock >= "09:00" && clock < "18:00"
			if (got.Rule == "") != isOpen {
				t.Errorf("%s: decided by %q", at, got.Rule)
			}
			if isOpen {
				open++
			}
		}
		if open != 2*9*6 {
			t.Errorf("%s and after: open for %d times ten minutes", day.Format(time.DateOnly), open)
		}
	}
}

// A comment is decided as of the time when it was written, whenever it is found; without an
// account's zone in UTC.
func TestMomentOfComment(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*Input)
		want   string
	}{
		{"its own time", func(in *Input) {
			in.Comment.CreatedAt, in.Comment.EntryAt = now.Add(-48*time.Hour), now.Add(-time.Hour)
		}, "2026-05-02T12:00:00Z"},
		{"the notification's", func(in *Input) { in.Comment.EntryAt = now.Add(-30 * time.Hour) }, "2026-05-03T06:00:00Z"},
		{"its receipt", nil, "2026-05-04T11:59:00Z"},
		{"now", func(in *Input) { in.Comment.ReceivedAt = time.Time{} }, "2026-05-04T12:00:00Z"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := moment(comment(tt.change)).Format(time.RFC3339); got != tt.want {
				t.Errorf("moment = %s, want %s", got, tt.want)
			}
		})
	}
}
