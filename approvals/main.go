// Command approvals is the approvals desk: a web page for the people who decide
// replies. It is configured by environment variables; see docs/approvals.md.
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
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/privatereply/privatereply/approvals/desk"
	"github.com/privatereply/privatereply/approvals/notify"
	"github.com/privatereply/privatereply/approvals/queue"
	"github.com/privatereply/privatereply/approvals/signin"
	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/internal/logging"
	"github.com/privatereply/privatereply/internal/ops"
	"github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/internal/setup"
	"github.com/privatereply/privatereply/internal/temporalclient"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := newUser(os.Args[1:], os.Stdout, os.Stderr)
	if len(os.Args) == 1 {
		err = run(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "approvals:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	settings, err := config.Read[config.Desk]()
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
	guard, err := openGuard(settings)
	if err != nil {
		return err
	}
	opts, err := temporalclient.Options("approvals", logger)
	if err != nil {
		return err
	}
	c, err := temporalclient.Dial(ctx, "approvals", logger)
	if err != nil {
		return err
	}
	defer c.Close()
	all := replies.New(c, opts.Namespace, settings.TaskQueue, opts.DataConverter)
	waiting := queue.New(all, logger.Named("queue"))

	ln, err := net.Listen("tcp", settings.Addr)
	if err != nil {
		return fmt.Errorf("%sAPPROVALS_ADDR: %w", config.Prefix, err)
	}
	opsLn, err := net.Listen("tcp", settings.OpsAddr)
	if err != nil {
		_ = ln.Close()
		return fmt.Errorf("%sOPS_ADDR: %w", config.Prefix, err)
	}
	url := string(settings.URL)
	if url == "" {
		url = "http://" + ln.Addr().String()
	}
	logger.Info("the desk is open", zap.String("url", url))
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))

	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { waiting.Run(ctx); return nil })
	if settings.NotifyURL != "" {
		group.Go(func() error {
			notify.New(waiting, string(settings.NotifyURL), url, logger.Named("notify")).Run(ctx)
			return nil
		})
	}
	group.Go(func() error {
		return desk.New(desk.Config{
			Replies: all, Queue: waiting, Guard: guard, Accounts: accounts,
			WebUI: string(settings.WebUI), Namespace: opts.Namespace, Logger: logger,
		}).Run(ctx, ln)
	})
	group.Go(func() error {
		return ops.Serve(ctx, opsLn, ops.Handler(registry,
			ops.Temporal(c),
			ops.Check{Name: "setup", Run: func(ctx context.Context) error { return setup.Check(ctx, c, opts.Namespace) }},
			ops.File("accounts", accounts.Err),
			ops.File("users", guard.Err),
		))
	})
	return group.Wait()
}

// openGuard decides who may come in.
func openGuard(settings config.Desk) (*signin.Guard, error) {
	opts := signin.Options{Header: settings.ProxyHeader, Proxies: settings.Proxies}
	if settings.ProxyRole != "" {
		if err := opts.ProxyRole.UnmarshalText([]byte(settings.ProxyRole)); err != nil {
			return nil, fmt.Errorf("%sAPPROVALS_PROXY_ROLE: %w", config.Prefix, err)
		}
	}
	if settings.Users != "" {
		var err error
		if opts.Users, err = signin.OpenUsers(settings.Users); err != nil {
			return nil, err
		}
	}
	return signin.NewGuard(opts)
}
