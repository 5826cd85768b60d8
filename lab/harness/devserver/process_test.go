//go:build unix

package devserver_test

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/privatereply/privatereply/lab/harness/devserver"
	"github.com/privatereply/privatereply/lab/harness/devserver/devservertest"
)

// Guards: Ctrl-C at the terminal, which goes to the whole process group, does not
// reach the server; and a server that dies later says so.
func TestServerProcessGroup(t *testing.T) {
	dir := t.TempDir()
	pidFile := filepath.Join(dir, "pid")
	cli := script(t, filepath.Join(dir, "temporal"), "echo $$ > "+pidFile+"; exec "+devservertest.CLI(t)+` "$@"`)
	s := devservertest.StartWith(t, devserver.Options{CLIPath: cli})
	pid := readPID(t, pidFile)
	group, err := syscall.Getpgid(pid)
	if err != nil {
		t.Fatal(err)
	}
	if group == syscall.Getpgrp() {
		t.Errorf("the server is in the process group %d of its parent", group)
	}

	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-s.Exited()
	if err := s.Wait(); err == nil {
		t.Error("Wait = nil after the server was killed by somebody else")
	}
}
