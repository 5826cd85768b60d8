package desk

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/lookup"
	"github.com/privatereply/privatereply/workflows"
)

// lookupPatience is how long a part that a script asks for waits for Meta.
const lookupPatience = 15 * time.Second

// A caption with more characters or more lines than these is folded.
const (
	longCaption      = 280
	longCaptionLines = 6
)

// postView is what a comment stands under: the post, and the comment above it if there is
// one.
type postView struct {
	Reply     string // its id
	Post      *lookup.Post
	PostError string
	// Own says that the post is the visitor's own, whose words are the comment.
	Own         bool
	HasParent   bool
	Parent      *lookup.Comment
	ParentError string
}

// FoldsCaption reports whether only the beginning of the caption shows until it is unfolded.
func (v postView) FoldsCaption() bool { return isLong(v.Post.Caption, longCaption, longCaptionLines) }

// PictureURL is the path of a picture at the desk.
func (v postView) PictureURL(what string) string { return pictureURL(v.Reply, what) }

func pictureURL(reply, what string) string { return "/pictures/" + url.PathEscape(reply) + "/" + what }

// ParentAttachment is what the comment above carries.
func (v postView) ParentAttachment() *shownAttachment {
	if v.Parent == nil || v.Parent.Attachment.Kind == "" {
		return nil
	}
	shown := showAttachment(v.Parent.Attachment, v.PictureURL("parent"))
	return &shown
}

// post reads what a comment stands under.
func (d *Desk) post(ctx context.Context, reply string, c privatereply.Comment) *postView {
	ctx, cancel := context.WithTimeout(ctx, lookupPatience)
	defer cancel()
	v := &postView{Reply: reply, Own: c.PostID != "", HasParent: c.ParentComment() != ""}
	var group errgroup.Group
	group.Go(func() error {
		post, err := d.Lookup.Post(ctx, c)
		if err != nil {
			v.PostError = lookup.Words(err)
			return nil
		}
		v.Post = &post
		return nil
	})
	if v.HasParent {
		group.Go(func() error {
			parent, err := d.Lookup.Comment(ctx, accountOf(c), c.ParentComment())
			if err != nil {
				v.ParentError = lookup.Words(err)
				return nil
			}
			v.Parent = &parent
			return nil
		})
	}
	_ = group.Wait() // each has its own error
	return v
}

func accountOf(c privatereply.Comment) privatereply.Account {
	return privatereply.Account{Platform: c.Platform, ID: c.Account}
}

// postPart answers with what the comment stands under, alone.
func (d *Desk) postPart(w http.ResponseWriter, r *http.Request) {
	s, err := d.Replies.Status(r.Context(), r.PathValue("id"))
	if err != nil || d.Lookup == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	d.render(w, http.StatusOK, "reply", "post", d.post(r.Context(), r.PathValue("id"), s.Comment))
}

// isPicture reports whether an attachment of a comment is shown as a picture.
func isPicture(k privatereply.AttachmentKind) bool {
	return k == privatereply.Photo || k == privatereply.Sticker || k == privatereply.GIF
}

var errNoPicture = errors.New("there is no such picture")

// picture passes on the picture of a reply's post, comment or parent. Where it is comes of
// what Meta says, never of the request.
func (d *Desk) picture(w http.ResponseWriter, r *http.Request) {
	d.passOn(w, r, func(ctx context.Context, s workflows.PrivateReplyStatus) (string, error) {
		switch c := s.Comment; r.PathValue("what") {
		case "post":
			post, err := d.Lookup.Post(ctx, c)
			return post.PictureURL, err
		case "comment":
			return d.commentPicture(ctx, c)
		case "parent":
			parent, err := d.Lookup.Comment(ctx, accountOf(c), c.ParentComment())
			return parent.Attachment.PictureURL, err
		}
		return "", errNoPicture
	})
}

// commentPicture is the address of the picture that a comment carries. Meta's addresses end
// within days, so it is asked for a new one; that of the webhook is the second choice.
func (d *Desk) commentPicture(ctx context.Context, c privatereply.Comment) (string, error) {
	known := ""
	if c.Attachment.Kind != privatereply.Video {
		known = c.Attachment.URL
	}
	if c.PostID != "" {
		post, err := d.Lookup.Post(ctx, c)
		if err != nil || post.PictureURL == "" {
			return known, nil
		}
		return post.PictureURL, nil
	}
	comment, err := d.Lookup.Comment(ctx, accountOf(c), c.CommentID)
	if err != nil || comment.Attachment.PictureURL == "" {
		return known, nil
	}
	return comment.Attachment.PictureURL, nil
}

// messagePicture passes on a picture of the conversation.
func (d *Desk) messagePicture(w http.ResponseWriter, r *http.Request) {
	d.passOn(w, r, func(ctx context.Context, s workflows.PrivateReplyStatus) (string, error) {
		with, ok := d.partner(r.PathValue("id"), s)
		if !ok {
			return "", errNoPicture
		}
		thread, err := d.Lookup.Thread(ctx, with.account, with.person)
		if err != nil {
			return "", err
		}
		index, err := strconv.Atoi(r.PathValue("index"))
		if err != nil || index < 0 {
			return "", errNoPicture
		}
		if address := pictureOf(thread, r.PathValue("message"), index); address != "" {
			return address, nil
		}
		// The list of conversations may have a message that the thread, read seconds before, has not.
		latest, err := d.Lookup.LatestThreads(ctx, with.account)
		for _, t := range latest {
			if t.PersonID == with.person {
				return pictureOf(t, r.PathValue("message"), index), err
			}
		}
		return "", err
	})
}

// pictureOf is the address of a picture in a message, or empty.
func pictureOf(t lookup.Thread, message string, index int) string {
	for _, m := range t.Messages {
		if m.ID == message && index < len(m.Attachments) {
			return m.Attachments[index].PictureURL
		}
	}
	return ""
}

// passOn fetches the picture at the address that find gives and sends it on.
func (d *Desk) passOn(w http.ResponseWriter, r *http.Request, find func(context.Context, workflows.PrivateReplyStatus) (string, error)) {
	s, err := d.Replies.Status(r.Context(), r.PathValue("id"))
	if err != nil {
		http.Error(w, "There is no such reply.", http.StatusNotFound)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), lookupPatience)
	defer cancel()
	address, err := find(ctx, s)
	if err == nil && address == "" {
		err = errNoPicture
	}
	if err != nil {
		words := sentence(err.Error())
		if !errors.Is(err, errNoPicture) {
			words = lookup.Words(err)
		}
		http.Error(w, words, http.StatusNotFound)
		return
	}
	kind, picture, err := d.pictures.fetch(ctx, address, maxPicture)
	if err != nil {
		http.Error(w, sentence(err.Error()), http.StatusNotFound)
		return
	}
	writePicture(w, kind, picture)
}
