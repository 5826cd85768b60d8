// Package process runs programs beside this one: the product's own, and the servers
// that they need. Each can be killed and started again as it was.
package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// readyTimeout is how long a program may take to become ready, on a busy machine too.
	readyTimeout  = 90 * time.Second
	readyInterval = 50 * time.Millisecond
	// stopTimeout is a container's grace period: see docs/architecture.md.
	stopTimeout = 40 * time.Second

	// What an error shows of a log: its last lines, of its last bytes.
	logTailLines = 15
	logTailBytes = 16 << 10
)

// Process is a program that can be killed and started again as it was. It does not
// outlive this process where the system can see to that (Linux), and is in a process
// group of its own: Ctrl-C at the terminal must reach the programs of the product
// before the server that they talk to.
type Process struct {
	Name    string // for errors, such as "worker"
	Path    string
	Args    []string
	Env     []string
	Dir     string // where it runs; empty: where this process does
	LogFile string // its output is added to it

	// Ready reports why the program is not ready yet; nil: it is.
	Ready func(context.Context) error
	// StopSignal asks the program to end; nil: SIGTERM, as a deploy does.
	StopSignal os.Signal
	// StopTimeout is how long it may take to end; 0: a container's grace period.
	StopTimeout time.Duration
	// Prepare changes each command before it starts, such as its user; nil: nothing.
	Prepare func(*exec.Cmd)

	cmd      *exec.Cmd
	logStart int64
	stopped  *atomic.Bool // somebody asked for the end
	exited   chan struct{}
	exitErr  error // why it ended by itself; valid once exited is closed
}

// Start starts the program and waits until it is ready. ctx bounds the start only. After
// an error the program does not run.
func (p *Process) Start(ctx context.Context) error {
	if err := p.launch(); err != nil {
		return fmt.Errorf("start the %s: %w", p.Name, err)
	}
	if err := p.awaitReady(ctx); err != nil {
		p.Kill()
		return err
	}
	return nil
}

func (p *Process) launch() error {
	log, err := os.OpenFile(p.LogFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	if info, err := log.Stat(); err == nil {
		p.logStart = info.Size()
	}
	cmd := exec.Command(p.Path, p.Args...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = p.Env, p.Dir, log, log
	cmd.SysProcAttr = attributes()
	if p.Prepare != nil {
		p.Prepare(cmd)
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	stopped, exited := new(atomic.Bool), make(chan struct{})
	p.cmd, p.stopped, p.exited, p.exitErr = cmd, stopped, exited, nil
	go func() {
		err := cmd.Wait()
		if !stopped.Load() {
			p.exitErr = p.crash(err)
		}
		close(exited)
	}()
	return nil
}

func (p *Process) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyTimeout, fmt.Errorf("not within %v", readyTimeout))
	defer cancel()
	tick := time.NewTicker(readyInterval)
	defer tick.Stop()
	for {
		err := p.Ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.exited:
			return p.exitErr
		case <-ctx.Done():
			return fmt.Errorf("the %s does not become ready: %w: %w; its log %s ends with\n%s",
				p.Name, context.Cause(ctx), err, p.LogFile, p.logTail())
		case <-tick.C:
		}
	}
}

// crash says how the program ended, with the end of its log.
func (p *Process) crash(err error) error {
	how := "it ended by itself"
	if err != nil {
		how = err.Error()
	}
	return fmt.Errorf("the %s has ended: %s; its log %s ends with\n%s", p.Name, how, p.LogFile, p.logTail())
}

// Kill ends the program as kill -9 does, if it runs, and waits until it has ended.
func (p *Process) Kill() {
	if p.cmd == nil {
		return
	}
	p.stopped.Store(true)
	_ = p.cmd.Process.Kill() // fails only if it has ended
	<-p.exited
}

// Stop asks the program to end and waits until it has ended. One that is still there
// after StopTimeout is killed, which is an error.
func (p *Process) Stop() error {
	if p.cmd == nil {
		return nil
	}
	signal, timeout := p.StopSignal, p.StopTimeout
	if signal == nil {
		signal = syscall.SIGTERM
	}
	if timeout == 0 {
		timeout = stopTimeout
	}
	p.stopped.Store(true)
	if err := Signal(p.cmd.Process, signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop the %s: %w", p.Name, err)
	}
	select {
	case <-p.exited:
		return nil
	case <-time.After(timeout):
		p.Kill()
		return fmt.Errorf("the %s did not stop within %v and was killed", p.Name, timeout)
	}
}

// Signal asks a process to end. Windows cannot ask one of another console: there it is
// killed.
func Signal(p *os.Process, signal os.Signal) error {
	if runtime.GOOS == "windows" {
		return p.Kill()
	}
	return p.Signal(signal)
}

// Exited is closed when the program that was started last has ended, whoever ended it.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Wait waits for the program's end and says why it ended, with the end of its log; nil
// if Stop or Kill ended it.
func (p *Process) Wait() error {
	<-p.exited
	return p.exitErr
}

// PID is the process id of the program that was started last.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// logTail is the end of what the log has had written to it since the start.
func (p *Process) logTail() string {
	f, err := os.Open(p.LogFile)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	offset := p.logStart
	if info, err := f.Stat(); err == nil {
		offset = max(offset, info.Size()-logTailBytes)
	}
	text, err := io.ReadAll(io.NewSectionReader(f, offset, logTailBytes))
	if err != nil {
		return err.Error()
	}
	return LastLines(text, logTailLines)
}

// LastLines indents the last n lines of text.
func LastLines(text []byte, n int) string {
	if len(bytes.TrimSpace(text)) == 0 {
		return "    (nothing)"
	}
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	lines = lines[max(0, len(lines)-n):]
	return "    " + string(bytes.Join(lines, []byte("\n    ")))
}

// Answers200 is a Ready that asks a URL, such as a program's /readyz.
func Answers200(url string) func(context.Context) error {
	return func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("%s answers %s", url, resp.Status)
		}
		return nil
	}
}
