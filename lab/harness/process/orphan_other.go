//go:build !linux

package process

import "syscall"

// withUs would end the program with this process; only Linux can.
func withUs() *syscall.SysProcAttr { return nil }
