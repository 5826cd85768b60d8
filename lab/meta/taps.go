package meta

import (
	"errors"
	"fmt"
	"time"
)

// NewTap describes a tap of a person on a button or a quick reply. The newest message of
// the account that has what is tapped is the one that is tapped.
type NewTap struct {
	Account string `json:"account"`
	Person  string `json:"person"`  // the id of messages, or the user name
	Payload string `json:"payload"` // what is tapped: its payload
	Title   string `json:"title"`   // or its title
	// MID says which mid the report of a button's tap carries, because Meta does not: empty is
	// a new one, "message" that of the message with the button, "none" none at all.
	MID       string    `json:"mid"`
	At        time.Time `json:"at"`    // its own time; zero is now
	NoWebhook bool      `json:"quiet"` // no webhook: for SignedWebhook
}

// Tap lets a person tap, and returns the id of the tap, or of the message that a quick
// reply sends. It opens the messaging window. A tap on a button that opens an address is
// reported to nobody: its id is empty, and it opens nothing.
func (s *Sandbox) Tap(n NewTap) (string, error) {
	if (n.Payload == "") == (n.Title == "") {
		return "", errors.New("payload, title: give one of them, of what is tapped")
	}
	if n.MID != "" && n.MID != "message" && n.MID != "none" {
		return "", fmt.Errorf("mid: %q is none of them; leave it out, or write message or none", n.MID)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.account(n.Account)
	if err != nil {
		return "", err
	}
	p := a.byMessaging[n.Person]
	if p == nil {
		p = a.people[n.Person]
	}
	if p == nil {
		return "", fmt.Errorf("person: %q is %w", n.Person, ErrUnknown)
	}
	if n.At.IsZero() {
		n.At = s.now()
	}
	for i := len(p.messages) - 1; i >= 0; i-- {
		m := p.messages[i]
		for _, b := range m.buttons {
			if n.isOn(b.Title, b.Payload) {
				return s.tapButton(m, b, n), nil
			}
		}
		for _, q := range m.quickReplies {
			switch {
			case !n.isOn(q.Title, q.Payload):
				continue
			case m.quickRepliesGone:
				return "", fmt.Errorf("%s: the quick replies of the message are gone, one was tapped", q.Title)
			case p.inRequests():
				return "", fmt.Errorf("%s: Message Requests does not show quick replies", q.Title)
			}
			m.quickRepliesGone = true
			return s.tapQuickReply(p, q, n), nil
		}
	}
	return "", fmt.Errorf("payload, title: %q is %w: no message to %s has it", n.Payload+n.Title, ErrUnknown, p.username)
}

// isOn reports whether the tap is on what has this title and payload.
func (n NewTap) isOn(title, payload string) bool {
	if n.Payload != "" {
		return payload == n.Payload
	}
	return title == n.Title
}

func (s *Sandbox) tapButton(on *message, b Button, n NewTap) string {
	p := on.person
	if b.URL != "" {
		s.logEvent("person", p.account.ID, on.id, "%s tapped %s, which opens %s", p.username, b.Title, b.URL)
		return ""
	}
	m := &message{id: s.newMessageID(p.account.instagram()), person: p, sender: SenderPerson, kind: "postback",
		parts: parts{text: b.Title}, payload: b.Payload, at: n.At, reportedMID: n.MID}
	if n.MID == "message" {
		m.reportedMID = on.id
	}
	s.personDid(m, n.NoWebhook)
	return m.id
}

func (s *Sandbox) tapQuickReply(p *person, q QuickReply, n NewTap) string {
	m := &message{id: s.newMessageID(p.account.instagram()), person: p, sender: SenderPerson, kind: "quick_reply",
		parts: parts{text: q.Title}, payload: q.Payload, at: n.At}
	s.personDid(m, n.NoWebhook)
	return m.id
}

// personDid adds what a person did to the conversation, which opens the messaging window.
func (s *Sandbox) personDid(m *message, quiet bool) {
	p := m.person
	if m.at.After(p.wroteAt) {
		p.wroteAt = m.at
	}
	s.appendMessage(m)
	s.logEvent("person", p.account.ID, m.id, "%s tapped %s", p.username, m.text)
	if !quiet {
		s.publish(s.messageItem(m))
	}
}
