package devserver

import (
	"os"
	"runtime"
)

// interrupt asks a process to end. Windows cannot ask one of another console.
func interrupt(p *os.Process) error {
	if runtime.GOOS == "windows" {
		return p.Kill()
	}
	return p.Signal(os.Interrupt)
}
