package meta

import (
	"container/list"
	"fmt"
	"time"
)

// PersonState is why messages do or do not reach a person.
type PersonState string

// The states of a person.
const (
	PersonAvailable    PersonState = "available"
	PersonUnavailable  PersonState = "unavailable" // cannot be messaged at the moment
	PersonBlocked      PersonState = "blocked"     // has blocked the account
	PersonIsPage       PersonState = "page"        // is a Page: no private replies to Pages
	PersonWithOtherApp PersonState = "other_app"   // another app has taken the conversation
)

// person is somebody who comments or writes to one account.
type person struct {
	account     *account
	username    string
	id          string // as a commenter
	messagingID string // as a sender and recipient: differs only with SeparateMessagingIDs
	state       PersonState
	wroteAt     time.Time // newest message of theirs that opens the window
	threadID    string    // "" before the first message
	messages    []*message
	inThreads   *list.Element
}

// Sender says who wrote a message.
type Sender string

// Who writes messages: the person, the product through the API, somebody of the
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

// message is one line of a conversation.
type message struct {
	id        string
	person    *person
	by        Sender
	kind      string
	text      string
	commentID string // of a private reply
	tag       string
	anonymous bool // its webhook does not say who wrote it
	at        time.Time
	place     int // in person.messages
}

// Message is what a person's inbox shows.
type Message struct {
	ID        string    `json:"id"`
	Sender    Sender    `json:"by"`
	Kind      string    `json:"kind"`
	Text      string    `json:"text,omitempty"`
	CommentID string    `json:"comment_id,omitempty"` // the comment or visitor post that a private reply answers
	Tag       string    `json:"tag,omitempty"`
	At        time.Time `json:"at"`
}

// Person names somebody on one account's page.
type Person struct {
	Account  string `json:"account"`
	Username string `json:"username"`
}

// Inbox is the whole conversation between a person and the account, oldest first.
// It is empty for somebody who was never heard of.
func (s *Sandbox) Inbox(p Person) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.account(p.Account)
	if err != nil || a.people[p.Username] == nil {
		return nil
	}
	var box []Message
	for _, m := range a.people[p.Username].messages {
		box = append(box, m.shown())
	}
	return box
}

func (m *message) shown() Message {
	return Message{ID: m.id, Sender: m.by, Kind: m.kind, Text: m.text, CommentID: m.commentID, Tag: m.tag, At: m.at}
}

// PersonID is the id that messages to and from the person use.
func (s *Sandbox) PersonID(p Person) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.account(p.Account)
	if err != nil {
		return "", err
	}
	return s.person(a, p.Username).messagingID, nil
}

// SetPersonState changes how messages reach somebody.
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
	s.note("person", a.ID, p.Username, "%s is now: %s", p.Username, state)
	return nil
}

// person finds somebody, or lets them appear.
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

// record puts a message into the person's conversation, opening it if need be.
func (s *Sandbox) record(m *message) {
	p := m.person
	a := p.account
	if p.threadID == "" {
		p.threadID = s.threadID(a.instagram())
		s.threads[p.threadID] = p
		p.inThreads = a.threads.PushFront(p)
	} else {
		a.threads.MoveToFront(p.inThreads)
	}
	m.place = len(p.messages)
	p.messages = append(p.messages, m)
	s.messages[m.id] = m
	s.recent.person(p)
}
