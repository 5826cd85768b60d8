package workflows

import (
	"context"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/privatereply/privatereply"
)

// Activities are the side effects that workflows ask for. Package activities implements
// them; workflows know them by this interface alone, and so need nothing of what they need.
type Activities interface {
	SendPrivateReply(context.Context, SendPrivateReplyInput) (privatereply.SendResult, error)
	SendFollowUp(context.Context, SendFollowUpInput) (privatereply.SendResult, error)
	FindMessage(context.Context, FindMessageInput) (FindMessageResult, error)
	ReadMessages(context.Context, ReadMessagesInput) (ReadMessagesResult, error)
	LookUpComment(context.Context, LookUpCommentInput) (LookUpCommentResult, error)
	JoinConversation(context.Context, JoinConversationInput) error
	JoinBroadcast(context.Context, JoinBroadcastInput) error
	WatchBroadcast(context.Context, WatchBroadcastInput) (WatchBroadcastResult, error)
	EndReplies(context.Context, EndRepliesInput) error
	WithdrawReplies(context.Context, RemovedPostInput) (WithdrawRepliesResult, error)
	LocateMessage(context.Context, LocateMessageInput) (LocateMessageResult, error)
	PostPublicReply(context.Context, PostPublicReplyInput) (privatereply.SendResult, error)
	FindPublicReply(context.Context, FindPublicReplyInput) (FindPublicReplyResult, error)
	SetCommentHidden(context.Context, SetCommentHiddenInput) (privatereply.SendResult, error)
}

// SweepActivities are those of Sweep.
type SweepActivities interface {
	SweepPage(context.Context, SweepPageInput) (SweepPageResult, error)
	SweepConversations(context.Context, SweepConversationsInput) (SweepConversationsResult, error)
}

// IntakeActivities are those of Intake. Dispatch reads the events from the history.
type IntakeActivities interface {
	Dispatch(context.Context) (IntakeResult, error)
}

// ErasureActivities are those of Erasure. Each may be repeated, and goes on where a worker
// has left it.
type ErasureActivities interface {
	SearchPerson(context.Context, SearchPersonInput) (SearchPersonResult, error)
	RemoveRuns(context.Context, RemoveRunsInput) (RemoveRunsResult, error)
	FindConnections(context.Context, FindConnectionsInput) (FindConnectionsResult, error)
	DisconnectAccount(context.Context, AccountKey) error
	RejectAutomatic(context.Context, AccountKey) (RejectAutomaticResult, error)
}

// Names of the activities in histories: those of their methods.
const (
	SendPrivateReplyActivity   = "SendPrivateReply"
	SendFollowUpActivity       = "SendFollowUp"
	FindMessageActivity        = "FindMessage"
	ReadMessagesActivity       = "ReadMessages"
	LookUpCommentActivity      = "LookUpComment"
	JoinConversationActivity   = "JoinConversation"
	JoinBroadcastActivity      = "JoinBroadcast"
	WatchBroadcastActivity     = "WatchBroadcast"
	EndRepliesActivity         = "EndReplies"
	WithdrawRepliesActivity    = "WithdrawReplies"
	LocateMessageActivity      = "LocateMessage"
	PostPublicReplyActivity    = "PostPublicReply"
	FindPublicReplyActivity    = "FindPublicReply"
	SetCommentHiddenActivity   = "SetCommentHidden"
	SweepPageActivity          = "SweepPage"
	SweepConversationsActivity = "SweepConversations"
	DispatchActivity           = "Dispatch"
	ReadTokenActivity          = "ReadToken"
	RenewTokenActivity         = "RenewToken"
	CheckConnectionActivity    = "CheckConnection"
	SearchPersonActivity       = "SearchPerson"
	RemoveRunsActivity         = "RemoveRuns"
	FindConnectionsActivity    = "FindConnections"
	DisconnectAccountActivity  = "DisconnectAccount"
	RejectAutomaticActivity    = "RejectAutomatic"
)

// future is the result of an activity that may still run.
type future[Result any] struct{ workflow.Future }

// result waits for the activity.
func (f future[Result]) result(ctx workflow.Context) (result Result, err error) {
	err = f.Get(ctx, &result)
	return result, err
}

// execute starts an activity: a method such as Activities.FindMessage, whose input and
// result the compiler checks. (The SDK checks neither where an activity has a name, and
// takes no method of an interface.)
func execute[I, Input, Result any](ctx workflow.Context, o workflow.ActivityOptions, method func(I, context.Context, Input) (Result, error), in Input) future[Result] {
	return future[Result]{workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, o), methodName(method), in)}
}

// executeOnly starts an activity that has no result but its error.
func executeOnly[I, Input any](ctx workflow.Context, o workflow.ActivityOptions, method func(I, context.Context, Input) error, in Input) workflow.Future {
	return workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, o), methodName(method), in)
}

// methodName is the last part of a method expression, as the SDK names a function.
func methodName(method any) string {
	name := runtime.FuncForPC(reflect.ValueOf(method).Pointer()).Name()
	return name[strings.LastIndexByte(name, '.')+1:]
}

// Time limits of a send. It may wait two seconds for a permit of the limiter and two for
// Meta to say whether its broadcast runs; the HTTP call then takes at most HTTPTimeout, so
// that the activity can say how it ended before SendTimeout; a stopping worker waits
// WorkerStopTimeout, so that a deploy makes no delivery unknown; and a container must be
// given longer than that before it is killed.
const (
	HTTPTimeout       = 15 * time.Second
	SendTimeout       = 20 * time.Second
	WorkerStopTimeout = 25 * time.Second
)

// ReadTimeout is how long one try to read a conversation may take: some calls to Meta,
// each of which waits for its turn.
const ReadTimeout = 2 * time.Minute

// JoinTimeout is how long one try to signal a conversation that a reply was delivered may
// take, and SendJoinTimeout the try that is part of a send, whose outcome waits for it.
const (
	JoinTimeout     = 12 * time.Second
	SendJoinTimeout = 3 * time.Second
)

// heartbeatTimeout is how long an activity may send no heartbeat before another worker
// takes it over.
const heartbeatTimeout = 30 * time.Second

// SendPrivateReplyInput asks for one attempt to send a private reply.
type SendPrivateReplyInput struct {
	Comment  privatereply.Comment `json:"comment"`
	Message  privatereply.Message `json:"message"`
	Deadline time.Time            `json:"deadline"`
	Attempt  int                  `json:"attempt"`             // from 1
	Waited   bool                 `json:"waited,omitempty"`    // it has slept since: a broadcast may be over
	ByPerson bool                 `json:"by_person,omitempty"` // a person approved it
}

// SendFollowUpInput asks for one attempt to write to a person in an open window.
type SendFollowUpInput struct {
	Platform   privatereply.Platform `json:"platform"`
	Account    string                `json:"account"`
	Person     string                `json:"person"`
	Message    privatereply.Message  `json:"message"`
	TapKey     string                `json:"tap_key,omitempty"`     // of the message's taps
	Tap        bool                  `json:"tap,omitempty"`         // it answers a tap
	HumanAgent bool                  `json:"human_agent,omitempty"` // send with the tag
	NotAfter   time.Time             `json:"not_after"`
}

// PostPublicReplyInput asks for one attempt to answer a comment in public. Its result is a
// privatereply.SendResult, whose MessageID is the id of the new comment.
type PostPublicReplyInput struct {
	Comment  privatereply.Comment `json:"comment"`
	Text     string               `json:"text"`
	Attempt  int                  `json:"attempt"` // from 1
	NotAfter time.Time            `json:"not_after"`
}

// FindPublicReplyInput asks whether the account wrote Text under a comment at Since or later.
type FindPublicReplyInput struct {
	Comment privatereply.Comment `json:"comment"`
	Text    string               `json:"text"`
	Since   time.Time            `json:"since"`
}

// FindPublicReplyResult is what FindPublicReplyInput found: the new comment's id, empty if
// it is not there.
type FindPublicReplyResult struct {
	CommentID string    `json:"comment_id,omitempty"`
	At        time.Time `json:"at,omitzero"`
}

// SetCommentHiddenInput asks to hide a comment, or to show it again. A repeat changes
// nothing. The result is a privatereply.SendResult: OutcomeSent is done.
type SetCommentHiddenInput struct {
	Comment privatereply.Comment `json:"comment"`
	Hidden  bool                 `json:"hidden"`
	Attempt int                  `json:"attempt"` // from 1
}

// FindMessageInput asks whether the account wrote Text to the person at Since or later.
type FindMessageInput struct {
	Platform  privatereply.Platform `json:"platform"`
	Account   string                `json:"account"`
	Person    string                `json:"person"`
	Text      string                `json:"text"`
	Template  bool                  `json:"template,omitempty"` // it has buttons: Meta may show it without its text
	Taps      []privatereply.Tap    `json:"taps,omitempty"`     // what can be tapped in it, for the claim
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

// JoinConversationInput asks to signal the conversations of People that a reply was delivered, and to start those that are not running.
type JoinConversationInput struct {
	Platform privatereply.Platform `json:"platform"`
	Account  string                `json:"account"`
	People   []string              `json:"people"`
	Joined   ReplyJoined           `json:"joined"`
}

// NewJoinConversationInput is the input for a reply to c that was sent as m. Who got the
// message may have another id than who wrote the comment.
func NewJoinConversationInput(reply string, c privatereply.Comment, m privatereply.Message, sent privatereply.SendResult) JoinConversationInput {
	in := JoinConversationInput{Platform: c.Platform, Account: c.Account, Joined: ReplyJoined{
		Reply: reply, SentAt: sent.SentAt, MessageID: sent.MessageID,
		TextSHA256: privatereply.TextSHA256(m.Text), Taps: m.Taps(c.TapKey()),
	}}
	for _, id := range []string{sent.RecipientID, c.PersonID} {
		if id != "" && !slices.Contains(in.People, id) {
			in.People = append(in.People, id)
		}
	}
	return in
}

// JoinBroadcastInput asks to signal the Broadcast of a live video that a reply waits, and
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

// EndRepliesInput asks to signal the replies to Comments, canonical ids all of the same
// account, that their broadcast ended.
type EndRepliesInput struct {
	Platform privatereply.Platform `json:"platform"`
	Account  string                `json:"account"`
	Comments []string              `json:"comments"`
	At       time.Time             `json:"at"`
}
