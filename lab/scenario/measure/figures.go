package measure

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// median is the middle of values; of two in the middle the lower one.
func median[T int | float64 | time.Duration](values []T) T {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[(len(sorted)-1)/2]
}

// perSecond is the median of some rates, and from where to where they went.
func perSecond(rates []float64) string {
	if len(rates) < 2 {
		return number(median(rates)) + "/s"
	}
	return fmt.Sprintf("%s/s (%s to %s)", number(median(rates)), number(slices.Min(rates)), number(slices.Max(rates)))
}

// number groups digits: 12,345.
func number(v float64) string {
	digits := strconv.FormatInt(int64(v+0.5), 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1e3)
}
