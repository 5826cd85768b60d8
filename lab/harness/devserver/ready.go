package devserver

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
)

const (
	// startTimeout is how long a server may take to answer, on a busy machine too.
	startTimeout  = 60 * time.Second
	readyInterval = 50 * time.Millisecond
)

// waitReady waits until the server answers for its namespace and the Web UI listens.
func (s *Server) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("no answer within %v", startTimeout))
	defer cancel()
	tick := time.NewTicker(readyInterval)
	defer tick.Stop()
	for {
		err := s.answers(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-s.exited:
			return s.exitErr
		case <-ctx.Done():
			return fmt.Errorf("the server at %s does not become ready: %w: %w; its log %s ends with\n%s",
				s.Address, context.Cause(ctx), err, s.opts.LogFile, logTail(s.opts.LogFile, s.logStart, crashLines))
		case <-tick.C:
		}
	}
}

func (s *Server) answers(ctx context.Context) error {
	// A plain connection first: after a refused one a gRPC client waits a second.
	for _, address := range []string{s.Address, strings.TrimPrefix(s.UIURL, "http://")} {
		conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", address)
		if err != nil {
			return err
		}
		conn.Close()
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	c, err := client.DialContext(ctx, client.Options{
		HostPort:  s.Address,
		Namespace: s.Namespace,
		Logger:    log.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	})
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: s.Namespace})
	return err
}
