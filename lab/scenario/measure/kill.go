package measure

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/harness"
	"github.com/privatereply/privatereply/lab/load"
	"github.com/privatereply/privatereply/lab/scenario"
)

// killDrain is how long the replies to the burst may take to start, on a busy machine too.
// A loss is noticed sooner: Verify gives up when no new reply has started for half a minute.
const killDrain = 10 * time.Minute

// killPlan is the size of a kill scenario.
type killPlan struct {
	what     string
	comments int           // that a rule ignores
	rate     float64       // deliveries a second
	replies  int           // comments that a rule answers, meanwhile
	interval time.Duration // between two kills
	duration time.Duration // bounds the burst
}

var (
	killOnDevServer = killPlan{
		what:     "kill -9 of bridge, worker and Temporal server in a burst: replies, by id",
		comments: 1500, rate: 150, interval: 2 * time.Second, duration: 2 * time.Minute,
	}
	killOnCluster = killPlan{
		what:     "kill -9 of one of two bridges, one of two workers, the Temporal server and Postgres in a burst: replies, by id",
		comments: 3000, rate: 100, replies: 200, interval: 4 * time.Second, duration: 3 * time.Minute,
	}
)

// kill kills a bridge, a worker, the Temporal server and its database in the middle of a
// burst, and starts each again at once. What was not acknowledged is repeated, as Meta
// does. In the end every comment must have its reply, none two, and every comment that a
// rule answers must be answered once.
func kill(ctx context.Context, l *lab) ([]scenario.Row, error) {
	plan := killOnDevServer
	if l.onCluster() {
		plan = killOnCluster
	}
	p, err := l.newProduct(ctx)
	if err != nil {
		return nil, err
	}
	defer p.close()
	if err := p.Start(ctx); err != nil {
		return nil, err
	}
	answered, err := p.writeComments("kill", harness.AnsweredText, plan.replies)
	if err != nil {
		return nil, err
	}
	test := p.storm(32, 1)
	test.Comments, test.Rate, test.Redeliver, test.Duration = plan.comments, plan.rate, true, plan.duration
	sent, delivered := make(chan error, 1), make(chan error, 1)
	var result *load.Result
	go func() {
		var err error
		result, err = load.Run(ctx, test)
		sent <- err
	}()
	go func() { delivered <- p.deliverSlowly(ctx, deliveriesOf(answered), 5*plan.interval) }()
	err = p.killEach(ctx, plan.interval)
	if err := errors.Join(err, <-sent, <-delivered); err != nil {
		return nil, err
	}
	row, err := p.verifyBurst(ctx, plan, result)
	rows := []scenario.Row{row}
	if len(answered) > 0 {
		row, answersErr := p.verifyAnswers(ctx, answered)
		rows, err = append(rows, row), errors.Join(err, answersErr)
	}
	return rows, err
}

// deliverSlowly spreads deliveries over the time of the kills.
func (p *product) deliverSlowly(ctx context.Context, all []harness.Delivery, period time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	for i := range all {
		if err := p.deliver(ctx, all[i:i+1]); err != nil {
			return err
		}
		if !scenario.Sleep(ctx, period/time.Duration(len(all))) {
			return ctx.Err()
		}
	}
	return nil
}

func (p *product) killEach(ctx context.Context, interval time.Duration) error {
	type part struct {
		name  string
		kill  func(context.Context) error
		start func(context.Context) error
	}
	program := func(name string, one *harness.Program) part {
		return part{name, func(context.Context) error { one.Kill(); return nil }, one.Start}
	}
	parts := []part{
		program("a bridge", p.Bridges.All[0]),
		program("a worker", p.Workers.All[0]),
		{"the Temporal server", p.Server.Kill, p.Server.Start},
	}
	if c := p.cluster; c != nil {
		parts = append(parts, part{"Postgres", func(context.Context) error { c.DB.Kill(); return nil }, c.DB.Start})
	}
	for _, part := range parts {
		if !scenario.Sleep(ctx, interval) {
			return ctx.Err()
		}
		began := time.Now()
		if err := part.kill(ctx); err != nil {
			return err
		}
		if err := part.start(ctx); err != nil {
			return fmt.Errorf("start %s again: %w", part.name, err)
		}
		p.lab.Printf("killed %s with kill -9; it was ready again after %v", part.name, time.Since(began).Round(100*time.Millisecond))
	}
	return nil
}

// verifyBurst looks up each acknowledged comment of the burst by its id.
func (p *product) verifyBurst(ctx context.Context, plan killPlan, result *load.Result) (scenario.Row, error) {
	v, err := result.Verify(ctx, p.Client, killDrain, func(found int) {
		if found < result.Comments {
			p.lab.Printf("%d of %d replies have started", found, result.Comments)
		}
	})
	if err != nil {
		return scenario.Row{What: plan.what, Measured: "failed: " + err.Error(), Passed: scenario.No}, err
	}
	repeated := 0
	for answer, n := range result.Answers {
		if answer != "200" {
			repeated += n
		}
	}
	row := scenario.Row{
		What: plan.what,
		Measured: fmt.Sprintf("%s of %s acknowledged comments; %d missing, %d extra, %d duplicated",
			number(float64(v.Found)), number(float64(v.Acknowledged)), v.Missing, v.Extra, v.Duplicated),
		Baseline: fmt.Sprintf("%s sent, %d tries failed and were repeated", number(float64(plan.comments)), repeated),
		Goal:     "all, none twice", Passed: scenario.PassedWord(v.Err() == nil && v.Acknowledged == plan.comments),
	}
	if v.Acknowledged != plan.comments {
		err = fmt.Errorf("%d of %d comments were acknowledged in the end", v.Acknowledged, plan.comments)
	}
	return row, errors.Join(err, v.Err())
}

// verifyAnswers counts what the authors of the comments that a rule answers received.
func (p *product) verifyAnswers(ctx context.Context, comments []comment) (scenario.Row, error) {
	ctx, cancel := context.WithTimeout(ctx, killDrain)
	defer cancel()
	waitErr := p.awaitState(ctx, privatereply.Sent, len(comments))
	none, more := p.countReplies(comments)
	row := scenario.Row{
		What:     "— meanwhile, comments that a rule answers: private replies that people received",
		Measured: fmt.Sprintf("%d of %d; %d none, %d more than one", len(comments)-none-more, len(comments), none, more),
		Baseline: fmt.Sprintf("%d guarded repeats after an unknown send", p.Sandbox.Report().RepeatedSends),
		Goal:     "all, none twice", Passed: scenario.PassedWord(none+more == 0 && waitErr == nil),
	}
	if none+more > 0 {
		return row, fmt.Errorf("of %d people %d received no private reply and %d more than one", len(comments), none, more)
	}
	return row, waitErr
}

// countReplies counts the comments that were not answered, and those that were more than once.
func (p *product) countReplies(all []comment) (none, more int) {
	for _, c := range all {
		switch n := p.Sandbox.RepliesDelivered(c.id); {
		case n == 0:
			none++
		case n > 1:
			more++
		}
	}
	return none, more
}
