package draining

import "time"

const (
	// stormBatches is how many more batches are open at one look than at the one
	// before while a storm comes in.
	stormBatches = 5
	// calmLooks is how many looks without a storm's growth end it.
	calmLooks = 2
	// longestStorm is how long accepting goes first. A stream that does not end is
	// drained beside.
	longestStorm = 30 * time.Second
	// longestWait is how long a new workflow may wait for a worker, before its like are
	// started at a trickle. What is due for replies in a worker's memory does not stand
	// behind it; with a second here half as many automatic replies went out.
	longestWait = 10 * time.Second
)

// flow is what the looks tell. Its first moments count as a storm, until looks show
// that it is none.
type flow struct {
	looked  bool
	open    int64     // batches
	calm    int       // looks in a row
	since   time.Time // the storm's begin
	over    bool      // no storm
	tired   bool      // the last storm was too long; none begins until its batches are taken
	crowded time.Time // until then; new workflows wait for their workers
}

func (f *flow) trickles(now time.Time) bool { return !f.over || now.Before(f.crowded) }

// waited notes how long a new workflow has waited.
func (f *flow) waited(d time.Duration, now time.Time) {
	f.crowded = time.Time{}
	if d > longestWait {
		f.crowded = now.Add(lookEvery)
	}
}

// see notes how many batches are open.
func (f *flow) see(open int64, now time.Time) {
	if !f.looked {
		f.since = now
	}
	grows := f.looked && open-f.open >= stormBatches
	f.looked, f.open = true, open
	f.calm++
	if grows {
		f.calm = 0
	}
	if open == 0 {
		f.tired = false
	}
	switch {
	case f.over && grows && !f.tired:
		f.over, f.since = false, now
	case f.calm >= calmLooks:
		f.over = true
	case !f.over && now.Sub(f.since) >= longestStorm:
		f.over, f.tired = true, true
	}
}
