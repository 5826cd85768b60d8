package cluster

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"time"
)

const (
	// startTimeout is how long a program may take to answer, on a busy machine too.
	startTimeout = 90 * time.Second
	// stopTimeout is how long it may take to end when it is asked to.
	stopTimeout  = 10 * time.Second
	askInterval  = 100 * time.Millisecond
	logTailBytes = 2000
)

// process is a program that can be killed and started again as it was.
type process struct {
	name    string
	logFile string

	cmd    *exec.Cmd
	exited chan struct{}
}

// run starts cmd with its output in the log.
func (p *process) run(cmd *exec.Cmd) error {
	log, err := os.OpenFile(p.logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the %s: %w", p.name, err)
	}
	exited := make(chan struct{})
	p.cmd, p.exited = cmd, exited
	go func() {
		_ = cmd.Wait() // how it ended is in its log
		close(exited)
	}()
	return nil
}

// await asks until the program answers.
func (p *process) await(ctx context.Context, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	tick := time.NewTicker(askInterval)
	defer tick.Stop()
	for {
		err := ask(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.exited:
			return fmt.Errorf("the %s has ended; its log %s ends with\n%s", p.name, p.logFile, p.logTail())
		case <-ctx.Done():
			return fmt.Errorf("the %s does not answer within %v: %w; its log %s ends with\n%s",
				p.name, startTimeout, err, p.logFile, p.logTail())
		case <-tick.C:
		}
	}
}

// PID is the process's id.
func (p *process) PID() int { return p.cmd.Process.Pid }

// Kill ends the program as kill -9 does, if it runs.
func (p *process) Kill() {
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Kill() // fails only if it has ended
	<-p.exited
}

// interrupt asks the program to end, and kills it if it does not.
func (p *process) interrupt() {
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Signal(os.Interrupt) // fails only if it has ended
	select {
	case <-p.exited:
	case <-time.After(stopTimeout):
		p.Kill()
	}
}

func (p *process) logTail() string {
	text, err := os.ReadFile(p.logFile)
	if err != nil {
		return err.Error()
	}
	return string(bytes.TrimSpace(text[max(0, len(text)-logTailBytes):]))
}
