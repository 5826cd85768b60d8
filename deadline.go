package privatereply

import (
	"fmt"
	"time"
)

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

var clockLabels = map[Clock]string{
	ClockCreated:   "when the comment was written",
	ClockEntry:     "when Meta sent the webhook",
	ClockReceived:  "when the comment arrived here",
	ClockBroadcast: "the broadcast",
}

// Label says for people what a deadline was counted from: "counted from " and this.
func (c Clock) Label() string {
	if label, ok := clockLabels[c]; ok {
		return label
	}
	return string(c)
}

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

// writtenAt is the best known time at which c was written, and the clock that it is by.
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

const (
	// StandardWindow is how long after a person's message an account may write.
	StandardWindow = 24 * time.Hour
	// HumanAgentWindow is how long a human agent may, with Meta's HUMAN_AGENT tag.
	HumanAgentWindow = 7 * 24 * time.Hour
	// WindowMargin is how much earlier follow-ups stop.
	WindowMargin = 2 * time.Minute
	// ResponseWait is how long a sent reply waits for the person's first answer.
	ResponseWait = 7 * 24 * time.Hour
	// MaxFollow is how long a reply follows the window of its conversation.
	MaxFollow = 30 * 24 * time.Hour
	// ClockSkew is what may lie between the clock here and Meta's: Meta writes
	// whole seconds, and the two are not the same clock.
	ClockSkew = 5 * time.Second
	// futureTolerance is how far ahead of its receipt a message may claim to be.
	futureTolerance = 2 * time.Minute
)

// MessageTime is the time that counts for a message: its own, unless that lies
// in the future, where a wrong clock is likelier than foresight.
func MessageTime(itsOwn, receivedAt time.Time) time.Time {
	return Limits{FutureTolerance: Duration(futureTolerance)}.MessageTime(itsOwn, receivedAt)
}

// WindowCloses is when the standard messaging window closes after a message.
func WindowCloses(messageAt time.Time) time.Time { return messageAt.Add(StandardWindow) }

// Channel is how a follow-up may be sent at a moment.
type Channel int

// The channels of a follow-up.
const (
	ChannelClosed     Channel = iota // nothing may be sent
	ChannelStandard                  // as an ordinary response
	ChannelHumanAgent                // by a person, with the HUMAN_AGENT tag
)

// FollowUpChannel says how a follow-up may go at now to a person whose newest message
// was at messageAt, by the limits that are in force.
func FollowUpChannel(now, messageAt time.Time, humanAgent bool) Channel {
	return LimitsOf(Facebook).FollowUpChannel(now, messageAt, humanAgent)
}

// Limits are the platform's limits that a workflow keeps to for its whole life: those
// that were in force when it began. They travel in its input, because a workflow is
// replayed by newer code: a constant that has changed meanwhile must not change what it
// did.
type Limits struct {
	Text             int      `json:"text"`            // in the platform's unit: see TextLength
	StandardWindow   Duration `json:"standard_window"` // after a person's message
	HumanAgentWindow Duration `json:"human_agent_window"`
	WindowMargin     Duration `json:"window_margin"` // before the end of both
	ResponseWait     Duration `json:"response_wait"` // for the first answer to a sent reply
	FollowLimit      Duration `json:"follow_limit"`  // of a reply that is answered
	ClockSkew        Duration `json:"clock_skew"`
	FutureTolerance  Duration `json:"future_tolerance"`
}

// LimitsOf are the limits of p that are in force now.
func LimitsOf(p Platform) Limits {
	return Limits{
		Text:             p.Facts().TextLimit,
		StandardWindow:   Duration(StandardWindow),
		HumanAgentWindow: Duration(HumanAgentWindow),
		WindowMargin:     Duration(WindowMargin),
		ResponseWait:     Duration(ResponseWait),
		FollowLimit:      Duration(MaxFollow),
		ClockSkew:        Duration(ClockSkew),
		FutureTolerance:  Duration(futureTolerance),
	}
}

// CheckText is CheckText with the limit of l.
func (l Limits) CheckText(p Platform, text string) error {
	if err := checkCharacters(text); err != nil {
		return err
	}
	if n, _, unit := TextLength(p, text); n > l.Text {
		return fmt.Errorf("%w: it has %d %s; %s takes at most %d", ErrText, n, unit, p, l.Text)
	}
	return nil
}

// WindowCloses is when the standard messaging window closes after a message.
func (l Limits) WindowCloses(messageAt time.Time) time.Time {
	return messageAt.Add(time.Duration(l.StandardWindow))
}

// HumanAgentCloses is when the window of human agents closes after a message.
func (l Limits) HumanAgentCloses(messageAt time.Time) time.Time {
	return messageAt.Add(time.Duration(l.HumanAgentWindow))
}

// Answers reports whether a message at messageAt answers a reply sent at sentAt.
func (l Limits) Answers(messageAt, sentAt time.Time) bool {
	return messageAt.After(sentAt.Add(-time.Duration(l.ClockSkew)))
}

// MessageTime is the time that counts for a message: its own, unless that lies in the
// future, where a wrong clock is likelier than foresight.
func (l Limits) MessageTime(itsOwn, receivedAt time.Time) time.Time {
	if itsOwn.IsZero() || itsOwn.After(receivedAt.Add(time.Duration(l.FutureTolerance))) {
		return receivedAt.UTC()
	}
	return itsOwn.UTC()
}

// SendUntil is the last moment of a follow-up through channel to a person whose newest
// message was at messageAt.
func (l Limits) SendUntil(channel Channel, messageAt time.Time) time.Time {
	closes := l.WindowCloses(messageAt)
	if channel == ChannelHumanAgent {
		closes = l.HumanAgentCloses(messageAt)
	}
	return closes.Add(-time.Duration(l.WindowMargin))
}

// FollowUpChannel says how a follow-up may go at now to a person whose newest message
// was at messageAt. Both windows stop WindowMargin before their end; a human agent's tag
// is for the time after the 24 hours.
func (l Limits) FollowUpChannel(now, messageAt time.Time, humanAgent bool) Channel {
	switch {
	case messageAt.IsZero():
		return ChannelClosed
	case now.Before(l.SendUntil(ChannelStandard, messageAt)):
		return ChannelStandard
	case humanAgent && !now.Before(l.WindowCloses(messageAt)) && now.Before(l.SendUntil(ChannelHumanAgent, messageAt)):
		return ChannelHumanAgent
	}
	return ChannelClosed
}
