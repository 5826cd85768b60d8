package meta

import (
	"maps"
	"slices"
	"time"
)

// Report is what everything came to.
type Report struct {
	Accounts            []AccountReport `json:"accounts"`
	Comments            int             `json:"comments"`
	Answered            int             `json:"answered"`               // comments with their private reply
	RepeatedSends       int             `json:"repeats"`                // calls to answer a comment beyond its first
	SendsAfterLiveEnded int             `json:"sends_after_live_ended"` // private replies tried too late; must be 0
	Webhooks            int             `json:"webhooks"`               // built so far
	WebhooksOpen        int             `json:"webhooks_open"`          // not yet taken by the callback
}

// AccountReport is what one account's calls came to.
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
}

// Report sums up what happened so far.
func (s *Sandbox) Report() Report {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := Report{}
	for _, a := range s.accounts {
		t := &a.stats
		r.Accounts = append(r.Accounts, AccountReport{
			Account: a.ID, Name: a.Name, Platform: string(a.Platform),
			Comments: t.comments, Answered: t.answered, Messages: t.messages,
			Calls: maps.Clone(t.calls), Accepted: t.accepted, Refused: maps.Clone(t.refused), Throttled: t.throttled,
			MostPostsInHour:           mostWithin(t.times[LimitPosts], time.Hour),
			MostLiveInSecond:          mostWithin(t.times[LimitLive], time.Second),
			MostSendsInSecond:         mostWithin(t.times[LimitSends], time.Second),
			MostConversationsInSecond: mostWithin(t.times[LimitConversations], time.Second),
			RepeatedSends:             t.repeats,
			SendsAfterLiveEnded:       t.afterLive,
		})
		r.Comments += t.comments
		r.Answered += t.answered
		r.RepeatedSends += t.repeats
		r.SendsAfterLiveEnded += t.afterLive
	}
	r.Webhooks, r.WebhooksOpen = s.outbox.counts()
	return r
}

func (o *outbox) counts() (built, open int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.count, len(o.open) + len(o.gathered)
}

// mostWithin is the largest number of times in any window of length d. The times
// are in order.
func mostWithin(times []time.Time, d time.Duration) int {
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
	return slices.Clone(a.stats.times[limit])
}

// CommentReport is what became of one comment or visitor post.
type CommentReport struct {
	ID            string    `json:"id"`
	Account       string    `json:"account"`
	PostID        string    `json:"post_id"`
	Source        string    `json:"source"`
	Username      string    `json:"username"`
	Text          string    `json:"text"`
	CreatedAt     time.Time `json:"created_at"`
	Removed       bool      `json:"removed"`
	Hidden        bool      `json:"hidden"`
	Attempts      int       `json:"attempts"`  // calls to answer it that reached Meta, taken or not
	Delivered     []Message `json:"delivered"` // what its author received as private reply: at most one
	RefusalReason string    `json:"verdict"`   // for people: why Meta would refuse a private reply now; empty: it would not
}

// CommentReport finds a comment or visitor post by its id.
func (s *Sandbox) CommentReport(id string) (CommentReport, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.find(id)
	if c == nil {
		return CommentReport{}, false
	}
	return s.commentReport(c), true
}

func (s *Sandbox) commentReport(c *comment) CommentReport {
	r := CommentReport{
		ID: c.id(), Account: c.account.ID, PostID: c.post.id, Source: string(c.post.source), Username: c.author(), Text: c.text,
		CreatedAt: c.createdAt, Removed: c.gone(), Hidden: c.hidden, Attempts: c.attempts, Delivered: []Message{},
		RefusalReason: s.inWords(c),
	}
	for _, m := range c.delivered {
		r.Delivered = append(r.Delivered, m.shown())
	}
	return r
}

// RepliesDelivered is how many private replies to the comment its author received.
func (s *Sandbox) RepliesDelivered(commentID string) int {
	r, _ := s.CommentReport(commentID)
	return len(r.Delivered)
}

// ReplyAttempts is how many calls to answer the comment reached Meta, taken or not.
func (s *Sandbox) ReplyAttempts(commentID string) int {
	r, _ := s.CommentReport(commentID)
	return r.Attempts
}
