package cluster

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/template"

	"go.temporal.io/api/workflowservice/v1"

	"github.com/privatereply/privatereply/lab/harness/process"
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
	process.Process
	address string
	metrics string // host:port
}

// configure writes the server's files, with ports that it keeps.
func (s *Server) configure(program, dir, logFile string, db *Postgres) error {
	s.Process = process.Process{
		Name: "Temporal server", Path: program, Args: []string{"--config-file", filepath.Join(dir, "server.yaml"), "--allow-no-auth", "start"},
		Dir: dir, Env: process.Environment(), LogFile: logFile, Ready: s.ready, StopTimeout: stopTimeout,
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	ports, err := freePorts(10) // a gRPC and a membership port for each service, one for metrics, one for HTTP
	if err != nil {
		return err
	}
	s.address = net.JoinHostPort("127.0.0.1", strconv.Itoa(ports[0]))
	s.metrics = net.JoinHostPort("127.0.0.1", strconv.Itoa(ports[8]))
	var config strings.Builder
	err = serverTemplate.Execute(&config, map[string]any{
		"Plugin": plugin, "DB": db.address(), "User": dbUser, "Password": db.password, "MainDB": MainDB, "VisibilityDB": VisibilityDB,
		"Shards": Shards, "Ports": ports, "Metrics": s.metrics, "Address": s.address,
		"DynamicConfig": filepath.Join(dir, "dynamicconfig.yaml"),
	})
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(dir, "server.yaml"), []byte(config.String()), 0o600),
		os.WriteFile(filepath.Join(dir, "dynamicconfig.yaml"), dynamicConfig, 0o600),
	)
}

// ready reports why the server does not answer yet.
func (s *Server) ready(ctx context.Context) error {
	// A plain connection first: after a refused one a gRPC client waits a second.
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.address)
	if err != nil {
		return err
	}
	_ = conn.Close()
	_, err = s.version(ctx)
	return err
}

// version asks the server for its version: the first thing that it answers.
func (s *Server) version(ctx context.Context) (string, error) {
	c, err := dial(ctx, s.address)
	if err != nil {
		return "", err
	}
	defer c.Close()
	info, err := c.WorkflowService().GetSystemInfo(ctx, &workflowservice.GetSystemInfoRequest{})
	return info.GetServerVersion(), err
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
