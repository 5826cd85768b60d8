package workflows

import (
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/privatereply/privatereply"
)

// BroadcastInput starts Broadcast. FirstSeen is the time of the first comment that
// is known of it.
type BroadcastInput struct {
	Platform      privatereply.Platform        `json:"platform"`
	Account       string                       `json:"account"`
	Media         string                       `json:"media"`
	FirstSeen     time.Time                    `json:"first_seen,omitzero"`
	ContinuedFrom *BroadcastContinueAsNewState `json:"carried,omitempty"` // from the run before this one
	// LongestRun is how long a broadcast can run, by the limit in force when it began.
	LongestRun privatereply.Duration `json:"longest_run,omitempty"`
}

// BroadcastContinueAsNewState is what a Broadcast hands to its next run.
type BroadcastContinueAsNewState struct {
	LastSeen       time.Time       `json:"last_seen,omitzero"`
	EndedAt        time.Time       `json:"ended_at,omitzero"`
	EndedBy        EndedBy         `json:"ended_by,omitempty"`
	Notified       int             `json:"told,omitempty"`
	Pending        []string        `json:"untold,omitempty"` // comments
	RefusedSignals []RefusedSignal `json:"refused_signals,omitempty"`
}

// BroadcastOptions are the options and the input to signal the Broadcast of a live
// video and to start it if none is running.
func BroadcastOptions(p privatereply.Platform, account, media string, firstSeen time.Time, queue string) (client.StartWorkflowOptions, BroadcastInput, error) {
	id, err := privatereply.BroadcastID(p, account, media)
	if err != nil {
		return client.StartWorkflowOptions{}, BroadcastInput{}, err
	}
	return client.StartWorkflowOptions{
		ID:                       id,
		TaskQueue:                queue,
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		StaticSummary:            "Broadcast " + media + " of " + string(p) + " account " + account,
	}, BroadcastInput{Platform: p, Account: account, Media: media, FirstSeen: firstSeen, LongestRun: privatereply.Duration(privatereply.MaxBroadcast)}, nil
}
