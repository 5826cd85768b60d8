package decode

import (
	"cmp"
	"strings"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/metajson"
)

// decodeComment decodes the value of Instagram's "comments" and "live_comments". It has
// no time of its own and no verb; Instagram sends nothing when a comment is edited or
// removed.
func (e entry) decodeComment(raw metajson.Value, live bool) privatereply.Event {
	c := privatereply.Comment{
		Platform:   e.platform,
		Account:    e.account.ID,
		EntryAt:    e.at,
		ReceivedAt: e.receivedAt,
		Via:        privatereply.ViaWebhook,
	}
	var id, commentID, product string
	for key, v := range raw.Fields() {
		switch string(key) {
		// Captures and Meta's reference have "id", its pages on Facebook Login "comment_id".
		case "id":
			id = v.ID(maxID)
		case "comment_id":
			commentID = v.ID(maxID)
		case "parent_id":
			c.ParentID = v.ID(maxID)
		case "text":
			c.Text = readText(v)
		case "from":
			c.PersonID, c.Username = readAuthor(v, "username")
		case "media":
			product = readMedia(v, &c)
		}
	}
	c.CommentID = cmp.Or(id, commentID)
	c.Source = instagramSource(product, c.AdID, live)
	switch {
	case e.account.IsSelf(c.PersonID), e.isNamed(c):
		return ignored(OwnComment, c.CommentID)
	case product == "IGTV":
		return ignored(UnsupportedMedia, c.CommentID)
	}
	return privatereply.Event{Comment: &c}
}

// isNamed reports whether c is the account's own by its user name, which nobody else can have.
// It counts only where Meta withholds the author's id: an account's name in the accounts file
// need not be its user name.
func (e entry) isNamed(c privatereply.Comment) bool {
	return c.PersonID == "" && c.Username != "" && strings.EqualFold(c.Username, e.account.Name)
}

// readAuthor reads the id and the name of an author. It does not use self_ig_scoped_id,
// which Meta sends for other people's comments too.
func readAuthor(raw metajson.Value, nameKey string) (id, called string) {
	for key, v := range raw.Fields() {
		switch string(key) {
		case "id":
			id = v.ID(maxID)
		case nameKey:
			called = readName(v)
		}
	}
	return id, called
}

// readMedia reads the commented media into c and returns its product type. Under an ad,
// the media is the ad's own copy and original_media_id the organic post.
func readMedia(raw metajson.Value, c *privatereply.Comment) (product string) {
	for key, v := range raw.Fields() {
		switch string(key) {
		case "id":
			c.MediaID = v.ID(maxID)
		case "media_product_type":
			product = v.Text()
		case "ad_id":
			c.AdID = v.ID(maxID)
		case "ad_title":
			c.AdTitle = readName(v)
		case "original_media_id":
			c.OriginalMediaID = v.ID(maxID)
		}
	}
	return product
}

func instagramSource(product, adID string, live bool) privatereply.Source {
	switch {
	case live || product == "LIVE":
		return privatereply.SourceLive
	case adID != "" || product == "AD":
		return privatereply.SourceAd
	case product == "FEED":
		return privatereply.SourcePost
	case product == "REELS":
		return privatereply.SourceReel
	case product == "STORY":
		return privatereply.SourceStory
	}
	return privatereply.SourceOther
}
