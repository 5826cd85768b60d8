// Command worker runs the workflows and activities of private replies. It is
// configured by environment variables; see the README.
package main

import (
	"context"
	"errors"
	"fmt"

	sdkworker "go.temporal.io/sdk/worker"
	"go.uber.org/zap"

	"github.com/privatereply/privatereply/graph"
	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/internal/ops"
	"github.com/privatereply/privatereply/internal/program"
	"github.com/privatereply/privatereply/internal/setup"
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
	meta, err := graph.New(graph.Options{
		FacebookURL: settings.FacebookURL, InstagramURL: settings.InstagramURL,
		Version: settings.Version, Timeout: workflows.HTTPTimeout,
	})
	if err != nil {
		return fmt.Errorf("%[1]sGRAPH_FACEBOOK_URL, %[1]sGRAPH_INSTAGRAM_URL, %[1]sGRAPH_VERSION: %[2]w", config.Prefix, err)
	}
	base, err := program.Open(settings.Common)
	if err != nil {
		return err
	}
	for _, warning := range base.Accounts.Warnings() {
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

	serving, stopServing := context.WithCancelCause(ctx)
	defer stopServing(nil)
	w := replyworker.New(replyworker.Config{
		Client: base.Temporal, Namespace: base.Namespace, DataConverter: base.DataConverter, TaskQueue: settings.TaskQueue,
		Accounts: base.Accounts, Rules: watched, Graph: meta, SendWorkers: settings.SendWorkers, Logger: base.Logger,
		Version: sdkworker.WorkerDeploymentVersion{DeploymentName: string(settings.Deployment), BuildID: string(settings.Build)},
		Fatal:   func(err error) { stopServing(fmt.Errorf("cannot go on: %w", err)) },
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
	defer w.Stop()

	err = ops.Serve(serving, ln, ops.Handler(base.Registry, append(base.Checks(), ops.File("rules", watched.Err))...))
	if cause := context.Cause(serving); err == nil && !errors.Is(cause, context.Canceled) {
		err = cause
	}
	return err
}
