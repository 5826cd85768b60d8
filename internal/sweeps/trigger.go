package sweeps

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
)

// pollInterval is how often a Schedule is asked whether it has started a pass. It does
// so in its own time.
const pollInterval = 200 * time.Millisecond

// ErrNoSchedule says that an account has no Schedule. A worker makes it.
var ErrNoSchedule = errors.New("the Schedule does not exist: a worker makes it when it starts, and within a minute after the accounts file has changed")

// Pass is a pass that was started.
type Pass struct {
	WorkflowID string
	RunID      string // of its first page
}

// Trigger has the Schedule start a pass, also when it is paused, and returns the
// pass once it has begun. While another one runs it waits for its end, because that
// one may be beyond what is to be found; waiting is then told about it at each look,
// and ends the waiting with an error. The pass returned began after the call,
// whoever asked for it.
func Trigger(ctx context.Context, c client.Client, scheduleID string, waiting func(Pass) error) (Pass, error) {
	handle := c.ScheduleClient().GetHandle(ctx, scheduleID)
	before, err := handle.Describe(ctx)
	if err != nil {
		return Pass{}, scheduleError(scheduleID, err)
	}
	known := recentPasses(before)
	if err := handle.Trigger(ctx, client.ScheduleTriggerOptions{Overlap: enumspb.SCHEDULE_OVERLAP_POLICY_BUFFER_ONE}); err != nil {
		return Pass{}, scheduleError(scheduleID, err)
	}
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		is, err := handle.Describe(ctx)
		if err != nil {
			return Pass{}, scheduleError(scheduleID, err)
		}
		for _, p := range recentPasses(is) {
			if !slices.Contains(known, p) {
				return p, nil
			}
		}
		if running := is.Info.RunningWorkflows; len(running) > 0 {
			if err := waiting(Pass{running[0].WorkflowID, running[0].FirstExecutionRunID}); err != nil {
				return Pass{}, err
			}
		}
		select {
		case <-ctx.Done():
			return Pass{}, ctx.Err()
		case <-tick.C:
		}
	}
}

// recentPasses are the latest passes of a Schedule.
func recentPasses(is *client.ScheduleDescription) []Pass {
	var all []Pass
	for _, action := range is.Info.RecentActions {
		if r := action.StartWorkflowResult; r != nil {
			all = append(all, Pass{r.WorkflowID, r.FirstExecutionRunID})
		}
	}
	return all
}

func scheduleError(id string, err error) error {
	var none *serviceerror.NotFound
	if errors.As(err, &none) {
		return fmt.Errorf("%s: %w", id, ErrNoSchedule)
	}
	return fmt.Errorf("%s: %w", id, err)
}
