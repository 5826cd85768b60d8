package measure

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/privatereply/privatereply/lab/load"
	"github.com/privatereply/privatereply/lab/scenario"
)

const (
	memoryComments = 200_000
	memorySingles  = 20_000 // of them, in deliveries of their own
	memoryGoal     = 150    // MiB
	// memoryTime bounds each of the two storms.
	memoryTime = 40 * time.Second
)

// memory measures the bridge's peak memory in a long storm: first of small deliveries on
// many connections, then of large ones.
func memory(ctx context.Context, l *lab) ([]scenario.Row, error) {
	p, err := l.newProduct(ctx)
	if err != nil {
		return nil, err
	}
	defer p.close()
	if err := p.Start(ctx); err != nil {
		return nil, err
	}
	idle, err := peakMemory(p.Bridges.All[0].PID())
	if err != nil {
		return nil, err
	}
	accepted, refused := 0, 0
	send := func(test load.LoadTest, comments int) error {
		test.Comments, test.Duration = comments, memoryTime
		r, err := load.Run(ctx, test)
		if err != nil {
			return err
		}
		accepted += r.Comments
		for answer, n := range r.Answers {
			if answer != "200" {
				refused += n
			}
		}
		return nil
	}
	if err := send(p.storm(128, 1), memorySingles); err != nil {
		return nil, err
	}
	if err := send(p.storm(64, 50), memoryComments-accepted); err != nil {
		return nil, err
	}
	peak, err := peakMemory(p.Bridges.All[0].PID())
	if err != nil {
		return nil, err
	}
	return []scenario.Row{{
		What:     fmt.Sprintf("the bridge's peak memory (VmHWM), %s comments sent", number(memoryComments)),
		Measured: fmt.Sprintf("%.0f MiB; %s accepted, %d deliveries sent back", peak, number(float64(accepted)), refused),
		Baseline: fmt.Sprintf("%.0f MiB when it started; not counted by id", idle),
		Goal:     fmt.Sprintf("< %d MiB", memoryGoal), Passed: scenario.PassedWord(peak < memoryGoal),
	}}, nil
}

// peakMemory is the peak resident memory of a process since its start, in MiB.
func peakMemory(pid int) (float64, error) { return memoryOf(pid, "VmHWM") }

// memoryOf is a size in the status of a process (see proc(5)), in MiB.
func memoryOf(pid int, field string) (float64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("memory can be read on Linux only: %w", err)
	}
	for line := range strings.Lines(string(b)) {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			kib, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 64)
			return kib / 1024, err
		}
	}
	return 0, fmt.Errorf("/proc/%d/status has no %s", pid, field)
}
