package meta

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"
)

// Report sums up the comments, replies and webhooks of all accounts.
type Report struct {
	Accounts            []AccountReport `json:"accounts"`
	Comments            int             `json:"comments"`
	Answered            int             `json:"answered"`               // comments with their private reply
	RepeatedSends       int             `json:"repeats"`                // calls to answer a comment beyond its first
	SendsAfterLiveEnded int             `json:"sends_after_live_ended"` // private replies tried too late; must be 0
	PublicReplies       int             `json:"public_replies"`
	RepeatedPublic      int             `json:"repeated_public_replies"` // those with words that stood under the same comment before
	RepeatedMessages    int             `json:"repeated_messages"`       // messages with words that the same person had received before
	Webhooks            int             `json:"webhooks"`                // built so far
	WebhooksOpen        int             `json:"webhooks_open"`           // not yet taken by the callback
}

// AccountReport sums up the calls of one account.
type AccountReport struct {
	Account                   string            `json:"account"`
	Name                      string            `json:"name"`
	Platform                  string            `json:"platform"`
	Comments                  int               `json:"comments"`
	Answered                  int               `json:"answered"`
	Messages                  int               `json:"messages"` // that people received
	Calls                     map[Operation]int `json:"calls"`
	Accepted                  int               `json:"accepted"`
	Refused                   map[string]int    `json:"refused"` // by code, or code/subcode
	Throttled                 int               `json:"throttled"`
	MostPostsInHour           int               `json:"most_posts_in_hour"` // private replies in any hour that slides
	MostLiveInSecond          int               `json:"most_live_in_second"`
	MostSendsInSecond         int               `json:"most_sends_in_second"`
	MostConversationsInSecond int               `json:"most_conversations_in_second"`
	RepeatedSends             int               `json:"repeats"`
	SendsAfterLiveEnded       int               `json:"sends_after_live_ended"`
	PublicReplies             int               `json:"public_replies"`
	RepeatedPublic            int               `json:"repeated_public_replies"`
	RepeatedMessages          int               `json:"repeated_messages"`
	Hides                     int               `json:"hides"` // comments hidden or shown again, repeats too
}

// Report returns the totals so far.
func (s *Sandbox) Report() Report {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := Report{}
	for _, a := range s.accounts {
		t := &a.counters
		r.Accounts = append(r.Accounts, AccountReport{
			Account: a.ID, Name: a.Name, Platform: string(a.Platform),
			Comments: t.comments, Answered: t.answered, Messages: t.messages,
			Calls: maps.Clone(t.calls), Accepted: t.accepted, Refused: maps.Clone(t.refused), Throttled: t.throttled,
			MostPostsInHour:           maxInWindow(t.times[LimitPosts], time.Hour),
			MostLiveInSecond:          maxInWindow(t.times[LimitLive], time.Second),
			MostSendsInSecond:         maxInWindow(t.times[LimitSends], time.Second),
			MostConversationsInSecond: maxInWindow(t.times[LimitConversations], time.Second),
			RepeatedSends:             t.repeatedSends,
			SendsAfterLiveEnded:       t.afterLiveEnded,
			PublicReplies:             t.publicReplies,
			RepeatedPublic:            t.repeatedPublic,
			RepeatedMessages:          t.repeatedMessages,
			Hides:                     t.hides,
		})
		r.Comments += t.comments
		r.Answered += t.answered
		r.RepeatedSends += t.repeatedSends
		r.SendsAfterLiveEnded += t.afterLiveEnded
		r.PublicReplies += t.publicReplies
		r.RepeatedPublic += t.repeatedPublic
		r.RepeatedMessages += t.repeatedMessages
	}
	r.Webhooks, r.WebhooksOpen = s.outbox.counts()
	return r
}

func (o *outbox) counts() (built, open int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.count, len(o.undelivered) + len(o.pending)
}

// maxInWindow is the largest number of times in any window of length d. The times must
// be sorted.
func maxInWindow(times []time.Time, d time.Duration) int {
	most, first := 0, 0
	for i, t := range times {
		for t.Sub(times[first]) >= d {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

// CallTimes are the times of an account's calls that counted for one limit. Throttled
// calls are among them, as Meta counts them too.
func (s *Sandbox) CallTimes(accountID string, limit LimitKind) []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.byID[accountID]
	if a == nil {
		return nil
	}
	return slices.Clone(a.counters.times[limit])
}

// CommentReport is the state of one comment or visitor post at Meta.
type CommentReport struct {
	ID            string        `json:"id"`
	Account       string        `json:"account"`
	PostID        string        `json:"post_id"`
	ParentID      string        `json:"parent_id,omitempty"`
	Source        string        `json:"source"`
	Username      string        `json:"username"`
	Text          string        `json:"text"`
	Attachment    string        `json:"attachment,omitempty"`
	Picture       string        `json:"picture,omitempty"` // the path of the attachment's picture in the sandbox
	CreatedAt     time.Time     `json:"created_at"`
	Removed       bool          `json:"removed"`
	Hidden        bool          `json:"hidden"`
	Attempts      int           `json:"attempts"`       // calls to answer it that reached Meta, taken or not
	Delivered     []Message     `json:"delivered"`      // what its author received as private reply: at most one
	PublicReplies []PublicReply `json:"public_replies"` // what the account replied to it through the API, for everybody to see
	RefusalReason string        `json:"verdict"`        // for people: why Meta would refuse a private reply now; empty: it would not
}

// CommentReport finds a comment or visitor post by its id.
func (s *Sandbox) CommentReport(id string) (CommentReport, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.findComment(id)
	if c == nil {
		return CommentReport{}, false
	}
	return s.commentReport(c), true
}

func (s *Sandbox) commentReport(c *comment) CommentReport {
	r := CommentReport{
		ID: c.id(), Account: c.account.ID, PostID: c.post.id, Source: string(c.post.source), Username: c.author(), Text: c.text,
		CreatedAt: c.createdAt, Removed: c.isRemoved(), Hidden: c.hidden, Attempts: c.attempts, Delivered: []Message{},
		RefusalReason: s.refusalReason(c), PublicReplies: []PublicReply{},
	}
	for _, reply := range c.publicReplies() {
		r.PublicReplies = append(r.PublicReplies, PublicReply{ID: reply.id(), Text: reply.text, At: reply.createdAt, Removed: reply.isRemoved()})
	}
	if c.parent != nil {
		r.ParentID = c.parent.id()
	}
	if r.Attachment = c.attachmentKind; r.Attachment != "" {
		r.Picture = filePath("comment-"+c.number, ".png")
	}
	for _, m := range c.repliesDelivered {
		r.Delivered = append(r.Delivered, m.view())
	}
	return r
}

// RepliesDelivered is how many private replies to the comment its author has received.
func (s *Sandbox) RepliesDelivered(commentID string) int {
	r, _ := s.CommentReport(commentID)
	return len(r.Delivered)
}

// ReplyAttempts is how many calls to answer the comment reached Meta, accepted or not.
func (s *Sandbox) ReplyAttempts(commentID string) int {
	r, _ := s.CommentReport(commentID)
	return r.Attempts
}

// counters count the calls of one account.
type counters struct {
	calls     map[Operation]int
	times     map[LimitKind][]time.Time
	accepted  int
	refused   map[string]int // by code, or code/subcode
	throttled int
	comments  int
	answered  int
	messages  int

	repeatedMessages int

	publicReplies  int
	repeatedPublic int
	hides          int
	repeatedSends  int // private replies tried for a comment that had been tried before
	afterLiveEnded int // private replies tried after their broadcast had ended
}

func newCounters() counters {
	return counters{calls: map[Operation]int{}, times: map[LimitKind][]time.Time{}, refused: map[string]int{}}
}

func (t *counters) countCall(e endpoint, now time.Time) {
	t.calls[e.op]++
	if kind, _ := e.limitKind(); kind != "" {
		t.times[kind] = append(t.times[kind], now)
	}
	if e.comment != nil && e.op == OpPrivateReply {
		if e.comment.attempts++; e.comment.attempts > 1 {
			t.repeatedSends++
		}
		if e.comment.onLive() && !e.comment.post.live {
			t.afterLiveEnded++
		}
	}
}

func (t *counters) countRefusal(r *graphError) {
	key := strconv.Itoa(r.code)
	if r.subcode != 0 {
		key += "/" + strconv.Itoa(r.subcode)
	}
	t.refused[key]++
}

// maxEvents bounds the event log.
const maxEvents = 500

// Event is one entry of the event log, in words for the developer.
type Event struct {
	Seq     int       `json:"seq"` // counts up by one
	At      time.Time `json:"at"`
	Kind    string    `json:"kind"` // comment, person, post, live, call, fault, webhook, account
	Account string    `json:"account,omitempty"`
	ID      string    `json:"id,omitempty"`
	Text    string    `json:"text"`
}

// eventLog keeps the newest events.
type eventLog struct {
	seq  int
	ring []Event // a ring once it is full
}

func (l *eventLog) add(e Event) {
	l.seq++
	e.Seq = l.seq
	if len(l.ring) < maxEvents {
		l.ring = append(l.ring, e)
		return
	}
	l.ring[(l.seq-1)%maxEvents] = e
}

// after returns the events with a number above seq, oldest first.
func (l *eventLog) after(seq int) []Event {
	n := min(l.seq-seq, len(l.ring))
	list := make([]Event, 0, max(n, 0))
	for i := l.seq - n; i < l.seq; i++ {
		list = append(list, l.ring[i%maxEvents])
	}
	return list
}

// Events returns the events with a number above after, oldest first; 0 gives all that
// are kept.
func (s *Sandbox) Events(after int) []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.events.after(after)
}

// logEvent adds an event and wakes the callers of Wait.
func (s *Sandbox) logEvent(kind, account, id, format string, args ...any) {
	s.events.add(Event{At: s.now(), Kind: kind, Account: account, ID: id, Text: fmt.Sprintf(format, args...)})
	s.notifyWaitersLocked()
}

// maxRecent is how many comments and people the page shows.
const maxRecent = 30

// recentView is the list of comments and people on the page, newest first.
type recentView struct {
	comments []*comment
	people   []*person
}

func (r *recentView) comment(c *comment) { r.comments = moveToFront(r.comments, c) }

func (r *recentView) person(p *person) { r.people = moveToFront(r.people, p) }

func moveToFront[T comparable](list []T, v T) []T {
	if i := slices.Index(list, v); i >= 0 {
		list = slices.Delete(list, i, i+1)
	} else if len(list) == maxRecent {
		list = list[:maxRecent-1]
	}
	return slices.Insert(list, 0, v)
}
