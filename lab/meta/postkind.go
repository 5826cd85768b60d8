package meta

import (
	"strconv"
	"time"

	"github.com/privatereply/privatereply"
)

// productType is Instagram's media_product_type.
func productType(p *post) string {
	switch p.source {
	case privatereply.SourceReel:
		return "REELS"
	case privatereply.SourceAd:
		return "AD"
	case privatereply.SourceLive:
		return "LIVE"
	case privatereply.SourceStory:
		return "STORY"
	}
	return "FEED"
}

// mediaType is Instagram's media_type.
func mediaType(p *post) string {
	switch p.source {
	case privatereply.SourceLive:
		return "BROADCAST"
	case privatereply.SourceReel:
		return "VIDEO"
	}
	return "IMAGE"
}

// statusType is a Page's status_type.
func (p *post) statusType() string {
	switch p.source {
	case privatereply.SourceReel, privatereply.SourceLive:
		return "added_video"
	case privatereply.SourceVisitorPost:
		return "wall_post"
	}
	return "mobile_status_update"
}

// promotionStatus is a Page's promotion_status.
func (p *post) promotionStatus() string {
	if p.source == privatereply.SourceAd {
		return "active"
	}
	return "inactive"
}

func (p *post) permalink() string {
	switch {
	case p.account.instagram():
		return "https://www.instagram.com/p/" + p.id + "/"
	case p.videoID != "":
		return "https://www.facebook.com/reel/" + p.videoID + "/"
	case p.source == privatereply.SourceLive:
		return "https://www.facebook.com/" + p.account.ID + "/videos/" + p.number + "/"
	}
	return "https://www.facebook.com/" + p.account.ID + "/posts/" + p.number
}

// unixParam reads a time parameter in seconds; what is no number is the epoch.
func unixParam(text string) time.Time {
	seconds, _ := strconv.ParseInt(text, 10, 64)
	return time.Unix(seconds, 0)
}
