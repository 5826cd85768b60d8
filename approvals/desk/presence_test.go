package desk

import (
	"fmt"
	"testing"
	"time"
)

// Who is present is told to others who see the account, forgotten after 20 seconds, and
// bounded however many tabs somebody opens.
func TestPresence(t *testing.T) {
	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	p := newPresence(func() time.Time { return now })
	const id = "reply:instagram:1:2"
	everything := func(string) bool { return true }
	p.record(place{id, "ana", "laptop"}, presentOpen)
	changed := p.changes()
	p.record(place{id, "ana", "phone"}, presentTyping)
	select {
	case <-changed:
	default:
		t.Error("a change is not told")
	}
	if got := p.others("ben", everything); len(got) != 1 || fmt.Sprint(got[0].Typing, got[0].Open) != "[ana] []" {
		t.Errorf("ben is told %v", got)
	}
	if got := p.others("ana", everything); len(got) != 0 {
		t.Errorf("ana is told of herself: %v", got)
	}
	if got := p.others("ben", func(account string) bool { return account != "1" }); len(got) != 0 {
		t.Errorf("of an account that is not seen: %v", got)
	}
	p.record(place{id, "ana", "phone"}, presentGone)
	if got := p.others("ben", everything); len(got) != 1 || len(got[0].Open) != 1 {
		t.Errorf("ben is told %v", got)
	}
	now = now.Add(presenceTTL + time.Second)
	if got := p.others("ben", everything); len(got) != 0 {
		t.Errorf("long gone, and told: %v", got)
	}
	for i := range 3 * maxPresent {
		p.record(place{id, fmt.Sprint("user", i/(2*maxPresentOfUser)), fmt.Sprint("tab", i)}, presentOpen)
	}
	if n := len(p.places); n > maxPresent {
		t.Errorf("%d places are held", n)
	}
}
