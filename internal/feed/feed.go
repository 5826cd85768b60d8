// Package feed reads an account's posts and the comments under them, in one form for both
// platforms: a Page's feed with its visitors' posts,
// comments and replies to comments, and an Instagram account's media with theirs.
//
// Meta lists neither the comments on ads nor, once it is over, those on a live
// broadcast. Only webhooks bring them.
package feed

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/graph"
)

// Reader reads the posts and comments of one account.
type Reader struct {
	Graph       *graph.Client
	Credentials graph.Credentials
	// BeforeRequest is called before each request to Meta, if it is set; an error ends the
	// reading.
	BeforeRequest func() error
	// Warn is called, if it is set, with each reason why a list is shorter than it should
	// be: a message and pairs of names and values.
	Warn func(message string, values ...any)
	// Username is the account's own name on Instagram. Where it is needed and empty,
	// Meta is asked for it once for each page of posts.
	Username string
}

// Post is a post of the account, or one that a visitor wrote on a Page.
type Post struct {
	ID        string              `json:"id"`
	Source    privatereply.Source `json:"source"`
	PersonID  string              `json:"person_id,omitempty"` // who wrote it, if Meta says so
	Username  string              `json:"username,omitempty"`
	Text      string              `json:"text,omitempty"` // Facebook only
	CreatedAt time.Time           `json:"created_at,omitzero"`

	// Visitor is set on a visitor's post: what a private reply to it needs.
	Visitor *Comment `json:"-"`

	firstComments     []graph.Comment // Facebook sends them with the post
	commentsCursor    string          // continues first; empty at the end
	commentsOnRequest bool            // Instagram lists them on request only
	accountName       *accountName    // shared by the posts of a page
}

// Comment is a comment, or a visitor's post, as Meta lists it.
type Comment struct {
	privatereply.Comment
	CanReplyPrivately *bool `json:"can_reply_privately,omitempty"` // Facebook only; nil if Meta did not say
	Own               bool  `json:"own,omitempty"`                 // the account itself wrote it
}

// Page is one page of posts, newest first. It can be empty and yet not the last.
type Page struct {
	Posts []Post
	Next  string // the cursor of the next page, valid for a short time; empty at the end
}

// Posts reads one page of posts; after is the Next of the page before, or empty. On
// Facebook posts from before since are left out; on Instagram Meta cannot do that.
//
// Meta's pages sometimes repeat in a circle. So Next carries a digest of each page that was
// read, and a page with a known digest is the end.
func (r Reader) Posts(ctx context.Context, after string, since time.Time) (Page, error) {
	cursor, digests, _ := strings.Cut(after, " ")
	posts, next, err := r.readPosts(r.withBeforeRequest(ctx), cursor, since)
	if err != nil || next == "" {
		return Page{Posts: posts}, err
	}
	digest := pageDigest(posts, cursor)
	if slices.Contains(strings.Fields(digests), digest) {
		r.warn("Meta lists the same posts again: the list ends here", "account", r.Credentials.Account.ID)
		return Page{}, nil
	}
	all := append(strings.Fields(digests), digest)
	return Page{Posts: posts, Next: next + " " + strings.Join(all[max(0, len(all)-maxDigests):], " ")}, nil
}

// maxDigests bounds the digests in a cursor: a circle repeats the newest pages too.
const maxDigests = 200

// pageDigest identifies a page by its posts, or an empty page by its cursor.
func pageDigest(posts []Post, cursor string) string {
	ids := []string{cursor}
	if len(posts) > 0 {
		ids = nil
	}
	for _, p := range posts {
		ids = append(ids, p.ID)
	}
	sum := sha256.Sum256([]byte(strings.Join(ids, " ")))
	return hex.EncodeToString(sum[:8])
}

func (r Reader) readPosts(ctx context.Context, cursor string, since time.Time) (posts []Post, next string, err error) {
	own := &accountName{}
	if r.Credentials.Account.Platform == privatereply.Instagram {
		posts, next, err = r.mediaPosts(ctx, cursor)
	} else {
		posts, next, err = r.feedPosts(ctx, cursor, since)
	}
	for i := range posts {
		posts[i].accountName = own
	}
	return posts, next, err
}

func (r Reader) feedPosts(ctx context.Context, cursor string, since time.Time) (posts []Post, next string, err error) {
	feed, err := r.Graph.Feed(ctx, r.Credentials, graph.FeedQuery{Since: since, After: cursor})
	if err != nil {
		return nil, "", err
	}
	posts = make([]Post, len(feed.Posts))
	for i, p := range feed.Posts {
		posts[i] = r.facebookPost(p)
	}
	return posts, feed.After, nil
}

// facebookPost takes a post for a visitor's if somebody else wrote it. Where Meta
// does not say who, it is one if it can be answered: a Page's own post cannot.
// Meta does not say which posts are reels.
func (r Reader) facebookPost(p graph.Post) Post {
	post := Post{
		ID: p.ID, Source: privatereply.SourcePost, PersonID: p.PersonID, Username: p.Username, Text: p.Text,
		CreatedAt: p.CreatedAt, firstComments: p.Comments, commentsCursor: p.CommentsAfter,
	}
	own := r.Credentials.Account.IsSelf(p.PersonID)
	if p.PersonID == "" {
		own = p.CanReplyPrivately == nil || !*p.CanReplyPrivately
	}
	switch {
	case own && isUnpublishedAd(p):
		post.Source = privatereply.SourceAd
		return post
	case own:
		return post
	}
	post.Source = privatereply.SourceVisitorPost
	c := r.comment(post, graph.Comment{PersonID: p.PersonID, Username: p.Username, Text: p.Text, CreatedAt: p.CreatedAt})
	c.PostID, c.CanReplyPrivately = p.ID, p.CanReplyPrivately
	post.Visitor = &c
	return post
}

// isUnpublishedAd reports whether p is an advertisement that is in no feed. A post
// that is in the feed and promoted as well is a post; where Meta does not say, it is
// one too.
func isUnpublishedAd(p graph.Post) bool {
	switch strings.ToLower(p.PromotionStatus) {
	case "", "inactive", "ineligible":
		return false
	}
	return p.Published != nil && !*p.Published
}

func (r Reader) mediaPosts(ctx context.Context, cursor string) (posts []Post, next string, err error) {
	media, err := r.Graph.Media(ctx, r.Credentials, cursor)
	if err != nil {
		return nil, "", err
	}
	posts = make([]Post, len(media.Media))
	for i, m := range media.Media {
		posts[i] = Post{
			ID: m.ID, Source: instagramSource(m.ProductType), CreatedAt: m.CreatedAt,
			// Meta takes no private reply to a comment on IGTV, nor on a live that is over.
			commentsOnRequest: m.Comments != 0 && m.ProductType != "IGTV" && m.ProductType != "LIVE",
		}
	}
	return posts, media.After, nil
}

// instagramSource reads Instagram's media_product_type.
func instagramSource(product string) privatereply.Source {
	return cmp.Or(map[string]privatereply.Source{
		"FEED":  privatereply.SourcePost,
		"REELS": privatereply.SourceReel,
		"STORY": privatereply.SourceStory,
		"AD":    privatereply.SourceAd,
	}[product], privatereply.SourceOther)
}

// comment is c under post.
func (r Reader) comment(post Post, c graph.Comment) Comment {
	account := r.Credentials.Account
	return Comment{
		Comment: privatereply.Comment{
			Platform: account.Platform, Account: account.ID, CommentID: c.ID, ParentID: c.ParentID,
			MediaID: post.ID, Source: post.Source, PersonID: c.PersonID, Username: c.Username,
			Text: c.Text, Attachment: c.Attachment, CreatedAt: c.CreatedAt,
		},
		CanReplyPrivately: c.CanReplyPrivately,
	}
}

// accountName is an account's own name on Instagram, once it is known.
type accountName struct {
	known bool
	name  string
}

// isOwn reports whether the account itself wrote c. Instagram names the author in
// "from", in "user", which it shows of the account's own comments only, or by nothing
// but the name.
func (r Reader) isOwn(ctx context.Context, post Post, c graph.Comment) (bool, error) {
	switch account := r.Credentials.Account; {
	case account.IsSelf(c.PersonID) || account.IsSelf(c.UserID):
		return true, nil
	case c.PersonID != "" || account.Platform != privatereply.Instagram:
		return false, nil
	case c.UserID != "":
		return true, nil
	case c.Username == "":
		return false, nil
	}
	name, err := r.accountName(ctx, post.accountName)
	return name != "" && strings.EqualFold(name, c.Username), err
}

// accountName asks for the account's name. A token without the permission for it does not
// stop the reading.
func (r Reader) accountName(ctx context.Context, own *accountName) (string, error) {
	switch {
	case r.Username != "":
		return r.Username, nil
	case own.known:
		return own.name, nil
	}
	name, err := r.Graph.Username(ctx, r.Credentials)
	var refused *graph.Error
	if errors.As(err, &refused) && (refused.Class == graph.AccountFault || refused.Class == graph.Final || refused.Class == graph.Unlisted) {
		r.warn("the account's own name is not known: its own comments may be taken for others'", "account", r.Credentials.Account.ID, "error", err)
		err = nil
	}
	own.known, own.name = err == nil, name
	return name, err
}

// withBeforeRequest makes graph call BeforeRequest before each request.
func (r Reader) withBeforeRequest(ctx context.Context) context.Context {
	if r.BeforeRequest == nil {
		return ctx
	}
	return graph.WithBeforeRequest(ctx, func(context.Context) error { return r.BeforeRequest() })
}

func (r Reader) warn(message string, values ...any) {
	if r.Warn != nil {
		r.Warn(message, values...)
	}
}

// Comments reads what was written under post: comments, and the replies to them,
// which name their parent. The sequence ends after its first error.
//
// Where Meta lists comments with the newest first, reading stops at a page of which
// all are older than since; zero reads to the end. On Instagram a reply is listed
// under its parent, so a new reply to a comment from before since can be missed.
func (r Reader) Comments(ctx context.Context, post Post, since time.Time) iter.Seq2[Comment, error] {
	ctx = r.withBeforeRequest(ctx)
	if post.accountName == nil {
		post.accountName = &accountName{}
	}
	list := commentList{
		first: post.firstComments, cursor: post.commentsCursor, onRequest: post.commentsOnRequest,
		page: func(after string) (graph.CommentPage, error) { return r.commentPage(ctx, post, after) },
		name: "comments", of: []any{"post", post.ID},
	}
	return func(yield func(Comment, error) bool) {
		for page, err := range r.pages(list) {
			if err != nil {
				yield(Comment{}, err)
				return
			}
			for _, c := range page.unseen {
				if !r.yieldThread(ctx, post, c, yield) {
					return
				}
			}
			if allOlderThan(page.all, since) {
				return
			}
		}
	}
}

func (r Reader) commentPage(ctx context.Context, post Post, after string) (graph.CommentPage, error) {
	if r.Credentials.Account.Platform == privatereply.Instagram {
		return r.Graph.MediaComments(ctx, r.Credentials, post.ID, after)
	}
	return r.Graph.PostComments(ctx, r.Credentials, post.ID, after)
}

// yieldThread yields a comment and the replies under it. It reports whether to continue.
func (r Reader) yieldThread(ctx context.Context, post Post, c graph.Comment, yield func(Comment, error) bool) bool {
	if !r.yieldComment(ctx, post, c, yield) {
		return false
	}
	list := commentList{
		first: c.Replies, cursor: c.RepliesAfter,
		page: func(after string) (graph.CommentPage, error) {
			return r.Graph.Replies(ctx, r.Credentials, c.ID, after)
		},
		name: "replies", of: []any{"comment", c.ID},
	}
	for page, err := range r.pages(list) {
		if err != nil {
			yield(Comment{}, err)
			return false
		}
		for _, reply := range page.unseen {
			if reply.ParentID == "" {
				reply.ParentID = c.ID
			}
			if !r.yieldComment(ctx, post, reply, yield) {
				return false
			}
		}
	}
	return true
}

// commentList is one list of comments, whose pages Meta gives on request.
type commentList struct {
	first     []graph.Comment // came with the object above
	cursor    string          // of the page after first; empty if there is none
	onRequest bool            // there is no first page
	page      func(cursor string) (graph.CommentPage, error)
	name      string // for warnings
	of        []any  // for warnings: name and id of the object above
}

// commentPage is one page of a commentList.
type commentPage struct {
	all    []graph.Comment
	unseen []graph.Comment // those that no page before had
}

// pages reads a list page by page. The sequence ends after its first error, and with a
// warning where Meta's pages repeat in a circle: a cursor comes again, or a page has only
// comments of pages before. An empty page proves no circle.
func (r Reader) pages(list commentList) iter.Seq2[commentPage, error] {
	return func(yield func(commentPage, error) bool) {
		seen, asked := map[string]bool{}, map[string]bool{}
		// next yields a page and reports whether to continue.
		next := func(all []graph.Comment) bool {
			page := commentPage{all: all}
			for _, c := range all {
				if c.ID == "" || !seen[c.ID] {
					page.unseen = append(page.unseen, c)
					seen[c.ID] = true
				}
			}
			if len(all) > 0 && len(page.unseen) == 0 {
				r.warn("Meta lists the same "+list.name+" again: the list ends here", list.of...)
				return false
			}
			return yield(page, nil)
		}
		if !list.onRequest && !next(list.first) {
			return
		}
		for cursor, more := list.cursor, list.onRequest || list.cursor != ""; more; more = cursor != "" {
			if asked[cursor] {
				r.warn("Meta's pages of "+list.name+" lead in a circle: the list ends here", list.of...)
				return
			}
			asked[cursor] = true
			page, err := list.page(cursor)
			if err != nil {
				yield(commentPage{}, err)
				return
			}
			if !next(page.Comments) {
				return
			}
			cursor = page.After
		}
	}
}

// yieldComment yields one comment. It reports whether to continue.
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

// allOlderThan reports whether every comment is older than since, and what follows
// must be older still: the page is in order, with the newest first.
func allOlderThan(page []graph.Comment, since time.Time) bool {
	if len(page) < 2 || !page[0].CreatedAt.Before(since) {
		return false
	}
	newestFirst := func(a, b graph.Comment) int { return b.CreatedAt.Compare(a.CreatedAt) }
	first, last := page[0].CreatedAt, page[len(page)-1].CreatedAt
	return !last.IsZero() && first.After(last) && slices.IsSortedFunc(page, newestFirst)
}
