package meta

import "github.com/privatereply/privatereply"

// igComment is the value of "comments" and "live_comments": no verb, no time.
type igComment struct {
	From      *actor   `json:"from,omitempty"`
	Media     *igMedia `json:"media,omitempty"`
	ID        string   `json:"id,omitempty"`
	CommentID string   `json:"comment_id,omitempty"` // instead of id in the documentation of the Facebook login
	ParentID  string   `json:"parent_id,omitempty"`
	Text      string   `json:"text,omitempty"`
}

type igMedia struct {
	ID              string `json:"id"`
	AdID            string `json:"ad_id,omitempty"`
	AdTitle         string `json:"ad_title,omitempty"`
	OriginalMediaID string `json:"original_media_id,omitempty"`
	ProductType     string `json:"media_product_type"`
}

// actor is who did it: with a user name on Instagram, a name on Facebook.
type actor struct {
	ID       string `json:"id"`
	Username string `json:"username,omitempty"`
	Name     string `json:"name,omitempty"`
	SelfID   string `json:"self_ig_scoped_id,omitempty"`
}

func (s *Sandbox) instagramItem(c *comment) webhookItem {
	a := c.account
	value := igComment{ID: c.id(), Text: c.text, Media: &igMedia{ID: c.post.id, AdID: c.post.adID, ProductType: productType(c.post)}}
	if c.post.adID != "" {
		value.Media.AdTitle = c.post.caption
	}
	if c.post.original != nil {
		value.Media.OriginalMediaID = c.post.original.id
	}
	if c.parent != nil {
		value.ParentID = c.parent.id()
	}
	switch {
	case c.anonymous:
	case c.person == nil:
		value.From = &actor{ID: a.ID, Username: a.Name, SelfID: scopedID("6", a.ID, "self")}
	default:
		value.From = &actor{ID: c.person.id, Username: c.person.username}
	}
	it := s.item(a, "comments", c.id(), c.author(), &value)
	if c.post.source == privatereply.SourceLive {
		it.field = "live_comments"
	}
	if s.outbox.settings().Documented {
		if a.ownLogin() {
			it.flat = true
		} else {
			value.ID, value.CommentID = "", value.ID
		}
	}
	return it
}

// item fills in what all webhooks of an account have in common.
func (s *Sandbox) item(a *account, field, subject, order string, value any) webhookItem {
	object := "page"
	if a.instagram() {
		object = "instagram"
	}
	return webhookItem{
		account: a.ID, object: object, secret: a.webhookSecret(), field: field,
		subject: subject, order: a.ID + "/" + order, value: value,
	}
}

// commentItem is the webhook about a new comment or visitor post.
func (s *Sandbox) commentItem(c *comment) webhookItem {
	if c.account.instagram() {
		return s.instagramItem(c)
	}
	return s.pageItem(c, "add", c.createdAt)
}
