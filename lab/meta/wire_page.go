package meta

import (
	"time"

	"github.com/privatereply/privatereply"
)

// feedChange is the value of "feed" in a Page's webhooks.
type feedChange struct {
	From        *actor    `json:"from,omitempty"`
	Post        *feedPost `json:"post,omitempty"`
	Message     string    `json:"message,omitempty"`
	Photo       string    `json:"photo,omitempty"`
	Video       string    `json:"video,omitempty"`
	PostID      string    `json:"post_id"`
	CommentID   string    `json:"comment_id,omitempty"`
	CreatedTime int64     `json:"created_time"` // of the change, not of the comment
	Item        string    `json:"item"`
	ParentID    string    `json:"parent_id,omitempty"`
	Verb        string    `json:"verb"`
}

type feedPost struct {
	StatusType      string `json:"status_type"`
	IsPublished     bool   `json:"is_published"`
	UpdatedTime     string `json:"updated_time"`
	PermalinkURL    string `json:"permalink_url"`
	PromotionStatus string `json:"promotion_status"`
	ID              string `json:"id"`
}

// pageItem is the webhook about what happened to a comment or visitor post.
func (s *Sandbox) pageItem(c *comment, verb string, at time.Time) webhookItem {
	a := c.account
	value := feedChange{Item: "comment", Verb: verb, PostID: c.post.id, CreatedTime: at.Unix()}
	if !c.anonymous && a.seesPeople() {
		value.From = &actor{ID: a.ID, Name: a.Name}
		if c.person != nil {
			value.From = &actor{ID: c.person.id, Name: c.person.username}
		}
	}
	if (verb == "add" || verb == "edited") && a.seesPeople() {
		value.Message = c.text
		switch c.attached {
		case "photo":
			value.Photo = c.attachmentURL()
		case "video":
			value.Video = c.attachmentURL()
		}
	}
	switch {
	case c.visitor:
		value.Item = "post"
		return s.item(a, "feed", c.id(), c.author(), &value)
	case c.parent != nil:
		value.ParentID = c.parent.id()
	default:
		value.ParentID = c.post.id
	}
	value.CommentID, value.Post = c.id(), c.post.inFeed()
	return s.item(a, "feed", c.id(), c.author(), &value)
}

func (p *post) inFeed() *feedPost {
	return &feedPost{
		StatusType: p.statusType(), IsPublished: p.source != privatereply.SourceAd, UpdatedTime: inGraph(p.createdAt),
		PermalinkURL: p.permalink(), PromotionStatus: p.promotionStatus(), ID: p.id,
	}
}

func (s *Sandbox) commentChangedItem(c *comment, verb string) webhookItem {
	return s.pageItem(c, verb, s.now())
}

func (s *Sandbox) postRemovedItem(p *post) webhookItem {
	from := &actor{ID: p.account.ID, Name: p.account.Name}
	if p.visitor != nil {
		from = &actor{ID: p.visitor.person.id, Name: p.visitor.person.username}
	}
	return s.item(p.account, "feed", p.id, p.id,
		&feedChange{From: from, Item: "post", Verb: "remove", PostID: p.id, CreatedTime: s.now().Unix()})
}

// liveVideo is the value of "live_videos": live, live_stopped, then vod.
type liveVideo struct {
	ID     string `json:"id"`
	Status string `json:"status"`
}

func (s *Sandbox) liveVideoItem(p *post, status string) webhookItem {
	return s.item(p.account, "live_videos", p.id, p.id, &liveVideo{ID: p.number, Status: status})
}
