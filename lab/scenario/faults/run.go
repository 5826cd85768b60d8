package faults

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"
)

const (
	// roundTries is how often a case comes to its step again whose step was over
	// before the victim died: with fewer others beside it there is more time.
	roundTries = 4
	// bridgeRoom is how many webhooks a round holds in the bridge at once: it has four
	// commits under way at most.
	bridgeRoom = 2
	// undisturbed is how many cases run at once that kill nothing.
	undisturbed = 40
)

// Runner runs groups on a stack.
type Runner struct {
	Stack *Stack
	Limit time.Duration // of a case
	Tell  func(Row)     // of each case, when it is over

	rows  []Row
	tried []*trial
}

// Run runs groups one after the other and then looks at everything once more. An
// error says that the stack itself does not work.
func (r *Runner) Run(ctx context.Context, groups []Group) ([]Row, error) {
	for _, g := range groups {
		if g.victim == temporal && !r.Stack.server.canDie() {
			for _, c := range g.Cases {
				r.row(Row{Group: g.Name, Case: c.Name, Expected: c.Expect.String(), Seen: "this server is not ours to kill", LeftOut: true})
			}
			continue
		}
		if err := r.group(ctx, g); err != nil {
			return r.rows, fmt.Errorf("%s: %w", g.Name, err)
		}
	}
	if len(r.tried) > 0 {
		r.wholeRun(ctx)
	}
	return r.rows, nil
}

func (r *Runner) row(row Row) {
	r.rows = append(r.rows, row)
	r.Tell(row)
}

func (r *Runner) group(ctx context.Context, g Group) error {
	if g.victim == nobody {
		_, err := r.round(ctx, g, g.Cases, 1)
		return err
	}
	left := g.Cases
	for try := 1; len(left) > 0; try++ {
		var again []Case
		for _, together := range batches(left) {
			slow, err := r.round(ctx, g, together, try)
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
	var others, bridges []Case
	for _, c := range cases {
		if c.atBridge {
			bridges = append(bridges, c)
		} else {
			others = append(others, c)
		}
	}
	for len(bridges) > 0 {
		n := min(bridgeRoom, len(bridges))
		all = append(all, append(others, bridges[:n]...))
		others, bridges = nil, bridges[n:]
	}
	if len(others) > 0 {
		all = append(all, others)
	}
	return all
}

// round runs cases together, and gives back those that came too late to their steps.
func (r *Runner) round(ctx context.Context, g Group, cases []Case, try int) (tooSlow []Case, err error) {
	down, up := make(chan struct{}), make(chan struct{})
	var trials []*trial
	for _, c := range cases {
		trials = append(trials, &trial{Stack: r.Stack, Case: c, group: g.Name, down: down, up: up})
	}
	round := newRound(trials)
	rows := make([]Row, len(trials))
	var running sync.WaitGroup
	room := make(chan struct{}, undisturbed)
	for i, t := range trials {
		running.Go(func() {
			if g.victim == nobody { // who waits for others must not be kept from coming
				room <- struct{}{}
				defer func() { <-room }()
			}
			rows[i] = t.run(ctx, r.Limit)
			round.come(t, over)
		})
	}
	if g.victim != nobody {
		err = r.strike(ctx, g, round, down, up)
	}
	running.Wait()
	if err == nil && ctx.Err() != nil {
		err = errors.New("interrupted")
	}
	r.tried = append(r.tried, trials...)
	for i, t := range trials {
		switch {
		case t.tooSlow && try < roundTries:
			tooSlow = append(tooSlow, t.Case)
			continue
		case t.tooSlow:
			rows[i].Seen = "the step was over before the victim died; this machine is too slow or too busy"
		}
		r.row(rows[i])
		if !rows[i].OK {
			t.keepEvidence(ctx)
		}
	}
	return tooSlow, err
}

// strike has the victim die when all trials are at their steps, and come back when
// they say so.
func (r *Runner) strike(ctx context.Context, g Group, round *round, down, up chan struct{}) error {
	stopHurry := round.hurry(r.Limit / 2)
	err := round.all(ctx, struck)
	stopHurry()
	if err != nil {
		return err
	}
	for _, t := range round.at(struck) {
		t.checkStep()
	}
	err = r.Stack.strikeAt(ctx, g.victim, g.gently)
	close(down)
	if err := errors.Join(err, round.all(ctx, back)); err != nil {
		return err
	}
	err = r.Stack.revive(ctx, g.victim)
	close(up)
	return err
}

// run runs the case and judges it.
func (t *trial) run(ctx context.Context, limit time.Duration) Row {
	began := time.Now()
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not within %v", limit))
	t.mu.Lock()
	t.ctx, t.end = context.WithCancelCause(ctx)
	t.mu.Unlock()
	var result seen
	over := make(chan struct{})
	go func() { // a goroutine of its own, so that must and fail can end it
		defer close(over)
		defer func() {
			if p := recover(); p != nil {
				t.note(fmt.Sprintf("panic: %v\n%s", p, debug.Stack()))
			}
		}()
		t.Case.run(t)
		result = t.judge()
	}()
	<-over
	row := Row{Group: t.group, Case: t.Name, Expected: t.Expect.String(), Took: time.Since(began)}
	row.Seen, row.OK = result.String(), t.problem == "" && result.meets(t.Expect)
	if t.problem != "" {
		row.Seen = t.problem
	}
	for _, f := range t.cleanups {
		f()
	}
	cancel()
	t.posts.Wait()
	return row
}
