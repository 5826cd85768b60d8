package measure

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/api/workflowservice/v1"

	"github.com/privatereply/privatereply/internal/routing"
	"github.com/privatereply/privatereply/internal/visibility"
	"github.com/privatereply/privatereply/lab/harness"
	"github.com/privatereply/privatereply/lab/load"
	"github.com/privatereply/privatereply/lab/scenario"
	"github.com/privatereply/privatereply/workflows"
)

const (
	// A storm is measured several times, after a shorter one as a warm-up.
	stormRuns     = 3
	stormDuration = 4 * time.Second
	stormWarmUp   = time.Second
	// drainPeriod is how long starts of replies are counted after the last storm.
	drainPeriod = 10 * time.Second
	// Visibility may lag: what it does not show is looked up again.
	storedTries = 4
	storedPause = 5 * time.Second
	// maxStormComments bounds a storm, so that each comment can be looked up.
	maxStormComments = 15_000
)

// Goals beside bare starts, and of the time to acknowledge.
const (
	drainGoal          = 0.8 // of bare starts: replies started a second after the storms
	duringGoal         = 0.4 // of bare starts: replies started a second while they come in
	acknowledgementP99 = 250 // milliseconds
)

// single measures deliveries of one comment.
func single(ctx context.Context, l *lab) ([]scenario.Row, error) {
	var rows []scenario.Row
	for _, at := range []struct {
		connections int
		goal        float64 // times bare starts
	}{{32, 8}, {128, 25}} {
		m, err := l.measureStorms(ctx, at.connections, 1)
		if err != nil {
			return rows, err
		}
		rows = append(rows, m.rows(fmt.Sprintf("single comments accepted, %d connections", at.connections), at.goal)...)
	}
	return rows, nil
}

// batch measures deliveries of many comments.
func batch(ctx context.Context, l *lab) ([]scenario.Row, error) {
	const connections, comments, goal = 32, 50, 150
	m, err := l.measureStorms(ctx, connections, comments)
	if err != nil {
		return nil, err
	}
	return m.rows(fmt.Sprintf("comments accepted, %d in a delivery, %d connections", comments, connections), goal), nil
}

// storms are the results of some storms.
type storms struct {
	bare    []float64 // starts a second, before
	rates   []float64 // comments accepted a second
	middle  *load.Result
	refused int // deliveries that were not acknowledged
	period  period
	stored  stored
}

// rows are the rows of accepted comments, whose goal is so many times bare starts, and of
// what became of them.
func (m *storms) rows(what string, goal float64) []scenario.Row {
	bare := median(m.bare)
	accepted := median(m.rates) / bare
	drained := float64(m.stored.after) / drainPeriod.Seconds()
	during := m.period.perSecond(m.stored.during)
	acknowledgement := m.middle.Acknowledgement
	started := func(what string, rate, goal float64) scenario.Row {
		return scenario.Row{
			What: what, Measured: fmt.Sprintf("%s/s, %.2f of bare starts", number(rate), rate/bare),
			Goal: fmt.Sprintf("≥ %.1f of them", goal), Passed: scenario.PassedWord(rate/bare >= goal),
		}
	}
	return []scenario.Row{
		{
			What: what,
			Measured: fmt.Sprintf("%s, %.1f times bare starts; p50 %.0f ms, p99 %.0f ms",
				perSecond(m.rates), accepted, acknowledgement.P50, acknowledgement.P99),
			Baseline: "bare starts " + perSecond(m.bare),
			Goal:     fmt.Sprintf("≥ %.0f times, p99 ≤ %d ms", goal, acknowledgementP99),
			Passed:   scenario.PassedWord(accepted >= goal && acknowledgement.P99 <= acknowledgementP99),
		},
		started("— drain: replies started a second after the storms", drained, drainGoal),
		started("— replies started a second while they came in", during, duringGoal),
		{
			What:     "— acknowledged comments that Temporal holds, by id",
			Measured: fmt.Sprintf("%s of %s; %d deliveries sent back", number(float64(m.stored.found)), number(float64(m.stored.acknowledged)), m.refused),
			Baseline: fmt.Sprintf("%s with their reply, the others in an Intake", number(float64(m.stored.replies))),
			Goal:     "all, none sent back", Passed: scenario.PassedWord(m.stored.found == m.stored.acknowledged && m.refused == 0),
		},
	}
}

// measureStorms sends storms to a product of its own, while its worker starts the replies
// as in production.
func (l *lab) measureStorms(ctx context.Context, connections, comments int) (*storms, error) {
	p, err := l.newProduct(ctx)
	if err != nil {
		return nil, err
	}
	defer p.close()
	m := &storms{}
	if m.bare, err = p.bareStarts(ctx, unreadQueue, 32, 1); err != nil {
		return nil, err
	}
	if err := p.Start(ctx); err != nil {
		return nil, err
	}
	test := p.storm(connections, comments)
	test.Duration = stormWarmUp
	warmUp, err := load.Run(ctx, test)
	if err != nil {
		return nil, err
	}
	test.Duration = stormDuration
	var results []*load.Result
	m.period.from = time.Now()
	for range stormRuns {
		r, err := load.Run(ctx, test)
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
	m.period.to = time.Now()
	m.middle = results[slices.Index(m.rates, median(m.rates))]
	if !scenario.Sleep(ctx, drainPeriod) {
		return nil, ctx.Err()
	}
	// All comments are in Temporal by now; without the programs its visibility catches up sooner.
	p.kill()
	for range storedTries {
		if m.stored, err = p.countStored(ctx, m.period, append(results, warmUp)...); err == nil && m.stored.found == m.stored.acknowledged {
			break
		}
		if !scenario.Sleep(ctx, storedPause) {
			return nil, ctx.Err()
		}
	}
	return m, err
}

// storm is a load test that sends as fast as it is answered.
func (p *product) storm(connections, comments int) load.LoadTest {
	return load.LoadTest{
		URL: p.BridgeURLs()[0], FurtherURLs: p.BridgeURLs()[1:], Secret: appSecret, Accounts: p.accounts, Text: harness.IgnoredText,
		Connections: connections, Batch: comments, Comments: maxStormComments, Duration: stormDuration,
	}
}

// stored is what Temporal holds of some storms before all replies have started.
type stored struct {
	acknowledged int
	found        int // of acknowledged: with a reply, or in the input of an Intake
	replies      int // of acknowledged
	during       int // replies started while the storms came in
	after        int // replies started in drainPeriod after them
}

// period is a time span.
type period struct{ from, to time.Time }

func (p period) perSecond(n int) float64 { return float64(n) / p.to.Sub(p.from).Seconds() }

// countStored looks up every acknowledged comment by its id: it has a reply, or it is
// among the events of an Intake. That takes seconds, until all replies have started takes
// minutes.
func (p *product) countStored(ctx context.Context, during period, results ...*load.Result) (stored, error) {
	var h stored
	var missing []string
	for _, r := range results {
		replies, err := r.CountReplies(ctx, p.Client)
		if err != nil {
			return h, err
		}
		h.acknowledged += r.Comments
		missing = append(missing, replies.Missing()...)
		h.during += replies.StartedBetween(during.from, during.to)
		h.after += replies.StartedBetween(during.to, during.to.Add(drainPeriod))
	}
	h.replies = h.acknowledged - len(missing)
	h.found = h.acknowledged
	if len(missing) == 0 {
		return h, nil
	}
	waiting, err := p.inIntakes(ctx)
	if err != nil {
		return h, err
	}
	for _, id := range missing {
		if !waiting[id] {
			h.found--
		}
	}
	return h, nil
}

// inIntakes are the workflow ids of the replies that the events of all Intakes start.
// Completed Intakes count as well: visibility may not show their last replies yet.
func (p *product) inIntakes(ctx context.Context) (map[string]bool, error) {
	ids := map[string]bool{}
	req := &workflowservice.ListWorkflowExecutionsRequest{Query: visibility.Equals(visibility.WorkflowType, workflows.IntakeType).String(), PageSize: 1000}
	for {
		page, err := p.Client.ListWorkflow(ctx, req)
		if err != nil {
			return nil, fmt.Errorf("list the Intakes: %w", err)
		}
		for _, info := range page.GetExecutions() {
			history, err := p.Client.WorkflowService().GetWorkflowExecutionHistory(ctx, &workflowservice.GetWorkflowExecutionHistoryRequest{
				Namespace: p.Server.Namespace, Execution: info.GetExecution(), MaximumPageSize: 1,
			})
			if err != nil {
				return nil, fmt.Errorf("read %s: %w", info.GetExecution().GetWorkflowId(), err)
			}
			payloads := history.GetHistory().GetEvents()[0].GetWorkflowExecutionStartedEventAttributes().GetInput().GetPayloads()
			var in workflows.IntakeInput
			if err := json.Unmarshal(payloads[0].GetData(), &in); err != nil {
				return nil, fmt.Errorf("decode %s: %w", info.GetExecution().GetWorkflowId(), err)
			}
			for _, a := range in.Events {
				id, err := routing.WorkflowID(a)
				if err != nil {
					return nil, err
				}
				ids[id] = true
			}
		}
		if req.NextPageToken = page.GetNextPageToken(); len(req.NextPageToken) == 0 {
			return ids, nil
		}
	}
}
