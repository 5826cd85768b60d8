package meta

import (
	"cmp"
	"container/list"
	"errors"
	"fmt"
	"slices"
	"time"
)

// PersonState says whether messages reach a person, and if not, why.
type PersonState string

// The states of a person.
const (
	PersonAvailable    PersonState = "available"
	PersonUnavailable  PersonState = "unavailable" // cannot be messaged at the moment
	PersonBlocked      PersonState = "blocked"     // has blocked the account
	PersonIsPage       PersonState = "page"        // is a Page: no private replies to Pages
	PersonWithOtherApp PersonState = "other_app"   // another app has taken the conversation
)

// person is one commenter and conversation partner of one account.
type person struct {
	account        *account
	username       string
	id             string // as a commenter
	messagingID    string // as a sender and recipient: differs only with SeparateMessagingIDs
	state          PersonState
	stranger       bool      // does not follow the account
	wroteAt        time.Time // newest message of theirs that opens the window
	conversationID string    // "" before the first message
	messages       []*message
	listElement    *list.Element
}

// Sender is the author of a message.
type Sender string

// The senders of messages: the person, the product through the API, a human of the
// business in Meta's own inbox.
const (
	SenderPerson Sender = "person"
	SenderAPI    Sender = "api"
	SenderHuman  Sender = "human"
)

// Kinds of messages that an account sends. What a person does has the kinds of
// MessageKinds.
const (
	KindPrivateReply = "private_reply"
	KindFollowUp     = "follow_up"
)

// message is one message of a conversation.
type message struct {
	id     string
	person *person
	sender Sender
	kind   string
	parts
	attachment string // one of MessageAttachments
	commentID  string // of a private reply
	tag        string
	anonymous  bool // its webhook does not say who wrote it
	at         time.Time
	index      int // in person.messages

	quickRepliesGone bool   // one of them was tapped
	payload          string // of what the person tapped
	reportedMID      string // as NewTap.MID says; "message" is the id meant
}

// Message is one message of a person's inbox.
type Message struct {
	ID         string    `json:"id"`
	Sender     Sender    `json:"by"`
	Kind       string    `json:"kind"`
	Text       string    `json:"text,omitempty"`
	Attachment string    `json:"attachment,omitempty"`
	Picture    string    `json:"picture,omitempty"`    // the path of its picture in the sandbox
	CommentID  string    `json:"comment_id,omitempty"` // the comment or visitor post that a private reply answers
	Tag        string    `json:"tag,omitempty"`
	At         time.Time `json:"at"`

	Buttons      []Button     `json:"buttons,omitempty"`
	QuickReplies []QuickReply `json:"quick_replies,omitempty"` // as the person sees them now: none in Message Requests, and none after a tap
	Requests     bool         `json:"requests,omitempty"`      // it lies in Instagram's Message Requests
	Payload      string       `json:"payload,omitempty"`       // of what the person tapped
}

// Person identifies a person by account and user name.
type Person struct {
	Account  string `json:"account"`
	Username string `json:"username"`
}

// Inbox is the conversation between a person and the account, oldest message first. It
// is nil for an unknown person.
func (s *Sandbox) Inbox(p Person) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.account(p.Account)
	if err != nil || a.people[p.Username] == nil {
		return nil
	}
	var box []Message
	for _, m := range a.people[p.Username].messages {
		box = append(box, m.view())
	}
	return box
}

// MessagesReceived is how many messages a person has received from the account through the
// API, each counted by its words: the text, then the titles of what can be tapped.
func (s *Sandbox) MessagesReceived(p Person) map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.account(p.Account)
	if err != nil || a.people[p.Username] == nil {
		return nil
	}
	counts := map[string]int{}
	for _, m := range a.people[p.Username].messages {
		if m.sender == SenderAPI {
			counts[m.words()]++
		}
	}
	return counts
}

// isRepeat reports whether the account has sent the person the same words before.
func (m *message) isRepeat() bool {
	return slices.ContainsFunc(m.person.messages[:m.index], func(old *message) bool {
		return old.sender == SenderAPI && old.words() == m.words()
	})
}

func (m *message) view() Message {
	v := Message{ID: m.id, Sender: m.sender, Kind: m.kind, Text: m.text, Attachment: m.attachment, CommentID: m.commentID, Tag: m.tag, At: m.at,
		Buttons: m.buttons, Requests: m.person.inRequests(), Payload: m.payload}
	if m.quickRepliesShown() {
		v.QuickReplies = m.quickReplies
	}
	if kind := messageAttachments[m.attachment]; kind.picture {
		v.Picture = filePath("message-"+m.id, ".png")
	}
	return v
}

// PersonID is the person's id in messages. An unknown person is created.
func (s *Sandbox) PersonID(p Person) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.account(p.Account)
	if err != nil {
		return "", err
	}
	return s.person(a, p.Username).messagingID, nil
}

// SetPersonState changes whether messages reach a person.
func (s *Sandbox) SetPersonState(p Person, state PersonState) error {
	switch state {
	case PersonAvailable, PersonUnavailable, PersonBlocked, PersonIsPage, PersonWithOtherApp:
	default:
		return fmt.Errorf("state: %q is not a state; write available, unavailable, blocked, page or other_app", state)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.account(p.Account)
	if err != nil {
		return err
	}
	s.person(a, p.Username).state = state
	s.logEvent("person", a.ID, p.Username, "%s is now: %s", p.Username, state)
	return nil
}

// inRequests reports whether the conversation lies in Instagram's Message Requests folder:
// until the person answers, unless they follow the account.
func (p *person) inRequests() bool {
	return p.account.instagram() && p.stranger && p.wroteAt.IsZero()
}

// SetFollows says whether a person follows the account. On Instagram the first message to
// somebody who does not lands in Message Requests. A person follows unless told otherwise.
func (s *Sandbox) SetFollows(p Person, follows bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.account(p.Account)
	if err != nil {
		return err
	}
	s.person(a, usernameOrDefault(p.Username)).stranger = !follows
	words := "follows the account"
	if !follows {
		words = "does not follow the account"
	}
	s.logEvent("person", a.ID, p.Username, "%s %s", p.Username, words)
	return nil
}

// person finds a person by user name, or creates them.
func (s *Sandbox) person(a *account, username string) *person {
	if p := a.people[username]; p != nil {
		return p
	}
	p := &person{account: a, username: username, state: PersonAvailable}
	p.id = scopedID(personPrefix(a.Account), a.ID, username)
	p.messagingID = p.id
	if a.SeparateMessagingIDs {
		p.messagingID = scopedID(personPrefix(a.Account), a.ID, username, "in messages")
	}
	a.people[username] = p
	a.byMessaging[p.messagingID] = p
	return p
}

// appendMessage adds a message to the person's conversation and starts the conversation
// with the first one.
func (s *Sandbox) appendMessage(m *message) {
	p := m.person
	a := p.account
	if p.conversationID == "" {
		p.conversationID = s.newConversationID(a.instagram())
		s.conversations[p.conversationID] = p
		p.listElement = a.conversations.PushFront(p)
	} else {
		a.conversations.MoveToFront(p.listElement)
	}
	m.index = len(p.messages)
	p.messages = append(p.messages, m)
	s.messages[m.id] = m
	s.recent.person(p)
}

// MessageKinds are what a person can do in a conversation. The first five open the
// messaging window. edit_zero is a new message that Meta reports as message_edit with
// num_edit 0. (One of Meta's pages lists reactions among the opening actions, others do
// not; in the sandbox they open nothing.)
var MessageKinds = []string{"text", "postback", "quick_reply", "story_reply", "edit_zero", "reaction", "seen", "edit", "delete"}

// openingKinds is how many of MessageKinds, from the first, open the messaging window.
const openingKinds = 5

// MessageAttachments are what a message of the kind text can carry.
var MessageAttachments = []string{"photo", "video", "sticker", "gif", "audio", "file"}

// messageAttachments are the facts of MessageAttachments.
var messageAttachments = map[string]struct {
	webhookType string // in a webhook
	mime        string
	ending      string
	picture     bool // there is a still picture
}{
	"photo":   {"image", "image/png", ".png", true},
	"video":   {"video", "video/mp4", ".mp4", true},
	"sticker": {"image", "image/png", ".png", true},
	"gif":     {"image", "image/gif", ".gif", true},
	"audio":   {"audio", "audio/mp4", ".m4a", false},
	"file":    {"file", "application/pdf", ".pdf", false},
}

// NewMessage describes what a person does in the conversation with an account. A
// reaction, edit, deletion or read receipt is about the conversation's newest message,
// if there is one.
type NewMessage struct {
	Account  string `json:"account"`
	Username string `json:"username"`
	Kind     string `json:"kind"` // one of MessageKinds; empty is text
	Text     string `json:"text"`
	// Attachment is one of MessageAttachments, for the kind text. With words beside it the
	// person sends two messages, as Meta's apps do.
	Attachment string    `json:"attachment"`
	At         time.Time `json:"at"`    // its own time; zero is now
	NoWebhook  bool      `json:"quiet"` // no webhook: for SignedWebhook
	// Payload is what a postback or a quick reply carries, such as a tap on an ice breaker or
	// on what another app has sent; empty is POSTBACK and QUICK_REPLY. Tap is for what this
	// app has sent.
	Payload string `json:"payload"`
	// Anonymous is for edit_zero: the webhook has neither sender nor recipient nor text.
	Anonymous bool `json:"anonymous"`
}

// WriteMessage lets a person write to the account and returns the message's id, of two
// messages that of the words. The webhook is delivered afterwards.
func (s *Sandbox) WriteMessage(n NewMessage) (string, error) {
	if n.Kind == "" {
		n.Kind = "text"
	}
	switch _, known := messageAttachments[n.Attachment]; {
	case n.Attachment == "":
	case !known:
		return "", fmt.Errorf("attachment: %q is not a kind; write one of %v", n.Attachment, MessageAttachments)
	case n.Kind != "text":
		return "", fmt.Errorf("attachment: a message of the kind %s has none", n.Kind)
	case n.Text != "":
		words, attached := n, n
		words.Attachment, attached.Text = "", ""
		id, err := s.WriteMessage(words)
		if err == nil {
			_, err = s.WriteMessage(attached)
		}
		return id, err
	}
	if n.Payload != "" && n.Kind != "postback" && n.Kind != "quick_reply" {
		return "", fmt.Errorf("payload: a message of the kind %s has none", n.Kind)
	}
	kind := slices.Index(MessageKinds, n.Kind)
	if kind < 0 {
		return "", fmt.Errorf("kind: %q is not a kind of message; write one of %v", n.Kind, MessageKinds)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.account(n.Account)
	if err != nil {
		return "", err
	}
	p := s.person(a, usernameOrDefault(n.Username))
	m := &message{id: s.newMessageID(a.instagram()), person: p, sender: SenderPerson, kind: n.Kind, parts: parts{text: n.Text}, payload: n.Payload, attachment: n.Attachment, at: n.At, anonymous: n.Anonymous}
	if m.at.IsZero() {
		m.at = s.now()
	}
	if kind < openingKinds {
		if m.at.After(p.wroteAt) {
			p.wroteAt = m.at
		}
		s.appendMessage(m)
	} else if len(p.messages) > 0 {
		m.id = p.messages[len(p.messages)-1].id
	}
	s.logEvent("person", a.ID, m.id, "%s: %s %s", p.username, n.Kind, cmp.Or(n.Text, n.Attachment))
	if !n.NoWebhook {
		s.publish(s.messageItem(m))
	}
	return m.id, nil
}

// HumanReply answers a comment as a human does in Meta's own inbox, which uses up its
// one private reply. The webhook is an echo.
func (s *Sandbox) HumanReply(commentID, text string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.findComment(commentID)
	if c == nil {
		return "", fmt.Errorf("comment: %q is %w", commentID, ErrUnknown)
	}
	if why := s.refusalReason(c); why != "" {
		return "", errors.New(why)
	}
	return s.deliverReply(c, parts{text: text}, SenderHuman).id, nil
}

// HumanMessage sends a message to a person as a human does in Meta's own inbox. It
// opens no window.
func (s *Sandbox) HumanMessage(to Person, text string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.account(to.Account)
	if err != nil {
		return "", err
	}
	p := s.person(a, usernameOrDefault(to.Username))
	if refused := s.checkWindow(p, true); refused != nil {
		return "", errors.New(refused.text)
	}
	return s.deliverMessage(p, &message{sender: SenderHuman, kind: KindFollowUp, parts: parts{text: text}}).id, nil
}
