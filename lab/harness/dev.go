package harness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/gofrs/flock"
	"go.temporal.io/sdk/client"
	"go.uber.org/zap"

	"github.com/privatereply/privatereply/approvals/desk"
	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/internal/telemetry"
	"github.com/privatereply/privatereply/internal/temporal/codec"
	"github.com/privatereply/privatereply/internal/temporal/temporalclient"
	"github.com/privatereply/privatereply/lab/harness/devserver"
	"github.com/privatereply/privatereply/lab/harness/process"
	"github.com/privatereply/privatereply/lab/meta"
)

// DevOptions say how Dev runs. Folder and Ports are required.
type DevOptions struct {
	Folder         string        // the state folder; what is missing in it is made
	Ports          Ports         // all of them; see FreePorts
	CLIPath        string        // the Temporal CLI; empty: find it, or build it
	Ephemeral      bool          // Temporal's state is not kept in the folder
	RepairInterval time.Duration // see Config
	Encrypt        bool          // make an encryption key for the folder if it has none
	UsersFile      string        // who may sign in at the desk; empty: everybody is its admin
	Progress       io.Writer     // gets a line for each part that starts or stops; nil: nobody
	Warnings       io.Writer     // gets the warnings of the log; nil: nobody
}

// Dev is the Product of `starter dev`, `starter demo` and their tests: in one process, on
// a development server of its own, with its settings and its state in a folder.
type Dev struct {
	*Product
	CLIPath string

	opts       DevOptions
	folder     folder
	log        *zap.Logger
	keys       string       // of the encryption; empty: none
	codec      *codec.Codec // nil: payloads are not encrypted
	encryption []codec.Key  // of codec
	closers    []func() error
}

// StartDev starts every part, and returns when all of them are ready. ctx bounds the
// start only. After an error nothing runs.
func StartDev(ctx context.Context, opts DevOptions) (*Dev, error) {
	if opts.Progress == nil {
		opts.Progress = io.Discard
	}
	if opts.Warnings == nil {
		opts.Warnings = io.Discard
	}
	d := &Dev{opts: opts}
	err := d.start(ctx)
	if err == nil {
		return d, nil
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return nil, errors.Join(err, d.Stop())
}

func (d *Dev) start(ctx context.Context) error {
	sdkLog, err := d.prepare()
	if err != nil {
		return err
	}
	d.progress("starting the Temporal server")
	server, err := d.startServer(ctx)
	if err != nil {
		return fmt.Errorf("start the Temporal server: %w", err)
	}
	// TEMPORAL_* variables may name another server, which must not be touched here.
	options := client.Options{HostPort: server.Address, Namespace: server.Namespace, Identity: "starter dev", Logger: temporalclient.NewLogger(sdkLog)}
	if d.codec != nil {
		d.codec.Apply(&options)
	}
	// Traces, if the environment asks for them; nobody reads the metrics here.
	traces, err := telemetry.Open(ctx, "dev", d.log)
	if err != nil {
		return err
	}
	d.closers = append(d.closers, func() error { traces.Close(); return nil })
	if err := traces.Apply(&options); err != nil {
		return err
	}
	temporal, err := client.DialContext(ctx, options)
	if err != nil {
		return err
	}
	d.closers = append(d.closers, func() error { temporal.Close(); return nil })
	app, err := d.folder.app()
	if err != nil {
		return err
	}
	accounts, err := d.folder.metaAccounts(ctx, app, d.encryption)
	if err != nil {
		return err
	}
	token, err := d.folder.secret(verifyToken)
	if err != nil {
		return err
	}
	d.Product, err = New(ctx, Config{
		Dir: string(d.folder), Server: OnDevServer(server), AccountsFile: d.folder.path(config.DevAccountsFolder), RulesFile: d.folder.path(config.DevRulesFile),
		Meta: meta.Config{Accounts: accounts, App: app, Log: d.log.Named("sandbox")}, VerifyToken: token, UsersFile: d.opts.UsersFile, Workers: 1, Bridges: 1, Desks: 1, RepairInterval: d.opts.RepairInterval,
		Log: d.log, Client: temporal, Data: options.DataConverter, Codec: d.codec, Keys: d.encryption,
		Connect: func(program string) (Connection, error) {
			return Connection{Client: temporal, Log: d.log.Named(program), Registry: traces.Registry, Tracer: traces.Tracer}, nil
		},
		Addresses: Addresses{Meta: address(d.opts.Ports.Sandbox), Webhooks: address(d.opts.Ports.Bridge), Desk: address(d.opts.Ports.Approvals)},
		Progress:  d.progress,
	})
	if err != nil {
		return err
	}
	go func() {
		if err := server.Wait(); err != nil {
			d.die("Temporal server", err)
		}
	}()
	if err := d.Product.Start(ctx); err != nil {
		return err
	}
	return d.folder.writeEnv(d.env())
}

// prepare locks the folder, checks that the ports are free, and opens the log. What
// Temporal's SDK mends itself is no warning of sdkLog.
func (d *Dev) prepare() (sdkLog *zap.Logger, err error) {
	if d.folder, err = openFolder(d.opts.Folder); err != nil {
		return nil, err
	}
	lock := flock.New(d.folder.path(lockFile), flock.SetPermissions(0o600))
	locked, err := lock.TryLock()
	if err == nil && !locked {
		return nil, fmt.Errorf("another `starter dev` uses the state folder %s: stop it, or choose another folder with --state", d.opts.Folder)
	}
	if err != nil {
		return nil, err
	}
	d.closers = append(d.closers, lock.Unlock)
	if err := d.opts.Ports.check(); err != nil {
		return nil, err
	}
	if err := d.openKeys(); err != nil {
		return nil, err
	}
	sdkLog, closeLog, err := openLog(d.folder.path(productLogFile))
	if err != nil {
		return nil, err
	}
	d.log = withWarnings(sdkLog, d.opts.Warnings)
	d.closers = append(d.closers, closeLog)
	return sdkLog, nil
}

func (d *Dev) startServer(ctx context.Context) (s *devserver.Server, err error) {
	if d.CLIPath = d.opts.CLIPath; d.CLIPath == "" {
		if d.CLIPath, err = devserver.Find(ctx, d.opts.Progress); err != nil {
			return nil, err
		}
	}
	opts := devserver.Options{
		CLIPath: d.CLIPath, Port: d.opts.Ports.Temporal, UIPort: d.opts.Ports.WebUI, UICodec: d.CodecURL(), LogFile: d.folder.path(serverLogFile),
	}
	if !d.opts.Ephemeral {
		opts.DBFile = d.folder.path(databaseFile)
	}
	if s, err = devserver.Start(ctx, opts); err != nil {
		return nil, err
	}
	d.closers = append(d.closers, func() error {
		d.progress("stopping the Temporal server")
		return s.Stop()
	})
	return s, nil
}

// CodecURL is where Temporal's own tools have payloads decrypted; empty if they are
// not encrypted.
func (d *Dev) CodecURL() string {
	if d.codec == nil {
		return ""
	}
	return "http://" + address(d.opts.Ports.Approvals) + desk.CodecPath
}

func (d *Dev) progress(text string) { fmt.Fprintln(d.opts.Progress, text) }

// Stop stops the parts in the reverse order of their start, so that each finishes while
// what it needs still runs: nothing comes in any more, then what is being sent ends, then
// the server goes.
func (d *Dev) Stop() error {
	var problems []error
	if d.Product != nil {
		problems = append(problems, d.Product.Stop())
	}
	for _, closer := range slices.Backward(d.closers) {
		problems = append(problems, closer())
	}
	d.Product, d.closers = nil, nil
	return errors.Join(problems...)
}

// Ports are the TCP ports on 127.0.0.1 on which `starter dev` listens.
type Ports struct {
	Temporal, WebUI, Bridge, Sandbox, Approvals int
}

// DefaultPorts are those of `starter dev`.
var DefaultPorts = Ports{Temporal: 7233, WebUI: 8233, Bridge: 8080, Sandbox: 8091, Approvals: 8090}

// FreePorts finds ports that nobody uses.
func FreePorts() (Ports, error) {
	var p Ports
	for _, u := range p.uses() {
		var err error
		if *u.port, err = process.FreePort(); err != nil {
			return p, err
		}
	}
	return p, nil
}

type portUse struct {
	port *int
	what string
	flag string
}

func (p *Ports) uses() []portUse {
	return []portUse{
		{&p.Temporal, "the Temporal server", "--temporal-port"},
		{&p.WebUI, "Temporal's Web UI", "--web-ui-port"},
		{&p.Bridge, "the webhook bridge", "--bridge-port"},
		{&p.Sandbox, "the sandbox", "--sandbox-port"},
		{&p.Approvals, "the approvals desk", "--approvals-port"},
	}
}

// check says which ports are taken, and what to do.
func (p Ports) check() error {
	var all []error
	for _, u := range p.uses() {
		l, err := net.Listen("tcp", address(*u.port))
		if err != nil {
			all = append(all, fmt.Errorf("port %d for %s: %w; choose another with %s", *u.port, u.what, err, u.flag))
			continue
		}
		l.Close()
	}
	if len(all) == 0 {
		return nil
	}
	return fmt.Errorf("%w\nor let starter pick free ports with --free-ports", errors.Join(all...))
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
