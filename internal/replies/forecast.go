package replies

import (
	"context"
	"time"

	"github.com/privatereply/privatereply"
)

// Forecast says what becomes of the waiting replies if nothing changes.
type Forecast struct {
	Holding          int64 `json:"holding"`
	AwaitingApproval int64 `json:"awaiting_approval"`
	Sending          int64 `json:"sending"`
	// LastSendAt is the time of the last send of those that need no person, held or
	// sending; zero when there are none. Late is the number of them that will miss their
	// deadlines.
	LastSendAt time.Time `json:"last_leaves_at,omitzero"`
	Late       int64     `json:"late"`
	// FirstDeadline is the earliest deadline of all that wait, also for a person.
	FirstDeadline time.Time `json:"first_deadline,omitzero"`
	FirstToExpire string    `json:"first_to_expire,omitempty"` // its workflow id
}

// Waiting is the number of all waiting replies.
func (f Forecast) Waiting() int64 { return f.Holding + f.AwaitingApproval + f.Sending }

const (
	// minSlice is the shortest interval of deadlines that is counted.
	minSlice = time.Minute
	// maxOverdue is how far past its deadline a reply may still wait, because no worker
	// runs.
	maxOverdue = 8 * 24 * time.Hour
)

// Forecast computes what becomes of the replies of f when perSecond of them are sent each
// second, the earliest deadline first. It counts intervals of deadlines and reads one row.
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
	simulation := sendSimulation{count: func(from, to time.Time) (int64, error) { return c.count(ctx, withinDeadlines(f.query(), from, to)) }, now: now, perSecond: perSecond}
	if err := simulation.run(now.Add(-maxOverdue), now.Add(maxDeadlineAhead)); err != nil {
		return out, err
	}
	out.Late, out.LastSendAt = simulation.late, simulation.sentAt(simulation.sent)
	return out, nil
}

// sendSimulation sends replies one after the other in the order of their deadlines. One
// whose turn comes after its deadline is not sent and takes no time.
type sendSimulation struct {
	count      func(from, to time.Time) (int64, error)
	now        time.Time
	perSecond  float64
	sent, late int64
}

// run counts the deadlines between two times. It divides an interval only if not all its
// replies can be sent before it begins.
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

// capacityBefore is the number of replies that can still be sent before at.
func (d *sendSimulation) capacityBefore(at time.Time) int64 {
	return max(0, int64(min(d.perSecond*at.Sub(d.now).Seconds(), 1e15))-d.sent)
}

// sentAt is the time of the nth send.
func (d *sendSimulation) sentAt(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return d.now.Add(time.Duration(min(float64(n)/d.perSecond, maxDeadlineAhead.Seconds()) * float64(time.Second))).Truncate(time.Second)
}
