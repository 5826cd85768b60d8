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

	"github.com/privatereply/privatereply/activities/draining"
	"github.com/privatereply/privatereply/internal/routing"
	"github.com/privatereply/privatereply/workflows"
)

// dispatchCalls is how many events of one batch are placed at once, at most. The
// valve holds all batches of a process to fewer.
const dispatchCalls = 8

// beatEvery is how often a batch that waits for its turn shows that it lives.
const beatEvery = workflows.IntakeHeartbeatTimeout / 4

// Dispatcher places the events of an Intake.
type Dispatcher struct {
	temporal client.Client
	data     converter.DataConverter
	valve    *draining.Valve
	placer   *routing.Router
	metrics  *Metrics
}

// NewDispatcher makes a dispatcher that starts replies on queue, as fast as the
// valve lets it. Data is how the client encodes payloads.
func NewDispatcher(c client.Client, data converter.DataConverter, valve *draining.Valve, queue string) *Dispatcher {
	placer := routing.New(c, queue, time.Now).WithSlots(valve.Turn)
	return &Dispatcher{temporal: c, data: data, valve: valve, placer: placer, metrics: NewMetrics(nil)}
}

// CountIn makes d count in m.
func (d *Dispatcher) CountIn(m *Metrics) *Dispatcher {
	d.metrics = m
	return d
}

// Register registers the activity.
func (d *Dispatcher) Register(r worker.ActivityRegistry) {
	register(r, workflows.DispatchActivity, d.Dispatch)
}

// dispatched is what Dispatch reports while it works, and what a next attempt
// goes on from.
type dispatched struct {
	Done   []bool                 `json:"done"` // by the arrival's place
	Result workflows.IntakeResult `json:"result"`
}

// Dispatch places the arrivals of the Intake that asks, live comments first. A
// next attempt goes on from the last recorded heartbeat, so that some are placed
// twice; placing stands it.
func (d *Dispatcher) Dispatch(ctx context.Context) (workflows.IntakeResult, error) {
	defer d.valve.Open()()
	in, err := d.input(ctx)
	if err != nil {
		return workflows.IntakeResult{}, err
	}
	progress := dispatched{Done: make([]bool, len(in.Events))}
	if activity.HasHeartbeatDetails(ctx) {
		if err := activity.GetHeartbeatDetails(ctx, &progress); err != nil || len(progress.Done) != len(in.Events) {
			progress = dispatched{Done: make([]bool, len(in.Events))}
		}
	}
	activity.RecordHeartbeat(ctx, progress)

	open := openArrivals(in.Events, progress.Done)
	arrivals := make([]workflows.InboundEvent, len(open))
	for i, n := range open {
		arrivals[i] = in.Events[n]
	}
	var mu sync.Mutex
	beat := func() {
		mu.Lock()
		defer mu.Unlock()
		activity.RecordHeartbeat(ctx, dispatched{slices.Clone(progress.Done), progress.Result})
	}
	defer repeat(beatEvery, beat)()
	err = d.placer.Route(ctx, arrivals, dispatchCalls, func(i int, e routing.Result) {
		mu.Lock()
		progress.Done[open[i]] = true
		progress.Result = counted(progress.Result, e)
		mu.Unlock()
		d.metrics.placed(e)
		beat()
	})
	if err != nil {
		return workflows.IntakeResult{}, fmt.Errorf("place events: %w", err)
	}
	return progress.Result, nil
}

// repeat calls do again and again until stop is called.
func repeat(every time.Duration, do func()) (stop func()) {
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

// openArrivals are the places of what is not done yet, live comments first.
func openArrivals(arrivals []workflows.InboundEvent, done []bool) []int {
	var live, rest []int
	for n, a := range arrivals {
		switch {
		case done[n]:
		case a.Comment != nil && a.Comment.OnLive():
			live = append(live, n)
		default:
			rest = append(rest, n)
		}
	}
	return append(live, rest...)
}

func counted(r workflows.IntakeResult, e routing.Result) workflows.IntakeResult {
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

// input reads the batch from the first event of the Intake's history.
func (d *Dispatcher) input(ctx context.Context) (workflows.IntakeInput, error) {
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
	if err := d.data.FromPayloads(first.GetWorkflowExecutionStartedEventAttributes().GetInput(), &in); err != nil {
		return in, fmt.Errorf("decode the batch: %w", err)
	}
	return in, nil
}
