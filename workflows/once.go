package workflows

import (
	"slices"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/privatereply/privatereply"
)

// OnceInput starts Once.
type OnceInput struct {
	Platform privatereply.Platform `json:"platform"`
	Account  string                `json:"account"`
	Person   string                `json:"person"`
	Rule     string                `json:"rule"`
	Reply    string                `json:"reply"`  // the workflow that answers the person
	Period   privatereply.Duration `json:"period"` // in which no other one does
}

// Once stands for an answer of a rule that answers a person once. Its id names the rule and
// the person, so that the server lets one of many comments start it. It ends when another
// comment may be answered again: after its period, or when it is cancelled because its reply
// has ended without a delivery.
func Once(ctx workflow.Context, in OnceInput) error {
	workflow.SetCurrentDetails(ctx, "### Rule "+quote(in.Rule)+" has answered this person\n- with "+linkTo(ctx, in.Reply))
	return workflow.NewTimerWithOptions(ctx, time.Duration(in.Period), workflow.TimerOptions{
		Summary: "Until the rule answers this person again",
	}).Get(ctx, nil)
}

// claim is the claim of a reply to be the one with which its rule answers the person.
type claim struct {
	id    string // of its Once
	state claimState
	once  workflow.ChildWorkflowFuture
	run   workflow.Execution
}

type claimState int

const (
	claimPending claimState = iota
	claimWon
	claimLost
	claimFailed // nobody knows whether another comment has it
)

// claimID is the id of the Once that the decision asks for; empty if it asks for none, or if
// Meta did not name the person.
func (r *reply) claimID() string {
	d := r.in.Decision
	if d.Once == "" {
		return ""
	}
	id, err := privatereply.OnceID(r.in.Comment, d.Rule, d.Once)
	if err != nil {
		return ""
	}
	return id
}

// claimStale reports whether the decision asks for another claim than the reply has. Once a
// person has approved it, none matters any more.
func (r *reply) claimStale() bool {
	if !r.state.Waiting() || r.approver != "" {
		return false
	}
	id := r.claimID()
	if id == "" {
		return r.claim != nil || r.asksForPerson()
	}
	return r.claim == nil || r.claim.id != id
}

// asksForPerson reports whether a rule that answers a person once would answer without
// knowing whom.
func (r *reply) asksForPerson() bool {
	d := r.in.Decision
	return d.Once != "" && d.Action == privatereply.ActionAuto && r.claimID() == ""
}

// claimOnce makes sure, where the rule answers a person once, that this is the comment which
// it answers. Otherwise the reply ends as ignored, unless a person has approved it or is
// asked already. What is reported waits for it.
func (r *reply) claimOnce() error {
	for r.claimStale() {
		r.releaseClaim()
		if r.asksForPerson() {
			r.ask(privatereply.OnceUnknown)
			continue
		}
		if err := r.startClaim(); err != nil {
			return err
		}
		if c := r.claim; c != nil {
			if err := r.await(func() bool { return c.state != claimPending || r.approver != "" || r.state.Final() }); err != nil {
				return err
			}
		}
		if r.state == privatereply.Sending && r.editDecision != nil {
			r.applyEditDecision() // perhaps of another rule
		}
	}
	if c := r.claim; c != nil && r.state.Waiting() && r.approver == "" && !r.stopRequested() && !r.asked && r.in.Reopened == nil {
		switch {
		case c.state == claimFailed:
			r.ask(privatereply.OnceUnknown)
		case c.state == claimLost && r.wasResetHere("once-after-reset"):
			r.ask(string(privatereply.WorkflowReset)) // the claim may be its own
		case c.state == claimLost:
			r.events.waiting = nil
			r.transition(privatereply.Ignored, privatereply.IgnoredOnce)
		}
	}
	r.events.held = false
	return nil
}

// ask has a person decide what a rule would have sent.
func (r *reply) ask(why string) {
	r.in.Decision.Action, r.in.Decision.Hold, r.in.Decision.Reason = privatereply.ActionAsk, 0, why
	r.holdUntil = time.Time{}
	if r.state != privatereply.AwaitingApproval {
		r.transition(privatereply.AwaitingApproval, "")
	}
	r.asked = true
}

// startClaim starts the Once that the decision asks for. Its end is not waited for: it
// outlives the reply.
func (r *reply) startClaim() error {
	id := r.claimID()
	if id == "" {
		return nil
	}
	if i := slices.IndexFunc(r.released, func(c *claim) bool { return c.id == id }); i >= 0 {
		// The comment was edited back: its own Once may not have ended yet.
		if err := r.await(r.released[i].once.IsReady); err != nil {
			return err
		}
		r.released = slices.Delete(r.released, i, i+1)
	}
	in := r.in.Comment
	c := &claim{id: id}
	r.claim = c
	ctx := workflow.WithChildOptions(r.ctx, workflow.ChildWorkflowOptions{
		WorkflowID:            id,
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		ParentClosePolicy:     enumspb.PARENT_CLOSE_POLICY_ABANDON,
		StaticSummary:         privatereply.CutText("Rule "+r.in.Decision.Rule+" answers this person once", summaryBytes),
		Priority:              temporal.Priority{FairnessKey: fairnessKey(in.Platform, in.Account)},
	})
	c.once = workflow.ExecuteChildWorkflow(ctx, OnceType, OnceInput{
		Platform: in.Platform, Account: in.Account, Person: in.PersonID, Rule: r.in.Decision.Rule,
		Reply: workflow.GetInfo(r.ctx).WorkflowExecution.ID, Period: privatereply.Duration(privatereply.OncePeriod),
	})
	r.inBackground("claim the answer to the person", func(ctx workflow.Context) error {
		switch err := c.once.GetChildWorkflowExecution().Get(ctx, &c.run); {
		case err == nil:
			c.state = claimWon
		case temporal.IsWorkflowExecutionAlreadyStartedError(err):
			c.state = claimLost
		default:
			c.state = claimFailed
			return err
		}
		return nil
	})
	return nil
}

// releaseClaim lets the rule answer another comment of the person.
func (r *reply) releaseClaim() {
	c := r.claim
	r.claim = nil
	if c == nil {
		return
	}
	r.released = append(r.released, c)
	r.inBackground("let the rule answer the person again", func(ctx workflow.Context) error {
		if err := workflow.Await(ctx, func() bool { return c.state != claimPending }); err != nil || c.state != claimWon || c.once.IsReady() {
			return err
		}
		return workflow.RequestCancelExternalWorkflow(ctx, c.id, c.run.RunID).Get(ctx, nil)
	})
}
