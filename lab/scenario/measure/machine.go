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

	"github.com/privatereply/privatereply/lab/harness/devserver"
)

// machine describes the hardware and software of the measurement.
func (l *lab) machine(ctx context.Context) string {
	return fmt.Sprintf("%s, %d cores, %s/%s, %s, %s, commit %s",
		processor(), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), l.server(ctx), commit())
}

// server describes the Temporal server, and the programs beside it.
func (l *lab) server(ctx context.Context) string {
	server := "the Temporal server at " + l.Temporal
	switch {
	case l.onCluster():
		server = "Temporal on Postgres"
		if c, err := l.StartCluster(ctx); err == nil {
			if version, err := c.Version(ctx); err == nil {
				server = version
			}
		}
	case l.Temporal == "":
		server = "Temporal development server"
		if cli, err := devserver.Find(ctx, l.Progress); err == nil {
			server = "Temporal CLI " + cliVersion(cli)
		}
	}
	return fmt.Sprintf("%s, workers: %d, bridges: %d", server, l.Workers, l.Bridges)
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
