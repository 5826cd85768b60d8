package graph

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/metajson"
)

// Comment is a comment in a list of Meta's.
type Comment struct {
	ID                string
	ParentID          string // the comment that this one answers
	PersonID          string // its author; empty without the permission to see it
	UserID            string // Instagram only: set if the account itself is the author and Meta says so
	Username          string
	Text              string
	Attachment        privatereply.Attachment // Facebook only; zero if there is none
	CreatedAt         time.Time               // UTC; zero if Meta did not say
	CanReplyPrivately *bool                   // Facebook only; nil if Meta did not say
	Hidden            *bool                   // only from Client.CommentContent; nil if Meta did not say
	Replies           []Comment               // Instagram only; Facebook lists them among the comments
	RepliesAfter      string                  // continues Replies with Client.Replies; empty at the end
}

// CommentPage is one page of comments.
type CommentPage struct {
	Comments []Comment
	After    string // cursor of the next page; empty at the end
	Usage    Usage
}

// Items on a page, and the smaller numbers that are tried where Meta calls a page too
// large. Meta allows 50 of Instagram's comments; the others keep an answer, with the
// lists nested in it, well inside the timeout of one call.
var (
	postSizes    = []int{25, 10, 5, 1}
	nestedSizes  = []int{50, 25, 10, 5} // comments of each post on such a page
	commentSizes = []int{50, 25, 10, 5, 1}
	defaultSizes = []int{0, 10, 5, 1}
)

const (
	facebookCommentBasic = "id,message,created_time,from,parent,can_reply_privately"
	facebookComment      = facebookCommentBasic + ",attachment{type,url,media{image{src},source}}"
)

// instagramComments are the fields of a comment, from most to least. Meta gives "user"
// only of the account's own comments, and refuses "from" to some tokens.
var instagramComments = []string{
	"id,text,timestamp,username,from,user,parent_id",
	"id,text,timestamp,username,from,parent_id",
	"id,text,timestamp,username,parent_id",
}

// instagramFields are the fields of comments; with replies also the first replies of
// each, fewer on a smaller page.
func instagramFields(replies bool) []func(size int) string {
	fields := make([]func(int) string, len(instagramComments))
	for i, names := range instagramComments {
		fields[i] = func(size int) string {
			switch {
			case !replies:
				return names
			case size == 0:
				return names + ",replies{" + names + "}"
			}
			return fmt.Sprintf("%s,replies.limit(%d){%s}", names, min(10, commentSizes[size]), names)
		}
	}
	return fields
}

// PostComments reads a page of the comments of a Page's post, replies to comments
// among them, from after on.
func (c *Client) PostComments(ctx context.Context, cred Credentials, postID, after string) (CommentPage, error) {
	return c.comments(ctx, cred, call{
		op: "list a post's comments", path: []string{postID, "comments"},
		query: url.Values{"filter": {"stream"}}, // without it only the comments of the first level
	}, pageRequest{fields: append(sameFields(facebookComment), sameFields(facebookCommentBasic)...), sizes: commentSizes, after: after})
}

// MediaComments reads a page of the comments of an Instagram media, each with the
// first of its replies, from after on. Comments on ads and on live broadcasts are not
// in it.
func (c *Client) MediaComments(ctx context.Context, cred Credentials, mediaID, after string) (CommentPage, error) {
	return c.comments(ctx, cred, call{op: "list a media's comments", path: []string{mediaID, "comments"}},
		pageRequest{fields: instagramFields(true), sizes: commentSizes, after: after})
}

// Replies reads a page of the replies to an Instagram comment, from after on.
func (c *Client) Replies(ctx context.Context, cred Credentials, commentID, after string) (CommentPage, error) {
	return c.comments(ctx, cred, call{op: "list a comment's replies", path: []string{commentID, "replies"}},
		pageRequest{fields: instagramFields(false), sizes: commentSizes, after: after})
}

func (c *Client) comments(ctx context.Context, cred Credentials, k call, q pageRequest) (CommentPage, error) {
	p, usage, err := readPage[commentNode](ctx, c, cred, k, q)
	if err != nil {
		return CommentPage{}, err
	}
	return CommentPage{Comments: toComments(p.Data), After: p.after(), Usage: usage}, nil
}

// commentNode is a comment of either platform.
type commentNode struct {
	ID        metajson.String    `json:"id"`
	Message   metajson.String    `json:"message"` // Facebook
	Text      metajson.String    `json:"text"`    // Instagram
	Created   metajson.Time      `json:"created_time"`
	Timestamp metajson.Time      `json:"timestamp"`
	From      profile            `json:"from"`
	User      user               `json:"user"`
	Username  metajson.String    `json:"username"`
	Attached  attachment         `json:"attachment"`
	Parent    object             `json:"parent"`
	ParentID  metajson.String    `json:"parent_id"`
	CanReply  *bool              `json:"can_reply_privately"`
	Hidden    *bool              `json:"hidden"`    // Instagram
	IsHidden  *bool              `json:"is_hidden"` // Facebook
	Replies   *page[commentNode] `json:"replies"`
}

type object struct {
	ID metajson.String `json:"id"`
}

type profile struct {
	ID       metajson.String `json:"id"`
	Name     metajson.String `json:"name"`
	Username metajson.String `json:"username"`
}

func (p profile) name() string { return string(cmp.Or(p.Username, p.Name)) }

// user is an Instagram user: an id, or an object that has one.
type user metajson.String

func (u *user) UnmarshalJSON(b []byte) error {
	var o object
	if b[0] == '{' {
		err := json.Unmarshal(b, &o)
		*u = user(o.ID)
		return err
	}
	return (*metajson.String)(u).UnmarshalJSON(b)
}

// attachment is a picture, video or link of a Facebook comment.
type attachment struct {
	Type  metajson.String `json:"type"`
	URL   metajson.String `json:"url"` // of its own page at Facebook
	Media struct {
		Image struct {
			Src metajson.String `json:"src"`
		} `json:"image"`
		Source metajson.String `json:"source"` // of a video
	} `json:"media"`
}

// attachmentKinds maps Facebook's types of attachments. A shared link has no kind.
var attachmentKinds = map[metajson.String]privatereply.AttachmentKind{
	"photo":                   privatereply.Photo,
	"video":                   privatereply.Video,
	"video_inline":            privatereply.Video,
	"video_autoplay":          privatereply.Video,
	"sticker":                 privatereply.Sticker,
	"animated_image_share":    privatereply.GIF,
	"animated_image_video":    privatereply.GIF,
	"animated_image_autoplay": privatereply.GIF,
}

func (a attachment) toDomain() privatereply.Attachment {
	kind, known := attachmentKinds[a.Type]
	if !known {
		return privatereply.Attachment{}
	}
	file := a.Media.Image.Src
	if kind == privatereply.Video {
		file = a.Media.Source
	}
	return privatereply.Attachment{Kind: kind, URL: string(cmp.Or(file, a.URL))}
}

func toComments(nodes []commentNode) []Comment {
	comments := make([]Comment, len(nodes))
	for i, n := range nodes {
		comments[i] = Comment{
			ID:                string(n.ID),
			ParentID:          string(cmp.Or(n.ParentID, n.Parent.ID)),
			PersonID:          string(n.From.ID),
			UserID:            string(n.User),
			Username:          cmp.Or(n.From.name(), string(n.Username)),
			Text:              string(cmp.Or(n.Message, n.Text)),
			Attachment:        n.Attached.toDomain(),
			CreatedAt:         cmp.Or(n.Created, n.Timestamp).Time,
			CanReplyPrivately: n.CanReply,
			Hidden:            cmp.Or(n.Hidden, n.IsHidden),
		}
		if n.Replies != nil {
			comments[i].Replies = toComments(n.Replies.Data)
			comments[i].RepliesAfter = n.Replies.after()
		}
	}
	return comments
}

// CommentInfo is the answer about one comment or visitor post.
type CommentInfo struct {
	CreatedAt         time.Time // UTC; zero if Meta did not say
	CanReplyPrivately *bool     // Facebook only; nil if Meta did not say
	Usage             Usage
}

// Comment reads a comment, or a visitor's post, by its id. It asks for few fields,
// because each further one can need a permission.
func (c *Client) Comment(ctx context.Context, cred Credentials, id string) (CommentInfo, error) {
	names := "can_reply_privately,created_time"
	if cred.Account.Platform == privatereply.Instagram {
		names = "timestamp"
	}
	var n struct {
		Created   metajson.Time `json:"created_time"`
		Timestamp metajson.Time `json:"timestamp"`
		CanReply  *bool         `json:"can_reply_privately"`
	}
	a, err := c.readNode(ctx, cred, "look up a comment", id, names, &n)
	if err != nil {
		return CommentInfo{}, err
	}
	return CommentInfo{CreatedAt: cmp.Or(n.Created, n.Timestamp).Time, CanReplyPrivately: n.CanReply, Usage: a.usage()}, nil
}
