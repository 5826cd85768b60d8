package workflows

import (
	"time"

	"github.com/privatereply/privatereply"
)

// PublicReplyStatus is how it stands with the public reply beside a private one.
type PublicReplyStatus struct {
	State     EffectState         `json:"state"`
	Text      string              `json:"text"`
	Reason    privatereply.Reason `json:"reason,omitempty"`
	CommentID string              `json:"comment_id,omitempty"` // the new comment's
	Attempts  int                 `json:"attempts,omitempty"`
	Code      int                 `json:"code,omitempty"`
	Subcode   int                 `json:"subcode,omitempty"`
	TraceID   string              `json:"trace_id,omitempty"`
	At        time.Time           `json:"at,omitzero"` // when it ended
	RetryAt   time.Time           `json:"retry_at,omitzero"`
}

// HideStatus is how it stands with hiding a comment, or showing it again.
type HideStatus struct {
	State    EffectState         `json:"state"`
	Hidden   bool                `json:"hidden"`       // what was asked for: true hides
	By       string              `json:"by,omitempty"` // empty: a rule
	Reason   privatereply.Reason `json:"reason,omitempty"`
	Attempts int                 `json:"attempts,omitempty"`
	Code     int                 `json:"code,omitempty"`
	Subcode  int                 `json:"subcode,omitempty"`
	TraceID  string              `json:"trace_id,omitempty"`
	At       time.Time           `json:"at,omitzero"`
	RetryAt  time.Time           `json:"retry_at,omitzero"`
}

// TapStatus is one button or quick reply that the person tapped, and what came of it.
type TapStatus struct {
	Payload   string               `json:"payload"`
	Title     string               `json:"title,omitempty"`
	At        time.Time            `json:"at"` // the first tap
	Times     int                  `json:"times"`
	State     privatereply.Outcome `json:"state,omitempty"` // of the text that it sends; empty: on its way, or there is none
	Reason    privatereply.Reason  `json:"reason,omitempty"`
	MessageID string               `json:"message_id,omitempty"`
	EndedAt   time.Time            `json:"ended_at,omitzero"`
}

// EffectState is the state of something that goes with a reply and cannot change the
// reply's own: its public reply, or hiding its comment.
type EffectState string

// The states.
const (
	EffectWaiting EffectState = "waiting" // under way, or before its next try
	EffectDone    EffectState = "done"    // posted, hidden, or shown again
	EffectRefused EffectState = "refused" // Meta refused it for good, or it was given up
	EffectUnknown EffectState = "unknown" // nobody knows; a person must look under the comment
	EffectSkipped EffectState = "skipped" // it was not tried
)

// Values of the search attribute ReplyEffects: what has happened beside the reply.
const (
	EffectTapped      = "tapped"
	EffectPublicReply = "public_reply"
	EffectHidden      = "hidden"
	// EffectPublicUnknown is a public reply of which nobody knows whether it was posted.
	EffectPublicUnknown = "public_unknown"
)

// Effects are all values of ReplyEffects.
var Effects = []string{EffectTapped, EffectPublicReply, EffectHidden, EffectPublicUnknown}
