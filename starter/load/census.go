package load

import "time"

// census is which comments of a storm have replies.
type census struct {
	of          *Result
	runs        map[string]string // by workflow id: a run
	there       []bool            // by the comment's number
	extra       []string
	doubled     []string
	first, last time.Time // starts
}

func newCensus(r *Result) *census {
	return &census{of: r, runs: map[string]string{}, there: make([]bool, r.issued*r.Batch)}
}

// add counts a reply. Pages of a list overlap when a workflow closes meanwhile, so
// the same run may come again.
func (a *census) add(workflowID, runID string, startedAt time.Time) {
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
	if a.first.IsZero() || startedAt.Before(a.first) {
		a.first = startedAt
	}
	if startedAt.After(a.last) {
		a.last = startedAt
	}
}

// missing lists the acknowledged comments without a reply, by their numbers.
func (a *census) missing() []int {
	var all []int
	for number, there := range a.there {
		if !there && a.of.acknowledged[number/a.of.Batch] {
			all = append(all, number)
		}
	}
	return all
}

func (a *census) kept() Kept {
	missing := a.missing()
	k := Kept{
		Acknowledged: a.of.Comments, Found: a.of.Comments - len(missing), Missing: len(missing),
		Extra: len(a.extra), ExtraIDs: a.extra[:min(shown, len(a.extra))],
		Doubled: len(a.doubled), DoubledIDs: a.doubled[:min(shown, len(a.doubled))],
	}
	for _, number := range missing[:min(shown, len(missing))] {
		k.MissingIDs = append(k.MissingIDs, a.of.numbers.workflowID(number))
	}
	n := 0
	for number, there := range a.there {
		if there {
			n++
			if !a.of.acknowledged[number/a.of.Batch] {
				k.Unacknowledged++
			}
		}
	}
	if took := a.last.Sub(a.first); took > 0 {
		k.StartedPerSecond = float64(n) / took.Seconds()
	}
	k.DrainedAfter = max(0, a.last.Sub(a.of.lastAnswer).Seconds())
	return k
}
