package workflows

import (
	"time"

	"github.com/privatereply/privatereply"
)

// Names of the activities that the workflows ask for. Package activities does
// them; asking by name keeps workflow code free of what they need.
const (
	SendPrivateReplyActivity = "SendPrivateReply" // SendPrivateReply → privatereply.SendResult
	SendFollowUpActivity     = "SendFollowUp"     // SendFollowUp → privatereply.SendResult
	FindMessageActivity      = "FindMessage"      // FindMessage → FoundMessage
	ReadMessagesActivity     = "ReadMessages"     // ReadMessages → PersonMessages
	LookUpCommentActivity    = "LookUpComment"    // LookUpComment → CommentFacts
	JoinConversationActivity = "JoinConversation" // JoinConversation
	JoinBroadcastActivity    = "JoinBroadcast"    // JoinBroadcast
	WatchBroadcastActivity   = "WatchBroadcast"   // WatchBroadcast → BroadcastGone
	EndRepliesActivity       = "EndReplies"       // EndReplies
	DispatchActivity         = "Dispatch"         // → IntakeResult
	SweepPageActivity        = "SweepPage"        // SweepPage → SweptPage
	WithdrawRepliesActivity  = "WithdrawReplies"  // RemovedPostInput → WithdrawnReplies
	LocateMessageActivity    = "LocateMessage"    // LocateMessageInput → LocatedMessage

	SweepConversationsActivity = "SweepConversations" // SweepConversations → SweptConversations
)

// Time limits of a send. It may wait two seconds for leave and two for word of its
// broadcast; the HTTP call to Meta then takes at most HTTPTimeout, so that the
// activity can say how it ended before SendTimeout; a stopping worker waits
// WorkerStopTimeout, so that a deploy makes no delivery unknown; and a container
// must be given longer than that before it is killed.
const (
	HTTPTimeout       = 15 * time.Second
	SendTimeout       = 20 * time.Second
	WorkerStopTimeout = 25 * time.Second
)

// ReadTimeout is how long one try to read a conversation may take: some calls to Meta,
// each of which waits for its turn.
const ReadTimeout = 2 * time.Minute

// JoinTimeout is how long one try to tell a conversation of its reply may take. It may
// make way for sends most of that time; see activities.
const JoinTimeout = 12 * time.Second

// heartbeatTimeout is how long an activity that beats may be silent before another
// worker takes it over.
const heartbeatTimeout = 30 * time.Second

// SendPrivateReply asks for one attempt to send a private reply.
type SendPrivateReply struct {
	Comment  privatereply.Comment `json:"comment"`
	Text     string               `json:"text"`
	Deadline time.Time            `json:"deadline"`
	Attempt  int                  `json:"attempt"`             // from 1
	Since    time.Time            `json:"since,omitzero"`      // when it was decided: who waits longer goes first
	Waited   bool                 `json:"waited,omitempty"`    // it has slept since: a broadcast may be over
	ByPerson bool                 `json:"by_person,omitempty"` // a person approved it
}

// SendFollowUp asks for one attempt to write to a person in an open window.
type SendFollowUp struct {
	Platform   privatereply.Platform `json:"platform"`
	Account    string                `json:"account"`
	Person     string                `json:"person"`
	Text       string                `json:"text"`
	HumanAgent bool                  `json:"human_agent,omitempty"` // send with the tag
	NotAfter   time.Time             `json:"not_after"`
}

// FindMessage asks whether the account wrote Text to the person at Since or later.
type FindMessage struct {
	Platform  privatereply.Platform `json:"platform"`
	Account   string                `json:"account"`
	Person    string                `json:"person"`
	Text      string                `json:"text"`
	Since     time.Time             `json:"since"`
	CommentAt time.Time             `json:"comment_at,omitzero"` // from when on another message may be an answer to the comment
	Known     []string              `json:"known,omitempty"`     // messages that are something else's
	Reply     string                `json:"reply,omitempty"`     // the workflow that asks, to claim the message
}

// FoundMessage is what FindMessage found. MessageID is empty when the message is not
// there, which counts only if the conversation is Readable back to Since.
type FoundMessage struct {
	MessageID string    `json:"message_id,omitempty"`
	SentAt    time.Time `json:"sent_at,omitzero"` // when its request was written, or a little earlier
	Readable  bool      `json:"readable,omitempty"`
	Empty     bool      `json:"empty,omitempty"`  // Meta shows no conversation with the person
	Others    bool      `json:"others,omitempty"` // the account wrote something else since CommentAt
}

// ReadMessages asks for what a person wrote at Since or later.
type ReadMessages struct {
	Platform privatereply.Platform `json:"platform"`
	Account  string                `json:"account"`
	Person   string                `json:"person"`
	Since    time.Time             `json:"since"`
}

// PersonMessages are what a person wrote, oldest first.
type PersonMessages struct {
	Messages []PersonMessage `json:"messages,omitempty"`
}

// LookUpComment asks Meta about a comment.
type LookUpComment struct {
	Comment privatereply.Comment `json:"comment"`
}

// CommentFacts is what Meta said about a comment.
type CommentFacts struct {
	CreatedAt    time.Time `json:"created_at,omitzero"`
	Deadline     time.Time `json:"deadline,omitzero"`       // of its private reply; zero if Meta did not say CreatedAt
	NotRepliable bool      `json:"not_repliable,omitempty"` // can_reply_privately is false
}

// JoinConversation asks to tell the conversations of People about a delivered
// reply, and to start those that are not running.
type JoinConversation struct {
	Platform privatereply.Platform `json:"platform"`
	Account  string                `json:"account"`
	People   []string              `json:"people"`
	Joined   ReplyJoined           `json:"joined"`
}

// JoinBroadcast asks to tell the Broadcast of a live video that a reply waits, and
// to start it if none is running.
type JoinBroadcast struct {
	Platform privatereply.Platform `json:"platform"`
	Account  string                `json:"account"`
	Media    string                `json:"media"`
	Joined   LiveReplyJoined       `json:"joined"`
}

// WatchBroadcast asks to watch a live video until Meta does not list it any more.
type WatchBroadcast struct {
	Platform privatereply.Platform `json:"platform"`
	Account  string                `json:"account"`
	Media    string                `json:"media"`
}

// BroadcastGone says since when Meta has not listed a broadcast.
type BroadcastGone struct {
	At time.Time `json:"at"`
}

// EndReplies asks to tell the replies to Comments, canonical ids all of the same
// account, that their broadcast ended.
type EndReplies struct {
	Platform privatereply.Platform `json:"platform"`
	Account  string                `json:"account"`
	Comments []string              `json:"comments"`
	At       time.Time             `json:"at"`
}
