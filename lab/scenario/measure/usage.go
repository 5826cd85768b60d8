package measure

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/privatereply/privatereply/lab/harness"
)

// usage is what a program holds.
type usage struct {
	memory      float64 // resident, in MiB
	goroutines  float64
	descriptors float64 // open ones
	cached      float64 // workflows that a worker has in memory
}

// readUsage reads what a program that is a process holds.
func readUsage(ctx context.Context, one *harness.Program) (u usage, err error) {
	if u.memory, err = memoryOf(one.PID(), "VmRSS"); err != nil {
		return u, err
	}
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", one.PID()))
	if err != nil {
		return u, err
	}
	u.descriptors = float64(len(open))
	text, err := readMetrics(ctx, one)
	if err != nil {
		return u, err
	}
	goroutines := values(text, "go_goroutines")
	if len(goroutines) != 1 {
		return u, fmt.Errorf("%s has no go_goroutines", one.MetricsURL)
	}
	u.goroutines = goroutines[0]
	// Each of a worker's queues shows the cache that they share, as of its last task.
	u.cached = slices.Max(append(values(text, "temporal_sticky_cache_size"), 0))
	return u, nil
}

// readMetrics reads the metrics of a program in Prometheus's text format.
func readMetrics(ctx context.Context, one *harness.Program) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, one.MetricsURL, nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return string(text), err
}

// values are those of all series of a metric in Prometheus's text format.
func values(text, name string) (all []float64) {
	for line := range strings.Lines(text) {
		rest, ok := strings.CutPrefix(line, name)
		if !ok || !strings.HasPrefix(rest, " ") && !strings.HasPrefix(rest, "{") {
			continue
		}
		if v, err := strconv.ParseFloat(strings.TrimSpace(rest[strings.LastIndexByte(rest, ' ')+1:]), 64); err == nil {
			all = append(all, v)
		}
	}
	return all
}
