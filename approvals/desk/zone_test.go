package desk

import (
	"net/http"
	"testing"
	"time"
)

// Sentences tell the reader's time, and UTC where a browser has not said which zone that is,
// or says what is none.
func TestSentencesInTheReadersZone(t *testing.T) {
	d := &Desk{now: func() time.Time { return time.Date(2026, 1, 2, 20, 0, 0, 0, time.UTC) }}
	const told = "Already decided: ben approved this reply at 19:30:10 UTC on 2 Jan 2026; it is sent."
	for zone, want := range map[string]string{
		"Europe/Berlin": "Already decided: ben approved this reply at 20:30:10; it is sent.",
		"Asia/Kolkata":  "Already decided: ben approved this reply at 01:00:10; it is sent.",
		"Asia/Tokyo":    "Already decided: ben approved this reply at 04:30:10; it is sent.",
		"UTC":           "Already decided: ben approved this reply at 19:30:10; it is sent.",
		"":              told, "Local": told, "../../etc/passwd": told, "/etc/localtime": told, "Nowhere/City": told,
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.AddCookie(&http.Cookie{Name: zoneCookie, Value: zone})
		if got := d.inZone(withZone(t.Context(), r), told); got != want {
			t.Errorf("%q: %s", zone, got)
		}
		yesterday := d.inZone(withZone(t.Context(), r), "at 12:00:00 UTC on 31 Dec 2025.")
		if zone == "Europe/Berlin" && yesterday != "at 13:00:00 on 31 Dec 2025." {
			t.Errorf("another day: %s", yesterday)
		}
	}
}

// A day begins at the reader's midnight, also where clocks change.
func TestMidnight(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 29, 12, 0, 0, 0, time.UTC)
	if from, before := midnight(now, berlin, 0), midnight(now, berlin, 1); before.Sub(from) != 23*time.Hour || from.UTC().Hour() != 23 {
		t.Errorf("the day is from %v to %v", from, before)
	}
	if from := midnight(now, nil, -1); !from.Equal(time.Date(2026, 3, 28, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("without a zone: %v", from)
	}
}
