package bridge

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/rules"
	"github.com/privatereply/privatereply/workflows"
)

// slowRules is a rules file as costly as the check at load lets through, with a rule for
// a comment that is quickly decided before the others.
func slowRules(t *testing.T) rulesFile {
	t.Helper()
	var words []string
	for i := range 60 {
		words = append(words, fmt.Sprintf("%q", fmt.Sprintf("wordnumber%d", i)))
	}
	var f strings.Builder
	f.WriteString("default: ask\nrules:\n  - name: short\n    when: size(text) < 10\n    reply: hi\n")
	for i := range 40 {
		fmt.Fprintf(&f, "  - name: r%d\n    when: says(text, [%s, \"x%d\"])\n    ignore: true\n", i, strings.Join(words, ", "), i)
	}
	set, err := rules.Parse("rules.yaml", []byte(f.String()))
	if err != nil {
		t.Fatal(err)
	}
	return rulesFile{set}
}

// A rules file that the check at load lets through, and a delivery of 400 comments as long as
// Instagram takes them (Meta puts up to 1000 into one). The rules have a time of their own;
// what they do not come to is for people, and all is committed in the time that Meta waits.
func TestSlowRulesCommit(t *testing.T) {
	const comments = 400
	h := newHarness(t, newFakeTemporal())
	h.cfg.Rules = slowRules(t)
	var mu sync.Mutex // a second group may begin while a slow one is committed
	var committed []workflows.InboundEvent
	h.committer = newBatcher(batchLimitsDefault, h.committer, func(ctx context.Context, encoded [][]byte, _ bool) error {
		if end, ok := ctx.Deadline(); !ok || time.Until(end) < commitTimeout-time.Second {
			t.Errorf("the rules have taken the commit's time: until %v", end)
		}
		for _, e := range encoded {
			var a workflows.InboundEvent
			if err := json.Unmarshal(e, &a); err != nil {
				return err
			}
			mu.Lock()
			committed = append(committed, a)
			mu.Unlock()
		}
		return nil
	})
	var changes []string
	for i := range comments {
		changes = append(changes, commentChange(fmt.Sprintf("18000000000%06d", i), strings.Repeat("a ", 1100)))
	}
	body := delivery("instagram", entryOf(instagramID, changes...))
	slow := 0
	for range 2 {
		committed = nil
		if status := h.post(body); status != 200 {
			t.Fatalf("the delivery is answered %d", status)
		}
		if len(committed) != comments {
			t.Errorf("%d of %d comments are committed", len(committed), comments)
		}
		slices.SortFunc(committed, func(a, b workflows.InboundEvent) int { return cmp.Compare(a.Comment.CommentID, b.Comment.CommentID) })
		late := 0
		for i, a := range committed {
			switch {
			case a.Decision.Action != privatereply.ActionAsk:
				t.Fatalf("comment %d is decided as %+v", i, a.Decision)
			case a.Decision.Reason == "rule_error:too_slow":
				late++
			case a.Decision.Reason != privatereply.DecidedByDefault || late > 0:
				t.Fatalf("comment %d is decided as %+v after %d that were late", i, a.Decision, late)
			}
		}
		if late == 0 || late == comments {
			t.Errorf("the rules had no time for %d of %d comments", late, comments)
		}
		slow += late
	}
	h.wantCounted(map[string]float64{
		"rules_too_slow_total{}": float64(slow), "deliveries_total{status=200}": 2, "events_total{effect=batched}": 2 * comments,
	})
	log := h.logs.FilterMessageSnippet("The rules had no time")
	if log.Len() != 1 || log.All()[0].Message == "" {
		t.Errorf("it is logged %d times", log.Len())
	}
}

// Usual comments and an edited one are decided, and a delivery that leaves time leaves it
// to the commits.
func TestRulesInTime(t *testing.T) {
	h := newHarness(t, newFakeTemporal())
	h.cfg.Rules = slowRules(t)
	comment := privatereply.Comment{Platform: privatereply.Instagram, Account: instagramID, CommentID: "1", Text: "hi"}
	arrivals := h.arrivals(t.Context(), []privatereply.Event{{Comment: &comment}, {Edited: &comment}})
	for i, a := range arrivals {
		if a.Decision == nil || a.Decision.Rule != "short" {
			t.Errorf("arrival %d: %+v", i, a.Decision)
		}
	}
	if len(arrivals) != 2 {
		t.Errorf("%d arrivals", len(arrivals))
	}
	if rulesTimeout+commitTimeout >= answerTimeout || answerTimeout >= 5*time.Second {
		t.Error("Meta waits 5 seconds: for the rules, then for one commit")
	}
	h.wantCounted(map[string]float64{"rules_too_slow_total{}": 0})
}

// What arrives has what the workflows need to know of its account: an edited comment what
// the rules say of its new words, and a message without a sender what a message has.
func TestArrivals(t *testing.T) {
	h := newHarness(t, newFakeTemporal())
	edited := privatereply.Comment{Platform: privatereply.Facebook, Account: pageID, CommentID: "1_2", Text: "What is the price?"}
	nobody := privatereply.PersonMessage{Platform: privatereply.Instagram, Account: humanID, MessageID: "m1", At: now}
	kept := privatereply.PersonMessage{Platform: privatereply.Instagram, Account: instagramID, MessageID: "m2", At: now}
	arrivals := h.arrivals(t.Context(), []privatereply.Event{{Edited: &edited}, {Message: &nobody}, {Ignored: &privatereply.IgnoredEvent{}}, {Message: &kept}})
	if len(arrivals) != 3 {
		t.Fatalf("%d arrivals", len(arrivals))
	}
	if a := arrivals[0]; a.Edited != &edited || a.Decision == nil || a.Decision.Rule != "price" || a.Decision.RulesSHA256 != h.cfg.Rules.Current().SHA256() {
		t.Errorf("edited: %+v, decision %+v", a, a.Decision)
	}
	if a := arrivals[1]; a.Message != &nobody || !a.HumanAgent || !a.RepliedOnly || a.Decision != nil {
		t.Errorf("a message without a sender: %+v", a)
	}
	if a := arrivals[2]; a.Message != &kept || a.HumanAgent || a.RepliedOnly {
		t.Errorf("a message that is kept: %+v", a)
	}
}
