//go:build unix

package cluster

import (
	"os/exec"
	"syscall"
)

// become lets a command run as the account.
func (a *account) become(cmd *exec.Cmd) {
	if a != nil {
		if cmd.SysProcAttr == nil {
			cmd.SysProcAttr = &syscall.SysProcAttr{}
		}
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}
	}
}
