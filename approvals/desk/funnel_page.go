package desk

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/workflows"
)

const (
	// funnelTimeout limits the wait of a page for its counts. Then it shows those it has,
	// and reloads.
	funnelTimeout = 3 * time.Second
	// ruleSample is the number of newest replies that are read to find the rules' names:
	// Temporal's SQL visibility cannot list the values of an attribute.
	ruleSample = 1000
)

type funnelView struct {
	pageFrame
	Sel        funnelFilter
	Days       int
	Ranges     []int
	Accounts   []choice
	Rules      []string
	Total      stageCounts
	Steps      []step
	Chart      chart
	ByAcc      []funnelRow
	ByRule     []funnelRow
	Decisions  decisions
	Zone       string // in which days begin
	Beside     []besideCount
	Incomplete bool // some counts are missing; the page reloads
}

type choice struct{ ID, Name string }

// besideCount is the number of replies beside which something has happened.
type besideCount struct {
	Effect, Name string
	N            int64
	Link         string // to them
}

// effectURL is the address of the list of the replies beside which something has happened.
func (v funnelView) effectURL(effect string) string {
	return "/replies?" + listFilter{Account: v.Sel.Account, Rule: v.Sel.Rule, Effect: effect}.encode().Encode()
}

// funnelRow is one row of a table.
type funnelRow struct {
	Name string
	Link string
	stageCounts
}

// funnelTable is a table of the page.
type funnelTable struct {
	Title string
	Rows  []funnelRow
}

// funnelPage shows what became of the comments.
func (d *Desk) funnelPage(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), funnelTimeout)
	defer cancel()
	page := d.readFunnel(ctx, r)
	if page.Incomplete {
		w.Header().Set("Refresh", "3")
	}
	d.render(w, http.StatusOK, "funnel", layout, page)
}

// readFunnel counts what a request asks for, as far as ctx lets it.
func (d *Desk) readFunnel(ctx context.Context, r *http.Request) funnelView {
	q := r.URL.Query()
	page := funnelView{pageFrame: d.newFrame(r, "funnel", "Results"), Sel: funnelFilter{Account: q.Get("account"), Rule: q.Get("rule"), Among: strings.Join(d.seenAccounts(r.Context()), " ")}}
	for _, a := range d.onlySeen(r, d.Accounts.All()) {
		page.Accounts = append(page.Accounts, choice{a.ID, a.Name})
	}
	page.Rules = d.ruleNames(r)
	kept := d.retentionDays(r.Context())
	page.Ranges = ranges(kept)
	if page.Days = min(intOrZero(q.Get("days")), kept); page.Days < 1 {
		page.Days = page.Ranges[len(page.Ranges)-1]
	}

	zone := zoneFrom(r.Context())
	if page.Zone = "UTC"; zone != nil {
		page.Zone = zone.String()
	}
	perDay, err := d.funnel.Days(ctx, page.Sel, page.Days, zone)
	page.Incomplete = err != nil
	page.Total = sumDays(perDay)
	page.Steps, page.Chart = steps(page.Total), newChart(perDay)
	for _, effect := range workflows.Effects {
		if page.Total.Received == 0 {
			break
		}
		n, err := d.funnel.Effect(ctx, page.Sel, effect, page.Days, zone)
		page.Incomplete = page.Incomplete || err != nil
		if n > 0 {
			page.Beside = append(page.Beside, besideCount{Effect: effect, Name: upperFirst(effectLabels[effect]), N: n, Link: page.effectURL(effect)})
		}
	}
	line := func(name, link string, sel funnelFilter) funnelRow {
		counts, err := d.funnel.Total(ctx, sel, page.Days, zone)
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
	page.Decisions, err = d.decisions.Since(ctx, page.Sel, midnight(d.now(), zone, 1-page.Days))
	page.Incomplete = page.Incomplete || err != nil
	return page
}

// retentionDays is the number of days for which replies are kept.
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

// ruleNames are the rules of the replies that the user of a request sees, sorted.
func (d *Desk) ruleNames(r *http.Request) []string {
	names := slices.Clone(d.view(r.Context()).Choices().Rules)
	for _, name := range d.rules.names(r.Context(), d.Replies, strings.Join(d.seenAccounts(r.Context()), " "), d.now()) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// ruleNamesTTL is how long the names of the rules are cached.
const ruleNamesTTL = 30 * time.Second

// ruleCache has the names of the rules of the newest replies, by the accounts that somebody
// sees: they are read for every page with a choice of rules.
type ruleCache struct {
	mu    sync.Mutex
	known map[string]knownRules
}

type knownRules struct {
	names []string
	at    time.Time
}

// names reads the names, or gives those of a moment ago; none if Temporal does not answer.
func (c *ruleCache) names(ctx context.Context, source Replies, among string, now time.Time) []string {
	c.mu.Lock()
	known, ok := c.known[among]
	c.mu.Unlock()
	if ok && now.Sub(known.at) < ruleNamesTTL {
		return known.names
	}
	rows, _, err := source.Page(ctx, replies.Filter{}, ruleSample, nil)
	if err != nil {
		return known.names
	}
	var names []string
	for _, row := range rows {
		if row.Rule != "" && !slices.Contains(names, row.Rule) {
			names = append(names, row.Rule)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil || len(c.known) >= 1000 { // as many as there are kinds of users
		c.known = map[string]knownRules{}
	}
	c.known[among] = knownRules{names, now}
	return names
}

// stageLabels name the stages for people.
var stageLabels = map[stage]string{
	stageResponded: "Answered", stageSent: "Delivered, no answer", stageWaiting: "Waiting",
	stageDeclined: "Rejected or removed", stageIgnored: "Ignored", stageExpired: "Too late",
	stageUndeliverable: "Not delivered", stageDeliveryUnknown: "Unknown",
}

// step is one bar of the funnel: how many replies came that far.
type step struct {
	Name  string
	N     int64
	Share int // of the received, in per cent
}

func steps(c stageCounts) []step {
	share := func(n int64) int {
		if c.Received == 0 {
			return 0
		}
		return int(100 * n / c.Received)
	}
	var all []step
	for _, s := range []struct {
		name string
		n    int64
	}{
		{"Comments received", c.Received},
		{"To be answered", c.Received - c.In[stageIgnored]},
		{"Delivered", c.Delivered()},
		{"Answered by the person", c.In[stageResponded]},
	} {
		all = append(all, step{s.name, s.n, share(s.n)})
	}
	return all
}

// chart is a stacked bar for each day. Its units are those of the SVG.
type chart struct {
	Width, Height int
	Base          int // y of the bars' lower end
	Bars          []bar
	Lines         []gridLine
	Legend        []legend
	Rows          []day
}

type bar struct {
	X, Width int
	Label    string
	Title    string
	Parts    []barPart
}

// Middle is the x of the label.
func (b bar) Middle() int { return b.X + b.Width/2 }

type barPart struct {
	Stage     stage
	Y, Height float64
}

type gridLine struct {
	Y int
	N int64
}

type legend struct {
	Stage stage
	Name  string
	N     int64
}

// Sizes of the drawing.
const (
	chartWidth  = 720
	chartHeight = 240
	chartTop    = 12
	chartBottom = 28
	chartLeft   = 44
	chartGap    = 0.3 // part of a bar's width that stays empty
)

func newChart(days []day) chart {
	c := chart{Width: chartWidth, Height: chartHeight, Base: chartHeight - chartBottom, Rows: days}
	most := int64(0)
	for _, s := range days {
		most = max(most, s.Received)
	}
	top := roundUp(most)
	plotHeight := float64(chartHeight - chartTop - chartBottom)
	height := func(n int64) float64 { return plotHeight * float64(n) / float64(top) }
	for _, n := range []int64{0, top / 2, top} {
		c.Lines = append(c.Lines, gridLine{c.Base - int(height(n)), n})
	}
	dayWidth := float64(chartWidth-chartLeft) / float64(len(days))
	for i, s := range days {
		b := bar{
			X: chartLeft + int(dayWidth*(float64(i)+chartGap/2)), Width: int(dayWidth * (1 - chartGap)),
			Label: s.From.Format("2 Jan"), Title: fmt.Sprintf("%s: %d received", s.From.Format("2 January"), s.Received),
		}
		y := float64(c.Base)
		for _, stage := range stages {
			if n := s.In[stage]; n > 0 {
				h := height(n)
				y -= h
				b.Parts = append(b.Parts, barPart{stage, y, h})
			}
		}
		c.Bars = append(c.Bars, b)
	}
	total := sumDays(days)
	for _, stage := range stages {
		c.Legend = append(c.Legend, legend{stage, stageLabels[stage], total.In[stage]})
	}
	return c
}

// roundUp is a round number at or above n, and even, for the line in the middle.
func roundUp(n int64) int64 {
	for unit := int64(1); ; unit *= 10 {
		for _, step := range []int64{2, 4, 10} {
			if n <= step*unit {
				return step * unit
			}
		}
	}
}

// filterURL is the address of the funnel with one more condition.
func (v funnelView) filterURL(name, value string) string {
	values := url.Values{"days": {strconv.Itoa(v.Days)}}
	for n, old := range map[string]string{"account": v.Sel.Account, "rule": v.Sel.Rule} {
		if old != "" {
			values.Set(n, old)
		}
	}
	values.Set(name, value)
	return "/funnel?" + values.Encode()
}

// FileURL is the address of the numbers as a file.
func (v funnelView) FileURL() string {
	return strings.Replace(v.RangeURL(v.Days), "/funnel?", "/funnel.csv?", 1)
}

// RangeURL is the address of the same funnel over other days.
func (v funnelView) RangeURL(days int) string { return v.filterURL("days", strconv.Itoa(days)) }
