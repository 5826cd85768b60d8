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
	// broadcastPollInterval is the time between two polls of Meta for one broadcast.
	broadcastPollInterval = 10 * time.Second
	// absentPollsToEnd is how many polls in a row must lack the broadcast. Meta's lists
	// lag, and the end of a broadcast cannot be taken back.
	absentPollsToEnd = 2
	// endBatchSize is how many replies are signalled the end at the same time.
	endBatchSize = 50
	// The next batch is signalled when a worker has picked up the last reply of this one,
	// or after pickupTimeout. The server keeps a workflow task for the worker that has the
	// workflow in memory for 5 seconds, and gives it to any after that, who replays
	// the history: of thousands of replies signalled at once, nearly all are scheduled twice
	// and replayed.
	pickupTimeout      = 4 * time.Second
	pickupPollInterval = 100 * time.Millisecond
	// seenTTL is how long Meta's answer that a broadcast runs is valid for other replies:
	// shorter than it takes to notice an end, long enough that thousands of replies
	// do not ask thousands of times.
	seenTTL = 3 * time.Second
	// minAbsence is how far apart the answers must be that show the end of a broadcast
	// to a send, and absenceTTL is how long one is remembered: a reply comes back sooner,
	// perhaps to another worker first.
	minAbsence = 5 * time.Second
	absenceTTL = 10 * time.Minute
	// maxAbsenceGap ends a row of such answers: a reply asks again after some ten seconds.
	maxAbsenceGap = time.Minute
)

// WatchBroadcast polls Meta until the broadcast has ended. A poll that fails proves nothing:
// the polls in a row are counted anew.
func (a *Activities) WatchBroadcast(ctx context.Context, in workflows.WatchBroadcastInput) (workflows.WatchBroadcastResult, error) {
	var since time.Time
	absent := 0
	tick := time.NewTicker(broadcastPollInterval)
	defer tick.Stop()
	for {
		activity.RecordHeartbeat(ctx)
		at := a.now()
		runs, err := a.isRunning(ctx, in)
		switch {
		case ctx.Err() != nil:
			return workflows.WatchBroadcastResult{}, ctx.Err()
		case err != nil:
			activity.GetLogger(ctx).Warn("cannot ask whether the broadcast runs", "media", in.Media, "error", err)
			absent = 0
		case runs:
			absent = 0
		default:
			if absent++; absent == 1 {
				since = at
			}
			if absent == absentPollsToEnd {
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

func (a *Activities) isRunning(ctx context.Context, in workflows.WatchBroadcastInput) (bool, error) {
	cred, err := a.accounts.Credentials(in.Platform, in.Account)
	if err != nil {
		return false, err
	}
	return a.isBroadcasting(ctx, cred, in.Media)
}

// isBroadcasting asks Meta whether the account broadcasts the media now.
func (a *Activities) isBroadcasting(ctx context.Context, cred graph.Credentials, media string) (bool, error) {
	live, err := a.graph.LiveMedia(ctx, cred)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(live, func(m graph.LiveMedia) bool { return m.ID == media }), nil
}

// EndReplies signals to replies that their broadcast has ended. It continues where a lost
// worker stopped; a second signal, or one after its end, changes nothing for a reply.
func (a *Activities) EndReplies(ctx context.Context, in workflows.EndRepliesInput) error {
	done := 0
	if activity.HasHeartbeatDetails(ctx) {
		if err := activity.GetHeartbeatDetails(ctx, &done); err != nil {
			done = 0
		}
	}
	for done < len(in.Comments) {
		ids, err := replyIDs(in, in.Comments[done:min(done+endBatchSize, len(in.Comments))])
		if err != nil {
			return temporal.NewNonRetryableApplicationError(err.Error(), "UnusableID", nil)
		}
		if err := a.signalEnded(ctx, ids, in.At); err != nil {
			return err
		}
		a.waitForPickup(ctx, ids[len(ids)-1])
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

func (a *Activities) signalEnded(ctx context.Context, ids []string, at time.Time) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, id := range ids {
		group.Go(func() error {
			err := a.temporal.SignalWorkflow(ctx, id, "", workflows.BroadcastEndedSignal, workflows.EventTime{At: at})
			var ended *serviceerror.NotFound
			if err != nil && !errors.As(err, &ended) {
				return fmt.Errorf("signal %s: %w", id, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// waitForPickup waits until no workflow task of a reply is waiting for a worker.
func (a *Activities) waitForPickup(ctx context.Context, id string) {
	ctx, cancel := context.WithTimeout(ctx, pickupTimeout)
	defer cancel()
	tick := time.NewTicker(pickupPollInterval)
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

// broadcastCache remembers for each broadcast when Meta last listed it, and since when Meta
// has not listed it.
type broadcastCache struct {
	mu       sync.Mutex
	lastSeen map[string]time.Time // by media
	absences map[string]absence   // by media
}

// absence is a series of answers that lack a broadcast.
type absence struct{ first, last time.Time }

func (r *broadcastCache) recentlySeen(media string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	at, known := r.lastSeen[media]
	return known && now.Sub(at) < seenTTL
}

func (r *broadcastCache) recordSeen(media string, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.lastSeen == nil {
		r.lastSeen = map[string]time.Time{}
	}
	for other, at := range r.lastSeen {
		if now.Sub(at) >= seenTTL {
			delete(r.lastSeen, other)
		}
	}
	r.lastSeen[media] = now
}

// countMissedWebhook notes an answer that lacks a broadcast, and reports whether the broadcast has
// ended: one such answer of a list that lags does not prove it, and the end is final.
func (r *broadcastCache) recordAbsent(media string, now time.Time) (ended bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.absences == nil {
		r.absences = map[string]absence{}
	}
	for other, a := range r.absences {
		if now.Sub(a.last) >= absenceTTL {
			delete(r.absences, other)
		}
	}
	a, again := r.absences[media]
	if !again || now.Sub(a.last) > maxAbsenceGap {
		a.first = now
	}
	a.last = now
	r.absences[media] = a
	return now.Sub(a.first) >= minAbsence
}

// clearAbsence ends a series of answers that lack a broadcast.
func (r *broadcastCache) clearAbsence(media string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.absences, media)
}

// broadcastState is what the process knows about a broadcast before a send.
type broadcastState int

const (
	broadcastMayRun       broadcastState = iota // Meta lists it, or could not be asked: its refusal of the send has to do
	broadcastMayHaveEnded                       // Meta does not list it, for the first time
	broadcastEnded                              // Meta has not listed it for a while
)

// checkBroadcast reports whether a send to a live comment may be made.
func (a *Activities) checkBroadcast(ctx context.Context, cred graph.Credentials, media string) broadcastState {
	if media == "" || a.broadcasts.recentlySeen(media, a.now()) {
		return broadcastMayRun
	}
	ctx, cancel := context.WithTimeout(ctx, broadcastCheckTimeout)
	defer cancel()
	runs, err := a.isBroadcasting(ctx, cred, media)
	switch {
	case err != nil:
		activity.GetLogger(ctx).Info("cannot ask whether the broadcast runs", "media", media, "error", err)
		a.broadcasts.clearAbsence(media)
		return broadcastMayRun
	case runs:
		a.broadcasts.clearAbsence(media)
		a.broadcasts.recordSeen(media, a.now())
		return broadcastMayRun
	case a.broadcasts.recordAbsent(media, a.now()):
		return broadcastEnded
	}
	return broadcastMayHaveEnded
}

// broadcastEndedResult is the outcome of a send to a broadcast that Meta does not list.
func (a *Activities) broadcastEndedResult(state broadcastState) privatereply.SendResult {
	if state == broadcastEnded {
		return privatereply.SendResult{Outcome: privatereply.OutcomeNotSent, Reason: privatereply.BroadcastEnded}
	}
	return privatereply.SendResult{
		Outcome: privatereply.OutcomeNotSent, Reason: privatereply.Outage,
		RetryAt: a.now().Add(withJitter(broadcastPollInterval)).UTC().Truncate(time.Millisecond),
	}
}
