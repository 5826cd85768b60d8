package workflows

import (
	"time"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/privatereply/privatereply"
)

// InboundEvent is an event of a webhook with what is needed to route it: what the rules
// said about a comment, or the settings of the account that a message is for.
type InboundEvent struct {
	privatereply.Event
	Decision    *privatereply.Decision `json:"decision,omitempty"`
	HumanAgent  bool                   `json:"human_agent,omitempty"`
	RepliedOnly bool                   `json:"replied_only,omitempty"`
	Trace       string                 `json:"trace,omitempty"` // the webhook's span as W3C's traceparent, if it is traced
}

// IntakeInput starts Intake.
type IntakeInput struct {
	Events []InboundEvent `json:"arrivals"`
}

// IntakeResult counts what became of the arrivals of an Intake.
type IntakeResult struct {
	Started   int            `json:"started"`
	Duplicate int            `json:"duplicate"`
	Signalled int            `json:"signalled"`
	Ignored   map[string]int `json:"ignored,omitempty"` // by reason
}

// Intake holds the events of many webhooks that arrived at once, and is done when
// each has reached its workflow. One start for hundreds of events is what lets the
// bridge acknowledge a burst.
//
// The input stays undecoded: Dispatch reads it from the history, so that it is
// stored once.
func Intake(ctx workflow.Context, _ converter.RawValue) (*IntakeResult, error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		// Long enough for any batch on a busy server; a dead worker is noticed by the
		// heartbeat. It is tried until every event is placed.
		StartToCloseTimeout: time.Hour,
		HeartbeatTimeout:    IntakeHeartbeatTimeout,
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: time.Second, MaximumInterval: 30 * time.Second},
		Summary:             "Place the events of this batch",
	})
	var result IntakeResult
	if err := workflow.ExecuteActivity(ctx, methodName(IntakeActivities.Dispatch)).Get(ctx, &result); err != nil {
		return nil, err
	}
	return &result, nil
}

// IntakeHeartbeatTimeout is after how long without a sign of life an Intake's work is
// given to another worker. The SDK reports at four fifths of it, so that up to
// 8 seconds of work are repeated.
const IntakeHeartbeatTimeout = 10 * time.Second
