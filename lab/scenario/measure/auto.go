package measure

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/privatereply/privatereply/lab/harness"
	"github.com/privatereply/privatereply/lab/scenario"
)

const (
	// atOnce is how many comments, and how many bare starts, are in flight at once.
	atOnce = 32

	autoReplies = 400
	autoWarmUp  = 40
	autoGoal    = 0.8
	// autoTime bounds each measurement; what is not done by then does not count.
	autoTime = time.Minute
)

// auto measures automatic replies end to end: webhook, rule, workflow, call to Meta. All
// comments come at once, and the time ends with the last delivered reply.
func auto(ctx context.Context, l *lab) ([]scenario.Row, error) {
	p, err := l.newProduct(ctx)
	if err != nil {
		return nil, err
	}
	defer p.close()
	bare, err := p.bareWithActivity(ctx)
	if err != nil {
		return nil, err
	}
	if err := p.Start(ctx); err != nil {
		return nil, err
	}
	if _, err := p.deliverReplies(ctx, autoWarmUp); err != nil {
		return nil, err
	}
	rate, err := p.deliverReplies(ctx, autoReplies)
	if err != nil {
		return nil, err
	}
	return []scenario.Row{{
		What:     fmt.Sprintf("automatic replies delivered, %d comments at once", autoReplies),
		Measured: fmt.Sprintf("%.1f/s, %.2f of the bare workflow; %d calls to Meta too many", rate, rate/bare, p.Sandbox.Report().RepeatedSends),
		Baseline: fmt.Sprintf("bare workflow with one activity that does nothing %.1f/s", bare),
		Goal:     fmt.Sprintf("≥ %.1f of it", autoGoal), Passed: scenario.PassedWord(rate/bare >= autoGoal),
	}}, nil
}

// deliverReplies sends n comments and returns how many replies a second were delivered,
// from the first webhook to the last delivery.
func (p *product) deliverReplies(ctx context.Context, n int) (float64, error) {
	before := p.Sandbox.Report().Answered
	comments, err := p.writeComments("person", harness.AnsweredText, n)
	if err != nil {
		return 0, err
	}
	urls := p.BridgeURLs()
	return rate(ctx, n, func() int { return p.Sandbox.Report().Answered - before }, func(i int) error {
		return comments[i].delivery.Deliver(ctx, poster, urls[i%len(urls)])
	})
}

// bareWithActivity is the baseline: bare workflows with one activity a second, counted as
// the replies are, until the last activity has run.
func (p *product) bareWithActivity(ctx context.Context) (float64, error) {
	w, ran := p.bareActivityWorker()
	if err := w.Start(); err != nil {
		return 0, err
	}
	defer w.Stop()
	count := func(name string, n int) (float64, error) {
		before := ran.count.Load()
		return rate(ctx, n, func() int { return int(ran.count.Load() - before) }, func(i int) error {
			return p.startBare(ctx, bareQueue, name+strconv.Itoa(i))
		})
	}
	if _, err := count("warm-up-", autoWarmUp); err != nil {
		return 0, err
	}
	return count("measured-", autoReplies)
}

// rate begins n tasks, atOnce at a time, and returns the tasks done per second when the
// last one is done, or after autoTime.
func rate(ctx context.Context, n int, done func() int, begin func(i int) error) (float64, error) {
	began := time.Now()
	var beginning errgroup.Group
	beginning.SetLimit(atOnce)
	for i := range n {
		beginning.Go(func() error { return begin(i) })
	}
	if err := beginning.Wait(); err != nil {
		return 0, err
	}
	for done() < n && time.Since(began) < autoTime {
		if !scenario.Sleep(ctx, 5*time.Millisecond) {
			return 0, ctx.Err()
		}
	}
	return float64(done()) / time.Since(began).Seconds(), nil
}
