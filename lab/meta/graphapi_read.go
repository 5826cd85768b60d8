package meta

import (
	"slices"
	"time"

	"github.com/privatereply/privatereply"
)

// timeFormat is the Graph API's format of times: whole seconds, UTC.
const timeFormat = "2006-01-02T15:04:05-0700"

func formatTime(t time.Time) string { return t.UTC().Format(timeFormat) }

// readComment reads one comment. The fields differ by platform: only a Page's comment
// says whether it can be answered.
func (c *call) readComment(m *comment, want []field) (object, *graphError) {
	switch {
	case m.account.instagram():
		return selectFields(m, want, []string{"timestamp", "text"}, c.instagramCommentField)
	case m.isVisitorPost:
		return selectFields(m.post, want, []string{"created_time", "message"}, c.postField)
	}
	return selectFields(m, want, []string{"created_time", "from", "message"}, c.pageCommentField)
}

func (c *call) instagramCommentField(m *comment, f field) (any, *graphError) {
	switch f.name {
	case "id":
		return m.id(), nil
	case "text":
		return m.text, nil
	case "timestamp":
		return formatTime(m.createdAt), nil
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
		return c.listReplies(m, nestedRequest(f))
	}
	return nil, errNoField(f.name, "IGComment")
}

func (c *call) pageCommentField(m *comment, f field) (any, *graphError) {
	switch f.name {
	case "id":
		return m.readID(), nil
	case "message":
		if !m.account.canReadUserContent() {
			return nil, nil
		}
		return m.text, nil
	case "created_time":
		return formatTime(m.createdAt), nil
	case "from":
		return c.pageCommentAuthor(m), nil
	case "can_reply_privately":
		return c.sandbox.checkReply(m) == nil, nil
	case "attachment":
		if m.attachmentKind == "" || !m.account.canReadUserContent() {
			return nil, nil
		}
		return selectNested(c.commentAttachment(m), f.sub), nil
	case "is_hidden":
		return m.hidden, nil
	case "can_hide":
		return m.canHide(), nil
	case "can_comment":
		return !m.noComments && m.parent == nil, nil
	case "parent":
		if m.parent == nil {
			return nil, nil
		}
		return object{"id": m.parent.readID()}, nil
	case "object":
		return object{"id": m.post.id}, nil
	case "private_reply_conversation":
		if len(m.repliesDelivered) == 0 {
			return nil, nil
		}
		return object{"id": m.person.conversationID}, nil
	case "comments":
		return c.listReplies(m, nestedRequest(f))
	}
	return nil, errNoField(f.name, "Comment")
}

func (c *call) pageCommentAuthor(m *comment) any {
	switch {
	case !m.account.canReadUserContent():
		return nil
	case m.person == nil:
		return object{"id": m.account.ID, "name": m.account.Name}
	}
	return object{"id": m.person.id, "name": m.person.username}
}

// readPost reads a post of a Page, or an Instagram media.
func (c *call) readPost(p *post) (any, *graphError) {
	if p.account.instagram() {
		return selectFields(p, c.fields, []string{}, c.mediaField)
	}
	return selectFields(p, c.fields, []string{"created_time", "message"}, c.postField)
}

func (c *call) postField(p *post, f field) (any, *graphError) {
	switch f.name {
	case "id":
		return p.id, nil
	case "message":
		if p.visitorPost != nil && !p.account.canReadUserContent() {
			return nil, nil
		}
		return orNone(p.caption), nil
	case "created_time", "updated_time":
		return formatTime(p.createdAt), nil
	case "from":
		if p.visitorPost != nil {
			return c.pageCommentAuthor(p.visitorPost), nil
		}
		return object{"id": p.account.ID, "name": p.account.Name}, nil
	case "can_reply_privately":
		return p.visitorPost != nil && c.sandbox.checkReply(p.visitorPost) == nil, nil
	case "permalink_url":
		return p.permalink(), nil
	case "full_picture":
		if !p.hasPicture() {
			return nil, nil
		}
		return c.fileURL("post-"+p.number, ".png"), nil
	case "story":
		return nil, nil // only of posts without words, such as a new cover photo
	case "attachments":
		return c.postAttachments(p, f), nil
	case "is_published":
		return p.source != privatereply.SourceAd, nil
	case "promotion_status":
		return p.promotionStatus(), nil
	case "status_type":
		return p.statusType(), nil
	case "comments":
		return c.listPostComments(p, nestedRequest(f))
	}
	return nil, errNoField(f.name, "Post")
}

func (c *call) mediaField(p *post, f field) (any, *graphError) {
	switch f.name {
	case "id":
		return p.id, nil
	case "caption":
		return orNone(p.caption), nil
	case "media_url":
		return c.mediaURL(p), nil
	case "thumbnail_url":
		if mediaType(p) != "VIDEO" {
			return nil, nil
		}
		return c.fileURL("post-"+p.id, ".png"), nil
	case "children":
		return nil, nil // only of albums
	case "timestamp":
		return formatTime(p.createdAt), nil
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
		return len(p.allComments), nil
	case "comments":
		return c.listPostComments(p, nestedRequest(f))
	}
	return nil, errNoField(f.name, "IGMedia")
}

// orNone is text as a field's value: an empty one is absent.
func orNone(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// mediaURL is the picture of a media, of a reel the video. Meta leaves it out of media with
// somebody else's music in it, and of a broadcast.
func (c *call) mediaURL(p *post) any {
	switch {
	case p.withoutPicture || p.source == privatereply.SourceLive:
		return nil
	case mediaType(p) == "VIDEO":
		return c.fileURL("post-"+p.id, ".mp4")
	}
	return c.fileURL("post-"+p.id, ".png")
}

// postAttachments are the picture or the video of a Page's post.
func (c *call) postAttachments(p *post, f field) any {
	if !p.hasPicture() {
		return nil
	}
	kind := "photo"
	if p.statusType() == "added_video" {
		kind = "video"
	}
	one := object{"media_type": kind, "type": kind, "title": "", "media": object{"image": object{"src": c.fileURL("post-"+p.number, ".png"), "width": pictureSize, "height": pictureSize}}}
	return object{"data": []object{selectNested(one, f.sub)}}
}

// The most that one page of a list holds.
const (
	maxPageSize          = 100
	maxInstagramComments = 50
	maxPageComments      = 100
	defaultPageSize      = 25
)

// listFeed lists a Page's own posts and those of its visitors, newest first.
func (c *call) listFeed(a *account) (any, *graphError) {
	return listing[*post]{
		path: a.ID + "/feed", defaultLimit: defaultPageSize, maxLimit: maxPageSize,
		iterate: byIndex(c.postsInPeriod(a.posts), true),
		visible: func(p *post) bool { return !p.removed },
		read: func(p *post, want []field) (object, *graphError) {
			return selectFields(p, want, []string{"created_time", "message"}, c.postField)
		},
	}.page(c, c.edgeRequest())
}

// listMedia lists an Instagram account's posts and reels, newest first. Ads, stories
// and lives are in no list.
func (c *call) listMedia(a *account) (any, *graphError) {
	return listing[*post]{
		path: a.ID + "/media", defaultLimit: defaultPageSize, maxLimit: maxPageSize,
		iterate: byIndex(c.postsInPeriod(a.posts), true),
		visible: func(p *post) bool { return !p.removed },
		read: func(p *post, want []field) (object, *graphError) {
			return selectFields(p, want, []string{}, c.mediaField)
		},
	}.page(c, c.edgeRequest())
}

// postsInPeriod filters posts by the parameters since and until, in Unix seconds.
func (c *call) postsInPeriod(posts []*post) []*post {
	since, until := c.params["since"], c.params["until"]
	if since == "" && until == "" {
		return posts
	}
	return slices.DeleteFunc(slices.Clone(posts), func(p *post) bool {
		return since != "" && p.createdAt.Before(parseUnix(since)) || until != "" && p.createdAt.After(parseUnix(until))
	})
}

// listLiveMedia lists the broadcasts that are running now.
func (c *call) listLiveMedia(a *account) (any, *graphError) {
	return listing[*post]{
		path: a.ID + "/live_media", defaultLimit: defaultPageSize, maxLimit: maxPageSize,
		iterate: byIndex(a.lives, true),
		visible: func(*post) bool { return true },
		read: func(p *post, want []field) (object, *graphError) {
			return selectFields(p, want, []string{}, c.mediaField)
		},
	}.page(c, c.edgeRequest())
}

// listPostComments lists the comments of a post: newest first on Instagram, oldest
// first on a Page. On a Page filter=stream includes the replies to comments.
func (c *call) listPostComments(p *post, r listRequest) (any, *graphError) {
	list := p.comments
	if !p.account.instagram() && r.args("filter") == "stream" {
		list = p.allComments
	}
	return c.listComments(p.id+"/comments", list, p.account, r)
}

// listReplies lists the replies to a comment.
func (c *call) listReplies(m *comment, r listRequest) (any, *graphError) {
	name := "comments"
	if m.account.instagram() {
		name = "replies"
	}
	return c.listComments(m.readID()+"/"+name, m.replies, m.account, r)
}

func (c *call) listComments(path string, list []*comment, a *account, r listRequest) (any, *graphError) {
	most, newestFirst := maxPageComments, r.args("order") == "reverse_chronological"
	if a.instagram() {
		most, newestFirst = maxInstagramComments, true
	}
	return listing[*comment]{
		path: path, defaultLimit: defaultPageSize, maxLimit: most,
		iterate: byIndex(list, newestFirst),
		visible: func(m *comment) bool { return m.readable() },
		read:    c.readComment,
	}.page(c, r)
}

// instagramReadableMessages is how many of a conversation's newest messages Instagram
// gives in full; older ones are refused with 9000001.
const instagramReadableMessages = 20

// routeConversations selects whose conversations are listed: a Page has Messenger's
// and, with platform=instagram, those of its Instagram account.
func (s *Sandbox) routeConversations(c *call) endpoint {
	a := c.owner.page
	if c.owner.ownLogin || c.params["platform"] == "instagram" {
		a = c.owner.instagram
	}
	if a == nil {
		return s.routeNotFound(c)
	}
	return endpoint{op: OpConversations, account: a, recipient: c.params["user_id"], run: func() (any, *graphError) { return c.listConversations(a) }}
}

func (s *Sandbox) routeThread(c *call, p *person, key string) endpoint {
	e := endpoint{op: OpConversations, account: p.account}
	switch key {
	case "GET ":
		e.run = func() (any, *graphError) { return c.readConversation(p, c.fields) }
	case "GET messages":
		e.run = func() (any, *graphError) { return c.listMessages(p, c.edgeRequest()) }
	case "POST messages":
		if p.account.instagram() {
			return s.routeNotFound(c)
		}
		e.op, e.run = OpThreadReply, func() (any, *graphError) { return s.replyInConversation(c, p) }
	default:
		return s.routeNotFound(c)
	}
	return e
}

// listConversations lists conversations, newest message first, or the one with user_id.
func (c *call) listConversations(a *account) (any, *graphError) {
	if id := c.params["user_id"]; id != "" {
		p := a.byMessaging[id]
		if p == nil || p.conversationID == "" {
			return object{"data": []object{}}, nil
		}
		o, refused := c.readConversation(p, c.fields)
		if refused != nil {
			return nil, refused
		}
		return object{"data": []object{o}, "paging": object{"cursors": object{"before": p.conversationID, "after": p.conversationID}}}, nil
	}
	return listing[*person]{
		path: c.owner.id + "/conversations", defaultLimit: defaultPageSize, maxLimit: maxPageSize,
		iterate: c.sandbox.byNewestMessage(a),
		visible: func(*person) bool { return true },
		read:    c.readConversation,
	}.page(c, c.edgeRequest())
}

func (c *call) readConversation(p *person, want []field) (object, *graphError) {
	return selectFields(p, want, []string{"updated_time", "link"}, func(p *person, f field) (any, *graphError) {
		switch f.name {
		case "id":
			return p.conversationID, nil
		case "updated_time":
			return formatTime(p.messages[len(p.messages)-1].at), nil
		case "link":
			return "/" + p.account.owner.id + "/inbox/" + p.conversationID + "/", nil
		case "message_count":
			return len(p.messages), nil
		case "participants":
			return object{"data": []object{p.participant(), p.account.participant()}}, nil
		case "can_reply":
			return c.sandbox.checkWindow(p, false) == nil, nil
		case "messages":
			return c.listMessages(p, nestedRequest(f))
		}
		return nil, errNoField(f.name, "UnifiedThread")
	})
}

// listMessages lists a conversation's messages, newest first.
func (c *call) listMessages(p *person, r listRequest) (any, *graphError) {
	return listing[*message]{
		path: p.conversationID + "/messages", defaultLimit: defaultPageSize, maxLimit: maxPageSize,
		iterate: byIndex(p.messages, true),
		visible: func(*message) bool { return true },
		read: func(m *message, want []field) (object, *graphError) {
			if m.tooOld() {
				want = []field{{name: "id"}}
			}
			return c.readMessage(m, want)
		},
	}.page(c, r)
}

func (m *message) tooOld() bool {
	return m.person.account.instagram() && m.index < len(m.person.messages)-instagramReadableMessages
}

func (c *call) readMessage(m *message, want []field) (object, *graphError) {
	if m.tooOld() && (len(want) != 1 || want[0].name != "id") {
		return nil, errOldMessage
	}
	return selectFields(m, want, []string{"created_time"}, func(m *message, f field) (any, *graphError) {
		sender, recipient := m.person.account.participant(), m.person.participant()
		if m.sender == SenderPerson {
			sender, recipient = recipient, sender
		}
		switch f.name {
		case "id":
			return m.id, nil
		case "created_time":
			return formatTime(m.at), nil
		case "message":
			if len(m.buttons) > 0 {
				return "", nil // what a template says stands in its attachment, if anywhere
			}
			return m.text, nil
		case "from":
			return sender, nil
		case "to":
			return object{"data": []object{recipient}}, nil
		case "attachments":
			switch {
			case len(m.buttons) > 0:
				return object{"data": []object{templateAttachment(m, f)}}, nil
			case m.attachment == "":
				return nil, nil
			}
			return object{"data": []object{selectNested(c.messageAttachment(m), f.sub)}}, nil
		case "sticker":
			if m.person.account.instagram() {
				break
			}
			if m.attachment != "sticker" {
				return nil, nil
			}
			return c.fileURL("message-"+m.id, ".png"), nil
		case "shares":
			return nil, nil
		case "story":
			switch {
			case !m.person.account.instagram():
				return nil, errNoField(f.name, "Message")
			case m.kind != "story_reply":
				return nil, nil
			}
			return object{"reply_to": object{"id": scopedID("17", m.person.account.ID, "story"), "link": storyURL}}, nil
		}
		return nil, errNoField(f.name, "Message")
	})
}

// messageAttachment is what a message carries, as a read of it says. Instagram says
// neither names nor sizes.
func (c *call) messageAttachment(m *message) object {
	kind := messageAttachments[m.attachment]
	picture, file := c.fileURL("message-"+m.id, ".png"), c.fileURL("message-"+m.id, kind.ending)
	o := object{}
	if !m.person.account.instagram() {
		o = object{"id": m.id, "mime_type": kind.mime, "name": m.attachment + kind.ending, "size": 4096}
	}
	switch m.attachment {
	case "video":
		o["video_data"] = object{"width": 720, "height": 720, "url": file, "preview_url": picture}
	case "audio", "file":
		o["file_url"] = file
	case "gif":
		o["image_data"] = object{"width": pictureSize, "height": pictureSize, "url": picture, "preview_url": picture, "animated_gif_url": picture}
	default:
		o["image_data"] = object{"width": pictureSize, "height": pictureSize, "url": picture, "preview_url": picture, "render_as_sticker": m.attachment == "sticker"}
	}
	return o
}

// participant is the person as a conversation's object names them.
func (p *person) participant() object {
	if p.account.instagram() {
		return object{"id": p.messagingID, "username": p.username}
	}
	return object{"id": p.messagingID, "name": p.username}
}

// participant is the account as a conversation's object names it.
func (a *account) participant() object {
	if a.instagram() {
		return object{"id": a.ID, "username": a.Name}
	}
	return object{"id": a.ID, "name": a.Name}
}

// commentAttachment is the attachment in a read of a Page's comment: a video has a
// picture as well.
func (c *call) commentAttachment(m *comment) object {
	picture := c.fileURL("comment-"+m.number, ".png")
	media := object{"image": object{"src": picture, "width": pictureSize, "height": pictureSize}}
	if m.attachmentKind == "video" {
		media["source"] = c.fileURL("comment-"+m.number, ".mp4")
	}
	return object{
		"type": attachmentTypes[m.attachmentKind].name, "url": "https://www.facebook.com/photo.php?fbid=" + m.number,
		"title": "", "media": media, "target": object{"id": m.number},
	}
}

// selectNested selects the wanted fields of o; without any it returns all.
func selectNested(o object, want []field) object {
	if len(want) == 0 {
		return o
	}
	out := object{}
	for _, f := range want {
		switch v := o[f.name].(type) {
		case nil:
		case object:
			out[f.name] = selectNested(v, f.sub)
		default:
			out[f.name] = v
		}
	}
	return out
}
