package graph

import (
	"context"
	"encoding/json"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/metajson"
)

// Recipient is the comment, or the post of a visitor on a Page, that a private
// reply answers. Exactly one of its ids is set, spelt as Meta sent it.
type Recipient struct {
	CommentID string
	PostID    string
}

// OutgoingMessage is what one send brings: a text, and what the person can tap under it.
// With buttons it goes out as Meta's button template. The caller checks it against Meta's
// limits.
type OutgoingMessage struct {
	Text         string
	Buttons      []MessageButton
	QuickReplies []MessageQuickReply
}

// MessageButton opens URL, or is a tap that Meta reports with Payload: one of them is set.
type MessageButton struct{ Title, URL, Payload string }

// MessageQuickReply is an answer that Meta reports with Payload.
type MessageQuickReply struct{ Title, Payload string }

// SendResult is Meta's confirmation that it took a message.
type SendResult struct {
	RecipientID string // the person's id in messages; empty if Meta did not say
	MessageID   string
	SentAt      time.Time // just before the request was written, UTC
	Usage       Usage
}

// messageBody is the body of a send. Its fields stand in the order of Meta's samples.
type messageBody struct {
	Recipient     recipientBody `json:"recipient"`
	Message       contentBody   `json:"message"`
	MessagingType string        `json:"messaging_type,omitempty"`
	Tag           string        `json:"tag,omitempty"`
}

type recipientBody struct {
	ID        string `json:"id,omitempty"`
	CommentID string `json:"comment_id,omitempty"`
	PostID    string `json:"post_id,omitempty"`
}

// contentBody is a text or a template, never both: Meta refuses a text beside an
// attachment.
type contentBody struct {
	Text         string           `json:"text,omitempty"`
	Attachment   *templateBody    `json:"attachment,omitempty"`
	QuickReplies []quickReplyBody `json:"quick_replies,omitempty"`
}

type templateBody struct {
	Type    string             `json:"type"`
	Payload buttonTemplateBody `json:"payload"`
}

type buttonTemplateBody struct {
	TemplateType string       `json:"template_type"`
	Text         string       `json:"text"`
	Buttons      []buttonBody `json:"buttons"`
}

type buttonBody struct {
	Type    string `json:"type"`
	Title   string `json:"title"`
	URL     string `json:"url,omitempty"`
	Payload string `json:"payload,omitempty"`
}

type quickReplyBody struct {
	ContentType string `json:"content_type"`
	Title       string `json:"title"`
	Payload     string `json:"payload"`
}

func (m OutgoingMessage) body() contentBody {
	var b contentBody
	for _, q := range m.QuickReplies {
		b.QuickReplies = append(b.QuickReplies, quickReplyBody{"text", q.Title, q.Payload})
	}
	if len(m.Buttons) == 0 {
		b.Text = m.Text
		return b
	}
	template := buttonTemplateBody{TemplateType: "button", Text: m.Text}
	for _, button := range m.Buttons {
		kind := "postback"
		if button.URL != "" {
			kind = "web_url"
		}
		template.Buttons = append(template.Buttons, buttonBody{kind, button.Title, button.URL, button.Payload})
	}
	b.Attachment = &templateBody{"template", template}
	return b
}

// SendPrivateReply sends the one private reply that Meta allows to r, with one
// request. A repeat cannot deliver a second one: Meta answers AlreadyReplied or
// NotRepliableOrReplied. Where Meta refuses buttons it does not fall back to another
// message.
func (c *Client) SendPrivateReply(ctx context.Context, cred Credentials, r Recipient, m OutgoingMessage) (SendResult, error) {
	const op = "private reply"
	if (r.CommentID == "") == (r.PostID == "") {
		return SendResult{}, Error{Op: op}.classified(Final, privatereply.BadRequest, "a private reply needs either a comment id or a post id")
	}
	return c.send(ctx, cred, op, messageBody{
		Recipient:     recipientBody{CommentID: r.CommentID, PostID: r.PostID},
		Message:       m.body(),
		MessagingType: messagingType(cred.Account),
	})
}

// SendMessage sends a follow-up to a person, with one request. Meta does not guard
// it: repeat it only after an Error whose MayHaveDelivered is false. With
// humanAgent it carries the tag that opens seven days instead of 24 hours, which
// Meta grants to what a person wrote and to nothing else.
func (c *Client) SendMessage(ctx context.Context, cred Credentials, personID string, m OutgoingMessage, humanAgent bool) (SendResult, error) {
	const op = "follow-up"
	if personID == "" {
		return SendResult{}, Error{Op: op}.classified(Final, privatereply.BadRequest, "a follow-up needs a person's id")
	}
	body := messageBody{
		Recipient:     recipientBody{ID: personID},
		Message:       m.body(),
		MessagingType: messagingType(cred.Account),
	}
	if humanAgent {
		body.MessagingType, body.Tag = "MESSAGE_TAG", "HUMAN_AGENT"
	}
	return c.send(ctx, cred, op, body)
}

// messagingType is the messaging_type of a message that answers a person. Meta's
// reference demands it; the samples for graph.instagram.com never have it.
func messagingType(account privatereply.Account) string {
	if onInstagramHost(account) {
		return ""
	}
	return "RESPONSE"
}

func (c *Client) send(ctx context.Context, cred Credentials, op string, m messageBody) (SendResult, error) {
	a, err := c.call(ctx, cred, call{op: op, path: []string{cred.Account.SendNode(), "messages"}, json: m, limit: nodeLimit})
	if err != nil {
		return SendResult{}, err
	}
	var ids struct {
		Recipient metajson.String `json:"recipient_id"`
		Message   metajson.String `json:"message_id"`
	}
	if json.Unmarshal(a.body, &ids) != nil || ids.Message == "" {
		return SendResult{}, a.unreadable("the answer is a success without a message id")
	}
	return SendResult{RecipientID: string(ids.Recipient), MessageID: string(ids.Message), SentAt: a.sentAt(), Usage: a.usage()}, nil
}

// ReplyInConversation sends a follow-up into a conversation of a Page, for a person
// whose id is not known. Prefer SendMessage; a repeat is as unsafe as there.
func (c *Client) ReplyInConversation(ctx context.Context, cred Credentials, conversationID, text string) (SendResult, error) {
	a, err := c.call(ctx, cred, call{
		op:    "reply in a conversation",
		path:  []string{conversationID, "messages"},
		json:  conversationBody{Message: text},
		limit: nodeLimit,
	})
	if err != nil {
		return SendResult{}, err
	}
	var sent struct {
		ID metajson.String `json:"id"`
	}
	if json.Unmarshal(a.body, &sent) != nil || sent.ID == "" {
		return SendResult{}, a.unreadable("the answer is a success without a message id")
	}
	return SendResult{MessageID: string(sent.ID), SentAt: a.sentAt(), Usage: a.usage()}, nil
}

type conversationBody struct {
	Message string `json:"message"`
}
