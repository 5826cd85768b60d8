package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/internal/temporal/setup"
	"github.com/privatereply/privatereply/lab/harness"
	"github.com/privatereply/privatereply/lab/harness/cluster"
	"github.com/privatereply/privatereply/lab/harness/process"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/webhookbridge/bridge"
)

const (
	// copies is how many workers and how many bridges there are.
	copies = 2

	verifyToken = "cluster-verify-token"
	appSecret   = "cluster-app-secret"
	tokenPrefix = "cluster-access-token-" // before the account's id

	askedText = "Do you ship to Lyon?" // no rule holds: a person is asked
)

// product is two workers and two bridges in a namespace of their own, with the
// sandbox in Meta's place.
type product struct {
	dir       string
	namespace string
	client    client.Client
	accounts  []privatereply.Account
	sandbox   *meta.Sandbox
	meta      *http.Server // serves the sandbox
	workers   []*process.Process
	bridges   []*process.Process
	urls      []string // of the bridges' webhooks
}

// accountsFile has two accounts of Instagram to one of Facebook. No limit of Meta's
// stands in the way of a storm.
func accountsFile(n int, sweepEvery string) string {
	var b strings.Builder
	b.WriteString("accounts:\n")
	for i := range n {
		of := fmt.Sprintf(`platform: instagram, id: "%d", login: instagram`, 17841400000000001+i)
		if i%3 == 2 {
			of = fmt.Sprintf(`platform: facebook, id: "%d"`, 100000000000001+i)
		}
		fmt.Fprintf(&b, "  - {%s, name: Account %d, token_env: CLUSTER_TOKEN_%d, sweep_every: %q, posts_per_hour: 1000000000}\n", of, i+1, i, sweepEvery)
	}
	return b.String()
}

// byHand is the sweep_every of an account that is swept by hand only.
const byHand = "0"

// startProduct starts it all, with three accounts.
func (r *run) startProduct(ctx context.Context) (*product, error) {
	return r.startProductWith(ctx, accountsFile(3, byHand))
}

func (r *run) startProductWith(ctx context.Context, accounts string) (*product, error) {
	r.products++
	name := "product-" + strconv.Itoa(r.products)
	p := &product{dir: filepath.Join(r.dir, name), namespace: name}
	if err := p.start(ctx, r, accounts); err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

func (p *product) start(ctx context.Context, r *run, accountsFile string) error {
	if err := os.Mkdir(p.dir, 0o700); err != nil {
		return err
	}
	for name, content := range map[string]string{"accounts.yaml": accountsFile, "rules.yaml": harness.DefaultRules} {
		if err := os.WriteFile(filepath.Join(p.dir, name), []byte(content), 0o600); err != nil {
			return err
		}
	}
	accounts, err := config.OpenAccounts(filepath.Join(p.dir, "accounts.yaml"))
	if err != nil {
		return err
	}
	p.accounts = accounts.All()
	if err := cluster.CreateNamespace(ctx, r.cluster.Address, p.namespace, setup.Retention); err != nil {
		return err
	}
	p.client, err = client.DialContext(ctx, client.Options{
		HostPort: r.cluster.Address, Namespace: p.namespace, Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	})
	if err != nil {
		return err
	}
	if _, err := setup.Apply(ctx, p.client, p.namespace); err != nil {
		return err
	}
	metaURL, err := p.serveMeta()
	if err != nil {
		return err
	}
	return p.startPrograms(ctx, r, metaURL)
}

// serveMeta serves the sandbox, with the accounts and without limits.
func (p *product) serveMeta() (url string, err error) {
	p.sandbox = harness.UnlimitedMeta(p.accounts, tokenPrefix, appSecret)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	p.meta = &http.Server{Handler: p.sandbox, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = p.meta.Serve(ln) }() // ends with Close
	return "http://" + ln.Addr().String(), nil
}

func (p *product) startPrograms(ctx context.Context, r *run, metaURL string) error {
	for n := range copies {
		var addresses [3]string
		for i := range addresses {
			var err error
			if addresses[i], err = process.FreeAddress(); err != nil {
				return err
			}
		}
		p.urls = append(p.urls, "http://"+addresses[0]+bridge.Path)
		p.workers = append(p.workers, p.process(r, "worker", n, addresses[2],
			"SEND_WORKERS="+strconv.Itoa(copies),
			"GRAPH_FACEBOOK_URL="+metaURL+"/facebook", "GRAPH_INSTAGRAM_URL="+metaURL+"/instagram"))
		p.bridges = append(p.bridges, p.process(r, "webhookbridge", n, addresses[1],
			"VERIFY_TOKEN="+verifyToken, "APP_SECRETS="+appSecret, "WEBHOOK_ADDR="+addresses[0]))
	}
	for _, program := range append(p.workers[:copies:copies], p.bridges...) {
		if err := program.Start(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (p *product) process(r *run, program string, n int, ops string, settings ...string) *process.Process {
	env := []string{"TEMPORAL_ADDRESS=" + r.cluster.Address, "TEMPORAL_NAMESPACE=" + p.namespace}
	for i, a := range p.accounts {
		env = append(env, fmt.Sprintf("CLUSTER_TOKEN_%d=%s%s", i, tokenPrefix, a.ID))
	}
	settings = append(settings, "OPS_ADDR="+ops, "LOG_LEVEL=warn",
		"ACCOUNTS="+filepath.Join(p.dir, "accounts.yaml"), "RULES="+filepath.Join(p.dir, "rules.yaml"))
	for _, kv := range settings {
		env = append(env, config.Prefix+kv)
	}
	return &process.Process{
		Name: fmt.Sprintf("%s %d", program, n+1), Path: r.program(program), Env: process.Environment(env...),
		LogFile: filepath.Join(r.logs, fmt.Sprintf("%s-%s-%d.log", p.namespace, program, n+1)), Ready: process.Answers200("http://" + ops + "/readyz"),
	}
}

// count is how many workflows the server's lists show for a query.
func (p *product) count(ctx context.Context, query string) (int, error) {
	resp, err := p.client.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Query: query})
	if err != nil {
		return 0, fmt.Errorf("count %s: %w", query, err)
	}
	return int(resp.GetCount()), nil
}

// stop ends everything at once: nothing of it is needed any more.
func (p *product) stop() {
	for _, program := range append(p.bridges, p.workers...) {
		program.Kill()
	}
	if p.meta != nil {
		p.sandbox.Close()
		_ = p.meta.Close()
	}
	if p.client != nil {
		p.client.Close()
	}
}
