package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/visibility"
	"github.com/privatereply/privatereply/lab/scenario"
	"github.com/privatereply/privatereply/workflows"
)

const (
	manyAccounts = 500
	sweptByHand  = 150
	// schedulesTime bounds the making of all Schedules.
	schedulesTime = 5 * time.Minute
)

// accounts measures what many accounts cost before anybody comments: their Schedules,
// the memory of the programs, and a sweep that finds nothing.
func accounts(ctx context.Context, r *run) error {
	began := time.Now()
	p, err := r.startProductWith(ctx, accountsFile(manyAccounts, "24h"))
	if err != nil {
		return err
	}
	defer p.stop()
	if err := p.awaitSchedules(ctx, manyAccounts); err != nil {
		return err
	}
	took := time.Since(began)
	// Each worker brings all of them up to date, whoever made them.
	if err := r.awaitRest(ctx, p); err != nil {
		return err
	}
	settled := time.Since(began)
	bridge, err := memory(p.bridges[0].PID())
	if err != nil {
		return err
	}
	worker, err := memory(p.workers[0].PID())
	if err != nil {
		return err
	}
	r.add(scenario.Row{
		What:     fmt.Sprintf("%d accounts: the Schedules of their sweeps, made by two workers at once", manyAccounts),
		Measured: fmt.Sprintf("all there after %.0f s, %.1f/s; up to date after %.0f s", took.Seconds(), manyAccounts/took.Seconds(), settled.Seconds()),
		Baseline: fmt.Sprintf("memory (VmHWM) of a bridge %.0f MiB, of a worker %.0f MiB", bridge, worker),
	})
	idle, err := r.idle(ctx, p)
	if err != nil {
		return err
	}
	used, err := r.used(ctx, p, idle, func() error { return p.sweep(ctx, sweptByHand) })
	if err != nil {
		return err
	}
	for i := range used {
		used[i] /= sweptByHand
	}
	r.add(scenario.Row{
		What:     "a sweep that finds nothing new",
		Measured: fmt.Sprintf("%.1f actions, %.0f transactions, %s of log", used[actions], used[transactions], kib(used[wal])),
		Baseline: fmt.Sprintf("CPU: server %.1f ms, Postgres %.1f ms, workers %.1f ms",
			used[serverCPU], used[postgresCPU], used[workerCPU]),
	})
	return nil
}

// restful is how few requests a second the product at rest makes.
const restful = 5

// awaitRest waits until the product makes hardly any requests.
func (r *run) awaitRest(ctx context.Context, p *product) error {
	ctx, cancel := context.WithTimeoutCause(ctx, schedulesTime, fmt.Errorf("it does not rest within %v", schedulesTime))
	defer cancel()
	before, err := r.read(ctx, p)
	for err == nil {
		if !scenario.Sleep(ctx, rest/2) {
			return context.Cause(ctx)
		}
		var now reading
		if now, err = r.read(ctx, p); err != nil {
			break
		}
		if now.since(before, [meters]float64{})[requests] < restful*(rest/2).Seconds() {
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
		list, err := p.client.ScheduleClient().List(ctx, client.ScheduleListOptions{PageSize: manyAccounts})
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
		if !scenario.Sleep(ctx, lookEvery) {
			return fmt.Errorf("%d of %d Schedules were made: %w", found, want, context.Cause(ctx))
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
		if err := p.client.ScheduleClient().GetHandle(ctx, id).Trigger(ctx, client.ScheduleTriggerOptions{}); err != nil {
			return fmt.Errorf("trigger %s: %w", id, err)
		}
	}
	for {
		now, err := p.count(ctx, ended)
		if err != nil || now-before >= n {
			return err
		}
		if !scenario.Sleep(ctx, lookEvery) {
			return fmt.Errorf("%d of %d sweeps have ended: %w", now-before, n, context.Cause(ctx))
		}
	}
}

// memory is the most that a program had in memory since its start, in MiB.
func memory(pid int) (float64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rest, ok := strings.Cut(string(b), "VmHWM:")
	if !ok {
		return 0, fmt.Errorf("/proc/%d/status has no VmHWM", pid)
	}
	kib, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
	return kib / 1024, err
}
