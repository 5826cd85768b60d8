package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/harness"
	"github.com/privatereply/privatereply/lab/harness/process"
	"github.com/privatereply/privatereply/lab/load"
	"github.com/privatereply/privatereply/lab/scenario"
)

const (
	killComments = 3000 // that a rule ignores
	killRate     = 100  // deliveries a second
	killReplies  = 200  // comments that a rule answers, meanwhile
	killEvery    = 4 * time.Second
	// killDrain is how long the replies to the storm may take to start.
	killDrain = 3 * time.Minute
)

// kill kills one of two bridges, one of two workers, the Temporal server and Postgres
// in the middle of a storm, and starts each again at once. What was not acknowledged
// is repeated, as Meta does. In the end every comment that was acknowledged must have
// its reply, none two, and every comment that a rule answers must be answered once.
func kill(ctx context.Context, r *run) error {
	p, err := r.startProduct(ctx)
	if err != nil {
		return err
	}
	defer p.stop()
	answered, err := p.write("kill", harness.AnsweredText, killReplies)
	if err != nil {
		return err
	}
	storm := load.LoadTest{
		URL: p.urls[0], FurtherURLs: p.urls[1:], Secret: appSecret, Accounts: p.accounts, Text: harness.IgnoredText,
		Connections: 32, Batch: 1, Comments: killComments, Rate: killRate, Redeliver: true, Duration: 3 * time.Minute,
	}
	stormed := make(chan error, 1)
	delivered := make(chan error, 1)
	var result *load.Result
	go func() {
		var err error
		result, err = load.Run(ctx, storm)
		stormed <- err
	}()
	go func() { delivered <- p.deliverSlowly(ctx, deliveriesOf(answered)) }()
	err = r.killEach(ctx, p)
	if err := errors.Join(err, <-stormed, <-delivered); err != nil {
		return err
	}
	return errors.Join(r.countStorm(ctx, p, result), r.countAnswers(ctx, p, answered))
}

// deliverSlowly spreads deliveries over the time of the kills.
func (p *product) deliverSlowly(ctx context.Context, all []harness.Delivery) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	every := 5 * killEvery / time.Duration(len(all))
	for i := range all {
		if err := p.deliver(ctx, all[i:i+1]); err != nil {
			return err
		}
		if !scenario.Sleep(ctx, every) {
			return ctx.Err()
		}
	}
	return nil
}

func (r *run) killEach(ctx context.Context, p *product) error {
	program := func(p *process.Process) func() error {
		return func() error {
			p.Kill()
			return p.Start(ctx)
		}
	}
	for _, part := range []struct {
		name string
		kill func() error
	}{
		{"a bridge", program(p.bridges[0])},
		{"a worker", program(p.workers[0])},
		{"the Temporal server", func() error {
			r.cluster.Server.Kill()
			return r.cluster.Server.Start(ctx)
		}},
		{"Postgres", func() error {
			r.cluster.DB.Kill()
			return r.cluster.DB.Start(ctx)
		}},
	} {
		if !scenario.Sleep(ctx, killEvery) {
			return ctx.Err()
		}
		began := time.Now()
		if err := part.kill(); err != nil {
			return err
		}
		tell("killed %s with kill -9; it was ready again after %v", part.name, time.Since(began).Round(100*time.Millisecond))
	}
	return nil
}

// countStorm looks for each acknowledged comment of the storm by its id.
func (r *run) countStorm(ctx context.Context, p *product, result *load.Result) error {
	kept, err := result.Verify(ctx, p.client, killDrain, func(int) {})
	if err != nil {
		return err
	}
	repeated := 0
	for answer, n := range result.Answers {
		if answer != "200" {
			repeated += n
		}
	}
	r.add(scenario.Row{
		What: "kill -9 of one of two bridges, one of two workers, the Temporal server and Postgres in a storm: replies, by id",
		Measured: fmt.Sprintf("%d of %d acknowledged comments; %d missing, %d extra, %d doubled",
			kept.Found, kept.Acknowledged, kept.Missing, kept.Extra, kept.Duplicated),
		Baseline: fmt.Sprintf("%d sent, %d tries failed and were repeated", killComments, repeated),
		Goal:     "all, none twice", Passed: scenario.PassedWord(kept.Err() == nil && kept.Acknowledged == killComments),
	})
	if kept.Acknowledged != killComments {
		err = fmt.Errorf("%d of %d comments were acknowledged in the end", kept.Acknowledged, killComments)
	}
	return errors.Join(err, kept.Err())
}

// countAnswers looks at what the people received whom a rule answers.
func (r *run) countAnswers(ctx context.Context, p *product, all []written) error {
	ctx, cancel := context.WithTimeout(ctx, killDrain)
	defer cancel()
	waitErr := p.awaitState(ctx, privatereply.Sent, len(all))
	none, more := 0, 0
	for _, w := range all {
		switch n := p.sandbox.RepliesDelivered(w.id); {
		case n == 0:
			none++
		case n > 1:
			more++
		}
	}
	r.add(scenario.Row{
		What:     "— meanwhile, comments that a rule answers: private replies that people received",
		Measured: fmt.Sprintf("%d of %d; %d none, %d more than one", len(all)-none-more, len(all), none, more),
		Baseline: fmt.Sprintf("%d guarded repeats after an unknown send", p.sandbox.Report().RepeatedSends),
		Goal:     "all, none twice", Passed: scenario.PassedWord(none+more == 0 && waitErr == nil),
	})
	if none+more > 0 {
		return fmt.Errorf("of %d people %d received no private reply and %d more than one", len(all), none, more)
	}
	return waitErr
}
