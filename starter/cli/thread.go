package cli

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/graph"
	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/internal/console"
	"github.com/privatereply/privatereply/internal/lookup"
	"github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/workflows"
)

// shownReply is a reply's status with the conversation at Meta.
type shownReply struct {
	workflows.PrivateReplyStatus
	Thread      *thread `json:"thread,omitempty"`
	ThreadError string  `json:"thread_error,omitempty"` // why there is none
}

// thread is a conversation in its own words. Nothing of it is kept.
type thread struct {
	PersonID string          `json:"person_id"`
	Name     string          `json:"name,omitempty"`
	Messages []threadMessage `json:"messages"` // the oldest first
	Complete bool            `json:"complete"` // it begins with the first message
	Link     string          `json:"link,omitempty"`
	ReadAt   time.Time       `json:"read_at"`
}

type threadMessage struct {
	ID          string               `json:"id"`
	At          time.Time            `json:"at"`
	FromPerson  bool                 `json:"from_person"`
	By          string               `json:"by,omitempty"`        // who sent it with this product
	Elsewhere   bool                 `json:"elsewhere,omitempty"` // the account's, but not from this product
	Text        string               `json:"text,omitempty"`
	Attachments []attachmentOfThread `json:"attachments,omitempty"`
}

type attachmentOfThread struct {
	Kind string `json:"kind"`
	URL  string `json:"url,omitempty"`
	Name string `json:"name,omitempty"`
}

// readThread reads the conversation of a reply from Meta. Without one both results are empty;
// why it cannot be read is said in words.
func (s *Session) readThread(ctx context.Context, status workflows.PrivateReplyStatus) (_ *thread, why string) {
	if !status.State.MayHaveConversation() {
		return nil, ""
	}
	id, ok := replies.ConversationID(status)
	parsed, valid := privatereply.ParseID(id)
	if !ok || !valid {
		return nil, "Meta did not say whom the conversation is with."
	}
	accounts, err := config.OpenAccounts(s.settings.Accounts)
	if err != nil {
		return nil, "The accounts file cannot be read here: " + err.Error()
	}
	meta, err := graph.New(graph.Options{FacebookURL: s.settings.FacebookURL, InstagramURL: s.settings.InstagramURL, Version: s.settings.Version})
	if err != nil {
		return nil, err.Error()
	}
	account := privatereply.Account{Platform: status.Comment.Platform, ID: status.Comment.Account}
	var read lookup.Thread
	err = retryThrottled(ctx, func() (err error) {
		// A reader believes a refusal for a while: each try has one of its own.
		read, err = lookup.New(meta, accounts).Thread(ctx, account, parsed.Subject)
		return err
	})
	if err != nil {
		return nil, lookup.Words(err) + " Look into the account's inbox: " + status.Comment.Platform.Facts().InboxURL
	}
	conversation, _ := s.replies.ConversationStatus(ctx, id) // without it only the private reply has a name
	return newThread(read, status, conversation), ""
}

// newThread is t with who sent which of the account's messages.
func newThread(t lookup.Thread, status workflows.PrivateReplyStatus, c workflows.ConversationStatus) *thread {
	by := map[string]string{}
	for _, r := range c.Replies {
		by[r.MessageID] = r.Reply
	}
	for _, f := range c.FollowUps {
		by[f.MessageID] = f.Agent
	}
	for _, tap := range c.Taps {
		by[tap.MessageID] = "the tap on " + cmp.Or(tap.Title, "a button")
	}
	own := ""
	if status.Send != nil {
		own = status.Send.MessageID
		by[own] = cmp.Or(status.Approver, "rule "+status.Decision.Rule)
	}
	delete(by, "")
	shown := &thread{PersonID: t.PersonID, Name: cmp.Or(t.PersonName, status.Comment.Username), Messages: []threadMessage{}, Complete: t.Complete, Link: t.Link, ReadAt: t.ReadAt}
	for _, m := range t.Messages {
		message := threadMessage{ID: m.ID, At: m.At, FromPerson: m.FromPerson, Text: m.Text}
		if !m.FromPerson {
			sender, ours := by[m.ID]
			message.By, message.Elsewhere = sender, !ours
			if m.ID == own && m.Text == "" {
				message.Text = status.Text // Meta shows no text of a message with buttons
			}
		}
		for _, a := range m.Attachments {
			message.Attachments = append(message.Attachments, attachmentOfThread{a.Label(), a.URL, a.Name})
		}
		shown.Messages = append(shown.Messages, message)
	}
	return shown
}

// describeThread lists the messages, the oldest first.
func describeThread(f *console.Facts, t *thread, why string, now time.Time) {
	if why != "" {
		f.Add("Thread", "not read. %s", why)
		return
	}
	if t == nil {
		return
	}
	label := "Thread"
	add := func(format string, args ...any) {
		f.Add(label, format, args...)
		label = ""
	}
	if !t.Complete {
		add("the newest messages; earlier ones are in the account's inbox")
	}
	if len(t.Messages) == 0 {
		add("Meta shows no message")
	}
	for _, m := range t.Messages {
		who := "the account, sent elsewhere"
		switch {
		case m.FromPerson:
			who = cmp.Or(t.Name, "the person")
		case m.By != "":
			who = "the account, by " + m.By
		}
		text := "(no text)"
		if m.Text != "" {
			text = "“" + m.Text + "”"
		}
		if m.Text != "" || len(m.Attachments) == 0 {
			add("%s, %s: %s", console.FormatTime(m.At, now), who, text)
		} else {
			add("%s, %s", console.FormatTime(m.At, now), who)
		}
		for _, a := range m.Attachments {
			f.AddUnwrapped("", strings.TrimSpace("with a "+a.Kind+" "+a.Name+" "+a.URL))
		}
	}
}
