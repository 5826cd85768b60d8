package measure

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/visibility"
	"github.com/privatereply/privatereply/lab/harness"
	"github.com/privatereply/privatereply/lab/scenario"
	"github.com/privatereply/privatereply/workflows"
)

const (
	manyAccounts = 500
	sweptByHand  = 150
	// schedulesTime bounds the creation of all Schedules.
	schedulesTime = 5 * time.Minute
)

// accounts measures what many accounts cost without comments: their Schedules, the memory
// of the programs, and a sweep that finds nothing.
func accounts(ctx context.Context, l *lab) ([]scenario.Row, error) {
	began := time.Now()
	p, err := l.newProductWith(ctx, harness.Config{Accounts: labAccounts(manyAccounts, `sweep_every: "24h"`)})
	if err != nil {
		return nil, err
	}
	defer p.close()
	if err := p.Start(ctx); err != nil {
		return nil, err
	}
	if err := p.awaitSchedules(ctx, manyAccounts); err != nil {
		return nil, err
	}
	took := time.Since(began)
	// Each worker brings all of them up to date, whichever worker made them.
	if err := p.awaitIdle(ctx); err != nil {
		return nil, err
	}
	settled := time.Since(began)
	bridge, err := peakMemory(p.Bridges.All[0].PID())
	if err != nil {
		return nil, err
	}
	worker, err := peakMemory(p.Workers.All[0].PID())
	if err != nil {
		return nil, err
	}
	rows := []scenario.Row{{
		What:     fmt.Sprintf("%d accounts: the Schedules of their sweeps, made by two workers at once", manyAccounts),
		Measured: fmt.Sprintf("all there after %.0f s, %.1f/s; up to date after %.0f s", took.Seconds(), manyAccounts/took.Seconds(), settled.Seconds()),
		Baseline: fmt.Sprintf("memory (VmHWM) of a bridge %.0f MiB, of a worker %.0f MiB", bridge, worker),
	}}
	idle, err := p.idleUse(ctx)
	if err != nil {
		return rows, err
	}
	used, err := p.measureUse(ctx, idle, func() error { return p.sweep(ctx, sweptByHand) })
	if err != nil {
		return rows, err
	}
	for i := range used {
		used[i] /= sweptByHand
	}
	return append(rows, scenario.Row{
		What:     "a sweep that finds nothing new",
		Measured: fmt.Sprintf("%.1f actions, %.0f transactions, %s of log", used[actions], used[transactions], kib(used[wal])),
		Baseline: fmt.Sprintf("CPU: server %.1f ms, Postgres %.1f ms, workers %.1f ms",
			used[serverCPU], used[postgresCPU], used[workerCPU]),
	}), nil
}

// maxIdleRequests is how many requests a second an idle product makes at most.
const maxIdleRequests = 5

// awaitIdle waits until the product makes hardly any requests.
func (p *product) awaitIdle(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, schedulesTime, fmt.Errorf("it is not idle within %v", schedulesTime))
	defer cancel()
	before, err := p.readMeters(ctx)
	for err == nil {
		if !scenario.Sleep(ctx, settleTime/2) {
			return context.Cause(ctx)
		}
		var now reading
		if now, err = p.readMeters(ctx); err != nil {
			break
		}
		if now.since(before, [meters]float64{})[requests] < maxIdleRequests*(settleTime/2).Seconds() {
			return nil
		}
		before = now
	}
	return err
}

func (p *product) awaitSchedules(ctx context.Context, want int) error {
	ctx, cancel := context.WithTimeoutCause(ctx, schedulesTime, fmt.Errorf("they take more than %v", schedulesTime))
	defer cancel()
	for {
		list, err := p.Client.ScheduleClient().List(ctx, client.ScheduleListOptions{PageSize: manyAccounts})
		if err != nil {
			return fmt.Errorf("list the Schedules: %w", err)
		}
		found := 0
		for list.HasNext() {
			if _, err := list.Next(); err != nil {
				return fmt.Errorf("list the Schedules: %w", err)
			}
			found++
		}
		if found >= want {
			return nil
		}
		if !scenario.Sleep(ctx, pollInterval) {
			return fmt.Errorf("%d of %d Schedules exist: %w", found, want, context.Cause(ctx))
		}
	}
}

// sweep sweeps the first n accounts once, and waits until all sweeps have ended.
func (p *product) sweep(ctx context.Context, n int) error {
	ended := visibility.And(visibility.Equals(visibility.WorkflowType, workflows.SweepType), visibility.Completed).String()
	ctx, cancel := context.WithTimeoutCause(ctx, pathTime, fmt.Errorf("the sweeps took more than %v", pathTime))
	defer cancel()
	before, err := p.count(ctx, ended)
	if err != nil {
		return err
	}
	for _, a := range p.accounts[:n] {
		id, err := privatereply.SweepID(a.Platform, a.ID)
		if err != nil {
			return err
		}
		if err := p.Client.ScheduleClient().GetHandle(ctx, id).Trigger(ctx, client.ScheduleTriggerOptions{}); err != nil {
			return fmt.Errorf("trigger %s: %w", id, err)
		}
	}
	for {
		now, err := p.count(ctx, ended)
		if err != nil || now-before >= n {
			return err
		}
		if !scenario.Sleep(ctx, pollInterval) {
			return fmt.Errorf("%d of %d sweeps have ended: %w", now-before, n, context.Cause(ctx))
		}
	}
}
