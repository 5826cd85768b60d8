package privatereply

import "time"

// Outcome is how one attempt to send ended.
type Outcome string

// The outcomes. Only OutcomeNotSent proves that nothing was delivered and that
// the same send may be tried again.
const (
	OutcomeSent    Outcome = "sent"
	OutcomeNotSent Outcome = "not_sent"
	OutcomeRefused Outcome = "refused"
	OutcomeUnknown Outcome = "unknown"
)

// SendResult is what one attempt to send returned. It is a value, not an error:
// the workflow decides what follows.
type SendResult struct {
	Outcome     Outcome   `json:"outcome"`
	Reason      Reason    `json:"reason,omitempty"`
	MessageID   string    `json:"message_id,omitempty"`
	RecipientID string    `json:"recipient_id,omitempty"`
	Code        int       `json:"code,omitempty"`
	Subcode     int       `json:"subcode,omitempty"`
	TraceID     string    `json:"trace_id,omitempty"` // Meta's fbtrace_id
	Wrote       bool      `json:"wrote,omitempty"`    // the request left the process
	Doubtful    bool      `json:"doubtful,omitempty"` // OutcomeNotSent: Meta may have delivered it all the same
	SentAt      time.Time `json:"sent_at,omitzero"`   // just before the request was written
	RetryAt     time.Time `json:"retry_at,omitzero"`  // OutcomeNotSent: not before
	Joined      bool      `json:"joined,omitempty"`   // OutcomeSent: the person's conversations know of it
}
