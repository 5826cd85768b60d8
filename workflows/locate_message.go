package workflows

import (
	"errors"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/privatereply/privatereply"
)

const (
	// locateLimit is how long Meta is asked who sent a message. After it the standard
	// window that the message opened has closed.
	locateLimit = privatereply.StandardWindow
	// locateTimeout is how long one try may take: a wait for a permit, and one call to Meta.
	locateTimeout = time.Minute
)

// LocateMessageInput starts LocateMessage. The settings are those of the account when
// the message arrived.
type LocateMessageInput struct {
	Message     privatereply.PersonMessage `json:"message"` // without its person
	HumanAgent  bool                       `json:"human_agent,omitempty"`
	RepliedOnly bool                       `json:"replied_only,omitempty"`
}

// LocateOutcome says what became of a message whose webhook named no sender.
type LocateOutcome string

// What can become of it.
const (
	LocateNotified   LocateOutcome = "told"        // the person's Conversation was signalled
	LocateTooOld     LocateOutcome = "too_old"     // it opens no window, and there is no Conversation
	LocateOwnMessage LocateOutcome = "own"         // the account wrote it
	LocateNoSender   LocateOutcome = "nobody"      // Meta names no person
	LocateRefused    LocateOutcome = "refused"     // Meta refused for good to show it
	LocateTimedOut   LocateOutcome = "not_located" // Meta could not be asked for a day
)

// LocateMessageResult is the result of LocateMessage. It names no person: their Conversation
// does.
type LocateMessageResult struct {
	Outcome LocateOutcome       `json:"result"`
	Reason  privatereply.Reason `json:"reason,omitempty"` // why Meta did not show it
	Code    int                 `json:"code,omitempty"`   // Meta's
}

// LocateMessageOptions are the options and the input to find out who sent the message of
// a. The workflow id and its policies make a second start an error that
// temporal.IsWorkflowExecutionAlreadyStartedError recognises.
func LocateMessageOptions(a InboundEvent, queue string) (client.StartWorkflowOptions, LocateMessageInput, error) {
	m := *a.Message
	id, err := privatereply.MessageID(m.Platform, m.Account, m.MessageID)
	if err != nil {
		return client.StartWorkflowOptions{}, LocateMessageInput{}, err
	}
	return client.StartWorkflowOptions{
		ID:                                       id,
		TaskQueue:                                queue,
		WorkflowIDReusePolicy:                    enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
		WorkflowIDConflictPolicy:                 enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		StaticSummary:                            "Message without a sender to " + string(m.Platform) + " account " + m.Account,
		Priority:                                 temporal.Priority{FairnessKey: fairnessKey(m.Platform, m.Account)},
	}, LocateMessageInput{Message: m, HumanAgent: a.HumanAgent, RepliedOnly: a.RepliedOnly}, nil
}

// LocateMessage asks Meta who sent a message, and signals that person's Conversation: some
// webhooks bring a new message without its sender, and its window must open all the
// same. The pause between tries grows to half an hour; a time that Meta names counts
// more.
func LocateMessage(ctx workflow.Context, in LocateMessageInput) (*LocateMessageResult, error) {
	located, err := execute(ctx, workflow.ActivityOptions{
		ScheduleToCloseTimeout: locateLimit,
		StartToCloseTimeout:    locateTimeout,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: 10 * time.Second, MaximumInterval: 30 * time.Minute},
		Summary:                "Ask Meta who sent this message",
	}, Activities.LocateMessage, in).result(ctx)
	var gone *temporal.CanceledError
	switch {
	case err == nil:
		return &located, nil
	case errors.As(err, &gone):
		return nil, err
	}
	workflow.GetLogger(ctx).Warn("nobody knows who sent a message", "error", err)
	located = LocateMessageResult{Outcome: LocateTimedOut}
	var failed *temporal.ApplicationError
	if errors.As(err, &failed) {
		located.Reason = privatereply.Reason(failed.Type())
	}
	return &located, nil
}
