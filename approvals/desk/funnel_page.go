package desk

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/privatereply/privatereply/approvals/funnel"
	"github.com/privatereply/privatereply/internal/replies"
)

const (
	// funnelTimeout is how long a page waits for its counts. Then it shows what is
	// there and comes again.
	funnelTimeout = 3 * time.Second
	// ruleSample is how many of the newest replies are read to learn the rules' names:
	// Temporal's SQL visibility cannot list the values of an attribute.
	ruleSample = 1000
)

type funnelView struct {
	pageFrame
	Sel        funnel.Selection
	Days       int
	Ranges     []int
	Accounts   []choice
	Rules      []string
	Total      funnel.Counts
	Steps      []step
	Chart      chart
	ByAcc      []funnelRow
	ByRule     []funnelRow
	Incomplete bool // not everything is counted yet
}

type choice struct{ ID, Name string }

// funnelRow is one row of a table.
type funnelRow struct {
	Name string
	Link string
	funnel.Counts
}

// funnelTable is a table of the page.
type funnelTable struct {
	Title string
	Rows  []funnelRow
}

// funnelPage shows what became of the comments.
func (d *Desk) funnelPage(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	page := funnelView{pageFrame: d.newFrame(r, "funnel", "Funnel"), Sel: funnel.Selection{Account: q.Get("account"), Rule: q.Get("rule")}}
	for _, a := range d.Accounts.All() {
		page.Accounts = append(page.Accounts, choice{a.ID, a.Name})
	}
	page.Rules = d.ruleNames(r)
	kept := d.retentionDays(r.Context())
	page.Ranges = ranges(kept)
	if page.Days = min(intOrZero(q.Get("days")), kept); page.Days < 1 {
		page.Days = page.Ranges[len(page.Ranges)-1]
	}

	ctx, cancel := context.WithTimeout(r.Context(), funnelTimeout)
	defer cancel()
	slots, err := d.funnel.Days(ctx, page.Sel, page.Days)
	page.Incomplete = err != nil
	page.Total = funnel.Sum(slots)
	page.Steps, page.Chart = steps(page.Total), newChart(slots)
	line := func(name, link string, sel funnel.Selection) funnelRow {
		counts, err := d.funnel.Total(ctx, sel, page.Days)
		page.Incomplete = page.Incomplete || err != nil
		return funnelRow{name, link, counts}
	}
	for _, a := range page.Accounts {
		sel := page.Sel
		sel.Account = a.ID
		page.ByAcc = append(page.ByAcc, line(a.Name, page.filterURL("account", a.ID), sel))
	}
	for _, rule := range page.Rules {
		sel := page.Sel
		sel.Rule = rule
		page.ByRule = append(page.ByRule, line(rule, page.filterURL("rule", rule), sel))
	}
	if page.Incomplete {
		w.Header().Set("Refresh", "3")
	}
	d.render(w, http.StatusOK, "funnel", layout, page)
}

// retentionDays is how far back replies are kept.
func (d *Desk) retentionDays(ctx context.Context) int {
	const usual = 10 * 24 * time.Hour // what the set-up asks for
	kept, err := d.Replies.Retention(ctx)
	if err != nil || kept < 24*time.Hour {
		kept = usual
	}
	const most = 31
	return min(int(kept.Hours()/24), most)
}

func ranges(kept int) []int {
	var all []int
	for _, days := range []int{1, 3, 7, 14} {
		if days < kept {
			all = append(all, days)
		}
	}
	return append(all, kept)
}

func (d *Desk) ruleNames(r *http.Request) []string {
	names := d.Queue.View(r.Context()).Choices().Rules
	rows, _, err := d.Replies.Page(r.Context(), replies.Filter{}, ruleSample, nil)
	if err != nil {
		return names
	}
	for _, row := range rows {
		if row.Rule != "" && !slices.Contains(names, row.Rule) {
			names = append(names, row.Rule)
		}
	}
	slices.Sort(names)
	return names
}
