package rules

import (
	"testing"
	"time"

	"github.com/privatereply/privatereply"
)

// While an account's automatic replies are paused, a rule that would reply by itself asks a
// person with the same text; other rules decide as they did.
func TestAutomaticPaused(t *testing.T) {
	set, err := Parse("rules.yaml", []byte(`default: ignore
rules:
  - name: price
    when: text == "price"
    reply: "It is 12 euros."
    hold: 2m
  - name: refund
    when: text == "refund"
    ask: "Sorry."
`))
	if err != nil {
		t.Fatal(err)
	}
	decide := func(text string, paused bool) privatereply.Decision {
		return set.Decide(Input{Comment: privatereply.Comment{Platform: privatereply.Instagram, Text: text}, AutomaticPaused: paused})
	}
	if d := decide("price", false); d.Action != privatereply.ActionAuto || time.Duration(d.Hold) != 2*time.Minute {
		t.Fatalf("not paused: %+v", d)
	}
	if d := decide("price", true); d.Action != privatereply.ActionAsk || d.Reason != privatereply.AutomaticPaused || d.Rule != "price" || d.Text != "It is 12 euros." || d.Hold != 0 {
		t.Errorf("paused: %+v", d)
	}
	for _, text := range []string{"refund", "else"} {
		if got, want := decide(text, true), decide(text, false); got != want {
			t.Errorf("%s: %+v while paused, %+v else", text, got, want)
		}
	}
}
