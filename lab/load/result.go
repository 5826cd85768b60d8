package load

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/privatereply/privatereply/internal/console"
)

// Result is how a bridge answered a storm.
type Result struct {
	Connections             int            `json:"connections"`
	Batch                   int            `json:"batch"`
	Seconds                 float64        `json:"seconds"`    // from the first delivery to the last answer
	Comments                int            `json:"comments"`   // different ones that were acknowledged
	Deliveries              int            `json:"deliveries"` // acknowledged, with repeats
	DeliveriesPerSecond     float64        `json:"deliveries_per_second"`
	CommentsPerSecond       float64        `json:"comments_per_second"` // with repeats
	Answers                 map[string]int `json:"answers"`             // every try, by status or why there was none
	Acknowledgement         Quantiles      `json:"acknowledgement_ms"`
	PreparationMicroseconds float64        `json:"making_us"` // what the generator took to make and sign a delivery

	numbers      numbers
	issued       int    // deliveries that may have been sent
	acknowledged []bool // by delivery
	lastAnswer   time.Time
}

// Quantiles are milliseconds.
type Quantiles struct {
	P50 float64 `json:"p50"`
	P90 float64 `json:"p90"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// quantilesOf takes sorted times.
func quantilesOf(sorted []time.Duration) Quantiles {
	at := func(q float64) float64 {
		if len(sorted) == 0 {
			return 0
		}
		i := int(q*float64(len(sorted))+0.5) - 1
		return float64(sorted[min(max(i, 0), len(sorted)-1)].Microseconds()) / 1e3
	}
	return Quantiles{at(0.50), at(0.90), at(0.99), at(1)}
}

func (q Quantiles) String() string {
	return fmt.Sprintf("p50 %.1f ms, p90 %.1f ms, p99 %.1f ms, max %.1f ms", q.P50, q.P90, q.P99, q.Max)
}

// Describe adds the result in words.
func (r *Result) Describe(f *console.Facts) {
	f.Add("Accepted", "%d comments in %.1f s: %.0f deliveries and %.0f comments a second",
		r.Comments, r.Seconds, r.DeliveriesPerSecond, r.CommentsPerSecond)
	f.Add("Answers", "%s", r.answers())
	f.Add("Answered in", "%v", r.Acknowledgement)
	f.Add("Generator", "%.1f µs to make and sign a delivery", r.PreparationMicroseconds)
}

func (r *Result) answers() string {
	var all []string
	for _, answer := range slices.Sorted(maps.Keys(r.Answers)) {
		all = append(all, fmt.Sprintf("%s: %d", answer, r.Answers[answer]))
	}
	return strings.Join(all, ", ")
}
