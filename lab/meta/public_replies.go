package meta

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// PublicReply is a reply that the account wrote under a comment through the API, for
// everybody to see.
type PublicReply struct {
	ID      string    `json:"id"`
	Text    string    `json:"text"`
	At      time.Time `json:"at"`
	Removed bool      `json:"removed,omitempty"`
}

// The longest public replies, in characters. Meta publishes none; these are what people have
// met.
const (
	maxInstagramReply = 2200
	maxFacebookReply  = 8000
)

// routeCommentWrite routes a call that changes something under a post. The comment is the
// one that the call names, c.params what to do with it.
func (s *Sandbox) routeCommentWrite(c *call, m *comment, key string) endpoint {
	e := endpoint{op: OpPublicReply, account: m.account, comment: m}
	do := func(run func() (any, *graphError)) func() (any, *graphError) {
		return func() (any, *graphError) {
			answer, refused := run()
			if _, asked := c.params["fields"]; asked && refused == nil {
				return nil, errFieldsOfWrite // and it was done all the same
			}
			return answer, refused
		}
	}
	hide, given := c.params["is_hidden"]
	if m.account.instagram() {
		hide, given = c.params["hide"]
	}
	switch {
	case !m.readable():
		e.run = func() (any, *graphError) { return nil, errMissing }
	case key == "POST " && given:
		e.op = OpHide
		e.run = do(func() (any, *graphError) { return s.setHidden(m, hide) })
	case key == "POST " && !m.account.instagram() && c.params["message"] != "":
		e.run = do(func() (any, *graphError) { return s.overwrite(m, c.params["message"]) })
	case key == "POST ":
		e.run = func() (any, *graphError) {
			return nil, errParameter("A parameter is required that says what to change")
		}
	default:
		e.run = do(func() (any, *graphError) { return s.replyInPublic(m, c.params["message"]) })
	}
	return e
}

// replyInPublic writes a reply of the account under m. Nothing keeps a caller from writing
// the same twice.
func (s *Sandbox) replyInPublic(m *comment, text string) (any, *graphError) {
	if refused := s.checkPublicReply(m, text); refused != nil {
		return nil, refused
	}
	repeated := slices.ContainsFunc(m.publicReplies(), func(old *comment) bool { return old.text == text })
	n := NewComment{Account: m.account.ID, PostID: m.post.id, Text: text, ByAccount: true}
	if !m.isVisitorPost {
		n.ParentID = m.id()
	}
	reply, err := s.addComment(n)
	if err != nil {
		return nil, errMissing
	}
	reply.byAPI = true
	t := &m.account.counters
	t.publicReplies++
	if repeated {
		t.repeatedPublic++
	}
	s.logEvent("comment", m.account.ID, reply.id(), "%s replied in public to %s: %s", m.account.Name, m.author(), text)
	s.recent.comment(m)
	s.publish(s.commentItem(reply))
	return object{"id": reply.readID()}, nil
}

func (s *Sandbox) checkPublicReply(m *comment, text string) *graphError {
	longest := maxFacebookReply
	if m.account.instagram() {
		longest = maxInstagramReply
	}
	switch {
	case strings.TrimSpace(text) == "":
		return errParameter("Param message must be a non-empty string")
	case utf8.RuneCountInString(text) > longest:
		return errParameter("The message is too long for a comment")
	case m.parent != nil:
		// Two levels only: on Instagram the reply's own edge is rejected, and on Facebook the
		// reply would stand elsewhere. Both are refused, so that nobody counts on it.
		return errParameter("A reply cannot be replied to; reply to the comment above it")
	case m.onLive():
		return errParameter("Comments of a live video cannot be replied to")
	case m.account.instagram() && m.hidden:
		return errParameter("A hidden comment cannot be replied to")
	case m.noComments:
		return errParameter("The comment cannot be commented on")
	case !m.account.owner.published:
		return errParameter("The Page is not published")
	}
	return nil
}

// publicReplies are the replies that the account wrote under m through the API, oldest
// first.
func (m *comment) publicReplies() []*comment {
	list := m.replies
	if m.isVisitorPost {
		list = m.post.comments
	}
	return slices.DeleteFunc(slices.Clone(list), func(c *comment) bool { return !c.byAPI })
}

// setHidden hides m or shows it again; the same twice is no error.
func (s *Sandbox) setHidden(m *comment, value string) (any, *graphError) {
	hidden := value == "true" || value == "1"
	switch {
	case !hidden && value != "false" && value != "0":
		return nil, errParameter("The parameter that hides a comment must be true or false")
	case !m.canHide():
		return nil, errParameter("The account's own comments and those of a live video cannot be hidden")
	}
	m.account.counters.hides++
	if m.hidden != hidden {
		verb, words := "unhide", "%s shows the comment of %s again"
		if hidden {
			verb, words = "hide", "%s hid the comment of %s"
		}
		m.hidden = hidden
		s.logEvent("comment", m.account.ID, m.id(), words, m.account.Name, m.author())
		s.recent.comment(m)
		if !m.account.instagram() {
			s.publish(s.commentChangedItem(m, verb))
		}
	}
	return object{"success": true}, nil
}

// overwrite is what a Page's POST of a message to a comment does, whoever wrote it: it
// takes the place of the comment's text. Meta's guide shows the call as a reply.
func (s *Sandbox) overwrite(m *comment, text string) (any, *graphError) {
	m.text = text
	s.logEvent("comment", m.account.ID, m.id(), "%s overwrote the comment of %s: %s", m.account.Name, m.author(), text)
	s.publish(s.commentChangedItem(m, "edited"))
	return object{"success": true}, nil
}

// PublicReplies are the replies that the account wrote under a comment or a visitor post
// through the API, oldest first, removed ones too.
func (s *Sandbox) PublicReplies(commentID string) []PublicReply {
	r, _ := s.CommentReport(commentID)
	return r.PublicReplies
}

// canHide reports whether the account may hide m: not its own comments, and none of an
// Instagram live.
func (m *comment) canHide() bool { return m.person != nil && !m.onLive() }
