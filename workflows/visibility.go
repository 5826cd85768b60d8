package workflows

import (
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/privatereply/privatereply"
)

// VisibilityInput starts CommentVisibility.
type VisibilityInput struct {
	Comment privatereply.Comment `json:"comment"`
	Hidden  bool                 `json:"hidden"` // false shows it again
	By      string               `json:"by"`
}

// Validate reports the first thing that makes in unusable, naming the field.
func (in VisibilityInput) Validate() error {
	if err := checkName("by", in.By); err != nil {
		return err
	}
	return in.Comment.Validate()
}

// VisibilityOptions are the options and the input to start CommentVisibility. A second
// start while one runs is an error that temporal.IsWorkflowExecutionAlreadyStartedError
// recognises.
func VisibilityOptions(in VisibilityInput, queue string) (client.StartWorkflowOptions, VisibilityInput, error) {
	in.By = strings.TrimSpace(in.By)
	if err := in.Validate(); err != nil {
		return client.StartWorkflowOptions{}, in, err
	}
	id, err := privatereply.VisibilityID(in.Comment)
	if err != nil {
		return client.StartWorkflowOptions{}, in, err
	}
	in.Comment.Username, in.Comment.Text, in.Comment.AdTitle = "", "", "" // it needs none of them
	return client.StartWorkflowOptions{
		ID:                                       id,
		TaskQueue:                                queue,
		WorkflowIDReusePolicy:                    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowIDConflictPolicy:                 enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		StaticSummary:                            capitalised(hiding{status: &HideStatus{Hidden: in.Hidden}}.what()),
		Priority:                                 temporal.Priority{FairnessKey: fairnessKey(in.Comment.Platform, in.Comment.Account)},
	}, in, nil
}

// CommentVisibility hides a comment, or shows it again, because a person wants that. Its
// result says how that ended.
func CommentVisibility(ctx workflow.Context, in VisibilityInput) (*HideStatus, error) {
	if err := in.Validate(); err != nil {
		return nil, temporal.NewNonRetryableApplicationError(err.Error(), "BadInput", nil)
	}
	life, _ := workflow.NewDisconnectedContext(ctx)
	s := &HideStatus{State: EffectWaiting, Hidden: in.Hidden, By: in.By}
	if err := workflow.SetQueryHandlerWithOptions(life, StatusQuery, func() (HideStatus, error) { return *s, nil },
		workflow.QueryHandlerOptions{Description: "How far it is"}); err != nil {
		return nil, err
	}
	return s, hiding{
		comment: in.Comment,
		status:  s,
		obstacle: func() privatereply.Reason {
			switch {
			case in.Comment.OnLive():
				return privatereply.NotOnLive
			case ctx.Err() != nil:
				return privatereply.StoppedByOperator
			}
			return ""
		},
		changed: func() { workflow.SetCurrentDetails(life, "### "+s.Sentence()) },
	}.run(life)
}

// Sentence says in words how it stands.
func (s HideStatus) Sentence() string {
	who, done, todo := "A rule", "hid the comment.", "hides the comment; it is under way."
	if s.By != "" {
		who = s.By
	}
	if !s.Hidden {
		done, todo = "showed the comment again.", "shows the comment again; it is under way."
	}
	switch s.State {
	case EffectDone:
		return who + " " + done
	case EffectWaiting:
		return sentences(who+" "+todo, s.Reason, s.RetryAt)
	}
	if s.Hidden {
		return sentences("The comment was not hidden.", s.Reason, time.Time{})
	}
	return sentences("The comment was not shown again.", s.Reason, time.Time{})
}

// sentences adds a reason and the time of the next try to a sentence.
func sentences(first string, why privatereply.Reason, next time.Time) string {
	if why != "" {
		first += " " + why.Sentence()
	}
	if !next.IsZero() {
		first += " Next try: " + formatTime(next) + "."
	}
	return first
}
