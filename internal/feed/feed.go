// Package feed reads an account's posts with everything that people wrote under
// them, in one form for both platforms: a Page's feed with its visitors' posts,
// comments and replies to comments, and an Instagram account's media with theirs.
//
// Meta lists neither the comments on ads nor, once it is over, those on a live
// broadcast. Only their webhooks tell of them.
package feed

import (
	"cmp"
	"context"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/graph"
)

// Reader reads for one account.
type Reader struct {
	Graph       *graph.Client
	Credentials graph.Credentials
	// Before is called before each request to Meta, if it is set; an error ends the
	// reading.
	Before func() error
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

	first  []graph.Comment // Facebook sends them with the post
	after  string          // continues first; empty at the end
	listed bool            // Instagram lists them on request only
}

// Comment is a comment, or a visitor's post, as Meta lists it.
type Comment struct {
	privatereply.Comment
	CanReplyPrivately *bool `json:"can_reply_privately,omitempty"` // Facebook only; nil if Meta did not say
}

// Page is one page of posts, newest first. It can be empty and yet not the last.
type Page struct {
	Posts []Post
	Next  string // asks for the next page; empty at the end. Not for keeping long
}

// Posts reads one page of posts, from the cursor after on. On Facebook posts from
// before since are left out; on Instagram Meta cannot do that.
func (r Reader) Posts(ctx context.Context, after string, since time.Time) (Page, error) {
	if err := r.before(); err != nil {
		return Page{}, err
	}
	if r.Credentials.Account.Platform == privatereply.Instagram {
		return r.media(ctx, after)
	}
	feed, err := r.Graph.Feed(ctx, r.Credentials, graph.FeedQuery{Since: since, After: after})
	if err != nil {
		return Page{}, err
	}
	posts := make([]Post, len(feed.Posts))
	for i, p := range feed.Posts {
		posts[i] = r.facebookPost(p)
	}
	return Page{Posts: posts, Next: feed.After}, nil
}

// facebookPost takes a post for a visitor's if somebody else wrote it. Where Meta
// does not say who, it is one if it can be answered: a Page's own post cannot.
// Meta does not say which posts are reels.
func (r Reader) facebookPost(p graph.Post) Post {
	post := Post{
		ID: p.ID, Source: privatereply.SourcePost, PersonID: p.PersonID, Username: p.Username, Text: p.Text,
		CreatedAt: p.CreatedAt, first: p.Comments, after: p.CommentsAfter,
	}
	own := r.Credentials.Account.IsSelf(p.PersonID)
	if p.PersonID == "" {
		own = p.CanReplyPrivately == nil || !*p.CanReplyPrivately
	}
	if own {
		return post
	}
	post.Source = privatereply.SourceVisitorPost
	c := r.comment(post, graph.Comment{PersonID: p.PersonID, Username: p.Username, Text: p.Text, CreatedAt: p.CreatedAt})
	c.PostID, c.CanReplyPrivately = p.ID, p.CanReplyPrivately
	post.Visitor = &c
	return post
}

func (r Reader) media(ctx context.Context, after string) (Page, error) {
	media, err := r.Graph.Media(ctx, r.Credentials, after)
	if err != nil {
		return Page{}, err
	}
	posts := make([]Post, len(media.Media))
	for i, m := range media.Media {
		posts[i] = Post{
			ID: m.ID, Source: sourceOf(m.ProductType), CreatedAt: m.CreatedAt,
			// Meta takes no private reply to a comment on IGTV, nor on a live that is over.
			listed: m.Comments != 0 && m.ProductType != "IGTV" && m.ProductType != "LIVE",
		}
	}
	return Page{Posts: posts, Next: media.After}, nil
}

// sourceOf reads Instagram's media_product_type.
func sourceOf(product string) privatereply.Source {
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
			Text: c.Text, CreatedAt: c.CreatedAt,
		},
		CanReplyPrivately: c.CanReplyPrivately,
	}
}

func (r Reader) before() error {
	if r.Before == nil {
		return nil
	}
	return r.Before()
}
