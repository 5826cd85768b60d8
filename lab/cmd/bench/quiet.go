package main

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
	// quietPause lets what was started end before the next thing is timed.
	quietPause = 60 * time.Millisecond
	quietGoal  = 1.3
)

// quiet times a single delivery against a single bare start, in turns, so that
// both see the same machine.
func quiet(ctx context.Context, b *bench) ([]scenario.Row, error) {
	s, err := b.newStack(ctx)
	if err != nil {
		return nil, err
	}
	defer s.stop()
	if err := s.startProduct(ctx); err != nil {
		return nil, err
	}
	bare := s.bareWorker()
	if err := bare.Start(); err != nil {
		return nil, err
	}
	defer bare.Stop()
	deliveries, err := s.deliveries(harness.UnlimitedMeta(s.accounts, tokenPrefix, appSecret), harness.IgnoredText, quietWarmUp+quietRounds)
	if err != nil {
		return nil, err
	}
	var starts, answers []time.Duration
	for i, d := range deliveries {
		start, err := timed(ctx, func() error { return s.startBare(ctx, bareQueue, "quiet-"+strconv.Itoa(i)) })
		if err != nil {
			return nil, err
		}
		answer, err := timed(ctx, func() error { return d.Deliver(ctx, poster, s.urls[0]) })
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
		Measured: fmt.Sprintf("%s, %.2f of a bare start", milliseconds(median(answers)), ratio),
		Baseline: "bare start, median " + milliseconds(median(starts)),
		Goal:     fmt.Sprintf("≤ %.1f", quietGoal), Passed: scenario.PassedWord(ratio <= quietGoal),
	}}, nil
}

// timed times one call, and then waits until its echoes are over.
func timed(ctx context.Context, call func() error) (time.Duration, error) {
	began := time.Now()
	err := call()
	took := time.Since(began)
	if err == nil && !scenario.Sleep(ctx, quietPause) {
		err = ctx.Err()
	}
	return took, err
}
