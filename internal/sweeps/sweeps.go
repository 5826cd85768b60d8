// Package sweeps synchronises the Schedules of the sweeps with the accounts file, and
// triggers a sweep by hand.
package sweeps

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.uber.org/zap"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/workflows"
)

const (
	// catchUpWindow bounds how late a sweep may begin after an outage of the server. The next one
	// finds the same comments.
	catchUpWindow = time.Minute
	// checkInterval is the time between two comparisons of the accounts file with the Schedules.
	checkInterval = time.Minute
)

// The notes of Schedules that this package has paused. A Schedule that a person has paused
// has another note, and stays paused.
const (
	noteManual         = "sweep_every is 0: this account is swept by hand only"
	noteAccountRemoved = "the accounts file does not have this account any more"
)

// Accounts is the accounts file.
type Accounts interface {
	All() []privatereply.Account
}

// Schedules synchronises one Schedule for each account with the accounts file.
type Schedules struct {
	Client    client.Client
	Accounts  Accounts
	TaskQueue string // where sweeps run
	Logger    *zap.Logger
}

// Run synchronises the Schedules now, and again when the accounts file has changed or the
// last synchronisation failed, until ctx is done.
func (s Schedules) Run(ctx context.Context) { s.run(ctx, checkInterval) }

func (s Schedules) run(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	var done []privatereply.Account
	for {
		if accounts := s.Accounts.All(); !slices.Equal(accounts, done) {
			err := s.Sync(ctx)
			switch {
			case ctx.Err() != nil:
				return
			case err != nil:
				s.Logger.Error("Cannot bring the Schedules of the sweeps up to date; trying again", zap.Duration("in", every), zap.Error(err))
			default:
				done = accounts
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Sync makes the Schedule of each account as the accounts file says: it creates
// what is missing, updates the others, and pauses those of accounts that are gone.
// Several workers may do it at the same time. One account that cannot be scheduled
// does not keep the others from it.
func (s Schedules) Sync(ctx context.Context) error {
	var all []error
	wanted := map[string]bool{}
	for _, account := range s.Accounts.All() {
		id, err := privatereply.SweepID(account.Platform, account.ID)
		if err == nil {
			wanted[id] = true
			err = s.upsert(ctx, id, account)
		}
		if err != nil {
			all = append(all, fmt.Errorf("schedule the sweeps of %s %s: %w", account.Platform, account.ID, err))
		}
	}
	if err := s.pauseRemoved(ctx, wanted); err != nil {
		all = append(all, fmt.Errorf("pause the sweeps of accounts that are gone: %w", err))
	}
	return errors.Join(all...)
}

// upsert creates or updates the Schedule of an account. An update writes every field anew: the
// input may be encrypted with an old key.
func (s Schedules) upsert(ctx context.Context, id string, account privatereply.Account) error {
	schedules := s.Client.ScheduleClient()
	want := s.desired(id, account)
	_, err := schedules.Create(ctx, client.ScheduleOptions{
		ID: id, Spec: *want.Spec, Action: want.Action, Overlap: want.Policy.Overlap, CatchupWindow: want.Policy.CatchupWindow,
		Paused: want.State.Paused, Note: want.State.Note,
	})
	if err == nil {
		s.Logger.Info("Scheduled the sweeps of an account", zap.String("schedule", id), zap.Duration("every", account.SweepEvery))
	}
	if !errors.Is(err, temporal.ErrScheduleAlreadyRunning) {
		return err
	}
	return schedules.GetHandle(ctx, id).Update(ctx, client.ScheduleUpdateOptions{
		DoUpdate: func(is client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
			if was := is.Description.Schedule.State; was.Paused && was.Note != noteManual && was.Note != noteAccountRemoved {
				want.State = was // somebody paused it
			}
			return &client.ScheduleUpdate{Schedule: &want}, nil
		},
	})
}

// desired is the Schedule that account should have.
func (s Schedules) desired(id string, account privatereply.Account) client.Schedule {
	want := client.Schedule{
		Spec: &client.ScheduleSpec{},
		Action: &client.ScheduleWorkflowAction{
			ID: id, Workflow: workflows.SweepType, TaskQueue: s.TaskQueue,
			Args:          []any{workflows.SweepInput{Platform: account.Platform, Account: account.ID}},
			StaticSummary: fmt.Sprintf("Sweep of %s account %s", account.Platform, account.ID),
		},
		Policy: &client.SchedulePolicies{Overlap: enumspb.SCHEDULE_OVERLAP_POLICY_SKIP, CatchupWindow: catchUpWindow},
		State:  &client.ScheduleState{},
	}
	if account.SweepEvery == 0 {
		want.State.Paused, want.State.Note = true, noteManual
		return want
	}
	want.Spec.Intervals = []client.ScheduleIntervalSpec{{Every: account.SweepEvery, Offset: offset(id, account.SweepEvery)}}
	return want
}

// offset spreads the accounts over the interval, so that not all are swept on the
// hour.
func offset(id string, every time.Duration) time.Duration {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id))
	return (time.Duration(h.Sum32()) * time.Second % every).Truncate(time.Second)
}

// pauseRemoved pauses the Schedules on this task queue whose accounts are gone. The
// list may be a moment behind: then the next time finds them.
func (s Schedules) pauseRemoved(ctx context.Context, wanted map[string]bool) error {
	schedules := s.Client.ScheduleClient()
	list, err := schedules.List(ctx, client.ScheduleListOptions{})
	if err != nil {
		return err
	}
	for list.HasNext() {
		entry, err := list.Next()
		if err != nil {
			return err
		}
		if !strings.HasPrefix(entry.ID, "sweep:") || wanted[entry.ID] || entry.Paused {
			continue
		}
		handle := schedules.GetHandle(ctx, entry.ID)
		is, err := handle.Describe(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", entry.ID, err)
		}
		if action, ok := is.Schedule.Action.(*client.ScheduleWorkflowAction); !ok || action.TaskQueue != s.TaskQueue || is.Schedule.State.Paused {
			continue // another product's, or another deployment's
		}
		if err := handle.Pause(ctx, client.SchedulePauseOptions{Note: noteAccountRemoved}); err != nil {
			return fmt.Errorf("%s: %w", entry.ID, err)
		}
		s.Logger.Info("Paused the sweeps of an account that is gone", zap.String("schedule", entry.ID))
	}
	return nil
}

// pollInterval is the time between two questions whether a Schedule has started a pass. It starts
// passes asynchronously.
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
// one may be beyond what is to be found; waiting is then called with it at each poll,
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

// recentPasses are the latest passes of a Schedule, and those that run: the server may list
// a pass that has just begun among the latter only.
func recentPasses(is *client.ScheduleDescription) []Pass {
	var all []Pass
	for _, action := range is.Info.RecentActions {
		if r := action.StartWorkflowResult; r != nil {
			all = append(all, Pass{r.WorkflowID, r.FirstExecutionRunID})
		}
	}
	for _, r := range is.Info.RunningWorkflows {
		all = append(all, Pass{r.WorkflowID, r.FirstExecutionRunID})
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
