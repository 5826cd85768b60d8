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
	ctx = r.withBeforeRequest(ctx)
	if post.accountName == nil {
		post.accountName = &accountName{}
	}
	return func(yield func(Comment, error) bool) {
		seen := listed{}
		for page, err := range r.commentPages(ctx, post) {
			if err != nil {
				yield(Comment{}, err)
				return
			}
			fresh, circle := seen.sift(page)
			if circle {
				r.warn("Meta lists the same comments again: the list ends here", "post", post.ID)
				return
			}
			for _, c := range fresh {
				if !r.yieldThread(ctx, post, c, yield) {
					return
				}
			}
			if allOlderThan(page, since) {
				return
			}
		}
	}
}

// commentPages reads the pages of a post's comments: the first may have come with
// the post.
func (r Reader) commentPages(ctx context.Context, post Post) iter.Seq2[[]graph.Comment, error] {
	return func(yield func([]graph.Comment, error) bool) {
		if !post.commentsOnRequest && !yield(post.firstComments, nil) {
			return
		}
		asked := map[string]bool{}
		for after, more := post.commentsCursor, post.commentsOnRequest || post.commentsCursor != ""; more; more = after != "" {
			if asked[after] {
				r.warn("Meta's pages of comments lead in a circle: the list ends here", "post", post.ID)
				return
			}
			asked[after] = true
			page, err := r.commentPage(ctx, post, after)
			if !yield(page.Comments, err) || err != nil {
				return
			}
			after = page.After
		}
	}
}

func (r Reader) commentPage(ctx context.Context, post Post, after string) (graph.CommentPage, error) {
	if r.Credentials.Account.Platform == privatereply.Instagram {
		return r.Graph.MediaComments(ctx, r.Credentials, post.ID, after)
	}
	return r.Graph.PostComments(ctx, r.Credentials, post.ID, after)
}

// yieldThread gives a comment and the replies under it. It reports whether to go on.
func (r Reader) yieldThread(ctx context.Context, post Post, c graph.Comment, yield func(Comment, error) bool) bool {
	if !r.yieldComment(ctx, post, c, yield) {
		return false
	}
	seen, asked, replies, after := listed{}, map[string]bool{}, c.Replies, c.RepliesAfter
	for {
		fresh, circle := seen.sift(replies)
		if circle {
			r.warn("Meta lists the same replies again: the list ends here", "comment", c.ID)
			return true
		}
		for _, reply := range fresh {
			if reply.ParentID == "" {
				reply.ParentID = c.ID
			}
			if !r.yieldComment(ctx, post, reply, yield) {
				return false
			}
		}
		if after == "" {
			return true
		}
		if asked[after] {
			r.warn("Meta's pages of replies lead in a circle: the list ends here", "comment", c.ID)
			return true
		}
		asked[after] = true
		page, err := r.Graph.Replies(ctx, r.Credentials, c.ID, after)
		if err != nil {
			yield(Comment{}, err)
			return false
		}
		replies, after = page.Comments, page.After
	}
}

// yieldComment yields one comment. It reports whether to go on.
func (r Reader) yieldComment(ctx context.Context, post Post, c graph.Comment, yield func(Comment, error) bool) bool {
	own, err := r.isOwn(ctx, post, c)
	if err != nil {
		yield(Comment{}, err)
		return false
	}
	shown := r.comment(post, c)
	shown.Own = own
	return yield(shown, nil)
}

// commentsOnRequest remembers the comments that a list gave.
type listed map[string]bool

// sift gives the comments of a page that are new, and reports whether the list leads
// in a circle: there are some, and none is new. An empty page proves nothing.
func (l listed) sift(page []graph.Comment) (fresh []graph.Comment, circle bool) {
	for _, c := range page {
		if c.ID == "" || !l[c.ID] {
			fresh = append(fresh, c)
			l[c.ID] = true
		}
	}
	return fresh, len(page) > 0 && len(fresh) == 0
}

// allOlderThan reports whether every comment is older than since, and what follows
// must be older still: the page stands in order, with the newest first.
func allOlderThan(page []graph.Comment, since time.Time) bool {
	if len(page) < 2 || !page[0].CreatedAt.Before(since) {
		return false
	}
	newestFirst := func(a, b graph.Comment) int { return b.CreatedAt.Compare(a.CreatedAt) }
	first, last := page[0].CreatedAt, page[len(page)-1].CreatedAt
	return !last.IsZero() && first.After(last) && slices.IsSortedFunc(page, newestFirst)
}
