package week

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/privatereply/privatereply/lab/scenario"
)

// Suite prints a simulated week. It runs on no server.
var Suite = scenario.Suite{Name: "simulations", About: "what the tables of costs lead to, without a server", Scenarios: []scenario.Scenario{
	{Name: "week", About: "a week of a million comments an hour over ten thousand accounts"},
}, Run: run}

func run(ctx context.Context, l *scenario.Lab, _ []scenario.Scenario) error {
	totals := [][]string{{"system", "replies to posts", "by rules: p50, p99", "approved: p50, p99", "expired", "replies on lives", "p99", "waiting for their pace at the end", "for the server"}}
	limits := [][]string{{"system", "limit", "its size", "busiest minute", "when", "above it", "met by this load times"}}
	days := [][]string{{"day", "replies that wait for their account's pace: most", "p99 of the minutes"}}
	for day := range 7 {
		days = append(days, []string{time.Weekday((day + 1) % 7).String()})
	}
	for _, system := range Systems {
		l.Printf("simulating a week on: %s", system.Name)
		r := Simulate(Million, system)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		totals = append(totals, []string{
			system.Name, fmt.Sprint(r.Replies), quantiles(&r.ByRule), quantiles(&r.ByPerson), fmt.Sprint(r.Expired),
			fmt.Sprint(r.LiveReplies), round(r.Live.Quantile(.99)), fmt.Sprint(r.ExpiredLive), fmt.Sprint(r.LateLive),
		})
		for _, u := range r.Uses {
			above := "never"
			if u.Above > 0 {
				above = fmt.Sprintf("%d min, from %s", u.Above, clock(u.First))
			}
			limits = append(limits, []string{system.Name, u.Name, fmt.Sprintf("%.0f/s", u.PerSecond), fmt.Sprintf("%.1f/s", u.Peak), clock(u.At), above, fmt.Sprintf("%.2f", u.Growth)})
		}
		days[0] = append(days[0], "longest wait for the server: "+system.Name)
		for day := range 7 {
			line := &days[1+day]
			from, to := day*steps/7, (day+1)*steps/7
			if len(*line) == 1 { // the same on each system
				waiting := slices.Sorted(slices.Values(r.Waiting[from:to]))
				*line = append(*line, fmt.Sprint(waiting[len(waiting)-1]), fmt.Sprint(waiting[len(waiting)*99/100]))
			}
			*line = append(*line, round(slices.Max(r.Delays[from:to])))
		}
		if len(totals) == 1+len(Systems) {
			fmt.Fprintf(l.Out, "%.0f comments under posts; nobody decides about %.0f of them, as the mixture says. The longest queue of one account has %d replies.\n\n",
				r.Comments, r.Comments*share(postMix, Undecided), r.Longest)
		}
	}
	for _, cells := range [][][]string{totals, limits, days} {
		scenario.WriteTable(l.Out, cells)
		fmt.Fprintln(l.Out)
	}
	fmt.Fprintf(l.Out, "The pace of accounts is met by this load times %.2f on lives. Under posts the largest account falls behind for good from %.2f on, and replies of this week expire from %.2f on.\n",
		LiveGrowth(), LastingGrowth(Million), Growth(Million))
	return nil
}

// clock is the time of a step in the week.
func clock(i int) string {
	at := time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC).Add(time.Duration(i) * step) // a Monday
	return at.Format("Mon 15:04")
}

func quantiles(w *Waits) string { return round(w.Quantile(.5)) + ", " + round(w.Quantile(.99)) }

// round shows a time as exactly as Waits knows it.
func round(d time.Duration) string {
	switch {
	case d == 0:
		return "at once"
	case d < time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	}
	return fmt.Sprintf("%.0f h", d.Hours())
}
