package replies

import (
	"context"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/workflows"
)

// Conversation is a conversation: its window, and what was said in it as far as history
// has it. The person's own words are Meta's; here they are only counted.
type Conversation struct {
	ID       string
	Status   workflows.ConversationStatus
	Messages []Message
}

// Message is one message of a conversation.
type Message struct {
	At     time.Time
	Agent  string                    // who wrote it; empty: the person
	Text   string                    // empty: the person's
	Answer *workflows.FollowUpResult // how a follow-up ended; nil: it is on its way
}

// ConversationID is the workflow id of the conversation that a reply opened: with
// the one who got the message, who has another id than the commenter on some
// accounts.
func ConversationID(s workflows.PrivateReplyStatus) (string, bool) {
	person := s.Comment.PersonID
	if s.Send != nil && s.Send.RecipientID != "" {
		person = s.Send.RecipientID
	}
	id, err := privatereply.ConversationID(s.Comment.Platform, s.Comment.Account, person)
	return id, err == nil
}

// Conversation reads a conversation. One that never began, or is no longer kept, is a
// Refusal of the kind NotFound.
func (c *Client) Conversation(ctx context.Context, id string) (Conversation, error) {
	t := Conversation{ID: id}
	var err error
	if t.Status, err = c.ConversationStatus(ctx, id); err != nil {
		return t, err
	}
	r, err := c.history(ctx, id)
	if err != nil {
		return t, err
	}
	for _, d := range r.messages {
		switch d.Name {
		case workflows.PersonMessageSignal:
			var m workflows.PersonMessage
			if d.message(c, &m) == nil {
				t.Messages = append(t.Messages, Message{At: privatereply.MessageTime(m.At, d.At)})
			}
		case workflows.FollowUpUpdate:
			var m workflows.FollowUp
			if d.refused() || d.message(c, &m) != nil {
				continue
			}
			line := Message{At: d.At, Agent: m.Agent, Text: m.Text}
			var answer workflows.FollowUpResult
			if d.Done && d.result(c, &answer) == nil {
				line.Answer = &answer
			}
			t.Messages = append(t.Messages, line)
		}
	}
	return t, nil
}
