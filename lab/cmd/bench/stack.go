package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/internal/temporal/setup"
	"github.com/privatereply/privatereply/lab/harness"
	"github.com/privatereply/privatereply/lab/harness/devserver"
	"github.com/privatereply/privatereply/lab/harness/process"
	"github.com/privatereply/privatereply/webhookbridge/bridge"
)

const (
	verifyToken = "bench-verify-token"
	appSecret   = "bench-app-secret"
	tokenPrefix = "bench-access-token-" // before the account's id

	accountsFile = `accounts:
  - {platform: instagram, id: "17841400000000001", name: One, login: instagram, token_env: BENCH_TOKEN_17841400000000001, sweep_every: "0", posts_per_hour: 1000000000, live_per_second: 1000000}
  - {platform: instagram, id: "17841400000000002", name: Two, login: instagram, token_env: BENCH_TOKEN_17841400000000002, sweep_every: "0", posts_per_hour: 1000000000, live_per_second: 1000000}
  - {platform: facebook, id: "100000000000001", name: Three, token_env: BENCH_TOKEN_100000000000001, sweep_every: "0", posts_per_hour: 1000000000, live_per_second: 1000000}
`
)

// stack is the product as processes, with a Temporal server of its own, or in a
// namespace of its own.
type stack struct {
	dir      string
	opts     devserver.Options
	server   *devserver.Server
	client   client.Client
	accounts []privatereply.Account
	bridges  []*process.Process
	workers  []*process.Process
	urls     []string // of the bridges' webhooks
}

// newStack starts a Temporal server with its database in a file. The programs are
// started by those who need them.
func (b *bench) newStack(ctx context.Context) (*stack, error) {
	b.stacks++
	s := &stack{dir: filepath.Join(b.dir, strconv.Itoa(b.stacks))}
	if err := os.Mkdir(s.dir, 0o700); err != nil {
		return nil, err
	}
	if err := s.start(ctx, b); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

func (s *stack) file(name string) string { return filepath.Join(s.dir, name) }

func (s *stack) start(ctx context.Context, b *bench) error {
	for name, content := range map[string]string{"accounts.yaml": accountsFile, "rules.yaml": harness.DefaultRules} {
		if err := os.WriteFile(s.file(name), []byte(content), 0o600); err != nil {
			return err
		}
	}
	accounts, err := config.OpenAccounts(s.file("accounts.yaml"))
	if err != nil {
		return err
	}
	s.accounts = accounts.All()
	if s.server, err = s.startServer(ctx, b); err != nil {
		return err
	}
	s.client, err = client.DialContext(ctx, client.Options{
		HostPort: s.server.Address, Namespace: s.server.Namespace,
		Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	})
	if err != nil {
		return err
	}
	if _, err := setup.Apply(ctx, s.client, s.server.Namespace); err != nil {
		return err
	}
	for range b.on.copies {
		if err := s.prepareProcesses(b); err != nil {
			return err
		}
	}
	return nil
}

func (s *stack) startServer(ctx context.Context, b *bench) (*devserver.Server, error) {
	if b.on.address != "" {
		// The name of the temporary folder has not been used on that server before.
		return b.on.namespace(ctx, filepath.Base(b.dir)+"-"+strconv.Itoa(b.stacks))
	}
	s.opts = devserver.Options{CLIPath: b.cli, DBFile: s.file("temporal.db"), LogFile: s.file("temporal.log")}
	for _, port := range []*int{&s.opts.Port, &s.opts.UIPort} {
		var err error
		if *port, err = process.FreePort(); err != nil {
			return nil, err
		}
	}
	return devserver.Start(ctx, s.opts)
}

// prepareProcesses makes a bridge and a worker ready to start, on ports that they keep.
func (s *stack) prepareProcesses(b *bench) error {
	var addresses [3]string
	for i := range addresses {
		var err error
		if addresses[i], err = process.FreeAddress(); err != nil {
			return err
		}
	}
	s.urls = append(s.urls, "http://"+addresses[0]+bridge.Path)
	s.bridges = append(s.bridges, &process.Process{
		Name: "bridge", Path: b.bridge, LogFile: s.file("bridge.log"), Ready: process.Answers200("http://" + addresses[1] + "/readyz"),
		Env: s.env("VERIFY_TOKEN="+verifyToken, "APP_SECRETS="+appSecret, "WEBHOOK_ADDR="+addresses[0], "OPS_ADDR="+addresses[1]),
	})
	s.workers = append(s.workers, &process.Process{
		Name: "worker", Path: b.worker, LogFile: s.file("worker.log"), Ready: process.Answers200("http://" + addresses[2] + "/readyz"),
		Env: s.env("OPS_ADDR="+addresses[2], "SEND_WORKERS="+strconv.Itoa(b.on.copies)),
	})
	return nil
}

// env is the environment of a program.
func (s *stack) env(settings ...string) []string {
	env := process.Environment("TEMPORAL_ADDRESS="+s.server.Address, "TEMPORAL_NAMESPACE="+s.server.Namespace)
	for _, a := range s.accounts {
		env = append(env, "BENCH_TOKEN_"+a.ID+"="+tokenPrefix+a.ID)
	}
	settings = append(settings, "ACCOUNTS="+s.file("accounts.yaml"), "RULES="+s.file("rules.yaml"), "LOG_LEVEL=error")
	for _, kv := range settings {
		env = append(env, config.Prefix+kv)
	}
	return env
}

// programs are the workers, then the bridges.
func (s *stack) programs() []*process.Process { return slices.Concat(s.workers, s.bridges) }

func (s *stack) startProduct(ctx context.Context) error {
	for _, p := range s.programs() {
		if err := p.Start(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *stack) killProduct() {
	for _, p := range s.programs() {
		p.Kill()
	}
}

// restartServer kills the server and starts it again on its database.
func (s *stack) restartServer(ctx context.Context) error {
	s.server.Kill()
	var err error
	if s.server, err = devserver.Start(ctx, s.opts); err != nil {
		return fmt.Errorf("start the killed server again: %w", err)
	}
	return nil
}

// stop ends everything at once: nothing of it is needed any more.
func (s *stack) stop() {
	s.killProduct()
	if s.client != nil {
		s.client.Close()
	}
	if s.server != nil && s.opts.LogFile != "" {
		s.server.Kill()
	}
	_ = os.RemoveAll(s.dir) // b.clean tries again
}
