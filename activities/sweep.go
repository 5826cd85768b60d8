package activities

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/activities/pacing"
	"github.com/privatereply/privatereply/graph"
	"github.com/privatereply/privatereply/internal/feed"
	"github.com/privatereply/privatereply/internal/personkey"
	"github.com/privatereply/privatereply/internal/routing"
	"github.com/privatereply/privatereply/rules"
	"github.com/privatereply/privatereply/workflows"
)

// How far back a sweep reads. People comment on old posts too, but rarely, and each
// page of posts costs a call to Meta, on Instagram each post with comments another
// one: so a sweep ends where a page has only posts older than maxPostAge, once it
// has seen minPosts. That is everything for most accounts, and for one that
// posts all day the last months.
const (
	maxPostAge = 90 * 24 * time.Hour
	minPosts   = 200
	// maxThreadAge is how old the comments are at which the reading of a post ends.
	// A private reply has 7 days; but on Instagram a new reply can stand under an
	// older comment.
	maxThreadAge = 30 * 24 * time.Hour
)

// Rules has the rules that are in force.
type Rules interface {
	Current() *rules.Set
}

// Sweeper has the activities of the Sweep workflow.
type Sweeper struct {
	graph    *graph.Client
	accounts Accounts
	rules    Rules
	pacer    *pacing.Pacer
	router   *routing.Router
	metrics  *Metrics
	now      func() time.Time
}

// NewSweeper makes a sweeper that starts replies on queue. The keys are those of the persons.
func NewSweeper(g *graph.Client, accounts Accounts, r Rules, pacer *pacing.Pacer, temporal client.Client, queue string, keys personkey.Keys) *Sweeper {
	return &Sweeper{
		graph: g, accounts: accounts, rules: r, pacer: pacer, router: routing.New(temporal, queue, keys, time.Now),
		metrics: NewMetrics(nil), now: time.Now,
	}
}

// WithEvents makes the replies that the sweeper starts report what happens to them.
func (s *Sweeper) WithEvents(scope workflows.EventScope) *Sweeper {
	s.router.WithEvents(scope)
	return s
}

// WithMetrics makes the sweeper count in m.
func (s *Sweeper) WithMetrics(m *Metrics) *Sweeper {
	s.metrics = m
	return s
}

// Register registers the activities.
func (s *Sweeper) Register(r worker.ActivityRegistry) {
	register(r, workflows.SweepPageActivity, s.SweepPage)
	register(r, workflows.SweepConversationsActivity, s.SweepConversations)
}

// SweepPage reads one page of an account's posts and starts the replies that are
// missing, the one with the earliest deadline first. The next attempt reads the page
// again and continues after the cursor of the last recorded heartbeat.
func (s *Sweeper) SweepPage(ctx context.Context, in workflows.SweepPageInput) (workflows.SweepPageResult, error) {
	var progress sweepProgress
	if activity.HasHeartbeatDetails(ctx) {
		if err := activity.GetHeartbeatDetails(ctx, &progress); err != nil {
			progress = sweepProgress{}
		}
	}
	heartbeat := func() error { return recordHeartbeat(ctx, progress) }

	cred, err := s.accounts.Credentials(in.Platform, in.Account)
	if err != nil {
		return workflows.SweepPageResult{}, s.retryError(ctx, fmt.Errorf("%w: %w", errNoCredentials, err))
	}
	reader := feed.Reader{Graph: s.graph, Credentials: cred, BeforeRequest: heartbeat, Warn: activity.GetLogger(ctx).Warn}
	page, err := reader.Posts(ctx, in.Cursor, time.Time{})
	if err != nil {
		return workflows.SweepPageResult{}, s.retryError(ctx, err)
	}
	scan := s.newPageScan(ctx, cred.Account, in.FirstSweepAt)
	for _, post := range page.Posts {
		if err := scan.readPost(ctx, reader, post); err != nil {
			return workflows.SweepPageResult{}, s.retryError(ctx, err)
		}
	}
	if err := s.startReplies(ctx, scan.byDeadline(), &progress); err != nil {
		return workflows.SweepPageResult{}, s.retryError(ctx, err)
	}
	result := workflows.SweepPageResult{
		SweepCounts:  scan.counts.Plus(progress.counts()),
		Next:         page.Next,
		OldestPostAt: scan.oldestPost,
	}
	enough := in.PostsBefore+len(page.Posts) >= minPosts
	if enough && !scan.newestPost.IsZero() && scan.newestPost.Before(s.now().Add(-maxPostAge)) {
		result.Next = ""
	}
	if result.Next == "" {
		s.metrics.recordSweep(in.Platform, in.Account, s.now())
	}
	return result, nil
}

// errNoCredentials says that an account's token cannot be read now.
var errNoCredentials = errors.New("cannot sweep")

// errStopping gives the page to another worker, which continues it.
var errStopping = errors.New("this worker is stopping")

// recordHeartbeat records the progress. It fails if the worker stops, so that the worker does
// not wait for the page.
func recordHeartbeat(ctx context.Context, progress sweepProgress) error {
	activity.RecordHeartbeat(ctx, progress)
	select {
	case <-activity.GetWorkerStopChannel(ctx):
		return errStopping
	default:
		return ctx.Err()
	}
}

// retryError says whether to try the page again, and when: after the time that Meta named,
// else after the back-off of a send. A person can repair a token, a secret or a permission
// meanwhile; an account that is not in the accounts file any more is not swept again.
func (s *Sweeper) retryError(ctx context.Context, err error) error {
	var refused *graph.Error
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, ErrUnknownAccount):
		return temporal.NewNonRetryableApplicationError(err.Error(), string(privatereply.AccountUnknown), nil)
	case errors.Is(err, errNoCredentials):
		return retryError(err, privatereply.TokenRejected, withJitter(repairInterval))
	case !errors.As(err, &refused):
		return err
	case refused.Class.Retryable() || refused.Class == graph.Unknown:
		wait := backoff{attempt: int(activity.GetInfo(ctx).Attempt), now: s.now}
		return retryError(err, refused.Reason, wait.retryAt(refused).Sub(s.now()))
	}
	return temporal.NewNonRetryableApplicationError(err.Error(), string(refused.Reason), nil)
}

// cutCommentBytes is the length to which a text is cut that is longer than any comment can be.
// The bridge has the same limits.
const (
	maxCommentBytes = 64 << 10
	cutCommentBytes = 8 << 10
)

// pageScan is the result of reading one page of posts: the counts, and the comments that must
// have a reply.
type pageScan struct {
	account      privatereply.Account
	rules        *rules.Set
	now          time.Time
	firstSweepAt time.Time
	log          log.Logger

	counts                 workflows.SweepCounts
	candidates             []candidate
	newestPost, oldestPost time.Time
}

// candidates is a comment that must have a reply.
type candidate struct {
	cursor sweepCursor
	input  workflows.PrivateReplyInput
}

func (s *Sweeper) newPageScan(ctx context.Context, account privatereply.Account, firstSweepAt time.Time) *pageScan {
	return &pageScan{
		account: account, rules: s.rules.Current(), now: s.now().UTC(), firstSweepAt: firstSweepAt,
		log: activity.GetLogger(ctx), counts: workflows.SweepCounts{Pages: 1},
	}
}

// readPost reads the comments under a post. A post that Meta refuses finally, because it is
// gone, or with an undocumented code, does not stop the sweep.
func (f *pageScan) readPost(ctx context.Context, r feed.Reader, post feed.Post) error {
	f.counts.Posts++
	if at := post.CreatedAt; !at.IsZero() {
		if f.oldestPost.IsZero() || at.Before(f.oldestPost) {
			f.oldestPost = at
		}
		if at.After(f.newestPost) {
			f.newestPost = at
		}
	}
	if post.Visitor != nil {
		f.classify(*post.Visitor)
	}
	for c, err := range r.Comments(ctx, post, f.now.Add(-maxThreadAge)) {
		var failed *graph.Error
		if errors.As(err, &failed) && (failed.Class == graph.Final || failed.Class == graph.Unlisted) {
			f.log.Warn("cannot read the comments of a post", "post", post.ID, "error", err)
			f.counts.Failed++
			return nil
		}
		if err != nil {
			return err
		}
		f.classify(c)
	}
	return nil
}

// classify counts a comment as excluded, or makes it a candidate for a reply.
func (f *pageScan) classify(c feed.Comment) {
	f.counts.Comments++
	c.ReceivedAt, c.Via = f.now, privatereply.ViaSweep
	if len(c.Text) > maxCommentBytes {
		c.Text = privatereply.CutText(c.Text, cutCommentBytes)
	}
	deadline := privatereply.DeadlineOf(c.Comment)
	switch {
	case f.account.IsSelf(c.PersonID) || c.Own:
		f.counts.Own++
		return
	case deadline.Passed(f.now):
		f.counts.TooOld++
		return
	case c.CanReplyPrivately != nil && !*c.CanReplyPrivately:
		f.counts.AlreadyReplied++
		return
	}
	in := workflows.PrivateReplyInput{Comment: c.Comment, Decision: f.decide(c.Comment)}
	id, err := privatereply.ReplyID(in.Comment)
	if err = cmp.Or(err, in.Comment.Validate(), in.Decision.Validate(in.Comment.Platform)); err != nil {
		f.log.Warn("cannot start the reply to a comment", "comment", c.TargetID(), "error", err)
		f.counts.Failed++
		return
	}
	f.candidates = append(f.candidates, candidate{sweepCursor{deadline.At, id}, in})
}

// decide asks the rules. A comment that is older than the account's SweepAutoWithin, or
// than its first sweep, is never answered without approval: people do not expect an
// automatic answer to an old comment, or to one from before the product was installed.
func (f *pageScan) decide(c privatereply.Comment) privatereply.Decision {
	d := f.rules.Decide(rules.Input{Comment: c, AccountName: f.account.Name, Now: f.now, FoundBySweep: true, AutomaticPaused: f.account.AutomaticPaused, TimeZone: f.account.TimeZone})
	fresh := !c.CreatedAt.IsZero() && f.now.Sub(c.CreatedAt) <= f.account.SweepAutoWithin && !c.CreatedAt.Before(f.firstSweepAt)
	if d.Action == privatereply.ActionAuto && !fresh {
		d.Action, d.Hold, d.Reason = privatereply.ActionAsk, 0, privatereply.FoundBySweep
	}
	return d
}

// byDeadline are the candidates, the earliest deadline first.
func (f *pageScan) byDeadline() []candidate {
	slices.SortFunc(f.candidates, func(a, b candidate) int { return a.cursor.compare(b.cursor) })
	return f.candidates
}

// maxConcurrentStarts bounds the replies that are started at the same time. A first sweep can
// find thousands, and decisions of people must not wait behind them.
const maxConcurrentStarts = 8

// missedWebhookAfter is the age of a comment at which its webhook counts as missed. Most
// webhooks come within seconds; a sweep may be faster.
const missedWebhookAfter = 10 * time.Minute

// sweepProgress is the heartbeat of a page, from which the next attempt continues.
type sweepProgress struct {
	UpTo      sweepCursor `json:"up_to"` // all candidates up to here are done
	Started   int         `json:"started"`
	Duplicate int         `json:"duplicate"`
}

func (s sweepProgress) counts() workflows.SweepCounts {
	return workflows.SweepCounts{Started: s.Started, Duplicate: s.Duplicate}
}

// cursor is the position of a comment in the order of the starts. A comment that is
// written while the page is tried again comes last, because its deadline is the latest.
type sweepCursor struct {
	Deadline time.Time `json:"deadline"`
	ID       string    `json:"id"` // of the workflow
}

func (p sweepCursor) compare(o sweepCursor) int {
	return cmp.Or(p.Deadline.Compare(o.Deadline), strings.Compare(p.ID, o.ID))
}

// startReplies starts the replies, a few at a time and in order, and updates progress. A
// reply that exists is a duplicate.
func (s *Sweeper) startReplies(ctx context.Context, candidates []candidate, progress *sweepProgress) error {
	candidates = slices.DeleteFunc(candidates, func(m candidate) bool { return m.cursor.compare(progress.UpTo) <= 0 })
	for batch := range slices.Chunk(candidates, maxConcurrentStarts) {
		if err := recordHeartbeat(ctx, *progress); err != nil {
			return err
		}
		events := make([]workflows.InboundEvent, len(batch))
		for i, m := range batch {
			events[i] = workflows.InboundEvent{Event: privatereply.Event{Comment: &m.input.Comment}, Decision: &m.input.Decision}
		}
		next := *progress
		err := s.router.Route(ctx, events, maxConcurrentStarts, func(n int, e routing.Result) {
			if e.Effect == routing.Started {
				next.Started++
				s.countMissedWebhook(batch[n].input.Comment)
			} else {
				next.Duplicate++
			}
		})
		if err != nil {
			return fmt.Errorf("start the missing replies: %w", err)
		}
		next.UpTo = batch[len(batch)-1].cursor
		*progress = next
	}
	return nil
}

// countMissedWebhook counts a comment whose webhook should have come. The first sweep of an
// account by this process counts nothing: it may be the account's first one, which finds
// the comments from before the product was installed.
func (s *Sweeper) countMissedWebhook(c privatereply.Comment) {
	if s.metrics.LastSweepAt(c.Platform, c.Account).IsZero() || c.CreatedAt.IsZero() || s.now().Sub(c.CreatedAt) < missedWebhookAfter {
		return
	}
	s.metrics.missedWebhooks.WithLabelValues(string(c.Platform)).Inc()
}

// inboxDelay is how much further back than the last sweep conversations are read: a message
// can appear in Meta's inbox later than its own time.
const inboxDelay = 10 * time.Minute

// SweepConversations reads the conversations that have changed, and routes the newest message
// of each person to their Conversation, as the missed webhook would have done. A known
// message changes nothing there. The next attempt begins from the start.
func (s *Sweeper) SweepConversations(ctx context.Context, in workflows.SweepConversationsInput) (workflows.SweepConversationsResult, error) {
	var swept workflows.SweepConversationsResult
	cred, err := s.accounts.Credentials(in.Platform, in.Account)
	reads := readPacer{s.pacer, cred.Account, s.now}
	if err != nil {
		return swept, reads.retryError(ctx, err)
	}
	since := s.now().Add(-replyWindow(cred.Account))
	if changed := in.ChangedSince.Add(-inboxDelay); changed.After(since) {
		since = changed
	}
	own, err := s.accountIDs(ctx, cred)
	if err != nil {
		return swept, reads.retryError(ctx, err)
	}
	query := graph.ConversationQuery{UpdatedSince: since, BeforeRequest: func(ctx context.Context) error {
		activity.RecordHeartbeat(ctx)
		return reads.wait(ctx)
	}}
	for c, err := range s.graph.Conversations(ctx, cred, query) {
		if err != nil {
			return swept, reads.retryError(ctx, err)
		}
		swept.Conversations++
		m, ok := newestFromPerson(c, own)
		if !ok || m.At.Before(since) {
			continue
		}
		if err := s.routeMessage(ctx, cred.Account, m); err != nil {
			return swept, err
		}
		swept.Messages++
	}
	return swept, nil
}

// replyWindow is how long the account may write after a message of a person.
func replyWindow(a privatereply.Account) time.Duration {
	if a.HumanAgent {
		return privatereply.HumanAgentWindow
	}
	return privatereply.StandardWindow
}

// accountIDs are the ids that the account has in its conversations. With Instagram Login one of
// them is an id that no webhook shows.
func (s *Sweeper) accountIDs(ctx context.Context, cred graph.Credentials) ([]string, error) {
	ids := []string{cred.Account.ID, cred.Account.PageID}
	if cred.Account.Login == privatereply.LoginInstagram {
		me, err := s.graph.Me(ctx, cred)
		if err != nil {
			return nil, err
		}
		ids = append(ids, me.ID, me.UserID)
	}
	return ids, nil
}

// newestFromPerson is the newest message in c that the account did not write.
func newestFromPerson(c graph.Conversation, accountIDs []string) (graph.Message, bool) {
	for _, m := range c.Messages { // newest first
		if m.ID != "" && m.FromID != "" && !m.At.IsZero() && !slices.Contains(accountIDs, m.FromID) {
			return m, true
		}
	}
	return graph.Message{}, false
}

func (s *Sweeper) routeMessage(ctx context.Context, account privatereply.Account, m graph.Message) error {
	arrival := workflows.InboundEvent{
		Event: privatereply.Event{Message: &privatereply.PersonMessage{
			Platform: account.Platform, Account: account.ID, PersonID: m.FromID, MessageID: m.ID, At: m.At, ReceivedAt: s.now().UTC(),
		}},
		HumanAgent: account.HumanAgent, RepliedOnly: account.RepliedOnly,
	}
	err := s.router.Route(ctx, []workflows.InboundEvent{arrival}, 1, func(int, routing.Result) {})
	if err != nil {
		return fmt.Errorf("route a message: %w", err)
	}
	return nil
}
