package graph

import (
	"context"
	"time"

	"github.com/privatereply/privatereply"
)

// CommentInfo is what Meta says of one comment or visitor post.
type CommentInfo struct {
	CreatedAt         time.Time // UTC; zero if Meta did not say
	CanReplyPrivately *bool     // Facebook only; nil if Meta did not say
	Usage             Usage
}

// Comment looks up a comment, or a visitor's post, by its id. It asks for the least
// that can decide something, because each further field can need a permission.
func (c *Client) Comment(ctx context.Context, cred Credentials, id string) (CommentInfo, error) {
	names := "can_reply_privately,created_time"
	if cred.Account.Platform == privatereply.Instagram {
		names = "timestamp"
	}
	var n struct {
		Created   instant `json:"created_time"`
		Timestamp instant `json:"timestamp"`
		CanReply  *bool   `json:"can_reply_privately"`
	}
	a, err := c.readNode(ctx, cred, "look up a comment", id, names, &n)
	if err != nil {
		return CommentInfo{}, err
	}
	return CommentInfo{CreatedAt: n.Created.or(n.Timestamp), CanReplyPrivately: n.CanReply, Usage: a.usage()}, nil
}
