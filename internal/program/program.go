// Package program is what the product's programs have in common: their start, the
// connection to Temporal, and their end.
package program

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.uber.org/zap"

	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/internal/logging"
	"github.com/privatereply/privatereply/internal/ops"
	"github.com/privatereply/privatereply/internal/telemetry"
	"github.com/privatereply/privatereply/internal/temporal/codec"
	"github.com/privatereply/privatereply/internal/temporal/setup"
	"github.com/privatereply/privatereply/internal/temporal/temporalclient"
	"github.com/privatereply/privatereply/internal/version"
)

// Main runs a program, or the command that its arguments name, until it ends or until
// the first interrupt or SIGTERM asks it to. An error goes to standard error, and the
// exit code is then 1.
func Main(name string, run func(context.Context) error, commands ...Command) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	commands = append(commands, versionCommand(os.Stdout))
	err := selectCommand(name, os.Args[1:], os.Stdout, run, commands)(ctx)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
}

// Base has what every program works with: logger, accounts and the connection to Temporal.
type Base struct {
	Logger   *zap.Logger
	Accounts *config.Accounts

	// Once it is connected:
	Telemetry     *telemetry.Telemetry
	Temporal      client.Client
	Namespace     string                  // of Temporal
	DataConverter converter.DataConverter // of Temporal
	Codec         *codec.Codec            // of Temporal; nil: nothing is encrypted
}

// Open makes the logger and reads the accounts file. A program reads its other files
// before it connects, too: a mistake in a file is then reported without a server.
func Open(settings config.Common) (*Base, error) {
	logger, err := logging.New(settings.LogFormat, settings.LogLevel)
	if err != nil {
		return nil, err
	}
	accounts, err := config.OpenAccounts(settings.Accounts)
	if err != nil {
		return nil, err
	}
	return &Base{Logger: logger, Accounts: accounts}, nil
}

// Connect connects to Temporal as name, and counts and traces what is done there.
// Close the base afterwards.
func (b *Base) Connect(ctx context.Context, name string) error {
	build := version.Get()
	b.Logger.Info("Starting", zap.String("program", name), zap.Stringer("build", build),
		zap.String("go", build.Go), zap.String("temporal_sdk", build.TemporalSDK))
	opts, err := temporalclient.Options(name, b.Logger)
	if err != nil {
		return err
	}
	if b.Telemetry, err = telemetry.Open(ctx, name, b.Logger); err != nil {
		return err
	}
	if err := b.Telemetry.Apply(&opts); err != nil {
		return err
	}
	b.Namespace, b.DataConverter = opts.Namespace, opts.DataConverter
	if b.Codec, err = temporalclient.ReadCodec(); err != nil {
		return err
	}
	b.Temporal, err = temporalclient.Connect(ctx, opts)
	return err
}

// Close ends the connection, and exports what is left of the traces.
func (b *Base) Close() {
	b.Temporal.Close()
	b.Telemetry.Close()
	_ = b.Logger.Sync()
}

// Checks are the checks of /readyz that every program has.
func (b *Base) Checks() []ops.Check {
	return []ops.Check{
		ops.TemporalCheck(b.Temporal),
		{Name: "setup", Run: func(ctx context.Context) error { return setup.Check(ctx, b.Temporal, b.Namespace) }},
		ops.FileCheck("accounts", b.Accounts.Err),
	}
}

// Listen opens a port. Variable is the setting that names it, without its prefix.
func Listen(variable, addr string) (net.Listener, error) {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("%s%s: %w", config.Prefix, variable, err)
	}
	return ln, nil
}

// Command is what a program does instead of running, when its first argument is Name.
type Command struct {
	Name string
	Run  func(ctx context.Context, args []string) error // without the name
}

// help says how a program is run.
func help(out io.Writer, name string, commands []Command) error {
	lines := []string{"Usage:", "  " + name + "    run the program; its settings are environment variables: see docs/operations.md"}
	for _, c := range commands {
		lines = append(lines, "  "+name+" "+c.Name)
	}
	_, err := fmt.Fprintln(out, strings.Join(lines, "\n"))
	return err
}

// selectCommand returns run, or the command that the first argument names. An unknown
// argument is an error: a mistyped health check must not run the program once more.
func selectCommand(name string, args []string, out io.Writer, run func(context.Context) error, commands []Command) func(context.Context) error {
	if len(args) == 0 {
		return run
	}
	if slices.Contains([]string{"-h", "-help", "--help", "help"}, args[0]) {
		return func(context.Context) error { return help(out, name, commands) }
	}
	var names []string
	for _, c := range commands {
		if c.Name == args[0] {
			return func(ctx context.Context) error { return c.Run(ctx, args[1:]) }
		}
		names = append(names, c.Name)
	}
	return func(context.Context) error {
		return fmt.Errorf("there is no command %q; write %s, or nothing to run the program", args[0], strings.Join(names, " or "))
	}
}

// versionCommand is the command that says which build the program is.
func versionCommand(out io.Writer) Command {
	return Command{Name: "version", Run: func(_ context.Context, args []string) error {
		if len(args) > 0 {
			return fmt.Errorf("%q is one argument too many; write version", args[0])
		}
		_, err := fmt.Fprintln(out, version.Get())
		return err
	}}
}

// Healthcheck is the command that asks the program which runs with the same settings on
// this machine whether it is ready. Images without a shell have no other way.
func Healthcheck[S any](read func() (S, error), opsAddr func(S) string) Command {
	return healthcheck(os.Stdout, read, opsAddr)
}

func healthcheck[S any](out io.Writer, read func() (S, error), opsAddr func(S) string) Command {
	return Command{Name: "healthcheck", Run: func(ctx context.Context, args []string) error {
		if len(args) > 0 {
			return fmt.Errorf("%q is one argument too many; write healthcheck", args[0])
		}
		settings, err := read()
		if err != nil {
			return err
		}
		said, err := ops.QueryReady(ctx, opsAddr(settings))
		if err != nil {
			return err
		}
		_, err = io.WriteString(out, said)
		return err
	}}
}
