package scenario

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// Step is one part of a run.
type Step[F any] struct {
	Name  string
	About string
	Run   F
}

// Names are those of the steps, in words.
func Names[F any](steps []Step[F]) string {
	var all []string
	for _, s := range steps {
		all = append(all, s.Name)
	}
	return strings.Join(all, ", ")
}

// Choose picks the steps that only names, separated by commas; all if it is empty.
func Choose[F any](steps []Step[F], only string) ([]Step[F], error) {
	if only == "" {
		return steps, nil
	}
	var chosen []Step[F]
	for name := range strings.SplitSeq(only, ",") {
		i := slices.IndexFunc(steps, func(s Step[F]) bool { return s.Name == strings.TrimSpace(name) })
		if i < 0 {
			return nil, fmt.Errorf("there is no step %q; the steps are %s", name, Names(steps))
		}
		chosen = append(chosen, steps[i])
	}
	return chosen, nil
}

// LoadAverage is that of the last minute: other work on the machine shows in it.
func LoadAverage() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	one, _, _ := strings.Cut(string(b), " ")
	return one
}

// Sleep reports whether d passed before ctx was done.
func Sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
