// Package privatereply holds the rules of answering comments in private on
// Instagram and Facebook: what a comment is, until when it may be answered, how
// long the conversation stays open, what may be written, and how the life of a
// reply can end.
//
// The package is pure. It knows neither Temporal nor HTTP nor files, takes the
// time as an argument, and may therefore be used from workflow code.
package privatereply

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Comment is one comment, or one post that a visitor wrote on a Facebook Page.
// Meta allows exactly one private reply to it.
//
// Times are UTC. CreatedAt is set only when Meta said it; EntryAt is when Meta
// sent the notification (zero when unknown), ReceivedAt when it arrived here.
type Comment struct {
	Platform        Platform `json:"platform"`
	Account         string   `json:"account"`
	CommentID       string   `json:"comment_id,omitempty"`
	PostID          string   `json:"post_id,omitempty"` // a visitor post; then CommentID is empty
	ParentID        string   `json:"parent_id,omitempty"`
	MediaID         string   `json:"media_id,omitempty"`
	OriginalMediaID string   `json:"original_media_id,omitempty"` // the organic post behind an ad
	AdID            string   `json:"ad_id,omitempty"`
	AdTitle         string   `json:"ad_title,omitempty"`
	Source          Source   `json:"source,omitempty"`
	PersonID        string   `json:"person_id,omitempty"`
	Username        string   `json:"username,omitempty"`
	Text            string   `json:"text,omitempty"`
	// Attachment is the photo, video, sticker or GIF of a Facebook comment, which may
	// have no text beside it.
	Attachment Attachment `json:"attachment,omitzero"`
	CreatedAt  time.Time  `json:"created_at,omitzero"`
	EntryAt    time.Time  `json:"entry_at,omitzero"`
	ReceivedAt time.Time  `json:"received_at,omitzero"`
	EditedAt   time.Time  `json:"edited_at,omitzero"` // when its words last changed; zero: never
	Via        Via        `json:"via,omitempty"`
}

// Source is what kind of thing was commented on.
type Source string

// The sources. A live broadcast is SourceLive on both platforms.
const (
	SourcePost        Source = "post"
	SourceReel        Source = "reel"
	SourceAd          Source = "ad"
	SourceLive        Source = "live"
	SourceStory       Source = "story"
	SourceVisitorPost Source = "visitor_post"
	SourceOther       Source = "other"
)

// Sources lists every source, in the order people expect to read them.
var Sources = []Source{SourcePost, SourceReel, SourceAd, SourceLive, SourceStory, SourceVisitorPost, SourceOther}

// Label names s for people.
func (s Source) Label() string { return strings.ReplaceAll(string(s), "_", " ") }

// Via is how a comment reached the product.
type Via string

// The ways a comment can arrive.
const (
	ViaWebhook Via = "webhook"
	ViaSweep   Via = "sweep"
	ViaHand    Via = "hand"
)

// AttachmentKind is what an Attachment shows.
type AttachmentKind string

// The kinds of an attachment.
const (
	Photo   AttachmentKind = "photo"
	Video   AttachmentKind = "video"
	Sticker AttachmentKind = "sticker"
	GIF     AttachmentKind = "gif"
)

// AttachmentKinds lists every kind.
var AttachmentKinds = []AttachmentKind{Photo, Video, Sticker, GIF}

// Label names k for people. A kind that a tool made up is an "attachment".
func (k AttachmentKind) Label() string {
	switch {
	case k == GIF:
		return "GIF"
	case slices.Contains(AttachmentKinds, k):
		return string(k)
	}
	return "attachment"
}

// Attachment is a picture or video in a comment. URL is Meta's address of it, which
// expires within days, and may be empty; it is foreign input.
type Attachment struct {
	Kind AttachmentKind `json:"kind,omitempty"`
	URL  string         `json:"url,omitempty"`
}

// maxAttachmentURL is above the addresses of Meta's pictures, some 600 bytes.
const maxAttachmentURL = 2000

// AttachmentURL returns address if a page may link to it: an absolute https URL in
// printable ASCII, without a user, of at most 2000 bytes. Otherwise it returns nothing.
func AttachmentURL(address string) string {
	if len(address) > maxAttachmentURL || strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return ""
	}
	if u, err := url.Parse(address); err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		return ""
	}
	return address
}

// TextSHA256 is the SHA-256 of a comment's text in hex: what an approver has read.
func TextSHA256(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// Validate reports the first thing that makes c unusable, naming the field.
func (c Comment) Validate() error {
	switch {
	case !c.Platform.Valid():
		return fmt.Errorf("comment.platform: %q is not a platform; write instagram or facebook", c.Platform)
	case (c.CommentID == "") == (c.PostID == ""):
		return fmt.Errorf("comment.comment_id, comment.post_id: give exactly one of them (post_id is for a visitor post)")
	case c.PostID != "" && !c.Platform.Facts().VisitorPosts:
		return fmt.Errorf("comment.post_id: only Facebook Pages have visitor posts; give comment_id")
	case c.Source != "" && !slices.Contains(Sources, c.Source):
		return fmt.Errorf("comment.source: %q is not a source; write one of %v", c.Source, Sources)
	case c.Attachment.Kind != "" && !slices.Contains(AttachmentKinds, c.Attachment.Kind):
		return fmt.Errorf("comment.attachment.kind: %q is not a kind; write one of %v", c.Attachment.Kind, AttachmentKinds)
	}
	_, err := ReplyID(c)
	return err
}

// TargetID is the id that the send uses: the comment's or the visitor post's,
// as it was received.
func (c Comment) TargetID() string {
	if c.PostID != "" {
		return c.PostID
	}
	return c.CommentID
}

// ParentComment is the id of the comment that c stands under; empty if that is the post
// itself. Facebook names a parent for every comment: of a first one it is the post, whose
// id it writes with different prefixes.
func (c Comment) ParentComment() string {
	if c.Platform.Facts().ParentIsPost && lastPart(c.ParentID) == lastPart(c.MediaID) {
		return ""
	}
	return c.ParentID
}

// ShownMediaID is the id of the post that people see. An ad of Instagram's is a copy of it
// with an id of its own; a visitor's post is the comment itself.
func (c Comment) ShownMediaID() string { return cmp.Or(c.OriginalMediaID, c.MediaID, c.PostID) }

// OnLive reports whether c may only be answered while a broadcast runs. That is
// Instagram's rule; a comment on a Facebook Page's live has the usual seven days.
func (c Comment) OnLive() bool { return c.Source == SourceLive && c.Platform.Facts().AnsweredOnAir }
