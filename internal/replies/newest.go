package replies

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/privatereply/privatereply/internal/visibility"
)

// maxStartAge is how far back the newest replies are searched: further than any runs.
const maxStartAge = maxDeadlineAge + 10*24*time.Hour

// maxStartAhead is how far the server's clock may be ahead of this one.
const maxStartAhead = 10 * time.Minute

// Cursor is a place in a list from the newest to the oldest reply: the last row before it.
// The zero Cursor is the beginning.
type Cursor struct {
	StartedAt time.Time
	ID        string
}

// CursorAfter is the place behind a row.
func CursorAfter(r Row) Cursor { return Cursor{r.StartedAt, r.ID} }

// IsZero reports whether c is the beginning of a list.
func (c Cursor) IsZero() bool { return c.StartedAt.IsZero() }

// String writes c for an address; empty for the beginning.
func (c Cursor) String() string {
	if c.IsZero() {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString([]byte(c.StartedAt.UTC().Format(time.RFC3339Nano) + " " + c.ID))
}

// ParseCursor is the inverse of String.
func ParseCursor(s string) (Cursor, error) {
	if s == "" {
		return Cursor{}, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return Cursor{}, fmt.Errorf("a place in a list: %w", err)
	}
	stamp, id, _ := strings.Cut(string(b), " ")
	at, err := time.Parse(time.RFC3339Nano, stamp)
	if err != nil {
		return Cursor{}, fmt.Errorf("a place in a list: %w", err)
	}
	return Cursor{at, id}, nil
}

// before reports whether r comes behind c in the list.
func (c Cursor) before(r Row) bool {
	return c.IsZero() || compareNewest(Row{StartedAt: c.StartedAt, ID: c.ID}, r) < 0
}

// compareNewest orders rows from the newest to the oldest.
func compareNewest(a, b Row) int {
	if byTime := b.StartedAt.Compare(a.StartedAt); byTime != 0 {
		return byTime
	}
	return strings.Compare(a.ID, b.ID)
}

// startSlice is an interval of start times, and the number of replies in it.
type startSlice struct {
	from, before time.Time
	n            int64
}

// Newest lists the replies that match f behind a place, the newest first, running and ended
// ones alike, at most limit. The next place is zero after the last one. Temporal's SQL
// visibility refuses ORDER BY and lists running ones first, so the range of start times is
// divided until its newest part has few enough replies to be read and sorted here.
func (c *Client) Newest(ctx context.Context, f Filter, after Cursor, limit int) ([]Row, Cursor, error) {
	now := c.now().UTC().Truncate(time.Second)
	all := startSlice{from: now.Add(-maxStartAge), before: now.Add(maxStartAhead)}
	if f.StartedFrom.After(all.from) {
		all.from = f.StartedFrom
	}
	if !f.StartedBefore.IsZero() && f.StartedBefore.Before(all.before) {
		all.before = f.StartedBefore
	}
	if at := after.StartedAt.Truncate(time.Second).Add(time.Second); !after.IsZero() && at.Before(all.before) {
		all.before = at
	}
	f.StartedFrom, f.StartedBefore = time.Time{}, time.Time{}
	query, err := c.where(ctx, f)
	if err != nil {
		return nil, after, err
	}
	within := func(from, before time.Time) visibility.Condition {
		return visibility.And(query, visibility.From(visibility.StartTime, from), visibility.Before(visibility.StartTime, before))
	}
	if all.n, err = c.count(ctx, within(all.from, all.before)); err != nil {
		return nil, after, err
	}
	var rows []Row
	part := int64(8) // the newest eighth first: most of what is asked for is new
	for parts := []startSlice{all}; len(parts) > 0 && len(rows) <= limit; {
		s := parts[len(parts)-1]
		parts = parts[:len(parts)-1]
		missing := int64(limit + 1 - len(rows))
		switch span := s.before.Sub(s.from); {
		case s.n <= 0:
		case s.n <= max(missing, min(int64(c.sliceRows), 4*missing)) || span <= time.Second:
			read, err := c.readAll(ctx, within(s.from, s.before))
			if err != nil {
				return rows, placeBehind(rows, after), err
			}
			read = slices.DeleteFunc(f.inStates(read), func(r Row) bool { return !after.before(r) })
			slices.SortFunc(read, compareNewest)
			rows = append(rows, read...)
		default:
			middle := s.before.Add(-max(span/time.Duration(part), time.Second)).Truncate(time.Second)
			n, err := c.count(ctx, within(middle, s.before))
			if err != nil {
				return rows, placeBehind(rows, after), err
			}
			if part = 8; n == 0 { // nothing is there for a while: a greater step
				part = 2
			}
			parts = append(parts, startSlice{s.from, middle, s.n - n}, startSlice{middle, s.before, n})
		}
	}
	if len(rows) <= limit {
		return rows, Cursor{}, nil
	}
	return rows[:limit], CursorAfter(rows[limit-1]), nil
}

// placeBehind is the place behind rows, or after if there are none.
func placeBehind(rows []Row, after Cursor) Cursor {
	if len(rows) == 0 {
		return after
	}
	return CursorAfter(rows[len(rows)-1])
}
