package measure

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// machine describes the hardware and software of the measurement.
func (l *Lab) machine() string {
	server := l.serverVersion
	if l.server != nil {
		server = fmt.Sprintf("%s, %d workers, %d bridges", server, l.opts.Copies, l.opts.Copies)
	}
	return fmt.Sprintf("%s, %d cores, %s/%s, %s, %s, commit %s",
		processor(), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), server, commit())
}

// processor is the CPU's name, where the system has it in a file.
func processor() string {
	file, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return "unknown CPU"
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown CPU"
}

func cliVersion(path string) string {
	out, err := exec.CommandContext(context.Background(), path, "--version").Output()
	if err != nil {
		return filepath.Base(path)
	}
	return strings.TrimPrefix(strings.TrimSpace(string(out)), "temporal version ")
}

func commit() string {
	out, err := exec.CommandContext(context.Background(), "git", "describe", "--always", "--dirty").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}
