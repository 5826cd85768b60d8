package workflows

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/privatereply/privatereply"
)

const (
	// sweepTimeout is how long a pass may take, whatever Meta keeps it from. A cursor of
	// Meta's does not live for ever, and the next pass begins afresh.
	sweepTimeout = 24 * time.Hour
	// pageTimeout is enough for a page of posts with a hundred thousand comments. A
	// dead worker is noticed by the heartbeat, which may wait for one call to Meta.
	pageTimeout   = 2 * time.Hour
	pageHeartbeat = 4 * HTTPTimeout
	// conversationsTimeout is enough for some thousand conversations, at two calls to
	// Meta a second.
	conversationsTimeout = time.Hour
)

// Sweep is one pass over the posts of an account: it starts the reply of every
// comment of the last 7 days that has none, because its webhook never arrived. Before
// that it reads the conversations that have changed since the last pass, and signals
// messages that no webhook brought. It reads a page of posts and goes on as a new run
// with the next one, so that no history grows with an account.
//
// Sweeps cannot find comments on ads and on live broadcasts: Meta lists neither.
//
// A pass fails when Meta refuses for good to list the posts, or keeps it from going
// on for a day. What it has started stays started, and the next pass begins afresh.
func Sweep(ctx workflow.Context, in SweepInput) (*SweepStatus, error) {
	s := newSweep(ctx, in)
	if err := workflow.SetQueryHandlerWithOptions(ctx, StatusQuery, func() (SweepStatus, error) { return s.status, nil },
		workflow.QueryHandlerOptions{Description: "What this pass has found so far"}); err != nil {
		return nil, err
	}
	s.describe(ctx)
	if in.ContinuedFrom == nil {
		s.sweepConversations(ctx)
	}
	page, err := s.sweepPage(ctx)
	if err != nil {
		return nil, err
	}
	s.add(page)
	s.describe(ctx)
	if page.Next == "" {
		return &s.status, nil
	}
	in.ContinuedFrom = &SweepContinueAsNewState{SweepStatus: s.status, Cursor: page.Next}
	return nil, workflow.NewContinueAsNewError(ctx, SweepType, in)
}

// sweep is the state of one Sweep.
type sweep struct {
	status   SweepStatus
	cursor   string    // of the page to read; empty for the first
	lastPass time.Time // when the pass before began; zero: there is none
}

func newSweep(ctx workflow.Context, in SweepInput) *sweep {
	if in.ContinuedFrom != nil {
		return &sweep{status: in.ContinuedFrom.SweepStatus, cursor: in.ContinuedFrom.Cursor}
	}
	startedAt := workflow.GetInfo(ctx).WorkflowStartTime.UTC()
	s := &sweep{status: SweepStatus{Platform: in.Platform, Account: in.Account, StartedAt: startedAt, FirstSweepAt: startedAt}}
	// A Schedule gives each run the result of the last one that completed. That is
	// where the time of the account's first sweep is stored: nobody has to write it anywhere, so
	// there is nothing to race for. (A Schedule's memo cannot be changed any more
	// once the Schedule exists, which is before its first run.) Where it is lost, this
	// pass counts as the first: then people are asked, and no rule answers alone.
	last, err := lastPass(ctx)
	if err != nil {
		workflow.GetLogger(ctx).Warn("cannot read the result of the pass before", "error", err)
	}
	if !last.FirstSweepAt.IsZero() {
		s.status.FirstSweepAt = last.FirstSweepAt
	}
	if last.ConversationsProblem == "" { // else they are read as far back as the window is
		s.lastPass = last.StartedAt
	}
	return s
}

// lastPass reads the result of the pass before. One that was encrypted with a key that
// is gone would make a workflow wait for it (internal/temporal/codec panics); a sweep must not.
func lastPass(ctx workflow.Context) (last SweepStatus, err error) {
	defer func() {
		if problem := recover(); problem != nil {
			err = fmt.Errorf("%v", problem)
		}
	}()
	if workflow.HasLastCompletionResult(ctx) {
		err = workflow.GetLastCompletionResult(ctx, &last)
	}
	return last, err
}

// sweepConversations has the conversations read that have changed. Without them the pass
// goes on: many an app may not read messages.
func (s *sweep) sweepConversations(ctx workflow.Context) {
	swept, err := execute(ctx, workflow.ActivityOptions{
		ScheduleToCloseTimeout: conversationsTimeout,
		StartToCloseTimeout:    conversationsTimeout,
		HeartbeatTimeout:       pageHeartbeat,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: 5 * time.Second, MaximumInterval: 5 * time.Minute},
		Summary:                "Conversations that have changed",
	}, SweepActivities.SweepConversations, SweepConversationsInput{
		Platform: s.status.Platform, Account: s.status.Account, ChangedSince: s.lastPass,
	}).result(ctx)
	s.status.Conversations, s.status.Messages = swept.Conversations, swept.Messages
	if err != nil {
		workflow.GetLogger(ctx).Warn("cannot read the conversations", "error", err)
		s.status.ConversationsProblem = privatereply.NoAnswer
		var refused *temporal.ApplicationError
		if errors.As(err, &refused) && refused.Type() != "" {
			s.status.ConversationsProblem = privatereply.Reason(refused.Type())
		}
	}
	s.describe(ctx)
}

// sweepPage has one page of posts read, and the replies started that are missing.
// The activity says itself how long to wait when Meta refuses for now.
func (s *sweep) sweepPage(ctx workflow.Context) (SweepPageResult, error) {
	left := s.status.StartedAt.Add(sweepTimeout).Sub(workflow.Now(ctx))
	return execute(ctx, workflow.ActivityOptions{
		ScheduleToCloseTimeout: max(left, time.Minute),
		StartToCloseTimeout:    pageTimeout,
		HeartbeatTimeout:       pageHeartbeat,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: 5 * time.Second, MaximumInterval: 5 * time.Minute},
		Summary:                fmt.Sprintf("Page %d of the posts", s.status.Pages+1),
	}, SweepActivities.SweepPage, SweepPageInput{
		Platform: s.status.Platform, Account: s.status.Account, FirstSweepAt: s.status.FirstSweepAt,
		Cursor: s.cursor, PostsBefore: s.status.Posts,
	}).result(ctx)
}

func (s *sweep) add(page SweepPageResult) {
	s.status.SweepCounts = s.status.SweepCounts.Plus(page.SweepCounts)
	if at := page.OldestPostAt; !at.IsZero() && (s.status.ReachedAt.IsZero() || at.Before(s.status.ReachedAt)) {
		s.status.ReachedAt = at
	}
}

// describe shows in the Web UI how far the pass is.
func (s *sweep) describe(ctx workflow.Context) {
	var b strings.Builder
	c := s.status.SweepCounts
	fmt.Fprintf(&b, "### %d pages with %d posts and %d comments swept\n\n", c.Pages, c.Posts, c.Comments)
	fmt.Fprintf(&b, "**Started:** %d replies that were missing\n\n", c.Started)
	fmt.Fprintf(&b, "**Left alone:** %d had a reply here, %d were answered elsewhere, %d are too old, %d are the account's own\n\n",
		c.Duplicate, c.AlreadyReplied, c.TooOld, c.Own)
	if c.Failed > 0 {
		fmt.Fprintf(&b, "**Failed:** %d could not be read or started; the worker's log says why\n\n", c.Failed)
	}
	switch {
	case s.status.ConversationsProblem != "":
		fmt.Fprintf(&b, "**Conversations** could not be read: %s\n\n", s.status.ConversationsProblem.Sentence())
	case s.status.Conversations > 0:
		fmt.Fprintf(&b, "**Conversations** that have changed: %d; in %d of them the person wrote\n\n", s.status.Conversations, s.status.Messages)
	}
	if !s.status.ReachedAt.IsZero() {
		fmt.Fprintf(&b, "**Reached** posts of %s\n\n", formatTime(s.status.ReachedAt))
	}
	workflow.SetCurrentDetails(ctx, strings.TrimSpace(b.String()))
}

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
	Messages      int       `json:"messages"`            // of persons in them, that were signalled to their Conversations
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
