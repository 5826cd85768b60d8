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

// A follow-up goes only while a window is open: 24 hours for everybody, seven days
// for a human agent, each but its last two minutes.
func TestFollowUpChannel(t *testing.T) {
	const (
		day      = 24 * time.Hour
		standard = day - 2*time.Minute
		agent    = 7*day - 2*time.Minute
	)
	tests := []struct {
		name       string
		since      time.Duration // since the person's message
		humanAgent bool
		want       Channel
	}{
		{"at the message", 0, false, ChannelStandard},
		{"our clock is behind Meta's", -time.Minute, false, ChannelStandard},
		{"the last nanosecond of the 24 hours", standard - 1, false, ChannelStandard},
		{"in the margin", standard, false, ChannelClosed},
		{"after 24 hours", day, false, ChannelClosed},
		{"agent within the 24 hours needs no tag", standard - 1, true, ChannelStandard},
		{"agent in the margin", standard, true, ChannelClosed},
		{"agent after 24 hours", day, true, ChannelHumanAgent},
		{"the last nanosecond of the seven days", agent - 1, true, ChannelHumanAgent},
		{"agent in the margin of the seven days", agent, true, ChannelClosed},
		{"agent after seven days", 7 * day, true, ChannelClosed},
		{"seven days are not for everybody", 2 * day, false, ChannelClosed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := FollowUpChannel(noon.Add(tt.since), noon, tt.humanAgent); got != tt.want {
				t.Errorf("FollowUpChannel = %d, want %d", got, tt.want)
			}
		})
	}
	for _, humanAgent := range []bool{false, true} {
		if got := FollowUpChannel(noon, time.Time{}, humanAgent); got != ChannelClosed {
			t.Errorf("without a message of the person: %d, want it closed", got)
		}
	}
}

// The window is 24 hours to the nanosecond; the margin is ours, not the window's.
func TestWindowCloses(t *testing.T) {
	if got := WindowCloses(noon); !got.Equal(noon.Add(24 * time.Hour)) {
		t.Errorf("WindowCloses = %v", got)
	}
}

// Meta writes whole seconds and its clock is not ours, so a message up to five
// seconds before the send still answers it.
func TestAnswers(t *testing.T) {
	for offset, want := range map[time.Duration]bool{
		-time.Hour:         false,
		-5 * time.Second:   false,
		-5*time.Second + 1: true,
		0:                  true,
		time.Hour:          true,
	} {
		if got := LimitsOf(Facebook).Answers(noon.Add(offset), noon); got != want {
			t.Errorf("a message %v after the send: %v, want %v", offset, got, want)
		}
	}
}

// A message's own time counts, but one that claims the future would keep the
// window open too long.
func TestMessageTime(t *testing.T) {
	tests := []struct {
		name   string
		itsOwn time.Time
		want   time.Time
	}{
		{"its own", noon.Add(-time.Hour), noon.Add(-time.Hour)},
		{"late by days", noon.AddDate(0, 0, -9), noon.AddDate(0, 0, -9)},
		{"unknown", time.Time{}, noon},
		{"two minutes ahead", noon.Add(2 * time.Minute), noon.Add(2 * time.Minute)},
		{"more than two minutes ahead", noon.Add(2*time.Minute + 1), noon},
		{"years ahead", noon.AddDate(50, 0, 0), noon},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			zone := time.FixedZone("", -5*60*60)
			itsOwn := tt.itsOwn
			if !itsOwn.IsZero() {
				itsOwn = itsOwn.In(zone)
			}
			if got := MessageTime(itsOwn, noon.In(zone)); got != tt.want {
				t.Errorf("MessageTime = %v, want %v", got, tt.want)
			}
		})
	}
}
