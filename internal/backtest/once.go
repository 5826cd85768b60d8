package backtest

import (
	"slices"
	"time"

	"github.com/privatereply/privatereply"
)

// leftByOnce says which comments once leaves alone, if each earlier one of the same person
// was answered: whether people would have approved it, nobody knows.
func leftByOnce(all []decided, decision func(*decided) *privatereply.Decision) []bool {
	order := make([]int, len(all))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return writtenAt(all[a].comment).Compare(writtenAt(all[b].comment)) })
	left := make([]bool, len(all))
	last := map[string]time.Time{} // by what the running product claims
	for _, i := range order {
		c, d := all[i].comment, decision(&all[i])
		if d.Once == "" || d.Action == privatereply.ActionIgnore {
			continue
		}
		key, err := privatereply.OnceID(c, d.Rule, d.Once)
		if err != nil { // Meta did not name the person
			continue
		}
		at := writtenAt(c)
		if before, ok := last[key]; ok && at.Sub(before) < privatereply.OncePeriod {
			left[i] = true
			continue
		}
		last[key] = at
	}
	return left
}

func writtenAt(c privatereply.Comment) time.Time {
	if c.CreatedAt.IsZero() {
		return c.ReceivedAt
	}
	return c.CreatedAt
}

// ignoredOnce is what becomes of a reply whose rule has answered the person already.
func ignoredOnce(d privatereply.Decision) privatereply.Decision {
	return privatereply.Decision{
		Action: privatereply.ActionIgnore, Rule: d.Rule, RulesSHA256: d.RulesSHA256,
		Reason: string(privatereply.IgnoredOnce), Hide: d.Hide,
	}
}
