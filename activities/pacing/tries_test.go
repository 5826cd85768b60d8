package pacing

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// 200 replies that Meta refuses for now, again and again, are tried every 16 minutes. They
// were decided earlier, and yet do not keep a new reply waiting for hours.
func TestRefusedAgainAndAgain(t *testing.T) {
	for _, zombies := range []int{0, 100, 200} {
		synctest.Test(t, func(t *testing.T) {
			p := New(1, time.Now)
			stop := time.Now().Add(8 * time.Hour)
			begun := time.Now()
			for i := range zombies {
				go func() {
					a := Ask{Account: account("1"), Reply: "zombie" + string(rune('A'+i%26)) + string(rune('a'+i/26)), Since: begun}
					for time.Now().Before(stop) {
						slot, ok := p.Wait(t.Context(), a)
						if ok {
							p.Unused(a) // graph.Temporary
							time.Sleep(16*time.Minute + 30*time.Second)
							continue
						}
						time.Sleep(time.Until(slot.At) + time.Second)
					}
				}()
			}
			time.Sleep(4 * time.Hour)
			a := Ask{Account: account("1"), Reply: "fresh", Since: time.Now()}
			came := time.Now()
			for {
				slot, ok := p.Wait(t.Context(), a)
				if ok || time.Now().After(stop) {
					break
				}
				time.Sleep(time.Until(slot.At) + time.Second)
			}
			t.Logf("%d zombies: a new automatic reply goes after %v", zombies, time.Since(came).Round(time.Second))
			if time.Since(came) > time.Hour {
				t.Errorf("%d zombies: a new automatic reply had to wait %v", zombies, time.Since(came).Round(time.Second))
			}
			time.Sleep(time.Until(stop) + time.Hour)
		})
	}
}

// What is remembered of tries is bounded, by number and by time.
func TestTriesAreForgotten(t *testing.T) {
	var tr tries
	now := time.Unix(1_800_000_000, 0)
	for i := range 5 * maxTries {
		tr.note(now.Add(time.Duration(i)*time.Millisecond), fmt.Sprint(i))
	}
	if n := len(tr.newer) + len(tr.older); n > 2*maxTries {
		t.Errorf("%d tries are remembered", n)
	}
	last := fmt.Sprint(5*maxTries - 1)
	if a := tr.place(Ask{Reply: last, Since: now}); !a.Since.After(now) {
		t.Error("the newest try is forgotten")
	}
	if a := tr.place(Ask{Reply: "0", Since: now}); !a.Since.Equal(now) {
		t.Error("the oldest try is remembered")
	}
	tr.note(now.Add(triesKept), "later")
	if a := tr.place(Ask{Reply: last, Since: now}); !a.Since.After(now) {
		t.Error("a try is forgotten before its time")
	}
	tr.note(now.Add(3*triesKept), "much later")
	tr.note(now.Add(5*triesKept), "last")
	if a := tr.place(Ask{Reply: last, Since: now}); !a.Since.Equal(now) {
		t.Error("a try is remembered for ever")
	}
	tr.forget("last")
	if a := tr.place(Ask{Reply: "last", Since: now}); !a.Since.Equal(now) {
		t.Error("a reply that Meta took is remembered")
	}
}
