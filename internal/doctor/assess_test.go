package doctor

import (
	"testing"
	"time"
)

// Guards: the day on which a version stops to be good enough.
func TestAssessVersion(t *testing.T) {
	tests := []struct {
		name, version string
		now           time.Time
		text          string
		level         Level
	}{
		{"newest", "v26.0", day(2026, 11, 22), "v26.0 is the newest known", OK},
		{"newer than this program", "v27.0", day(2026, 11, 22), "v27.0 is newer than v26.0, the newest that this program knows", OK},
		{"older", "v25.0", day(2026, 11, 22), "v25.0 is older than v26.0; it expires on 29 July 2028", Warning},
		{"91 days before its end", "v21.0", day(2026, 10, 22), "v21.0 is older than v26.0; it expires on 21 January 2027", Warning},
		{"90 days before its end", "v21.0", day(2026, 10, 23), "v21.0 expires on 21 January 2027", Warning},
		{"the day before its end", "v21.0", day(2027, 1, 20), "v21.0 expires on 21 January 2027", Warning},
		{"its end", "v21.0", day(2027, 1, 21), "v21.0 expired on 21 January 2027: Meta answers in another version's way", Failure},
		{"long over", "v12.0", day(2026, 11, 22), "v12.0 has expired: Meta answers in another version's way", Failure},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if text, level := assessVersion(tt.version, tt.now); text != tt.text || level != tt.level {
				t.Errorf("%s %q, want %s %q", level, text, tt.level, tt.text)
			}
		})
	}
}

// Guards: a server that cannot have fairness is told from one of which nobody knows.
func TestFairnessFinding(t *testing.T) {
	for version, want := range map[string]Level{
		"1.28.3": Warning, "1.29.1": Unknown, "1.32.1": Unknown, "1.31.0-151.2": Unknown, "2.0.0": Unknown, "": Unknown,
	} {
		if f := fairnessFinding(version); f.Level != want {
			t.Errorf("%q: %+v, want %s", version, f, want)
		}
	}
}
