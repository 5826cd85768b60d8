package workflows

import (
	"time"

	"github.com/privatereply/privatereply"
)

// SweepInput starts Sweep.
type SweepInput struct {
	Platform      privatereply.Platform    `json:"platform"`
	Account       string                   `json:"account"`
	ContinuedFrom *SweepContinueAsNewState `json:"carried,omitempty"` // from the run before this one
}

// SweepContinueAsNewState is what a Sweep hands to its next run. The cursor holds no token.
type SweepContinueAsNewState struct {
	SweepStatus
	Cursor string `json:"cursor"`
}

// SweepStatus answers the status query of Sweep, and is its result.
type SweepStatus struct {
	Platform     privatereply.Platform `json:"platform"`
	Account      string                `json:"account"`
	StartedAt    time.Time             `json:"started_at"`     // of the pass
	FirstSweepAt time.Time             `json:"first_sweep_at"` // when the account's first pass started
	SweepCounts
	ReachedAt     time.Time `json:"reached_at,omitzero"` // when the oldest post that was read was written
	Conversations int       `json:"conversations"`       // that have changed since the last pass
	Messages      int       `json:"messages"`            // of persons in them, of which their Conversations were told
	// ConversationsProblem is why the conversations could not be read; empty: they were.
	ConversationsProblem privatereply.Reason `json:"conversations_problem,omitempty"`
}

// SweepCounts is what a pass, or a page of it, came upon. A visitor's post counts as
// a comment too.
type SweepCounts struct {
	Pages          int `json:"pages"`
	Posts          int `json:"posts"`
	Comments       int `json:"comments"`
	Started        int `json:"started"`         // had no reply, and have one now
	Duplicate      int `json:"duplicate"`       // had a reply here
	AlreadyReplied int `json:"already_replied"` // Facebook says that no private reply is possible any more
	TooOld         int `json:"too_old"`         // past the deadline of a private reply
	Own            int `json:"own"`             // the account's own
	Failed         int `json:"failed"`          // could not be started, or posts whose comments could not be read
}

// Plus is the sum of both.
func (c SweepCounts) Plus(o SweepCounts) SweepCounts {
	return SweepCounts{
		Pages: c.Pages + o.Pages, Posts: c.Posts + o.Posts, Comments: c.Comments + o.Comments,
		Started: c.Started + o.Started, Duplicate: c.Duplicate + o.Duplicate, AlreadyReplied: c.AlreadyReplied + o.AlreadyReplied,
		TooOld: c.TooOld + o.TooOld, Own: c.Own + o.Own, Failed: c.Failed + o.Failed,
	}
}

// SweepPageInput asks for one page of a pass.
type SweepPageInput struct {
	Platform     privatereply.Platform `json:"platform"`
	Account      string                `json:"account"`
	FirstSweepAt time.Time             `json:"first_sweep_at"`
	Cursor       string                `json:"cursor,omitempty"`       // empty for the first page
	PostsBefore  int                   `json:"posts_before,omitempty"` // on the pages before
}

// SweepPageResult is what became of one page.
type SweepPageResult struct {
	SweepCounts
	Next         string    `json:"next,omitempty"` // the cursor of the next page; empty when the pass is over
	OldestPostAt time.Time `json:"oldest_post_at,omitzero"`
}

// SweepConversationsInput asks for the account's conversations that have changed.
type SweepConversationsInput struct {
	Platform     privatereply.Platform `json:"platform"`
	Account      string                `json:"account"`
	ChangedSince time.Time             `json:"changed_since,omitzero"` // zero: as long as the messaging window is
}

// SweepConversationsResult counts what was read.
type SweepConversationsResult struct {
	Conversations int `json:"conversations"`
	Messages      int `json:"messages"`
}
