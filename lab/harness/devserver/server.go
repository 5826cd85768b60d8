package devserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

const (
	host             = "127.0.0.1"
	defaultNamespace = "default"
	// stopTimeout is how long a server may take to end by itself.
	stopTimeout = 10 * time.Second
	// portTries is how often another free port is tried: between the choice of a
	// port and its use somebody else may take it, one of the server's own too.
	portTries = 3
	// crashLines is how much of the log an error shows.
	crashLines = 15
)

// Options say how the server runs. CLIPath and LogFile are required.
type Options struct {
	CLIPath   string // from Find
	DBFile    string // keeps the state; empty: in memory, lost when the server ends
	Port      int    // of the gRPC API; 0: a free one
	UIPort    int    // of the Web UI; 0: a free one
	Namespace string // made if missing; empty: "default", which always exists
	UICodec   string // the endpoint that decrypts payloads for the Web UI; empty: none
	LogFile   string // the server's own output is added to it
}

// Server is a Temporal development server that this process started.
type Server struct {
	Address   string // host:port of the gRPC API
	UIURL     string // of the Web UI, without a slash at the end
	Namespace string

	opts     Options
	cmd      *exec.Cmd
	logStart int64
	stopped  atomic.Bool
	exited   chan struct{}
	exitErr  error // valid once exited is closed
}

// Start starts a server and waits until it answers. ctx bounds the start only;
// the server runs until Stop or Kill.
func Start(ctx context.Context, opts Options) (*Server, error) {
	if opts.Namespace == "" {
		opts.Namespace = defaultNamespace
	}
	for try := 1; ; try++ {
		s, err := start(ctx, opts)
		if err == nil {
			return s, nil
		}
		if opts.Port != 0 && opts.UIPort != 0 || try == portTries || !strings.Contains(err.Error(), "address already in use") {
			return nil, err
		}
	}
}

func start(ctx context.Context, opts Options) (*Server, error) {
	for _, port := range []*int{&opts.Port, &opts.UIPort} {
		if *port != 0 {
			continue
		}
		var err error
		if *port, err = FreePort(); err != nil {
			return nil, err
		}
	}
	logFile, err := os.OpenFile(opts.LogFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the Temporal server's log: %w", err)
	}
	defer logFile.Close()
	s := &Server{
		Address:   net.JoinHostPort(host, strconv.Itoa(opts.Port)),
		UIURL:     "http://" + net.JoinHostPort(host, strconv.Itoa(opts.UIPort)),
		Namespace: opts.Namespace,
		opts:      opts,
		cmd:       exec.Command(opts.CLIPath, arguments(opts)...),
		exited:    make(chan struct{}),
	}
	if info, err := logFile.Stat(); err == nil {
		s.logStart = info.Size()
	}
	s.cmd.Stdout, s.cmd.Stderr = logFile, logFile
	s.cmd.Env = withoutTemporalSettings(os.Environ())
	s.cmd.SysProcAttr = detached()
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the Temporal server: %w", err)
	}
	go s.wait()
	if err := s.waitReady(ctx); err != nil {
		s.Kill()
		return nil, err
	}
	return s, nil
}

func arguments(o Options) []string {
	args := []string{
		"server", "start-dev",
		"--ip", host, "--port", strconv.Itoa(o.Port), "--ui-port", strconv.Itoa(o.UIPort),
		"--namespace", o.Namespace,
		"--log-level", "warn",
		"--dynamic-config-value", "matching.useNewMatcher=true", // fairness keys need both; off by default
		"--dynamic-config-value", "matching.enableFairness=true",
		"--dynamic-config-value", "frontend.enableServerVersionCheck=false", // it calls home
	}
	if o.DBFile != "" {
		// A write-ahead log takes twice as many starts a second as SQLite's rollback
		// journal, and is synced as that is: see docs/development/performance.md.
		args = append(args, "--db-filename", o.DBFile, "--sqlite-pragma", "journal_mode=WAL")
	}
	if o.UICodec != "" {
		args = append(args, "--ui-codec-endpoint", o.UICodec)
	}
	return args
}

// withoutTemporalSettings drops TEMPORAL_*: what tells clients which server to
// use must not reach the server's own command line.
func withoutTemporalSettings(environ []string) []string {
	kept := make([]string, 0, len(environ))
	for _, kv := range environ {
		if !strings.HasPrefix(kv, "TEMPORAL_") {
			kept = append(kept, kv)
		}
	}
	return kept
}

func (s *Server) wait() {
	err := s.cmd.Wait()
	if !s.stopped.Load() {
		s.exitErr = s.crash(err)
	}
	close(s.exited)
}

// crash says how the server ended, with the end of its log.
func (s *Server) crash(err error) error {
	how := "it ended by itself"
	if err != nil {
		how = err.Error()
	}
	return fmt.Errorf("the server at %s has ended: %s; its log %s ends with\n%s",
		s.Address, how, s.opts.LogFile, logTail(s.opts.LogFile, s.logStart, crashLines))
}

// Exited is closed when the server has ended, whoever ended it.
func (s *Server) Exited() <-chan struct{} { return s.exited }

// Wait waits for the server's end and says why it ended, with the end of its log;
// nil if Stop or Kill ended it.
func (s *Server) Wait() error {
	<-s.exited
	return s.exitErr
}

// Stop ends the server and waits until it has ended. Workers should have stopped
// before: without a server they can finish nothing.
func (s *Server) Stop() error {
	s.stopped.Store(true)
	if err := interrupt(s.cmd.Process); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop the Temporal server: %w", err)
	}
	select {
	case <-s.exited:
		return nil
	case <-time.After(stopTimeout):
		s.Kill()
		return fmt.Errorf("the Temporal server did not stop within %v and was killed", stopTimeout)
	}
}

// Kill ends the server as kill -9 does and waits until it has ended.
func (s *Server) Kill() {
	s.stopped.Store(true)
	_ = s.cmd.Process.Kill() // it fails only if the server has ended already
	<-s.exited
}
