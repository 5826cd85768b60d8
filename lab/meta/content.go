package meta

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/privatereply/privatereply"
)

// post is content that can be commented on: an Instagram media or a Page's post.
type post struct {
	account        *account
	id             string // as webhooks write it: <page>_<number> on a Page
	number         string // Page: the part of id that comment ids start with
	videoID        string // Page reel: the prefix that reading uses in its comments' ids
	adID           string
	source         privatereply.Source
	caption        string
	withoutPicture bool
	createdAt      time.Time
	original       *post    // the organic post of an ad
	visitorPost    *comment // set for a post that a visitor wrote: what a private reply answers
	comments       []*comment
	allComments    []*comment // comments and the answers to them
	live           bool
	removed        bool
}

// NewPost describes a post that the account publishes.
type NewPost struct {
	Account string              `json:"account"`
	Source  privatereply.Source `json:"source"` // post, reel, ad or story; empty is post
	Caption string              `json:"caption"`
	// NoPicture leaves out media_url, as Meta does of a reel with somebody else's music, and a
	// Page's picture.
	NoPicture bool `json:"no_picture"`
}

// PublishPost publishes a post and returns its id. StartLive starts a live, and Comment
// writes a visitor's post.
func (s *Sandbox) PublishPost(n NewPost) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.account(n.Account)
	if err != nil {
		return "", err
	}
	switch n.Source {
	case "":
		n.Source = privatereply.SourcePost
	case privatereply.SourcePost, privatereply.SourceReel, privatereply.SourceAd, privatereply.SourceStory:
	default:
		return "", fmt.Errorf("source: %q cannot be published like this; write post, reel, ad or story", n.Source)
	}
	original := a.newest[privatereply.SourcePost]
	p := s.addPost(a, n.Source, n.Caption, s.now())
	p.withoutPicture = n.NoPicture
	if n.Source == privatereply.SourceAd {
		p.original = original
	}
	s.logEvent("post", a.ID, p.id, "The account published a %s", p.source)
	return p.id, nil
}

func (s *Sandbox) addPost(a *account, source privatereply.Source, caption string, at time.Time) *post {
	p := &post{account: a, source: source, caption: caption, createdAt: at}
	if a.instagram() {
		p.id = s.newMediaID()
	} else {
		p.number = s.newPostNumber()
		p.id = a.ID + "_" + p.number
	}
	if source == privatereply.SourceReel && !a.instagram() {
		p.videoID = s.newVideoID()
		s.posts[p.videoID] = p
	}
	if source == privatereply.SourceAd {
		p.adID = s.newAdID()
	}
	s.posts[p.id] = p
	a.newest[source] = p
	if source != privatereply.SourceVisitorPost {
		a.published = append(a.published, p)
	}
	// Ads, stories and lives are in no feed and no media list.
	if source == privatereply.SourcePost || source == privatereply.SourceReel || source == privatereply.SourceVisitorPost {
		a.posts = insertByTime(a.posts, p, func(p *post) time.Time { return p.createdAt })
	}
	return p
}

// insertByTime inserts v into a list sorted by time; the newest goes to the end.
func insertByTime[T any](list []T, v T, at func(T) time.Time) []T {
	i := len(list)
	for i > 0 && at(list[i-1]).After(at(v)) {
		i--
	}
	return slices.Insert(list, i, v)
}

// RemovePost removes a post with its comments. A Page sends a webhook about it,
// Instagram does not.
func (s *Sandbox) RemovePost(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.posts[id]
	if p == nil {
		return fmt.Errorf("post: %q is %w", id, ErrUnknown)
	}
	p.removed, p.live = true, false
	if p.visitorPost != nil {
		p.visitorPost.removed = true
	}
	a := p.account
	a.lives = slices.DeleteFunc(a.lives, func(live *post) bool { return live == p })
	s.logEvent("post", a.ID, p.id, "The %s was removed", p.source)
	if !a.instagram() {
		s.publish(s.postRemovedItem(p))
	}
	return nil
}

// StartLive starts a broadcast of an account and returns its media id.
func (s *Sandbox) StartLive(accountID string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.account(accountID)
	if err != nil {
		return "", err
	}
	p := s.addPost(a, privatereply.SourceLive, "Live from the workshop", s.now())
	p.live = true
	a.lives = append(a.lives, p)
	s.logEvent("live", a.ID, p.id, "A broadcast started")
	if !a.instagram() {
		s.publish(s.liveVideoItem(p, "live"))
	}
	return p.id, nil
}

// EndLive ends a broadcast. Instagram sends no webhook about it.
func (s *Sandbox) EndLive(mediaID string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.posts[mediaID]
	if p == nil || p.source != privatereply.SourceLive {
		return fmt.Errorf("live: %q is %w", mediaID, ErrUnknown)
	}
	a := p.account
	p.live = false
	a.lives = slices.DeleteFunc(a.lives, func(live *post) bool { return live == p })
	s.logEvent("live", a.ID, p.id, "The broadcast ended")
	if !a.instagram() {
		s.publish(s.liveVideoItem(p, "live_stopped"), s.liveVideoItem(p, "vod"))
	}
	return nil
}

// productType is Instagram's media_product_type.
func productType(p *post) string {
	switch p.source {
	case privatereply.SourceReel:
		return "REELS"
	case privatereply.SourceAd:
		return "AD"
	case privatereply.SourceLive:
		return "LIVE"
	case privatereply.SourceStory:
		return "STORY"
	}
	return "FEED"
}

// mediaType is Instagram's media_type.
func mediaType(p *post) string {
	switch p.source {
	case privatereply.SourceLive:
		return "BROADCAST"
	case privatereply.SourceReel:
		return "VIDEO"
	}
	return "IMAGE"
}

// statusType is a Page's status_type.
func (p *post) statusType() string {
	switch p.source {
	case privatereply.SourceReel, privatereply.SourceLive:
		return "added_video"
	case privatereply.SourceVisitorPost:
		return "wall_post"
	}
	return "mobile_status_update"
}

// hasPicture reports whether a Page's post has a picture: the posts of visitors have none
// here.
func (p *post) hasPicture() bool { return !p.withoutPicture && p.visitorPost == nil }

// promotionStatus is a Page's promotion_status.
func (p *post) promotionStatus() string {
	if p.source == privatereply.SourceAd {
		return "active"
	}
	return "inactive"
}

func (p *post) permalink() string {
	switch {
	case p.account.instagram():
		return "https://www.instagram.com/p/" + p.id + "/"
	case p.videoID != "":
		return "https://www.facebook.com/reel/" + p.videoID + "/"
	case p.source == privatereply.SourceLive:
		return "https://www.facebook.com/" + p.account.ID + "/videos/" + p.number + "/"
	}
	return "https://www.facebook.com/" + p.account.ID + "/posts/" + p.number
}

// parseUnix reads a time parameter in Unix seconds; text that is no number gives the
// epoch.
func parseUnix(text string) time.Time {
	seconds, _ := strconv.ParseInt(text, 10, 64)
	return time.Unix(seconds, 0)
}

// ErrUnknown is the error for an id that names nothing in the sandbox.
var ErrUnknown = errors.New("unknown here")

// comment is what Meta allows one private reply to: a comment, or a post that a visitor
// wrote on a Page.
type comment struct {
	account          *account
	post             *post
	number           string  // unique; a Page's ids put a post before it
	person           *person // nil: the account itself wrote it
	text             string
	parent           *comment
	replies          []*comment
	createdAt        time.Time
	isVisitorPost    bool   // a visitor post, not a comment
	anonymous        bool   // neither its webhook nor, on Instagram, a read has "from"
	attachmentKind   string // photo, video, sticker or gif; Facebook only
	removed          bool
	hidden           bool
	noComments       bool // nobody can comment under it
	byAPI            bool // the account wrote it through the API
	attempts         int
	repliesDelivered []*message
}

// id is the comment's id in webhooks.
func (c *comment) id() string {
	switch {
	case c.isVisitorPost:
		return c.post.id
	case c.account.instagram():
		return c.number
	}
	return c.post.number + "_" + c.number
}

// readID is the comment's id in the Graph API. Comments of a Facebook reel begin with
// the video's id there, and with the post's in webhooks.
func (c *comment) readID() string {
	if c.post.videoID != "" && !c.isVisitorPost {
		return c.post.videoID + "_" + c.number
	}
	return c.id()
}

// findComment finds a comment or visitor post by its id in webhooks or in the Graph
// API.
func (s *Sandbox) findComment(id string) *comment {
	c := s.comments[id[strings.LastIndexByte(id, '_')+1:]]
	if c == nil || (id != c.id() && id != c.readID()) {
		return nil
	}
	return c
}

// NewComment describes a comment to write, or with Source visitor_post a visitor's post
// on a Page.
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
	Age        privatereply.Duration `json:"age"`         // how long ago it was written; the webhook goes out now
	ByAccount  bool                  `json:"own"`         // the account itself writes it, such as a public answer
	Anonymous  bool                  `json:"anonymous"`   // the webhook carries no "from", nor does a read of Instagram's
	NoWebhook  bool                  `json:"quiet"`       // no webhook: for SignedWebhook, and for sweeps
	NoComments bool                  `json:"no_comments"` // nobody can comment under it
}

// Comment writes a comment and returns its id in webhooks. The webhook is delivered
// afterwards.
func (s *Sandbox) Comment(n NewComment) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.comment(n)
}

// Comments writes the same comment count times, each by another person whose name ends
// in a number.
func (s *Sandbox) Comments(n NewComment, count int) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := make([]string, 0, count)
	name := usernameOrDefault(n.Username)
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
	c.account.counters.comments++
	s.logEvent("comment", c.account.ID, c.id(), "%s wrote: %s", c.author(), c.text)
	s.recent.comment(c)
	if !n.NoWebhook {
		s.publish(s.commentItem(c))
	}
	return c.id(), nil
}

func (s *Sandbox) addComment(n NewComment) (*comment, error) {
	c := &comment{text: n.Text, anonymous: n.Anonymous, noComments: n.NoComments, attachmentKind: n.Attachment, createdAt: s.now().Add(-time.Duration(n.Age))}
	if n.ParentID != "" {
		if c.parent = s.findComment(n.ParentID); c.parent == nil || c.parent.isVisitorPost || c.parent.isRemoved() {
			return nil, fmt.Errorf("parent_id: %q is %w", n.ParentID, ErrUnknown)
		}
		n.PostID = c.parent.post.id
	}
	if err := s.findPost(c, n); err != nil {
		return nil, err
	}
	switch _, known := attachmentTypes[n.Attachment]; {
	case n.Attachment == "":
	case !known:
		return nil, fmt.Errorf("attachment: %q is not a kind; write photo, video, sticker or gif", n.Attachment)
	case c.account.instagram():
		return nil, errors.New("attachment: Instagram reports no attachments of comments")
	}
	if !n.ByAccount {
		c.person = s.person(c.account, usernameOrDefault(n.Username))
	}
	switch {
	case n.Source == privatereply.SourceVisitorPost:
		c.isVisitorPost = true
		c.post = s.addPost(c.account, n.Source, n.Text, c.createdAt)
		c.post.visitorPost, c.number = c, c.post.number
	case c.account.instagram():
		c.number = s.newInstagramCommentID()
	default:
		c.number = s.newCommentNumber()
	}
	s.comments[c.number] = c
	if c.isVisitorPost {
		return c, nil
	}
	created := func(c *comment) time.Time { return c.createdAt }
	c.post.allComments = insertByTime(c.post.allComments, c, created)
	if c.parent != nil {
		c.parent.replies = insertByTime(c.parent.replies, c, created)
	} else {
		c.post.comments = insertByTime(c.post.comments, c, created)
	}
	return c, nil
}

// findPost finds the post under which n is written, and sets it with its account on c.
func (s *Sandbox) findPost(c *comment, n NewComment) error {
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

func usernameOrDefault(username string) string {
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

// EditComment changes the text of a comment. A Page sends a webhook with the time of
// the change, Instagram none.
func (s *Sandbox) EditComment(id, text string) error {
	return s.changeComment(id, "edited", func(c *comment) {
		c.text = text
		if c.isVisitorPost {
			c.post.caption = text
		}
	})
}

// RemoveComment removes a comment or visitor post. A Page sends a webhook about it,
// Instagram does not.
func (s *Sandbox) RemoveComment(id string) error {
	return s.changeComment(id, "remove", func(c *comment) {
		c.removed = true
		if c.isVisitorPost {
			c.post.removed = true
		}
	})
}

// HideComment hides a comment from the public, or shows it again. A hidden comment can
// still be answered.
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
	c := s.findComment(id)
	if c == nil {
		return fmt.Errorf("comment: %q is %w", id, ErrUnknown)
	}
	change(c)
	s.logEvent("comment", c.account.ID, c.id(), "%s: %s the comment", c.author(), verb)
	if !c.account.instagram() {
		s.publish(s.commentChangedItem(c, verb))
	}
	return nil
}

// isRemoved reports whether the comment, or the post above it, was removed.
func (c *comment) isRemoved() bool { return c.removed || c.post.removed }

// onLive reports whether the comment was written during an Instagram broadcast: it can
// be read and answered only while that runs. A Page's live has no such rule.
func (c *comment) onLive() bool {
	return c.account.instagram() && c.post.source == privatereply.SourceLive
}

// readable reports whether the Graph API shows the post: of Instagram's broadcasts only
// those that are on the air.
func (p *post) readable() bool {
	return !p.removed && (p.live || p.source != privatereply.SourceLive || !p.account.instagram())
}

// readable reports whether the Graph API shows the comment.
func (c *comment) readable() bool { return !c.isRemoved() && (!c.onLive() || c.post.live) }

// attachmentTypes are Facebook's names for the kinds of attachment of a comment, with
// the ending of the file's name.
var attachmentTypes = map[string]struct{ name, ending string }{
	"photo":   {"photo", ".jpg"},
	"video":   {"video_inline", ".mp4"},
	"sticker": {"sticker", ".png"},
	"gif":     {"animated_image_share", ".gif"},
}

// attachmentURL is the address of the attachment in a webhook. It leads nowhere; a read of
// the comment names one that does.
func (c *comment) attachmentURL() string {
	return "https://www.example.com/attachments/" + c.number + attachmentTypes[c.attachmentKind].ending
}
