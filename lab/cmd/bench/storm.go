package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/privatereply/privatereply/lab/harness"
	"github.com/privatereply/privatereply/lab/load"
	"github.com/privatereply/privatereply/lab/scenario"
)

const (
	// A storm is measured so often, for so long, after a shorter one as a warm-up.
	stormRuns   = 3
	stormTime   = 4 * time.Second
	stormWarmUp = time.Second
	// drainTime is how long the replies that start are watched after the last storm.
	drainTime = 10 * time.Second
	// Visibility may be behind: what it does not show is looked for again.
	heldTries = 4
	heldPause = 5 * time.Second
	// stormComments bounds a storm, so that the server can be asked about each comment.
	stormComments = 15_000
)

// single measures deliveries of one comment.
func single(ctx context.Context, b *bench) ([]scenario.Row, error) {
	var rows []scenario.Row
	for _, at := range []struct {
		connections int
		goal        float64
		p99         float64 // milliseconds; 0: no goal
	}{{32, 2000, 100}, {128, 5000, 0}} {
		m, err := b.measureStorms(ctx, at.connections, 1)
		if err != nil {
			return rows, err
		}
		goal := "≥ " + number(at.goal) + "/s"
		ok := median(m.rates) >= at.goal
		if at.p99 > 0 {
			goal += fmt.Sprintf(", p99 ≤ %.0f ms", at.p99)
			ok = ok && m.middle.Acknowledgement.P99 <= at.p99
		}
		rows = append(rows, scenario.Row{
			What: fmt.Sprintf("single comments accepted, %d connections", at.connections),
			Measured: fmt.Sprintf("%s; p50 %.0f ms, p99 %.0f ms", perSecond(m.rates),
				m.middle.Acknowledgement.P50, m.middle.Acknowledgement.P99),
			Baseline: "bare starts " + perSecond(m.bare), Goal: goal, Passed: scenario.PassedWord(ok),
		})
		rows = append(rows, m.more()...)
	}
	return rows, nil
}

// batch measures deliveries of many comments.
func batch(ctx context.Context, b *bench) ([]scenario.Row, error) {
	const connections, comments, goal = 32, 50, 10_000
	m, err := b.measureStorms(ctx, connections, comments)
	if err != nil {
		return nil, err
	}
	return append([]scenario.Row{{
		What: fmt.Sprintf("comments accepted, %d in a delivery, %d connections", comments, connections),
		Measured: fmt.Sprintf("%s; p50 %.0f ms, p99 %.0f ms", perSecond(m.rates),
			m.middle.Acknowledgement.P50, m.middle.Acknowledgement.P99),
		Baseline: "bare starts " + perSecond(m.bare), Goal: "≥ " + number(goal) + "/s", Passed: scenario.PassedWord(median(m.rates) >= goal),
	}}, m.more()...), nil
}

// storms is what some storms came to.
type storms struct {
	bare    []float64 // starts a second, before
	rates   []float64 // comments accepted a second
	middle  *load.Result
	refused int // deliveries that were not acknowledged
	storms  span
	held    held
}

// more are the rows that stand below every accepted figure.
func (m *storms) more() []scenario.Row {
	drained := float64(m.held.after) / drainTime.Seconds()
	return []scenario.Row{
		{
			What:     "— drain: replies started a second",
			Measured: fmt.Sprintf("%s/s after the storms, %s/s while they came in", number(drained), number(m.storms.perSecond(m.held.during))),
			Baseline: fmt.Sprintf("%.2f of bare starts", drained/median(m.bare)),
		},
		{
			What:     "— acknowledged comments that Temporal holds, by id",
			Measured: fmt.Sprintf("%s of %s; %d deliveries sent back", number(float64(m.held.found)), number(float64(m.held.acknowledged)), m.refused),
			Baseline: fmt.Sprintf("%s with their reply, the others in an Intake", number(float64(m.held.replies))),
			Goal:     "all", Passed: scenario.PassedWord(m.held.found == m.held.acknowledged),
		},
	}
}

// measureStorms sends storms to the product on a server of its own, with the worker
// draining beside it as in life.
func (b *bench) measureStorms(ctx context.Context, connections, comments int) (*storms, error) {
	s, err := b.newStack(ctx)
	if err != nil {
		return nil, err
	}
	defer s.stop()
	m := &storms{}
	if m.bare, err = s.bareStarts(ctx, unreadQueue, 32, 1); err != nil {
		return nil, err
	}
	if err := s.startProduct(ctx); err != nil {
		return nil, err
	}
	storm := s.storm(connections, comments)
	storm.Duration = stormWarmUp
	warmUp, err := load.Run(ctx, storm)
	if err != nil {
		return nil, err
	}
	storm.Duration = stormTime
	var results []*load.Result
	m.storms.from = time.Now()
	for range stormRuns {
		r, err := load.Run(ctx, storm)
		if err != nil {
			return nil, err
		}
		results = append(results, r)
		m.rates = append(m.rates, r.CommentsPerSecond)
		for answer, n := range r.Answers {
			if answer != "200" {
				m.refused += n
			}
		}
	}
	m.storms.to = time.Now()
	m.middle = results[slices.Index(m.rates, median(m.rates))]
	if !scenario.Sleep(ctx, drainTime) {
		return nil, ctx.Err()
	}
	// What counts is in Temporal now; a server at rest tells it sooner.
	s.killProduct()
	for range heldTries {
		if m.held, err = s.held(ctx, m.storms, append(results, warmUp)...); err == nil && m.held.found == m.held.acknowledged {
			break
		}
		if !scenario.Sleep(ctx, heldPause) {
			return nil, ctx.Err()
		}
	}
	return m, err
}

// storm is one that sends as fast as it is answered.
func (s *stack) storm(connections, comments int) load.LoadTest {
	return load.LoadTest{
		URL: s.urls[0], FurtherURLs: s.urls[1:], Secret: appSecret, Accounts: s.accounts, Text: harness.IgnoredText,
		Connections: connections, Batch: comments, Comments: stormComments, Duration: stormTime,
	}
}
