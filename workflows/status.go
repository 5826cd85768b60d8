package workflows

import (
	"time"

	"github.com/privatereply/privatereply"
)

// PrivateReplyStatus answers the status query of PrivateReply, and is its result. Empty
// fields are left out; fields may be added, never changed.
type PrivateReplyStatus struct {
	State          privatereply.State    `json:"state"`
	Reason         privatereply.Reason   `json:"reason,omitempty"`
	Deadline       time.Time             `json:"deadline,omitzero"`
	DeadlineFrom   privatereply.Clock    `json:"deadline_from,omitempty"`
	Comment        privatereply.Comment  `json:"comment"`
	Decision       privatereply.Decision `json:"decision"`
	Text           string                `json:"text,omitempty"` // what is or was to be sent
	Approver       string                `json:"approver,omitempty"`
	DecidedAt      time.Time             `json:"decided_at,omitzero"`
	RejectReason   string                `json:"reject_reason,omitempty"`
	HoldUntil      time.Time             `json:"hold_until,omitzero"`
	Send           *SendStatus           `json:"send,omitempty"`
	Window         *WindowStatus         `json:"window,omitempty"`
	RefusedSignals []RefusedSignal       `json:"refused_signals,omitempty"` // the last 10
}

// SendStatus tells of the attempts to send. What the account's pace held back is no
// attempt; Reason and RetryAt tell of it.
type SendStatus struct {
	Outcome     privatereply.Outcome `json:"outcome,omitempty"`
	Reason      privatereply.Reason  `json:"reason,omitempty"`
	Attempts    int                  `json:"attempts"`
	MessageID   string               `json:"message_id,omitempty"`
	RecipientID string               `json:"recipient_id,omitempty"`
	Code        int                  `json:"code,omitempty"`
	Subcode     int                  `json:"subcode,omitempty"`
	TraceID     string               `json:"trace_id,omitempty"`
	SentAt      time.Time            `json:"sent_at,omitzero"`
	RetryAt     time.Time            `json:"retry_at,omitzero"`
}

// WindowStatus tells of the person's answer.
type WindowStatus struct {
	RespondedAt time.Time `json:"responded_at"` // the first answer
	ClosesAt    time.Time `json:"closes_at"`    // 24 hours after the newest
}

// RefusedSignal is a signal that could not be followed.
type RefusedSignal struct {
	Name string    `json:"name"`
	Why  string    `json:"why"`
	At   time.Time `json:"at"`
}

// ConversationStatus answers the status query of Conversation.
type ConversationStatus struct {
	LastMessageAt  time.Time        `json:"last_message_at,omitzero"`
	WindowClosesAt time.Time        `json:"window_closes_at,omitzero"`
	Replies        []ReplyJoined    `json:"replies,omitempty"`
	MessagesSeen   int              `json:"messages_seen"`
	FollowUps      []FollowUpRecord `json:"follow_ups,omitempty"`      // the last 20
	RefusedSignals []RefusedSignal  `json:"refused_signals,omitempty"` // the last 10
}
