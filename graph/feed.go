package graph

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"time"
)

// FeedQuery says which page of a Page's feed to read.
type FeedQuery struct {
	// Since leaves out older posts, not older comments: a post of last month can
	// have a comment of today. Zero leaves out nothing.
	Since time.Time
	After string // the After of the page before; empty for the first
}

// Post is a post on a Page: the Page's own, or a visitor's.
type Post struct {
	ID                string
	PersonID          string // who wrote it; empty without the permission to see it
	Username          string
	Text              string
	CreatedAt         time.Time // UTC; zero if Meta did not say
	CanReplyPrivately *bool     // nil if Meta did not say
	Published         *bool     // false: it stands in no feed, as a post that is only an advertisement; nil if Meta did not say
	PromotionStatus   string    // active, inactive and others, as Meta writes it; empty if it did not say
	Comments          []Comment // the first of them, replies to comments among them
	CommentsAfter     string    // continues Comments with Client.PostComments; empty at the end
}

// FeedPage is one page of a feed.
type FeedPage struct {
	Posts []Post
	After string // asks for the next page; empty at the end. Not for keeping long
	Usage Usage
}

// postFields are what is asked for of a post; Meta does not tell every token whether
// one is promoted.
var postFields = []func(size int) string{
	func(size int) string {
		return "id,message,created_time,from,can_reply_privately,is_published,promotion_status," + nested(size, facebookComment)
	},
	func(size int) string {
		return "id,message,created_time,from,can_reply_privately," + nested(size, facebookComment)
	},
	func(size int) string {
		return "id,message,created_time,from,can_reply_privately," + nested(size, facebookCommentBasic)
	},
}

// nested asks for a post's first comments.
func nested(size int, comment string) string {
	return fmt.Sprintf("comments.filter(stream).limit(%d){%s}", nestedSizes[size], comment)
}

// Feed reads one page of the feed of a Facebook Page, newest posts first.
func (c *Client) Feed(ctx context.Context, cred Credentials, q FeedQuery) (FeedPage, error) {
	fixed := url.Values{}
	if !q.Since.IsZero() {
		fixed.Set("since", strconv.FormatInt(q.Since.Unix(), 10))
	}
	nodes, after, usage, err := readPage[postNode](ctx, c, cred,
		call{op: "read the feed", path: []string{cred.Account.SendNode(), "feed"}, query: fixed},
		pageRequest{fields: postFields, sizes: postSizes, after: q.After})
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
			Published:         n.Published,
			PromotionStatus:   string(n.Promotion),
			Comments:          toComments(n.Comments.Data),
			CommentsAfter:     n.Comments.after(),
		}
	}
	return FeedPage{Posts: posts, After: after, Usage: usage}, nil
}

type postNode struct {
	ID        str               `json:"id"`
	Message   str               `json:"message"`
	Created   instant           `json:"created_time"`
	From      profile           `json:"from"`
	CanReply  *bool             `json:"can_reply_privately"`
	Published *bool             `json:"is_published"`
	Promotion str               `json:"promotion_status"`
	Comments  page[commentNode] `json:"comments"`
}
