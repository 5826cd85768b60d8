package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/privatereply/privatereply/lab/harness/process"
	"github.com/privatereply/privatereply/lab/load"
	"github.com/privatereply/privatereply/lab/scenario"
)

const (
	killComments = 1500
	killRate     = 150 // deliveries a second
	killEvery    = 2 * time.Second
	// killDrain is how long the replies to the storm may take to start.
	killDrain = 3 * time.Minute
)

// kill kills each process in the middle of a storm and starts it again at once. The
// storm repeats what was not acknowledged, as Meta does. In the end every comment
// that was acknowledged must have its reply, and none may have two.
func kill(ctx context.Context, b *bench) ([]scenario.Row, error) {
	s, err := b.newStack(ctx)
	if err != nil {
		return nil, err
	}
	defer s.stop()
	if err := s.startProduct(ctx); err != nil {
		return nil, err
	}
	storm := s.storm(32, 1)
	storm.Comments, storm.Rate, storm.Redeliver, storm.Duration = killComments, killRate, true, 2*time.Minute
	type outcome struct {
		r   *load.Result
		err error
	}
	done := make(chan outcome, 1)
	go func() {
		r, err := load.Run(ctx, storm)
		done <- outcome{r, err}
	}()
	err = s.killEach(ctx)
	sent := <-done
	if err := errors.Join(err, sent.err); err != nil {
		return nil, err
	}
	kept, err := sent.r.Verify(ctx, s.client, killDrain, func(int) {})
	if err != nil {
		return nil, err
	}
	failed := 0
	for answer, n := range sent.r.Answers {
		if answer != "200" {
			failed += n
		}
	}
	return []scenario.Row{{
		What: "kill -9 of bridge, worker and Temporal server in a storm: replies, by id",
		Measured: fmt.Sprintf("%s of %s acknowledged comments; %d missing, %d extra, %d doubled",
			number(float64(kept.Found)), number(float64(kept.Acknowledged)), kept.Missing, kept.Extra, kept.Duplicated),
		Baseline: fmt.Sprintf("%s sent, %d tries failed and were repeated", number(killComments), failed),
		Goal:     "all, none twice", Passed: scenario.PassedWord(kept.Err() == nil && kept.Acknowledged > 0),
	}}, kept.Err()
}

func (s *stack) killEach(ctx context.Context) error {
	again := func(p *process.Process) func() error {
		return func() error {
			p.Kill()
			return p.Start(ctx)
		}
	}
	for _, kill := range []func() error{again(s.bridges[0]), again(s.workers[0]), func() error { return s.restartServer(ctx) }} {
		if !scenario.Sleep(ctx, killEvery) {
			return ctx.Err()
		}
		if err := kill(); err != nil {
			return err
		}
	}
	return nil
}
