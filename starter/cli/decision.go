package cli

import (
	"strings"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/console"
	"github.com/privatereply/privatereply/rules"
)

// describeAction says what a decision does with a comment.
func describeAction(d privatereply.Decision) string {
	what := map[privatereply.Action]string{
		privatereply.ActionAuto:   "answered automatically",
		privatereply.ActionAsk:    "a person decides",
		privatereply.ActionIgnore: "left alone",
	}[d.Action]
	if d.Hold > 0 {
		what += " after a hold of " + console.FormatDuration(time.Duration(d.Hold))
	}
	return what
}

// describeSource says what a decision comes from.
func describeSource(d privatereply.Decision) string {
	failed, isFailure := strings.CutPrefix(d.Reason, privatereply.RuleErrorPrefix)
	switch {
	case isFailure && failed == rules.TooSlow:
		return "the bridge, which had no time for the rules"
	case isFailure:
		return "rule " + failed + ", whose condition failed"
	case d.Rule != "" && d.Reason == privatereply.FoundBySweep:
		return "rule " + d.Rule + ", but a sweep found the comment late"
	case d.Rule != "":
		return "rule " + d.Rule
	case d.Reason == privatereply.DecidedByDefault:
		return "the default, because no rule matched"
	case d.Reason == privatereply.DecidedByHand:
		return "hand"
	}
	return d.Reason
}
