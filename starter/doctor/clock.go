package doctor

import (
	"context"
	"time"

	"github.com/privatereply/privatereply/internal/ops"
)

// clockCheck is the name of both comparisons.
const clockCheck = "clock"

// checkClock compares this machine's clock with Temporal's. The programs compare theirs in
// /readyz.
func (d *checker) checkClock(ctx context.Context) []Finding {
	ahead, err := ops.TemporalClockOffset(ctx, d.temporal, d.namespace)
	if err != nil {
		return []Finding{unknown(clockCheck, "cannot be compared with Temporal's: %v", err)}
	}
	return []Finding{clockFinding("Temporal", ahead)}
}

// checkMetaClock says that this machine's clock is not Meta's. It has a section of its own,
// because it belongs to no account.
func (d *checker) checkMetaClock() []Section {
	if d.meta == nil {
		return nil
	}
	ahead, known := d.meta.ClockOffset()
	if !known || ops.ClockError("Meta", ahead) == nil {
		return nil
	}
	return []Section{{Subject: "Meta", Findings: []Finding{clockFinding("Meta", ahead)}}}
}

func clockFinding(whose string, ahead time.Duration) Finding {
	if err := ops.ClockError(whose, ahead); err != nil {
		return warning(clockCheck, err.Error(), "set the clock by NTP, here and where the worker and the bridge run: deadlines and windows are kept by it")
	}
	return ok(clockCheck, "agrees with %s's within %v", whose, ops.ClockTolerance)
}
