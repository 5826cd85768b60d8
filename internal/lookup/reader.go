// Package lookup reads from Meta for people who look: conversations in their own words,
// the post above a comment, the comment above a comment. Nothing of it is kept but a cache
// of seconds, of minutes for posts. Reads are paced for each account, because Meta allows
// two of them a second, and people who look at the same thing share one read.
//
// It is not for workflows: what they decide by is read by package activities, with the
// patience that this package has not.
package lookup

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/graph"
	"github.com/privatereply/privatereply/internal/config"
)

// Accounts is the accounts file with its secrets; *config.Accounts in the programs.
type Accounts interface {
	Get(p privatereply.Platform, id string) (privatereply.Account, bool)
	Secrets(p privatereply.Platform, id string) (config.Secrets, error)
}

// How long an answer is believed, and how many are kept. The oldest make room.
const (
	threadTTL  = 5 * time.Second
	latestTTL  = 15 * time.Second
	commentTTL = 10 * time.Second // whether it is hidden changes with a click
	contentTTL = 10 * time.Minute
	failureTTL = 10 * time.Second // of a failed read: a page that renews itself asks no more often

	maxThreads = 256
	maxLatest  = 64
	maxPosts   = 1024
)

// Bounds of LatestThreads.
const (
	latestConversations = 50
	latestMessages      = 5
	// latestRequests is what it may cost, with those that Meta refuses for their size.
	latestRequests = 4
)

// Reader reads from Meta. It is safe for use by several goroutines.
type Reader struct {
	meta     *graph.Client
	accounts Accounts
	pace     *pacer
	now      func() time.Time

	threads  *cache[Thread]
	latest   *cache[[]Thread]
	posts    *cache[Post]
	comments *cache[Comment]
}

// New returns a reader of the accounts, through meta.
func New(meta *graph.Client, accounts Accounts) *Reader { return newReader(meta, accounts, time.Now) }

func newReader(meta *graph.Client, accounts Accounts, now func() time.Time) *Reader {
	return &Reader{
		meta: meta, accounts: accounts, pace: newPacer(now), now: now,
		threads:  newCache[Thread](threadTTL, maxThreads, now),
		latest:   newCache[[]Thread](latestTTL, maxLatest, now),
		posts:    newCache[Post](contentTTL, maxPosts, now),
		comments: newCache[Comment](commentTTL, maxPosts, now),
	}
}

// Errors of reads that did not reach Meta. Words says them for people.
var (
	ErrNoAccount = errors.New("lookup: the accounts file does not have this account")
	ErrNoToken   = errors.New("lookup: the account's token cannot be read")
	ErrNoID      = errors.New("lookup: Meta did not say whose or which it is")
	ErrBusy      = errors.New("lookup: others are reading from this account")
)

// Thread is the conversation of an account with one person, as far as Meta shows it.
type Thread struct {
	PersonID   string
	PersonName string
	Messages   []Message // oldest first
	Link       string    // to it in the account's inbox; empty where Meta names none
	ReadAt     time.Time
	// Complete is true if Messages begins with the first message there ever was.
	Complete bool
}

// Message is one message of a Thread. One without text and attachments has a content
// that Meta does not show to apps.
type Message struct {
	ID          string
	At          time.Time
	FromPerson  bool
	Text        string
	Attachments []Attachment
}

// Attachment is what a message or comment carries. Its addresses are foreign input.
type Attachment struct {
	Kind       privatereply.AttachmentKind // of package graph too
	URL        string
	PictureURL string // a still picture; empty if there is none
	Name       string // of a file
}

// Label names the attachment for people.
func (a Attachment) Label() string {
	switch a.Kind {
	case graph.AudioAttachment, graph.FileAttachment, graph.SharedPost, graph.SharedStory:
		return string(a.Kind)
	}
	return a.Kind.Label()
}

// Last is the newest message.
func (t Thread) Last() (Message, bool) {
	if len(t.Messages) == 0 {
		return Message{}, false
	}
	return t.Messages[len(t.Messages)-1], true
}

// LastFromPerson is the person's newest message.
func (t Thread) LastFromPerson() (Message, bool) {
	for _, m := range slices.Backward(t.Messages) {
		if m.FromPerson {
			return m, true
		}
	}
	return Message{}, false
}

// Thread reads the conversation with one person: the newest 25 messages, of which
// Instagram shows 20. A person without a conversation has an empty one.
func (r *Reader) Thread(ctx context.Context, a privatereply.Account, personID string) (Thread, error) {
	if personID == "" {
		return Thread{}, ErrNoID
	}
	return r.threads.get(ctx, key(a, personID), func(ctx context.Context) (Thread, error) {
		found, err := r.readThreads(ctx, a, graph.ConversationQuery{PersonID: personID, Limit: 1, Attachments: true})
		if err != nil || len(found) == 0 {
			return Thread{PersonID: personID, ReadAt: r.now().UTC(), Complete: true}, err
		}
		return found[0], nil
	})
}

// LatestThreads reads the 50 conversations that changed last, each with its newest few
// messages. The newest comes first.
func (r *Reader) LatestThreads(ctx context.Context, a privatereply.Account) ([]Thread, error) {
	return r.latest.get(ctx, key(a, ""), func(ctx context.Context) ([]Thread, error) {
		return r.readThreads(ctx, a, graph.ConversationQuery{Limit: latestConversations, MessageLimit: latestMessages, Attachments: true})
	})
}

// errEnough ends a list that would cost too many requests.
var errEnough = errors.New("lookup: enough requests")

func (r *Reader) readThreads(ctx context.Context, a privatereply.Account, q graph.ConversationQuery) ([]Thread, error) {
	cred, err := r.credentials(a.Platform, a.ID)
	if err != nil {
		return nil, err
	}
	requests := 0
	q.BeforeRequest = func(ctx context.Context) error {
		if requests++; requests > latestRequests {
			return errEnough
		}
		return r.pace.wait(ctx, a, conversations)
	}
	var read []graph.Conversation
	for c, err := range r.meta.Conversations(ctx, cred, q) {
		if errors.Is(err, errEnough) {
			break
		}
		if err != nil {
			return nil, r.pace.refused(a, err)
		}
		read = append(read, c)
	}
	isAccount := accountIDs(cred.Account, read, q.PersonID)
	threads := make([]Thread, 0, len(read))
	for _, c := range read {
		if t := newThread(c, q.PersonID, isAccount); t.PersonID != "" {
			t.ReadAt = r.now().UTC()
			threads = append(threads, t)
		}
	}
	return threads, nil
}

// accountIDs tells the account from the people. In conversations it may have an id that no
// webhook shows: then it is who is not the person asked for, or who is in all of them.
func accountIDs(a privatereply.Account, read []graph.Conversation, person string) func(id string) bool {
	in := map[string]int{}
	for _, c := range read {
		for _, p := range c.Participants {
			in[p.ID]++
		}
	}
	return func(id string) bool {
		switch {
		case person != "":
			return id != person
		case a.IsSelf(id):
			return true
		}
		return len(read) > 1 && in[id] == len(read)
	}
}

// newThread is c without the messages that Meta gives by id alone. Its PersonID is empty
// if the person is not known.
func newThread(c graph.Conversation, person string, isAccount func(id string) bool) Thread {
	t := Thread{PersonID: person, Link: inboxLink(c.Link), Complete: c.Complete}
	people := slices.DeleteFunc(slices.Clone(c.Participants), func(p graph.Participant) bool { return isAccount(p.ID) })
	if len(people) == 1 {
		t.PersonID, t.PersonName = people[0].ID, people[0].Name
	}
	for _, m := range slices.Backward(c.Messages) {
		if m.FromID == "" || m.At.IsZero() {
			continue
		}
		shown := Message{ID: m.ID, At: m.At, FromPerson: m.FromID == t.PersonID, Text: m.Text}
		for _, attached := range m.Attachments {
			shown.Attachments = append(shown.Attachments, Attachment(attached))
		}
		t.Messages = append(t.Messages, shown)
	}
	return t
}

// inboxLink is the address of a conversation in the inbox, which Meta writes without its
// host.
func inboxLink(link string) string {
	if strings.HasPrefix(link, "/") {
		link = "https://www.facebook.com" + link
	}
	return privatereply.AttachmentURL(link)
}

// Post is what was commented on.
type Post struct {
	Caption    string
	Permalink  string // foreign input
	PictureURL string // foreign input; empty where Meta gives no picture
	Kind       string // photo, video, album, reel and others; empty if Meta did not say
	At         time.Time
}

// Post reads what c was written under; of an ad it is the organic post where Meta named it.
func (r *Reader) Post(ctx context.Context, c privatereply.Comment) (Post, error) {
	id := c.ShownMediaID()
	if id == "" {
		return Post{}, ErrNoID
	}
	a := privatereply.Account{Platform: c.Platform, ID: c.Account}
	return r.posts.get(ctx, key(a, id), func(ctx context.Context) (Post, error) {
		cred, err := r.credentials(a.Platform, a.ID)
		if err != nil {
			return Post{}, err
		}
		p, err := r.meta.Publication(r.pace.paced(ctx, a), cred, id)
		if err != nil {
			return Post{}, r.pace.refused(a, err)
		}
		return Post{Caption: p.Text, Permalink: privatereply.AttachmentURL(p.Permalink), PictureURL: p.PictureURL, Kind: p.Kind, At: p.CreatedAt}, nil
	})
}

// Comment is a comment in its own words.
type Comment struct {
	Username   string
	Text       string
	At         time.Time
	Attachment Attachment
	Hidden     *bool // from everybody but its author; nil if Meta did not say
}

// Comment reads a comment by its id.
func (r *Reader) Comment(ctx context.Context, a privatereply.Account, commentID string) (Comment, error) {
	if commentID == "" {
		return Comment{}, ErrNoID
	}
	return r.comments.get(ctx, key(a, commentID), func(ctx context.Context) (Comment, error) {
		cred, err := r.credentials(a.Platform, a.ID)
		if err != nil {
			return Comment{}, err
		}
		c, err := r.meta.CommentContent(r.pace.paced(ctx, a), cred, commentID)
		if err != nil {
			return Comment{}, r.pace.refused(a, err)
		}
		shown := Comment{Username: c.Username, Text: c.Text, At: c.CreatedAt, Hidden: c.Hidden}
		if c.Attachment.Kind != "" {
			shown.Attachment = Attachment{Kind: c.Attachment.Kind, URL: c.Attachment.URL}
			if c.Attachment.Kind != privatereply.Video {
				shown.Attachment.PictureURL = c.Attachment.URL
			}
		}
		return shown, nil
	})
}

func (r *Reader) credentials(p privatereply.Platform, id string) (graph.Credentials, error) {
	a, ok := r.accounts.Get(p, id)
	if !ok {
		return graph.Credentials{}, ErrNoAccount
	}
	secrets, err := r.accounts.Secrets(p, id)
	if err != nil {
		return graph.Credentials{}, errors.Join(ErrNoToken, err)
	}
	return graph.Credentials{Account: a, Token: secrets.Token, AppSecret: secrets.AppSecret}, nil
}

func key(a privatereply.Account, id string) string {
	return string(a.Platform) + " " + a.ID + " " + id
}
