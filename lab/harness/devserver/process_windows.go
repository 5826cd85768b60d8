package devserver

import "syscall"

// detached gives the server a process group of its own: Ctrl-C at the terminal
// must reach the workers before it reaches the server they talk to.
func detached() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}
