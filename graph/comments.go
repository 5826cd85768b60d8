package graph

import (
	"context"
	"time"
)

// Comment is a comment as a list shows it.
type Comment struct {
	ID                string
	ParentID          string // the comment that this one answers
	PersonID          string // empty without the permission to see it
	Username          string
	Text              string
	CreatedAt         time.Time // UTC; zero if Meta did not say
	CanReplyPrivately *bool     // Facebook only; nil if Meta did not say
	Replies           []Comment // Instagram only; Facebook lists them among the comments
	RepliesAfter      string    // continues Replies with Client.Replies; empty at the end
}

// CommentPage is one page of comments.
type CommentPage struct {
	Comments []Comment
	After    string // asks for the next page; empty at the end
	Usage    Usage
}

// Sizes of a page. Meta takes 50 for Instagram's comments; the others keep an
// answer, with what is nested in it, well inside the time of one call.
const (
	commentsPerPage = "50"
	postsPerPage    = "25"
	mediaPerPage    = "25"
)

const (
	facebookComment  = "id,message,created_time,from,parent,can_reply_privately"
	instagramComment = "id,text,timestamp,username,from,parent_id"
)

// PostComments reads a page of the comments of a Page's post, replies to comments
// among them, from the cursor after on.
func (c *Client) PostComments(ctx context.Context, cred Credentials, postID, after string) (CommentPage, error) {
	q := fields(facebookComment, commentsPerPage, after)
	q.Set("filter", "stream") // without it only the comments of the first level
	return c.comments(ctx, cred, call{op: "list a post's comments", path: []string{postID, "comments"}, query: q})
}

// MediaComments reads a page of the comments of an Instagram media, each with the
// first of its replies, from the cursor after on. Comments on ads and on live
// broadcasts are not in it.
func (c *Client) MediaComments(ctx context.Context, cred Credentials, mediaID, after string) (CommentPage, error) {
	q := fields(instagramComment+",replies{"+instagramComment+"}", commentsPerPage, after)
	return c.comments(ctx, cred, call{op: "list a media's comments", path: []string{mediaID, "comments"}, query: q})
}

// Replies reads a page of the replies to an Instagram comment, from the cursor
// after on.
func (c *Client) Replies(ctx context.Context, cred Credentials, commentID, after string) (CommentPage, error) {
	q := fields(instagramComment, commentsPerPage, after)
	return c.comments(ctx, cred, call{op: "list a comment's replies", path: []string{commentID, "replies"}, query: q})
}

func (c *Client) comments(ctx context.Context, cred Credentials, k call) (CommentPage, error) {
	nodes, after, usage, err := list[commentNode](ctx, c, cred, k)
	if err != nil {
		return CommentPage{}, err
	}
	return CommentPage{Comments: commentsOf(nodes), After: after, Usage: usage}, nil
}

// commentNode is a comment of either platform.
type commentNode struct {
	ID        str                `json:"id"`
	Message   str                `json:"message"` // Facebook
	Text      str                `json:"text"`    // Instagram
	Created   instant            `json:"created_time"`
	Timestamp instant            `json:"timestamp"`
	From      person             `json:"from"`
	Username  str                `json:"username"`
	Parent    node               `json:"parent"`
	ParentID  str                `json:"parent_id"`
	CanReply  *bool              `json:"can_reply_privately"`
	Replies   *page[commentNode] `json:"replies"`
}

type node struct {
	ID str `json:"id"`
}

type person struct {
	ID       str `json:"id"`
	Name     str `json:"name"`
	Username str `json:"username"`
}

func (p person) name() string { return first(p.Username, p.Name) }

func first(a, b str) string {
	if a != "" {
		return string(a)
	}
	return string(b)
}

func commentsOf(nodes []commentNode) []Comment {
	comments := make([]Comment, len(nodes))
	for i, n := range nodes {
		comments[i] = Comment{
			ID:                string(n.ID),
			ParentID:          first(n.ParentID, n.Parent.ID),
			PersonID:          string(n.From.ID),
			Username:          first(str(n.From.name()), n.Username),
			Text:              first(n.Message, n.Text),
			CreatedAt:         n.Created.or(n.Timestamp),
			CanReplyPrivately: n.CanReply,
		}
		if n.Replies != nil {
			comments[i].Replies = commentsOf(n.Replies.Data)
			comments[i].RepliesAfter = n.Replies.after()
		}
	}
	return comments
}
