package graph

import (
	"context"
	"strconv"
	"time"
)

// FeedQuery says which page of a Page's feed to read.
type FeedQuery struct {
	// Since leaves out older posts, not older comments: a post of last month can
	// have a comment of today. Zero leaves out nothing.
	Since time.Time
	After string // the cursor of the page before; empty for the first
}

// Post is a post on a Page: the Page's own, or a visitor's.
type Post struct {
	ID                string
	PersonID          string // who wrote it; empty without the permission to see it
	Username          string
	Text              string
	CreatedAt         time.Time // UTC; zero if Meta did not say
	CanReplyPrivately *bool     // nil if Meta did not say
	Comments          []Comment // the first of them, replies to comments among them
	CommentsAfter     string    // continues Comments with Client.PostComments; empty at the end
}

// FeedPage is one page of a feed.
type FeedPage struct {
	Posts []Post
	After string // asks for the next page; empty at the end. Not for keeping long
	Usage Usage
}

// Feed reads one page of the feed of a Facebook Page, newest posts first.
func (c *Client) Feed(ctx context.Context, cred Credentials, q FeedQuery) (FeedPage, error) {
	query := fields("id,message,created_time,from,can_reply_privately,"+
		"comments.filter(stream).limit("+commentsPerPage+"){"+facebookComment+"}", postsPerPage, q.After)
	if !q.Since.IsZero() {
		query.Set("since", strconv.FormatInt(q.Since.Unix(), 10))
	}
	nodes, after, usage, err := list[postNode](ctx, c, cred, call{
		op: "read the feed", path: []string{cred.Account.SendNode(), "feed"}, query: query,
	})
	if err != nil {
		return FeedPage{}, err
	}
	posts := make([]Post, len(nodes))
	for i, n := range nodes {
		posts[i] = Post{
			ID:                string(n.ID),
			PersonID:          string(n.From.ID),
			Username:          n.From.name(),
			Text:              string(n.Message),
			CreatedAt:         n.Created.Time,
			CanReplyPrivately: n.CanReply,
			Comments:          commentsOf(n.Comments.Data),
			CommentsAfter:     n.Comments.after(),
		}
	}
	return FeedPage{Posts: posts, After: after, Usage: usage}, nil
}

type postNode struct {
	ID       str               `json:"id"`
	Message  str               `json:"message"`
	Created  instant           `json:"created_time"`
	From     person            `json:"from"`
	CanReply *bool             `json:"can_reply_privately"`
	Comments page[commentNode] `json:"comments"`
}
