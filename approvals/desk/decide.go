package desk

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/approvals/queue"
	"github.com/privatereply/privatereply/approvals/signin"
	"github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/workflows"
)

// The verbs of decisions, as in paths.
const (
	verbApprove  = "approve"
	verbReject   = "reject"
	verbResolve  = "resolve"
	verbFollowUp = "follow-up"
	verbReopen   = "reopen"
	verbPropose  = "propose"
	verbNote     = "note"
	verbAssign   = "assign"
	verbSendBack = "send-back"
	verbHide     = "hide"
	verbShow     = "show"
)

// verbRoles are the roles that may do what a verb says. A verb that is not there is none.
var verbRoles = map[string]signin.Role{
	verbApprove: signin.Approver, verbReject: signin.Approver, verbResolve: signin.Approver, verbFollowUp: signin.Approver,
	verbReopen: signin.Approver, verbSendBack: signin.Approver, verbHide: signin.Approver, verbShow: signin.Approver,
	verbPropose: signin.Writer, verbNote: signin.Writer, verbAssign: signin.Writer,
}

// decisionRequest is a decision that a user asks for.
type decisionRequest struct {
	ID             string
	Verb           string
	IdempotencyKey string  // "click" in forms and API: a repeat with the same key has the same result
	Text           *string // approve: nil sends the proposed text
	Reason         string
	Delivered      *bool
	HumanAgent     bool
	// CommentSHA256 is the privatereply.TextSHA256 of the comment that the user saw; empty:
	// not known.
	CommentSHA256 string
	// TextSHA256 is the privatereply.ProposalSHA256 of what was proposed where the user saw it.
	TextSHA256 string
	Parts      parts  // approve, propose and follow-up, with Text
	PartsError error  // why the parts of a form cannot be taken
	Hide       bool   // reject: hide the comment too
	Note       string // propose: to the approver
	To         string // assign: a name; empty gives the reply back
}

// decisionResult is the result of a decision, with a message for the user.
type decisionResult struct {
	ID       string              `json:"id"`
	Accepted bool                `json:"accepted"`
	State    privatereply.State  `json:"state,omitempty"`
	Reason   privatereply.Reason `json:"reason,omitempty"`
	Deadline time.Time           `json:"deadline,omitzero"`
	Code     string              `json:"code,omitempty"` // why it was not accepted, for programs
	Message  string              `json:"words"`
	Field    string              `json:"field,omitempty"`    // of the message that was refused, such as buttons[0].title
	Comment  *editedComment      `json:"comment,omitempty"`  // with codeEdited: the new comment
	Proposal *newProposal        `json:"proposal,omitempty"` // with codeProposed: the new text

	status int
}

// decide carries out a decision. It continues when the browser has closed the connection:
// the user has decided.
func (d *Desk) decide(ctx context.Context, o decisionRequest) decisionResult {
	ctx = context.WithoutCancel(ctx)
	user := signin.UserFrom(ctx)
	updateID := "desk-" + o.Verb + "-" + idempotencyKey(o.IdempotencyKey)
	var v decisionResult
	var err error
	role, known := verbRoles[o.Verb]
	switch {
	case known && !user.May(role):
		v = decisionResult{Code: "role", Message: roleMessage(user, role), status: http.StatusForbidden}
	case o.CommentSHA256 != "" && !hashPattern.MatchString(o.CommentSHA256):
		v = decisionResult{Code: "bad_request", Message: `"comment_sha256" is no SHA-256 in hex: write 64 of 0-9 and a-f.`, status: http.StatusBadRequest}
	case o.TextSHA256 != "" && !hashPattern.MatchString(o.TextSHA256):
		v = decisionResult{Code: "bad_request", Message: `"text_sha256" is no SHA-256 in hex: write 64 of 0-9 and a-f.`, status: http.StatusBadRequest}
	case o.Text != nil && strings.TrimSpace(*o.Text) == "":
		v = decisionResult{Code: "text", Message: "There is no text. Write what to send.", status: http.StatusUnprocessableEntity}
	case o.checkParts() != nil:
		v = partsRefused(o.checkParts())
	case o.Verb == verbApprove:
		m := workflows.Approve{Approver: user.Name, CommentSHA256: o.CommentSHA256,
			Buttons: o.Parts.Buttons, QuickReplies: o.Parts.QuickReplies, PublicText: o.Parts.PublicText}
		if o.Text != nil {
			m.Text = normalizeNewlines(*o.Text)
		} else {
			m.TextSHA256 = o.TextSHA256
		}
		v, err = resultOf(d.Replies.Approve(ctx, o.ID, updateID, m))
	case o.Verb == verbReject:
		v, err = resultOf(d.Replies.Reject(ctx, o.ID, updateID, workflows.Reject{Approver: user.Name, Reason: normalizeNewlines(o.Reason), Hide: o.Hide}))
	case o.Verb == verbResolve:
		v, err = resultOf(d.Replies.Resolve(ctx, o.ID, updateID, workflows.Resolve{Approver: user.Name, Delivered: o.Delivered}))
	case o.Verb == verbHide, o.Verb == verbShow:
		v, err = d.setHidden(ctx, o, user)
	case o.Verb == verbFollowUp:
		v, err = d.followUp(ctx, o, user, updateID)
	case known:
		v, err = d.workTogether(ctx, o, user, updateID)
	default:
		v = decisionResult{Code: "verb", Message: "There is no such thing to do.", status: http.StatusNotFound}
	}
	if err != nil {
		v = d.errorResult(o, err)
		v.nameField()
	}
	if v.Code == string(replies.Refused) && (o.CommentSHA256 != "" || o.TextSHA256 != "") {
		d.addWhatChanged(ctx, o, &v)
	}
	if v.Code == string(replies.Refused) && o.Verb == verbReject {
		v.Message += " Your reject was not taken."
	}
	v.ID, v.Message = o.ID, d.inZone(ctx, v.Message)
	if _, decides := pastTense[o.Verb]; v.Accepted && decides {
		v.Message = acceptedMessage(o, v.State)
		if why := d.blocked(o.ID); why != "" && v.State == privatereply.Sending {
			v.Message = "Approved. It cannot go out yet: " + why
		}
		d.Queue.RecordDecision(queue.Decision{ID: o.ID, Verb: o.Verb, By: user.Name, At: d.now().UTC(), State: v.State})
	}
	if v.status == 0 {
		v.status = http.StatusOK
	}
	return v
}

func resultOf(a workflows.DecisionResult, err error) (decisionResult, error) {
	v := decisionResult{Accepted: a.Accepted, State: a.State, Reason: a.Reason, Deadline: a.Deadline}
	if err == nil && !a.Accepted {
		v.status, v.Code = http.StatusConflict, string(replies.Refused)
		v.Message = "Too late to stop it: " + lowerFirst(a.State.Label()) + ". " + a.Reason.Sentence()
	}
	return v, err
}

// acceptedMessage says what follows an accepted decision.
func acceptedMessage(o decisionRequest, s privatereply.State) string {
	switch o.Verb {
	case verbApprove:
		return "Approved. It is on its way."
	case verbReject:
		if o.Hide {
			return "Rejected. It will never be sent, and the comment is being hidden."
		}
		return "Rejected. It will never be sent."
	}
	if s == privatereply.Undeliverable {
		return "Noted: it was not delivered. Nothing was sent again."
	}
	return "Noted: it was delivered."
}

// editedComment is a comment after an edit.
type editedComment struct {
	Text     string    `json:"text"`
	EditedAt time.Time `json:"edited_at,omitzero"`
	SHA256   string    `json:"comment_sha256"`
}

// codeEdited is the code of an approval that was refused because the comment was edited.
const codeEdited = "edited"

// newProposal is a proposed text that the user has not read.
type newProposal struct {
	Text   string `json:"text"`
	By     string `json:"by,omitempty"` // empty: a rule
	SHA256 string `json:"text_sha256"`
	Beside bool   `json:"beside,omitempty"` // there is more than the text: it must be opened
}

// codeProposed is the code of an approval that was refused because somebody has proposed
// another text.
const codeProposed = "proposed"

// addWhatChanged adds to a refusal the edited comment or the new proposal, if that is why it
// was refused. A reply that was decided meanwhile has another reason.
func (d *Desk) addWhatChanged(ctx context.Context, o decisionRequest, v *decisionResult) {
	s, err := d.Replies.Status(ctx, o.ID)
	if err != nil { // the refusal is enough: the reply's page shows the comment
		return
	}
	if s.State != privatereply.AwaitingApproval && s.State != privatereply.Holding {
		return
	}
	comment, text := privatereply.TextSHA256(s.Comment.Text), replies.ProposalSHA256(s)
	switch {
	case o.CommentSHA256 != "" && comment != o.CommentSHA256:
		v.Code, v.Comment = codeEdited, &editedComment{s.Comment.Text, s.Comment.EditedAt, comment}
	case o.TextSHA256 != "" && o.Text == nil && text != o.TextSHA256:
		v.Code, v.Proposal = codeProposed, &newProposal{s.Text, s.ProposedBy, text, d.shown(s).Beside()}
	}
}

func (d *Desk) followUp(ctx context.Context, o decisionRequest, user signin.User, updateID string) (decisionResult, error) {
	if o.Text == nil {
		return decisionResult{Code: "text", Message: "There is no text. Write what to send.", status: http.StatusUnprocessableEntity}, nil
	}
	s, err := d.Replies.Status(ctx, o.ID)
	if err != nil {
		return decisionResult{}, err
	}
	conversation, ok := replies.ConversationID(s)
	if !ok {
		return decisionResult{Code: string(replies.Refused), Message: "Nobody knows yet whom this conversation is with.", status: http.StatusConflict}, nil
	}
	a, err := d.Replies.FollowUp(ctx, conversation, updateID, workflows.FollowUp{Agent: user.Name, Text: normalizeNewlines(*o.Text),
		Buttons: o.Parts.Buttons, QuickReplies: o.Parts.QuickReplies, HumanAgent: o.HumanAgent})
	v := decisionResult{Accepted: a.State == privatereply.OutcomeSent, State: s.State, Reason: a.Reason}
	switch a.State {
	case privatereply.OutcomeSent:
		v.Message = "Sent."
		if d.Answered != nil {
			d.Answered.Wrote(conversation, d.now().UTC())
		}
	case privatereply.OutcomeUnknown:
		v.status, v.Code = http.StatusConflict, "unknown"
		v.Message = "It is not known whether this arrived. " + a.Reason.Sentence() + " Look into the account's inbox before you write again."
	default:
		v.status, v.Code = http.StatusConflict, string(replies.Refused)
		v.Message = "Not sent. " + a.Reason.Sentence()
	}
	return v, err
}

// errorResult makes a result of an error. What is not a refusal is logged.
func (d *Desk) errorResult(o decisionRequest, err error) decisionResult {
	var refusal *replies.Error
	if errors.As(err, &refusal) {
		return decisionResult{Code: string(refusal.Code), Message: sentence(refusal.Message), status: statusOfCode[refusal.Code]}
	}
	d.Logger.Error("cannot decide", zap.String("reply", o.ID), zap.String("verb", o.Verb), zap.Error(err))
	return decisionResult{Code: "unavailable", status: http.StatusBadGateway,
		Message: "Temporal does not answer, so that it is not known whether this was taken. Look here again before you decide anew."}
}

var statusOfCode = map[replies.Code]int{
	replies.Refused:       http.StatusConflict,
	replies.Terminated:    http.StatusConflict,
	replies.NotFound:      http.StatusNotFound,
	replies.NoWorker:      http.StatusServiceUnavailable,
	replies.EffectUnknown: http.StatusAccepted,
}

// idempotencyKey returns key if it can be part of an Update id, and a new key otherwise.
func idempotencyKey(name string) string {
	if keyPattern.MatchString(name) {
		return name
	}
	return rand.Text()
}

var keyPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{8,64}$`)

var hashPattern = regexp.MustCompile(`^[0-9a-f]{64}$`)

// normalizeNewlines makes the \r\n of a browser's form \n: each would count twice against
// the platform's limit.
func normalizeNewlines(text string) string { return strings.ReplaceAll(text, "\r\n", "\n") }

// sentence makes a message a sentence, with a full stop, and a capital letter unless it begins
// with an id.
func sentence(s string) string {
	if s == "" {
		return s
	}
	if first, _, _ := strings.Cut(s, " "); !strings.Contains(first, ":") {
		s = strings.ToUpper(s[:1]) + s[1:]
	}
	if !strings.HasSuffix(s, ".") {
		s += "."
	}
	return s
}
