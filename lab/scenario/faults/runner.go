package faults

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// maxTries is how often a case is tried whose step was over before the victim died:
	// each time with fewer others beside it.
	maxTries = 4
	// maxHeldInBridge is how many webhooks are held in the bridge at once: it has four
	// commits under way at most.
	maxHeldInBridge = 2
	// maxParallel is how many cases run at once that kill nothing.
	maxParallel = 40
)

// Runner runs scenarios on a Product.
type Runner struct {
	Stack *Stack
	Limit time.Duration // of a case
	OnRow func(Row)     // of each case, when it is over

	invariants []invariant // checked when all scenarios are over
	rows       []Row
	runs       []*caseRun
}

// Run runs scenarios one after the other and then checks the invariants. An error says
// that the Product itself does not work.
func (r *Runner) Run(ctx context.Context, scenarios []Scenario) ([]Row, error) {
	for _, g := range scenarios {
		if g.victim == temporal && !r.Stack.Server.CanRestart() {
			for _, c := range g.Cases {
				r.row(Row{Scenario: g.Name, Case: c.Name, Expected: c.Expect.String(), Seen: "this server is not ours to kill", LeftOut: true})
			}
			continue
		}
		if err := r.runScenario(ctx, g); err != nil {
			return r.rows, fmt.Errorf("%s: %w", g.Name, err)
		}
	}
	if len(r.runs) > 0 {
		r.checkInvariants(ctx)
	}
	return r.rows, nil
}

func (r *Runner) row(row Row) {
	r.rows = append(r.rows, row)
	r.OnRow(row)
}

func (r *Runner) runScenario(ctx context.Context, g Scenario) error {
	if g.victim == nobody {
		_, err := r.runTogether(ctx, g, g.Cases, 1)
		return err
	}
	left := g.Cases
	for try := 1; len(left) > 0; try++ {
		var again []Case
		for _, together := range batches(left) {
			slow, err := r.runTogether(ctx, g, together, try)
			if err != nil {
				return err
			}
			again = append(again, slow...)
		}
		left = again
	}
	return nil
}

// batches are cases that can wait for one death together.
func batches(cases []Case) [][]Case {
	var all [][]Case
	var others, bridges, folders []Case
	for _, c := range cases {
		switch {
		case c.heldInBridge:
			bridges = append(bridges, c)
		case c.holdsFolder:
			folders = append(folders, c)
		default:
			others = append(others, c)
		}
	}
	for len(others)+len(bridges)+len(folders) > 0 {
		b, f := min(maxHeldInBridge, len(bridges)), min(1, len(folders))
		all = append(all, slices.Concat(others, bridges[:b], folders[:f]))
		others, bridges, folders = nil, bridges[b:], folders[f:]
	}
	return all
}

// runTogether runs cases together, and gives back those that came too late to their steps.
func (r *Runner) runTogether(ctx context.Context, g Scenario, cases []Case, try int) (missed []Case, err error) {
	killed, restarted := make(chan struct{}), make(chan struct{})
	var runs []*caseRun
	for _, c := range cases {
		runs = append(runs, &caseRun{Stack: r.Stack, Case: c, scenario: g.Name, killed: killed, restarted: restarted})
	}
	barrier := newBarrier(runs)
	rows := make([]Row, len(runs))
	var running sync.WaitGroup
	room := make(chan struct{}, maxParallel)
	for i, t := range runs {
		running.Go(func() {
			if g.victim == nobody { // who waits for others must not be kept from coming
				room <- struct{}{}
				defer func() { <-room }()
			}
			rows[i] = t.run(ctx, r.Limit)
			barrier.reach(t, ended)
		})
	}
	if g.victim != nobody {
		err = r.killVictim(ctx, g, barrier, killed, restarted)
	}
	running.Wait()
	if err == nil && ctx.Err() != nil {
		err = errors.New("interrupted")
	}
	r.runs = append(r.runs, runs...)
	for i, t := range runs {
		switch {
		case t.missedStep && try < maxTries:
			missed = append(missed, t.Case)
			continue
		case t.missedStep:
			rows[i].Seen = "the step was over before the victim died; this machine is too slow or too busy"
		}
		r.row(rows[i])
		if !rows[i].OK {
			t.writeEvidence(ctx)
		}
	}
	return missed, err
}

// killAndRestart has the victim die when all runs are at their steps, and come back when
// they say so.
func (r *Runner) killVictim(ctx context.Context, g Scenario, barrier *barrier, killed, restarted chan struct{}) error {
	stopEndLate := barrier.endLate(r.Limit / 2)
	err := barrier.await(ctx, killable)
	stopEndLate()
	if err != nil {
		return err
	}
	for _, t := range barrier.at(killable) {
		t.checkStep()
	}
	err = r.Stack.kill(ctx, g.victim, g.graceful)
	close(killed)
	if err := errors.Join(err, barrier.await(ctx, restartable)); err != nil {
		return err
	}
	err = r.Stack.restart(ctx, g.victim)
	close(restarted)
	return err
}

// run runs the case and judges it.
func (t *caseRun) run(ctx context.Context, limit time.Duration) Row {
	began := time.Now()
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not within %v", limit))
	t.mu.Lock()
	t.ctx, t.cancel = context.WithCancelCause(ctx)
	t.mu.Unlock()
	var result result
	over := make(chan struct{})
	go func() { // a goroutine of its own, so that must and fail can end it
		defer close(over)
		defer func() {
			if p := recover(); p != nil {
				t.recordProblem(fmt.Sprintf("panic: %v\n%s", p, debug.Stack()))
			}
		}()
		t.Case.run(t)
		result = t.judge()
	}()
	<-over
	row := Row{Scenario: t.scenario, Case: t.Name, Expected: t.Expect.String(), Took: time.Since(began)}
	row.Seen, row.OK = result.String(), t.problem == "" && result.meets(t.Expect)
	if t.problem != "" {
		row.Seen = t.problem
	}
	for _, f := range t.cleanups {
		f()
	}
	cancel()
	t.background.Wait()
	return row
}

// Row is what came of one case.
type Row struct {
	Scenario, Case string
	Expected, Seen string
	OK             bool
	LeftOut        bool
	Took           time.Duration
}

// verdict is the row's word for it.
func (r Row) verdict() string {
	switch {
	case r.LeftOut:
		return "left out"
	case r.OK:
		return "ok"
	}
	return "FAILED"
}

// Line is the row as a line of its own, while the others still run.
func (r Row) Line() string {
	line := fmt.Sprintf("%-8s %s/%s (%v)", r.verdict(), r.Scenario, r.Case, r.Took.Round(100*time.Millisecond))
	if !r.OK {
		line += fmt.Sprintf("\n         expected %s\n         seen     %s", r.Expected, r.Seen)
	}
	return line
}

// WriteTable writes Markdown.
func WriteTable(w io.Writer, rows []Row) {
	fmt.Fprintln(w, "| scenario | case | expected | seen | | seconds |")
	fmt.Fprintln(w, "| --- | --- | --- | --- | --- | --- |")
	for _, r := range rows {
		cells := []string{r.Scenario, r.Case, r.Expected, r.Seen, r.verdict(), fmt.Sprintf("%.1f", r.Took.Seconds())}
		for i, cell := range cells {
			cells[i] = strings.NewReplacer("|", `\|`, "\n", " ").Replace(cell)
		}
		fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | "))
	}
}

// Summary counts the rows.
func Summary(rows []Row) (text string, ok bool) {
	var fine, failed, leftOut int
	for _, r := range rows {
		switch {
		case r.LeftOut:
			leftOut++
		case r.OK:
			fine++
		default:
			failed++
		}
	}
	text = fmt.Sprintf("%s: %d ok, %d failed", plural(len(rows), "case"), fine, failed)
	if leftOut > 0 {
		text += fmt.Sprintf(", %d left out", leftOut)
	}
	return text, failed == 0 && fine > 0
}
