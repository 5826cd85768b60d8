package privatereply

import "slices"

// State is where a reply is in its life. It is the value of the search attribute
// ReplyState and of "state" in a reply's status.
type State string

// The states, in the order of a reply's life.
const (
	Holding          State = "holding"           // an automatic reply that a person can still stop
	AwaitingApproval State = "awaiting_approval" // a person must decide
	Sending          State = "sending"           // decided; on its way or waiting for its next try
	Sent             State = "sent"              // delivered; waiting for the person's answer
	Responded        State = "responded"         // the person answered; the window is open
	DeliveryUnknown  State = "delivery_unknown"  // Meta never said; a person must resolve it

	WindowClosed  State = "window_closed" // answered, and the conversation's window has closed
	NoResponse    State = "no_response"   // delivered, never answered
	Undeliverable State = "undeliverable" // Meta refused it for good
	Ignored       State = "ignored"       // a rule left it alone
	Rejected      State = "rejected"      // a person decided against it
	Withdrawn     State = "withdrawn"     // the person took the comment away
	Expired       State = "expired"       // the deadline passed
)

// States lists every state, in the order of a reply's life.
var States = []State{
	Holding, AwaitingApproval, Sending, Sent, Responded, DeliveryUnknown,
	WindowClosed, NoResponse, Undeliverable, Ignored, Rejected, Withdrawn, Expired,
}

// Waiting reports whether s still lies before the end of the send: the deadline,
// an objection or the comment's removal can end the reply.
func (s State) Waiting() bool { return s == Holding || s == AwaitingApproval || s == Sending }

// Final reports whether a reply's life is over in s.
func (s State) Final() bool { return slices.Index(States, s) >= slices.Index(States, WindowClosed) }
