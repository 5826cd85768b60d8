package measure

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.temporal.io/api/serviceerror"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/lab/harness"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/lab/scenario"
)

const (
	// The goals of many-accounts are for ten thousand accounts, whatever -accounts says.
	workerReadyGoal = time.Minute
	bridgeReadyGoal = 10 * time.Second
	accountsMemory  = 256 // MiB, of each program
	// allSchedulesTime bounds the wait for the first Schedules; what is missing then is
	// worked out from the rate.
	allSchedulesTime = 20 * time.Minute
	// quietTime without a request about Schedules says that a worker has brought all up to
	// date. It compares sweeps every minute and token renewals every ten seconds.
	quietTime = 20 * time.Second
	// watchedTime is how long the CPU time of a program is measured.
	watchedTime = 10 * time.Second
	// inForceTime bounds the wait for a changed accounts folder.
	inForceTime = 3 * time.Minute
	tokenLife   = 60 * 24 * time.Hour
)

// connectedAccounts measures what many connected accounts, each with two files and two
// Schedules, cost without comments: start, memory, reload, Schedules.
func connectedAccounts(ctx context.Context, l *lab) ([]scenario.Row, error) {
	n := l.Accounts
	all := labAccounts(n+1, "") // the last one is connected while the product runs
	dir, err := os.MkdirTemp(l.Dir, "accounts-")
	if err != nil {
		return nil, err
	}
	l.Printf("writing %d connected accounts", n)
	for _, a := range all[:n] {
		if err := writeConnected(dir, a.Account, "24h"); err != nil {
			return nil, err
		}
	}
	p, err := l.newProductWith(ctx, harness.Config{AccountsFile: dir, Accounts: all})
	if err != nil {
		return nil, err
	}
	defer p.close()
	m := &connectedProduct{product: p, dir: dir, added: all[n].Account, n: n}
	for _, step := range []func(context.Context) error{m.start, m.awaitSchedules, m.reload, m.restart, m.change, m.memory} {
		if err := step(ctx); err != nil {
			return m.rows, err
		}
		for ; m.shown < len(m.rows); m.shown++ {
			l.Printf("%s: %s", m.rows[m.shown].What, m.rows[m.shown].Measured)
		}
	}
	return m.rows, nil
}

// connectedProduct is the product under measurement.
type connectedProduct struct {
	*product
	dir   string
	added meta.Account // not in the folder at first
	n     int
	rows  []scenario.Row
	shown int
}

// start measures the time from the start of a program to its readiness.
func (m *connectedProduct) start(ctx context.Context) error {
	for _, part := range []struct {
		what     string
		programs *harness.Programs
		goal     time.Duration
	}{{"worker", m.Workers, workerReadyGoal}, {"bridge", m.Bridges, bridgeReadyGoal}} {
		began := time.Now()
		if err := part.programs.Start(ctx); err != nil {
			return err
		}
		took := time.Since(began)
		peak, err := peakMemory(part.programs.All[0].PID())
		if err != nil {
			return err
		}
		m.rows = append(m.rows, scenario.Row{
			What:     fmt.Sprintf("%s connected accounts: a %s from its start to ready", number(float64(m.n)), part.what),
			Measured: fmt.Sprintf("%.1f s", took.Seconds()), Baseline: fmt.Sprintf("memory (VmHWM) %.0f MiB then", peak),
			Goal: fmt.Sprintf("≤ %.0f s", part.goal.Seconds()), Passed: scenario.PassedWord(took <= part.goal),
		})
	}
	return nil
}

// awaitSchedules measures how long the Schedules of new accounts take: one for the sweeps
// and one for the token of each.
func (m *connectedProduct) awaitSchedules(ctx context.Context) error {
	began, want := time.Now(), 2*float64(m.n)
	for {
		made, err := m.requests(ctx, "CreateSchedule")
		if err != nil {
			return err
		}
		took := time.Since(began)
		if made >= want || took > allSchedulesTime {
			perSecond := made / took.Seconds()
			m.rows = append(m.rows, scenario.Row{
				What:     fmt.Sprintf("%s Schedules, made by %d workers", number(want), len(m.Workers.All)),
				Measured: fmt.Sprintf("%s there after %.0f s, %.0f/s", number(made), took.Seconds(), perSecond),
				Baseline: fmt.Sprintf("at this rate all after %.0f s", want/perSecond),
			})
			return nil
		}
		m.lab.Printf("%s of %s Schedules", number(made), number(want))
		if !scenario.Sleep(ctx, watchedTime) {
			return ctx.Err()
		}
	}
}

// reload connects one more account, and measures until worker and bridge use it.
func (m *connectedProduct) reload(ctx context.Context) error {
	if _, err := m.awaitQuiet(ctx); err != nil {
		return err
	}
	worker, bridge := m.Workers.All[0], m.Bridges.All[0]
	used := func() (use [2]float64, err error) { // CPU of the worker and the bridge in watchedTime, in ms
		for i, pid := range []int{worker.PID(), bridge.PID()} {
			before, err := cpu(pid)
			if err != nil {
				return use, err
			}
			use[i] = -before
		}
		if !scenario.Sleep(ctx, watchedTime) {
			return use, ctx.Err()
		}
		for i, pid := range []int{worker.PID(), bridge.PID()} {
			after, err := cpu(pid)
			if err != nil {
				return use, err
			}
			use[i] += after
		}
		return use, nil
	}
	idle, err := used()
	if err != nil {
		return err
	}
	// A comment's webhook starts a reply once the bridge knows the account, however often
	// it comes.
	id, err := m.Sandbox.Comment(meta.NewComment{Account: m.added.ID, Username: "first", Text: harness.IgnoredText, NoWebhook: true})
	if err != nil {
		return err
	}
	delivery, err := m.signed(id)
	if err != nil {
		return err
	}
	reply, err := privatereply.ReplyID(privatereply.Comment{Platform: m.added.Platform, Account: m.added.ID, CommentID: id})
	if err != nil {
		return err
	}
	began := time.Now()
	if err := writeConnected(m.dir, m.added, "24h"); err != nil {
		return err
	}
	byBridge, err := m.await(ctx, began, 100*time.Millisecond, func() (bool, error) {
		if err := delivery.Deliver(ctx, poster, m.BridgeURLs()[0]); err != nil {
			return false, err
		}
		_, err := m.Client.DescribeWorkflowExecution(ctx, reply, "")
		var missing *serviceerror.NotFound
		if errors.As(err, &missing) {
			return false, nil
		}
		return err == nil, err
	})
	if err != nil {
		return fmt.Errorf("the bridge does not use the new account: %w", err)
	}
	byWorker, err := m.await(ctx, began, pollInterval, func() (bool, error) {
		text, err := readMetrics(ctx, worker)
		return strings.Contains(text, fmt.Sprintf("account=%q", m.added.ID)), err
	})
	if err != nil {
		return fmt.Errorf("the worker does not use the new account: %w", err)
	}
	if _, err := m.awaitQuiet(ctx); err != nil {
		return err
	}
	if err := writeConnected(m.dir, m.added, "12h"); err != nil {
		return err
	}
	changed, err := used()
	if err != nil {
		return err
	}
	m.rows = append(m.rows, scenario.Row{
		What:     "one more account in the folder, until a bridge and a worker use it",
		Measured: fmt.Sprintf("bridge %.1f s, worker within %.1f s", byBridge.Seconds(), byWorker.Seconds()),
	}, scenario.Row{
		What:     fmt.Sprintf("CPU in %.0f s with one changed account", watchedTime.Seconds()),
		Measured: fmt.Sprintf("worker %.1f s, bridge %.1f s", changed[0]/1e3, changed[1]/1e3),
		Baseline: fmt.Sprintf("without a change: worker %.1f s, bridge %.1f s", idle[0]/1e3, idle[1]/1e3),
	})
	return nil
}

// restart measures a worker's start when all Schedules are there.
func (m *connectedProduct) restart(ctx context.Context) error {
	if _, err := m.awaitQuiet(ctx); err != nil {
		return err
	}
	if err := m.Workers.Stop(); err != nil {
		return err
	}
	began := time.Now()
	if err := m.Workers.Start(ctx); err != nil {
		return err
	}
	ready := time.Since(began)
	upToDate, err := m.awaitQuiet(ctx)
	if err != nil {
		return err
	}
	made, err := m.scheduleRequests(ctx)
	if err != nil {
		return err
	}
	m.rows = append(m.rows, scenario.Row{
		What:     "a worker's start when all Schedules are there",
		Measured: fmt.Sprintf("ready after %.1f s, Schedules up to date after %.0f s", ready.Seconds(), upToDate.Sub(began).Seconds()),
		Baseline: fmt.Sprintf("%s requests about Schedules", number(made)),
		Goal:     fmt.Sprintf("ready ≤ %.0f s", workerReadyGoal.Seconds()), Passed: scenario.PassedWord(ready <= workerReadyGoal),
	})
	return nil
}

// change measures how long the Schedule of a changed account takes.
func (m *connectedProduct) change(ctx context.Context) error {
	id, err := privatereply.SweepID(m.added.Platform, m.added.ID)
	if err != nil {
		return err
	}
	before, err := m.scheduleRequests(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := writeConnected(m.dir, m.added, "6h"); err != nil {
		return err
	}
	took, err := m.await(ctx, began, pollInterval, func() (bool, error) {
		is, err := m.Client.ScheduleClient().GetHandle(ctx, id).Describe(ctx)
		if err != nil || len(is.Schedule.Spec.Intervals) == 0 {
			return false, err
		}
		return is.Schedule.Spec.Intervals[0].Every == 6*time.Hour, nil
	})
	if err != nil {
		return fmt.Errorf("the Schedule %s does not follow its account: %w", id, err)
	}
	upToDate, err := m.awaitQuiet(ctx)
	if err != nil {
		return err
	}
	after, err := m.scheduleRequests(ctx)
	if err != nil {
		return err
	}
	m.rows = append(m.rows, scenario.Row{
		What:     "another sweep_every of one account, until its Schedule has it",
		Measured: fmt.Sprintf("%.0f s, and all are up to date after %.0f s", took.Seconds(), upToDate.Sub(began).Seconds()),
		Baseline: fmt.Sprintf("%s requests about Schedules", number(after-before)),
	})
	return nil
}

// memory measures the peaks at the end: the worker's since its restart.
func (m *connectedProduct) memory(context.Context) error {
	worker, err := peakMemory(m.Workers.All[0].PID())
	if err != nil {
		return err
	}
	bridge, err := peakMemory(m.Bridges.All[0].PID())
	if err != nil {
		return err
	}
	m.rows = append(m.rows, scenario.Row{
		What:     "peak memory (VmHWM) after the reloads",
		Measured: fmt.Sprintf("worker %.0f MiB, bridge %.0f MiB", worker, bridge),
		Goal:     fmt.Sprintf("≤ %d MiB each", accountsMemory), Passed: scenario.PassedWord(max(worker, bridge) <= accountsMemory),
	})
	return nil
}

// await asks done at an interval, and returns the time from began until it was true.
func (m *connectedProduct) await(ctx context.Context, began time.Time, interval time.Duration, done func() (bool, error)) (time.Duration, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, inForceTime, fmt.Errorf("not within %v", inForceTime))
	defer cancel()
	for {
		ok, err := done()
		if ok || err != nil {
			return time.Since(began), err
		}
		if !scenario.Sleep(ctx, interval) {
			return 0, context.Cause(ctx)
		}
	}
}

// awaitQuiet waits until the workers have made no request about Schedules for quietTime,
// and returns when they made the last one.
func (m *connectedProduct) awaitQuiet(ctx context.Context) (last time.Time, err error) {
	seen, last := -1.0, time.Now()
	for began := last; time.Since(last) < quietTime; {
		if time.Since(began) > allSchedulesTime {
			return last, fmt.Errorf("requests about Schedules go on after %v", allSchedulesTime)
		}
		made, err := m.scheduleRequests(ctx)
		if err != nil {
			return last, err
		}
		if made != seen {
			seen, last = made, time.Now()
		}
		if !scenario.Sleep(ctx, quietTime/4) {
			return last, ctx.Err()
		}
	}
	return last, nil
}

// scheduleRequests is how many requests about Schedules the workers have made since their
// start.
func (m *connectedProduct) scheduleRequests(ctx context.Context) (float64, error) {
	return m.requests(ctx, "CreateSchedule", "DescribeSchedule", "UpdateSchedule", "PatchSchedule", "ListSchedules")
}

// requests is how many requests of some operations the workers have made since their start,
// and the server has taken.
func (m *connectedProduct) requests(ctx context.Context, operations ...string) (sum float64, err error) {
	for _, worker := range m.Workers.All {
		text, err := readMetrics(ctx, worker)
		if err != nil {
			return 0, err
		}
		for _, operation := range operations {
			label := []string{fmt.Sprintf("operation=%q", operation)}
			sum += total(text, "temporal_request_total", label, nil) - total(text, "temporal_request_failure_total", label, nil)
		}
	}
	return sum, nil
}

// writeConnected writes the two files of a connected account, without the lock and the
// syncs of a login: ten thousand logins would take longer than all that is measured.
func writeConnected(dir string, a meta.Account, sweepEvery string) error {
	now := time.Now().UTC()
	name := string(a.Platform) + "-" + a.ID
	token := fmt.Sprintf("{%q:%q,%q:%q,%q:%q,%q:%d}\n", "token", a.Token, "issued_at", now.Format(time.RFC3339),
		"expires_at", now.Add(tokenLife).Format(time.RFC3339), "life_seconds", int(tokenLife.Seconds()))
	account := fmt.Sprintf("platform: %s\nid: %q\nname: %s\nlogin: %s\ntoken_file: %s.token\nconnected_by: %q\nconnected_at: %q\nsweep_every: %s\n",
		a.Platform, a.ID, a.Name, a.Login, name, "26000000000000001", now.Format(time.RFC3339), sweepEvery)
	dir = filepath.Join(dir, "connected")
	return errors.Join(os.MkdirAll(dir, 0o700),
		os.WriteFile(filepath.Join(dir, name+".token"), []byte(token), 0o600),
		os.WriteFile(filepath.Join(dir, name+".yaml"), []byte(account), 0o600))
}
