package doctor

import (
	"context"
	"time"

	"github.com/privatereply/privatereply/internal/ops"
)

// clockCheck is the name of both comparisons.
const clockCheck = "clock"

// clock compares this machine's clock with Temporal's. The programs compare theirs in
// /readyz.
func (d *doctor) clock(ctx context.Context) []Finding {
	ahead, err := ops.TemporalClock(ctx, d.temporal, d.namespace)
	if err != nil {
		return []Finding{unknown(clockCheck, "cannot be compared with Temporal's: %v", err)}
	}
	return []Finding{judgeClock("Temporal", ahead)}
}

// metaClock says that this machine's clock is not Meta's. It has a section of its own,
// because it belongs to no account.
func (d *doctor) metaClock() []Section {
	if d.meta == nil {
		return nil
	}
	ahead, known := d.meta.ClockOffset()
	if !known || ops.ClockOff("Meta", ahead) == nil {
		return nil
	}
	return []Section{{Subject: "Meta", Findings: []Finding{judgeClock("Meta", ahead)}}}
}

func judgeClock(whose string, ahead time.Duration) Finding {
	if err := ops.ClockOff(whose, ahead); err != nil {
		return warning(clockCheck, err.Error(), "set the clock by NTP, here and where the worker and the bridge run: deadlines and windows are kept by it")
	}
	return ok(clockCheck, "agrees with %s's within %v", whose, ops.ClockTolerance)
}
