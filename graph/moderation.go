package graph

import (
	"context"
	"encoding/json"
	"net/url"
	"strconv"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/metajson"
)

// CommentReply is Meta's confirmation that it took a public reply.
type CommentReply struct {
	ID     string    // of the new comment
	SentAt time.Time // just before the request was written, UTC
	Usage  Usage
}

// ReplyToComment answers a comment in public, with one request. Both platforms take
// replies to comments of the first level only: the caller names the comment above a reply.
// Meta does not guard it: repeat it only after an Error whose MayHaveDelivered is false.
func (c *Client) ReplyToComment(ctx context.Context, cred Credentials, commentID, text string) (CommentReply, error) {
	// No "fields" parameter: with one Meta creates the comment and answers 20/1772107.
	a, err := c.call(ctx, cred, call{
		op: "public reply", path: []string{commentID, repliesEdge(cred.Account)},
		form: url.Values{"message": {text}}, limit: nodeLimit,
	})
	if err != nil {
		return CommentReply{}, err
	}
	var made object
	if json.Unmarshal(a.body, &made) != nil || made.ID == "" {
		return CommentReply{}, a.unreadable("the answer is a success without a comment id")
	}
	return CommentReply{ID: string(made.ID), SentAt: a.sentAt(), Usage: a.usage()}, nil
}

// repliesEdge is the edge of a comment with the replies to it.
func repliesEdge(account privatereply.Account) string {
	if account.Platform == privatereply.Instagram {
		return "replies"
	}
	return "comments"
}

// facebookReplies are the fields of a reply to a Facebook comment, from most to least.
var facebookReplies = []string{"id,message,created_time,from,parent", "id,message,created_time,from", "id,message,created_time"}

// CommentReplies reads a page of the replies to a comment of either platform, from after
// on. Where Meta refuses a field to the token they come without it, and then perhaps
// without their authors.
func (c *Client) CommentReplies(ctx context.Context, cred Credentials, commentID, after string) (CommentPage, error) {
	fields := instagramFields(false)
	if cred.Account.Platform != privatereply.Instagram {
		fields = nil
		for _, names := range facebookReplies {
			fields = append(fields, sameFields(names)...)
		}
	}
	return c.comments(ctx, cred, call{op: "list a comment's replies", path: []string{commentID, repliesEdge(cred.Account)}},
		pageRequest{fields: fields, sizes: commentSizes, after: after})
}

// SetCommentHidden hides a comment from everybody but its author, or shows it again. A
// repeat changes nothing. Meta hides neither the account's own comments nor, on Instagram,
// those on a live broadcast.
func (c *Client) SetCommentHidden(ctx context.Context, cred Credentials, commentID string, hidden bool) (SendResult, error) {
	op, name := "hide a comment", "is_hidden"
	if !hidden {
		op = "show a comment again"
	}
	if cred.Account.Platform == privatereply.Instagram {
		name = "hide"
	}
	a, err := c.call(ctx, cred, call{op: op, path: []string{commentID}, form: url.Values{name: {strconv.FormatBool(hidden)}}, limit: nodeLimit})
	if err != nil {
		return SendResult{}, err
	}
	var done struct {
		Success metajson.Bool `json:"success"`
	}
	if json.Unmarshal(a.body, &done) != nil || done.Success != metajson.True {
		return SendResult{}, a.unreadable("the answer does not say that it was done")
	}
	return SendResult{SentAt: a.sentAt(), Usage: a.usage()}, nil
}
