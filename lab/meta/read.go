package meta

import (
	"slices"
	"time"

	"github.com/privatereply/privatereply"
)

// graphTime is how the Graph API writes times: whole seconds, UTC.
const graphTime = "2006-01-02T15:04:05-0700"

func inGraph(t time.Time) string { return t.UTC().Format(graphTime) }

// lookUp reads one comment. What there is to read depends on the platform: Only a
// Page's comment says whether it can be answered.
func (c *call) lookUp(m *comment, want []field) (object, *refusal) {
	switch {
	case m.account.instagram():
		return project(m, want, []string{"timestamp", "text"}, c.instagramComment)
	case m.visitor:
		return project(m.post, want, []string{"created_time", "message"}, c.postField)
	}
	return project(m, want, []string{"created_time", "from", "message"}, c.pageComment)
}

func (c *call) instagramComment(m *comment, f field) (any, *refusal) {
	switch f.name {
	case "id":
		return m.id(), nil
	case "text":
		return m.text, nil
	case "timestamp":
		return inGraph(m.createdAt), nil
	case "username":
		return m.author(), nil
	case "user":
		// Meta names the author here only if it is the account itself.
		if m.person != nil {
			return nil, nil
		}
		return object{"id": m.account.ID}, nil
	case "from":
		if m.anonymous {
			return nil, nil
		}
		id := m.account.ID
		if m.person != nil {
			id = m.person.id
		}
		return object{"id": id, "username": m.author()}, nil
	case "hidden":
		return m.hidden, nil
	case "like_count":
		return 0, nil
	case "media":
		return object{"id": m.post.id, "media_product_type": productType(m.post)}, nil
	case "parent_id":
		if m.parent == nil {
			return nil, nil
		}
		return m.parent.id(), nil
	case "replies":
		return c.answersTo(m, nestedRequest(f))
	}
	return nil, noField(f.name, "IGComment")
}

func (c *call) pageComment(m *comment, f field) (any, *refusal) {
	switch f.name {
	case "id":
		return m.readID(), nil
	case "message":
		if !m.account.seesPeople() {
			return nil, nil
		}
		return m.text, nil
	case "created_time":
		return inGraph(m.createdAt), nil
	case "from":
		return c.pageAuthor(m), nil
	case "can_reply_privately":
		return c.sandbox.verdict(m) == nil, nil
	case "attachment":
		if m.attached == "" || !m.account.seesPeople() {
			return nil, nil
		}
		return picked(m.attachment(), f.sub), nil
	case "is_hidden":
		return m.hidden, nil
	case "parent":
		if m.parent == nil {
			return nil, nil
		}
		return object{"id": m.parent.readID()}, nil
	case "object":
		return object{"id": m.post.id}, nil
	case "private_reply_conversation":
		if len(m.delivered) == 0 {
			return nil, nil
		}
		return object{"id": m.person.threadID}, nil
	case "comments":
		return c.answersTo(m, nestedRequest(f))
	}
	return nil, noField(f.name, "Comment")
}

func (c *call) pageAuthor(m *comment) any {
	switch {
	case !m.account.seesPeople():
		return nil
	case m.person == nil:
		return object{"id": m.account.ID, "name": m.account.Name}
	}
	return object{"id": m.person.id, "name": m.person.username}
}

// lookUpPost reads a post of a Page, or an Instagram media.
func (c *call) lookUpPost(p *post) (any, *refusal) {
	if p.account.instagram() {
		return project(p, c.fields, []string{}, c.mediaField)
	}
	return project(p, c.fields, []string{"created_time", "message"}, c.postField)
}

func (c *call) postField(p *post, f field) (any, *refusal) {
	switch f.name {
	case "id":
		return p.id, nil
	case "message":
		if p.visitor != nil && !p.account.seesPeople() {
			return nil, nil
		}
		return p.caption, nil
	case "created_time", "updated_time":
		return inGraph(p.createdAt), nil
	case "from":
		if p.visitor != nil {
			return c.pageAuthor(p.visitor), nil
		}
		return object{"id": p.account.ID, "name": p.account.Name}, nil
	case "can_reply_privately":
		return p.visitor != nil && c.sandbox.verdict(p.visitor) == nil, nil
	case "permalink_url":
		return p.permalink(), nil
	case "is_published":
		return p.source != privatereply.SourceAd, nil
	case "promotion_status":
		return p.promotionStatus(), nil
	case "status_type":
		return p.statusType(), nil
	case "comments":
		return c.postComments(p, nestedRequest(f))
	}
	return nil, noField(f.name, "Post")
}

func (c *call) mediaField(p *post, f field) (any, *refusal) {
	switch f.name {
	case "id":
		return p.id, nil
	case "caption":
		return p.caption, nil
	case "timestamp":
		return inGraph(p.createdAt), nil
	case "media_type":
		return mediaType(p), nil
	case "media_product_type":
		return productType(p), nil
	case "permalink":
		return p.permalink(), nil
	case "username":
		return p.account.Name, nil
	case "owner":
		return object{"id": p.account.ID}, nil
	case "comments_count":
		return len(p.everything), nil
	case "comments":
		return c.postComments(p, nestedRequest(f))
	}
	return nil, noField(f.name, "IGMedia")
}

// The most that one page of a list holds.
const (
	mostPosts             = 100
	mostInstagramComments = 50
	mostPageComments      = 100
	usualPage             = 25
)

// feed lists a Page's own and its visitors' posts, newest first.
func (c *call) feed(a *account) (any, *refusal) {
	return edge[*post]{
		path: a.ID + "/feed", usual: usualPage, most: mostPosts,
		after: inOrder(c.inPeriod(a.posts), true),
		show:  func(p *post) bool { return !p.removed },
		item: func(p *post, want []field) (object, *refusal) {
			return project(p, want, []string{"created_time", "message"}, c.postField)
		},
	}.list(c, c.edgeRequest())
}

// media lists an Instagram account's posts and reels, newest first. Ads, stories
// and lives are not among them.
func (c *call) media(a *account) (any, *refusal) {
	return edge[*post]{
		path: a.ID + "/media", usual: usualPage, most: mostPosts,
		after: inOrder(c.inPeriod(a.posts), true),
		show:  func(p *post) bool { return !p.removed },
		item: func(p *post, want []field) (object, *refusal) {
			return project(p, want, []string{}, c.mediaField)
		},
	}.list(c, c.edgeRequest())
}

// inPeriod keeps what since and until leave, both in seconds.
func (c *call) inPeriod(posts []*post) []*post {
	since, until := c.params["since"], c.params["until"]
	if since == "" && until == "" {
		return posts
	}
	return slices.DeleteFunc(slices.Clone(posts), func(p *post) bool {
		return since != "" && p.createdAt.Before(unixParam(since)) || until != "" && p.createdAt.After(unixParam(until))
	})
}

// liveMedia lists what is being broadcast right now.
func (c *call) liveMedia(a *account) (any, *refusal) {
	return edge[*post]{
		path: a.ID + "/live_media", usual: usualPage, most: mostPosts,
		after: inOrder(a.lives, true),
		show:  func(*post) bool { return true },
		item: func(p *post, want []field) (object, *refusal) {
			return project(p, want, []string{}, c.mediaField)
		},
	}.list(c, c.edgeRequest())
}

// postComments lists the comments of a post: newest first on Instagram, oldest
// first on a Page, where filter=stream brings the answers to comments as well.
func (c *call) postComments(p *post, r request) (any, *refusal) {
	list := p.comments
	if !p.account.instagram() && r.args("filter") == "stream" {
		list = p.everything
	}
	return c.comments(p.id+"/comments", list, p.account, r)
}

// answersTo lists the answers to a comment.
func (c *call) answersTo(m *comment, r request) (any, *refusal) {
	name := "comments"
	if m.account.instagram() {
		name = "replies"
	}
	return c.comments(m.readID()+"/"+name, m.answers, m.account, r)
}

func (c *call) comments(path string, list []*comment, a *account, r request) (any, *refusal) {
	most, newestFirst := mostPageComments, r.args("order") == "reverse_chronological"
	if a.instagram() {
		most, newestFirst = mostInstagramComments, true
	}
	return edge[*comment]{
		path: path, usual: usualPage, most: most,
		after: inOrder(list, newestFirst),
		show:  func(m *comment) bool { return m.readable() },
		item:  c.lookUp,
	}.list(c, r)
}
