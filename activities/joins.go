package activities

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/privatereply/privatereply/workflows"
)

const (
	// joinGather is how long replies gather to join their broadcast in one signal. A
	// live video brings thousands; to notice its end takes longer than this.
	joinGather = time.Second
	// maxJoins bounds one signal: ids of the longest kind fill half of 512 KiB.
	maxJoins = 1000
)

// joins gathers the replies of this process that want to join a broadcast. One
// workflow takes some dozens of signals a second, and each is an event of its history.
type joins struct {
	mu      sync.Mutex
	batches map[string]*joinBatch // those that gather, by the broadcast's workflow id
}

type joinBatch struct {
	first, newest time.Time
	replies       []string
	done          chan struct{} // closed when err is set
	err           error
}

// add puts a reply into the batch that gathers. Whoever begins a batch leads it.
func (j *joins) add(id string, m workflows.LiveReplyJoined) (b *joinBatch, leads bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.batches == nil {
		j.batches = map[string]*joinBatch{}
	}
	b = j.batches[id]
	if b == nil || len(b.replies) == maxJoins {
		b, leads = &joinBatch{first: m.At, newest: m.At, done: make(chan struct{})}, true
		j.batches[id] = b
	}
	b.replies = append(b.replies, m.Reply)
	if m.At.Before(b.first) {
		b.first = m.At
	}
	if m.At.After(b.newest) {
		b.newest = m.At
	}
	return b, leads
}

// close ends the gathering of b.
func (j *joins) close(id string, b *joinBatch) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.batches[id] == b {
		delete(j.batches, id)
	}
}

// JoinBroadcast tells the Broadcast of a live video that a reply waits, together
// with the others of this worker that begin to wait in the same second. A repeat
// changes nothing.
func (a *Activities) JoinBroadcast(ctx context.Context, in workflows.JoinBroadcastInput) error {
	options, _, err := workflows.BroadcastOptions(in.Platform, in.Account, in.Media, in.Joined.At, a.queue)
	if err != nil {
		return temporal.NewNonRetryableApplicationError(err.Error(), "UnusableID", nil)
	}
	b, leads := a.joins.add(options.ID, in.Joined)
	if !leads {
		select {
		case <-b.done:
			return b.err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	defer close(b.done)
	select {
	case <-time.After(joinGather):
	case <-ctx.Done():
	}
	a.joins.close(options.ID, b)
	b.err = a.join(ctx, in, b)
	return b.err
}

func (a *Activities) join(ctx context.Context, in workflows.JoinBroadcastInput, b *joinBatch) error {
	options, input, err := workflows.BroadcastOptions(in.Platform, in.Account, in.Media, b.first, a.queue)
	if err != nil {
		return err
	}
	joined := workflows.LiveReplyJoined{Replies: b.replies, At: b.newest}
	if _, err := a.temporal.SignalWithStartWorkflow(ctx, options.ID, workflows.ReplyJoinedSignal, joined, options, workflows.BroadcastType, input); err != nil {
		return fmt.Errorf("join %s: %w", options.ID, err)
	}
	return nil
}
