package desk

import (
	"errors"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/approvals/signin"
	"github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/workflows"
)

type replyView struct {
	pageFrame
	ID           string
	CanDecide    bool
	Row          card
	Status       *workflows.PrivateReplyStatus // nil: it could not be read; Error says why
	Error        string
	Story        []replies.Event
	Conversation *conversationView
	Post         *postView       // read for those without script; nil: the script asks for it
	Visibility   *visibilityView // the same
	Reads        bool            // the desk reads from Meta
	Result       *decisionResult // of the form that was sent
	Form         messageForm     // what can be tapped in the reply, and the public one
	FollowForm   messageForm
	Shown        shownMessage
	// Comment is what the page shows of it. CommentSHA256 is the hash of its text.
	Comment       privatereply.Comment
	CommentSHA256 string
	CanForget     bool // the user may have the person forgotten
	Trail         trail
	Decided       string   // the reply that was decided before this one was opened
	Colleagues    []string // to whom the user can assign it
	TextSHA256    string   // the hash of Status.Text
}

// replyPage shows one reply: comment, decision, conversation and story.
func (d *Desk) replyPage(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Query().Get("part") {
	case "thread":
		d.threadPart(w, r)
		return
	case "post":
		d.postPart(w, r)
		return
	case "visibility":
		d.visibilityPart(w, r)
		return
	case "message":
		d.messagePart(w, r)
		return
	}
	d.showReply(w, r, http.StatusOK, nil, decisionRequest{})
}

// showReply shows a reply. After a form was refused it has the form's result and what was
// written in it.
func (d *Desk) showReply(w http.ResponseWriter, r *http.Request, status int, v *decisionResult, written decisionRequest) {
	id := r.PathValue("id")
	row, err := d.Replies.Row(r.Context(), id)
	var refusal *replies.Error
	switch {
	case errors.As(err, &refusal):
		d.errorPage(w, r, http.StatusNotFound, sentence(refusal.Message))
		return
	case err != nil:
		d.errorPage(w, r, http.StatusBadGateway, staleMessage)
		return
	}
	decides := signin.UserFrom(r.Context()).CanDecide()
	page := replyView{
		pageFrame: d.newFrame(r, "reply", "Reply to "+personName(row.Person)), ID: id, CanDecide: decides,
		Row: d.newCard(r, row), Result: v, Trail: d.trail(r, row),
	}
	page.Tab = page.Trail.Tab
	if decided := r.URL.Query().Get("decided"); d.seesReply(r.Context(), decided) {
		page.Decided = decided
	}
	page.Comment.Text, page.Comment.Attachment, page.Comment.EditedAt = row.Comment, row.Attachment, row.EditedAt
	s, err := d.Replies.Status(r.Context(), id)
	if err != nil {
		page.Error = d.errorMessage(err)
	} else {
		page.Status = &s
		page.Row.State = s.State // newer than the list
		page.Row.Deadline = s.Deadline
		page.Comment, page.CommentSHA256 = s.Comment, privatereply.TextSHA256(s.Comment.Text)
		page.Conversation = d.conversation(r, s)
		page.Row.Assignee, page.Row.ProposedBy, page.TextSHA256 = s.Assignee, s.ProposedBy, replies.ProposalSHA256(s)
		page.fillForms(d.shown(s), written)
		if page.Row.CanPropose() {
			page.Colleagues = d.colleagues(r.Context(), id)
		}
		if page.Reads = d.Lookup != nil; page.Reads && r.URL.Query().Has("post") {
			page.Post = d.post(r.Context(), id, s.Comment)
		}
		if !page.Reads || r.URL.Query().Has("post") {
			v := d.visibility(r.Context(), id, s)
			page.Visibility = &v
		}
		page.CanForget = d.Erasures != nil && s.Comment.PersonID != "" && signin.UserFrom(r.Context()).IsAdmin()
	}
	history, err := d.Replies.History(r.Context(), id)
	if err != nil && page.Error == "" {
		page.Error = d.errorMessage(err)
	}
	page.Story = replies.Story(page.Status, history)
	d.render(w, status, "reply", layout, page)
}

// fillForms fills the forms of messages with what is proposed, and with what was written in
// one that was refused.
func (v *replyView) fillForms(m shownMessage, written decisionRequest) {
	v.Shown = m
	forms := map[string]*messageForm{verbApprove: &v.Form, verbPropose: &v.Form, verbFollowUp: &v.FollowForm}
	v.Form = newMessageForm(partsOfReply, m.Platform, m.Message, m.Public)
	v.FollowForm = newMessageForm(partsOfFollowUp, m.Platform, privatereply.Message{}, "")
	if f := forms[written.Verb]; f != nil && v.Result != nil && written.Text != nil {
		public := ""
		if p := written.Parts.PublicText; p != nil {
			public = *p
		}
		*f = newMessageForm(f.Name, f.Platform, privatereply.Message{Buttons: written.Parts.Buttons, QuickReplies: written.Parts.QuickReplies}, public)
		f.Text, f.Field = *written.Text, v.Result.Field
	}
	switch {
	case v.Status.Comment.OnLive():
		v.Form.PublicGone = privatereply.NotOnLive.Sentence()
	case m.Hide:
		v.Form.PublicGone = privatereply.CommentHidden.Sentence()
	}
}

// messagePart answers with all that a reply sends, for a card of a list, with the hashes of
// what an approval then was read.
func (d *Desk) messagePart(w http.ResponseWriter, r *http.Request) {
	s, err := d.Replies.Status(r.Context(), r.PathValue("id"))
	if err != nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	d.render(w, http.StatusOK, "reply", "whole", struct {
		SHA256, CommentSHA256 string
		Message               shownMessage
	}{replies.ProposalSHA256(s), privatereply.TextSHA256(s.Comment.Text), d.shown(s)})
}

// CanAssign reports whether the reply still takes an assignee.
func (v replyView) CanAssign() bool { return v.Status != nil && !v.Status.State.Final() }

// CanReopen reports whether a button takes the rejection back. Whether it can be had in the
// end the reply says.
func (v replyView) CanReopen() bool {
	s := v.Status
	return v.CanDecide && s != nil && s.State == privatereply.Rejected && s.Approver != "" && v.Now.Before(s.Deadline)
}

// errorMessage says why something cannot be shown.
func (d *Desk) errorMessage(err error) string {
	var refusal *replies.Error
	if errors.As(err, &refusal) {
		return sentence(refusal.Message)
	}
	d.Logger.Warn("cannot show a reply", zap.Error(err))
	return staleMessage
}

// conversationView is the conversation that a reply opened.
type conversationView struct {
	replies.Conversation
	Thread   *threadView
	Platform privatereply.Platform
	Channel  privatereply.Channel
	Until    time.Time // the end of the window
	Error    string
}

// Open reports whether a follow-up can be written now.
func (c conversationView) Open() bool { return c.Channel != privatereply.ChannelClosed }

// HumanAgentOnly reports whether only a person may write, with Meta's tag.
func (c conversationView) HumanAgentOnly() bool { return c.Channel == privatereply.ChannelHumanAgent }

// Limit is the limit of a follow-up.
func (c conversationView) Limit() limit { return limitOf(c.Platform, "") }

// conversation reads the conversation, if the reply may have been delivered.
func (d *Desk) conversation(r *http.Request, s workflows.PrivateReplyStatus) *conversationView {
	if !s.State.MayHaveConversation() {
		return nil
	}
	c := &conversationView{Platform: s.Comment.Platform}
	if id, ok := replies.ConversationID(s); ok {
		d.readWindow(r, id, s.Comment, c)
	}
	c.Thread = d.thread(r.Context(), r.PathValue("id"), s, c.Conversation, threadPatience)
	return c
}

// readWindow reads what the workflow of a conversation knows, and whether somebody may write
// now.
func (d *Desk) readWindow(r *http.Request, id string, comment privatereply.Comment, c *conversationView) {
	var err error
	if c.Conversation, err = d.Replies.Conversation(r.Context(), id); err != nil {
		var refusal *replies.Error
		if !errors.As(err, &refusal) || refusal.Code != replies.NotFound {
			c.Error = d.errorMessage(err)
		}
		return
	}
	account, _ := d.Accounts.Get(comment.Platform, comment.Account)
	last := c.Status.LastMessageAt
	c.Channel = privatereply.FollowUpChannel(d.now(), last, account.HumanAgent)
	c.Until = last.Add(privatereply.StandardWindow - privatereply.WindowMargin)
	if c.HumanAgentOnly() {
		c.Until = last.Add(privatereply.HumanAgentWindow - privatereply.WindowMargin)
	}
}

// decideForm carries out the decision of a form without script, and shows the reply with
// the result.
func (d *Desk) decideForm(w http.ResponseWriter, r *http.Request) {
	if err := parseForm(w, r); err != nil {
		d.errorPage(w, r, http.StatusBadRequest, "The form could not be read.")
		return
	}
	o := decisionRequest{ID: r.PathValue("id"), Verb: r.PathValue("verb"), IdempotencyKey: r.PostForm.Get("click"), Reason: r.PostForm.Get("reason"),
		CommentSHA256: r.PostForm.Get("comment_sha256"), TextSHA256: r.PostForm.Get("text_sha256"), Note: r.PostForm.Get("note"), To: r.PostForm.Get("to"), Hide: r.PostForm.Get("hide") == "true"}
	o.Parts, o.PartsError = readParts(r.PostForm)
	if r.PostForm.Has("text") {
		text := r.PostForm.Get("text")
		o.Text = &text
	}
	if r.PostForm.Has("delivered") {
		delivered := r.PostForm.Get("delivered") == "true"
		o.Delivered = &delivered
	}
	o.HumanAgent = r.PostForm.Get("human_agent") == "true"
	next := d.afterDecision(r, o)
	v := d.decide(r.Context(), o)
	if v.Accepted {
		http.Redirect(w, r, next, http.StatusSeeOther)
		return
	}
	d.showReply(w, r, v.status, &v, o)
}

// afterDecision is the page that follows an accepted decision of a form: the next reply of
// the list that the user came from, or the same page.
func (d *Desk) afterDecision(r *http.Request, o decisionRequest) string {
	if o.Verb == verbFollowUp || o.Verb == verbHide || o.Verb == verbShow || ownPage(r.PostForm.Get("back")) == nil {
		return replyURL(o.ID)
	}
	row, err := d.Replies.Row(r.Context(), o.ID)
	if err != nil {
		return replyURL(o.ID)
	}
	return d.trail(r, row).AfterDecision(o.ID)
}

// maxFormBytes is more than any form here needs.
const maxFormBytes = 256 << 10

func parseForm(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, maxFormBytes)
	return r.ParseForm()
}
