package process

import "syscall"

// withUs ends the program when this process dies, however it dies: nobody would
// stop it otherwise. See the development server's own for how Linux does it.
func withUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
