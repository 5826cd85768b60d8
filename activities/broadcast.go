package activities

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"golang.org/x/sync/errgroup"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/graph"
	"github.com/privatereply/privatereply/workflows"
)

const (
	// watchInterval is how often Meta is asked whether a broadcast runs.
	watchInterval = 10 * time.Second
	// enoughEmpty is how many answers in a row must lack the broadcast. Meta's lists
	// lag, and the end of a broadcast cannot be taken back.
	enoughEmpty = 2
	// endsAtOnce is how many replies are told of the end at the same time.
	endsAtOnce = 50
	// The next ones are told when a worker has taken up the last of these, or after
	// takenWithin. The server keeps a workflow task for the worker that has the
	// workflow in memory for 5 seconds, and gives it to any after that, who replays
	// the history: thousands told at once are nearly all scheduled twice and replayed.
	takenWithin = 4 * time.Second
	takenLook   = 100 * time.Millisecond
	// runningFor is how long Meta's word that a broadcast runs serves other replies:
	// shorter than it takes to notice an end, long enough that thousands of replies
	// do not ask thousands of times.
	runningFor = 3 * time.Second
	// absenceAtLeast is how far apart the answers must be that show the end of a broadcast
	// to a send, and absenceKept is how long one is remembered: a reply comes back sooner,
	// perhaps to another worker first.
	absenceAtLeast = 5 * time.Second
	absenceKept    = 10 * time.Minute
	// absenceBreak ends a row of such answers: a reply asks again after some ten seconds.
	absenceBreak = time.Minute
)

// WatchBroadcast asks Meta until the broadcast is over. A question that fails says
// nothing: the answers in a row are counted anew.
func (a *Activities) WatchBroadcast(ctx context.Context, in workflows.WatchBroadcastInput) (workflows.WatchBroadcastResult, error) {
	var since time.Time
	empty := 0
	tick := time.NewTicker(watchInterval)
	defer tick.Stop()
	for {
		activity.RecordHeartbeat(ctx)
		at := a.now()
		runs, err := a.runs(ctx, in)
		switch {
		case ctx.Err() != nil:
			return workflows.WatchBroadcastResult{}, ctx.Err()
		case err != nil:
			activity.GetLogger(ctx).Warn("cannot ask whether the broadcast runs", "media", in.Media, "error", err)
			empty = 0
		case runs:
			empty = 0
		default:
			if empty++; empty == 1 {
				since = at
			}
			if empty == enoughEmpty {
				return workflows.WatchBroadcastResult{At: since.UTC()}, nil
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return workflows.WatchBroadcastResult{}, ctx.Err()
		case <-activity.GetWorkerStopChannel(ctx):
			return workflows.WatchBroadcastResult{}, errStopping
		}
	}
}

func (a *Activities) runs(ctx context.Context, in workflows.WatchBroadcastInput) (bool, error) {
	cred, err := a.accounts.Credentials(in.Platform, in.Account)
	if err != nil {
		return false, err
	}
	return a.listed(ctx, cred, in.Media)
}

// listed asks Meta whether the account broadcasts the media now.
func (a *Activities) listed(ctx context.Context, cred graph.Credentials, media string) (bool, error) {
	live, err := a.graph.LiveMedia(ctx, cred)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(live, func(m graph.LiveMedia) bool { return m.ID == media }), nil
}

// EndReplies tells replies that their broadcast has ended. It goes on where a lost
// worker stopped; to be told twice, or after its end, does nothing to a reply.
func (a *Activities) EndReplies(ctx context.Context, in workflows.EndRepliesInput) error {
	done := 0
	if activity.HasHeartbeatDetails(ctx) {
		if err := activity.GetHeartbeatDetails(ctx, &done); err != nil {
			done = 0
		}
	}
	for done < len(in.Comments) {
		ids, err := replyIDs(in, in.Comments[done:min(done+endsAtOnce, len(in.Comments))])
		if err != nil {
			return temporal.NewNonRetryableApplicationError(err.Error(), "UnusableID", nil)
		}
		if err := a.endSome(ctx, ids, in.At); err != nil {
			return err
		}
		a.awaitTaken(ctx, ids[len(ids)-1])
		done += len(ids)
		activity.RecordHeartbeat(ctx, done)
	}
	return nil
}

func replyIDs(in workflows.EndRepliesInput, comments []string) ([]string, error) {
	ids := make([]string, len(comments))
	for i, comment := range comments {
		var err error
		if ids[i], err = privatereply.ReplyID(privatereply.Comment{Platform: in.Platform, Account: in.Account, CommentID: comment}); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

func (a *Activities) endSome(ctx context.Context, ids []string, at time.Time) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, id := range ids {
		group.Go(func() error {
			err := a.temporal.SignalWorkflow(ctx, id, "", workflows.BroadcastEndedSignal, workflows.EventTime{At: at})
			var ended *serviceerror.NotFound
			if err != nil && !errors.As(err, &ended) {
				return fmt.Errorf("tell %s: %w", id, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// awaitTaken waits until no workflow task of a reply waits for a worker.
func (a *Activities) awaitTaken(ctx context.Context, id string) {
	ctx, cancel := context.WithTimeout(ctx, takenWithin)
	defer cancel()
	tick := time.NewTicker(takenLook)
	defer tick.Stop()
	for {
		reply, err := a.temporal.DescribeWorkflowExecution(ctx, id, "")
		if err != nil || reply.GetPendingWorkflowTask() == nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// running remembers when Meta last said of a broadcast that it runs, and since when it
// has not listed it.
type running struct {
	mu   sync.Mutex
	seen map[string]time.Time // by media
	gone map[string]absence   // by media
}

// absence is a row of answers without a broadcast.
type absence struct{ first, last time.Time }

func (r *running) lately(media string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	at, known := r.seen[media]
	return known && now.Sub(at) < runningFor
}

func (r *running) note(media string, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen == nil {
		r.seen = map[string]time.Time{}
	}
	for other, at := range r.seen {
		if now.Sub(at) >= runningFor {
			delete(r.seen, other)
		}
	}
	r.seen[media] = now
}

// missed notes an answer without a broadcast, and reports whether it is over: one such
// answer in a list that lags does not prove it, and the end cannot be taken back.
func (r *running) missed(media string, now time.Time) (over bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone == nil {
		r.gone = map[string]absence{}
	}
	for other, a := range r.gone {
		if now.Sub(a.last) >= absenceKept {
			delete(r.gone, other)
		}
	}
	a, again := r.gone[media]
	if !again || now.Sub(a.last) > absenceBreak {
		a.first = now
	}
	a.last = now
	r.gone[media] = a
	return now.Sub(a.first) >= absenceAtLeast
}

// listedAgain ends a row of answers without a broadcast.
func (r *running) listedAgain(media string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.gone, media)
}

// onAir is what is known of a broadcast before a send.
type onAir int

const (
	mayRun     onAir = iota // Meta lists it, or could not be asked: its refusal of the send has to do
	mayBeOver               // Meta does not list it, for the first time
	surelyOver              // Meta has not listed it for a while
)

// broadcast says whether a send to a live may be made.
func (a *Activities) broadcast(ctx context.Context, cred graph.Credentials, media string) onAir {
	if media == "" || a.running.lately(media, a.now()) {
		return mayRun
	}
	ctx, cancel := context.WithTimeout(ctx, liveQuestion)
	defer cancel()
	runs, err := a.listed(ctx, cred, media)
	switch {
	case err != nil:
		activity.GetLogger(ctx).Info("cannot ask whether the broadcast runs", "media", media, "error", err)
		a.running.listedAgain(media)
		return mayRun
	case runs:
		a.running.listedAgain(media)
		a.running.note(media, a.now())
		return mayRun
	case a.running.missed(media, a.now()):
		return surelyOver
	}
	return mayBeOver
}

// offAir is the outcome of a send to a live that Meta does not list.
func (a *Activities) offAir(state onAir) privatereply.SendResult {
	if state == surelyOver {
		return privatereply.SendResult{Outcome: privatereply.OutcomeNotSent, Reason: privatereply.BroadcastEnded}
	}
	return privatereply.SendResult{
		Outcome: privatereply.OutcomeNotSent, Reason: privatereply.Outage,
		RetryAt: a.now().Add(jitter(watchInterval)).UTC().Truncate(time.Millisecond),
	}
}
