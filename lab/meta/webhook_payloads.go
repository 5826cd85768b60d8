package meta

import (
	"bytes"
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/privatereply/privatereply"
)

// envelope is the body of one webhook: meta-platform.md §2.
type envelope struct {
	Object string  `json:"object"`
	Entry  []entry `json:"entry"`
}

type entry struct {
	ID        string   `json:"id"`
	Time      int64    `json:"time"` // seconds for changes, milliseconds for messages
	Changes   []change `json:"changes,omitempty"`
	Messaging []any    `json:"messaging,omitempty"`
	Standby   []any    `json:"standby,omitempty"`
	Field     string   `json:"field,omitempty"` // the flat shape of Instagram Login's documentation
	Value     any      `json:"value,omitempty"`
}

type change struct {
	Field string `json:"field"`
	Value any    `json:"value"`
}

// entrySection is the part of an entry that an item belongs to.
type entrySection int

const (
	inChanges entrySection = iota
	inMessaging
	inStandby
)

// webhookItem is one update of a webhook.
type webhookItem struct {
	account     string // entry.id
	object      string
	secret      string
	field       string // what it has to be subscribed to
	subject     string // the comment, person or post that it is about
	orderingKey string // items of the same word are delivered in order
	section     entrySection
	flat        bool
	value       any
}

// encodeEnvelope builds the body of one webhook. All items have the same object.
func encodeEnvelope(items []webhookItem, now time.Time) []byte {
	e := envelope{Object: items[0].object}
	last := map[string]int{} // by account and placement: the entry that gathers such items
	for _, it := range items {
		at := now.Unix()
		if it.section != inChanges {
			at = now.UnixMilli()
		}
		if it.flat {
			e.Entry = append(e.Entry, entry{ID: it.account, Time: at, Field: it.field, Value: it.value})
			continue
		}
		key := it.account + string(rune('0'+it.section))
		i, open := last[key]
		if !open {
			i = len(e.Entry)
			last[key] = i
			e.Entry = append(e.Entry, entry{ID: it.account, Time: at})
		}
		switch it.section {
		case inChanges:
			e.Entry[i].Changes = append(e.Entry[i].Changes, change{it.field, it.value})
		case inMessaging:
			e.Entry[i].Messaging = append(e.Entry[i].Messaging, it.value)
		case inStandby:
			e.Entry[i].Standby = append(e.Entry[i].Standby, it.value)
		}
	}
	return encodeJSON(e)
}

// encodeJSON encodes v as Meta does. It panics if v cannot be encoded, which no value
// of this package can cause.
func encodeJSON(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err)
	}
	return escapeJSON(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}

// instagramCommentValue is the value of "comments" and "live_comments": no verb, no time.
type instagramCommentValue struct {
	From      *actor          `json:"from,omitempty"`
	Media     *instagramMedia `json:"media,omitempty"`
	ID        string          `json:"id,omitempty"`
	CommentID string          `json:"comment_id,omitempty"` // instead of id in the documentation of the Facebook login
	ParentID  string          `json:"parent_id,omitempty"`
	Text      string          `json:"text,omitempty"`
}

type instagramMedia struct {
	ID              string `json:"id"`
	AdID            string `json:"ad_id,omitempty"`
	AdTitle         string `json:"ad_title,omitempty"`
	OriginalMediaID string `json:"original_media_id,omitempty"`
	ProductType     string `json:"media_product_type"`
}

// actor is the author of a change: with a user name on Instagram, a name on Facebook.
type actor struct {
	ID       string `json:"id"`
	Username string `json:"username,omitempty"`
	Name     string `json:"name,omitempty"`
	SelfID   string `json:"self_ig_scoped_id,omitempty"`
}

func (s *Sandbox) instagramCommentItem(c *comment) webhookItem {
	a := c.account
	value := instagramCommentValue{ID: c.id(), Text: c.text, Media: &instagramMedia{ID: c.post.id, AdID: c.post.adID, ProductType: productType(c.post)}}
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
	it := s.newItem(a, "comments", c.id(), c.author(), &value)
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

// newItem fills in what all webhooks of an account have in common.
func (s *Sandbox) newItem(a *account, field, subject, order string, value any) webhookItem {
	object := "page"
	if a.instagram() {
		object = "instagram"
	}
	return webhookItem{
		account: a.ID, object: object, secret: a.webhookSecret(), field: field,
		subject: subject, orderingKey: a.ID + "/" + order, value: value,
	}
}

// commentItem is the webhook about a new comment or visitor post.
func (s *Sandbox) commentItem(c *comment) webhookItem {
	if c.account.instagram() {
		return s.instagramCommentItem(c)
	}
	return s.feedItem(c, "add", c.createdAt)
}

// feedValue is the value of "feed" in a Page's webhooks.
type feedValue struct {
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

// feedItem is the webhook about a change of a comment or visitor post.
func (s *Sandbox) feedItem(c *comment, verb string, at time.Time) webhookItem {
	a := c.account
	value := feedValue{Item: "comment", Verb: verb, PostID: c.post.id, CreatedTime: at.Unix()}
	if !c.anonymous && a.canReadUserContent() {
		value.From = &actor{ID: a.ID, Name: a.Name}
		if c.person != nil {
			value.From = &actor{ID: c.person.id, Name: c.person.username}
		}
	}
	if (verb == "add" || verb == "edited") && a.canReadUserContent() {
		value.Message = c.text
		switch c.attachmentKind {
		case "photo":
			value.Photo = c.attachmentURL()
		case "video":
			value.Video = c.attachmentURL()
		}
	}
	switch {
	case c.isVisitorPost:
		value.Item = "post"
		return s.newItem(a, "feed", c.id(), c.author(), &value)
	case c.parent != nil:
		value.ParentID = c.parent.id()
	default:
		value.ParentID = c.post.id
	}
	value.CommentID, value.Post = c.id(), c.post.webhookPost()
	return s.newItem(a, "feed", c.id(), c.author(), &value)
}

func (p *post) webhookPost() *feedPost {
	return &feedPost{
		StatusType: p.statusType(), IsPublished: p.source != privatereply.SourceAd, UpdatedTime: formatTime(p.createdAt),
		PermalinkURL: p.permalink(), PromotionStatus: p.promotionStatus(), ID: p.id,
	}
}

func (s *Sandbox) commentChangedItem(c *comment, verb string) webhookItem {
	return s.feedItem(c, verb, s.now())
}

func (s *Sandbox) postRemovedItem(p *post) webhookItem {
	from := &actor{ID: p.account.ID, Name: p.account.Name}
	if p.visitorPost != nil {
		from = &actor{ID: p.visitorPost.person.id, Name: p.visitorPost.person.username}
	}
	return s.newItem(p.account, "feed", p.id, p.id,
		&feedValue{From: from, Item: "post", Verb: "remove", PostID: p.id, CreatedTime: s.now().Unix()})
}

// liveVideoValue is the value of "live_videos": live, live_stopped, then vod.
type liveVideoValue struct {
	ID     string `json:"id"`
	Status string `json:"status"`
}

func (s *Sandbox) liveVideoItem(p *post, status string) webhookItem {
	return s.newItem(p.account, "live_videos", p.id, p.id, &liveVideoValue{ID: p.number, Status: status})
}

// messagingValue is one element of messaging[] or standby[].
type messagingValue struct {
	Sender      *messagingParty `json:"sender,omitempty"`
	Recipient   *messagingParty `json:"recipient,omitempty"`
	Timestamp   int64           `json:"timestamp"` // milliseconds
	Message     *messageBody    `json:"message,omitempty"`
	Postback    *postback       `json:"postback,omitempty"`
	Reaction    *reaction       `json:"reaction,omitempty"`
	Read        *receipt        `json:"read,omitempty"`
	Delivery    *receipt        `json:"delivery,omitempty"`
	MessageEdit *messageEdit    `json:"message_edit,omitempty"`
}

type messagingParty struct {
	ID string `json:"id"`
}

type messageBody struct {
	MID         string        `json:"mid"`
	Text        string        `json:"text,omitempty"`
	Attachments []messageFile `json:"attachments,omitempty"`
	QuickReply  *quickReply   `json:"quick_reply,omitempty"`
	ReplyTo     *replyTo      `json:"reply_to,omitempty"`
	IsEcho      bool          `json:"is_echo,omitempty"`
	IsDeleted   bool          `json:"is_deleted,omitempty"`
	AppID       json.Number   `json:"app_id,omitempty"`
}

type messageFile struct {
	Type    string      `json:"type"`
	Payload filePayload `json:"payload"`
}

// filePayload is where a file lies, or a button template.
type filePayload struct {
	URL          string           `json:"url,omitempty"`
	TemplateType string           `json:"template_type,omitempty"`
	Text         string           `json:"text,omitempty"`
	Buttons      []sentButtonEcho `json:"buttons,omitempty"`
}

type quickReply struct {
	Payload string `json:"payload"`
}

type replyTo struct {
	Story *story `json:"story,omitempty"`
}

type story struct {
	URL string `json:"url"`
	ID  string `json:"id"`
}

type postback struct {
	MID     string `json:"mid,omitempty"`
	Title   string `json:"title"`
	Payload string `json:"payload,omitempty"` // only the app that sent the button is told
}

type reaction struct {
	MID      string `json:"mid"`
	Action   string `json:"action"`
	Reaction string `json:"reaction"`
	Emoji    string `json:"emoji"`
}

// receipt is a read receipt (mid on Instagram, watermark on Messenger) or a
// delivery receipt.
type receipt struct {
	MID       string   `json:"mid,omitempty"`
	MIDs      []string `json:"mids,omitempty"`
	Watermark int64    `json:"watermark,omitempty"`
}

type messageEdit struct {
	MID     string `json:"mid"`
	Text    string `json:"text,omitempty"`
	NumEdit int    `json:"num_edit"`
}

// storyURL is the address of the story that people answer.
const storyURL = "https://www.example.com/stories/1"

// personItem is an item about an action of a person, who is its sender.
func (s *Sandbox) personItem(p *person, field string, at time.Time, v messagingValue) webhookItem {
	v.Sender, v.Recipient, v.Timestamp = &messagingParty{p.messagingID}, &messagingParty{p.account.ID}, at.UnixMilli()
	it := s.newItem(p.account, field, p.messagingID, p.username, &v)
	it.section = inMessaging
	if p.state == PersonWithOtherApp {
		it.section = inStandby
	}
	return it
}

// echoItem is the webhook about a message of the account, whoever sent it.
func (s *Sandbox) echoItem(m *message) webhookItem {
	p := m.person
	v := messagingValue{
		Sender: &messagingParty{p.account.ID}, Recipient: &messagingParty{p.messagingID}, Timestamp: m.at.UnixMilli(),
		Message: &messageBody{MID: m.id, Text: m.text, IsEcho: true},
	}
	if len(m.buttons) > 0 {
		v.Message.Text, v.Message.Attachments = "", []messageFile{echoedTemplate(m.parts)}
	}
	field := "messages"
	if !p.account.instagram() {
		field = "message_echoes"
		v.Message.AppID = s.appID()
		if m.sender == SenderHuman {
			v.Message.AppID = inboxAppID
		}
	}
	it := s.newItem(p.account, field, m.id, p.username, &v)
	it.section = inMessaging
	return it
}

// receiptItems are the webhooks about the delivery and the reading of a message.
// Instagram has no delivery receipts.
func (s *Sandbox) receiptItems(m *message) []webhookItem {
	p := m.person
	if p.account.instagram() {
		return []webhookItem{s.personItem(p, "messaging_seen", m.at, messagingValue{Read: &receipt{MID: m.id}})}
	}
	watermark := m.at.UnixMilli()
	return []webhookItem{
		s.personItem(p, "message_deliveries", m.at, messagingValue{Delivery: &receipt{MIDs: []string{m.id}, Watermark: watermark}}),
		s.personItem(p, "message_reads", m.at, messagingValue{Read: &receipt{Watermark: watermark}}),
	}
}

// messageItem is the webhook about an action of a person in a conversation.
func (s *Sandbox) messageItem(m *message) webhookItem {
	v, field := messagingValue{}, "messages"
	switch m.kind {
	case "text":
		v.Message = &messageBody{MID: m.id, Text: m.text}
		if kind := messageAttachments[m.attachment]; m.attachment != "" {
			v.Message.Attachments = []messageFile{{kind.webhookType, filePayload{URL: "https://www.example.com/messages/" + m.id + kind.ending}}}
		}
	case "quick_reply":
		v.Message = &messageBody{MID: m.id, Text: m.text, QuickReply: &quickReply{Payload: cmp.Or(m.payload, "QUICK_REPLY")}}
	case "story_reply":
		v.Message = &messageBody{MID: m.id, Text: m.text, ReplyTo: &replyTo{Story: &story{
			URL: storyURL, ID: scopedID("17", m.person.account.ID, "story"),
		}}}
	case "delete":
		v.Message = &messageBody{MID: m.id, IsDeleted: true}
	case "postback":
		field, v.Postback = "messaging_postbacks", &postback{MID: m.reportedPostbackMID(), Title: m.text, Payload: cmp.Or(m.payload, "POSTBACK")}
		if m.person.state == PersonWithOtherApp {
			v.Postback.Payload = ""
		}
	case "reaction":
		field, v.Reaction = "message_reactions", &reaction{MID: m.id, Action: "react", Reaction: "love", Emoji: "\u2764\ufe0f"}
	case "seen":
		field, v.Read = "messaging_seen", &receipt{MID: m.id}
		if !m.person.account.instagram() {
			field, v.Read = "message_reads", &receipt{Watermark: m.at.UnixMilli()}
		}
	case "edit", "edit_zero":
		field, v.MessageEdit = "message_edit", &messageEdit{MID: m.id, Text: m.text, NumEdit: 1}
		if m.kind == "edit_zero" {
			v.MessageEdit.NumEdit = 0
		}
		if !m.person.account.instagram() {
			field = "message_edits"
		}
	}
	it := s.personItem(m.person, field, m.at, v)
	if m.anonymous && m.kind == "edit_zero" {
		it.value = &messagingValue{Timestamp: m.at.UnixMilli(), MessageEdit: &messageEdit{MID: m.id}}
	}
	return it
}

// reportedPostbackMID is the mid in the webhook about a tap on a button.
func (m *message) reportedPostbackMID() string {
	if m.reportedMID == "none" {
		return ""
	}
	return cmp.Or(m.reportedMID, m.id)
}

// Sign returns the X-Hub-Signature-256 header of a raw webhook body.
func Sign(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// escapeJSON writes JSON as Meta does: everything beyond ASCII as \uxxxx with
// lowercase hex, and "/" as "\/". Both occur only inside strings, so no parsing
// is needed.
func escapeJSON(plain []byte) []byte {
	out := make([]byte, 0, len(plain)+len(plain)/8)
	for i := 0; i < len(plain); {
		r, size := utf8.DecodeRune(plain[i:])
		i += size
		switch {
		case r == '/':
			out = append(out, `\/`...)
		case r < utf8.RuneSelf:
			out = append(out, byte(r))
		case r <= 0xffff:
			out = fmt.Appendf(out, `\u%04x`, r)
		default:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		}
	}
	return out
}
