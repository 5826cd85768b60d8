package replies

import (
	"context"
	"time"

	"github.com/privatereply/privatereply"
)

// Forecast is what becomes of the replies that wait, if nothing changes.
type Forecast struct {
	Holding          int64 `json:"holding"`
	AwaitingApproval int64 `json:"awaiting_approval"`
	Sending          int64 `json:"sending"`
	// LastSendAt is when those that go by themselves, held or sending, have gone;
	// zero when there are none. Late is how many of them will not make their deadlines.
	LastSendAt time.Time `json:"last_leaves_at,omitzero"`
	Late       int64     `json:"late"`
	// FirstDeadline is the earliest of all that wait, for a person too.
	FirstDeadline time.Time `json:"first_deadline,omitzero"`
	FirstToExpire string    `json:"first_to_expire,omitempty"` // its workflow id
}

// Waiting is how many replies wait in all.
func (f Forecast) Waiting() int64 { return f.Holding + f.AwaitingApproval + f.Sending }

const (
	// minSlice is how exactly deadlines are told apart.
	minSlice = time.Minute
	// maxOverdue is how long a reply may go on waiting after its deadline, because
	// no worker runs.
	maxOverdue = 8 * 24 * time.Hour
)

// Forecast works out what becomes of the replies that f means, which leave at so
// many a second, the one with the earliest deadline first. It counts slices of
// deadlines and reads one row.
func (c *Client) Forecast(ctx context.Context, f Filter, perSecond float64) (Forecast, error) {
	var out Forecast
	for state, n := range map[privatereply.State]*int64{
		privatereply.Holding: &out.Holding, privatereply.AwaitingApproval: &out.AwaitingApproval, privatereply.Sending: &out.Sending,
	} {
		f.States = []privatereply.State{state}
		var err error
		if *n, err = c.Count(ctx, f); err != nil {
			return out, err
		}
	}
	if out.Waiting() == 0 {
		return out, nil
	}
	f.States = []privatereply.State{privatereply.Holding, privatereply.AwaitingApproval, privatereply.Sending}
	first, err := c.Earliest(ctx, f, 1)
	if err != nil {
		return out, err
	}
	if len(first) > 0 {
		out.FirstDeadline, out.FirstToExpire = first[0].Deadline, first[0].ID
	}
	if out.Holding+out.Sending == 0 {
		return out, nil
	}
	now := c.now().UTC().Truncate(time.Second)
	f.States = []privatereply.State{privatereply.Holding, privatereply.Sending}
	line := sendSimulation{count: func(from, to time.Time) (int64, error) { return c.count(ctx, withinDeadlines(f.query(), from, to)) }, now: now, perSecond: perSecond}
	if err := line.run(now.Add(-maxOverdue), now.Add(maxDeadlineAhead)); err != nil {
		return out, err
	}
	out.Late, out.LastSendAt = line.late, line.sentAt(line.sent)
	return out, nil
}

// sendSimulation lets replies leave one after the other in the order of their deadlines.
// One that would leave after its deadline does not leave, and takes nobody's time.
type sendSimulation struct {
	count      func(from, to time.Time) (int64, error)
	now        time.Time
	perSecond  float64
	sent, late int64
}

// run goes through the deadlines from from until to. A slice whose replies can all
// have gone when it begins needs no closer look.
func (d *sendSimulation) run(from, to time.Time) error {
	n, err := d.count(from, to)
	if err != nil || n == 0 {
		return err
	}
	if d.capacityBefore(from) >= n {
		d.sent += n
		return nil
	}
	middle := from.Add(to.Sub(from) / 2).Truncate(time.Second)
	if to.Sub(from) <= minSlice || !middle.After(from) {
		can := min(n, d.capacityBefore(to))
		d.sent, d.late = d.sent+can, d.late+n-can
		return nil
	}
	if err := d.run(from, middle); err != nil {
		return err
	}
	return d.run(middle, to)
}

// capacityBefore is how many more can leave before at.
func (d *sendSimulation) capacityBefore(at time.Time) int64 {
	return max(0, int64(min(d.perSecond*at.Sub(d.now).Seconds(), 1e15))-d.sent)
}

// sentAt is when the n. has left.
func (d *sendSimulation) sentAt(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return d.now.Add(time.Duration(min(float64(n)/d.perSecond, maxDeadlineAhead.Seconds()) * float64(time.Second))).Truncate(time.Second)
}
