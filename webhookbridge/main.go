// Command webhookbridge takes Meta's webhooks and makes them durable in Temporal. It
// is configured by environment variables; see the README.
package main

import (
	"context"
	"net/http"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/approvals/signin"
	"github.com/privatereply/privatereply/approvals/slack"
	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/internal/ops"
	"github.com/privatereply/privatereply/internal/program"
	"github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/rules"
	"github.com/privatereply/privatereply/webhookbridge/bridge"
)

func main() {
	program.Main("webhookbridge", run,
		program.Healthcheck(config.Read[config.Bridge], func(s config.Bridge) string { return s.OpsAddr }))
}

func run(ctx context.Context) error {
	settings, err := config.Read[config.Bridge]()
	if err != nil {
		return err
	}
	apps, err := config.Read[config.Connect]()
	if err != nil {
		return err
	}
	settings.AppSecrets = appSecrets(settings.AppSecrets, apps)
	base, err := program.Open(settings.Common)
	if err != nil {
		return err
	}
	watching, stopWatching := context.WithCancel(ctx)
	defer stopWatching()
	watcher, err := rules.Watch(watching, settings.Rules, base.Logger)
	if err != nil {
		return err
	}
	if err := base.Connect(ctx, "webhookbridge"); err != nil {
		return err
	}
	defer base.Close()
	interactions, err := openSlack(settings, base)
	if err != nil {
		return err
	}
	b, err := bridge.New(bridge.Config{
		Settings: settings, Accounts: base.Accounts, Rules: watcher, Client: base.Temporal, Namespace: base.Namespace,
		Data: base.DataConverter, Codec: base.Codec, Logger: base.Logger, Registry: base.Telemetry.Registry, Tracer: base.Telemetry.Tracer,
		Slack: handler(interactions),
	})
	if err != nil {
		return err
	}
	webhooks, err := program.Listen("WEBHOOK_ADDR", settings.WebhookAddr)
	if err != nil {
		return err
	}
	watch, err := program.Listen("OPS_ADDR", settings.OpsAddr)
	if err != nil {
		_ = webhooks.Close()
		return err
	}
	// Half an accounts file may have been read: a webhook for the other half would be lost.
	select {
	case <-base.Accounts.Confirmed():
	case <-ctx.Done():
	}
	checks := append(b.Checks(), ops.ClockCheck(base.Temporal, base.Namespace, nil))
	// Either one's fault ends both.
	running, ctx := errgroup.WithContext(ctx)
	running.Go(func() error { return b.Run(ctx, webhooks) })
	running.Go(func() error { return ops.Serve(ctx, watch, ops.Handler(base.Telemetry.Registry, checks...)) })
	err = running.Wait()
	if interactions != nil { // what was answered is done
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), slackStopTimeout)
		defer cancel()
		interactions.Wait(ending)
	}
	return err
}

// slackStopTimeout is how long decisions from Slack may take when the bridge stops.
const slackStopTimeout = 5 * time.Second

// openSlack makes the handler of Slack's interactions; nil: they are not taken.
func openSlack(settings config.Bridge, base *program.Base) (*slack.Interactions, error) {
	if settings.SlackSigningSecret == "" {
		return nil, nil
	}
	users, err := signin.OpenUsers(settings.Users)
	if err != nil {
		return nil, err
	}
	return slack.NewInteractions(slack.Config{
		Token: string(settings.SlackToken), Channel: string(settings.SlackChannel), URL: string(settings.SlackURL), Desk: string(settings.DeskURL),
		Replies: replies.New(base.Temporal, base.Namespace, settings.TaskQueue, base.DataConverter), Accounts: base.Accounts,
	}, string(settings.SlackSigningSecret), settings.SlackTeam, users, base.Logger.Named("slack")), nil
}

// handler is i as a handler. A nil pointer in an interface is not nil.
func handler(i *slack.Interactions) http.Handler {
	if i == nil {
		return nil
	}
	return i
}

// appSecrets are all secrets that Meta may sign with: those of the setting, and those of the
// apps that accounts are connected with.
func appSecrets(listed config.SecretList, apps config.Connect) config.SecretList {
	for _, login := range []privatereply.Login{privatereply.LoginFacebook, privatereply.LoginInstagram} {
		if _, secret := apps.App(login); secret != "" && !slices.Contains(listed, string(secret)) {
			listed = append(listed, string(secret))
		}
	}
	return listed
}
