//go:build !linux

package processes

import "syscall"

// withUs would end the program with this process; only Linux can.
func withUs() *syscall.SysProcAttr { return nil }
