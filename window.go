package privatereply

import "time"

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
