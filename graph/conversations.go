package graph

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/metajson"
)

// ConversationQuery selects conversations of an account.
type ConversationQuery struct {
	PersonID string // only the conversation with this person; empty for all
	Limit    int    // at most so many conversations; 0 for all
	// Since reads the messages of each conversation back to this time, over
	// several requests if need be. Zero reads the newest 25 or so.
	Since time.Time
	// UpdatedSince ends the list at the first conversation that has not changed since.
	UpdatedSince time.Time
	// Attachments asks for what is attached to the messages as well. Where Meta refuses
	// that, the messages come without.
	Attachments bool
	// MessageLimit is how many messages of each conversation come, at most, and then 50
	// conversations at once; 0: as many as Meta gives, and 25 at once.
	MessageLimit int
	// BeforeRequest is called ahead of each request, if it is set: Meta allows two of them a
	// second. Its error ends the sequence, as it is.
	BeforeRequest func(ctx context.Context) error
}

// Conversation is one conversation of an account's inbox.
type Conversation struct {
	ID           string // t_... on a Page
	UpdatedAt    time.Time
	Participants []Participant // the account is one of them
	Messages     []Message     // newest first
	// Link leads to it in the Page's inbox; empty on Instagram, and without
	// ConversationQuery.Attachments. It is foreign input.
	Link string
	// Complete is true if Messages holds every message back to ConversationQuery.Since, or
	// to the beginning, each with its sender and time: a message that is missing then does
	// not exist. Instagram shows only the 20 newest messages.
	Complete bool
}

// Participant is somebody in a conversation.
type Participant struct {
	ID   string
	Name string
}

// Message is one message of a conversation. Instagram shows only the 20 newest ones;
// the others come without text, sender and time.
type Message struct {
	ID     string
	FromID string
	ToIDs  []string // only from Client.Message
	// Text of a message with buttons comes only from Facebook, and with
	// ConversationQuery.Attachments only; Template says that it did.
	Text     string
	Template bool
	At       time.Time // UTC, in whole seconds; zero if Meta did not say
	// Attachments come with ConversationQuery.Attachments only.
	Attachments []MessageAttachment
}

// readable reports whether Meta gave the sender and the time of m.
func (m Message) readable() bool { return m.ID != "" && m.FromID != "" && !m.At.IsZero() }

const (
	messageFields = "id,message,from,created_time"
	// messagePages bounds how many more pages of one conversation are read.
	messagePages = 8
)

// Conversations reads the account's conversations, newest first, page by page as the
// caller iterates. The sequence ends after its first error. Meta allows two of these
// requests a second for an account.
func (c *Client) Conversations(ctx context.Context, cred Credentials, q ConversationQuery) iter.Seq2[Conversation, error] {
	return func(yield func(Conversation, error) bool) {
		if q.BeforeRequest != nil {
			ctx = WithBeforeRequest(ctx, q.BeforeRequest)
		}
		count := 0
		for p, err := range c.conversationPages(ctx, cred, q) {
			if errors.Is(err, errCycle) {
				return
			}
			if err != nil {
				yield(Conversation{}, err)
				return
			}
			for _, n := range p.Data {
				if !n.Updated.IsZero() && n.Updated.Before(q.UpdatedSince) {
					return
				}
				conversation, err := c.conversation(ctx, cred, n, q)
				if !yield(conversation, err) || err != nil {
					return
				}
				if count++; count == q.Limit {
					return
				}
			}
		}
	}
}

func (c *Client) conversationPages(ctx context.Context, cred Credentials, q ConversationQuery) iter.Seq2[page[conversationNode], error] {
	fixed, owner := url.Values{}, cred.Account.SendNode()
	if onInstagramHost(cred.Account) {
		owner = "me"
	}
	if cred.Account.Platform == privatereply.Instagram {
		fixed.Set("platform", "instagram")
	}
	if q.PersonID != "" {
		fixed.Set("user_id", q.PersonID)
	}
	op, messages, conversation := "read the conversations", []string{messageFields}, []string{"id,updated_time,participants"}
	if q.Attachments {
		op, messages, conversation = "read the conversations with attachments", attachedFields(cred.Account.Platform), linkedConversation(cred.Account.Platform)
	}
	sizes := postSizes
	if q.MessageLimit > 0 {
		op, sizes = op+", a few messages of each", commentSizes
	}
	fields := make([]func(int) string, len(messages))
	for i, names := range messages {
		fields[i] = func(size int) string {
			limit := q.MessageLimit
			if size > 0 && (limit == 0 || limit > sizes[size]) {
				limit = sizes[size]
			}
			edge := "messages"
			if limit > 0 {
				edge = fmt.Sprintf("messages.limit(%d)", limit)
			}
			return conversation[i] + "," + edge + "{" + names + "}"
		}
	}
	return readPages[conversationNode](ctx, c, cred,
		call{op: op, path: []string{owner, "conversations"}, query: fixed},
		pageRequest{fields: fields, sizes: sizes}, cycleDetector{})
}

// conversation completes n with its older messages, back to q.Since.
func (c *Client) conversation(ctx context.Context, cred Credentials, n conversationNode, q ConversationQuery) (Conversation, error) {
	since := q.Since
	conv := Conversation{ID: string(n.ID), UpdatedAt: n.Updated.Time, Link: string(n.Link), Messages: toMessages(n.Messages.Data)}
	for _, p := range n.Participants.Data {
		conv.Participants = append(conv.Participants, Participant{ID: string(p.ID), Name: p.name()})
	}
	after := n.Messages.after()
	if !since.IsZero() && after != "" && !reachesBackTo(conv.Messages, since) {
		var err error
		if after, err = c.olderMessages(ctx, cred, &conv, n.Messages, q); err != nil {
			return Conversation{}, err
		}
	}
	conv.Complete = complete(conv.Messages, since, after == "")
	return conv, nil
}

// olderMessages adds to conv the messages that follow the page first, back to q.Since or
// as far as Meta shows them. It returns the cursor of what is left, empty if nothing is.
func (c *Client) olderMessages(ctx context.Context, cred Credentials, conv *Conversation, first page[messageNode], q ConversationQuery) (after string, err error) {
	after = first.after()
	op, fields := "read a conversation", sameFields(messageFields)
	if q.Attachments {
		op, fields = op+" with attachments", nil
		for _, names := range attachedFields(cred.Account.Platform) {
			fields = append(fields, sameFields(names)...)
		}
	}
	seen := cycleDetector{}
	repeats(seen, first.Data)
	pages := 0
	for p, err := range readPages[messageNode](ctx, c, cred,
		call{op: op, path: []string{conv.ID, "messages"}},
		pageRequest{fields: fields, sizes: defaultSizes, after: after}, seen) {
		var e *Error
		if errors.Is(err, errCycle) || errors.As(err, &e) && e.Code == messageUnavailableCode {
			break // Instagram says so of everything older than it shows
		}
		if err != nil {
			return "", err
		}
		conv.Messages = append(conv.Messages, toMessages(p.Data)...)
		after = p.after()
		if pages++; pages == messagePages || reachesBackTo(conv.Messages, q.Since) {
			break
		}
	}
	return after, nil
}

// reachesBackTo reports whether messages, newest first, go back beyond since, or to those
// whose times Meta does not show.
func reachesBackTo(messages []Message, since time.Time) bool {
	if len(messages) == 0 {
		return false
	}
	return messages[len(messages)-1].At.Before(since)
}

// complete reports whether messages, newest first, go back beyond since, or are all there
// are, and each of them is readable.
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

// Message reads one message by its id, for a webhook that has nothing else. Meta counts
// it as a request about conversations.
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

type conversationNode struct {
	ID           metajson.String   `json:"id"`
	Updated      metajson.Time     `json:"updated_time"`
	Link         metajson.Text     `json:"link"`
	Participants page[profile]     `json:"participants"`
	Messages     page[messageNode] `json:"messages"`
}

type messageNode struct {
	ID      metajson.String `json:"id"`
	Text    metajson.String `json:"message"`
	From    profile         `json:"from"`
	Created metajson.Time   `json:"created_time"`
	messageContent
}

func (n conversationNode) itemID() metajson.String { return n.ID }
func (n messageNode) itemID() metajson.String      { return n.ID }

func toMessages(nodes []messageNode) []Message {
	messages := make([]Message, len(nodes))
	for i, n := range nodes {
		messages[i] = Message{ID: string(n.ID), FromID: string(n.From.ID), Text: string(n.Text), At: n.Created.Time, Attachments: n.attachments()}
		if title := n.templateText(); n.Text == "" && title != "" {
			messages[i].Text, messages[i].Template = title, true
		}
	}
	return messages
}

// MessageCriteria describe a message that may have been delivered although its send got
// no answer.
type MessageCriteria struct {
	SenderIDs  []string  // the ids that the account has in its conversations
	Text       string    // as it was sent
	Since      time.Time // not earlier. Graph's times are whole seconds: allow for that
	ExcludeIDs []string  // ids of messages that other replies sent
}

// FindMessage finds the message that meets s among messages, in any order. A text that is
// equal to the letter goes before one that Meta trimmed or normalised, and of several
// equal ones the oldest is returned. A message without a sender or time never meets s.
func FindMessage(messages []Message, s MessageCriteria) (Message, bool) {
	var best Message
	var exact, found bool
	for _, m := range messages {
		if !s.sent(m) {
			continue
		}
		same := m.Text == s.Text
		if !SameText(m.Text, s.Text) {
			continue
		}
		if !found || same && !exact || same == exact && m.At.Before(best.At) {
			best, exact, found = m, same, true
		}
	}
	return best, found
}

// sent reports whether m is of the account, of the time in question, and nobody else's.
func (s MessageCriteria) sent(m Message) bool {
	return m.ID != "" && !m.At.IsZero() && !m.At.Before(s.Since) &&
		m.FromID != "" && slices.Contains(s.SenderIDs, m.FromID) && !slices.Contains(s.ExcludeIDs, m.ID)
}

// AnyUnreadable reports whether one of messages may be the one that s describes, although
// it does not meet s: Meta shows a message with buttons without its text, or with the
// beginning of it.
func AnyUnreadable(messages []Message, s MessageCriteria) bool {
	return slices.ContainsFunc(messages, func(m Message) bool {
		return s.sent(m) && (m.Text == "" || m.Template && strings.HasPrefix(normalize(s.Text), normalize(strings.TrimRight(m.Text, ".…"))))
	})
}

// SameText reports whether shown may be what Meta made of sent: it trims and normalises.
func SameText(shown, sent string) bool {
	return shown == sent || normalize(shown) == normalize(sent)
}

// normalize returns text as a messenger may change it: in NFC, with \n as line ends,
// without space around it.
func normalize(text string) string {
	return strings.TrimSpace(norm.NFC.String(strings.ReplaceAll(text, "\r\n", "\n")))
}
