package privatereply

import (
	"testing"
	"time"
)

// noon is the moment that the tests count from.
var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

const lastMoment = 7*24*time.Hour - 2*time.Minute

// The deadline is counted from the earliest clock that a comment carries, so that
// no clock that runs ahead can make a send late.
func TestDeadlineOf(t *testing.T) {
	created, entry, received := noon.Add(-3*time.Hour), noon.Add(-time.Hour), noon
	live := func(c Comment) Comment {
		c.Platform, c.Source = Instagram, SourceLive
		return c
	}
	tests := []struct {
		name    string
		comment Comment
		want    Deadline
	}{
		{"created", Comment{CreatedAt: created, EntryAt: entry, ReceivedAt: received}, Deadline{created.Add(lastMoment), ClockCreated}},
		{"created alone", Comment{CreatedAt: created}, Deadline{created.Add(lastMoment), ClockCreated}},
		{"entry", Comment{EntryAt: entry, ReceivedAt: received}, Deadline{entry.Add(lastMoment), ClockEntry}},
		{"entry alone", Comment{EntryAt: entry}, Deadline{entry.Add(lastMoment), ClockEntry}},
		{"received alone", Comment{ReceivedAt: received}, Deadline{received.Add(lastMoment), ClockReceived}},
		{"entry after receipt", Comment{EntryAt: received.Add(time.Second), ReceivedAt: received}, Deadline{received.Add(lastMoment), ClockReceived}},
		{"entry at receipt", Comment{EntryAt: received, ReceivedAt: received}, Deadline{received.Add(lastMoment), ClockReceived}},
		{"entry far in the future", Comment{EntryAt: received.AddDate(1000, 0, 0), ReceivedAt: received}, Deadline{received.Add(lastMoment), ClockReceived}},
		{"created after receipt", Comment{CreatedAt: received.Add(time.Hour), ReceivedAt: received}, Deadline{received.Add(lastMoment), ClockReceived}},
		{"created after entry", Comment{CreatedAt: entry.Add(time.Second), EntryAt: entry, ReceivedAt: received}, Deadline{entry.Add(lastMoment), ClockEntry}},
		{"created a nanosecond before entry", Comment{CreatedAt: entry.Add(-1), EntryAt: entry, ReceivedAt: received}, Deadline{entry.Add(lastMoment - 1), ClockCreated}},
		{"created years ago", Comment{CreatedAt: noon.AddDate(-3, 0, 0), ReceivedAt: received}, Deadline{noon.AddDate(-3, 0, 0).Add(lastMoment), ClockCreated}},
		{"Facebook live has the seven days", Comment{Platform: Facebook, Source: SourceLive, ReceivedAt: received}, Deadline{received.Add(lastMoment), ClockReceived}},
		{"Instagram post", Comment{Platform: Instagram, Source: SourcePost, ReceivedAt: received}, Deadline{received.Add(lastMoment), ClockReceived}},
		{"Instagram live", live(Comment{ReceivedAt: received}), Deadline{received.Add(4 * time.Hour), ClockBroadcast}},
		{"Instagram live, delivered late", live(Comment{EntryAt: entry, ReceivedAt: received}), Deadline{entry.Add(4 * time.Hour), ClockBroadcast}},
		{"Instagram live, entry in the future", live(Comment{EntryAt: received.Add(time.Hour), ReceivedAt: received}), Deadline{received.Add(4 * time.Hour), ClockBroadcast}},
		{"Instagram live, created known", live(Comment{CreatedAt: created, ReceivedAt: received}), Deadline{created.Add(4 * time.Hour), ClockBroadcast}},
		{"Instagram live, created alone", live(Comment{CreatedAt: created}), Deadline{created.Add(4 * time.Hour), ClockBroadcast}},
		{"Instagram live without a media id", live(Comment{ReceivedAt: received, MediaID: ""}), Deadline{received.Add(4 * time.Hour), ClockBroadcast}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := DeadlineOf(tt.comment); got != tt.want {
				t.Errorf("DeadlineOf = %v from %s, want %v from %s", got.At, got.From, tt.want.At, tt.want.From)
			}
		})
	}
}

// A comment that no clock dates is past its deadline, never open for ever.
func TestDeadlineWithoutClock(t *testing.T) {
	for _, c := range []Comment{{}, {Platform: Instagram, Source: SourceLive}} {
		if d := DeadlineOf(c); !d.Passed(noon) {
			t.Errorf("%s: deadline %v", c.Source, d.At)
		}
	}
}

// Times are UTC whatever zone a clock came in, because they go into payloads.
func TestDeadlineIsUTC(t *testing.T) {
	tokyo := noon.In(time.FixedZone("", 9*60*60))
	for name, d := range map[string]Deadline{
		"counted": DeadlineOf(Comment{CreatedAt: tokyo}),
		"live":    DeadlineOf(Comment{Platform: Instagram, Source: SourceLive, ReceivedAt: tokyo}),
		"created": DeadlineFromCreation(tokyo),
		"nearer":  Deadline{At: noon.Add(time.Hour)}.Nearer(Deadline{At: tokyo}),
	} {
		if d.At.Location() != time.UTC {
			t.Errorf("%s: %v", name, d.At)
		}
	}
	if got := DeadlineFromCreation(tokyo); got != (Deadline{noon.Add(lastMoment), ClockCreated}) {
		t.Errorf("DeadlineCreated = %+v", got)
	}
}

// A deadline only ever comes nearer, and keeps the clock that it came from.
func TestNearer(t *testing.T) {
	own := Deadline{noon, ClockEntry}
	tests := []struct {
		name  string
		other time.Time
		want  Deadline
	}{
		{"earlier", noon.Add(-1), Deadline{noon.Add(-1), ClockBroadcast}},
		{"the same moment", noon, own},
		{"later", noon.Add(1), own},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := own.Nearer(Deadline{tt.other, ClockBroadcast}); got != tt.want {
				t.Errorf("Nearer = %+v, want %+v", got, tt.want)
			}
		})
	}
}

// Nothing is sent at the deadline itself or later.
func TestPassed(t *testing.T) {
	d := Deadline{At: noon}
	for offset, want := range map[time.Duration]bool{-1: false, 0: true, 1: true} {
		if got := d.Passed(noon.Add(offset)); got != want {
			t.Errorf("Passed at the deadline %+d ns = %v, want %v", offset.Nanoseconds(), got, want)
		}
	}
}
