package faults

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/log"

	"github.com/privatereply/privatereply/approvals/signin"
	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/internal/temporal/setup"
	"github.com/privatereply/privatereply/lab/harness/devserver"
	"github.com/privatereply/privatereply/lab/harness/gate"
	"github.com/privatereply/privatereply/lab/harness/process"
	"github.com/privatereply/privatereply/lab/meta"
	webhook "github.com/privatereply/privatereply/webhookbridge/bridge"
)

// Options say what to run the cases on.
type Options struct {
	Dir     string // for programs, logs and the database
	CLI     string // the Temporal CLI; unused with Temporal
	Workers int
	Bridges int

	// Temporal is host:port of a server that somebody else runs; empty starts one. It
	// is killed and started again by the two shell commands; without them the cases
	// that need it are left out.
	Temporal    string
	Namespace   string
	KillServer  string
	StartServer string
}

// Stack is everything that runs.
type Stack struct {
	opts   Options
	server *server
	client client.Client // the judge's
	door   *gate.Gate    // through which the judge reaches Temporal, and finds it again
	ask    *replies.Client

	meta     *meta.Sandbox
	metaHTTP *http.Server
	metaURL  string

	accounts []account
	queue    string
	webhooks string // the bridges' address
	balancer *http.Server
	deskURL  string
	tokens   map[string]string // of approvers, for the desk

	bridges, workers, desks *programs

	people    atomic.Int64 // who were invented so far
	metaAhead atomic.Int64 // a time.Duration: how far Meta's clock is ahead of ours
}

// NewStack builds the programs and starts everything.
func NewStack(ctx context.Context, o Options) (*Stack, error) {
	s := &Stack{opts: o}
	if err := s.start(ctx); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// built are the programs, which lie in the folder while the stack runs.
var built = []string{"webhookbridge", "worker", "approvals"}

func (s *Stack) file(name string) string { return filepath.Join(s.opts.Dir, name) }

func (s *Stack) start(ctx context.Context) error {
	if err := process.Build(ctx, s.opts.Dir, built...); err != nil {
		return err
	}
	if err := s.connect(ctx); err != nil {
		return err
	}
	if err := s.writeFiles(); err != nil {
		return err
	}
	if err := s.serveMeta(); err != nil {
		return err
	}
	if err := s.preparePrograms(); err != nil {
		return err
	}
	for _, p := range []*programs{s.workers, s.bridges, s.desks} { // the worker sets the namespace up
		if err := p.start(ctx); err != nil {
			return err
		}
	}
	return s.meta.SetCallback(ctx, s.webhooks, verifyToken)
}

// connect finds or starts the Temporal server.
func (s *Stack) connect(ctx context.Context) (err error) {
	if s.opts.Temporal == "" {
		s.server, err = startServer(ctx, devserver.Options{CLIPath: s.opts.CLI, DBFile: s.file("temporal.db"), LogFile: s.file("temporal.log")})
	} else {
		s.server = &server{address: s.opts.Temporal, namespace: s.opts.Namespace, killCommand: s.opts.KillServer, startCommand: s.opts.StartServer}
	}
	if err != nil {
		return err
	}
	if s.door, err = gate.Open(s.server.address, &gate.Holds{}); err != nil {
		return err
	}
	s.client, err = client.DialContext(ctx, client.Options{
		HostPort: s.door.Address, Namespace: s.server.namespace, Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	})
	if err != nil {
		return fmt.Errorf("the Temporal server at %s: %w", s.server.address, err)
	}
	if _, err := setup.Apply(ctx, s.client, s.server.namespace); err != nil {
		return err
	}
	s.queue = "faults-" + runName
	s.ask = replies.New(s.client, s.server.namespace, s.queue, converter.GetDefaultDataConverter())
	return nil
}

func (s *Stack) writeFiles() error {
	s.accounts = newAccounts()
	s.tokens = map[string]string{}
	var users strings.Builder
	for _, name := range []string{ana, ben} {
		token, lines, err := signin.NewUser(name, signin.Approver)
		if err != nil {
			return err
		}
		s.tokens[name] = token
		users.WriteString(lines)
	}
	for name, content := range map[string]string{
		"accounts.yaml": accountsYAML(s.accounts), "rules.yaml": rulesYAML, "users.yaml": users.String(),
	} {
		if err := os.WriteFile(s.file(name), []byte(content), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// retries are what Meta does after a failed webhook, in the time of a test.
func retries() []time.Duration {
	after := make([]time.Duration, 500)
	for i := range after {
		after[i] = redeliverEvery
	}
	return after
}

// serveMeta puts the sandbox in Meta's place. The limits of sends and their pacing have
// tests of their own; here they would only slow the cases down. The one of two calls a
// second about conversations holds: reading them is part of the cases.
func (s *Stack) serveMeta() error {
	s.meta = meta.New(meta.Config{
		Accounts: atMeta(s.accounts), RetryDelays: retries(), WebhookSettings: meta.WebhookSettings{Echo: meta.EchoOff},
		Now:    func() time.Time { return time.Now().Add(time.Duration(s.metaAhead.Load())) },
		Limits: meta.Limits{PostsPerHour: -1, LivePerSecond: -1, SendsPerSecond: -1},
	})
	var err error
	s.metaHTTP, s.metaURL, err = serve(s.meta)
	return err
}

// serve serves h on a free port of this machine.
func serve(h http.Handler) (*http.Server, string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", err
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = srv.Serve(ln) }() // ends with Close
	return srv, "http://" + ln.Addr().String(), nil
}

// preparePrograms makes the programs ready to start, on ports that they keep.
func (s *Stack) preparePrograms() error {
	common := []string{
		setting("ACCOUNTS", s.file("accounts.yaml")), setting("RULES", s.file("rules.yaml")), setting("TASK_QUEUE", s.queue),
		proofVariable + "=" + appSecret,
	}
	for _, a := range s.accounts {
		common = append(common, tokenVariable+a.tokenSuffix()+"="+token+a.tokenSuffix())
	}
	s.bridges = &programs{kind: bridge, holds: &gate.Holds{}}
	s.workers = &programs{kind: worker, holds: &gate.Holds{}}
	s.desks = &programs{kind: desk, holds: &gate.Holds{}}
	var addresses []string
	for range max(1, s.opts.Bridges) {
		address, err := process.FreeAddress()
		if err != nil {
			return err
		}
		addresses = append(addresses, address)
		if err := s.add(s.bridges, s.file("webhookbridge"), append(common[:len(common):len(common)],
			setting("VERIFY_TOKEN", verifyToken), setting("APP_SECRETS", appSecret+","+instagramSecret), setting("WEBHOOK_ADDR", address))); err != nil {
			return err
		}
	}
	for range max(1, s.opts.Workers) {
		if err := s.add(s.workers, s.file("worker"), append(common[:len(common):len(common)],
			setting("GRAPH_FACEBOOK_URL", s.metaURL+"/facebook"), setting("GRAPH_INSTAGRAM_URL", s.metaURL+"/instagram"),
			setting("SEND_WORKERS", fmt.Sprint(max(1, s.opts.Workers))))); err != nil {
			return err
		}
	}
	address, err := process.FreeAddress()
	if err != nil {
		return err
	}
	s.deskURL = "http://" + address
	if err := s.add(s.desks, s.file("approvals"), append(common[:len(common):len(common)],
		setting("APPROVALS_ADDR", address), setting("APPROVALS_USERS", s.file("users.yaml")))); err != nil {
		return err
	}
	var front string
	if s.balancer, front, err = serve(balance(addresses)); err != nil {
		return err
	}
	s.webhooks = front + webhook.Path
	return nil
}

func setting(name, value string) string { return config.Prefix + name + "=" + value }

// Close ends everything at once. The logs stay.
func (s *Stack) Close() {
	for _, p := range []*programs{s.bridges, s.workers, s.desks} {
		if p != nil {
			p.close()
		}
	}
	if s.balancer != nil {
		_ = s.balancer.Close()
	}
	if s.meta != nil {
		s.meta.Close()
	}
	if s.metaHTTP != nil {
		_ = s.metaHTTP.Close()
	}
	if s.client != nil {
		s.client.Close()
	}
	if s.door != nil {
		s.door.Close()
	}
	if s.server != nil {
		s.server.close()
	}
	for _, program := range built {
		_ = os.Remove(s.file(program)) // one that stays harms nobody
	}
}
