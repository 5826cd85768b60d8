package privatereply

import "time"

const (
	// ReplyPeriod is how long after a comment Meta accepts its private reply.
	ReplyPeriod = 7 * 24 * time.Hour
	// DeadlineMargin is how much earlier the product stops: its clock and Meta's
	// may differ, and a request takes time.
	DeadlineMargin = 2 * time.Minute
	// MaxBroadcast is the longest an Instagram broadcast can run.
	MaxBroadcast = 4 * time.Hour
)

// Clock names where a deadline was counted from.
type Clock string

// The clocks. Created is the comment's own time as Meta gave it, Entry the time
// Meta sent the webhook, Received the time it arrived here, Broadcast the end of
// a live video.
const (
	ClockCreated   Clock = "created"
	ClockEntry     Clock = "entry"
	ClockReceived  Clock = "received"
	ClockBroadcast Clock = "broadcast"
)

// Deadline is the last moment a private reply may be sent.
type Deadline struct {
	At   time.Time
	From Clock
}

// DeadlineOf counts the deadline of c from the best clock that c carries. For a
// comment on an Instagram live it is the longest that the broadcast can still
// run; its real end brings the deadline nearer when it is known.
func DeadlineOf(c Comment) Deadline {
	base, from := c.writtenAt()
	if c.OnLive() {
		return Deadline{At: base.Add(MaxBroadcast).UTC(), From: ClockBroadcast}
	}
	return createdDeadline(base, from)
}

// SeenAt is the earliest time at which c is known to have been there.
func (c Comment) SeenAt() time.Time {
	at, _ := c.writtenAt()
	return at
}

// writtenAt is the best time for when c was written, and the clock that tells it.
func (c Comment) writtenAt() (time.Time, Clock) {
	base, from := c.ReceivedAt, ClockReceived
	if !c.EntryAt.IsZero() && (base.IsZero() || c.EntryAt.Before(base)) {
		base, from = c.EntryAt, ClockEntry
	}
	if !c.CreatedAt.IsZero() && (base.IsZero() || c.CreatedAt.Before(base)) {
		base, from = c.CreatedAt, ClockCreated
	}
	return base, from
}

// Nearer is the earlier of d and other. A deadline never moves away.
func (d Deadline) Nearer(other Deadline) Deadline {
	if other.At.Before(d.At) {
		return Deadline{At: other.At.UTC(), From: other.From}
	}
	return d
}

// DeadlineFromCreation is the deadline of a comment that Meta says was written at created.
func DeadlineFromCreation(created time.Time) Deadline { return createdDeadline(created, ClockCreated) }

func createdDeadline(base time.Time, from Clock) Deadline {
	return Deadline{At: base.Add(ReplyPeriod - DeadlineMargin).UTC(), From: from}
}

// Passed reports whether nothing may be sent any more at now.
func (d Deadline) Passed(now time.Time) bool { return !now.Before(d.At) }
