package measure

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/privatereply/privatereply/lab/harness"
	"github.com/privatereply/privatereply/lab/scenario"
	"github.com/privatereply/privatereply/worker/replyworker"
)

const (
	// soakInterval is the time between two readings.
	soakInterval = 10 * time.Second
	soakLines    = 10 // of the table of readings

	// What may grow from the second third of the soak to the last one: a share, and of
	// goroutines and descriptors, which are few, a number.
	soakGrowth = 0.05
	soakMore   = 3

	// soakFill is how many comments fill the workers' caches at a time, and soakFillTime how
	// long that may take. An answered comment leaves two workflows open.
	soakFill     = 100
	soakFillTime = 10 * time.Minute
)

// soak watches what each program holds under steady load. The first third is the warm-up;
// growth is from the median of the second third to that of the last one.
func soak(ctx context.Context, l *lab) ([]scenario.Row, error) {
	accounts := labAccounts(4, "")
	accounts[3].Connected, accounts[3].TokenLife = true, 60*24*time.Hour // so that there is an accounts folder
	p, err := l.newProductWith(ctx, harness.Config{Accounts: accounts, Rules: soakRules(0), Desks: 1, Approvers: soakPeople})
	if err != nil {
		return nil, err
	}
	defer p.close()
	p.accounts = p.accounts[:3] // the connected one has limits on sends
	if err := p.Start(ctx); err != nil {
		return nil, err
	}
	s := &soakTest{product: p, programs: slices.Concat(p.Bridges.All, p.Workers.All, p.Desks.All)}
	if err := s.fillCaches(ctx); err != nil {
		return nil, err
	}
	loading, stop := context.WithCancel(ctx)
	defer stop()
	began := time.Now()
	var load sync.WaitGroup
	load.Go(func() { s.run(loading) })
	var readings []soakReading
	for at := time.Duration(0); at <= l.Soak; at += soakInterval {
		if !scenario.Sleep(ctx, time.Until(began.Add(at))) {
			return nil, ctx.Err()
		}
		r, err := s.read(ctx, at)
		if err != nil {
			return nil, err
		}
		readings = append(readings, r)
		if len(readings)%30 == 0 {
			l.Printf("after %v: %s", at, s.work())
		}
	}
	stop()
	load.Wait()
	l.tables = append(l.tables, table{"Readings", s.readingsTable(readings)})
	return s.rows(readings, l.Soak), s.idle()
}

// soakReading is what each program holds at a time since the load began.
type soakReading struct {
	at       time.Duration
	programs []usage // in the order of soakTest.programs
	server   float64 // MiB; 0: it is no process of ours
}

// cached is how many workflows all workers have in memory.
func (r soakReading) cached() (n float64) {
	for _, u := range r.programs {
		n += u.cached
	}
	return n
}

func (s *soakTest) read(ctx context.Context, at time.Duration) (r soakReading, err error) {
	r.at = at
	for _, one := range s.programs {
		u, err := readUsage(ctx, one)
		if err != nil {
			return r, fmt.Errorf("the %s: %w", one.Name, err)
		}
		r.programs = append(r.programs, u)
	}
	if pid, ok := s.Server.PID(); ok {
		r.server, err = memoryOf(pid, "VmRSS")
	}
	return r, err
}

// fillCaches has comments answered until each worker has as many workflows in memory as it
// keeps. Before that its memory grows with each.
func (s *soakTest) fillCaches(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, soakFillTime, fmt.Errorf("the workers' caches are not full within %v", soakFillTime))
	defer cancel()
	for n := 0; ; n += soakFill {
		r, err := s.read(ctx, 0)
		if err != nil {
			return err
		}
		if s.full(r) {
			s.lab.Printf("the workers' caches are full after %d comments", n)
			return nil
		}
		comments, err := s.writeComments(fmt.Sprintf("fill_%d", n), harness.AnsweredText, soakFill)
		if err != nil {
			return err
		}
		if err := s.deliver(ctx, deliveriesOf(comments)); err != nil {
			return err
		}
		for _, c := range comments {
			if _, err := s.awaitReply(ctx, c); err != nil {
				return err
			}
		}
	}
}

// full reports whether each worker's cache of workflows is full. A workflow that ends leaves
// it.
func (s *soakTest) full(r soakReading) bool {
	return !slices.ContainsFunc(r.programs[len(s.Bridges.All):][:len(s.Workers.All)], func(u usage) bool {
		return u.cached < 0.95*replyworker.WorkflowCacheSize
	})
}

// soakQuantity is something that a program holds.
type soakQuantity struct {
	name, unit string
	of         func(usage) float64
	more       float64 // may come in any case
}

var soakQuantities = []soakQuantity{
	{"memory (VmRSS)", " MiB", func(u usage) float64 { return u.memory }, 0},
	{"goroutines", "", func(u usage) float64 { return u.goroutines }, soakMore},
	{"open descriptors", "", func(u usage) float64 { return u.descriptors }, soakMore},
}

// rows judge the work that was done, and each quantity of each program.
func (s *soakTest) rows(readings []soakReading, length time.Duration) []scenario.Row {
	rows := []scenario.Row{{
		What:     fmt.Sprintf("soak of %v at %.1f comments a second", length, 1/soakComment.Seconds()),
		Measured: s.work(), Baseline: fmt.Sprintf("%d failed", s.failed.Load()),
		Goal: "some of each, none failed", Passed: scenario.PassedWord(s.idle() == nil && s.failed.Load() == 0),
	}}
	second, last := thirds(readings, length)
	of := func(some []soakReading, value func(soakReading) float64) float64 {
		var all []float64
		for _, r := range some {
			all = append(all, value(r))
		}
		return median(all)
	}
	for i, one := range s.programs {
		for _, q := range soakQuantities {
			value := func(r soakReading) float64 { return q.of(r.programs[i]) }
			row := growthRow(one.Name+": "+q.name, q.unit, of(second, value), of(last, value), q.more)
			if slices.Contains(s.Workers.All, one) && q.unit != "" {
				row.Baseline = fmt.Sprintf("its cache is full: %.0f of %d workflows", readings[len(readings)-1].programs[i].cached, replyworker.WorkflowCacheSize)
			}
			rows = append(rows, row)
		}
	}
	server := func(r soakReading) float64 { return r.server }
	if of(last, server) > 0 {
		row := growthRow("Temporal server: memory (VmRSS)", " MiB", of(second, server), of(last, server), 0)
		row.Goal, row.Passed = "", ""
		rows = append(rows, row)
	}
	return rows
}

// growthRow judges what grew from before to after.
func growthRow(what, unit string, before, after, more float64) scenario.Row {
	goal := fmt.Sprintf("≤ %.0f %%", 100*soakGrowth)
	if more > 0 {
		goal += fmt.Sprintf(" or %.0f", more)
	}
	return scenario.Row{
		What:     what,
		Measured: fmt.Sprintf("%+.1f %%: %.0f%s, then %.0f%s", 100*(after/before-1), before, unit, after, unit),
		Goal:     goal, Passed: scenario.PassedWord(after-before <= max(soakGrowth*before, more)),
	}
}

// thirds are the readings of the second and of the last third.
func thirds(readings []soakReading, length time.Duration) (second, last []soakReading) {
	for _, r := range readings {
		switch {
		case r.at < length/3:
		case r.at < 2*length/3:
			second = append(second, r)
		default:
			last = append(last, r)
		}
	}
	return second, last
}

// readingsTable has some of the readings, evenly spread, from the first to the last.
func (s *soakTest) readingsTable(readings []soakReading) [][]string {
	heads := []string{"after"}
	for _, one := range s.programs {
		heads = append(heads, one.Name+": MiB, goroutines, descriptors")
	}
	cells := [][]string{append(heads, "workflows in the workers' memory", "Temporal server: MiB")}
	lines := min(soakLines, len(readings))
	for i := range lines {
		r := readings[i*(len(readings)-1)/(lines-1)]
		line := []string{r.at.String()}
		for _, u := range r.programs {
			line = append(line, fmt.Sprintf("%.1f, %.0f, %.0f", u.memory, u.goroutines, u.descriptors))
		}
		cells = append(cells, append(line, fmt.Sprintf("%.0f", r.cached()), fmt.Sprintf("%.0f", r.server)))
	}
	return cells
}

// idle reports what the soak says that it does and did not.
func (s *soakTest) idle() error {
	var none []string
	for _, c := range s.counts() {
		if c.n == 0 {
			none = append(none, c.what)
		}
	}
	if len(none) == 0 {
		return nil
	}
	return errors.New("the soak did not do what it is for: no " + strings.Join(none, ", no "))
}
