package process

import "syscall"

// attributes give the program a process group of its own, and end it when this process
// dies, however it dies. (Linux tells it when the thread ends that started it; Go keeps
// its threads while no goroutine locks one.)
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
