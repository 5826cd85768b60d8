package harness

import (
	"context"

	"go.temporal.io/sdk/client"

	"github.com/privatereply/privatereply/internal/telemetry"
	"github.com/privatereply/privatereply/internal/temporal/setup"
	"github.com/privatereply/privatereply/internal/temporal/temporalclient"
	"github.com/privatereply/privatereply/lab/harness/devserver"
)

// startServer starts the Temporal server and sets its namespace up.
func (s *Stack) startServer(ctx context.Context) (stop func() error, err error) {
	if s.CLIPath = s.opts.CLIPath; s.CLIPath == "" {
		if s.CLIPath, err = devserver.Find(ctx, s.opts.Progress); err != nil {
			return nil, err
		}
	}
	opts := devserver.Options{
		UICodec: s.CodecURL(),
		CLIPath: s.CLIPath,
		Port:    s.opts.Ports.Temporal,
		UIPort:  s.opts.Ports.WebUI,
		LogFile: s.folder.path(serverLogFile),
	}
	if !s.opts.Ephemeral {
		opts.DBFile = s.folder.path(databaseFile)
	}
	if s.Server, err = devserver.Start(ctx, opts); err != nil {
		return nil, err
	}
	go func() {
		if err := s.Server.Wait(); err != nil {
			s.die("Temporal server", err)
		}
	}()
	// TEMPORAL_* variables may name another server, which must not be touched here.
	options := client.Options{
		HostPort:  s.Server.Address,
		Namespace: s.Server.Namespace,
		Identity:  "starter dev",
		Logger:    temporalclient.NewLogger(s.sdkLog),
	}
	if s.codec != nil {
		s.codec.Apply(&options)
	}
	// Traces, if the environment asks for them; nobody looks at the metrics here.
	if s.telemetry, err = telemetry.Open(ctx, "dev", s.log); err != nil {
		return s.Server.Stop, err
	}
	if err := s.telemetry.Apply(&options); err != nil {
		return s.Server.Stop, err
	}
	s.data = options.DataConverter
	if s.Client, err = client.DialContext(ctx, options); err != nil {
		return s.Server.Stop, err
	}
	stop = func() error {
		s.Client.Close()
		s.telemetry.Close()
		return s.Server.Stop()
	}
	_, err = setup.Apply(ctx, s.Client, s.Server.Namespace)
	return stop, err
}
