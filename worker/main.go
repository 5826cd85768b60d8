// Command worker runs the workflows and activities of private replies. It is
// configured by environment variables; see the README.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.uber.org/zap"

	"github.com/privatereply/privatereply/graph"
	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/internal/logging"
	"github.com/privatereply/privatereply/internal/ops"
	"github.com/privatereply/privatereply/internal/setup"
	"github.com/privatereply/privatereply/internal/temporalclient"
	"github.com/privatereply/privatereply/rules"
	"github.com/privatereply/privatereply/worker/replyworker"
	"github.com/privatereply/privatereply/workflows"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "worker:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	settings, err := config.Read[config.Worker]()
	if err != nil {
		return err
	}
	logger, err := logging.New(settings.LogFormat, settings.LogLevel)
	if err != nil {
		return err
	}
	defer func() { _ = logger.Sync() }()
	accounts, err := config.OpenAccounts(settings.Accounts)
	if err != nil {
		return err
	}
	for _, warning := range accounts.Warnings() {
		logger.Warn(warning)
	}
	watched, err := rules.Watch(ctx, settings.Rules, logger)
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
	opts, err := temporalclient.Options("worker", logger)
	if err != nil {
		return err
	}
	c, err := temporalclient.Dial(ctx, "worker", logger)
	if err != nil {
		return err
	}
	defer c.Close()
	done, err := setup.Apply(ctx, c, opts.Namespace)
	if err != nil {
		return err
	}
	logger.Info("namespace", zap.String("name", opts.Namespace), zap.Stringer("setup", done))

	fatal := make(chan error, 1)
	w := replyworker.New(replyworker.Config{
		Client: c, Namespace: opts.Namespace, DataConverter: opts.DataConverter, TaskQueue: settings.TaskQueue, Accounts: accounts, Rules: watched, Graph: meta,
		SendWorkers: settings.SendWorkers, Logger: logger,
		Fatal: func(err error) {
			select {
			case fatal <- err:
			default:
			}
		},
	})
	// The port first: a worker that nobody can watch should not take work.
	ln, err := net.Listen("tcp", settings.OpsAddr)
	if err != nil {
		return fmt.Errorf("%sOPS_ADDR: %w", config.Prefix, err)
	}
	if err := w.Start(); err != nil {
		_ = ln.Close()
		return err
	}
	defer w.Stop()

	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	serving, stopServing := context.WithCancelCause(ctx)
	defer stopServing(nil)
	go func() {
		select {
		case err := <-fatal:
			stopServing(fmt.Errorf("cannot go on: %w", err))
		case <-serving.Done():
		}
	}()
	err = ops.Serve(serving, ln, ops.Handler(registry,
		ops.Temporal(c),
		ops.Check{Name: "setup", Run: func(ctx context.Context) error { return setup.Check(ctx, c, opts.Namespace) }},
		ops.File("accounts", accounts.Err),
		ops.File("rules", watched.Err),
	))
	if cause := context.Cause(serving); err == nil && ctx.Err() == nil && !errors.Is(cause, context.Canceled) {
		err = cause
	}
	return err
}
