package meta

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// MessageKinds are the things that a person can do in a conversation. The first
// five open the messaging window; edit_zero is a message of which Meta tells with
// message_edit and num_edit 0. (Meta's pages also list reactions among the
// opening actions; other pages do not, so the sandbox does not let them.)
var MessageKinds = []string{"text", "postback", "quick_reply", "story_reply", "edit_zero", "reaction", "seen", "edit", "delete"}

const opening = 5

// NewMessage describes something that a person does in the conversation with an
// account. A reaction, edit, deletion or read receipt concerns the newest message
// there is, or none.
type NewMessage struct {
	Account   string    `json:"account"`
	Username  string    `json:"username"`
	Kind      string    `json:"kind"` // one of MessageKinds; empty is text
	Text      string    `json:"text"`
	At        time.Time `json:"at"`    // its own time; zero is now
	NoWebhook bool      `json:"quiet"` // no webhook: for SignedWebhook
	// Anonymous is for edit_zero: the webhook has neither sender nor recipient nor text.
	Anonymous bool `json:"anonymous"`
}

// WriteMessage lets a person write, and returns the message's id. The webhook is delivered
// afterwards.
func (s *Sandbox) WriteMessage(n NewMessage) (string, error) {
	if n.Kind == "" {
		n.Kind = "text"
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
	p := s.person(a, orSomeone(n.Username))
	m := &message{id: s.messageID(a.instagram()), person: p, by: SenderPerson, kind: n.Kind, text: n.Text, at: n.At, anonymous: n.Anonymous}
	if m.at.IsZero() {
		m.at = s.now()
	}
	if kind < opening {
		if m.at.After(p.wroteAt) {
			p.wroteAt = m.at
		}
		s.record(m)
	} else if len(p.messages) > 0 {
		m.id = p.messages[len(p.messages)-1].id
	}
	s.note("person", a.ID, m.id, "%s: %s %s", p.username, n.Kind, n.Text)
	if !n.NoWebhook {
		s.publish(s.messageItem(m))
	}
	return m.id, nil
}

// messageItem is the webhook about something that a person did.
func (s *Sandbox) messageItem(m *message) webhookItem {
	v, field := messagingItem{}, "messages"
	switch m.kind {
	case "text":
		v.Message = &messageBody{MID: m.id, Text: m.text}
	case "quick_reply":
		v.Message = &messageBody{MID: m.id, Text: m.text, QuickReply: &quickReply{Payload: "QUICK_REPLY"}}
	case "story_reply":
		v.Message = &messageBody{MID: m.id, Text: m.text, ReplyTo: &replyTo{Story: &story{
			URL: "https://www.example.com/stories/1", ID: scopedID("17", m.person.account.ID, "story"),
		}}}
	case "delete":
		v.Message = &messageBody{MID: m.id, IsDeleted: true}
	case "postback":
		field, v.Postback = "messaging_postbacks", &postback{MID: m.id, Title: m.text, Payload: "POSTBACK"}
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
	it := s.fromPerson(m.person, field, m.at, v)
	if m.anonymous && m.kind == "edit_zero" {
		it.value = &messagingItem{Timestamp: m.at.UnixMilli(), MessageEdit: &messageEdit{MID: m.id}}
	}
	return it
}

// HumanReply lets somebody of the business answer a comment in Meta's own inbox,
// which uses up its one private reply. The webhook is an echo.
func (s *Sandbox) HumanReply(commentID, text string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.find(commentID)
	if c == nil {
		return "", fmt.Errorf("comment: %q is %w", commentID, ErrUnknown)
	}
	if why := s.inWords(c); why != "" {
		return "", errors.New(why)
	}
	return s.deliverReply(c, text, SenderHuman).id, nil
}

// HumanMessage lets somebody of the business write to a person in Meta's own
// inbox. It opens no window.
func (s *Sandbox) HumanMessage(to Person, text string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.account(to.Account)
	if err != nil {
		return "", err
	}
	p := s.person(a, orSomeone(to.Username))
	if refused := s.windowVerdict(p, true); refused != nil {
		return "", errors.New(refused.text)
	}
	return s.send(p, &message{by: SenderHuman, kind: KindFollowUp, text: text}).id, nil
}
