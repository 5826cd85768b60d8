package privatereply

import (
	"fmt"
	"time"
)

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
	_, text, _ := TextLength(p, "")
	return Limits{
		Text:             text,
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
