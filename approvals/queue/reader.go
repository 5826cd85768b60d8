package queue

import (
	"context"
	"slices"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/replies"
)

// States are what the queue holds: what a person can decide, stop or resolve.
var States = []privatereply.State{privatereply.AwaitingApproval, privatereply.Holding, privatereply.DeliveryUnknown}

const (
	// maxRows bounds the memory: about 40 MB. Of more, the earliest deadlines are held.
	maxRows = 20_000
	// pageRows is how many rows one call reads.
	pageRows = 1000
	// fullReadSpacing is how many times as long as reading everything took nothing is read
	// whole again: a large queue must not keep the visibility store busy.
	fullReadSpacing = 5
	// fullReadInterval is how old a whole read becomes when nothing seems to have changed.
	fullReadInterval = 30 * time.Second
	// visibilityLag is how far the visibility store may be behind the workflows.
	visibilityLag = 10 * time.Second
)

// reader reads what waits. It is used by one goroutine.
type reader struct {
	source       Source
	lastFullRead time.Time     // when everything was read
	fullReadTook time.Duration // how long that took
}

// read asks how many replies wait. A small queue is then read whole; of a large one
// only what is new is read, and everything only when the two do not add up to the
// count, and now and then. Total is more than the rows only beyond maxRows.
func (r *reader) read(ctx context.Context, was *View, now time.Time) (rows []replies.Row, total int64, err error) {
	waiting := replies.Filter{States: States, Running: true}
	if total, err = r.source.Count(ctx, waiting); err != nil {
		return nil, 0, err
	}
	if age := now.Sub(r.lastFullRead); total > pageRows && age < fullReadInterval {
		recent := waiting
		recent.StartedFrom = was.ReadAt.Add(-visibilityLag)
		fresh, _, err := r.source.Page(ctx, recent, pageRows, nil)
		if err != nil {
			return nil, 0, err
		}
		rows = merge(was.Rows, fresh)
		if int64(len(rows)) == total || age < fullReadSpacing*r.fullReadTook {
			return rows, max(total, int64(len(rows))), nil
		}
	}
	began := time.Now()
	if rows, err = r.source.Earliest(ctx, waiting, maxRows); err != nil {
		return nil, 0, err
	}
	r.lastFullRead, r.fullReadTook = now, time.Since(began)
	if total <= maxRows { // what came or went between the two calls
		total = int64(len(rows))
	}
	return rows, total, nil
}

// merge adds rows that are not there yet.
func merge(rows, fresh []replies.Row) []replies.Row {
	known := make(map[string]bool, len(rows))
	for _, r := range rows {
		known[r.ID] = true
	}
	fresh = slices.DeleteFunc(slices.Clone(fresh), func(r replies.Row) bool { return known[r.ID] })
	return append(slices.Clone(rows), fresh...)
}
