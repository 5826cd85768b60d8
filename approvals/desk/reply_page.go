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
	frame
	ID       string
	Decides  bool
	Row      card
	Status   *workflows.Status // nil: nobody could be asked; Trouble says why
	Trouble  string
	Entries  []entry
	Chat     *chat
	Verdict  *verdict // of a form that was just sent
	Written  string   // what was written in that form
	PostURL  string
	SamePost string
	// Comment is what the page shows of it, and CommentSHA256 the hash of its words.
	Comment       privatereply.Comment
	CommentSHA256 string
}

// replyPage tells a reply's whole story.
func (d *Desk) replyPage(w http.ResponseWriter, r *http.Request) {
	d.showReply(w, r, http.StatusOK, nil, "")
}

func (d *Desk) showReply(w http.ResponseWriter, r *http.Request, status int, v *verdict, written string) {
	id := r.PathValue("id")
	row, err := d.Replies.Row(r.Context(), id)
	var no *replies.Refusal
	switch {
	case errors.As(err, &no):
		d.problemPage(w, r, http.StatusNotFound, sentence(no.Words))
		return
	case err != nil:
		d.problemPage(w, r, http.StatusBadGateway, staleWords)
		return
	}
	decides := signin.From(r.Context()).CanDecide()
	page := replyView{
		frame: d.frame(r, "reply", "Reply to "+who(row.Person)), ID: id, Decides: decides,
		Row: card{row, decides, d.now()}, Verdict: v, Written: written,
		PostURL: postURL(row.Platform, row.Media), SamePost: card{Row: row}.SamePost(),
	}
	page.Comment.Text, page.Comment.Attachment, page.Comment.EditedAt = row.Comment, row.Attachment, row.EditedAt
	s, err := d.Replies.Status(r.Context(), id)
	if err != nil {
		page.Trouble = d.trouble(err)
	} else {
		page.Status = &s
		page.Row.State = s.State // newer than the list
		page.Row.Deadline = s.Deadline
		page.Comment, page.CommentSHA256 = s.Comment, privatereply.TextSHA256(s.Comment.Text)
		page.Chat = d.chat(r, s)
	}
	story, err := d.Replies.Story(r.Context(), id)
	if err != nil && page.Trouble == "" {
		page.Trouble = d.trouble(err)
	}
	page.Entries = tell(page.Status, story)
	d.render(w, status, "reply", whole, page)
}

// trouble says in words why something cannot be shown.
func (d *Desk) trouble(err error) string {
	var no *replies.Refusal
	if errors.As(err, &no) {
		return sentence(no.Words)
	}
	d.Logger.Warn("cannot show a reply", zap.Error(err))
	return staleWords
}

// chat is the conversation that a reply opened.
type chat struct {
	replies.Thread
	Platform privatereply.Platform
	Channel  privatereply.Channel
	Until    time.Time // when nothing can be written any more
	Trouble  string
}

// Open reports whether a follow-up can be written now.
func (c chat) Open() bool { return c.Channel != privatereply.ChannelClosed }

// Human reports whether only a person may write now, with Meta's tag.
func (c chat) Human() bool { return c.Channel == privatereply.ChannelHumanAgent }

// Limit is how long a follow-up may be.
func (c chat) Limit() limit { return limitOf(c.Platform, "") }

// chat reads the conversation, if the reply has been delivered.
func (d *Desk) chat(r *http.Request, s workflows.Status) *chat {
	switch s.State {
	case privatereply.Sent, privatereply.Responded, privatereply.WindowClosed, privatereply.NoResponse:
	default:
		return nil
	}
	c := &chat{Platform: s.Comment.Platform}
	id, ok := replies.ConversationOf(s)
	if !ok {
		return c
	}
	var err error
	if c.Thread, err = d.Replies.Thread(r.Context(), id); err != nil {
		var no *replies.Refusal
		if !errors.As(err, &no) || no.Kind != replies.NotFound {
			c.Trouble = d.trouble(err)
		}
		return c
	}
	account, _ := d.Accounts.Get(s.Comment.Platform, s.Comment.Account)
	last := c.Status.LastMessageAt
	c.Channel = privatereply.FollowUpChannel(d.now(), last, account.HumanAgent)
	c.Until = last.Add(privatereply.StandardWindow - privatereply.WindowMargin)
	if c.Human() {
		c.Until = last.Add(privatereply.HumanAgentWindow - privatereply.WindowMargin)
	}
	return c
}

// decideForm does what a form without script asks for, and shows the reply with
// what became of it.
func (d *Desk) decideForm(w http.ResponseWriter, r *http.Request) {
	if err := parseForm(w, r); err != nil {
		d.problemPage(w, r, http.StatusBadRequest, "The form could not be read.")
		return
	}
	o := order{ID: r.PathValue("id"), Verb: r.PathValue("verb"), Click: r.PostForm.Get("click"), Reason: r.PostForm.Get("reason"),
		CommentSHA256: r.PostForm.Get("comment_sha256")}
	if r.PostForm.Has("text") {
		text := r.PostForm.Get("text")
		o.Text = &text
	}
	if r.PostForm.Has("delivered") {
		delivered := r.PostForm.Get("delivered") == "true"
		o.Delivered = &delivered
	}
	o.HumanAgent = r.PostForm.Get("human_agent") == "true"
	v := d.decide(r.Context(), o)
	if v.Accepted {
		http.Redirect(w, r, replyURL(o.ID), http.StatusSeeOther)
		return
	}
	written := ""
	if o.Text != nil {
		written = *o.Text
	}
	d.showReply(w, r, v.status, &v, written)
}

// maxFormBytes is more than any form here needs.
const maxFormBytes = 256 << 10

func parseForm(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, maxFormBytes)
	return r.ParseForm()
}
