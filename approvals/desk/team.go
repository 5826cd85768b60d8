package desk

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"go.uber.org/zap"

	"github.com/privatereply/privatereply/approvals/signin"
	"github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/workflows"
)

// workTogether does what people do with a reply beside deciding it.
func (d *Desk) workTogether(ctx context.Context, o decisionRequest, user signin.User, updateID string) (decisionResult, error) {
	switch o.Verb {
	case verbPropose:
		return d.propose(ctx, o, user, updateID)
	case verbNote:
		if o.Text == nil {
			return noNote, nil
		}
		v, err := resultOf(d.Replies.Note(ctx, o.ID, updateID, workflows.Note{By: user.Name, Text: normalizeNewlines(*o.Text)}))
		v.Message = "Noted."
		return v, err
	case verbAssign:
		return d.assign(ctx, o, user, updateID)
	case verbSendBack:
		return d.sendBack(ctx, o, user, updateID)
	}
	if err := d.Replies.Reopen(ctx, o.ID, user.Name, normalizeNewlines(o.Reason)); err != nil {
		return decisionResult{}, err
	}
	d.Queue.RecordReopened(o.ID)
	return decisionResult{Accepted: true, Message: "Taken back. It waits for a decision again."}, nil
}

var noNote = decisionResult{Code: "text", Message: "There is no note. Write one.", status: http.StatusUnprocessableEntity}

// propose saves a text for an approver to decide. What a writer proposes is in the approvers'
// hands again: it is no longer assigned to the writer.
func (d *Desk) propose(ctx context.Context, o decisionRequest, user signin.User, updateID string) (decisionResult, error) {
	if o.Text == nil {
		return decisionResult{Code: "text", Message: "There is no text. Write what you propose.", status: http.StatusUnprocessableEntity}, nil
	}
	m := workflows.Propose{By: user.Name, Text: normalizeNewlines(*o.Text), Note: normalizeNewlines(o.Note),
		Buttons: o.Parts.Buttons, QuickReplies: o.Parts.QuickReplies, PublicText: o.Parts.PublicText}
	v, err := resultOf(d.Replies.Propose(ctx, o.ID, updateID, m))
	if err != nil || !v.Accepted {
		return v, err
	}
	v.Message = "Saved as a draft for approval. Nothing was sent."
	row, _ := d.view(ctx).Row(o.ID)
	if row.Assignee == user.Name && !user.CanDecide() {
		if _, err := d.Replies.Assign(ctx, o.ID, updateID+"-back", workflows.Assign{By: user.Name}); err != nil {
			d.Logger.Warn("cannot give a reply back", zap.String("reply", o.ID), zap.Error(err))
		} else {
			row.Assignee = ""
		}
	}
	d.Queue.RecordChange(o.ID, func(r *replies.Row) {
		r.Text, r.ProposedBy, r.Assignee = m.Text, user.Name, row.Assignee
		r.Message = o.Parts.memo(r.Message)
		if v.State != "" {
			r.State = v.State
		}
	})
	return v, nil
}

func (d *Desk) assign(ctx context.Context, o decisionRequest, user signin.User, updateID string) (decisionResult, error) {
	to := strings.TrimSpace(o.To)
	if to != "" && !slices.Contains(d.colleagues(ctx, o.ID), to) {
		return decisionResult{Code: "to", Message: "Nobody who works on this account is called “" + to + "”.", status: http.StatusUnprocessableEntity}, nil
	}
	v, err := resultOf(d.Replies.Assign(ctx, o.ID, updateID, workflows.Assign{By: user.Name, To: to}))
	if err != nil {
		return v, err
	}
	d.Queue.RecordChange(o.ID, func(r *replies.Row) { r.Assignee = to })
	switch to {
	case "":
		v.Message = "It is given back: nobody takes care of it now."
	case user.Name:
		v.Message = "You take care of it."
	default:
		v.Message = to + " takes care of it."
	}
	return v, nil
}

// sendBack gives a proposal back to who wrote it, with a note that says why.
func (d *Desk) sendBack(ctx context.Context, o decisionRequest, user signin.User, updateID string) (decisionResult, error) {
	note := normalizeNewlines(o.Note)
	if strings.TrimSpace(note) == "" {
		return noNote, nil
	}
	s, err := d.Replies.Status(ctx, o.ID)
	if err != nil {
		return decisionResult{}, err
	}
	if s.ProposedBy == "" {
		return decisionResult{Code: string(replies.Refused), Message: "No person has proposed this text, so there is nobody to send it back to.", status: http.StatusConflict}, nil
	}
	if v, err := resultOf(d.Replies.Note(ctx, o.ID, updateID+"-note", workflows.Note{By: user.Name, Text: note})); err != nil {
		return v, err
	}
	v, err := resultOf(d.Replies.Assign(ctx, o.ID, updateID, workflows.Assign{By: user.Name, To: s.ProposedBy}))
	if err == nil {
		d.Queue.RecordChange(o.ID, func(r *replies.Row) { r.Assignee = s.ProposedBy })
		v.Message = "Sent back to " + s.ProposedBy + " with your note."
	}
	return v, err
}

// colleagues are the names to which the user of a context can assign a reply: who may work on
// its account by the users file, and the user.
func (d *Desk) colleagues(ctx context.Context, id string) []string {
	names := []string{signin.UserFrom(ctx).Name}
	for _, user := range d.Authenticator.Users() {
		if user.CanPropose() && d.seesReply(signin.WithUser(ctx, user), id) {
			names = append(names, user.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
