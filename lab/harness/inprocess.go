package harness

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/approvals/answered"
	"github.com/privatereply/privatereply/approvals/desk"
	"github.com/privatereply/privatereply/approvals/health"
	"github.com/privatereply/privatereply/approvals/queue"
	"github.com/privatereply/privatereply/approvals/saved"
	"github.com/privatereply/privatereply/approvals/signin"
	"github.com/privatereply/privatereply/approvals/slack"
	"github.com/privatereply/privatereply/graph"
	"github.com/privatereply/privatereply/internal/accountstatus"
	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/internal/connect"
	"github.com/privatereply/privatereply/internal/doctor"
	"github.com/privatereply/privatereply/internal/erasure"
	"github.com/privatereply/privatereply/internal/lookup"
	"github.com/privatereply/privatereply/internal/personkey"
	"github.com/privatereply/privatereply/internal/reload"
	"github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/internal/stop"
	"github.com/privatereply/privatereply/lab/harness/process"
	labslack "github.com/privatereply/privatereply/lab/slack"
	"github.com/privatereply/privatereply/rules"
	"github.com/privatereply/privatereply/webhookbridge/bridge"
	"github.com/privatereply/privatereply/worker/replyworker"
)

// devUser is who everybody is at a desk where nobody signs in.
const devUser = "you"

// addInProcess prepares the product's programs in this process.
func (p *Product) addInProcess() error {
	c := &p.config
	watching, end := context.WithCancel(context.Background())
	p.endRules = end
	var err error
	if p.Rules, err = rules.Watch(watching, c.RulesFile, c.Log); err != nil {
		return err
	}
	add := func(programs *Programs, n int, name, address string, run func(context.Context, string) (func() error, error)) (string, error) {
		for range n {
			if address == "" {
				var err error
				if address, err = process.FreeAddress(); err != nil {
					return "", err
				}
			}
			programs.All = append(programs.All, &Program{Name: name, Address: address,
				run: func(ctx context.Context) (func() error, error) { return run(ctx, address) }})
		}
		return address, nil
	}
	if _, err := add(p.Workers, c.Workers, "worker", "", p.runWorker); err != nil {
		return err
	}
	webhooks, err := add(p.Bridges, c.Bridges, "webhook bridge", c.Addresses.Webhooks, p.runBridge)
	if err != nil {
		return err
	}
	page, err := add(p.Desks, c.Desks, "approvals desk", c.Addresses.Desk, p.runDesk)
	if c.Bridges > 0 {
		p.WebhookURL = "http://" + webhooks + bridge.Path
		if c.Slack != nil {
			c.Slack.InteractionURL = "http://" + webhooks + slack.Path
		}
	}
	if c.Desks > 0 {
		p.ApprovalsURL = "http://" + page
	}
	return err
}

// Graph is a client of the simulated Meta, as the worker's.
func (p *Product) Graph() (*graph.Client, error) {
	return graph.New(graph.Options{
		FacebookURL: p.SandboxURL + "/facebook", InstagramURL: p.SandboxURL + "/instagram", Timeout: p.config.GraphTimeout,
	})
}

func (p *Product) runWorker(context.Context, string) (stop func() error, err error) {
	meta, err := p.Graph()
	if err != nil {
		return nil, err
	}
	c, err := p.config.Connect("worker")
	if err != nil {
		return nil, err
	}
	w := replyworker.New(replyworker.Config{
		Client: c.Client, Namespace: p.Server.Namespace, DataConverter: p.config.Data, Codec: p.config.Codec, TaskQueue: p.config.TaskQueue,
		Accounts: p.Accounts, Apps: loginsOf(p.config.Meta.App, p.SandboxURL), Rules: p.Rules, Graph: meta, Logger: c.Log, Telemetry: c.Telemetry, SendWorkers: p.config.Workers, RepairInterval: p.config.RepairInterval,
		Fatal: func(err error) { p.die("worker", err) },
	})
	if err := w.Start(); err != nil {
		return nil, err
	}
	return func() error { w.Stop(); return nil }, nil
}

func (p *Product) runBridge(ctx context.Context, address string) (stop func() error, err error) {
	c, err := p.config.Connect("webhookbridge")
	if err != nil {
		return nil, err
	}
	if p.Registry = c.Registry; p.Registry == nil {
		p.Registry = prometheus.NewRegistry()
	}
	interactions, err := p.interactions(c)
	if err != nil {
		return nil, err
	}
	var slackHandler http.Handler // nil, not a nil pointer
	if interactions != nil {
		slackHandler = interactions
	}
	b, err := bridge.New(bridge.Config{
		Settings: config.Bridge{
			Common:      config.Common{TaskQueue: p.config.TaskQueue},
			VerifyToken: config.Secret(p.config.VerifyToken), AppSecrets: appSecrets(p.config.Meta.Accounts), WebhookAddr: address,
		},
		Accounts: p.Accounts, Rules: p.Rules, Client: c.Client, Namespace: p.Server.Namespace,
		Data: p.config.Data, Codec: p.config.Codec, Logger: c.Log, Registry: p.Registry, Tracer: c.Tracer, Slack: slackHandler,
	})
	if err != nil {
		return nil, err
	}
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() {
		err := b.Run(life, ln)
		if err != nil {
			p.die("webhook bridge", err)
		}
		ended <- err
	}()
	stop = func() error {
		end()
		err := <-ended
		if interactions != nil { // what was answered is done
			ending, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			interactions.Wait(ending)
		}
		return err
	}
	for _, check := range b.Checks() {
		if err := check.Run(ctx); err != nil && !check.Advisory {
			return nil, fmt.Errorf("%s: %w", check.Name, errors.Join(err, stop()))
		}
	}
	return stop, nil
}

func (p *Product) runDesk(ctx context.Context, address string) (_ func() error, err error) {
	options := signin.Options{DevUser: devUser}
	if p.config.UsersFile != "" {
		users, err := signin.OpenUsers(p.config.UsersFile)
		if err != nil {
			return nil, err
		}
		options = signin.Options{Users: users}
	}
	authenticator, err := signin.NewAuthenticator(options)
	if err != nil {
		return nil, err
	}
	c, err := p.config.Connect("approvals")
	if err != nil {
		return nil, err
	}
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	all := replies.New(c.Client, p.Server.Namespace, p.config.TaskQueue, p.config.Data).WithPersonKeys(personkey.New(p.config.Codec))
	waiting := queue.New(all, c.Log)
	p.Queue, p.Authenticator = waiting, authenticator
	meta, err := p.Graph()
	if err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	connections := &desk.Connections{
		Connector: connect.New(connect.Config{Settings: loginsOf(p.config.Meta.App, p.SandboxURL), Graph: meta, Accounts: p.Accounts}),
		Accounts:  p.Accounts,
		Status:    accountstatus.Reader{Accounts: p.Accounts, Temporal: c.Client, Replies: all},
		Temporal:  c.Client,
		Graph:     meta,
		Check: func(ctx context.Context, which []privatereply.Account) doctor.Report {
			return doctor.CheckAccounts(ctx, p.doctorSettings(), p.Accounts, meta, nil, which)
		},
		URL: "http://" + ln.Addr().String(),
	}
	reader := lookup.New(meta, p.Accounts)
	answers := answered.New(all, reader, p.Accounts, c.Log)
	wellbeing := health.New(all, p.Accounts, connections.Status, c.Log)
	d := desk.New(desk.Config{
		Replies: all, Queue: waiting, Authenticator: authenticator, Accounts: p.Accounts,
		WebUI: p.Server.UIURL, Namespace: p.Server.Namespace, Logger: c.Log,
		Codec: p.config.Codec, CodecOrigin: p.Server.UIURL, Connections: connections, Health: wellbeing, Answered: answers,
		Rules: desk.NewRulesFile(p.config.RulesFile, all), Saved: saved.Open(filepath.Join(filepath.Dir(p.config.RulesFile), config.DevSavedRepliesFile), c.Log),
		Stops: &desk.Stops{
			Batches: stop.Batches{Temporal: c.Client, Namespace: p.Server.Namespace, Data: p.config.Data, Program: "approvals desk"},
			InForce: reload.InForceWithin + time.Second,
		},
		Lookup: reader, LocalMeta: meta.OnThisMachine(),
		Erasures: &desk.Erasures{Temporal: c.Client, Data: p.config.Data, TaskQueue: p.config.TaskQueue, Keys: erasure.NewKeys(p.config.Codec)},
	})
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	var running errgroup.Group
	if p.config.Slack != nil {
		running.Go(func() error {
			slack.NewPoster(p.slackConfig(c, "http://"+ln.Addr().String()), waiting, c.Log.Named("slack")).Run(life)
			return nil
		})
	}
	running.Go(func() error { waiting.Run(life); return nil })
	running.Go(func() error { wellbeing.Run(life); return nil })
	running.Go(func() error { answers.Run(life); return nil })
	running.Go(func() error {
		err := d.Run(life, ln)
		if err != nil {
			p.die("approvals desk", err)
		}
		return err
	})
	return func() error {
		end()
		return running.Wait()
	}, nil
}

// slackConfig is what the desk and the bridge need to reach the Slack in Slack's place.
func (p *Product) slackConfig(c Connection, deskURL string) slack.Config {
	at := p.config.Slack
	return slack.Config{
		Token: at.Token, Channel: at.Channel, URL: at.URL(), Desk: deskURL,
		Replies: replies.New(c.Client, p.Server.Namespace, p.config.TaskQueue, p.config.Data), Accounts: p.Accounts,
	}
}

// interactions is the bridge's handler of what people do in Slack; nil without a Slack.
func (p *Product) interactions(c Connection) (*slack.Interactions, error) {
	if p.config.Slack == nil {
		return nil, nil
	}
	users, err := signin.OpenUsers(p.config.UsersFile)
	if err != nil {
		return nil, err
	}
	return slack.NewInteractions(p.slackConfig(c, p.ApprovalsURL), p.config.Slack.SigningSecret, labslack.Team, users, c.Log.Named("slack")), nil
}

// doctorSettings are those of a doctor beside this Product.
func (p *Product) doctorSettings() doctor.Settings {
	return doctor.Settings{
		Graph:      config.Graph{FacebookURL: p.SandboxURL + "/facebook", InstagramURL: p.SandboxURL + "/instagram", Version: graph.DefaultVersion},
		AppSecrets: appSecrets(p.config.Meta.Accounts),
	}
}
