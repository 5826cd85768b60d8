package measure

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/privatereply/privatereply/lab/harness"
	"github.com/privatereply/privatereply/lab/scenario"
)

const (
	quietRounds = 150
	quietWarmUp = 20
	// quietPause lets the work of one call end before the next one is timed.
	quietPause = 60 * time.Millisecond
	quietGoal  = 1.2
)

// quiet times a single delivery and a single bare start in turns, so that both see the
// same machine.
func quiet(ctx context.Context, l *lab) ([]scenario.Row, error) {
	p, err := l.newProduct(ctx)
	if err != nil {
		return nil, err
	}
	defer p.close()
	if err := p.Start(ctx); err != nil {
		return nil, err
	}
	bare := p.bareWorker()
	if err := bare.Start(); err != nil {
		return nil, err
	}
	defer bare.Stop()
	comments, err := p.writeComments("person", harness.IgnoredText, quietWarmUp+quietRounds)
	if err != nil {
		return nil, err
	}
	var starts, answers []time.Duration
	for i, c := range comments {
		start, err := timed(ctx, func() error { return p.startBare(ctx, bareQueue, "quiet-"+strconv.Itoa(i)) })
		if err != nil {
			return nil, err
		}
		answer, err := timed(ctx, func() error { return c.delivery.Deliver(ctx, poster, p.BridgeURLs()[0]) })
		if err != nil {
			return nil, err
		}
		if i >= quietWarmUp {
			starts, answers = append(starts, start), append(answers, answer)
		}
	}
	ratio := float64(median(answers)) / float64(median(starts))
	return []scenario.Row{{
		What:     "quiet: one delivery at a time, median acknowledgement",
		Measured: fmt.Sprintf("%s, %.2f times a bare start", milliseconds(median(answers)), ratio),
		Baseline: "bare start, median " + milliseconds(median(starts)),
		Goal:     fmt.Sprintf("≤ %.1f times it", quietGoal), Passed: scenario.PassedWord(ratio <= quietGoal),
	}}, nil
}

// timed times one call, and then waits until the work that it started is done.
func timed(ctx context.Context, call func() error) (time.Duration, error) {
	began := time.Now()
	err := call()
	took := time.Since(began)
	if err == nil && !scenario.Sleep(ctx, quietPause) {
		err = ctx.Err()
	}
	return took, err
}
