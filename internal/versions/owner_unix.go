//go:build unix

package versions

import (
	"io/fs"
	"os"
	"syscall"
)

// keepOwner gives a file to whom the earlier one belonged, where this program may.
func keepOwner(file *os.File, was fs.FileInfo) {
	if owner, ok := was.Sys().(*syscall.Stat_t); ok {
		_ = file.Chown(int(owner.Uid), int(owner.Gid)) // only root may; else it is this program's
	}
}
