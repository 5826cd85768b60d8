package privatereply

import "slices"

// State is a stage in the life of a reply: the value of the search attribute
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
	Ignored       State = "ignored"       // a rule, or the default, does not answer it
	Rejected      State = "rejected"      // a person decided against it
	Withdrawn     State = "withdrawn"     // the person took the comment away
	Expired       State = "expired"       // the deadline passed
)

// States lists every state, in the order of a reply's life.
var States = []State{
	Holding, AwaitingApproval, Sending, Sent, Responded, DeliveryUnknown,
	WindowClosed, NoResponse, Undeliverable, Ignored, Rejected, Withdrawn, Expired,
}

// Waiting reports whether s lies before the end of the send: the deadline, a rejection
// or the comment's removal can still end the reply.
func (s State) Waiting() bool { return s == Holding || s == AwaitingApproval || s == Sending }

// MayHaveConversation reports whether the person may have received the reply in s.
func (s State) MayHaveConversation() bool {
	switch s {
	case Sent, Responded, DeliveryUnknown, WindowClosed, NoResponse:
		return true
	}
	return false
}

// Final reports whether a reply's life is over in s.
func (s State) Final() bool { return slices.Index(States, s) >= slices.Index(States, WindowClosed) }

// stateWords is the one table of words for the states. The desk, the command line, the
// Web UI and docs/approvals.md show these.
var stateWords = map[State]struct{ label, clause, sentence string }{
	Holding:          {"Scheduled: it goes out by itself", "it is held", "It goes out by itself when the hold is over, unless somebody rejects it."},
	AwaitingApproval: {"Waits for a decision", "it waits for a decision", "A person must decide."},
	Sending:          {"On its way", "it is on its way", "It is on its way to Meta, or waits for its next try."},
	Sent:             {"Delivered", "it is delivered", "It was delivered; the person has not answered yet."},
	Responded:        {"The person answered", "the person has answered", "The person answered; the 24-hour window is open."},
	DeliveryUnknown:  {"Delivery unknown", "nobody knows whether it arrived", "Nobody knows whether it arrived; a person must find out and resolve it."},
	WindowClosed:     {"Answered; the conversation is over", "it was answered, and the conversation is over", "It was delivered and answered; the 24-hour window has closed."},
	NoResponse:       {"Delivered; no answer came", "it was delivered, and no answer came", "It was delivered and never answered."},
	Undeliverable:    {"Not delivered", "it was not delivered", "It was not delivered and is not tried again."},
	Ignored:          {"Ignored", "it is left alone", "Nobody answers this comment."},
	Rejected:         {"Rejected", "it is rejected", "A person decided against it."},
	Withdrawn:        {"The comment was removed", "the comment was removed", "The comment was removed before anything was sent."},
	Expired:          {"Too late: nothing was sent", "the deadline has passed", "The deadline passed; nothing was sent."},
}

// Label names s for people in a few words, with a capital letter. A reply that another
// tool started without its search attributes has the empty state; a state of a newer
// release is given as it is.
func (s State) Label() string {
	if w, ok := stateWords[s]; ok {
		return w.label
	}
	if s == "" {
		return "State not known"
	}
	return string(s)
}

// Sentence says what s means, in one sentence for people. It is empty for a state that
// is not in States.
func (s State) Sentence() string { return stateWords[s].sentence }

// Clause says how it stands with a reply in s, to stand behind a colon or semicolon.
func (s State) Clause() string {
	if w, ok := stateWords[s]; ok {
		return w.clause
	}
	return "its state is " + string(s)
}
