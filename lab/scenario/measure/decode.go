package measure

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"

	"github.com/privatereply/privatereply/lab/harness/process"
	"github.com/privatereply/privatereply/lab/scenario"
)

const (
	decodeMicroseconds = 20
	decodeAllocations  = 60
)

// benchmarkLine matches the output of `go test -benchmem` for a benchmark.
var benchmarkLine = regexp.MustCompile(`(?m)^BenchmarkDelivery\S*\s+\d+\s+([\d.]+) ns/op.*?(\d+) allocs/op`)

// decode runs the bridge's own Go benchmark.
func decode(ctx context.Context, _ *lab) ([]scenario.Row, error) {
	out, err := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", "^BenchmarkDelivery$", "-benchmem", "-count", "5",
		process.Module+"/webhookbridge/bridge").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("go test -bench: %w\n%s", err, strings.TrimSpace(string(out)))
	}
	var took []float64
	allocations := 0
	for _, m := range benchmarkLine.FindAllStringSubmatch(string(out), -1) {
		ns, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			return nil, err
		}
		took = append(took, ns/1e3)
		if allocations, err = strconv.Atoi(m[2]); err != nil {
			return nil, err
		}
	}
	if len(took) == 0 {
		return nil, fmt.Errorf("go test -bench printed no BenchmarkDelivery:\n%s", out)
	}
	return []scenario.Row{{
		What:     "signature and decoding of a delivery of one comment (go test -bench)",
		Measured: fmt.Sprintf("%.1f µs, %d allocations", median(took), allocations),
		Goal:     fmt.Sprintf("≤ %d µs, ≤ %d", decodeMicroseconds, decodeAllocations),
		Passed:   scenario.PassedWord(median(took) <= decodeMicroseconds && allocations <= decodeAllocations),
	}}, nil
}
