// Command approvals is the approvals desk: a web page for the people who decide
// replies. It is configured by environment variables; see docs/approvals.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/approvals/answered"
	"github.com/privatereply/privatereply/approvals/desk"
	"github.com/privatereply/privatereply/approvals/health"
	"github.com/privatereply/privatereply/approvals/notify"
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
	"github.com/privatereply/privatereply/internal/ops"
	"github.com/privatereply/privatereply/internal/personkey"
	"github.com/privatereply/privatereply/internal/program"
	"github.com/privatereply/privatereply/internal/reload"
	"github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/internal/stop"
	"github.com/privatereply/privatereply/internal/temporal/temporalclient"
)

func main() {
	program.Main("approvals", run,
		program.Command{Name: "user", Run: func(_ context.Context, args []string) error {
			return newUser(args, os.Stdout, os.Stderr)
		}},
		program.Healthcheck(config.Read[config.Desk], func(s config.Desk) string { return s.OpsAddr }))
}

func run(ctx context.Context) error {
	settings, err := config.Read[config.Desk]()
	if err != nil {
		return err
	}
	guard, err := openAuthenticator(settings)
	if err != nil {
		return err
	}
	base, err := program.Open(settings.Common)
	if err != nil {
		return err
	}
	if err := base.Connect(ctx, "approvals"); err != nil {
		return err
	}
	defer base.Close()
	encryption, err := temporalclient.ReadCodec()
	if err != nil {
		return err
	}
	all := replies.New(base.Temporal, base.Namespace, settings.TaskQueue, base.DataConverter).WithPersonKeys(personkey.New(base.Codec))
	waiting := queue.New(all, base.Logger.Named("queue"))

	logins, err := openConnections(base, all)
	if err != nil {
		return err
	}

	reader := lookup.New(logins.Graph, base.Accounts)

	ln, err := program.Listen("APPROVALS_ADDR", settings.Addr)
	if err != nil {
		return err
	}
	opsLn, err := program.Listen("OPS_ADDR", settings.OpsAddr)
	if err != nil {
		_ = ln.Close()
		return err
	}
	url := string(settings.URL)
	if url == "" {
		url = "http://" + ln.Addr().String()
	}
	logins.URL = url
	answers := answered.New(all, reader, base.Accounts, base.Logger.Named("answered"))
	wellbeing := health.New(all, base.Accounts, logins.Status, base.Logger.Named("health"))
	base.Logger.Info("the desk is open", zap.String("url", url))

	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { waiting.Run(ctx); return nil })
	group.Go(func() error { wellbeing.Run(ctx); return nil })
	group.Go(func() error { answers.Run(ctx); return nil })
	group.Go(func() error {
		notify.New(notify.Config{
			Queue: waiting, Accounts: base.Accounts, Webhook: string(settings.NotifyURL), Desk: url,
			Answered: answers.View, Problems: func() health.View { v, _ := wellbeing.View(); return v },
			Every: time.Duration(settings.NotifyEvery), Quiet: settings.NotifyQuiet, Logger: base.Logger.Named("notify"),
		}).Run(ctx)
		return nil
	})
	if settings.SlackEnabled() {
		group.Go(func() error {
			slack.NewPoster(slack.Config{
				Token: string(settings.SlackToken), Channel: string(settings.SlackChannel), URL: string(settings.SlackURL), Desk: string(settings.URL),
				Replies: all, Accounts: base.Accounts,
			}, waiting, base.Logger.Named("slack")).Run(ctx)
			return nil
		})
	}
	group.Go(func() error {
		return desk.New(desk.Config{
			Replies: all, Queue: waiting, Authenticator: guard, Accounts: base.Accounts,
			WebUI: string(settings.WebUI), Namespace: base.Namespace, Logger: base.Logger,
			Codec: encryption, CodecOrigin: string(settings.CodecOrigin), Connections: logins, Health: wellbeing, Answered: answers,
			Rules: desk.NewRulesFile(settings.Rules, all), Saved: saved.Open(settings.Saved, base.Logger.Named("saved")),
			Stops: &desk.Stops{
				Batches: stop.Batches{Temporal: base.Temporal, Namespace: base.Namespace, Data: base.DataConverter, Program: "approvals desk"},
				InForce: reload.InForceWithin + time.Second,
			},
			Lookup: reader, LocalMeta: logins.Graph.OnThisMachine(),
			Erasures: &desk.Erasures{Temporal: base.Temporal, Data: base.DataConverter, TaskQueue: settings.TaskQueue, Keys: erasure.NewKeys(encryption)},
		}).Run(ctx, ln)
	})
	group.Go(func() error {
		return ops.Serve(ctx, opsLn, ops.Handler(base.Telemetry.Registry, append(base.Checks(), ops.FileCheck("users", usersCheck(guard, base.Accounts)), queueCheck(waiting))...))
	})
	return group.Wait()
}

// openConnections makes what the page Accounts works with.
func openConnections(base *program.Base, all *replies.Client) (*desk.Connections, error) {
	logins, err := config.Read[config.Connect]()
	if err != nil {
		return nil, err
	}
	examined, err := config.Read[doctor.Settings]()
	if err != nil {
		return nil, err
	}
	meta, err := graph.New(graph.Options{FacebookURL: examined.FacebookURL, InstagramURL: examined.InstagramURL, Version: examined.Version})
	if err != nil {
		return nil, err
	}
	return &desk.Connections{
		Connector: connect.New(connect.Config{Settings: logins, Graph: meta, Accounts: base.Accounts}),
		Accounts:  base.Accounts,
		Status:    accountstatus.Reader{Accounts: base.Accounts, Temporal: base.Temporal, Replies: all},
		Temporal:  base.Temporal,
		Graph:     meta,
		Check: func(ctx context.Context, which []privatereply.Account) doctor.Report {
			return doctor.CheckAccounts(ctx, examined, base.Accounts, meta, nil, which)
		},
	}, nil
}

// openAuthenticator makes the authenticator from the settings and the users file.
func openAuthenticator(settings config.Desk) (*signin.Authenticator, error) {
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
	return signin.NewAuthenticator(opts)
}

// queueCheck reports the desk ready when it can read the queue.
func queueCheck(waiting *queue.Queue) ops.Check {
	return ops.Check{Name: "queue", Run: func(ctx context.Context) error { return waiting.View(ctx).Err }}
}

// usersCheck says what is wrong with the users file, also accounts of it that nobody knows.
func usersCheck(guard *signin.Authenticator, accounts desk.Accounts) func() error {
	return func() error {
		return errors.Join(guard.Err(), guard.CheckAccounts(func(idOrName string) bool {
			return slices.ContainsFunc(accounts.All(), func(a privatereply.Account) bool { return a.ID == idOrName || a.Name == idOrName })
		}))
	}
}

const usage = `usage:
  approvals                                             run the desk
  approvals healthcheck                                 ask the desk that runs here whether it is ready
  approvals user NAME [--role viewer|writer|approver|admin]    make an entry for the users file

The entry goes to standard output, to be added to the file of PRIVATEREPLY_APPROVALS_USERS;
the token, which only the user may have, goes to standard error`

// newUser writes an entry for the users file to out, and the token to errOut.
func newUser(args []string, out, errOut io.Writer) error {
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		return errors.New(usage)
	}
	role := signin.Approver
	flags := flag.NewFlagSet("approvals user", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.TextVar(&role, "role", signin.Approver, "")
	if err := flags.Parse(args[1:]); err != nil {
		return fmt.Errorf("%w\n%s", err, usage)
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%q is one argument too many\n%s", flags.Arg(0), usage)
	}
	token, lines, err := signin.NewUser(args[0], role)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(out, lines); err != nil {
		return err
	}
	_, err = fmt.Fprintf(errOut, "The token of %s, which is shown only now:\n%s\n", args[0], token)
	return err
}
