package measure

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/privatereply/privatereply/lab/scenario"
)

// Bare workflows are the baseline of the product's figures: the least that a comment
// can cost on the same server.
const (
	bareQueue   = "bench-bare"   // a worker ends its workflows
	unreadQueue = "bench-unread" // has no worker
	bareType    = "BenchBare"
	noopType    = "BenchNoop"
	barePrefix  = "bare-" // of workflow ids
)

// bareRun is how long bare starts are counted for.
const bareRun = 3 * time.Second

// starts measures how many workflow starts a second the server accepts.
func starts(ctx context.Context, l *lab) ([]scenario.Row, error) {
	p, err := l.newProduct(ctx)
	if err != nil {
		return nil, err
	}
	defer p.close()
	var rows []scenario.Row
	for _, at := range []int{32, 64} {
		rates, err := p.bareStarts(ctx, unreadQueue, at, 3)
		if err != nil {
			return nil, err
		}
		rows = append(rows, scenario.Row{What: fmt.Sprintf("bare workflow starts, %d at once", at), Measured: perSecond(rates)})
	}
	w := p.bareWorker()
	if err := w.Start(); err != nil {
		return rows, err
	}
	defer w.Stop()
	rates, err := p.bareStarts(ctx, bareQueue, 32, 3)
	return append(rows, scenario.Row{What: "the same, 32 at once, while a worker ends each", Measured: perSecond(rates)}), err
}

// bareWorker runs bare workflows.
func (p *product) bareWorker() worker.Worker {
	w := worker.New(p.Client, bareQueue, worker.Options{})
	w.RegisterWorkflowWithOptions(func(workflow.Context) error { return nil }, workflow.RegisterOptions{Name: bareType})
	return w
}

// activityRuns are the times at which bare workflows with one activity ran it.
type activityRuns struct {
	at    sync.Map // of time.Time, by workflow id
	count atomic.Int64
}

// of is when the activity of a bare workflow ran; zero: it has not.
func (r *activityRuns) of(id string) time.Time {
	at, _ := r.at.Load(barePrefix + id)
	ran, _ := at.(time.Time)
	return ran
}

// bareActivityWorker runs bare workflows with one activity that does nothing: the least that
// an automatic reply can cost.
func (p *product) bareActivityWorker() (worker.Worker, *activityRuns) {
	ran := &activityRuns{}
	w := worker.New(p.Client, bareQueue, worker.Options{})
	w.RegisterActivityWithOptions(func(ctx context.Context) error {
		ran.at.Store(activity.GetInfo(ctx).WorkflowExecution.ID, time.Now())
		ran.count.Add(1)
		return nil
	}, activity.RegisterOptions{Name: noopType})
	w.RegisterWorkflowWithOptions(func(ctx workflow.Context) error {
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
		return workflow.ExecuteActivity(ctx, noopType).Get(ctx, nil)
	}, workflow.RegisterOptions{Name: bareType})
	return w, ran
}

// bareStarts counts workflow starts a second, a few times after a warm-up.
func (p *product) bareStarts(ctx context.Context, queue string, atOnce, runs int) ([]float64, error) {
	if _, err := p.countStarts(ctx, queue, atOnce, time.Second); err != nil {
		return nil, err
	}
	var rates []float64
	for range runs {
		rate, err := p.countStarts(ctx, queue, atOnce, bareRun)
		if err != nil {
			return nil, err
		}
		rates = append(rates, rate)
	}
	return rates, nil
}

func (p *product) countStarts(ctx context.Context, queue string, atOnce int, d time.Duration) (float64, error) {
	run, began := uuid.NewString(), time.Now()
	var next, started atomic.Int64
	errs := make([]error, atOnce)
	var all sync.WaitGroup
	for i := range atOnce {
		all.Go(func() {
			for time.Since(began) < d && errs[i] == nil {
				errs[i] = p.startBare(ctx, queue, run+"-"+strconv.FormatInt(next.Add(1), 10))
				started.Add(1)
			}
		})
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return 0, fmt.Errorf("start a bare workflow: %w", err)
		}
	}
	return float64(started.Load()) / time.Since(began).Seconds(), nil
}

func (p *product) startBare(ctx context.Context, queue, id string) error {
	_, err := p.Client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: barePrefix + id, TaskQueue: queue}, bareType)
	return err
}
