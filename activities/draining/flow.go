package draining

import "time"

const (
	// stormBatches is how many more batches wait at one look than at the one before
	// while a storm comes in. What a worker takes between two looks is less.
	stormBatches = 5
	// calmLooks is how many looks without a storm's growth end it.
	calmLooks = 2
	// longestStorm is how long accepting goes first. A stream that does not end is
	// drained beside.
	longestStorm = 30 * time.Second
	// longestWait is how long the oldest workflow task may have waited before no more
	// replies than a trickle are started.
	longestWait = time.Second
)

// Backlog is what nobody has taken yet.
type Backlog struct {
	Batches int64         // Intakes that wait
	Wait    time.Duration // of the oldest workflow task of everything else
}

// flow is what the looks at the queues tell. Its first moments count as a storm,
// until looks show that it is none.
type flow struct {
	looked  bool
	batches int64
	calm    int       // looks in a row
	since   time.Time // the storm's begin
	over    bool      // no storm
	tired   bool      // the last storm was too long; none begins until its batches are taken
	crowded bool      // replies wait for their workers
}

func (f *flow) trickles() bool { return !f.over || f.crowded }

func (f *flow) see(b Backlog, now time.Time) {
	if !f.looked {
		f.since = now
	}
	grows := f.looked && b.Batches-f.batches >= stormBatches
	f.looked, f.batches, f.crowded = true, b.Batches, b.Wait > longestWait
	f.calm++
	if grows {
		f.calm = 0
	}
	if b.Batches == 0 {
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
