package devserver

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"

	"github.com/privatereply/privatereply/lab/harness/process"
)

const (
	host             = "127.0.0.1"
	defaultNamespace = "default"
	// stopTimeout is how long a server may take to end by itself.
	stopTimeout = 10 * time.Second
	// answerTimeout bounds one question whether the server is ready.
	answerTimeout = 5 * time.Second
	// portTries is how often another free port is tried: between the choice of a
	// port and its use somebody else may take it, one of the server's own too.
	portTries = 3
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

// Server is a Temporal development server that this process started. Killed, it can be
// started again on its ports, with the state of its file.
type Server struct {
	process.Process
	Address   string // host:port of the gRPC API
	UIURL     string // of the Web UI, without a slash at the end
	Namespace string
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
		if *port, err = process.FreePort(); err != nil {
			return nil, err
		}
	}
	s := &Server{
		Address:   net.JoinHostPort(host, strconv.Itoa(opts.Port)),
		UIURL:     "http://" + net.JoinHostPort(host, strconv.Itoa(opts.UIPort)),
		Namespace: opts.Namespace,
	}
	s.Process = process.Process{
		Name: "Temporal server at " + s.Address, Path: opts.CLIPath, Args: arguments(opts), Env: process.Environment(), LogFile: opts.LogFile,
		Ready: s.ready, StopSignal: os.Interrupt, StopTimeout: stopTimeout,
	}
	if err := s.Process.Start(ctx); err != nil {
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

// ready reports why the server does not answer for its namespace yet, or its Web UI does
// not listen.
func (s *Server) ready(ctx context.Context) error {
	// A plain connection first: after a refused one a gRPC client waits a second.
	for _, address := range []string{s.Address, strings.TrimPrefix(s.UIURL, "http://")} {
		conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", address)
		if err != nil {
			return err
		}
		conn.Close()
	}
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	c, err := client.DialContext(ctx, client.Options{
		HostPort:  s.Address,
		Namespace: s.Namespace,
		Logger:    log.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	})
	if err != nil {
		return fmt.Errorf("dial: %w", err)
	}
	defer c.Close()
	_, err = c.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: s.Namespace})
	return err
}
