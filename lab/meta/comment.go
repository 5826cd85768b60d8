package meta

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/privatereply/privatereply"
)

// ErrUnknown says that an id names nothing in the sandbox.
var ErrUnknown = errors.New("unknown here")

// comment is one comment, or a post that a visitor wrote on a Page: what Meta
// allows one private reply to.
type comment struct {
	account   *account
	post      *post
	number    string  // unique; a Page's ids put a post before it
	person    *person // nil: the account itself wrote it
	text      string
	parent    *comment
	answers   []*comment
	createdAt time.Time
	visitor   bool   // a visitor post, not a comment
	anonymous bool   // neither its webhook nor, on Instagram, a read has "from"
	attached  string // photo, video, sticker or gif; Facebook only
	removed   bool
	hidden    bool
	attempts  int
	delivered []*message
}

// id is how webhooks write it.
func (c *comment) id() string {
	switch {
	case c.visitor:
		return c.post.id
	case c.account.instagram():
		return c.number
	}
	return c.post.number + "_" + c.number
}

// readID is how the Graph API writes it: comments of Facebook reels have the
// video's id in front there, and the post's in webhooks.
func (c *comment) readID() string {
	if c.post.videoID != "" && !c.visitor {
		return c.post.videoID + "_" + c.number
	}
	return c.id()
}

// find finds a comment or visitor post by either of its spellings.
func (s *Sandbox) find(id string) *comment {
	c := s.comments[id[strings.LastIndexByte(id, '_')+1:]]
	if c == nil || (id != c.id() && id != c.readID()) {
		return nil
	}
	return c
}

// NewComment describes a comment, or with Source visitor_post a post that a
// visitor writes on a Page.
type NewComment struct {
	Account  string              `json:"account"` // may be empty with PostID or ParentID, or when there is one account
	PostID   string              `json:"post_id"` // empty: the account's newest post of Source
	Source   privatereply.Source `json:"source"`  // with an empty PostID; empty is post
	ParentID string              `json:"parent_id"`
	Username string              `json:"username"` // the display name on Facebook; empty is "someone"
	Text     string              `json:"text"`
	// Attachment is photo, video, sticker or gif, on Facebook only; Text may be empty
	// beside it.
	Attachment string                `json:"attachment"`
	Age        privatereply.Duration `json:"age"`       // how long ago it was written; the webhook goes out now
	ByAccount  bool                  `json:"own"`       // the account itself writes it, such as a public answer
	Anonymous  bool                  `json:"anonymous"` // the webhook carries no "from", nor does a read of Instagram's
	NoWebhook  bool                  `json:"quiet"`     // no webhook: for SignedWebhook, and for sweeps
}

// Comment writes a comment and returns its id as the webhook writes it. The
// webhook is delivered afterwards.
func (s *Sandbox) Comment(n NewComment) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.comment(n)
}

// Comments writes the same comment count times, each by a person of their own
// whose name ends in a number.
func (s *Sandbox) Comments(n NewComment, count int) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := make([]string, 0, count)
	name := orSomeone(n.Username)
	for i := range count {
		if n.Username = name; count > 1 {
			n.Username = fmt.Sprintf("%s_%d", name, i+1)
		}
		id, err := s.comment(n)
		if err != nil {
			return ids, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

func (s *Sandbox) comment(n NewComment) (string, error) {
	c, err := s.addComment(n)
	if err != nil {
		return "", err
	}
	s.note("comment", c.account.ID, c.id(), "%s wrote: %s", c.author(), c.text)
	s.recent.comment(c)
	if !n.NoWebhook {
		s.publish(s.commentItem(c))
	}
	return c.id(), nil
}

func (s *Sandbox) addComment(n NewComment) (*comment, error) {
	c := &comment{text: n.Text, anonymous: n.Anonymous, attached: n.Attachment, createdAt: s.now().Add(-time.Duration(n.Age))}
	if n.ParentID != "" {
		if c.parent = s.find(n.ParentID); c.parent == nil || c.parent.visitor || c.parent.gone() {
			return nil, fmt.Errorf("parent_id: %q is %w", n.ParentID, ErrUnknown)
		}
		n.PostID = c.parent.post.id
	}
	if err := s.placeComment(c, n); err != nil {
		return nil, err
	}
	switch _, known := attachmentTypes[n.Attachment]; {
	case n.Attachment == "":
	case !known:
		return nil, fmt.Errorf("attachment: %q is not a kind; write photo, video, sticker or gif", n.Attachment)
	case c.account.instagram():
		return nil, errors.New("attachment: Instagram tells nothing of attachments of comments")
	}
	if !n.ByAccount {
		c.person = s.person(c.account, orSomeone(n.Username))
	}
	switch {
	case n.Source == privatereply.SourceVisitorPost:
		c.visitor = true
		c.post = s.addPost(c.account, n.Source, n.Text, c.createdAt)
		c.post.visitor, c.number = c, c.post.number
	case c.account.instagram():
		c.number = s.instagramCommentID()
	default:
		c.number = s.commentNumber()
	}
	s.comments[c.number] = c
	c.account.stats.comments++
	if c.visitor {
		return c, nil
	}
	created := func(c *comment) time.Time { return c.createdAt }
	c.post.everything = insertByTime(c.post.everything, c, created)
	if c.parent != nil {
		c.parent.answers = insertByTime(c.parent.answers, c, created)
	} else {
		c.post.comments = insertByTime(c.post.comments, c, created)
	}
	return c, nil
}

// placeComment finds the post under which n is written.
func (s *Sandbox) placeComment(c *comment, n NewComment) error {
	if n.PostID != "" {
		c.post = s.posts[n.PostID]
		if c.post == nil || c.post.removed {
			return fmt.Errorf("post_id: %q is %w", n.PostID, ErrUnknown)
		}
		c.account = c.post.account
	} else {
		a, err := s.account(n.Account)
		if err != nil {
			return err
		}
		c.account = a
		if n.Source == "" {
			n.Source = privatereply.SourcePost
		}
		c.post = a.newest[n.Source]
	}
	switch {
	case n.Source == privatereply.SourceVisitorPost && (c.account.instagram() || n.ByAccount):
		return errors.New("source: only visitors write visitor posts, and only on Facebook Pages")
	case n.Source == privatereply.SourceVisitorPost:
	case c.post == nil || c.post.removed:
		return fmt.Errorf("source: the account has no %s; publish one, or start a live", n.Source)
	case !c.post.commentable():
		return errors.New("post_id: the broadcast has ended")
	}
	return nil
}

func orSomeone(username string) string {
	if username == "" {
		return "someone"
	}
	return username
}

func (c *comment) author() string {
	if c.person == nil {
		return c.account.Name
	}
	return c.person.username
}

// EditComment changes a comment's words. A Page's webhook tells, with the time of the
// change; Instagram has none for it.
func (s *Sandbox) EditComment(id, text string) error {
	return s.changeComment(id, "edited", func(c *comment) {
		c.text = text
		if c.visitor {
			c.post.caption = text
		}
	})
}

// RemoveComment takes a comment or visitor post away. A Page's webhook tells;
// Instagram has none for it.
func (s *Sandbox) RemoveComment(id string) error {
	return s.changeComment(id, "remove", func(c *comment) {
		c.removed = true
		if c.visitor {
			c.post.removed = true
		}
	})
}

// HideComment hides a comment from the public, or shows it again. It can be
// answered all the same.
func (s *Sandbox) HideComment(id string, hidden bool) error {
	verb := "unhide"
	if hidden {
		verb = "hide"
	}
	return s.changeComment(id, verb, func(c *comment) { c.hidden = hidden })
}

func (s *Sandbox) changeComment(id, verb string, change func(*comment)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.find(id)
	if c == nil {
		return fmt.Errorf("comment: %q is %w", id, ErrUnknown)
	}
	change(c)
	s.note("comment", c.account.ID, c.id(), "%s: %s the comment", c.author(), verb)
	if !c.account.instagram() {
		s.publish(s.commentChangedItem(c, verb))
	}
	return nil
}

// gone reports whether the comment, or the post above it, was taken away.
func (c *comment) gone() bool { return c.removed || c.post.removed }

// onLive reports whether it was written during an Instagram broadcast, where it
// can be read and answered only as long as that runs. A Page's live has no such rule.
func (c *comment) onLive() bool {
	return c.account.instagram() && c.post.source == privatereply.SourceLive
}

// readable reports whether the Graph API shows the comment.
func (c *comment) readable() bool { return !c.gone() && (!c.onLive() || c.post.live) }
