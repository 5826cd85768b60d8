// Command worker runs the workflows and activities of private replies. It is
// configured by environment variables; see the README.
package main

import (
	"context"
	"errors"
	"fmt"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/privatereply/privatereply/graph"
	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/internal/ops"
	"github.com/privatereply/privatereply/internal/program"
	"github.com/privatereply/privatereply/internal/temporal/setup"
	"github.com/privatereply/privatereply/internal/version"
	"github.com/privatereply/privatereply/rules"
	"github.com/privatereply/privatereply/worker/replyworker"
	"github.com/privatereply/privatereply/workflows"
)

func main() {
	program.Main("worker", run,
		program.Healthcheck(config.Read[config.Worker], func(s config.Worker) string { return s.OpsAddr }))
}

func run(ctx context.Context) error {
	settings, err := config.Read[config.Worker]()
	if err != nil {
		return err
	}
	apps, err := config.Read[config.Connect]()
	if err != nil {
		return err
	}
	meta, err := graph.New(graph.Options{
		FacebookURL: settings.FacebookURL, InstagramURL: settings.InstagramURL,
		Version: settings.Version, Timeout: workflows.HTTPTimeout,
	})
	if err != nil {
		return fmt.Errorf("%[1]sGRAPH_FACEBOOK_URL, %[1]sGRAPH_INSTAGRAM_URL, %[1]sGRAPH_VERSION: %[2]w", config.Prefix, err)
	}
	build, err := settings.Versioning.For(version.Get().ID())
	if err != nil {
		return err
	}
	base, err := program.Open(settings.Common)
	if err != nil {
		return err
	}
	for _, warning := range append(base.Accounts.Warnings(), base.Accounts.Unfinished()...) {
		base.Logger.Warn(warning)
	}
	watched, err := rules.Watch(ctx, settings.Rules, base.Logger)
	if err != nil {
		return err
	}
	if err := base.Connect(ctx, "worker"); err != nil {
		return err
	}
	defer base.Close()
	done, err := setup.Apply(ctx, base.Temporal, base.Namespace)
	if err != nil {
		return err
	}
	base.Logger.Info("namespace", zap.String("name", base.Namespace), zap.Stringer("setup", done))

	working, stopWorking := context.WithCancelCause(ctx)
	defer stopWorking(nil)
	w := replyworker.New(replyworker.Config{
		Client: base.Temporal, Namespace: base.Namespace, DataConverter: base.DataConverter, Codec: base.Codec, TaskQueue: settings.TaskQueue,
		Accounts: base.Accounts, Apps: apps, Rules: watched, Graph: meta, SendWorkers: settings.SendWorkers, IntakeConcurrency: settings.IntakeConcurrency, Events: settings.Events, Telemetry: base.Telemetry, Logger: base.Logger,
		Version: build,
		Fatal:   func(err error) { stopWorking(fmt.Errorf("cannot go on: %w", err)) },
	})
	// The port first: a worker that nobody can watch should not take work.
	ln, err := program.Listen("OPS_ADDR", settings.OpsAddr)
	if err != nil {
		return err
	}
	if err := w.Start(); err != nil {
		_ = ln.Close()
		return err
	}
	checks := append(base.Checks(), ops.FileCheck("rules", watched.Err), tokens(base.Accounts), ops.ClockCheck(base.Temporal, base.Namespace, meta.ClockOffset), ops.Check{Name: "worker", Run: func(context.Context) error {
		if working.Err() != nil {
			return errors.New("it is stopping; it takes no more work and finishes what it has")
		}
		return nil
	}})
	// The port outlives the work, so that the last sends are seen too.
	serving, stopServing := context.WithCancel(context.WithoutCancel(ctx))
	var port errgroup.Group
	port.Go(func() error {
		defer stopWorking(nil)
		return ops.Serve(serving, ln, ops.Handler(base.Telemetry.Registry, checks...))
	})
	<-working.Done()
	w.Stop()
	stopServing()
	err = port.Wait()
	if cause := context.Cause(working); err == nil && !errors.Is(cause, context.Canceled) {
		err = cause
	}
	return err
}

// tokens says which accounts could not send now. Those that can do.
func tokens(accounts *config.Accounts) ops.Check {
	return ops.Check{Name: "tokens", Advisory: true, Run: func(context.Context) error {
		var all []error
		for _, a := range accounts.All() {
			_, err := accounts.Secrets(a.Platform, a.ID)
			all = append(all, err)
		}
		return errors.Join(all...)
	}}
}
