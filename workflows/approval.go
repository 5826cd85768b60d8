package workflows

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"

	"github.com/privatereply/privatereply"
)

const (
	maxNameChars   = 100
	maxReasonChars = 500
)

// handleMessages registers all handlers. It is called when the state is complete,
// because messages may be waiting already.
func (r *reply) handleMessages() error {
	if err := workflow.SetQueryHandlerWithOptions(r.ctx, StatusQuery, func() (*PrivateReplyStatus, error) { return r.status(), nil },
		workflow.QueryHandlerOptions{Description: "Everything about this reply"}); err != nil {
		return err
	}
	// A rejection before an approval: where both have arrived, nothing is sent.
	r.handle(CommentRemovedSignal, "The person removed the comment", r.commentRemoved)
	r.handle(CommentEditedSignal, "The person edited the comment", r.commentEdited)
	r.handle(RejectMessage, "Never send the reply", signalHandler(rejection{r}))
	r.handle(ApproveMessage, "Send the reply", r.approvedBySignal)
	// A proposal after an approval: the approver has not seen it.
	r.handle(ProposeMessage, "Propose a text for an approver to decide", signalHandler(proposing{r}))
	r.handle(BroadcastEndedSignal, "The broadcast ended", r.broadcastEnded)
	r.handle(PersonRespondedSignal, "The person answered", r.personResponded)
	r.handle(TapAnsweredSignal, "The text that a tap sends has ended", r.tapAnswered)
	for _, err := range []error{
		handleUpdate(&r.inbox, ApproveMessage, "Send the reply, with another text if one is given", approval{r}, func(_ workflow.Context, a Approve) (*DecisionResult, error) {
			r.approve(a)
			return r.decisionResult(true), nil
		}),
		handleUpdate(&r.inbox, RejectMessage, "Never send the reply", rejection{r}, r.rejectAndReport),
		handleUpdate(&r.inbox, ResolveMessage, "Say whether an unknown delivery arrived", resolution{r}, func(_ workflow.Context, m Resolve) (*DecisionResult, error) {
			r.resolve(m)
			return r.decisionResult(true), nil
		}),
	} {
		if err != nil {
			return err
		}
	}
	return r.handleTeamMessages()
}

// approvedBySignal remembers that an approval came too late: signals are durable while no
// worker runs, so that they can come after an outage that the deadline passed in.
func (r *reply) approvedBySignal(raw converter.RawValue) error {
	err := signalHandler(approval{r})(raw)
	if err != nil && r.state == privatereply.AwaitingApproval && r.expired() {
		r.approvedTooLate = true
	}
	return err
}

// approval, rejection and resolution are the decisions about a reply.
type (
	approval   struct{ *reply }
	rejection  struct{ *reply }
	resolution struct{ *reply }
)

func (r approval) validate(a Approve) error {
	if err := checkName("approver", a.Approver); err != nil {
		return err
	}
	return r.checkProposal(a.Text, a.Buttons, a.QuickReplies, a.PublicText)
}

// proposal is what is proposed with the changes of an approver, or of another proposal: an
// empty text, nil buttons, quick replies or public text change nothing.
func (r *reply) proposal(text string, buttons []privatereply.Button, quickReplies []privatereply.QuickReply, public *string) (privatereply.Message, string) {
	m, publicText := r.message, r.publicText
	if text != "" {
		m.Text = text
	}
	if buttons != nil {
		m.Buttons = buttons
	}
	if quickReplies != nil {
		m.QuickReplies = quickReplies
	}
	if public != nil {
		publicText = *public
	}
	return m, publicText
}

// checkProposal refuses changes that make what is proposed unusable. Its errors begin with
// the field.
func (r *reply) checkProposal(text string, buttons []privatereply.Button, quickReplies []privatereply.QuickReply, public *string) error {
	p := r.in.Comment.Platform
	m, publicText := r.proposal(text, buttons, quickReplies, public)
	if text != "" {
		if err := r.limits.CheckText(p, text); err != nil {
			return fmt.Errorf("text: %w", err)
		}
	}
	if text != "" || buttons != nil || quickReplies != nil {
		if err := r.limits.CheckParts(p, m); err != nil {
			return err
		}
	}
	if public == nil {
		return nil
	}
	if err := privatereply.CheckPublicText(p, publicText); err != nil {
		return fmt.Errorf("public_text: %w", err)
	}
	if publicText != "" && r.in.Decision.Hide {
		return errors.New("public_text: the comment will be hidden, and a hidden comment shows no public reply; leave it out")
	}
	return nil
}

func (r approval) checkState(a Approve) error {
	switch {
	case r.stopRequest != nil, r.state != privatereply.Holding && r.state != privatereply.AwaitingApproval:
		return r.alreadyDecided()
	case r.expired():
		return r.pastDeadline()
	case a.Text == "" && r.message.Text == "":
		return errors.New(NoTextProposed + `; give it, such as {"approver":"ana","text":"Hi!"}`)
	case a.CommentSHA256 != "" && !strings.EqualFold(a.CommentSHA256, privatereply.TextSHA256(r.in.Comment.Text)):
		return r.commentChanged()
	case a.Text == "" && a.CommentSHA256 == "" && !r.in.Comment.EditedAt.IsZero():
		// The proposal is made for the new words. Who has not said what they have read may
		// mean the old one.
		return r.commentChanged()
	case a.TextSHA256 != "" && !strings.EqualFold(a.TextSHA256, privatereply.ProposalSHA256(r.message, r.publicText)):
		return r.proposalChanged()
	}
	return nil
}

// NoTextProposed begins the refusal of an approval that has no text to send.
const NoTextProposed = "text: is missing, and nobody proposed one"

// proposalChanged says that the proposed text is not the one that the approver has read.
func (r *reply) proposalChanged() error {
	text := quote(privatereply.CutText(r.message.Text, maxErrorBytes))
	if r.team.ProposedBy == "" {
		return fmt.Errorf("text_sha256: is not that of the proposed text, which is %s; read it, then decide again", text)
	}
	return fmt.Errorf("%s proposed another text at %s: %s; read it, then decide again", r.team.ProposedBy, formatTime(r.team.ProposedAt), text)
}

// commentChanged says that the comment is not the one that the approver has read.
func (r *reply) commentChanged() error {
	text := quote(privatereply.CutText(r.in.Comment.Text, maxErrorBytes))
	if r.in.Comment.EditedAt.IsZero() {
		return fmt.Errorf("comment_sha256: is not that of this comment, which says %s; read it, then decide again", text)
	}
	return fmt.Errorf("the comment was edited at %s and now says %s; read it, then decide again, with a text or with comment_sha256", formatTime(r.in.Comment.EditedAt), text)
}

func (r approval) do(a Approve) { r.approve(a) }

func (r rejection) validate(m Reject) error {
	if err := checkName("approver", m.Approver); err != nil {
		return err
	}
	if n := utf8.RuneCountInString(m.Reason); n > maxReasonChars {
		return fmt.Errorf("reason: has %d characters; at most %d", n, maxReasonChars)
	}
	if m.Cause != "" && m.Cause != privatereply.AccountDisconnected {
		return fmt.Errorf("cause: %s is not a cause of a rejection; write %s, or leave it out", quote(string(m.Cause)), privatereply.AccountDisconnected)
	}
	return nil
}

func (r rejection) checkState(Reject) error {
	switch {
	case r.stopRequest != nil, !r.state.Waiting():
		return r.alreadyDecided()
	case r.expired():
		return r.pastDeadline()
	}
	return nil
}

func (r rejection) do(m Reject) { r.reject(m) }

// rejectAndReport answers when the effect of a rejection is known.
func (r *reply) rejectAndReport(ctx workflow.Context, m Reject) (*DecisionResult, error) {
	ctx, _ = workflow.NewDisconnectedContext(ctx)
	r.reject(m)
	if err := workflow.Await(ctx, func() bool { return r.state != privatereply.Sending }); err != nil {
		return nil, err
	}
	if r.state == privatereply.Rejected {
		return r.decisionResult(true), nil
	}
	answer := r.decisionResult(false)
	switch r.state {
	case privatereply.Sent, privatereply.Undeliverable, privatereply.DeliveryUnknown:
		answer.Reason = privatereply.TooLate
	default:
		answer.Reason = r.reason
	}
	return answer, nil
}

func (r resolution) validate(m Resolve) error {
	if err := checkName("approver", m.Approver); err != nil {
		return err
	}
	if m.Delivered == nil {
		return errors.New("delivered: is missing; write true if the person got the message, false if not")
	}
	return nil
}

func (r resolution) checkState(Resolve) error {
	if r.state != privatereply.DeliveryUnknown || r.ending {
		return fmt.Errorf("there is nothing to resolve: %s; only a reply whose delivery is unknown can be resolved", r.state.Clause())
	}
	return nil
}

func (r *reply) decisionResult(accepted bool) *DecisionResult {
	a := &DecisionResult{Accepted: accepted, State: r.state}
	if accepted && r.state == privatereply.Sending {
		a.Deadline = r.deadline.At
	}
	return a
}

// alreadyDecided says who decided and when, in a sentence for the one who lost.
func (r *reply) alreadyDecided() error {
	switch {
	case r.state == privatereply.Rejected && r.approver != "":
		return fmt.Errorf("already decided: %s rejected this reply at %s", r.approver, formatTime(r.decidedAt))
	case r.state == privatereply.Rejected, r.state == privatereply.Withdrawn, r.state == privatereply.Expired, r.state == privatereply.Ignored:
		return fmt.Errorf("this reply has ended: %s. %s", r.state.Clause(), r.reason.Sentence())
	case r.stopRequest != nil && r.stopRequest.by != "":
		return fmt.Errorf("already decided: %s rejected this reply; it is being stopped", r.stopRequest.by)
	case r.stopRequest != nil:
		return fmt.Errorf("this reply is being stopped. %s", r.stopRequest.reason.Sentence())
	case r.approver != "":
		return fmt.Errorf("already decided: %s approved this reply at %s; %s", r.approver, formatTime(r.decidedAt), r.state.Clause())
	}
	return fmt.Errorf("already decided: rule %q sends this reply by itself; %s", r.in.Decision.Rule, r.state.Clause())
}

func (r *reply) pastDeadline() error {
	return fmt.Errorf("too late: the deadline of this reply was %s; Meta takes no private reply after it", formatTime(r.deadline.At))
}

// checkName makes sure that history says who acted. The name is not authenticated
// here: whoever may signal this workflow may write any.
func checkName(field, name string) error {
	name = strings.TrimSpace(name)
	n := utf8.RuneCountInString(name)
	switch {
	case n == 0:
		return fmt.Errorf(`%s: is missing; say who you are, such as {"%s":"ana"}`, field, field)
	case n > maxNameChars:
		return fmt.Errorf("%s: has %d characters; at most %d", field, n, maxNameChars)
	case strings.ContainsFunc(name, unicode.IsControl):
		return fmt.Errorf("%s: has a control character; write a plain name", field)
	}
	return nil
}

func formatTime(t time.Time) string { return t.UTC().Format("15:04:05 UTC on 2 Jan 2006") }
