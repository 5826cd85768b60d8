package graph

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/privatereply/privatereply/internal/metajson"
)

// FeedQuery selects a page of a Page's feed.
type FeedQuery struct {
	// Since excludes older posts, not older comments: a post of last month can have a
	// comment of today. Zero excludes nothing.
	Since time.Time
	After string // the After of the page before; empty for the first
}

// Post is a post on a Page: the Page's own, or a visitor's.
type Post struct {
	ID                string
	PersonID          string // its author; empty without the permission to see it
	Username          string
	Text              string
	CreatedAt         time.Time // UTC; zero if Meta did not say
	CanReplyPrivately *bool     // nil if Meta did not say
	Published         *bool     // false: it is in no feed, as a post that is only an advertisement; nil if Meta did not say
	PromotionStatus   string    // active, inactive and others, as Meta writes it; empty if it did not say
	Comments          []Comment // the first of them, replies to comments among them
	CommentsAfter     string    // continues Comments with Client.PostComments; empty at the end
}

// FeedPage is one page of a feed.
type FeedPage struct {
	Posts []Post
	After string // cursor of the next page; empty at the end. It expires
	Usage Usage
}

// postFields are the fields of a post, from most to least: Meta refuses some tokens
// whether a post is promoted.
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

// nested is the field of a post's first comments.
func nested(size int, comment string) string {
	return fmt.Sprintf("comments.filter(stream).limit(%d){%s}", nestedSizes[size], comment)
}

// Feed reads one page of the feed of a Facebook Page, newest posts first.
func (c *Client) Feed(ctx context.Context, cred Credentials, q FeedQuery) (FeedPage, error) {
	fixed := url.Values{}
	if !q.Since.IsZero() {
		fixed.Set("since", strconv.FormatInt(q.Since.Unix(), 10))
	}
	p, usage, err := readPage[postNode](ctx, c, cred,
		call{op: "read the feed", path: []string{cred.Account.SendNode(), "feed"}, query: fixed},
		pageRequest{fields: postFields, sizes: postSizes, after: q.After})
	if err != nil {
		return FeedPage{}, err
	}
	posts := make([]Post, len(p.Data))
	for i, n := range p.Data {
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
	return FeedPage{Posts: posts, After: p.after(), Usage: usage}, nil
}

type postNode struct {
	ID        metajson.String   `json:"id"`
	Message   metajson.String   `json:"message"`
	Created   metajson.Time     `json:"created_time"`
	From      profile           `json:"from"`
	CanReply  *bool             `json:"can_reply_privately"`
	Published *bool             `json:"is_published"`
	Promotion metajson.String   `json:"promotion_status"`
	Comments  page[commentNode] `json:"comments"`
}

// Media is something that an Instagram account published.
type Media struct {
	ID          string
	ProductType string    // FEED, REELS, STORY or AD, as Meta writes it
	CreatedAt   time.Time // UTC; zero if Meta did not say
	Comments    int       // how many Meta counts; -1 if Meta did not say
}

// MediaPage is one page of an account's media.
type MediaPage struct {
	Media []Media
	After string // cursor of the next page; empty at the end. It expires
	Usage Usage
}

// Media reads one page of the media of an Instagram account, newest first, from the
// cursor after on. It cannot be limited by the time of the comments.
func (c *Client) Media(ctx context.Context, cred Credentials, after string) (MediaPage, error) {
	p, usage, err := readPage[mediaNode](ctx, c, cred,
		call{op: "list the media", path: []string{cred.Account.ID, "media"}},
		pageRequest{fields: sameFields("id,media_product_type,timestamp,comments_count"), sizes: postSizes, after: after})
	if err != nil {
		return MediaPage{}, err
	}
	media := make([]Media, len(p.Data))
	for i, n := range p.Data {
		media[i] = Media{ID: string(n.ID), ProductType: string(n.ProductType), CreatedAt: n.Timestamp.Time, Comments: -1}
		if n.Comments != nil {
			media[i].Comments = int(*n.Comments)
		}
	}
	return MediaPage{Media: media, After: p.after(), Usage: usage}, nil
}

// LiveMedia is a broadcast that is on the air.
type LiveMedia struct {
	ID        string
	Permalink string
	StartedAt time.Time // UTC; zero if Meta did not say
}

// LiveMedia lists the broadcasts of an Instagram account that are on the air. A broadcast
// that is missing has ended, provided that there was no error.
func (c *Client) LiveMedia(ctx context.Context, cred Credentials) ([]LiveMedia, error) {
	var live []LiveMedia
	for p, err := range readPages[mediaNode](ctx, c, cred,
		call{op: "list the live media", path: []string{cred.Account.ID, "live_media"}},
		pageRequest{fields: sameFields("id,media_type,media_product_type,timestamp,permalink"), sizes: defaultSizes}, cycleDetector{}) {
		if err != nil {
			return nil, err
		}
		for _, n := range p.Data {
			live = append(live, LiveMedia{ID: string(n.ID), Permalink: string(n.Permalink), StartedAt: n.Timestamp.Time})
		}
	}
	return live, nil
}

type mediaNode struct {
	ID          metajson.String `json:"id"`
	ProductType metajson.String `json:"media_product_type"`
	Timestamp   metajson.Time   `json:"timestamp"`
	Permalink   metajson.String `json:"permalink"`
	Comments    *metajson.Int   `json:"comments_count"`
}

func (n mediaNode) itemID() metajson.String { return n.ID }
