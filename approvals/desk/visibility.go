package desk

import (
	"context"
	"net/http"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/approvals/signin"
	"github.com/privatereply/privatereply/internal/lookup"
	"github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/workflows"
)

// justHidden is how long what was done here counts more than what Meta says: its answer may be
// from before.
const justHidden = 10 * time.Second

// setHidden hides the comment of a reply, or shows it again, as a user asks.
func (d *Desk) setHidden(ctx context.Context, o decisionRequest, user signin.User) (decisionResult, error) {
	s, err := d.Replies.Status(ctx, o.ID)
	if err != nil {
		return decisionResult{}, err
	}
	if s.Comment.OnLive() {
		return decisionResult{Code: string(replies.Refused), Message: privatereply.NotOnLive.Sentence(), status: http.StatusConflict}, nil
	}
	h, err := d.Replies.SetHidden(ctx, s.Comment, o.Verb == verbHide, user.Name)
	if err != nil {
		return decisionResult{}, err
	}
	v := decisionResult{Accepted: true, State: s.State, Reason: h.Reason}
	switch {
	case h.State == workflows.EffectWaiting:
		v.Message, v.status = "Meta has not done it yet. It is tried again by itself, for a day. "+h.Reason.Sentence(), http.StatusAccepted
	case h.State != workflows.EffectDone:
		v.Accepted, v.Code, v.status = false, string(replies.Refused), http.StatusConflict
		v.Message = h.Sentence()
	case h.Hidden:
		v.Message = "Hidden. Only the person and their friends still see the comment."
	default:
		v.Message = "Everybody sees the comment again."
	}
	return v, nil
}

// visibilityView is whether everybody sees a comment, by Meta's word, and who changed it last.
type visibilityView struct {
	Reply     string // its id
	CanDecide bool
	OnLive    bool
	Reads     bool  // the desk reads from Meta
	Hidden    *bool // nil: Meta does not say, or Error says why not
	Error     string
	Last      string // who did what, in words; empty: nobody
	LastAt    time.Time
	Waiting   bool // it is under way
}

// IsHidden reports whether the comment is known to be hidden.
func (v visibilityView) IsHidden() bool { return v.Hidden != nil && *v.Hidden }

// CanHide reports whether a button to hide the comment is of use.
func (v visibilityView) CanHide() bool {
	return v.CanDecide && !v.OnLive && !v.Waiting && !v.IsHidden()
}

// CanShow reports whether a button to show the comment again is of use.
func (v visibilityView) CanShow() bool {
	return v.CanDecide && !v.OnLive && !v.Waiting && (v.Hidden == nil || *v.Hidden)
}

// visibility reads whether a comment is hidden.
func (d *Desk) visibility(ctx context.Context, reply string, s workflows.PrivateReplyStatus) visibilityView {
	ctx, cancel := context.WithTimeout(ctx, lookupPatience)
	defer cancel()
	v := visibilityView{Reply: reply, CanDecide: signin.UserFrom(ctx).CanDecide(), OnLive: s.Comment.OnLive(), Reads: d.Lookup != nil}
	last := s.Hide
	switch by, err := d.Replies.Visibility(ctx, s.Comment); {
	case err != nil:
		v.Error = d.errorMessage(err)
	case by != nil && (last == nil || by.At.IsZero() || by.At.After(last.At)):
		last = by
	}
	if last != nil {
		v.Last, v.LastAt, v.Waiting = last.Sentence(), last.At, last.State == workflows.EffectWaiting
	}
	if d.Lookup == nil {
		return v
	}
	c, err := d.Lookup.Comment(ctx, privatereply.Account{Platform: s.Comment.Platform, ID: s.Comment.Account}, s.Comment.TargetID())
	if err != nil {
		v.Error = lookup.Words(err)
	}
	if v.Hidden = c.Hidden; last != nil && last.State == workflows.EffectDone && d.now().Sub(last.At) < justHidden {
		v.Hidden = &last.Hidden
	}
	return v
}

// visibilityPart answers with whether a comment is hidden.
func (d *Desk) visibilityPart(w http.ResponseWriter, r *http.Request) {
	s, err := d.Replies.Status(r.Context(), r.PathValue("id"))
	if err != nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	d.render(w, http.StatusOK, "reply", "visibility", d.visibility(r.Context(), r.PathValue("id"), s))
}
