// Command webhookbridge takes Meta's webhooks and makes them durable in Temporal. It
// is configured by environment variables; see the README.
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/internal/logging"
	"github.com/privatereply/privatereply/internal/ops"
	"github.com/privatereply/privatereply/internal/temporalclient"
	"github.com/privatereply/privatereply/rules"
	"github.com/privatereply/privatereply/webhookbridge/bridge"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "webhookbridge:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	settings, err := config.Read[config.Bridge]()
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
	watching, stopWatching := context.WithCancel(ctx)
	defer stopWatching()
	watcher, err := rules.Watch(watching, settings.Rules, logger)
	if err != nil {
		return err
	}
	opts, err := temporalclient.Options("webhookbridge", logger)
	if err != nil {
		return err
	}
	c, err := temporalclient.Dial(ctx, "webhookbridge", logger)
	if err != nil {
		return err
	}
	defer c.Close()

	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	b, err := bridge.New(bridge.Config{
		Settings: settings, Accounts: accounts, Rules: watcher, Client: c, Namespace: opts.Namespace,
		Logger: logger, Registry: registry,
	})
	if err != nil {
		return err
	}
	webhooks, err := net.Listen("tcp", settings.WebhookAddr)
	if err != nil {
		return fmt.Errorf("%sWEBHOOK_ADDR: %w", config.Prefix, err)
	}
	watch, err := net.Listen("tcp", settings.OpsAddr)
	if err != nil {
		_ = webhooks.Close()
		return fmt.Errorf("%sOPS_ADDR: %w", config.Prefix, err)
	}
	// Either one's fault ends both.
	running, ctx := errgroup.WithContext(ctx)
	running.Go(func() error { return b.Run(ctx, webhooks) })
	running.Go(func() error { return ops.Serve(ctx, watch, ops.Handler(registry, b.Checks()...)) })
	return running.Wait()
}
