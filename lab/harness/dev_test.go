//go:build unix

package harness_test

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/lab/harness"
	"github.com/privatereply/privatereply/lab/harness/devserver/devservertest"
	"github.com/privatereply/privatereply/lab/meta"
	"github.com/privatereply/privatereply/rules"
)

func options(t *testing.T, folder string) harness.DevOptions {
	t.Helper()
	cli := devservertest.CLI(t)
	ports, err := harness.FreePorts()
	if err != nil {
		t.Fatal(err)
	}
	return harness.DevOptions{Folder: folder, Ports: ports, CLIPath: cli}
}

func start(t *testing.T, opts harness.DevOptions) *harness.Dev {
	t.Helper()
	s, err := harness.StartDev(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func stop(t *testing.T, s *harness.Dev) {
	t.Helper()
	if err := s.Stop(); err != nil {
		t.Errorf("Stop: %v", err)
	}
}

// Guards: what was going on when everything stopped goes on when it starts again,
// and the parts say in which order they come and go.
func TestRestart(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "state")
	opts := options(t, folder)
	var told strings.Builder
	opts.Progress = &told
	s := start(t, opts)
	account := s.Accounts.All()[0]
	id, err := s.Sandbox.Comment(meta.NewComment{Account: account.ID, Username: "lena", Text: "Does it come in oak?"})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Sandbox.DrainWebhooks(t.Context()); err != nil {
		t.Fatal(err)
	}
	stop(t, s)
	want := []string{
		"starting the Temporal server", "starting the sandbox", "starting the worker", "starting the webhook bridge", "starting the approvals desk",
		"stopping the approvals desk", "stopping the webhook bridge", "stopping the worker", "stopping the sandbox", "stopping the Temporal server",
	}
	if got := strings.Split(strings.TrimSpace(told.String()), "\n"); !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}

	s = start(t, options(t, folder))
	defer stop(t, s)
	workflow, err := privatereply.ReplyID(privatereply.Comment{Platform: account.Platform, Account: account.ID, CommentID: id})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Client.DescribeWorkflowExecution(t.Context(), workflow, ""); err != nil {
		t.Errorf("the reply is gone after a restart: %v", err)
	}
}

// Guards: a part that dies ends the wait with its name, and everything else can
// still be stopped.
func TestServerDies(t *testing.T) {
	folder := t.TempDir()
	opts := options(t, folder)
	opts.Ephemeral = true
	pidFile, script := filepath.Join(folder, "pid"), filepath.Join(folder, "temporal")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho $$ > "+pidFile+"; exec "+opts.CLIPath+` "$@"`), 0o700); err != nil {
		t.Fatal(err)
	}
	opts.CLIPath = script
	s := start(t, opts)
	b, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	err = s.Wait(t.Context())
	if err == nil || !strings.Contains(err.Error(), "the Temporal server has stopped by itself") || !strings.Contains(err.Error(), "signal: killed") {
		t.Errorf("Wait = %v", err)
	}
	stop(t, s)
}

// Guards: a port that is taken and a folder that is in use are named before
// anything starts, with the way out.
func TestStartRefused(t *testing.T) {
	folder := t.TempDir()
	opts := options(t, folder)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	taken := opts
	taken.Ports.Bridge = l.Addr().(*net.TCPAddr).Port
	_, err = harness.StartDev(t.Context(), taken)
	for _, want := range []string{"for the webhook bridge", "address already in use", "--bridge-port", "--free-ports"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Start = %v, want one with %q", err, want)
		}
	}

	opts.Ephemeral = true
	s := start(t, opts)
	defer stop(t, s)
	_, err = harness.StartDev(t.Context(), options(t, folder))
	if err == nil || !strings.Contains(err.Error(), "another `starter dev` uses the state folder") {
		t.Errorf("second Start = %v", err)
	}
}

// Guards: Ctrl-C during the start leaves nothing running.
func TestStartCancelled(t *testing.T) {
	opts := options(t, t.TempDir())
	opts.Ephemeral = true
	ctx, cancel := context.WithCancel(t.Context())
	opts.Progress = writerFunc(func(b []byte) (int, error) {
		if strings.Contains(string(b), "starting the worker") {
			cancel()
		}
		return len(b), nil
	})
	if _, err := harness.StartDev(ctx, opts); !errors.Is(err, context.Canceled) {
		t.Errorf("Start = %v, want context.Canceled", err)
	}
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(opts.Ports.Temporal)))
	if err != nil {
		t.Fatalf("the Temporal server still listens: %v", err)
	}
	l.Close()
}

// Guards: the folder's secrets are private, its files are valid, what a developer
// changed stays, and the env file names what runs.
func TestFolder(t *testing.T) {
	folder := t.TempDir()
	mine := "default: ignore\n"
	if err := os.WriteFile(filepath.Join(folder, config.DevRulesFile), []byte(mine), 0o600); err != nil {
		t.Fatal(err)
	}
	opts := options(t, folder)
	opts.Ephemeral = true
	s := start(t, opts)
	defer stop(t, s)
	if got, err := os.ReadFile(filepath.Join(folder, config.DevRulesFile)); err != nil || string(got) != mine {
		t.Errorf("the developer's rules became %q (%v)", got, err)
	}
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if inSecrets := filepath.Base(filepath.Dir(path)) == "secrets"; (inSecrets || d.Name() == config.DevEnvFile) && info.Mode().Perm() != 0o600 {
			t.Errorf("%s has the mode %v", path, info.Mode())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	env, err := config.ReadDevEnv(folder)
	if err != nil {
		t.Fatal(err)
	}
	if env["TEMPORAL_ADDRESS"] != s.Server.Address || env["PRIVATEREPLY_WEB_UI_URL"] != s.Server.UIURL || env["PRIVATEREPLY_GRAPH_FACEBOOK_URL"] != s.SandboxURL+"/facebook" {
		t.Errorf("env = %v", env)
	}
	if _, err := config.OpenAccounts(env["PRIVATEREPLY_ACCOUNTS"]); err != nil {
		t.Error(err)
	}
	if _, err := rules.Load(env["PRIVATEREPLY_RULES"]); err != nil {
		t.Error(err)
	}
	var kinds []string
	for _, a := range s.Accounts.All() {
		kinds = append(kinds, string(a.Platform)+" with login "+string(a.Login))
	}
	if want := []string{"instagram with login facebook", "instagram with login instagram", "facebook with login facebook", "instagram with login instagram"}; !slices.Equal(kinds, want) {
		t.Errorf("accounts = %v, want %v", kinds, want)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }
