package cluster

import "os/exec"

// become does nothing: Windows has no root, and databaseOwner names nobody.
func (*account) become(*exec.Cmd) {}
