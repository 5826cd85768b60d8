package devserver

import "syscall"

// detached gives the server a process group of its own: Ctrl-C at the terminal
// must reach the workers before it reaches the server they talk to. If this
// process is killed, the server is told to stop as well. (Linux tells it when the
// thread ends that started it; Go keeps its threads while no goroutine locks one.)
func detached() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
