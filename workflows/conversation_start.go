package workflows

import (
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/privatereply/privatereply"
)

// ConversationInput starts Conversation. The settings are those of the account
// when the conversation began.
type ConversationInput struct {
	Platform      privatereply.Platform           `json:"platform"`
	Account       string                          `json:"account"`
	Person        string                          `json:"person"`
	HumanAgent    bool                            `json:"human_agent,omitempty"`  // the account has human agents
	RepliedOnly   bool                            `json:"replied_only,omitempty"` // keep nobody whom we never replied to
	Limits        privatereply.Limits             `json:"limits,omitzero"`        // in force when it began; a start by hand may leave them out
	ContinuedFrom *ConversationContinueAsNewState `json:"carried,omitempty"`      // from the run before this one
}

// ConversationOptions are the options and the input to signal a person's
// conversation and to start it if none is running.
func ConversationOptions(a privatereply.Account, person, queue string) (client.StartWorkflowOptions, ConversationInput, error) {
	id, err := privatereply.ConversationID(a.Platform, a.ID, person)
	if err != nil {
		return client.StartWorkflowOptions{}, ConversationInput{}, err
	}
	return client.StartWorkflowOptions{
			ID:                       id,
			TaskQueue:                queue,
			WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
			WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
			StaticSummary:            "Conversation of a person with " + string(a.Platform) + " account " + a.ID,
		}, ConversationInput{
			Platform: a.Platform, Account: a.ID, Person: person,
			HumanAgent: a.HumanAgent, RepliedOnly: a.RepliedOnly,
			Limits: privatereply.LimitsOf(a.Platform),
		}, nil
}

// ContinuedFrom is what a Conversation hands to its next run.
type ConversationContinueAsNewState struct {
	ConversationStatus
	StartedAt      time.Time             `json:"started_at"`
	Replied        bool                  `json:"replied,omitempty"`
	RecentMessages []string              `json:"recent_messages,omitempty"`
	Pending        []PendingNotification `json:"pending,omitempty"`
}
