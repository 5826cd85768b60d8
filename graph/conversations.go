package graph

import (
	"context"
	"errors"
	"iter"
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
}

// Conversation is one thread of an account's inbox.
type Conversation struct {
	ID           string // t_... on a Page
	UpdatedAt    time.Time
	Participants []Participant // the account is one of them
	Messages     []Message     // newest first
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
	ToIDs  []string // of Client.Message only
	Text   string
	At     time.Time // UTC, in whole seconds; zero if Meta did not say
}

const (
	conversationsPerPage = "25"
	messageFields        = "id,message,from,created_time"
	// messagePages bounds how far back one conversation is read, whatever Since says.
	messagePages = 8
)

// Conversations reads the account's conversations, newest first, as the caller asks
// for them. The sequence ends after its first error. Meta allows two of these
// requests a second for an account.
func (c *Client) Conversations(ctx context.Context, cred Credentials, q ConversationQuery) iter.Seq2[Conversation, error] {
	return func(yield func(Conversation, error) bool) {
		count := 0
		for after := ""; ; {
			nodes, next, _, err := list[conversationNode](ctx, c, cred, conversationsCall(cred.Account, q.PersonID, after))
			if err != nil {
				yield(Conversation{}, err)
				return
			}
			for _, n := range nodes {
				conversation, err := c.conversation(ctx, cred, n, q.Since)
				if !yield(conversation, err) || err != nil {
					return
				}
				if count++; count == q.Limit {
					return
				}
			}
			if next == "" {
				return
			}
			after = next
		}
	}
}

func conversationsCall(account privatereply.Account, personID, after string) call {
	query := fields("id,updated_time,participants,messages{"+messageFields+"}", conversationsPerPage, after)
	owner := account.SendNode()
	if onInstagramHost(account) {
		owner = "me"
	}
	if account.Platform == privatereply.Instagram {
		query.Set("platform", "instagram")
	}
	if personID != "" {
		query.Set("user_id", personID)
	}
	return call{op: "read the conversations", path: []string{owner, "conversations"}, query: query}
}

// conversation completes n with its older messages, back to since.
func (c *Client) conversation(ctx context.Context, cred Credentials, n conversationNode, since time.Time) (Conversation, error) {
	conv := Conversation{ID: string(n.ID), UpdatedAt: n.Updated.Time, Messages: messagesOf(n.Messages.Data)}
	for _, p := range n.Participants.Data {
		conv.Participants = append(conv.Participants, Participant{ID: string(p.ID), Name: p.name()})
	}
	after := n.Messages.after()
	for range messagePages {
		if since.IsZero() || after == "" || reaches(conv.Messages, since) {
			break
		}
		nodes, next, _, err := list[messageNode](ctx, c, cred, call{
			op: "read a conversation", path: []string{conv.ID, "messages"}, query: fields(messageFields, "", after),
		})
		var e *Error
		if errors.As(err, &e) && e.Code == messageGone {
			break // Instagram says so of everything older than it shows
		}
		if err != nil {
			return Conversation{}, err
		}
		conv.Messages = append(conv.Messages, messagesOf(nodes)...)
		after = next
	}
	return conv, nil
}

// reaches reports whether messages, newest first, go back beyond since.
func reaches(messages []Message, since time.Time) bool {
	if len(messages) == 0 {
		return false
	}
	return messages[len(messages)-1].At.Before(since)
}

type conversationNode struct {
	ID           str               `json:"id"`
	Updated      instant           `json:"updated_time"`
	Participants page[person]      `json:"participants"`
	Messages     page[messageNode] `json:"messages"`
}

type messageNode struct {
	ID      str     `json:"id"`
	Text    str     `json:"message"`
	From    person  `json:"from"`
	Created instant `json:"created_time"`
}

func messagesOf(nodes []messageNode) []Message {
	messages := make([]Message, len(nodes))
	for i, n := range nodes {
		messages[i] = Message{ID: string(n.ID), FromID: string(n.From.ID), Text: string(n.Text), At: n.Created.Time}
	}
	return messages
}
