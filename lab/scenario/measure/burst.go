package measure

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/scenario"
)

const (
	// A rate is held if the 99th percentile is below heldP99, and all is done so long after
	// the last start.
	heldPeriod = 8 * time.Second
	heldP99    = time.Second
	heldDrain  = 2 * time.Second

	// The time to reply is measured in turns, at a share of the rate that is held.
	burstShare   = 0.7
	burstRounds  = 3
	burstPeriod  = 20 * time.Second
	burstWarmUp  = 5 * time.Second
	burstGoalP50 = 1.5 // times the bare workflow
	burstGoalP99 = 2.0

	// An overload is more than the server can do.
	overloadRate   = 100 // a second
	overloadPeriod = 15 * time.Second
	overloadGoal   = 0.8 // of the bare workflows
	// overloadSettle ends what killed programs have left at the server: tasks of workflows
	// that a worker had in memory time out after 5 seconds.
	overloadSettle = 10 * time.Second

	// burstDrain is how long is waited for what is not done, so that it is no load on what is
	// measured next.
	burstDrain = time.Minute
)

// heldRates are the rates, in workflows a second, of which the highest that is held is found.
var heldRates = []float64{8, 12, 16, 24, 32, 40, 48, 64}

// burst measures the time from a live comment's webhook to its reply, and how many replies a
// second go out in an overload, beside bare workflows with one activity on the same server.
func burst(ctx context.Context, l *lab) ([]scenario.Row, error) {
	p, err := l.newProduct(ctx)
	if err != nil {
		return nil, err
	}
	defer p.close()
	w, ran := p.bareActivityWorker()
	if err := w.Start(); err != nil {
		return nil, err
	}
	defer w.Stop()
	held, row, err := p.heldRate(ctx, ran)
	if err != nil {
		return nil, err
	}
	rows := []scenario.Row{row}
	if err := p.Start(ctx); err != nil {
		return rows, err
	}
	if _, err := p.Sandbox.StartLive(p.accounts[0].ID); err != nil {
		return rows, err
	}
	measured, err := p.burstLatencies(ctx, ran, burstShare*held)
	if err != nil {
		return rows, err
	}
	rows = append(rows, measured...)
	measured, err = p.overload(ctx, ran, held)
	return append(rows, measured...), err
}

// heldRate is the highest rate that bare workflows hold, in workflows a second.
func (p *product) heldRate(ctx context.Context, ran *activityRuns) (held float64, row scenario.Row, err error) {
	var at []string
	for _, rate := range heldRates {
		r, err := p.bareLoad(ran, "held", rate, heldPeriod).run(ctx, heldPeriod+burstDrain)
		if err != nil {
			return 0, row, err
		}
		p99 := quantile(r.latencies(), 0.99)
		at = append(at, fmt.Sprintf("%.0f/s %v", rate, p99.Round(time.Millisecond)))
		last := r.due[len(r.due)-1]
		if p99 >= heldP99 || r.doneBy(last+heldDrain) < len(r.due) {
			break
		}
		held = rate
	}
	row = scenario.Row{
		What:     fmt.Sprintf("bare workflows with one activity that does nothing: the highest rate with p99 below %v", heldP99),
		Measured: fmt.Sprintf("%.0f/s; p99 at %s", held, strings.Join(at, ", ")),
	}
	if held == 0 {
		err = fmt.Errorf("bare workflows do not hold %.0f a second: p99 at %s", heldRates[0], at[0])
	}
	return held, row, err
}

// burstLatencies measures the latency of bare workflows and the time to reply in turns, so
// that both see the same machine.
func (p *product) burstLatencies(ctx context.Context, ran *activityRuns, rate float64) ([]scenario.Row, error) {
	warmUp, err := p.answeredComments(p.liveComment("warm_up"), rate, burstWarmUp)
	if err != nil {
		return nil, err
	}
	warm, err := warmUp.run(ctx, burstWarmUp+burstDrain)
	if err != nil {
		return nil, err
	}
	sent := len(warm.due) - warm.undone
	bare, replies := map[float64][]time.Duration{}, map[float64][]time.Duration{} // by quantile
	unanswered, failed := 0, 0
	for round := range burstRounds {
		if err := p.awaitSent(ctx, sent); err != nil {
			return nil, err
		}
		of, err := p.bareLoad(ran, fmt.Sprintf("round-%d", round), rate, burstPeriod).run(ctx, burstPeriod+burstDrain)
		if err != nil {
			return nil, err
		}
		comments, err := p.answeredComments(p.liveComment(fmt.Sprintf("round_%d", round)), rate, burstPeriod)
		if err != nil {
			return nil, err
		}
		answered, err := comments.run(ctx, burstPeriod+burstDrain)
		if err != nil {
			return nil, err
		}
		for _, q := range []float64{0.5, 0.99} {
			bare[q] = append(bare[q], quantile(of.latencies(), q))
			replies[q] = append(replies[q], quantile(answered.latencies(), q))
		}
		sent += len(answered.due) - answered.undone
		unanswered += answered.undone
		failed += answered.failed
	}
	p50, p99 := latencyRow(replies[0.5], bare[0.5], burstGoalP50), latencyRow(replies[0.99], bare[0.99], burstGoalP99)
	p50.What = fmt.Sprintf("time to reply, %.1f live comments a second for %v, %d rounds: p50", rate, burstPeriod, burstRounds)
	p99.What = "— p99"
	if unanswered+failed > 0 {
		p99.Measured += fmt.Sprintf("; %d without a reply after %v, %d webhooks not acknowledged", unanswered, burstDrain, failed)
	}
	return []scenario.Row{p50, p99}, nil
}

// awaitSent waits until the product has nothing left to do for the replies so far.
func (p *product) awaitSent(ctx context.Context, want int) error {
	ctx, cancel := context.WithTimeoutCause(ctx, burstDrain, fmt.Errorf("not within %v", burstDrain))
	defer cancel()
	return p.awaitState(ctx, privatereply.Sent, want)
}

// latencyRow is the row of a quantile: its ratio to that of bare workflows is the median of
// the rounds.
func latencyRow(replies, bare []time.Duration, goal float64) scenario.Row {
	var ratios []float64
	var rounds []string
	for i := range replies {
		ratios = append(ratios, float64(replies[i])/float64(bare[i]))
		rounds = append(rounds, fmt.Sprintf("%.2f", ratios[i]))
	}
	each := func(values []time.Duration) string {
		var all []string
		for _, v := range values {
			all = append(all, v.Round(time.Millisecond).String())
		}
		return fmt.Sprintf("%v (%s)", median(values).Round(time.Millisecond), strings.Join(all, ", "))
	}
	return scenario.Row{
		Measured: fmt.Sprintf("%s, %.2f times the bare workflow (%s)", each(replies), median(ratios), strings.Join(rounds, ", ")),
		Baseline: "bare workflow " + each(bare),
		Goal:     fmt.Sprintf("≤ %.1f times it", goal), Passed: scenario.PassedWord(median(ratios) <= goal),
	}
}

// overload measures how many replies and how many bare workflows a second are done while more
// come than the server can do. The replies come first: what is not done of them is no load
// once the programs are killed.
func (p *product) overload(ctx context.Context, ran *activityRuns, held float64) ([]scenario.Row, error) {
	comments, err := p.answeredComments(p.liveComment("overload"), overloadRate, overloadPeriod)
	if err != nil {
		return nil, err
	}
	replies, err := comments.run(ctx, overloadPeriod)
	if err != nil {
		return nil, err
	}
	p.kill()
	if !scenario.Sleep(ctx, overloadSettle) {
		return nil, ctx.Err()
	}
	bare, err := p.bareLoad(ran, "overload", overloadRate, overloadPeriod).run(ctx, overloadPeriod)
	if err != nil {
		return nil, err
	}
	beside := "the bare workflow does none"
	if n := bare.doneBy(overloadPeriod); n > 0 {
		beside = fmt.Sprintf("%.2f of the bare workflow", float64(replies.doneBy(overloadPeriod))/float64(n))
	}
	perSecond := func(r steadyResult) float64 { return float64(r.doneBy(overloadPeriod)) / overloadPeriod.Seconds() }
	return []scenario.Row{
		{
			What:     fmt.Sprintf("replies delivered a second while %d live comments a second come, for %v", overloadRate, overloadPeriod),
			Measured: fmt.Sprintf("%.1f/s: %s, %.2f of the rate that it holds", perSecond(replies), beside, perSecond(replies)/held),
			Baseline: fmt.Sprintf("bare workflow %.1f/s", perSecond(bare)),
			Goal:     fmt.Sprintf("≥ %.1f of it", overloadGoal), Passed: scenario.PassedWord(replies.doneBy(overloadPeriod) > 0 && perSecond(replies) >= overloadGoal*perSecond(bare)),
		},
		{
			What:     "— webhooks not acknowledged with 200",
			Measured: fmt.Sprintf("%d of %s", replies.failed, number(float64(len(replies.due)))),
			Goal:     "0", Passed: scenario.PassedWord(replies.failed == 0),
		},
	}, nil
}

// bareLoad are bare workflows with one activity, done when it has run.
func (p *product) bareLoad(ran *activityRuns, name string, perSecond float64, period time.Duration) steadyLoad {
	due := dueTimes(perSecond, period)
	id := func(i int) string { return fmt.Sprintf("%s-%v-%d", name, perSecond, i) }
	return steadyLoad{
		due:    due,
		start:  func(ctx context.Context, i int) error { return p.startBare(ctx, bareQueue, id(i)) },
		doneAt: func(i int) time.Time { return ran.of(id(i)) },
	}
}
