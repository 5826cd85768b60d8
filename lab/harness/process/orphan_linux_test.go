package process

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// parentVariable names the log of the program that this test binary starts as a parent.
const parentVariable = "PROCESS_TEST_PARENT"

// Guards: a program does not outlive the process that started it, also if that is killed.
func TestNoOrphan(t *testing.T) {
	if log := os.Getenv(parentVariable); log != "" {
		beParent(t, log)
	}
	parent := exec.Command(os.Args[0], "-test.run=^TestNoOrphan$")
	parent.Env = append(os.Environ(), parentVariable+"="+t.TempDir()+"/log")
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	child, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait() // it was killed
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for giveUp := time.After(30 * time.Second); !ended(child); {
		select {
		case <-tick.C:
		case <-giveUp:
			t.Fatalf("process %d outlives its parent", child)
		}
	}
}

// beParent starts a program, prints its process id and waits to be killed.
func beParent(t *testing.T, log string) {
	p := &Process{Name: "child", Path: "/bin/sleep", Args: []string{"60"}, LogFile: log, Ready: func(context.Context) error { return nil }}
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	fmt.Println(p.PID())
	<-p.Exited()
}

// ended reports whether a process is gone, or is a zombie that nobody has waited for.
func ended(pid int) bool {
	if err := syscall.Kill(pid, 0); errors.Is(err, syscall.ESRCH) {
		return true
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(stat), ") Z ")
}
