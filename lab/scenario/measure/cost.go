package measure

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/google/uuid"
	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/harness"
	"github.com/privatereply/privatereply/lab/harness/cluster"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/lab/scenario"
	"github.com/privatereply/privatereply/workflows"
)

const (
	costComments = 150
	costWarmUp   = 30
	// costSample is of how many comments the histories are measured.
	costSample = 20
	// settleTime is the pause before the meters are read: an idle connection of Postgres
	// reports what it did after ten seconds.
	settleTime = 12 * time.Second
	// pageBytes is the size of a page of Postgres.
	pageBytes = 8192
	// pathTime bounds one path.
	pathTime = 2 * time.Minute
)

// cost measures what a comment costs on each of its paths through the product.
func cost(ctx context.Context, l *lab) ([]scenario.Row, error) {
	p, err := l.newProduct(ctx)
	if err != nil {
		return nil, err
	}
	defer p.close()
	if err := p.Start(ctx); err != nil {
		return nil, err
	}
	idle, err := p.idleUse(ctx)
	if err != nil {
		return nil, err
	}
	costs, scales, parts := [][]string{costHeads}, [][]string{scaleHeads}, [][]string{partHeads}
	for _, path := range paths {
		c, err := p.pathCost(ctx, path, idle)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path.name, err)
		}
		costs = append(costs, c.cells(path))
		scales = append(scales, scale(path, c.used, c.stored.total(), c.history))
		parts = append(parts, serverParts(path, c.used))
	}
	l.tables = append(l.tables, table{"What a comment costs", costs},
		table{"A million comments an hour", scales}, table{"A million comments an hour, in the server", parts})
	return []scenario.Row{{
		What: fmt.Sprintf("the cost of a comment on %d paths, %d comments each: below", len(paths), costComments),
		Measured: fmt.Sprintf("idle: %.1f transactions/s, %.1f KiB/s of log, CPU of the server %.1f %%, of Postgres %.1f %%, of two workers %.1f %%, of two bridges %.1f %%",
			idle[transactions], idle[wal]/1024, idle[serverCPU]/10, idle[postgresCPU]/10, idle[workerCPU]/10, idle[bridgeCPU]/10),
	}}, nil
}

// idleUse is what the idle product uses in a second.
func (p *product) idleUse(ctx context.Context) (perSecond [meters]float64, err error) {
	const watched = 2 * settleTime
	used, err := p.measureUse(ctx, perSecond, func() error {
		if !scenario.Sleep(ctx, watched-settleTime) {
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

// pathCost is what one comment costs on a path.
type pathCost struct {
	used    [meters]float64
	stored  sizes   // in the databases
	history float64 // bytes
}

// pathCost measures one path.
func (p *product) pathCost(ctx context.Context, path path, idle [meters]float64) (c pathCost, err error) {
	sizeBefore, err := p.databaseSizes(ctx)
	if err != nil {
		return c, err
	}
	// The log writes a page whole when it changes for the first time after a
	// checkpoint; the warm-up bears that cost.
	if _, err := p.runPath(ctx, path, "before-"+path.name, costWarmUp); err != nil {
		return c, err
	}
	var all []comment
	c.used, err = p.measureUse(ctx, idle, func() (err error) {
		all, err = p.runPath(ctx, path, path.name, costComments)
		return err
	})
	if err != nil {
		return c, err
	}
	sizeAfter, err := p.databaseSizes(ctx)
	if err != nil {
		return c, err
	}
	if c.history, err = p.historyBytes(ctx, all); err != nil {
		return c, err
	}
	for i := range c.used {
		c.used[i] /= costComments
	}
	const comments = costWarmUp + costComments
	c.stored = sizes{(sizeAfter.main - sizeBefore.main) / comments, (sizeAfter.visibility - sizeBefore.visibility) / comments}
	return c, nil
}

// measureUse is what do uses, from the idle product until it is idle again, beyond what the
// idle product uses.
func (p *product) measureUse(ctx context.Context, idle [meters]float64, do func() error) (used [meters]float64, err error) {
	if !scenario.Sleep(ctx, settleTime) {
		return used, ctx.Err()
	}
	before, err := p.readMeters(ctx)
	if err != nil {
		return used, err
	}
	if err := do(); err != nil {
		return used, err
	}
	if !scenario.Sleep(ctx, settleTime) {
		return used, ctx.Err()
	}
	after, err := p.readMeters(ctx)
	if err != nil {
		return used, err
	}
	used = after.since(before, idle)
	for i := range used {
		used[i] = max(0, used[i])
	}
	return used, nil
}

// cells are the cells of the path in the table of costs.
func (c pathCost) cells(path path) []string {
	ms := func(m meter) string { return fmt.Sprintf("%.1f ms", c.used[m]) }
	return []string{
		path.name, fmt.Sprintf("%.2f", c.used[actions]), fmt.Sprintf("%.1f", c.used[requests]), fmt.Sprintf("%.1f", c.used[writes]),
		fmt.Sprintf("%.0f", c.used[transactions]), kib(c.used[wal]), kib(c.used[pages] * pageBytes), ms(serverCPU), ms(postgresCPU), ms(workerCPU), ms(bridgeCPU),
		kib(c.stored.main), kib(c.stored.visibility), kib(c.history),
	}
}

func kib(bytes float64) string { return fmt.Sprintf("%.1f KiB", bytes/1024) }

// sizes are the sizes of the databases in bytes, after VACUUM FULL.
type sizes struct{ main, visibility float64 }

func (a sizes) total() float64 { return a.main + a.visibility }

func (p *product) databaseSizes(ctx context.Context) (s sizes, err error) {
	for database, size := range map[string]*float64{cluster.MainDB: &s.main, cluster.VisibilityDB: &s.visibility} {
		if _, err := p.cluster.DB.Query(ctx, database, "VACUUM FULL"); err != nil {
			return s, err
		}
		text, err := p.cluster.DB.Query(ctx, database, "SELECT pg_database_size(current_database())")
		if err != nil {
			return s, err
		}
		if *size, err = strconv.ParseFloat(text, 64); err != nil {
			return s, err
		}
	}
	return s, nil
}

// historyBytes is the mean size of the histories of one comment: of its reply, and of its
// Conversation.
func (p *product) historyBytes(ctx context.Context, all []comment) (float64, error) {
	sum, n := 0.0, 0
	for _, c := range all[:min(costSample, len(all))] {
		id, err := c.workflowID()
		if err != nil {
			return 0, err
		}
		ids := []string{id}
		if conversation, ok, err := p.conversationID(ctx, c); err != nil {
			return 0, err
		} else if ok {
			ids = append(ids, conversation)
		}
		for _, id := range ids {
			resp, err := p.Client.WorkflowService().DescribeWorkflowExecution(ctx, &workflowservice.DescribeWorkflowExecutionRequest{
				Namespace: p.Server.Namespace, Execution: execution(id),
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

const askedText = "Do you ship to Lyon?" // no rule matches: a person is asked

// path is one way of a comment through the product. The end of its last wait, after 24
// hours or 7 days, is not measured: it is one upsert and the end of the workflow.
type path struct {
	name  string
	text  string
	batch int // comments in a delivery
	// openHours is how long the reply's workflow is open in production.
	openHours float64
	steps     []step
}

// step is an action on every comment once all are in a state.
type step struct {
	state privatereply.State
	do    func(ctx context.Context, p *product, all []comment) error // nil: nothing
}

var paths = []path{
	{"ignored", harness.IgnoredText, 1, 0, []step{{privatereply.Ignored, nil}}},
	{"ignored, 50 in a delivery", harness.IgnoredText, 50, 0, []step{{privatereply.Ignored, nil}}},
	{"answered by a rule", harness.AnsweredText, 1, unansweredFor, []step{{privatereply.Sent, awaitConversations}}},
	{"approved by a person", askedText, 1, unansweredFor, []step{{privatereply.AwaitingApproval, approve}, {privatereply.Sent, awaitConversations}}},
	{"answered by a rule, and the person writes back", harness.AnsweredText, 1, windowFor, []step{
		{privatereply.Sent, awaitConversations}, {privatereply.Sent, writeBack}, {privatereply.Responded, nil},
	}},
}

// runPath sends n comments along a path.
func (p *product) runPath(ctx context.Context, path path, name string, n int) ([]comment, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, pathTime, fmt.Errorf("the path took more than %v", pathTime))
	defer cancel()
	all, err := p.writeComments(strings.ReplaceAll(name, " ", "_"), path.text, n)
	if err != nil {
		return nil, err
	}
	deliveries := deliveriesOf(all)
	if path.batch > 1 {
		if deliveries, err = p.batches(all, path.batch); err != nil {
			return nil, err
		}
	}
	before := map[privatereply.State]int{}
	for _, s := range path.steps {
		if before[s.state], err = p.inState(ctx, s.state); err != nil {
			return nil, err
		}
	}
	if err := p.deliver(ctx, deliveries); err != nil {
		return nil, err
	}
	for _, s := range path.steps {
		if err := p.awaitState(ctx, s.state, before[s.state]+n); err != nil {
			return nil, err
		}
		if s.do != nil {
			if err := s.do(ctx, p, all); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

// batches makes deliveries of several comments of one account.
func (p *product) batches(all []comment, size int) ([]harness.Delivery, error) {
	byAccount := map[string][]string{}
	for _, c := range all {
		byAccount[c.account.ID] = append(byAccount[c.account.ID], c.id)
	}
	var deliveries []harness.Delivery
	for _, ids := range byAccount {
		for len(ids) > 0 {
			n := min(size, len(ids))
			d, err := p.signed(ids[:n]...)
			if err != nil {
				return nil, err
			}
			deliveries = append(deliveries, d)
			ids = ids[n:]
		}
	}
	return deliveries, nil
}

func approve(ctx context.Context, p *product, all []comment) error {
	for _, c := range all {
		id, err := c.workflowID()
		if err != nil {
			return err
		}
		handle, err := p.Client.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
			WorkflowID: id, UpdateID: uuid.NewString(), UpdateName: workflows.ApproveMessage,
			Args:         []any{workflows.Approve{Approver: "ana", Text: "Yes, we ship to Lyon."}},
			WaitForStage: client.WorkflowUpdateStageCompleted,
		})
		if err != nil {
			return fmt.Errorf("approve %s: %w", id, err)
		}
		if err := handle.Get(ctx, nil); err != nil {
			return fmt.Errorf("approve %s: %w", id, err)
		}
	}
	return nil
}

// awaitConversations waits until each person has a Conversation.
func awaitConversations(ctx context.Context, p *product, all []comment) error {
	for _, c := range all {
		for {
			_, ok, err := p.conversationID(ctx, c)
			if err != nil {
				return err
			}
			if ok {
				break
			}
			if !scenario.Sleep(ctx, pollInterval) {
				return context.Cause(ctx)
			}
		}
	}
	return nil
}

// conversationID is the id of the Conversation with the author of a comment, if it exists.
func (p *product) conversationID(ctx context.Context, c comment) (string, bool, error) {
	person, err := p.Sandbox.PersonID(meta.Person{Account: c.account.ID, Username: c.username})
	if err != nil {
		return "", false, err
	}
	id, err := privatereply.ConversationID(c.account.Platform, c.account.ID, person)
	if err != nil {
		return "", false, err
	}
	_, err = p.Client.DescribeWorkflowExecution(ctx, id, "")
	var missing *serviceerror.NotFound
	if errors.As(err, &missing) {
		return "", false, nil
	}
	return id, err == nil, err
}

func writeBack(ctx context.Context, p *product, all []comment) error {
	var deliveries []harness.Delivery
	for _, c := range all {
		mid, err := p.Sandbox.WriteMessage(meta.NewMessage{Account: c.account.ID, Username: c.username, Text: "Thank you!", NoWebhook: true})
		if err != nil {
			return err
		}
		d, err := p.signed(mid)
		if err != nil {
			return err
		}
		deliveries = append(deliveries, d)
	}
	return p.deliver(ctx, deliveries)
}

func execution(id string) *commonpb.WorkflowExecution {
	return &commonpb.WorkflowExecution{WorkflowId: id}
}
