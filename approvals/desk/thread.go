package desk

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/text/unicode/norm"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/graph"
	"github.com/privatereply/privatereply/internal/lookup"
	"github.com/privatereply/privatereply/internal/replies"
	"github.com/privatereply/privatereply/workflows"
)

const (
	// threadPatience is how long a page waits for the conversation. After it the page comes
	// without, and its script asks again.
	threadPatience = 2 * time.Second
	// sameMessage is the most by which Meta's time of a message and ours differ.
	sameMessage = 2 * time.Minute
)

// threadView is the conversation of a reply, as far as the desk can show it: Meta's messages,
// each of the account with who sent it, and what Temporal alone knows.
type threadView struct {
	Reply   string // its id
	Person  string // for people
	Entries []threadEntry
	Reads   bool   // the desk reads from Meta
	Reading bool   // Meta has not answered yet
	Error   string // why Meta's side is missing
	Partial bool   // there are earlier messages that are not shown
	Inbox   string // where the conversation is at Meta
	Seen    string // identifies what is shown
}

// threadEntry is one message of a conversation.
type threadEntry struct {
	Ours        bool
	At          time.Time
	Text        string
	Attachments []shownAttachment
	Kind        string // of ours: the private reply and so on
	By          string // of ours: who sent it
	Elsewhere   bool   // ours, but not by this product
	OtherReply  string // the id of another reply that this was
	State       string // of ours: pending, or an Outcome that is not sent
	Reason      privatereply.Reason
	Unread      bool // theirs, and their words are not known
	Tapped      bool // theirs: a tap; Text is the title, empty if it is not known
	Taps        []string
}

// Empty reports whether Meta shows nothing of the message to apps.
func (e threadEntry) Empty() bool {
	return e.Text == "" && len(e.Attachments) == 0 && !e.Unread && !e.Tapped
}

// shownAttachment is an attachment as a page shows it.
type shownAttachment struct {
	Label   string
	Name    string
	Picture string // the path of its picture at the desk; empty: there is none
	Link    string // to it at Meta; empty: it cannot be linked to
}

// partner is whom a conversation is with.
type partner struct {
	account privatereply.Account
	person  string
}

// partners remembers whom the conversations of replies are with, so that a page that renews
// itself asks Temporal no more than it must. A conversation keeps its person.
type partners struct {
	mu    sync.Mutex
	known map[string]partner // by reply
}

// maxPartners bounds the memory; beyond it all is forgotten, and asked for again.
const maxPartners = 4096

func (p *partners) get(reply string) (partner, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	found, ok := p.known[reply]
	return found, ok
}

func (p *partners) put(reply string, with partner) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known == nil || len(p.known) >= maxPartners {
		p.known = map[string]partner{}
	}
	p.known[reply] = with
}

// partner is whom the conversation of a reply is with.
func (d *Desk) partner(reply string, s workflows.PrivateReplyStatus) (partner, bool) {
	id, ok := replies.ConversationID(s)
	parsed, valid := privatereply.ParseID(id)
	if !ok || !valid {
		return partner{}, false
	}
	account, ok := d.Accounts.Get(s.Comment.Platform, s.Comment.Account)
	if !ok {
		account = privatereply.Account{Platform: s.Comment.Platform, ID: s.Comment.Account}
	}
	with := partner{account, parsed.Subject}
	d.partners.put(reply, with)
	return with, true
}

// readThread reads the conversation from Meta, at most as long as patience.
func (d *Desk) readThread(ctx context.Context, with partner, patience time.Duration) (lookup.Thread, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return d.Lookup.Thread(ctx, with.account, with.person)
}

// thread is the conversation of a reply for a page. The conversation of Temporal may be
// empty.
func (d *Desk) thread(ctx context.Context, reply string, s workflows.PrivateReplyStatus, conversation replies.Conversation, patience time.Duration) *threadView {
	v := &threadView{Reply: reply, Person: personName(s.Comment.Username), Inbox: s.Comment.Platform.Facts().InboxURL}
	ours := sentMessages(reply, s, conversation)
	with, known := d.partner(reply, s)
	if d.Lookup == nil || !known {
		v.Entries = withoutMeta(ours, conversation)
		v.Seen = v.digest()
		return v
	}
	v.Reads = true
	read, err := d.readThread(ctx, with, patience)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		v.Reading = true
		v.Entries = withoutMeta(ours, conversation)
	case err != nil:
		v.Error = lookup.Words(err)
		v.Entries = withoutMeta(ours, conversation)
	default:
		v.Inbox = cmp.Or(read.Link, v.Inbox)
		v.Partial = !read.Complete
		v.Entries = mergeThread(reply, read, ours, conversation)
	}
	v.Seen = seenOf(read, err)
	return v
}

// digest identifies what a view without Meta shows.
func (v *threadView) digest() string { return hashOf(len(v.Entries)) }

// seenOf identifies what was read: the page asks only for more than that.
func seenOf(t lookup.Thread, err error) string {
	parts := []any{lookup.Words(err)}
	for _, m := range t.Messages {
		parts = append(parts, m.ID, m.Text, len(m.Attachments))
	}
	return hashOf(parts...)
}

func hashOf(parts ...any) string {
	h := sha256.New()
	for _, part := range parts {
		fmt.Fprintf(h, "%d:%v\n", len(fmt.Sprint(part)), part)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// sentMessage is a message that this product sent, or tried to.
type sentMessage struct {
	id string // at Meta; empty: not known
	threadEntry
}

// sentMessages are the messages of this product in a conversation, in no order.
func sentMessages(reply string, s workflows.PrivateReplyStatus, c replies.Conversation) []sentMessage {
	first := sentMessage{threadEntry: threadEntry{Ours: true, Text: s.Text, Kind: "the private reply", By: s.Approver, At: s.DecidedAt, Taps: tapTitles(s.Message())}}
	if first.By == "" && s.Decision.Rule != "" {
		first.By = "rule “" + s.Decision.Rule + "”"
	}
	if s.Send != nil {
		first.id, first.At = s.Send.MessageID, cmp.Or(s.Send.SentAt, s.DecidedAt)
	}
	if s.State == privatereply.DeliveryUnknown {
		first.State = string(privatereply.OutcomeUnknown)
	}
	all := []sentMessage{first}
	for _, other := range c.Status.Replies {
		if other.Reply != reply {
			all = append(all, sentMessage{other.MessageID, threadEntry{Ours: true, At: other.SentAt, Kind: "the private reply to another comment", OtherReply: other.Reply}})
		}
	}
	known := map[string]bool{}
	for _, m := range c.Messages {
		if m.Agent == "" {
			continue
		}
		sent := sentMessage{threadEntry: threadEntry{Ours: true, At: m.At, Text: m.Text, By: m.Agent, State: "pending", Taps: m.Taps}}
		if m.Answer != nil {
			sent.id, sent.State, sent.Reason = m.Answer.MessageID, string(m.Answer.State), m.Answer.Reason
			known[sent.id] = true
		}
		all = append(all, sent)
	}
	// What runs before this one sent: without its text, which Meta has.
	for _, r := range c.Status.FollowUps {
		if r.MessageID != "" && !known[r.MessageID] {
			all = append(all, sentMessage{r.MessageID, threadEntry{Ours: true, At: r.At, By: r.Agent, State: string(r.State)}})
		}
	}
	all = append(all, tapAnswers(s, c)...)
	for i := range all {
		if all[i].State == string(privatereply.OutcomeSent) {
			all[i].State = ""
		}
	}
	return all
}

// tapTitles are the titles of what can be tapped in a message.
func tapTitles(m privatereply.Message) []string {
	var all []string
	for _, tap := range (shownMessage{Message: m}).Taps() {
		all = append(all, tap.Title)
	}
	return all
}

// tapAnswers are the messages that taps sent. The text of one is known if it was tapped in
// the private reply.
func tapAnswers(s workflows.PrivateReplyStatus, c replies.Conversation) []sentMessage {
	texts := map[string]string{}
	for _, tap := range s.Message().Taps(s.Comment.TapKey()) {
		texts[tap.Payload] = tap.Then
	}
	var all []sentMessage
	for _, t := range c.Status.Taps {
		if state := tapState(t); state == workflows.EffectSkipped {
			continue
		} else if state == workflows.EffectWaiting {
			t.State = "pending"
		}
		all = append(all, sentMessage{t.MessageID, threadEntry{
			Ours: true, At: cmp.Or(t.EndedAt, t.At), Text: texts[t.Payload], Kind: "sent by the tap on " + tapTitle(t), State: string(t.State), Reason: t.Reason,
		}})
	}
	return all
}

// taps are the taps of the person, of which Meta shows quick replies alone.
func taps(c replies.Conversation, isShown func(title string, at time.Time) bool) []threadEntry {
	var all []threadEntry
	for _, m := range c.Messages {
		if m.Tap != nil && !isShown(m.Tap.Title, m.At) {
			all = append(all, threadEntry{At: m.At, Tapped: true, Text: m.Tap.Title})
		}
	}
	return all
}

// withoutMeta is a conversation as Temporal knows it: without the person's words.
func withoutMeta(ours []sentMessage, c replies.Conversation) []threadEntry {
	var all []threadEntry
	for _, m := range ours {
		if m.Text != "" {
			all = append(all, m.threadEntry)
		}
	}
	for _, m := range c.Messages {
		if m.Agent == "" && m.Tap == nil {
			all = append(all, threadEntry{At: m.At, Unread: true})
		}
	}
	all = append(all, taps(c, func(string, time.Time) bool { return false })...)
	sortEntries(all)
	return all
}

func sortEntries(all []threadEntry) {
	slices.SortStableFunc(all, func(a, b threadEntry) int { return a.At.Compare(b.At) })
}

// mergeThread is Meta's conversation with who sent what of the account's messages, and with
// what Meta does not show: a send that is on its way or failed, an answer that it is late
// with.
func mergeThread(reply string, t lookup.Thread, ours []sentMessage, c replies.Conversation) []threadEntry {
	var all []threadEntry
	for _, m := range t.Messages {
		e := threadEntry{Ours: !m.FromPerson, At: m.At, Text: m.Text}
		for i, a := range m.Attachments {
			e.Attachments = append(e.Attachments, showAttachment(a, messagePictureURL(reply, m.ID, i)))
		}
		if e.Ours {
			if i := findSent(ours, m); i >= 0 {
				e.Kind, e.By, e.OtherReply, e.Taps = ours[i].Kind, ours[i].By, ours[i].OtherReply, ours[i].Taps
				e.Text = cmp.Or(e.Text, ours[i].Text) // Meta shows no text of a message with buttons
				ours = slices.Delete(ours, i, i+1)
			} else {
				e.Elsewhere = true
			}
		}
		all = append(all, e)
	}
	for _, m := range ours {
		if m.Text != "" {
			all = append(all, m.threadEntry)
		}
	}
	newest, _ := t.LastFromPerson()
	for _, m := range c.Messages {
		if m.Agent == "" && m.Tap == nil && m.At.After(newest.At.Add(sameMessage)) {
			all = append(all, threadEntry{At: m.At, Unread: true})
		}
	}
	all = append(all, taps(c, func(title string, at time.Time) bool {
		return slices.ContainsFunc(t.Messages, func(m lookup.Message) bool {
			return m.FromPerson && title != "" && sameText(m.Text, title) && m.At.Sub(at).Abs() <= sameMessage
		})
	})...)
	sortEntries(all)
	return all
}

// findSent finds which of ours a message of Meta's is: by its id, else by its text and time.
// It returns -1 if it is none.
func findSent(ours []sentMessage, m lookup.Message) int {
	if i := slices.IndexFunc(ours, func(s sentMessage) bool { return s.id != "" && s.id == m.ID }); i >= 0 {
		return i
	}
	return slices.IndexFunc(ours, func(s sentMessage) bool {
		return s.Text != "" && sameText(s.Text, m.Text) && m.At.Sub(s.At).Abs() <= sameMessage
	})
}

// sameText compares as a messenger may change a text.
func sameText(a, b string) bool {
	form := func(text string) string { return strings.TrimSpace(norm.NFC.String(normalizeNewlines(text))) }
	return form(a) == form(b)
}

func showAttachment(a lookup.Attachment, picture string) shownAttachment {
	shown := shownAttachment{Label: a.Label(), Name: a.Name, Link: privatereply.AttachmentURL(a.URL)}
	if a.PictureURL != "" {
		shown.Picture = picture
	}
	if a.Kind == graph.FileAttachment && shown.Name == "" {
		shown.Name = "without a name"
	}
	return shown
}

func messagePictureURL(reply, message string, index int) string {
	return fmt.Sprintf("/pictures/%s/message/%s/%d", url.PathEscape(reply), url.PathEscape(message), index)
}

// threadPart answers with the conversation alone, or with 204 if the page has seen all of it.
func (d *Desk) threadPart(w http.ResponseWriter, r *http.Request) {
	id, ctx := r.PathValue("id"), r.Context()
	seen := r.URL.Query().Get("seen")
	if with, known := d.partners.get(id); known && seen != "" && d.Lookup != nil && d.seesReply(ctx, id) {
		if read, err := d.readThread(ctx, with, lookupPatience); seenOf(read, err) == seen {
			w.WriteHeader(http.StatusNoContent)
			return
		}
	}
	s, err := d.Replies.Status(ctx, id)
	if err != nil || !s.State.MayHaveConversation() {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	var conversation replies.Conversation
	if key, ok := replies.ConversationID(s); ok {
		conversation, _ = d.Replies.Conversation(ctx, key) // without it nobody is named
	}
	d.render(w, http.StatusOK, "reply", "thread", d.thread(ctx, id, s, conversation, lookupPatience))
}
