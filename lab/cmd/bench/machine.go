package main

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

// machine says what was measured on.
func (b *bench) machine() string {
	server := fmt.Sprintf("%d workers and bridges on the Temporal server at %s", b.on.copies, b.on.address)
	if b.on.address == "" {
		server = "Temporal CLI " + cliVersion(b.cli)
	}
	return fmt.Sprintf("%s, %d cores, %s/%s, %s, %s, commit %s",
		processor(), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), server, commit())
}

// processor is the CPU's name, where the system tells it in a file.
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
