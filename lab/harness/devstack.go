// Package harness runs the whole product in one process, with a Temporal
// development server beside it and the sandbox in Meta's place. It is what
// `starter dev`, `starter demo` and the end-to-end tests run; it is no way to run
// the product in production.
package harness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/gofrs/flock"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.uber.org/zap"

	"github.com/privatereply/privatereply/approvals/desk"
	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/internal/telemetry"
	"github.com/privatereply/privatereply/internal/temporal/codec"
	"github.com/privatereply/privatereply/lab/harness/devserver"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/rules"
)

// TaskQueue is where a stack's workflows run.
const TaskQueue = "private-replies"

// Options say how a stack runs. Folder and Ports are required.
type Options struct {
	Folder    string    // the state folder; what is missing in it is made
	Ports     Ports     // all of them; see FreePorts
	CLIPath   string    // the Temporal CLI; empty: find it, or build it
	Ephemeral bool      // Temporal's state is not kept in the folder
	Encrypt   bool      // make an encryption key for the folder if it has none
	Progress  io.Writer // told of each part in words; nil: nobody
	Warnings  io.Writer // gets what is worth a look of the log; nil: nobody
}

// Stack is the product while it runs.
type Stack struct {
	CLIPath    string
	Server     *devserver.Server
	Client     client.Client // of the server's namespace
	Sandbox    *meta.Sandbox
	SandboxURL string // without a slash at the end
	WebhookURL string
	// ApprovalsURL is the desk's, without a slash at the end. Nobody signs in there.
	ApprovalsURL string
	Accounts     *config.Accounts

	opts      Options
	folder    folder
	lock      *flock.Flock
	log       *zap.Logger
	sdkLog    *zap.Logger             // Temporal's SDK warns of what it mends itself
	data      converter.DataConverter // of Client; nil: Temporal's own
	keys      string                  // of the encryption; empty: none
	codec     *codec.Codec            // nil: payloads are not encrypted
	rules     *rules.Watcher
	telemetry *telemetry.Telemetry
	closers   []func() error
	running   []part
	died      chan error // why a part ended by itself; the first one is kept
}

// part is a piece of the product that runs.
type part struct {
	name string
	stop func() error
}

// Start starts every part, and returns when all of them are ready. ctx bounds the
// start only. After an error nothing runs.
func Start(ctx context.Context, opts Options) (*Stack, error) {
	if opts.Progress == nil {
		opts.Progress = io.Discard
	}
	if opts.Warnings == nil {
		opts.Warnings = io.Discard
	}
	s := &Stack{opts: opts, died: make(chan error, 1)}
	err := s.start(ctx)
	if err == nil {
		return s, nil
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return nil, errors.Join(err, s.Stop())
}

func (s *Stack) start(ctx context.Context) error {
	if err := s.prepare(); err != nil {
		return err
	}
	steps := []struct {
		name  string
		start func(context.Context) (stop func() error, err error)
	}{
		{"Temporal server", s.startServer},
		{"sandbox", s.startSandbox},
		{"worker", s.startWorker},
		{"webhook bridge", s.startBridge},
		{"approvals desk", s.startApprovals},
	}
	for _, step := range steps {
		if err := ctx.Err(); err != nil {
			return err
		}
		s.tell("starting the %s", step.name)
		stop, err := step.start(ctx)
		if stop != nil {
			s.running = append(s.running, part{step.name, stop})
		}
		if err != nil {
			return fmt.Errorf("start the %s: %w", step.name, err)
		}
	}
	env, err := s.env()
	if err != nil {
		return err
	}
	return s.folder.writeEnv(env)
}

// prepare takes the folder into possession and looks whether the ports are free.
func (s *Stack) prepare() error {
	var err error
	if s.folder, err = openFolder(s.opts.Folder); err != nil {
		return err
	}
	s.lock = flock.New(s.folder.path(lockFile), flock.SetPermissions(0o600))
	locked, err := s.lock.TryLock()
	if err == nil && !locked {
		return fmt.Errorf("another `starter dev` uses the state folder %s: stop it, or choose another folder with --state", s.opts.Folder)
	}
	if err != nil {
		return err
	}
	s.closers = append(s.closers, s.lock.Unlock)
	if err := s.opts.Ports.check(); err != nil {
		return err
	}
	if err := s.openKeys(); err != nil {
		return err
	}
	if s.Accounts, err = config.OpenAccounts(s.folder.path(config.DevAccountsFile)); err != nil {
		return err
	}
	log, closeLog, err := openLog(s.folder.path(productLogFile))
	if err != nil {
		return err
	}
	s.log, s.sdkLog = withWarnings(log, s.opts.Warnings), log
	s.closers = append(s.closers, closeLog)
	watching, stop := context.WithCancel(context.Background())
	s.closers = append(s.closers, func() error { stop(); return nil })
	s.rules, err = rules.Watch(watching, s.folder.path(config.DevRulesFile), s.log)
	return err
}

// CodecURL is where Temporal's own tools have payloads decrypted; empty if they are
// not encrypted.
func (s *Stack) CodecURL() string {
	if s.codec == nil {
		return ""
	}
	return "http://" + address(s.opts.Ports.Approvals) + desk.CodecPath
}

func (s *Stack) tell(format string, args ...any) {
	fmt.Fprintf(s.opts.Progress, format+"\n", args...)
}

// Wait waits until ctx is done, or a part ends by itself, which is an error that
// says which and why. The other parts still run then: call Stop.
func (s *Stack) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-s.died:
		return err
	}
}

// die notes that a part ended by itself.
func (s *Stack) die(name string, err error) {
	select {
	case s.died <- fmt.Errorf("the %s has stopped by itself: %w", name, err):
	default:
	}
}

// Stop stops the parts in the reverse order of their start, so that each finishes
// while what it needs still runs: nothing comes in any more, then what is being
// sent ends, then the server goes.
func (s *Stack) Stop() error {
	var problems []error
	for _, p := range slices.Backward(s.running) {
		s.tell("stopping the %s", p.name)
		problems = append(problems, p.stop())
	}
	for _, closer := range slices.Backward(s.closers) {
		problems = append(problems, closer())
	}
	s.running, s.closers = nil, nil
	return errors.Join(problems...)
}
