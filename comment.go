package privatereply

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
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

// Attachment is a picture or video in a comment. URL is Meta's address of it, which
// expires within days, and may be empty; it is foreign input.
type Attachment struct {
	Kind AttachmentKind `json:"kind,omitempty"`
	URL  string         `json:"url,omitempty"`
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
	case c.PostID != "" && c.Platform != Facebook:
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

// OnLive reports whether c may only be answered while a broadcast runs. That is
// Instagram's rule; a comment on a Facebook Page's live has the usual seven days.
func (c Comment) OnLive() bool { return c.Platform == Instagram && c.Source == SourceLive }
