package feed

import (
	"context"
	"iter"
	"slices"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/graph"
)

// Comments reads what was written under post: comments, and the replies to them,
// which name their parent. The sequence ends after its first error.
//
// Where Meta lists comments with the newest first, reading stops at a page of which
// all are older than since; zero reads to the end. On Instagram a reply stands under
// its parent, so a new reply to a comment from before since can be missed.
func (r Reader) Comments(ctx context.Context, post Post, since time.Time) iter.Seq2[Comment, error] {
	return func(yield func(Comment, error) bool) {
		for page, err := range r.commentPages(ctx, post) {
			if err != nil {
				yield(Comment{}, err)
				return
			}
			for _, c := range page {
				if !r.thread(ctx, post, c, yield) {
					return
				}
			}
			if allBefore(page, since) {
				return
			}
		}
	}
}

// commentPages reads the pages of a post's comments: the first may have come with
// the post.
func (r Reader) commentPages(ctx context.Context, post Post) iter.Seq2[[]graph.Comment, error] {
	return func(yield func([]graph.Comment, error) bool) {
		if !post.listed && !yield(post.first, nil) {
			return
		}
		for after, more := post.after, post.listed || post.after != ""; more; more = after != "" {
			page, err := r.commentPage(ctx, post, after)
			if !yield(page.Comments, err) || err != nil {
				return
			}
			after = page.After
		}
	}
}

func (r Reader) commentPage(ctx context.Context, post Post, after string) (graph.CommentPage, error) {
	if err := r.before(); err != nil {
		return graph.CommentPage{}, err
	}
	if r.Credentials.Account.Platform == privatereply.Instagram {
		return r.Graph.MediaComments(ctx, r.Credentials, post.ID, after)
	}
	return r.Graph.PostComments(ctx, r.Credentials, post.ID, after)
}

// thread gives a comment and the replies under it. It reports whether to go on.
func (r Reader) thread(ctx context.Context, post Post, c graph.Comment, yield func(Comment, error) bool) bool {
	if !yield(r.comment(post, c), nil) {
		return false
	}
	replies, after := c.Replies, c.RepliesAfter
	for {
		for _, reply := range replies {
			if reply.ParentID == "" {
				reply.ParentID = c.ID
			}
			if !yield(r.comment(post, reply), nil) {
				return false
			}
		}
		if after == "" {
			return true
		}
		page, err := r.replies(ctx, c.ID, after)
		if err != nil {
			yield(Comment{}, err)
			return false
		}
		replies, after = page.Comments, page.After
	}
}

func (r Reader) replies(ctx context.Context, commentID, after string) (graph.CommentPage, error) {
	if err := r.before(); err != nil {
		return graph.CommentPage{}, err
	}
	return r.Graph.Replies(ctx, r.Credentials, commentID, after)
}

// allBefore reports whether every comment is older than since, and what follows
// must be older still: the page stands in order, with the newest first.
func allBefore(page []graph.Comment, since time.Time) bool {
	if len(page) < 2 || !page[0].CreatedAt.Before(since) {
		return false
	}
	newestFirst := func(a, b graph.Comment) int { return b.CreatedAt.Compare(a.CreatedAt) }
	first, last := page[0].CreatedAt, page[len(page)-1].CreatedAt
	return !last.IsZero() && first.After(last) && slices.IsSortedFunc(page, newestFirst)
}
