// Package sweeps synchronises the Schedules of the sweeps with the accounts file, and
// triggers a sweep by hand.
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
	"go.uber.org/zap"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/schedules"
	"github.com/privatereply/privatereply/workflows"
)

const (
	// catchUpWindow bounds how late a sweep may begin after an outage of the server. The next one
	// finds the same comments.
	catchUpWindow = time.Minute
	// checkInterval is the time between two comparisons of the accounts file with the Schedules.
	checkInterval = time.Minute
)

// noteManual is the note of the Schedule of an account that is swept by hand.
const noteManual = "sweep_every is 0: this account is swept by hand only"

// Accounts is the accounts file.
type Accounts interface {
	All() []privatereply.Account
}

// Schedules synchronises one Schedule for each account with the accounts file.
type Schedules struct {
	Client    client.Client
	Accounts  Accounts
	TaskQueue string // where sweeps run
	KeyID     string // of the key that encrypts payloads; empty: none does
	Logger    *zap.Logger
}

// Run synchronises the Schedules now, and again when the accounts file has changed or the
// last synchronisation failed, until ctx is done.
func (s Schedules) Run(ctx context.Context) { s.set().Run(ctx, checkInterval) }

// Sync makes the Schedule of each account as the accounts file says: see schedules.Set.
func (s Schedules) Sync(ctx context.Context) error { return s.set().Sync(ctx) }

func (s Schedules) set() schedules.Set {
	return schedules.Set{
		Client: s.Client, TaskQueue: s.TaskQueue, Logger: s.Logger, Prefix: "sweep:", Purpose: "sweeps",
		CatchUp: catchUpWindow, KeyID: s.KeyID, NotePause: noteManual, Entries: s.entries,
	}
}

func (s Schedules) entries() []schedules.Entry {
	var all []schedules.Entry
	for _, account := range s.Accounts.All() {
		id, err := privatereply.SweepID(account.Platform, account.ID)
		if err != nil {
			s.Logger.Error("An account cannot be swept", zap.Error(err)) // the accounts file refuses such ids
			continue
		}
		all = append(all, schedules.Entry{
			ID: id, Every: account.SweepEvery, Workflow: workflows.SweepType,
			Input:   workflows.SweepInput{Platform: account.Platform, Account: account.ID},
			Summary: fmt.Sprintf("Sweep of %s account %s", account.Platform, account.ID),
		})
	}
	return all
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
