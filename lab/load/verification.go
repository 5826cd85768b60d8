package load

import (
	"fmt"

	"github.com/privatereply/privatereply/internal/console"
)

// shown bounds how many ids a report repeats.
const shown = 10

// Verification is what Temporal holds of a storm, counted by the ids of its comments.
type Verification struct {
	Acknowledged     int      `json:"acknowledged"` // comments that must be there
	Found            int      `json:"found"`        // of those, the ones that are
	Missing          int      `json:"missing"`
	Extra            int      `json:"extra"`                 // replies to comments that were never sent
	Duplicated       int      `json:"doubled"`               // replies with more than one run
	MissingIDs       []string `json:"missing_ids,omitempty"` // the first ten, as the other ids
	ExtraIDs         []string `json:"extra_ids,omitempty"`
	DuplicatedIDs    []string `json:"doubled_ids,omitempty"`
	Unacknowledged   int      `json:"unacknowledged"`        // there all the same; Meta would deliver them again
	StartedPerSecond float64  `json:"started_per_second"`    // replies, from the first start to the last
	DrainedAfter     float64  `json:"drained_after_seconds"` // from the last answer to the last start
}

// Err is an error unless every acknowledged comment has exactly one reply.
func (k Verification) Err() error {
	if k.Missing+k.Extra+k.Duplicated == 0 {
		return nil
	}
	return fmt.Errorf("%d of %d acknowledged comments have no reply, %d replies are of no comment that was sent, %d are doubled",
		k.Missing, k.Acknowledged, k.Extra, k.Duplicated)
}

// Describe adds the count in words.
func (k Verification) Describe(f *console.Facts) {
	f.Add("Kept", "%d of %d acknowledged comments have their reply: %d missing, %d extra, %d doubled",
		k.Found, k.Acknowledged, k.Missing, k.Extra, k.Duplicated)
	if k.Unacknowledged > 0 {
		f.Add("", "%d more have one that were not acknowledged", k.Unacknowledged)
	}
	describeIDs(f, "Missing", k.MissingIDs)
	describeIDs(f, "Extra", k.ExtraIDs)
	describeIDs(f, "Doubled", k.DuplicatedIDs)
	f.Add("Drained at", "%.0f replies started a second, the last one %.1f s after the last answer", k.StartedPerSecond, k.DrainedAfter)
}

func describeIDs(f *console.Facts, label string, ids []string) {
	for _, id := range ids {
		f.Add(label, "%s", id)
		label = ""
	}
}
