// Package workflows holds the durable part of the product: the life of a private
// reply and the conversation that follows it.
//
// Workflow code is deterministic. It reads the time with workflow.Now, knows no
// configuration, and asks for every side effect by the name of an activity, so
// that this package does not depend on Meta's API.
package workflows

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"go.temporal.io/sdk/converter"

	"github.com/privatereply/privatereply"
)

// Workflow types.
const (
	PrivateReplyType = "PrivateReply"
	ConversationType = "Conversation"
	BroadcastType    = "Broadcast"
	IntakeType       = "Intake"
	SweepType        = "Sweep"

	RemovedPostType   = "RemovedPost"
	LocateMessageType = "LocateMessage"
	ErasureType       = "Erasure"
	TokenRenewalType  = "TokenRenewal"
	ReopenType        = "Reopen"

	CommentVisibilityType = "CommentVisibility"
	OnceType              = "Once"
)

// Messages of PrivateReply.
const (
	ApproveMessage        = "approve"          // Update and Signal: Approve
	RejectMessage         = "reject"           // Update and Signal: Reject
	ResolveMessage        = "resolve"          // Update: Resolve
	ProposeMessage        = "propose"          // Update and Signal: Propose
	NoteMessage           = "note"             // Update: Note
	AssignMessage         = "assign"           // Update: Assign
	CommentRemovedSignal  = "comment-removed"  // no payload
	CommentEditedSignal   = "comment-edited"   // CommentEdited
	BroadcastEndedSignal  = "broadcast-ended"  // EventTime
	PersonRespondedSignal = "person-responded" // PersonResponded
	TapAnsweredSignal     = "tap-answered"     // TapAnswered
	StatusQuery           = "status"
)

// Messages of Conversation. It answers StatusQuery too, and so does Sweep. Broadcast
// takes ReplyJoinedSignal (LiveReplyJoined) and BroadcastEndedSignal, and answers
// StatusQuery.
const (
	PersonMessageSignal = "person-message" // PersonMessage
	ReplyJoinedSignal   = "reply-joined"   // ReplyJoined
	ReplyEndedSignal    = "reply-ended"    // ReplyEnded
	FollowUpUpdate      = "reply"          // FollowUp
)

// SendQueue is where private replies to posts and follow-ups are sent, apart from
// workflow tasks and look-ups, so that neither waits behind the other.
func SendQueue(queue string) string { return queue + "-send" }

// IntakeQueue is where batches of events are dispatched, so that a burst holds no
// slot that a send or a look-up needs.
func IntakeQueue(queue string) string { return queue + "-intake" }

// LiveSendQueue is where replies to live comments are sent: seconds matter there.
func LiveSendQueue(queue string) string { return queue + "-send-live" }

// PrivateReplyInput starts PrivateReply. PrivateReplyOptions works InitialState out, so that
// a changed rule of the domain does not change a running reply; a start by hand may leave it
// out.
type PrivateReplyInput struct {
	Comment      privatereply.Comment  `json:"comment"`
	Decision     privatereply.Decision `json:"decision"`
	InitialState *InitialState         `json:"begin,omitempty"`
	// Reopened says that the reply was rejected before, and Team what people had done with
	// it by then.
	Reopened *Reopened `json:"reopened,omitempty"`
	Team     *TeamWork `json:"team,omitempty"`
}

// Validate reports the first thing that makes in unusable, naming the field.
func (in PrivateReplyInput) Validate() error {
	if err := in.Comment.Validate(); err != nil {
		return err
	}
	return in.Decision.Validate(in.Comment.Platform)
}

// Approve asks to send the reply. An empty Text sends the proposed one. CommentSHA256
// and TextSHA256 are the privatereply.TextSHA256 of the comment and of the proposed text
// that the approver has read; the approval is refused if the comment was edited since, or
// if another text was proposed. Empty: not asked for.
//
// Buttons, QuickReplies and PublicText are as proposed where they are nil, and none where
// they are empty. TextSHA256 is the privatereply.ProposalSHA256 where more than a text is
// proposed.
type Approve struct {
	Approver      string                    `json:"approver"`
	Text          string                    `json:"text,omitempty"`
	Buttons       []privatereply.Button     `json:"buttons,omitzero"`
	QuickReplies  []privatereply.QuickReply `json:"quick_replies,omitzero"`
	PublicText    *string                   `json:"public_text,omitempty"`
	CommentSHA256 string                    `json:"comment_sha256,omitempty"`
	TextSHA256    string                    `json:"text_sha256,omitempty"`
}

// CommentEdited reports to a reply that the words of its comment have changed, and what the
// rules say of the new ones. Without a decision a person must decide.
type CommentEdited struct {
	Text     string                 `json:"text"`
	At       time.Time              `json:"at"`
	Decision *privatereply.Decision `json:"decision,omitempty"`
	// Attachment is what the comment shows now; none: as before.
	Attachment privatereply.Attachment `json:"attachment,omitzero"`
}

// Reject asks never to send the reply. Cause is privatereply.AccountDisconnected where that
// is why; empty: a person decided against the reply.
type Reject struct {
	Approver string              `json:"approver"`
	Reason   string              `json:"reason,omitempty"`
	Hide     bool                `json:"hide,omitempty"` // hide the comment too
	Cause    privatereply.Reason `json:"cause,omitempty"`
}

// Resolve settles a delivery that nobody could prove. It never sends.
type Resolve struct {
	Approver  string `json:"approver"`
	Delivered *bool  `json:"delivered"`
}

// EventTime carries the time at which something happened.
type EventTime struct {
	At time.Time `json:"at"`
}

// PersonResponded reports to a reply that the person answered it, and with which of its
// buttons or quick replies, if it was a tap.
type PersonResponded struct {
	At      time.Time `json:"at"`
	Payload string    `json:"payload,omitempty"`
}

// TapAnswered reports to a reply what came of the text that a tap sends.
type TapAnswered struct {
	Payload   string               `json:"payload"`
	At        time.Time            `json:"at"`    // when it ended
	State     privatereply.Outcome `json:"state"` // sent, refused or unknown
	MessageID string               `json:"message_id,omitempty"`
	Reason    privatereply.Reason  `json:"reason,omitempty"`
}

// DecisionResult is the result of an Update that decides about a reply.
type DecisionResult struct {
	Accepted bool                `json:"accepted"`
	State    privatereply.State  `json:"state"`
	Reason   privatereply.Reason `json:"reason,omitempty"`
	Deadline time.Time           `json:"deadline,omitzero"`
}

// PersonMessage reports to a Conversation that the person wrote.
type PersonMessage struct {
	At        time.Time `json:"at"`
	MessageID string    `json:"mid,omitempty"`
	Payload   string    `json:"payload,omitempty"` // of the button or quick reply that they tapped
}

// ReplyJoined reports to a Conversation that a reply was delivered to its person.
type ReplyJoined struct {
	Reply     string    `json:"reply"` // the reply's workflow id
	SentAt    time.Time `json:"sent_at"`
	MessageID string    `json:"message_id,omitempty"`
	// TextSHA256 identifies the message of a reply whose MessageID nobody knows.
	TextSHA256 string `json:"text_sha256,omitempty"`
	Answered   bool   `json:"answered,omitempty"` // an answer was signalled to it
	// Taps are what the person can tap in it.
	Taps []privatereply.Tap `json:"taps,omitempty"`
}

// ReplyEnded reports to a Conversation that a reply ended that had joined it.
type ReplyEnded struct {
	Reply string `json:"reply"` // the reply's workflow id
}

// LiveReplyJoined reports to a Broadcast that a reply to one of its comments waits, or
// several that joined together.
type LiveReplyJoined struct {
	Reply   string    `json:"reply,omitempty"` // the reply's workflow id
	Replies []string  `json:"replies,omitempty"`
	At      time.Time `json:"at,omitzero"` // when the newest of the comments was written: a sign of life
}

// FollowUp asks a Conversation to write to its person.
type FollowUp struct {
	Agent        string                    `json:"agent"`
	Text         string                    `json:"text"`
	Buttons      []privatereply.Button     `json:"buttons,omitempty"`
	QuickReplies []privatereply.QuickReply `json:"quick_replies,omitempty"`
	HumanAgent   bool                      `json:"human_agent,omitempty"`
}

// FollowUpResult is the result of a follow-up.
type FollowUpResult struct {
	State     privatereply.Outcome `json:"state"` // sent, refused or unknown
	MessageID string               `json:"message_id,omitempty"`
	Reason    privatereply.Reason  `json:"reason,omitempty"`
}

// maxErrorBytes bounds what an error repeats of a message: a field's name can be as
// long as its sender likes.
const maxErrorBytes = 150

// decode reads the JSON of one message into v. It refuses unknown fields: a
// mistyped "text" must not send the proposal. The messages are taken raw because
// the SDK drops a signal that does not decode, without a word to anybody.
func decode(raw converter.RawValue, v any) error {
	data := raw.Payload().GetData()
	if len(bytes.TrimSpace(data)) == 0 {
		data = []byte("{}")
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return fmt.Errorf("the message is not as it should be: %s; write JSON such as %s",
			privatereply.CutText(describeDecodeError(err).Error(), maxErrorBytes), example(v))
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("the message has more than one JSON value; write one such as %s", example(v))
	}
	return nil
}

// describeDecodeError turns the decoder's errors into words that name the field.
func describeDecodeError(err error) error {
	var wrongType *json.UnmarshalTypeError
	if errors.As(err, &wrongType) {
		if wrongType.Field == "" {
			return fmt.Errorf("it is a JSON %s, not an object", wrongType.Value)
		}
		return fmt.Errorf("field %q cannot be a JSON %s", wrongType.Field, wrongType.Value)
	}
	return err
}

func example(v any) string {
	switch v.(type) {
	case *Approve:
		return `{"approver":"ana","text":"Hi!"}`
	case *Reject:
		return `{"approver":"ana","reason":"spam"}`
	case *Resolve:
		return `{"approver":"ana","delivered":true}`
	case *Propose:
		return `{"by":"ana","text":"Hi!","note":"please check the price"}`
	case *Note:
		return `{"by":"ana","text":"asked the warehouse"}`
	case *Assign:
		return `{"by":"ana","to":"ben"}`
	case *FollowUp:
		return `{"agent":"ana","text":"Hi!"}`
	case *ReplyJoined:
		return `{"reply":"reply:…","sent_at":"2026-01-02T15:04:05Z","message_id":"…"}`
	case *ReplyEnded:
		return `{"reply":"reply:…"}`
	case *LiveReplyJoined:
		return `{"reply":"reply:…","at":"2026-01-02T15:04:05Z"}`
	case *PersonMessage:
		return `{"at":"2026-01-02T15:04:05Z","mid":"…"}`
	case *CommentEdited:
		return `{"text":"…","at":"2026-01-02T15:04:05Z","decision":{"action":"ask"}}`
	case *PersonResponded:
		return `{"at":"2026-01-02T15:04:05Z","payload":"…"}`
	case *TapAnswered:
		return `{"payload":"…","at":"2026-01-02T15:04:05Z","state":"sent"}`
	case *EventTime:
		return `{"at":"2026-01-02T15:04:05Z"}`
	}
	return "{}"
}
