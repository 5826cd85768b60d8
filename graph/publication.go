package graph

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/metajson"
)

// Publication is a post, reel, ad or story as people see it. All of it is foreign input;
// its addresses are signed and expire within days.
type Publication struct {
	Kind       string // photo, video, album, reel, story, link; empty if Meta did not say
	Text       string // the caption; empty if there is none
	Permalink  string
	PictureURL string // empty where Meta gives none, as of a reel with copyrighted music
	CreatedAt  time.Time
}

// The fields of a publication, from most to least: Meta refuses the whole for one field
// that the token may not see.
var (
	mediaDetails = []string{
		"caption,media_type,media_product_type,media_url,thumbnail_url,permalink,timestamp,children{media_type,media_url,thumbnail_url}",
		"caption,media_type,media_product_type,media_url,thumbnail_url,permalink,timestamp",
		"caption,permalink,timestamp",
	}
	postDetails = []string{
		"message,story,permalink_url,full_picture,created_time,attachments{media_type,title,media{image{src}}}",
		"message,permalink_url,full_picture,created_time",
		"message,permalink_url,created_time",
	}
)

// Publication reads the post, reel, ad or story with the id. A live broadcast of Instagram
// can be read only while it is on the air.
func (c *Client) Publication(ctx context.Context, cred Credentials, id string) (Publication, error) {
	const op = "read a post"
	if cred.Account.Platform == privatereply.Instagram {
		var n mediaContentNode
		err := c.readLess(ctx, cred, op, id, mediaDetails, &n)
		return n.toPublication(), err
	}
	var n postContentNode
	err := c.readLess(ctx, cred, op, id, postDetails, &n)
	return n.toPublication(), err
}

// readLess reads one object into out, with the first of fields that Meta does not refuse.
func (c *Client) readLess(ctx context.Context, cred Credentials, op, id string, fields []string, out any) (err error) {
	for _, names := range fields {
		var e *Error
		if _, err = c.readNode(ctx, cred, op, id, names, out); !errors.As(err, &e) || !e.fieldRefused() {
			return err
		}
	}
	return err
}

// mediaContentNode is an Instagram media, or one of an album's children.
type mediaContentNode struct {
	Caption     metajson.Text `json:"caption"`
	Type        metajson.Text `json:"media_type"`
	ProductType metajson.Text `json:"media_product_type"`
	URL         metajson.Text `json:"media_url"`
	Thumbnail   metajson.Text `json:"thumbnail_url"`
	Permalink   metajson.Text `json:"permalink"`
	Timestamp   metajson.Time `json:"timestamp"`
	Children    lenient[struct {
		Data []lenient[mediaContentNode] `json:"data"`
	}] `json:"children"`
}

func (n mediaContentNode) toPublication() Publication {
	p := Publication{Text: string(n.Caption), Permalink: string(n.Permalink), PictureURL: n.picture(), CreatedAt: n.Timestamp.Time}
	switch {
	case n.ProductType == "REELS":
		p.Kind = "reel"
	case n.ProductType == "STORY":
		p.Kind = "story"
	case n.Type == "CAROUSEL_ALBUM":
		p.Kind = "album"
	case n.Type == "VIDEO":
		p.Kind = "video"
	case n.Type == "IMAGE":
		p.Kind = "photo"
	}
	return p
}

// picture is the address of a still picture. The media_url of a video is the video.
func (n mediaContentNode) picture() string {
	address := n.Thumbnail
	if n.Type != "VIDEO" {
		address = cmp.Or(n.URL, n.Thumbnail)
	}
	if address == "" && len(n.Children.value.Data) > 0 {
		return n.Children.value.Data[0].value.picture()
	}
	return string(address)
}

// postContentNode is a post on a Page.
type postContentNode struct {
	Message   metajson.Text `json:"message"`
	Story     metajson.Text `json:"story"` // what Facebook writes of a post without words
	Permalink metajson.Text `json:"permalink_url"`
	Picture   metajson.Text `json:"full_picture"`
	Created   metajson.Time `json:"created_time"`
	Attached  lenient[struct {
		Data []lenient[struct {
			MediaType metajson.Text `json:"media_type"`
			Title     metajson.Text `json:"title"`
			Media     struct {
				Image struct {
					Src metajson.Text `json:"src"`
				} `json:"image"`
			} `json:"media"`
		}] `json:"data"`
	}] `json:"attachments"`
}

func (n postContentNode) toPublication() Publication {
	p := Publication{Text: string(cmp.Or(n.Message, n.Story)), Permalink: string(n.Permalink), PictureURL: string(n.Picture), CreatedAt: n.Created.Time}
	if len(n.Attached.value.Data) > 0 {
		first := n.Attached.value.Data[0].value
		p.Kind = strings.ToLower(string(first.MediaType))
		p.Text = cmp.Or(p.Text, string(first.Title))
		p.PictureURL = cmp.Or(p.PictureURL, string(first.Media.Image.Src))
	}
	return p
}

// commentDetails are the fields of one comment for people, from most to least.
func commentDetails(p privatereply.Platform) []string {
	if p == privatereply.Instagram {
		return []string{"id,text,timestamp,username,from,hidden", "id,text,timestamp,username,hidden", "id,text,timestamp,username", "id,text,timestamp"}
	}
	const attached = "id,message,created_time,from,attachment{type,url,media{image{src},source}}"
	return []string{attached + ",is_hidden", attached, "id,message,created_time,from", "id,message,created_time"}
}

// CommentContent reads a comment with its words, by its id.
func (c *Client) CommentContent(ctx context.Context, cred Credentials, id string) (Comment, error) {
	var n commentNode
	if err := c.readLess(ctx, cred, "read a comment", id, commentDetails(cred.Account.Platform), &n); err != nil {
		return Comment{}, err
	}
	return toComments([]commentNode{n})[0], nil
}
