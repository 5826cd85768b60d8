package harness

import (
	"context"
	"fmt"
	"net"
	"slices"

	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/webhookbridge/bridge"
)

// startBridge starts the bridge and subscribes it at the sandbox, which verifies
// it as Meta does.
func (s *Stack) startBridge(ctx context.Context) (stop func() error, err error) {
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	defer func() {
		if stop == nil {
			end()
		}
	}()
	settings, err := s.bridgeSettings()
	if err != nil {
		return nil, err
	}
	b, err := bridge.New(bridge.Config{
		Settings:  settings,
		Accounts:  s.Accounts,
		Rules:     s.rules,
		Client:    s.Client,
		Namespace: s.Server.Namespace,
		Logger:    s.log.Named("bridge"),
		Registry:  s.telemetry.Registry,
		Tracer:    s.telemetry.Tracer,
	})
	if err != nil {
		return nil, err
	}
	ln, err := net.Listen("tcp", settings.WebhookAddr)
	if err != nil {
		return nil, err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := b.Run(life, ln); err != nil {
			s.die("webhook bridge", err)
		}
	}()
	stop = func() error {
		end()
		<-done
		return nil
	}
	s.WebhookURL = "http://" + ln.Addr().String() + bridge.Path
	for _, check := range b.Checks() {
		if err := check.Run(ctx); err != nil && !check.Advisory {
			return stop, fmt.Errorf("%s: %w", check.Name, err)
		}
	}
	return stop, s.Sandbox.SetCallback(ctx, s.WebhookURL, string(settings.VerifyToken))
}

func (s *Stack) bridgeSettings() (config.Bridge, error) {
	token, err := s.folder.secret(verifyToken)
	if err != nil {
		return config.Bridge{}, err
	}
	signs, err := s.folder.secret(appSecret)
	if err != nil {
		return config.Bridge{}, err
	}
	secrets := []string{signs}
	for _, a := range s.Accounts.All() {
		has, err := s.Accounts.Secrets(a.Platform, a.ID)
		if err != nil {
			return config.Bridge{}, err
		}
		if has.AppSecret != "" && !slices.Contains(secrets, has.AppSecret) {
			secrets = append(secrets, has.AppSecret)
		}
	}
	return config.Bridge{
		Common:      config.Common{TaskQueue: TaskQueue},
		VerifyToken: config.Secret(token),
		AppSecrets:  secrets,
		WebhookAddr: address(s.opts.Ports.Bridge),
	}, nil
}
