package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"go.temporal.io/api/workflowservice/v1"

	"github.com/privatereply/privatereply/lab/harness/cluster"
	"github.com/privatereply/privatereply/lab/scenario"
)

const (
	costComments = 150
	costWarmUp   = 30
	// costSample is how many workflows are asked for the size of their history.
	costSample = 20
	// rest is how long the product rests before its meters are read: a connection of
	// Postgres that is idle reports what it did after ten seconds.
	rest = 12 * time.Second
	// pageBytes is the size of a page of Postgres.
	pageBytes = 8192
	// pathTime bounds one path.
	pathTime = 2 * time.Minute
)

// cost measures what a comment costs on its ways through the product, each by itself.
func cost(ctx context.Context, r *run) error {
	p, err := r.startProduct(ctx)
	if err != nil {
		return err
	}
	defer p.stop()
	idle, err := r.idle(ctx, p)
	if err != nil {
		return err
	}
	r.costs, r.scales, r.serverParts = [][]string{costHeads}, [][]string{scaleHeads}, [][]string{partHeads}
	for _, path := range paths {
		if err := r.measure(ctx, p, path, idle); err != nil {
			return fmt.Errorf("%s: %w", path.name, err)
		}
	}
	r.add(scenario.Row{
		What: fmt.Sprintf("the cost of a comment on %d paths, %d comments each: below", len(paths), costComments),
		Measured: fmt.Sprintf("idle: %.1f transactions/s, %.1f KiB/s of log, CPU of the server %.1f %%, of Postgres %.1f %%, of two workers %.1f %%, of two bridges %.1f %%",
			idle[transactions], idle[wal]/1024, idle[serverCPU]/10, idle[postgresCPU]/10, idle[workerCPU]/10, idle[bridgeCPU]/10),
	})
	return nil
}

// idle is what the product at rest uses in a second.
func (r *run) idle(ctx context.Context, p *product) (perSecond [meters]float64, err error) {
	const watched = 2 * rest
	used, err := r.used(ctx, p, perSecond, func() error {
		if !scenario.Sleep(ctx, watched-rest) {
			return ctx.Err()
		}
		return nil
	})
	if err != nil {
		return perSecond, err
	}
	for i := range used {
		perSecond[i] = used[i] / watched.Seconds()
	}
	return perSecond, nil
}

var costHeads = []string{
	"path", "actions", "requests", "writes of state", "transactions", "log (WAL)", "of it whole pages",
	"CPU: server", "Postgres", "workers", "bridges", "kept: workflows", "kept: visibility", "history",
}

// measure measures one path, and adds its lines to the tables.
func (r *run) measure(ctx context.Context, p *product, path path, idle [meters]float64) error {
	sizeBefore, err := r.kept(ctx)
	if err != nil {
		return err
	}
	// The log writes a page whole when it changes for the first time after a
	// checkpoint; these comments take that upon them.
	if err := p.walk(ctx, path, "before-"+path.name, costWarmUp); err != nil {
		return err
	}
	var all []written
	used, err := r.used(ctx, p, idle, func() (err error) {
		all, err = p.walkAll(ctx, path, path.name, costComments)
		return err
	})
	if err != nil {
		return err
	}
	sizeAfter, err := r.kept(ctx)
	if err != nil {
		return err
	}
	history, err := p.historyBytes(ctx, all)
	if err != nil {
		return err
	}
	for i := range used {
		used[i] /= costComments
	}
	const comments = costWarmUp + costComments
	kept := sizes{(sizeAfter.main - sizeBefore.main) / comments, (sizeAfter.visibility - sizeBefore.visibility) / comments}
	r.costs = append(r.costs, slices.Concat([]string{path.name}, costCells(used), []string{kib(kept.main), kib(kept.visibility), kib(history)}))
	r.scales = append(r.scales, scale(path, used, kept.total(), history))
	r.serverParts = append(r.serverParts, parts(path, used))
	return nil
}

// used is what something uses from the product at rest until it rests again, beyond
// what it uses at rest.
func (r *run) used(ctx context.Context, p *product, idle [meters]float64, do func() error) (used [meters]float64, err error) {
	if !scenario.Sleep(ctx, rest) {
		return used, ctx.Err()
	}
	before, err := r.read(ctx, p)
	if err != nil {
		return used, err
	}
	if err := do(); err != nil {
		return used, err
	}
	if !scenario.Sleep(ctx, rest) {
		return used, ctx.Err()
	}
	after, err := r.read(ctx, p)
	if err != nil {
		return used, err
	}
	used = after.since(before, idle)
	for i := range used {
		used[i] = max(0, used[i])
	}
	return used, nil
}

// costCells are the cells of what one comment used.
func costCells(used [meters]float64) []string {
	ms := func(m meter) string { return fmt.Sprintf("%.1f ms", used[m]) }
	return []string{
		fmt.Sprintf("%.2f", used[actions]), fmt.Sprintf("%.1f", used[requests]), fmt.Sprintf("%.1f", used[writes]),
		fmt.Sprintf("%.0f", used[transactions]), kib(used[wal]), kib(used[pages] * pageBytes), ms(serverCPU), ms(postgresCPU), ms(workerCPU), ms(bridgeCPU),
	}
}

func kib(bytes float64) string { return fmt.Sprintf("%.1f KiB", bytes/1024) }

// sizes are those of the databases in bytes, without what was deleted in them.
type sizes struct{ main, visibility float64 }

func (a sizes) total() float64 { return a.main + a.visibility }

func (r *run) kept(ctx context.Context) (s sizes, err error) {
	for database, size := range map[string]*float64{cluster.MainDB: &s.main, cluster.VisibilityDB: &s.visibility} {
		if _, err := r.cluster.DB.Query(ctx, database, "VACUUM FULL"); err != nil {
			return s, err
		}
		text, err := r.cluster.DB.Query(ctx, database, "SELECT pg_database_size(current_database())")
		if err != nil {
			return s, err
		}
		if *size, err = strconv.ParseFloat(text, 64); err != nil {
			return s, err
		}
	}
	return s, nil
}

// historyBytes is the mean size of what Temporal tells of one comment: the history of
// its reply, and of its conversation.
func (p *product) historyBytes(ctx context.Context, all []written) (float64, error) {
	sum, n := 0.0, 0
	for _, w := range all[:min(costSample, len(all))] {
		id, err := w.workflowID()
		if err != nil {
			return 0, err
		}
		ids := []string{id}
		if conversation, ok, err := p.conversationID(ctx, w); err != nil {
			return 0, err
		} else if ok {
			ids = append(ids, conversation)
		}
		for _, id := range ids {
			resp, err := p.client.WorkflowService().DescribeWorkflowExecution(ctx, &workflowservice.DescribeWorkflowExecutionRequest{
				Namespace: p.namespace, Execution: execution(id),
			})
			if err != nil {
				return 0, fmt.Errorf("describe %s: %w", id, err)
			}
			sum += float64(resp.GetWorkflowExecutionInfo().GetHistorySizeBytes())
		}
		n++
	}
	return sum / float64(n), nil
}
