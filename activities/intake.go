package activities

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/worker"

	"github.com/privatereply/privatereply/internal/personkey"
	"github.com/privatereply/privatereply/internal/routing"
	"github.com/privatereply/privatereply/workflows"
)

// intakeHeartbeatInterval is the time between two heartbeats of a batch.
const intakeHeartbeatInterval = workflows.IntakeHeartbeatTimeout / 4

// Dispatcher routes the events of an Intake.
type Dispatcher struct {
	temporal      client.Client
	dataConverter converter.DataConverter
	router        *routing.Router
	concurrency   int // events that are routed at once
	metrics       *Metrics
}

// NewDispatcher makes a dispatcher that starts replies on queue, and routes at most
// concurrency events of a batch at once. Data is how the client encodes payloads; the keys
// are those of the persons.
func NewDispatcher(c client.Client, data converter.DataConverter, queue string, keys personkey.Keys, concurrency int) *Dispatcher {
	return &Dispatcher{temporal: c, dataConverter: data, router: routing.New(c, queue, keys, time.Now).WithEagerStart(), concurrency: concurrency, metrics: NewMetrics(nil)}
}

// WithEvents makes the replies that the dispatcher starts report what happens to them.
func (d *Dispatcher) WithEvents(scope workflows.EventScope) *Dispatcher {
	d.router.WithEvents(scope)
	return d
}

// WithMetrics makes the dispatcher count in m.
func (d *Dispatcher) WithMetrics(m *Metrics) *Dispatcher {
	d.metrics = m
	return d
}

// Register registers the activity.
func (d *Dispatcher) Register(r worker.ActivityRegistry) {
	register(r, workflows.DispatchActivity, d.Dispatch)
}

// dispatchProgress is the heartbeat of Dispatch, from which the next attempt continues.
type dispatchProgress struct {
	Done   []bool                 `json:"done"` // by the index of the event
	Result workflows.IntakeResult `json:"result"`
}

// Dispatch routes the events of the Intake that called it, live comments first. The next
// attempt continues from the last recorded heartbeat, so that some events are routed twice;
// a repeat is a duplicate.
func (d *Dispatcher) Dispatch(ctx context.Context) (workflows.IntakeResult, error) {
	in, err := d.readInput(ctx)
	if err != nil {
		return workflows.IntakeResult{}, err
	}
	progress := dispatchProgress{Done: make([]bool, len(in.Events))}
	if activity.HasHeartbeatDetails(ctx) {
		if err := activity.GetHeartbeatDetails(ctx, &progress); err != nil || len(progress.Done) != len(in.Events) {
			progress = dispatchProgress{Done: make([]bool, len(in.Events))}
		}
	}
	activity.RecordHeartbeat(ctx, progress)

	pending := pendingEvents(in.Events, progress.Done)
	events := make([]workflows.InboundEvent, len(pending))
	for i, n := range pending {
		events[i] = in.Events[n]
	}
	var mu sync.Mutex
	heartbeat := func() {
		mu.Lock()
		defer mu.Unlock()
		activity.RecordHeartbeat(ctx, dispatchProgress{slices.Clone(progress.Done), progress.Result})
	}
	defer startTicker(intakeHeartbeatInterval, heartbeat)()
	err = d.router.Route(ctx, events, d.concurrency, func(i int, e routing.Result) {
		mu.Lock()
		progress.Done[pending[i]] = true
		progress.Result = addResult(progress.Result, e)
		mu.Unlock()
		d.metrics.countEvent(e)
		heartbeat()
	})
	if err != nil {
		return workflows.IntakeResult{}, fmt.Errorf("route events: %w", err)
	}
	return progress.Result, nil
}

// startTicker calls do at each interval until stop is called. stop waits for a running call.
func startTicker(every time.Duration, do func()) (stop func()) {
	tick, stopped := time.NewTicker(every), make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		for {
			select {
			case <-stopped:
				return
			case <-tick.C:
				do()
			}
		}
	})
	return func() {
		tick.Stop()
		close(stopped)
		running.Wait()
	}
}

// pendingEvents are the indexes of the events that are not routed yet, live comments first.
func pendingEvents(events []workflows.InboundEvent, done []bool) []int {
	var live, others []int
	for n, a := range events {
		switch {
		case done[n]:
		case a.Comment != nil && a.Comment.OnLive():
			live = append(live, n)
		default:
			others = append(others, n)
		}
	}
	return append(live, others...)
}

func addResult(r workflows.IntakeResult, e routing.Result) workflows.IntakeResult {
	switch e.Effect {
	case routing.Started:
		r.Started++
	case routing.Duplicate:
		r.Duplicate++
	case routing.Signalled:
		r.Signalled++
	default:
		ignored := map[string]int{e.Reason: 1}
		for reason, n := range r.Ignored {
			ignored[reason] += n
		}
		r.Ignored = ignored
	}
	return r
}

// readInput reads the batch from the first event of the Intake's history.
func (d *Dispatcher) readInput(ctx context.Context) (workflows.IntakeInput, error) {
	var in workflows.IntakeInput
	run := activity.GetInfo(ctx).WorkflowExecution
	history := d.temporal.GetWorkflowHistory(ctx, run.ID, run.RunID, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	if !history.HasNext() {
		return in, errors.New("the Intake has no history")
	}
	first, err := history.Next()
	if err != nil {
		return in, fmt.Errorf("read the batch: %w", err)
	}
	if err := d.dataConverter.FromPayloads(first.GetWorkflowExecutionStartedEventAttributes().GetInput(), &in); err != nil {
		return in, fmt.Errorf("decode the batch: %w", err)
	}
	return in, nil
}
