// Package workflows holds the durable part of the product: the life of a private
// reply and the conversation that follows it.
//
// Workflow code is deterministic. It reads the time with workflow.Now, knows no
// configuration, and asks for every side effect by the name of an activity, so
// that this package does not depend on Meta's API.
package workflows

// Workflow types.
const (
	PrivateReplyType = "PrivateReply"
	ConversationType = "Conversation"
	BroadcastType    = "Broadcast"
	IntakeType       = "Intake"
	SweepType        = "Sweep"

	RemovedPostType   = "RemovedPost"
	LocateMessageType = "LocateMessage"
)

// Messages of PrivateReply.
const (
	ApproveMessage        = "approve"          // Update and Signal: Approve
	RejectMessage         = "reject"           // Update and Signal: Reject
	ResolveMessage        = "resolve"          // Update: Resolve
	CommentRemovedSignal  = "comment-removed"  // no payload
	CommentEditedSignal   = "comment-edited"   // CommentEdited
	BroadcastEndedSignal  = "broadcast-ended"  // At
	PersonRespondedSignal = "person-responded" // At
	StatusQuery           = "status"
)

// Messages of Conversation. It answers StatusQuery too, and so does Sweep. Broadcast
// takes ReplyJoinedSignal (LiveReplyJoined) and BroadcastEndedSignal, and answers
// StatusQuery.
const (
	PersonMessageSignal = "person-message" // PersonMessage
	ReplyJoinedSignal   = "reply-joined"   // ReplyJoined
	FollowUpUpdate      = "reply"          // FollowUp
)

// SendQueue is where private replies to posts and follow-ups are sent, apart from
// workflow tasks and look-ups, so that neither waits behind the other.
func SendQueue(queue string) string { return queue + "-send" }

// IntakeQueue is where batches of events are dispatched, so that a storm takes no
// place of a send or a look-up.
func IntakeQueue(queue string) string { return queue + "-intake" }

// LiveSendQueue is where replies to live comments are sent: seconds matter there.
func LiveSendQueue(queue string) string { return queue + "-send-live" }
