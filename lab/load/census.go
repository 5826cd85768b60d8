package load

import (
	"slices"
	"time"
)

// ReplyCount is which comments of a storm have replies, at a moment.
type ReplyCount struct {
	of      *Result
	runs    map[string]string // by workflow id: a run
	there   []bool            // by the comment's number
	extra   []string
	doubled []string
	starts  []time.Time // of the storm's replies, in no order
}

func newCensus(r *Result) *ReplyCount {
	return &ReplyCount{of: r, runs: map[string]string{}, there: make([]bool, r.issued*r.Batch)}
}

// add counts a reply. Pages of a list overlap when a workflow closes meanwhile, so
// the same run may come again.
func (a *ReplyCount) add(workflowID, runID string, startedAt time.Time) {
	if run, known := a.runs[workflowID]; known {
		if run != runID {
			a.doubled = append(a.doubled, workflowID)
		}
		return
	}
	a.runs[workflowID] = runID
	number, ok := a.of.numbers.number(workflowID)
	if !ok || number >= len(a.there) {
		a.extra = append(a.extra, workflowID)
		return
	}
	a.there[number] = true
	a.starts = append(a.starts, startedAt)
}

// Missing lists the acknowledged comments without a reply, by the ids that their
// replies would have.
func (a *ReplyCount) Missing() []string {
	var all []string
	for number, there := range a.there {
		if !there && a.of.acknowledged[number/a.of.Batch] {
			all = append(all, a.of.numbers.workflowID(number))
		}
	}
	return all
}

// Verification sums the census up.
func (a *ReplyCount) Verification() Verification {
	missing := a.Missing()
	k := Verification{
		Acknowledged: a.of.Comments, Found: a.of.Comments - len(missing), Missing: len(missing), MissingIDs: missing[:min(shown, len(missing))],
		Extra: len(a.extra), ExtraIDs: a.extra[:min(shown, len(a.extra))],
		Duplicated: len(a.doubled), DuplicatedIDs: a.doubled[:min(shown, len(a.doubled))],
	}
	k.Unacknowledged = len(a.starts) - k.Found
	if len(a.starts) > 0 {
		first, last := slices.MinFunc(a.starts, time.Time.Compare), slices.MaxFunc(a.starts, time.Time.Compare)
		if took := last.Sub(first).Seconds(); took > 0 {
			k.StartedPerSecond = float64(len(a.starts)) / took
		}
		k.DrainedAfter = max(0, last.Sub(a.of.lastAnswer).Seconds())
	}
	return k
}

// StartedBetween is how many replies of the storm were started from one time to another.
func (a *ReplyCount) StartedBetween(from, to time.Time) int {
	n := 0
	for _, at := range a.starts {
		if !at.Before(from) && at.Before(to) {
			n++
		}
	}
	return n
}
