package graph

import (
	"context"
	"time"

	"github.com/privatereply/privatereply"
)

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
	After string // asks for the next page; empty at the end. Not for keeping long
	Usage Usage
}

// Media reads one page of the media of an Instagram account, newest first, from the
// cursor after on. It cannot be limited by the time of the comments.
func (c *Client) Media(ctx context.Context, cred Credentials, after string) (MediaPage, error) {
	nodes, after, usage, err := readPage[mediaNode](ctx, c, cred,
		call{op: "list the media", path: []string{cred.Account.ID, "media"}},
		pageRequest{fields: sameFields("id,media_product_type,timestamp,comments_count"), sizes: postSizes, after: after})
	if err != nil {
		return MediaPage{}, err
	}
	media := make([]Media, len(nodes))
	for i, n := range nodes {
		media[i] = Media{ID: string(n.ID), ProductType: string(n.ProductType), CreatedAt: n.Timestamp.Time, Comments: -1}
		if n.Comments != nil {
			media[i].Comments = int(*n.Comments)
		}
	}
	return MediaPage{Media: media, After: after, Usage: usage}, nil
}

// LiveMedia is a broadcast that runs now.
type LiveMedia struct {
	ID        string
	Permalink string
	StartedAt time.Time // UTC; zero if Meta did not say
}

// LiveMedia lists the broadcasts of an Instagram account that run now. A broadcast
// that is missing has ended; only an answer without an error says so.
func (c *Client) LiveMedia(ctx context.Context, cred Credentials) ([]LiveMedia, error) {
	var live []LiveMedia
	seen := cycleDetector{}
	for after := ""; ; {
		nodes, next, _, err := readPage[mediaNode](ctx, c, cred,
			call{op: "list the live media", path: []string{cred.Account.ID, "live_media"}},
			pageRequest{fields: sameFields("id,media_type,media_product_type,timestamp,permalink"), sizes: defaultSizes, after: after})
		if err != nil {
			return nil, err
		}
		if seen.repeats(idsOf(nodes, func(n mediaNode) str { return n.ID })) {
			return live, nil
		}
		for _, n := range nodes {
			live = append(live, LiveMedia{ID: string(n.ID), Permalink: string(n.Permalink), StartedAt: n.Timestamp.Time})
		}
		if next == "" {
			return live, nil
		}
		if seen.repeatsCursor(next) {
			return nil, Error{Op: "list the live media"}.classified(Unknown, privatereply.NoAnswer, "the list leads in a circle")
		}
		after = next
	}
}

type mediaNode struct {
	ID          str      `json:"id"`
	ProductType str      `json:"media_product_type"`
	Timestamp   instant  `json:"timestamp"`
	Permalink   str      `json:"permalink"`
	Comments    *integer `json:"comments_count"`
}
