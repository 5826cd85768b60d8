package graph

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"time"

	"github.com/privatereply/privatereply"
)

// ConversationQuery says which conversations of an account to read.
type ConversationQuery struct {
	PersonID string // only the conversation with this person; empty for all
	Limit    int    // at most so many conversations; 0 for all
	// Since reads the messages of each conversation back to this time, over
	// several requests if need be. Zero reads the newest 25 or so.
	Since time.Time
	// UpdatedSince ends the list at the first conversation that has not changed since.
	UpdatedSince time.Time
	// BeforeRequest is called ahead of each request, if it is set: Meta allows two of them a
	// second. Its error ends the sequence, as it is.
	BeforeRequest func(ctx context.Context) error
}

// Conversation is one thread of an account's inbox.
type Conversation struct {
	ID           string // t_... on a Page
	UpdatedAt    time.Time
	Participants []Participant // the account is one of them
	Messages     []Message     // newest first
	// Complete says that Messages holds everything back to ConversationQuery.Since, or
	// the whole conversation, each with its sender and time: what is not there does not
	// exist. Instagram tells only about the 20 newest messages.
	Complete bool
}

// Participant is somebody in a conversation.
type Participant struct {
	ID   string
	Name string
}

// Message is one message of a conversation. Instagram tells only about the 20
// newest ones; the others come without text, sender and time.
type Message struct {
	ID     string
	FromID string
	ToIDs  []string // only from Client.Message
	Text   string
	At     time.Time // UTC, in whole seconds; zero if Meta did not say
}

// readable reports whether Meta tells what m is.
func (m Message) readable() bool { return m.ID != "" && m.FromID != "" && !m.At.IsZero() }

const (
	messageFields = "id,message,from,created_time"
	// messagePages bounds how far back one conversation is read, whatever Since says.
	messagePages = 8
)

// Conversations reads the account's conversations, newest first, as the caller asks
// for them. The sequence ends after its first error. Meta allows two of these
// requests a second for an account.
func (c *Client) Conversations(ctx context.Context, cred Credentials, q ConversationQuery) iter.Seq2[Conversation, error] {
	return func(yield func(Conversation, error) bool) {
		if q.BeforeRequest != nil {
			ctx = WithBeforeRequest(ctx, q.BeforeRequest)
		}
		count, seen := 0, cycleDetector{}
		for after := ""; ; {
			nodes, next, err := c.conversations(ctx, cred, q.PersonID, after)
			if err != nil {
				yield(Conversation{}, err)
				return
			}
			if seen.repeats(idsOf(nodes, func(n conversationNode) str { return n.ID })) {
				return
			}
			for _, n := range nodes {
				if !n.Updated.IsZero() && n.Updated.Before(q.UpdatedSince) {
					return
				}
				conversation, err := c.conversation(ctx, cred, n, q.Since)
				if !yield(conversation, err) || err != nil {
					return
				}
				if count++; count == q.Limit {
					return
				}
			}
			if next == "" || seen.repeatsCursor(next) {
				return
			}
			after = next
		}
	}
}

func (c *Client) conversations(ctx context.Context, cred Credentials, personID, after string) (nodes []conversationNode, next string, err error) {
	fixed, owner := url.Values{}, cred.Account.SendNode()
	if onInstagramHost(cred.Account) {
		owner = "me"
	}
	if cred.Account.Platform == privatereply.Instagram {
		fixed.Set("platform", "instagram")
	}
	if personID != "" {
		fixed.Set("user_id", personID)
	}
	fields := func(size int) string {
		messages := "messages"
		if size > 0 {
			messages = fmt.Sprintf("messages.limit(%d)", postSizes[size])
		}
		return "id,updated_time,participants," + messages + "{" + messageFields + "}"
	}
	nodes, next, _, err = readPage[conversationNode](ctx, c, cred,
		call{op: "read the conversations", path: []string{owner, "conversations"}, query: fixed},
		pageRequest{fields: []func(int) string{fields}, sizes: postSizes, after: after})
	return nodes, next, err
}

// conversation completes n with its older messages, back to since.
func (c *Client) conversation(ctx context.Context, cred Credentials, n conversationNode, since time.Time) (Conversation, error) {
	conv := Conversation{ID: string(n.ID), UpdatedAt: n.Updated.Time, Messages: toMessages(n.Messages.Data)}
	for _, p := range n.Participants.Data {
		conv.Participants = append(conv.Participants, Participant{ID: string(p.ID), Name: p.name()})
	}
	seen := cycleDetector{}
	seen.repeats(idsOf(n.Messages.Data, func(m messageNode) str { return m.ID }))
	after := n.Messages.after()
	for range messagePages {
		if since.IsZero() || after == "" || reachesBackTo(conv.Messages, since) {
			break
		}
		nodes, next, _, err := readPage[messageNode](ctx, c, cred,
			call{op: "read a conversation", path: []string{conv.ID, "messages"}},
			pageRequest{fields: sameFields(messageFields), sizes: defaultSizes, after: after})
		var e *Error
		if errors.As(err, &e) && e.Code == messageUnavailableCode {
			break // Instagram says so of everything older than it shows
		}
		if err != nil {
			return Conversation{}, err
		}
		if seen.repeats(idsOf(nodes, func(m messageNode) str { return m.ID })) {
			break
		}
		conv.Messages = append(conv.Messages, toMessages(nodes)...)
		after = next
	}
	conv.Complete = complete(conv.Messages, since, after == "")
	return conv, nil
}

// reachesBackTo reports whether messages, newest first, go back beyond since, or to where
// Meta tells no times any more.
func reachesBackTo(messages []Message, since time.Time) bool {
	if len(messages) == 0 {
		return false
	}
	return messages[len(messages)-1].At.Before(since)
}

// complete reports whether messages, newest first, go back beyond since, or to the
// beginning if they are all, and Meta tells about each of them.
func complete(messages []Message, since time.Time, all bool) bool {
	for _, m := range messages {
		switch {
		case !m.readable():
			return false
		case m.At.Before(since):
			return true
		}
	}
	return all
}

// Message reads one message, for a webhook that tells only its id. It counts as a
// request about conversations.
func (c *Client) Message(ctx context.Context, cred Credentials, id string) (Message, error) {
	var n struct {
		messageNode
		To page[object] `json:"to"`
	}
	if _, err := c.readNode(ctx, cred, "read a message", id, "id,created_time,from,to,message", &n); err != nil {
		return Message{}, err
	}
	m := toMessages([]messageNode{n.messageNode})[0]
	for _, to := range n.To.Data {
		m.ToIDs = append(m.ToIDs, string(to.ID))
	}
	return m, nil
}

func idsOf[T any](nodes []T, id func(T) str) []str {
	ids := make([]str, len(nodes))
	for i, n := range nodes {
		ids[i] = id(n)
	}
	return ids
}

type conversationNode struct {
	ID           str               `json:"id"`
	Updated      instant           `json:"updated_time"`
	Participants page[profile]     `json:"participants"`
	Messages     page[messageNode] `json:"messages"`
}

type messageNode struct {
	ID      str     `json:"id"`
	Text    str     `json:"message"`
	From    profile `json:"from"`
	Created instant `json:"created_time"`
}

func toMessages(nodes []messageNode) []Message {
	messages := make([]Message, len(nodes))
	for i, n := range nodes {
		messages[i] = Message{ID: string(n.ID), FromID: string(n.From.ID), Text: string(n.Text), At: n.Created.Time}
	}
	return messages
}
