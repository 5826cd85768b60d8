// Package process builds the product's programs, and runs them as processes that
// can be killed and started again as they were: for what is measured or broken from
// outside.
package process

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/privatereply/privatereply/lab/harness/devserver"
)

const (
	// readyTimeout is how long a program may take to become ready.
	readyTimeout = 60 * time.Second
	readyPause   = 50 * time.Millisecond
	// stopTimeout is a container's grace: see docs/architecture.md.
	stopTimeout = 40 * time.Second
)

// Process is a program that can be killed and started again as it was.
type Process struct {
	Name    string // for errors
	Path    string
	Env     []string
	LogFile string // its output is added to it
	OpsURL  string // of /readyz

	cmd    *exec.Cmd
	exited chan struct{}
}

// Start starts the program and waits until it is ready. It outlives ctx, but where
// the system can do it not this process.
func (p *Process) Start(ctx context.Context) error {
	log, err := os.OpenFile(p.LogFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	p.cmd = exec.Command(p.Path)
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = p.Env, log, log
	p.cmd.SysProcAttr = withUs()
	if err := p.cmd.Start(); err != nil {
		return fmt.Errorf("start the %s: %w", p.Name, err)
	}
	exited := make(chan struct{})
	p.exited = exited
	go func(cmd *exec.Cmd) {
		_ = cmd.Wait() // how it ended is in its log
		close(exited)
	}(p.cmd)
	return p.awaitReady(ctx)
}

func (p *Process) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	tick := time.NewTicker(readyPause)
	defer tick.Stop()
	for {
		if p.ready(ctx) {
			return nil
		}
		select {
		case <-p.exited:
			return fmt.Errorf("the %s has ended: %s", p.Name, lastLine(p.LogFile))
		case <-ctx.Done():
			return fmt.Errorf("the %s does not become ready: %w", p.Name, ctx.Err())
		case <-tick.C:
		}
	}
}

func (p *Process) ready(ctx context.Context) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.OpsURL, nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// Kill ends the program as kill -9 does, if it runs.
func (p *Process) Kill() {
	if p.cmd == nil || p.cmd.Process == nil {
		return
	}
	_ = p.cmd.Process.Kill() // fails only if it has ended
	<-p.exited
}

// Stop ends the program as a deploy does, with SIGTERM, and waits until it has
// ended. One that is still there after a container's grace is killed, which is an
// error.
func (p *Process) Stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop the %s: %w", p.Name, err)
	}
	select {
	case <-p.exited:
		return nil
	case <-time.After(stopTimeout):
		p.Kill()
		return fmt.Errorf("the %s did not stop within %v and was killed", p.Name, stopTimeout)
	}
}

// PID is the process id of the program that was started last.
func (p *Process) PID() int { return p.cmd.Process.Pid }

func lastLine(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	text := strings.TrimSpace(string(b))
	return text[strings.LastIndexByte(text, '\n')+1:]
}

// FreeAddress is one of 127.0.0.1 on which nobody listens.
func FreeAddress() (string, error) {
	port, err := devserver.FreePort()
	if err != nil {
		return "", err
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), nil
}
