package activities

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/activities/pacing"
	"github.com/privatereply/privatereply/graph"
	"github.com/privatereply/privatereply/internal/feed"
	"github.com/privatereply/privatereply/internal/routing"
	"github.com/privatereply/privatereply/rules"
	"github.com/privatereply/privatereply/workflows"
)

// How far back a pass goes. People comment on old posts too, but rarely, and each
// page of posts costs a call to Meta, on Instagram each post with comments another
// one: so a pass ends where a page has only posts older than maxPostAge, once it
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

// Rules gives the rules that are in force.
type Rules interface {
	Current() *rules.Set
}

// Sweeper does the work of Sweep.
type Sweeper struct {
	graph    *graph.Client
	accounts Accounts
	rules    Rules
	pacer    *pacing.Pacer
	router   *routing.Router
	metrics  *Metrics
	now      func() time.Time
}

// NewSweeper makes a sweeper that starts replies on queue.
func NewSweeper(g *graph.Client, accounts Accounts, r Rules, pacer *pacing.Pacer, temporal client.Client, queue string) *Sweeper {
	return &Sweeper{
		graph: g, accounts: accounts, rules: r, pacer: pacer, router: routing.New(temporal, queue, time.Now),
		metrics: NewMetrics(nil), now: time.Now,
	}
}

// WithMetrics makes s count in m.
func (s *Sweeper) WithMetrics(m *Metrics) *Sweeper {
	s.metrics = m
	return s
}

// Register registers the activity.
func (s *Sweeper) Register(r worker.ActivityRegistry) {
	register(r, workflows.SweepPageActivity, s.SweepPage)
	register(r, workflows.SweepConversationsActivity, s.SweepConversations)
}

// SweepPage reads one page of an account's posts and starts the replies that are
// missing, the one with the earliest deadline first. A next attempt reads the page
// again and goes on behind what the last recorded heartbeat says is done.
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

// errNoCredentials says that an account's token cannot be read just now.
var errNoCredentials = errors.New("cannot sweep")

// errStopping sends the page to another worker, which goes on with it.
var errStopping = errors.New("this worker is stopping")

// recordHeartbeat says that the work goes on, and asks whether it should: a worker that stops
// need not wait for the page.
func recordHeartbeat(ctx context.Context, progress sweepProgress) error {
	activity.RecordHeartbeat(ctx, progress)
	select {
	case <-activity.GetWorkerStopChannel(ctx):
		return errStopping
	default:
		return ctx.Err()
	}
}

// retryError turns err into one that says whether to try the page again, and when:
// after the time that Meta named, else after the waits of a send. A token, a secret
// or a permission can be mended meanwhile; an account that has left the accounts file
// is swept no more.
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

func retryError(err error, reason privatereply.Reason, delay time.Duration) error {
	return temporal.NewApplicationErrorWithOptions(err.Error(), string(reason), temporal.ApplicationErrorOptions{
		NextRetryDelay: delay,
		Category:       temporal.ApplicationErrorCategoryBenign,
	})
}
