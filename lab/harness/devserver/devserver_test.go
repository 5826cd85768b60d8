//go:build unix

package devserver_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	namespacepb "go.temporal.io/api/namespace/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/privatereply/privatereply/lab/harness/devserver"
	"github.com/privatereply/privatereply/lab/harness/devserver/devservertest"
)

func dial(t *testing.T, s *devserver.Server) client.Client {
	t.Helper()
	c, err := client.Dial(client.Options{HostPort: s.Address, Namespace: s.Namespace})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// Guards: a server with a file keeps its state when it is killed and started
// again at the same address, which is what every test of a crash relies on.
func TestServerKeepsState(t *testing.T) {
	dir := t.TempDir()
	opts := devserver.Options{DBFile: filepath.Join(dir, "temporal.db"), LogFile: filepath.Join(dir, "temporal.log"), Namespace: "shop"}
	first := devservertest.StartWith(t, opts)
	_, err := dial(t, first).WorkflowService().UpdateNamespace(t.Context(), &workflowservice.UpdateNamespaceRequest{
		Namespace: "shop",
		Config:    &namespacepb.NamespaceConfig{WorkflowExecutionRetentionTtl: durationpb.New(240 * time.Hour)},
	})
	if err != nil {
		t.Fatal(err)
	}
	first.Kill()
	if err := first.Wait(); err != nil {
		t.Errorf("Wait after Kill = %v, want nil: it was asked for", err)
	}

	_, port, err := net.SplitHostPort(first.Address)
	if err != nil {
		t.Fatal(err)
	}
	if opts.Port, err = strconv.Atoi(port); err != nil {
		t.Fatal(err)
	}
	second := devservertest.StartWith(t, opts)
	ns, err := dial(t, second).WorkflowService().DescribeNamespace(t.Context(), &workflowservice.DescribeNamespaceRequest{Namespace: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	if got := ns.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration(); got != 240*time.Hour {
		t.Errorf("retention after the restart = %v, want 240h", got)
	}
	if err := second.Stop(); err != nil {
		t.Errorf("Stop: %v", err)
	}
}

// Guards: who asks for a port that is taken learns it from the error.
func TestServerPortTaken(t *testing.T) {
	cli := devservertest.CLI(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = devserver.Start(t.Context(), devserver.Options{
		CLIPath: cli,
		Port:    l.Addr().(*net.TCPAddr).Port,
		LogFile: filepath.Join(t.TempDir(), "temporal.log"),
	})
	if err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Fatalf("Start = %v, want address already in use", err)
	}
}

// Guards: the address of the Web UI is right.
func TestServerWebUI(t *testing.T) {
	s := devservertest.Start(t)
	conn, err := net.DialTimeout("tcp", strings.TrimPrefix(s.UIURL, "http://"), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
}

// Guards: a server that ends by itself says why, with the end of its log and
// nothing of an earlier run's.
func TestServerCrash(t *testing.T) {
	logFile := filepath.Join(t.TempDir(), "temporal.log")
	if err := os.WriteFile(logFile, []byte("of an earlier run\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cli := script(t, filepath.Join(t.TempDir(), "temporal"), "echo disk is full >&2; exit 7")
	_, err := devserver.Start(t.Context(), devserver.Options{CLIPath: cli, LogFile: logFile})
	if err == nil {
		t.Fatal("Start succeeded")
	}
	for _, want := range []string{"exit status 7", "disk is full", logFile} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q lacks %q", err, want)
		}
	}
	if strings.Contains(err.Error(), "earlier run") {
		t.Errorf("error %q shows an earlier run's log", err)
	}
}

// Guards: who gives up waiting for the start leaves no server behind.
func TestServerStartCancelled(t *testing.T) {
	pidFile := filepath.Join(t.TempDir(), "pid")
	cli := script(t, filepath.Join(t.TempDir(), "temporal"), "echo $$ > "+pidFile+"; exec sleep 60")
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for ctx.Err() == nil {
			if b, err := os.ReadFile(pidFile); err == nil && len(b) > 0 {
				cancel()
			}
		}
	}()
	_, err := devserver.Start(ctx, devserver.Options{CLIPath: cli, LogFile: filepath.Join(t.TempDir(), "log")})
	if err == nil || !strings.Contains(err.Error(), "context canceled") {
		t.Fatalf("Start = %v, want context canceled", err)
	}
	if err := syscall.Kill(readPID(t, pidFile), 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the process still runs (%v)", err)
	}
}

func readPID(t *testing.T, path string) int {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}
