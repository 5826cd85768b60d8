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
// one: so a pass ends where a page has only posts older than postsWithin, once it
// has seen postsAtLeast. That is everything for most accounts, and for one that
// posts all day the last months.
const (
	postsWithin  = 90 * 24 * time.Hour
	postsAtLeast = 200
	// threadsWithin is how old the comments are at which the reading of a post ends.
	// A private reply has 7 days; but on Instagram a new reply can stand under an
	// older comment.
	threadsWithin = 30 * 24 * time.Hour
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
	placer   *routing.Router
	metrics  *Metrics
	now      func() time.Time
}

// NewSweeper makes a sweeper that starts replies on queue.
func NewSweeper(g *graph.Client, accounts Accounts, r Rules, pacer *pacing.Pacer, temporal client.Client, queue string) *Sweeper {
	return &Sweeper{
		graph: g, accounts: accounts, rules: r, pacer: pacer, placer: routing.New(temporal, queue, time.Now),
		metrics: NewMetrics(nil), now: time.Now,
	}
}

// CountIn makes s count in m.
func (s *Sweeper) CountIn(m *Metrics) *Sweeper {
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
	var done swept
	if activity.HasHeartbeatDetails(ctx) {
		if err := activity.GetHeartbeatDetails(ctx, &done); err != nil {
			done = swept{}
		}
	}
	alive := func() error { return beat(ctx, done) }

	cred, err := s.accounts.Credentials(in.Platform, in.Account)
	if err != nil {
		return workflows.SweepPageResult{}, s.failure(ctx, fmt.Errorf("%w: %w", errNoSecrets, err))
	}
	reader := feed.Reader{Graph: s.graph, Credentials: cred, Before: alive, Warn: activity.GetLogger(ctx).Warn}
	page, err := reader.Posts(ctx, in.Cursor, time.Time{})
	if err != nil {
		return workflows.SweepPageResult{}, s.failure(ctx, err)
	}
	found := s.newFindings(ctx, cred.Account, in.FirstSweepAt)
	for _, post := range page.Posts {
		if err := found.look(ctx, reader, post); err != nil {
			return workflows.SweepPageResult{}, s.failure(ctx, err)
		}
	}
	if err := s.start(ctx, found.arrivals(), &done); err != nil {
		return workflows.SweepPageResult{}, s.failure(ctx, err)
	}
	result := workflows.SweepPageResult{
		SweepCounts:  found.counts.Plus(done.counts()),
		Next:         page.Next,
		OldestPostAt: found.oldestPost,
	}
	enough := in.PostsBefore+len(page.Posts) >= postsAtLeast
	if enough && !found.newestPost.IsZero() && found.newestPost.Before(s.now().Add(-postsWithin)) {
		result.Next = ""
	}
	if result.Next == "" {
		s.metrics.sweepEnded(in.Platform, in.Account, s.now())
	}
	return result, nil
}

// errNoSecrets says that an account's token cannot be read just now.
var errNoSecrets = errors.New("cannot sweep")

// errStopping sends the page to another worker, which goes on with it.
var errStopping = errors.New("this worker is stopping")

// beat says that the work goes on, and asks whether it should: a worker that stops
// need not wait for the page.
func beat(ctx context.Context, done swept) error {
	activity.RecordHeartbeat(ctx, done)
	select {
	case <-activity.GetWorkerStopChannel(ctx):
		return errStopping
	default:
		return ctx.Err()
	}
}

// failure turns err into one that says whether to try the page again, and when:
// after the time that Meta named, else after the waits of a send. A token, a secret
// or a permission can be mended meanwhile; an account that has left the accounts file
// is swept no more.
func (s *Sweeper) failure(ctx context.Context, err error) error {
	var refused *graph.Error
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, ErrUnknownAccount):
		return temporal.NewNonRetryableApplicationError(err.Error(), string(privatereply.AccountUnknown), nil)
	case errors.Is(err, errNoSecrets):
		return again(err, privatereply.TokenRejected, jitter(repairInterval))
	case !errors.As(err, &refused):
		return err
	case refused.Class.Retryable() || refused.Class == graph.Unknown:
		wait := waiting{attempt: int(activity.GetInfo(ctx).Attempt), now: s.now}
		return again(err, refused.Reason, wait.until(refused).Sub(s.now()))
	}
	return temporal.NewNonRetryableApplicationError(err.Error(), string(refused.Reason), nil)
}

func again(err error, reason privatereply.Reason, delay time.Duration) error {
	return temporal.NewApplicationErrorWithOptions(err.Error(), string(reason), temporal.ApplicationErrorOptions{
		NextRetryDelay: delay,
		Category:       temporal.ApplicationErrorCategoryBenign,
	})
}
