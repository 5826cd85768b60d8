package replies

import (
	"context"
	"slices"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/workflows"
)

// Conversation is a conversation with one person: its window, and the messages that
// the workflow's history has. It holds no texts of the person: those stay at Meta.
type Conversation struct {
	ID       string
	Status   workflows.ConversationStatus
	Messages []Message
}

// Message is one message of a conversation.
type Message struct {
	At     time.Time
	Agent  string                    // the author; empty: the person
	Text   string                    // empty if the person wrote it
	Answer *workflows.FollowUpResult // how a follow-up ended; nil: it is on its way
	Tap    *workflows.TapStatus      // what the person tapped; nil: they wrote, or it was long ago
	// Taps are the titles of what the person can tap in a follow-up.
	Taps []string
}

// ConversationID is the workflow id of the conversation that a reply opened. The person is
// the recipient of the message, who on some accounts has another id than the commenter.
func ConversationID(s workflows.PrivateReplyStatus) (string, bool) {
	person := s.Comment.PersonID
	if s.Send != nil && s.Send.RecipientID != "" {
		person = s.Send.RecipientID
	}
	id, err := privatereply.ConversationID(s.Comment.Platform, s.Comment.Account, person)
	return id, err == nil
}

// ConversationStatus reads what the workflow knows of a conversation: its window and its
// replies.
func (c *Client) ConversationStatus(ctx context.Context, id string) (workflows.ConversationStatus, error) {
	return status[workflows.ConversationStatus](ctx, c, id, "conversation")
}

// Conversation reads a conversation. For one that never began, or is no longer kept,
// the error is an Error with the code NotFound.
func (c *Client) Conversation(ctx context.Context, id string) (Conversation, error) {
	conv := Conversation{ID: id}
	var err error
	if conv.Status, err = c.ConversationStatus(ctx, id); err != nil {
		return conv, err
	}
	h, err := c.readEvents(ctx, id)
	if err != nil {
		return conv, err
	}
	for _, d := range h.messages {
		switch d.Name {
		case workflows.PersonMessageSignal:
			var m workflows.PersonMessage
			if d.message(c, &m) == nil {
				said := Message{At: privatereply.MessageTime(m.At, d.At)}
				if i := slices.IndexFunc(conv.Status.Taps, func(t workflows.TapStatus) bool { return t.Payload == m.Payload }); i >= 0 {
					said.Tap = &conv.Status.Taps[i]
				}
				conv.Messages = append(conv.Messages, said)
			}
		case workflows.FollowUpUpdate:
			var m workflows.FollowUp
			if d.refused() || d.message(c, &m) != nil {
				continue
			}
			sent := Message{At: d.At, Agent: m.Agent, Text: m.Text}
			for _, b := range m.Buttons {
				sent.Taps = append(sent.Taps, b.Title)
			}
			for _, q := range m.QuickReplies {
				sent.Taps = append(sent.Taps, q.Title)
			}
			var answer workflows.FollowUpResult
			if d.Done && d.result(c, &answer) == nil {
				sent.Answer = &answer
			}
			conv.Messages = append(conv.Messages, sent)
		}
	}
	return conv, nil
}
