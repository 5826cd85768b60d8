package workflows

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/privatereply/privatereply"
)

// Reopened says who took a rejection back. It travels in the input of the new run.
type Reopened struct {
	By           string    `json:"by"`
	Reason       string    `json:"reason,omitempty"`
	At           time.Time `json:"at"`
	RunID        string    `json:"run_id"` // that was rejected
	RejectedBy   string    `json:"rejected_by"`
	RejectedAt   time.Time `json:"rejected_at"`
	RejectReason string    `json:"reject_reason,omitempty"`
}

// ReopenInput starts Reopen: the reply, and what its new run begins with.
type ReopenInput struct {
	Reply     string            `json:"reply"` // its workflow id
	Input     PrivateReplyInput `json:"input"`
	PersonKey string            `json:"person_key,omitempty"` // the search attribute
}

// ReopenResult is the result of Reopen.
type ReopenResult struct {
	RunID string `json:"run_id"` // the new one
}

// ReopenID is the id of the workflow that reopens a rejected run: each at most once.
func ReopenID(runID string) string { return "reopen:" + runID }

// RejectedReply is a reply that may be reopened, as its newest run has left it.
type RejectedReply struct {
	ID, RunID string
	PersonKey string     // its search attribute
	Events    EventScope // of the run
	Status    PrivateReplyStatus
}

// ReopenOptions are the options and the input to start Reopen. The error says in words
// why the reply cannot be reopened: only what a person rejected, and what Meta was never
// asked to send, can begin anew.
func ReopenOptions(r RejectedReply, by, reason, queue string, now time.Time) (client.StartWorkflowOptions, ReopenInput, error) {
	var none client.StartWorkflowOptions
	if err := checkName("by", by); err != nil {
		return none, ReopenInput{}, err
	}
	if n := utf8.RuneCountInString(reason); n > maxReasonChars {
		return none, ReopenInput{}, fmt.Errorf("reason: has %d characters; at most %d", n, maxReasonChars)
	}
	if err := r.checkReopen(now); err != nil {
		return none, ReopenInput{}, err
	}
	s := r.Status
	in := PrivateReplyInput{
		Comment:  s.Comment,
		Decision: s.Decision,
		InitialState: &InitialState{
			Deadline: s.Deadline, DeadlineFrom: s.DeadlineFrom, State: privatereply.AwaitingApproval,
			Limits: privatereply.LimitsOf(s.Comment.Platform), Events: r.Events,
		},
		Reopened: &Reopened{
			By: strings.TrimSpace(by), Reason: reason, At: now.UTC(), RunID: r.RunID,
			RejectedBy: s.Approver, RejectedAt: s.DecidedAt, RejectReason: s.RejectReason,
		},
		Team: &TeamWork{ProposedBy: s.ProposedBy, ProposedAt: s.ProposedAt, ProposalNote: s.ProposalNote, Assignee: s.Assignee, Notes: s.Notes},
	}
	in.Decision.Action, in.Decision.Hold = privatereply.ActionAsk, 0
	in.Decision.Text, in.Decision.Buttons, in.Decision.QuickReplies, in.Decision.PublicText = s.Text, s.Buttons, s.QuickReplies, s.PublicText
	return client.StartWorkflowOptions{
		ID:                                       ReopenID(r.RunID),
		TaskQueue:                                queue,
		WorkflowIDReusePolicy:                    enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
		WorkflowIDConflictPolicy:                 enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		StaticSummary:                            "Take back the rejection of " + r.ID,
		Priority:                                 temporal.Priority{FairnessKey: fairnessKey(s.Comment.Platform, s.Comment.Account)},
	}, ReopenInput{Reply: r.ID, Input: in, PersonKey: r.PersonKey}, nil
}

func (r RejectedReply) checkReopen(now time.Time) error {
	s := r.Status
	switch {
	case s.State != privatereply.Rejected && s.State.Final():
		return fmt.Errorf("only what a person rejected can be reopened; this reply has ended otherwise. %s %s", s.State.Sentence(), s.Reason.Sentence())
	case s.State != privatereply.Rejected:
		return fmt.Errorf("there is nothing to reopen. %s", s.State.Sentence())
	case s.Reason != privatereply.RejectedByApprover || s.Approver == "":
		return fmt.Errorf("only what a person rejected can be reopened. %s", s.Reason.Sentence())
	case s.Send != nil && s.Send.Attempts > 0:
		return errors.New("this reply was on its way to Meta when it was rejected, so that nobody can send it a second time safely; it stays rejected")
	case !now.Before(s.Deadline):
		return fmt.Errorf("too late: the deadline of this reply was %s; Meta takes no private reply after it", formatTime(s.Deadline))
	}
	return nil
}

// Reopen begins a rejected reply anew, under the same workflow id. The server starts a
// child once, and each rejected run has one Reopen: so two people who reopen at the same
// moment make one new run.
func Reopen(ctx workflow.Context, in ReopenInput) (*ReopenResult, error) {
	begin := in.Input.InitialState
	if begin == nil || in.Input.Reopened == nil {
		return nil, temporal.NewNonRetryableApplicationError("the input is not that of a rejected reply", "BadInput", nil)
	}
	attributes := searchAttributes(in.Input, begin.State, begin.Deadline)
	if in.PersonKey != "" {
		attributes = temporal.NewSearchAttributes(attributes.Copy(), PersonKeyAttribute.ValueSet(in.PersonKey))
	}
	team := TeamMemo{}
	if t := in.Input.Team; t != nil {
		team = TeamMemo{Assignee: t.Assignee, ProposedBy: t.ProposedBy}
	}
	ctx = workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID:            in.Reply,
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		ParentClosePolicy:     enumspb.PARENT_CLOSE_POLICY_ABANDON,
		TypedSearchAttributes: attributes,
		Memo:                  newMemo(in.Input, in.Input.Decision.Message(), in.Input.Decision.PublicText, team),
		StaticSummary:         summary(in.Input.Comment),
		Priority:              temporal.Priority{FairnessKey: fairnessKey(in.Input.Comment.Platform, in.Input.Comment.Account)},
	})
	var run workflow.Execution
	err := workflow.ExecuteChildWorkflow(ctx, PrivateReplyType, in.Input).GetChildWorkflowExecution().Get(ctx, &run)
	if temporal.IsWorkflowExecutionAlreadyStartedError(err) {
		return nil, refusal(errors.New("this reply runs already"))
	}
	if err != nil {
		return nil, err
	}
	return &ReopenResult{RunID: run.RunID}, nil
}
