package privatereply

import (
	"testing"
	"time"
)

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
