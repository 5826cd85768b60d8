package decode

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/metajson"
)

// feedChange is the value of a Page's "feed".
type feedChange struct {
	item, verb  string
	commentID   string
	parentID    string
	unpublished bool
	onPost      privatereply.Source // of the post above a comment
	changedAt   time.Time           // with any other verb than "add"
	comment     privatereply.Comment
}

// decodeFeed decodes the value of a Page's "feed", by its item: reactions have a comment's
// id as well.
func (e entry) decodeFeed(raw metajson.Value) privatereply.Event {
	f := e.readFeedChange(raw)
	switch f.item {
	case "comment":
		return e.feedComment(f)
	case "post", "status", "photo", "video", "share", "link":
		return e.feedPost(f)
	case "reaction", "like":
		return ignored(Reaction, cmp.Or(f.commentID, f.comment.MediaID))
	case "mention":
		return ignored(Mention, f.comment.MediaID)
	}
	return ignored(OtherItem, f.comment.MediaID)
}

func (e entry) feedComment(f feedChange) privatereply.Event {
	c := f.comment
	c.CommentID, c.Source = f.commentID, f.onPost
	if e.isReply(f.parentID, c.MediaID) {
		c.ParentID = f.parentID
	}
	switch {
	case f.verb == "remove" && c.CommentID == "": // without a comment it would remove the post
		return ignored(NoUsableID, "")
	case f.verb == "remove":
		return privatereply.Event{Removal: &privatereply.Removal{
			Platform: c.Platform, Account: c.Account, CommentID: c.CommentID, MediaID: c.MediaID,
		}}
	case f.verb != "add" && !isEdit(f.verb):
		return ignored(verbReason(f.verb), c.CommentID)
	case e.account.IsSelf(c.PersonID):
		return ignored(OwnComment, c.CommentID)
	case isEdit(f.verb):
		c.EditedAt = f.changedAt
		return privatereply.Event{Edited: &c}
	}
	return privatereply.Event{Comment: &c}
}

func (e entry) feedPost(f feedChange) privatereply.Event {
	c := f.comment
	c.PostID, c.Source = c.MediaID, privatereply.SourceVisitorPost
	own := e.account.IsSelf(c.PersonID)
	switch {
	case f.verb == "remove":
		r := privatereply.Removal{Platform: c.Platform, Account: c.Account, MediaID: c.MediaID}
		if !own {
			r.PostID = c.PostID
		}
		return privatereply.Event{Removal: &r}
	// A post in the trash comes as an edit too, with its old text, which changes nothing.
	case isEdit(f.verb) && !own && c.PersonID != "" && !f.unpublished && c.Text != "":
		c.EditedAt = f.changedAt
		return privatereply.Event{Edited: &c}
	case f.verb != "add":
		return ignored(verbReason(f.verb), c.PostID)
	case own:
		return ignored(OwnPost, c.PostID)
	case c.PersonID == "":
		return ignored(UnknownAuthor, c.PostID)
	case f.unpublished:
		return ignored(UnpublishedPost, c.PostID)
	}
	return privatereply.Event{Comment: &c}
}

func isEdit(verb string) bool { return verbReason(verb) == Edited }

func verbReason(verb string) string {
	switch verb {
	case "edit", "edited":
		return Edited
	case "hide", "unhide":
		return Hidden
	case "block", "unblock", "mute":
		return Moderated
	}
	return OtherVerb
}

// isReply reports whether a comment's parent is a comment. The parent of a comment at the
// top is the post, whose id Meta writes with the Page's id before it or without.
func (e entry) isReply(parent, post string) bool {
	isPost := strings.HasPrefix(parent, e.id+"_") || withoutPrefix(parent) == withoutPrefix(post)
	return parent != "" && !isPost
}

func withoutPrefix(id string) string { return id[strings.LastIndexByte(id, '_')+1:] }

// editTimeTolerance is how much earlier than an edit a "created_time" must be to be taken
// for the comment's own.
const editTimeTolerance = 10 * time.Minute

func (e entry) readFeedChange(raw metajson.Value) feedChange {
	f := feedChange{onPost: privatereply.SourcePost}
	c := privatereply.Comment{
		Platform:   e.platform,
		Account:    e.account.ID,
		EntryAt:    e.at,
		ReceivedAt: e.receivedAt,
		Via:        privatereply.ViaWebhook,
	}
	var id, senderID, senderName, link string
	var created, edited metajson.Value
	for key, v := range raw.Fields() {
		switch string(key) {
		case "item":
			f.item = v.Text()
		case "verb":
			f.verb = v.Text()
		case "comment_id":
			f.commentID = v.ID(maxID)
		case "id":
			id = v.ID(maxID)
		case "parent_id":
			f.parentID = v.ID(maxID)
		case "post_id":
			c.MediaID = v.ID(maxID)
		case "message":
			c.Text = readText(v)
		case "from":
			c.PersonID, c.Username = readAuthor(v, "name")
		case "sender_id": // before 2018, instead of "from"
			senderID = v.ID(maxID)
		case "sender_name":
			senderName = readName(v)
		case "created_time":
			created = v
		case "edited_time":
			edited = v
		case "photo", "video", "sticker", "gif":
			setAttachment(&c.Attachment, privatereply.AttachmentKind(key), v.Text())
		case "photos":
			for v := range v.Items() {
				setAttachment(&c.Attachment, privatereply.Photo, v.Text())
				break
			}
		case "link":
			link = v.Text()
		case "published":
			f.unpublished = v.IsFalse()
		case "post":
			f.onPost = facebookSource(v)
		}
	}
	f.commentID = cmp.Or(f.commentID, id)
	c.PersonID = cmp.Or(c.PersonID, senderID)
	c.Username = cmp.Or(c.Username, senderName)
	// The item of a post that is a photo or a video is its kind; the address is in "link".
	if kind := privatereply.AttachmentKind(f.item); (kind == privatereply.Photo || kind == privatereply.Video) && c.Attachment.Kind != kind {
		c.Attachment = privatereply.Attachment{Kind: kind, URL: privatereply.AttachmentURL(link)}
	}
	// With any other verb "created_time" was seen to be the time of the change, and also that
	// of the comment. Then the time of the entry, which is sent after the change, is better.
	if f.verb == "add" {
		c.CreatedAt = created.Time()
	} else {
		at := edited.Time()
		if at.IsZero() {
			if at = created.Time(); at.Before(e.at) {
				at = e.at
			}
		}
		if written := created.Time(); isEdit(f.verb) && written.Before(at.Add(-editTimeTolerance)) {
			c.CreatedAt = written
		}
		f.changedAt = privatereply.MessageTime(at, e.receivedAt)
	}
	f.comment = c
	return f
}

// attachmentPrecedence orders the kinds of attachments, the most special last: a sticker,
// a GIF and the still of a video may be given as a photo too.
var attachmentPrecedence = []privatereply.AttachmentKind{privatereply.Photo, privatereply.Video, privatereply.GIF, privatereply.Sticker}

// setAttachment makes a the attachment of a kind, unless it is a more special one already.
func setAttachment(a *privatereply.Attachment, kind privatereply.AttachmentKind, address string) {
	if address != "" && slices.Index(attachmentPrecedence, kind) > slices.Index(attachmentPrecedence, a.Kind) {
		*a = privatereply.Attachment{Kind: kind, URL: privatereply.AttachmentURL(address)}
	}
}

// facebookSource reads the source of a comment from "post". A post that is not published
// and has comments is shown by an ad alone. A post with a promotion_status is promoted,
// and still a post. Meta does not mark a live video: it is a post here.
func facebookSource(raw metajson.Value) privatereply.Source {
	source := privatereply.SourcePost
	unpublished := false
	for key, v := range raw.Fields() {
		switch string(key) {
		case "status_type":
			if v.Text() == "wall_post" {
				return privatereply.SourceVisitorPost
			}
		case "permalink_url":
			if u, err := url.Parse(v.Text()); err == nil && strings.HasPrefix(u.Path, "/reel/") {
				source = privatereply.SourceReel
			}
		case "is_published":
			unpublished = v.IsFalse()
		}
	}
	if unpublished {
		return privatereply.SourceAd
	}
	return source
}
