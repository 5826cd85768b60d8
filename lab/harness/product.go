// Package harness runs the product for what measures it, breaks it, tests it and shows
// it: as processes or in this process, on a Temporal development server, on a Postgres
// cluster or on a server that is there already, with the simulated Meta in Meta's place.
// It is no way to run the product in production.
package harness

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/log"
	"go.uber.org/zap"

	"github.com/privatereply/privatereply/approvals/queue"
	"github.com/privatereply/privatereply/approvals/signin"
	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/internal/personkey"
	"github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/internal/telemetry"
	"github.com/privatereply/privatereply/internal/temporal/codec"
	"github.com/privatereply/privatereply/internal/temporal/setup"
	"github.com/privatereply/privatereply/lab/harness/gate"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/lab/slack"
	"github.com/privatereply/privatereply/rules"
	"github.com/privatereply/privatereply/webhookbridge/bridge"
	"github.com/privatereply/privatereply/workflows"
)

// TaskQueue is where a Product's workflows run unless its Config says otherwise.
const TaskQueue = "private-replies"

// noLog is Temporal's logger of those who do not want to hear it.
var noLog = log.NewStructuredLogger(slog.New(slog.DiscardHandler))

// Config says what a Product consists of. Dir, Server, and accounts and rules in one of
// their two forms are required.
type Config struct {
	Dir       string // the Product's own folder, which exists: settings and logs
	Server    *Server
	TaskQueue string // empty: TaskQueue

	// Accounts and Rules are written to files in Dir; AccountsFile and RulesFile name
	// files that are there already. AccountsFile may be a folder.
	Accounts     []Account
	AccountsFile string
	Rules        string
	RulesFile    string

	// Approvers sign in at the desk with Product.Tokens. Nobody: a desk in this process
	// lets everybody in, and one that is a process lets nobody in.
	Approvers []string
	UsersFile string // empty: written for Approvers

	Meta        meta.Config // of the simulated Meta; its accounts, if it names none, are Accounts
	VerifyToken string      // of the webhook subscription; empty: any

	// Binaries is the folder of the built programs (see process.Build), which run as
	// processes; empty: they run in this process.
	Binaries                string
	Workers, Bridges, Desks int
	Gated                   bool              // processes, and Client, reach Temporal through gates
	Settings                map[string]string // more settings of processes, without their prefix
	WorkerSettings          map[string]string // more of the workers
	Env                     []string          // more of the environment of processes

	// The rest is for programs in this process.

	Log            *zap.Logger   // nil: nothing is logged; without Connect
	GraphTimeout   time.Duration // of a call to Meta; 0: the worker's own
	RepairInterval time.Duration // between tries while an account has to be repaired; 0: the worker's own
	Addresses      Addresses     // empty ones are free
	Slack          *slack.Server // in Slack's place; needs UsersFile; nil: nobody decides in Slack
	Client         client.Client // of Server.Namespace; nil: one is made
	Data           converter.DataConverter
	Keys           []codec.Key  // of Codec; token files in an accounts folder are encrypted with the first
	Codec          *codec.Codec // of Client, to which it is applied if Client is made; nil: payloads are not encrypted
	// Connect gives a program its connection; nil: all share Client and nobody watches.
	Connect  func(program string) (Connection, error)
	Progress func(string) // hears in words which part starts and stops; nil: nobody
}

// Connection is what a program in this process reaches Temporal with, and is watched by.
type Connection struct {
	Client    client.Client
	Log       *zap.Logger
	Registry  *prometheus.Registry // of the bridge; nil: a new one
	Tracer    trace.Tracer         // of the bridge; nil: nothing is traced
	Telemetry *telemetry.Telemetry // of the worker; nil: nothing is counted or traced
}

// Addresses are host:port on which the parts of a Product listen.
type Addresses struct{ Meta, Webhooks, Desk string }

// Product is the product while it runs.
type Product struct {
	Server   *Server
	Client   client.Client
	Replies  *replies.Client
	Accounts *config.Accounts
	Rules    *rules.Watcher       // in this process
	Registry *prometheus.Registry // of the bridge in this process that was started last

	// Of the desk in this process that was started last.
	Queue         *queue.Queue
	Authenticator *signin.Authenticator

	Sandbox    *meta.Sandbox
	SandboxURL string // without a slash at the end

	Workers, Bridges, Desks *Programs
	WebhookURL              string            // where Meta delivers: the bridge's, or the load balancer's in front of processes
	ApprovalsURL            string            // without a slash at the end
	Tokens                  map[string]string // of Config.Approvers

	config      Config
	metaHTTP    *http.Server
	balancer    *http.Server
	gate        *gate.Gate // of Client
	closeClient func()     // nil: Client was not made here
	died        chan error // why a program in this process ended by itself; the first one
	endRules    context.CancelFunc
}

// New prepares a Product: its files, its namespace, the simulated Meta. Its programs run
// from Start on. After an error nothing runs.
func New(ctx context.Context, cfg Config) (*Product, error) {
	p := &Product{
		Server: cfg.Server, Client: cfg.Client, config: cfg, died: make(chan error, 1),
		Workers: &Programs{Holds: &gate.Holds{}}, Bridges: &Programs{Holds: &gate.Holds{}}, Desks: &Programs{Holds: &gate.Holds{}},
	}
	if err := p.prepare(ctx); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

func (p *Product) prepare(ctx context.Context) error {
	p.setDefaults()
	if err := p.writeFiles(); err != nil {
		return err
	}
	var err error
	if p.Accounts, err = openAccounts(p.config.AccountsFile, loginsOf(p.config.Meta.App, ""), p.config.Keys); err != nil {
		return err
	}
	if err := p.connect(ctx); err != nil {
		return err
	}
	if err := p.serveMeta(); err != nil {
		return err
	}
	if p.config.Binaries == "" {
		return p.addInProcess()
	}
	if err := p.addProcesses(); err != nil {
		return err
	}
	return p.setURLs()
}

func (p *Product) setDefaults() {
	c := &p.config
	if c.TaskQueue == "" {
		c.TaskQueue = TaskQueue
	}
	if c.Log == nil {
		c.Log = zap.NewNop()
	}
	if c.GraphTimeout == 0 {
		c.GraphTimeout = workflows.HTTPTimeout
	}
	if c.Data == nil {
		c.Data = converter.GetDefaultDataConverter()
	}
	if c.VerifyToken == "" {
		c.VerifyToken = "harness-verify-token"
	}
	if c.Progress == nil {
		c.Progress = func(string) {}
	}
	if c.Connect == nil {
		c.Connect = func(program string) (Connection, error) {
			return Connection{Client: p.Client, Log: c.Log.Named(program)}, nil
		}
	}
}

func (p *Product) writeFiles() error {
	c := &p.config
	if c.AccountsFile == "" {
		var err error
		if c.AccountsFile, err = writeAccounts(c.Dir, c.Accounts); err != nil {
			return err
		}
	}
	if c.RulesFile == "" {
		c.RulesFile = p.File("rules.yaml")
		if err := os.WriteFile(c.RulesFile, []byte(c.Rules), 0o600); err != nil {
			return err
		}
	}
	var err error
	if c.UsersFile == "" && (len(c.Approvers) > 0 || c.Binaries != "") {
		c.UsersFile, p.Tokens, err = writeUsers(c.Dir, c.Approvers)
	}
	return err
}

// connect sets the namespace up.
func (p *Product) connect(ctx context.Context) error {
	if p.Client == nil {
		address := p.Server.Address
		if p.config.Gated { // a gate finds a server that was killed again at once
			var err error
			if p.gate, err = gate.Open(address, &gate.Holds{}); err != nil {
				return err
			}
			address = p.gate.Address
		}
		var err error
		options := client.Options{HostPort: address, Namespace: p.Server.Namespace, Logger: noLog, DataConverter: p.config.Data}
		if p.config.Codec != nil {
			p.config.Codec.Apply(&options)
			p.config.Data = options.DataConverter
		}
		p.Client, err = client.DialContext(ctx, options)
		if err != nil {
			return fmt.Errorf("the Temporal server at %s: %w", p.Server.Address, err)
		}
		p.closeClient = p.Client.Close
	}
	p.Replies = replies.New(p.Client, p.Server.Namespace, p.config.TaskQueue, p.config.Data).WithPersonKeys(personkey.New(p.config.Codec))
	_, err := setup.Apply(ctx, p.Client, p.Server.Namespace)
	return err
}

// serveMeta puts the simulated Meta in Meta's place.
func (p *Product) serveMeta() error {
	p.config.Progress("starting the sandbox")
	cfg := p.config.Meta
	if cfg.Accounts == nil {
		cfg.Accounts = atMeta(p.config.Accounts)
	}
	p.config.Meta.Accounts = cfg.Accounts
	p.Sandbox = meta.New(cfg)
	var err error
	p.metaHTTP, p.SandboxURL, err = serve(p.config.Addresses.Meta, p.Sandbox)
	return err
}

func (p *Product) appSecrets() string {
	return strings.Join(appSecrets(p.config.Meta.Accounts), ",")
}

// setURLs says where the programs are reached. Bridges that are processes have a load
// balancer in front of them, also a single one: what it refuses Meta delivers again.
func (p *Product) setURLs() error {
	var bridges []string
	for _, b := range p.Bridges.All {
		bridges = append(bridges, b.Address)
	}
	if len(bridges) > 0 {
		var err error
		if p.balancer, p.WebhookURL, err = serve("", loadBalancer(bridges)); err != nil {
			return err
		}
		p.WebhookURL += bridge.Path
	}
	for _, d := range p.Desks.All {
		p.ApprovalsURL = "http://" + d.Address
	}
	return nil
}

// BridgeURLs are the webhook URLs of the bridges, past the load balancer.
func (p *Product) BridgeURLs() []string {
	var urls []string
	for _, b := range p.Bridges.All {
		urls = append(urls, "http://"+b.Address+bridge.Path)
	}
	return urls
}

// File is the path of a file in the Product's folder.
func (p *Product) File(name string) string { return filepath.Join(p.config.Dir, name) }

// TaskQueue is where the Product's workflows run.
func (p *Product) TaskQueue() string { return p.config.TaskQueue }

// parts are the kinds of programs in the order of their start: the worker sets the
// namespace up, and what comes in must find somebody.
func (p *Product) parts() []struct {
	name     string
	programs *Programs
} {
	return []struct {
		name     string
		programs *Programs
	}{{"worker", p.Workers}, {"webhook bridge", p.Bridges}, {"approvals desk", p.Desks}}
}

// Start starts all programs, and subscribes the bridges at the simulated Meta.
func (p *Product) Start(ctx context.Context) error {
	for _, part := range p.parts() {
		if len(part.programs.All) == 0 {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		p.config.Progress("starting the " + part.name)
		if err := part.programs.Start(ctx); err != nil {
			return fmt.Errorf("start the %s: %w", part.name, err)
		}
	}
	return p.Subscribe(ctx)
}

// Subscribe has the simulated Meta deliver its webhooks to the bridges, which it verifies
// as Meta does.
func (p *Product) Subscribe(ctx context.Context) error {
	if p.WebhookURL == "" {
		return nil
	}
	return p.Sandbox.SetCallback(ctx, p.WebhookURL, p.config.VerifyToken)
}

// Wait waits until ctx is done, or a program in this process ends by itself, which is an
// error that says which and why. The others still run then.
func (p *Product) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-p.died:
		return err
	}
}

// Err is why a program in this process has ended by itself, if Wait has not returned it
// before; nil: none has.
func (p *Product) Err() error {
	select {
	case err := <-p.died:
		return err
	default:
		return nil
	}
}

// die notes that a part ended by itself.
func (p *Product) die(name string, err error) {
	select {
	case p.died <- fmt.Errorf("the %s has stopped by itself: %w", name, err):
	default:
	}
}

// Stop ends the programs in the reverse order of their start, so that each finishes while
// what it needs still runs, and then all else but the server.
func (p *Product) Stop() error {
	var problems []error
	parts := p.parts()
	for i := range parts {
		part := parts[len(parts)-1-i]
		if len(part.programs.All) > 0 {
			p.config.Progress("stopping the " + part.name)
			problems = append(problems, part.programs.Stop())
		}
	}
	p.config.Progress("stopping the sandbox")
	p.Close()
	return errors.Join(problems...)
}

// Close ends everything but the server at once: processes as kill -9 does. The logs stay.
func (p *Product) Close() {
	for _, part := range p.parts() {
		part.programs.Kill()
		part.programs.closeGates()
	}
	if p.endRules != nil {
		p.endRules()
	}
	if p.balancer != nil {
		_ = p.balancer.Close()
	}
	if p.Sandbox != nil {
		p.Sandbox.Close() // ends calls that hang in a fault
	}
	if p.metaHTTP != nil {
		_ = p.metaHTTP.Close()
	}
	if p.closeClient != nil {
		p.closeClient()
	}
	if p.gate != nil {
		p.gate.Close()
	}
}
