package workflows

import (
	"time"

	"github.com/privatereply/privatereply"
)

// Names of the activities that the workflows ask for. Package activities does
// them; asking by name keeps workflow code free of what they need.
const (
	SendPrivateReplyActivity = "SendPrivateReply" // SendPrivateReplyInput → privatereply.SendResult
	SendFollowUpActivity     = "SendFollowUp"     // SendFollowUpInput → privatereply.SendResult
	FindMessageActivity      = "FindMessage"      // FindMessageInput → FindMessageResult
	ReadMessagesActivity     = "ReadMessages"     // ReadMessagesInput → ReadMessagesResult
	LookUpCommentActivity    = "LookUpComment"    // LookUpCommentInput → LookUpCommentResult
	JoinConversationActivity = "JoinConversation" // JoinConversationInput
	JoinBroadcastActivity    = "JoinBroadcast"    // JoinBroadcastInput
	WatchBroadcastActivity   = "WatchBroadcast"   // WatchBroadcastInput → WatchBroadcastResult
	EndRepliesActivity       = "EndReplies"       // EndRepliesInput
	DispatchActivity         = "Dispatch"         // → IntakeResult
	SweepPageActivity        = "SweepPage"        // SweepPageInput → SweepPageResult
	WithdrawRepliesActivity  = "WithdrawReplies"  // RemovedPostInput → WithdrawRepliesResult
	LocateMessageActivity    = "LocateMessage"    // LocateMessageInput → LocateMessageResult

	SweepConversationsActivity = "SweepConversations" // SweepConversationsInput → SweepConversationsResult
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

// SendPrivateReplyInput asks for one attempt to send a private reply.
type SendPrivateReplyInput struct {
	Comment  privatereply.Comment `json:"comment"`
	Text     string               `json:"text"`
	Deadline time.Time            `json:"deadline"`
	Attempt  int                  `json:"attempt"`             // from 1
	Since    time.Time            `json:"since,omitzero"`      // when it was decided: who waits longer goes first
	Waited   bool                 `json:"waited,omitempty"`    // it has slept since: a broadcast may be over
	ByPerson bool                 `json:"by_person,omitempty"` // a person approved it
}

// SendFollowUpInput asks for one attempt to write to a person in an open window.
type SendFollowUpInput struct {
	Platform   privatereply.Platform `json:"platform"`
	Account    string                `json:"account"`
	Person     string                `json:"person"`
	Text       string                `json:"text"`
	HumanAgent bool                  `json:"human_agent,omitempty"` // send with the tag
	NotAfter   time.Time             `json:"not_after"`
}

// FindMessageInput asks whether the account wrote Text to the person at Since or later.
type FindMessageInput struct {
	Platform  privatereply.Platform `json:"platform"`
	Account   string                `json:"account"`
	Person    string                `json:"person"`
	Text      string                `json:"text"`
	Since     time.Time             `json:"since"`
	CommentAt time.Time             `json:"comment_at,omitzero"` // from when on another message may be an answer to the comment
	Known     []string              `json:"known,omitempty"`     // messages that are something else's
	Reply     string                `json:"reply,omitempty"`     // the workflow that asks, to claim the message
}

// FindMessageResult is what FindMessageInput found. MessageID is empty when the message is not
// there, which counts only if the conversation is Readable back to Since.
type FindMessageResult struct {
	MessageID string    `json:"message_id,omitempty"`
	SentAt    time.Time `json:"sent_at,omitzero"` // when its request was written, or a little earlier
	Readable  bool      `json:"readable,omitempty"`
	Empty     bool      `json:"empty,omitempty"`  // Meta shows no conversation with the person
	Others    bool      `json:"others,omitempty"` // the account wrote something else since CommentAt
}

// ReadMessagesInput asks for what a person wrote at Since or later.
type ReadMessagesInput struct {
	Platform privatereply.Platform `json:"platform"`
	Account  string                `json:"account"`
	Person   string                `json:"person"`
	Since    time.Time             `json:"since"`
}

// ReadMessagesResult are what a person wrote, oldest first.
type ReadMessagesResult struct {
	Messages []PersonMessage `json:"messages,omitempty"`
}

// LookUpCommentInput asks Meta about a comment.
type LookUpCommentInput struct {
	Comment privatereply.Comment `json:"comment"`
}

// LookUpCommentResult is what Meta said about a comment.
type LookUpCommentResult struct {
	CreatedAt    time.Time `json:"created_at,omitzero"`
	Deadline     time.Time `json:"deadline,omitzero"`       // of its private reply; zero if Meta did not say CreatedAt
	NotRepliable bool      `json:"not_repliable,omitempty"` // can_reply_privately is false
}

// JoinConversationInput asks to tell the conversations of People about a delivered
// reply, and to start those that are not running.
type JoinConversationInput struct {
	Platform privatereply.Platform `json:"platform"`
	Account  string                `json:"account"`
	People   []string              `json:"people"`
	Joined   ReplyJoined           `json:"joined"`
}

// JoinBroadcastInput asks to tell the Broadcast of a live video that a reply waits, and
// to start it if none is running.
type JoinBroadcastInput struct {
	Platform privatereply.Platform `json:"platform"`
	Account  string                `json:"account"`
	Media    string                `json:"media"`
	Joined   LiveReplyJoined       `json:"joined"`
}

// WatchBroadcastInput asks to watch a live video until Meta does not list it any more.
type WatchBroadcastInput struct {
	Platform privatereply.Platform `json:"platform"`
	Account  string                `json:"account"`
	Media    string                `json:"media"`
}

// WatchBroadcastResult says since when Meta has not listed a broadcast.
type WatchBroadcastResult struct {
	At time.Time `json:"at"`
}

// EndRepliesInput asks to tell the replies to Comments, canonical ids all of the same
// account, that their broadcast ended.
type EndRepliesInput struct {
	Platform privatereply.Platform `json:"platform"`
	Account  string                `json:"account"`
	Comments []string              `json:"comments"`
	At       time.Time             `json:"at"`
}
