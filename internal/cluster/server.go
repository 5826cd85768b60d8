package cluster

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"text/template"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/privatereply/privatereply/internal/devserver"
)

var (
	//go:embed server.yaml
	serverYAML     string
	serverTemplate = template.Must(template.New("server.yaml").Parse(serverYAML))

	//go:embed dynamicconfig.yaml
	dynamicConfig []byte
)

// Server is the Temporal server: its four services in one process.
type Server struct {
	process
	program string
	dir     string
	address string
	metrics string // host:port
}

// configure writes the server's files, with ports that it keeps.
func (s *Server) configure(program, dir string, db *Postgres) error {
	s.program, s.dir = program, dir
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	var ports [10]int
	for i := range ports {
		var err error
		if ports[i], err = devserver.FreePort(); err != nil {
			return err
		}
	}
	s.address = net.JoinHostPort("127.0.0.1", strconv.Itoa(ports[0]))
	s.metrics = net.JoinHostPort("127.0.0.1", strconv.Itoa(ports[8]))
	var config strings.Builder
	err := serverTemplate.Execute(&config, map[string]any{
		"Plugin": plugin, "DB": db.address(), "User": dbUser, "Password": db.password, "MainDB": MainDB, "VisibilityDB": VisibilityDB,
		"Shards": Shards, "Ports": ports, "Metrics": s.metrics, "Address": s.address,
		"DynamicConfig": filepath.Join(dir, "dynamicconfig.yaml"),
	})
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(dir, "cluster.yaml"), []byte(config.String()), 0o600),
		os.WriteFile(filepath.Join(dir, "dynamicconfig.yaml"), dynamicConfig, 0o600),
	)
}

// Start starts the server and waits until it answers. It may be called again after Kill.
func (s *Server) Start(ctx context.Context) error {
	cmd := exec.Command(s.program, "--root", s.dir, "--config", ".", "--env", "cluster", "--allow-no-auth", "start")
	cmd.Dir = s.dir
	cmd.Env = withoutTemporalSettings(os.Environ())
	if err := s.run(cmd); err != nil {
		return err
	}
	return s.await(ctx, func(ctx context.Context) error {
		// A plain connection first: after a refused one a gRPC client waits a second.
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.address)
		if err != nil {
			return err
		}
		_ = conn.Close()
		return s.with(ctx, func(c client.Client) error {
			_, err := c.CheckHealth(ctx, &client.CheckHealthRequest{})
			return err
		})
	})
}

// with calls the server.
func (s *Server) with(ctx context.Context, call func(client.Client) error) error {
	c, err := client.DialContext(ctx, client.Options{
		HostPort: s.address, Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	})
	if err != nil {
		return err
	}
	defer c.Close()
	return call(c)
}

func (s *Server) version(ctx context.Context) (version string, err error) {
	err = s.with(ctx, func(c client.Client) error {
		info, err := c.WorkflowService().GetSystemInfo(ctx, &workflowservice.GetSystemInfoRequest{})
		version = info.GetServerVersion()
		return err
	})
	return version, err
}

// CreateNamespace makes a namespace and waits until it can be used.
func (s *Server) CreateNamespace(ctx context.Context, name string, retention time.Duration) error {
	return s.with(ctx, func(c client.Client) error {
		_, err := c.WorkflowService().RegisterNamespace(ctx, &workflowservice.RegisterNamespaceRequest{
			Namespace: name, WorkflowExecutionRetentionPeriod: durationpb.New(retention),
		})
		if err != nil {
			return fmt.Errorf("create the namespace %s: %w", name, err)
		}
		// The server's parts learn of it one after the other.
		return s.await(ctx, func(ctx context.Context) error {
			_, err := c.WorkflowService().CountWorkflowExecutions(ctx, &workflowservice.CountWorkflowExecutionsRequest{Namespace: name})
			return err
		})
	})
}

// Metrics is what the server counts, in Prometheus's text format.
func (s *Server) Metrics(ctx context.Context) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.metrics+"/metrics", nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", fmt.Errorf("read the server's metrics: %w", err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("the server's metrics answer %s", resp.Status)
	}
	return string(text), err
}

// withoutTemporalSettings drops what would tell the server another configuration.
func withoutTemporalSettings(environ []string) []string {
	var kept []string
	for _, kv := range environ {
		if !strings.HasPrefix(kv, "TEMPORAL_") {
			kept = append(kept, kv)
		}
	}
	return kept
}
