package bridge

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/privatereply/privatereply/internal/routing"
	"github.com/privatereply/privatereply/workflows"
)

// maxConcurrentCalls bounds the calls to Temporal that one commit runs at once. More would
// only make the server answer each of them later.
const maxConcurrentCalls = 64

// batched is the effect of an event that an Intake holds. The worker counts what the
// Intake does with it.
const batched = "batched"

// committer makes events durable.
type committer interface {
	// commit returns one result for each event when Temporal holds them all. After an
	// error some may be held, and all must be committed again: a repeat is harmless.
	commit(ctx context.Context, events []workflows.InboundEvent) ([]routing.Result, error)
}

// directCommitter starts or signals one workflow for each event.
type directCommitter struct{ router *routing.Router }

func (d directCommitter) commit(ctx context.Context, events []workflows.InboundEvent) ([]routing.Result, error) {
	results := make([]routing.Result, len(events))
	err := d.router.Route(ctx, events, maxConcurrentCalls, func(n int, e routing.Result) { results[n] = e })
	if err != nil {
		return nil, err
	}
	return results, nil
}

// errFull says that the queue is full. Meta delivers again.
var errFull = errors.New("the bridge has too many events waiting for Temporal")

// batchLimits are the limits of a batcher.
type batchLimits struct {
	maxInFlight    int           // commits at once, slow ones included
	slowAfter      time.Duration // a commit that takes longer lets another one begin beside it
	maxBatchEvents int           // events in one Intake
	maxBatchBytes  int           // encoded, in one Intake; Temporal warns at 512 KiB
	maxQueueEvents int           // events that wait for a commit
	maxQueueBytes  int           // encoded, of those
	commitTimeout  time.Duration // of one commit
}

var batchLimitsDefault = batchLimits{
	maxInFlight:    4,
	slowAfter:      250 * time.Millisecond,
	maxBatchEvents: 500,
	maxBatchBytes:  500 << 10, // some of the 512 KiB is for the list around the events
	maxQueueEvents: 20_000,
	maxQueueBytes:  32 << 20,
	commitTimeout:  commitTimeout,
}

// In a burst the next batch waits for the senders that were just answered: their next
// events then go with it and not behind it. The delay is the duration of the commit
// divided by delayDivisor, at most maxDelay.
const (
	delayDivisor = 5
	maxDelay     = 2 * time.Millisecond
)

// batcher is group commit: the events that arrive while a commit is in flight go
// together in the next one, so that a burst costs one transaction for hundreds of events.
// Without a commit in flight nothing waits: an event alone starts its workflow directly.
//
// One commit at a time makes the largest batches, and a database that does not commit in
// parallel takes as many large ones as small ones.
type batcher struct {
	batchLimits
	direct      committer // for a batch of one
	startIntake intakeStarter

	mu           sync.Mutex
	queue        []*commitRequest
	queuedEvents int // waiting
	queuedBytes  int // waiting
	inFlight     int // commits
	slowCommits  int // of those, slow
}

// commitRequest is the events of one delivery. They may be spread over several batches.
type commitRequest struct {
	events  []workflows.InboundEvent
	encoded [][]byte
	results []routing.Result

	// Guarded by batcher.mu.
	batched  int // events that were put into a batch
	pending  int // events that are not durable yet
	err      error
	finished bool
	done     chan struct{}
}

func newBatcher(limits batchLimits, direct committer, startIntake intakeStarter) *batcher {
	return &batcher{batchLimits: limits, direct: direct, startIntake: startIntake}
}

// commit returns when every event is durable or one failed.
func (b *batcher) commit(ctx context.Context, events []workflows.InboundEvent) ([]routing.Result, error) {
	if len(events) == 0 {
		return nil, nil
	}
	r := &commitRequest{
		events:  events,
		encoded: make([][]byte, len(events)),
		results: make([]routing.Result, len(events)),
		pending: len(events),
		done:    make(chan struct{}),
	}
	size := 0
	for i, event := range events {
		encoded, err := json.Marshal(event)
		if err != nil {
			return nil, fmt.Errorf("encode an event: %w", err)
		}
		r.encoded[i] = encoded
		size += len(encoded)
	}
	if !b.enqueue(r, size) {
		return nil, errFull
	}
	select {
	case <-r.done:
		return r.results, r.err
	case <-ctx.Done():
		b.abandon(r)
		return nil, context.Cause(ctx)
	}
}

func (b *batcher) enqueue(r *commitRequest, size int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.queuedEvents > 0 && (b.queuedEvents+len(r.events) > b.maxQueueEvents || b.queuedBytes+size > b.maxQueueBytes) {
		return false
	}
	b.queue = append(b.queue, r)
	b.queuedEvents += len(r.events)
	b.queuedBytes += size
	b.startCommit()
	return true
}

// startCommit begins a commit unless one is in flight that is not slow.
func (b *batcher) startCommit() {
	if len(b.queue) > 0 && b.inFlight == b.slowCommits && b.inFlight < b.maxInFlight {
		b.inFlight++
		go b.run()
	}
}

// abandon fails a request that nobody waits for, so that its events go into no batch.
func (b *batcher) abandon(r *commitRequest) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fail(r, context.Canceled)
}

// run commits batches until the queue is empty.
func (b *batcher) run() {
	for {
		batch := b.nextBatch()
		if batch == nil {
			return
		}
		startedAt := time.Now()
		results, err := b.commitWithSlowTimer(batch)
		b.complete(batch, results, err)
		if len(batch) > 1 {
			time.Sleep(min(time.Since(startedAt)/delayDivisor, maxDelay))
		}
	}
}

// commitWithSlowTimer commits a batch, and lets another commit begin when this one is
// slow: one that hangs must not block all others.
func (b *batcher) commitWithSlowTimer(batch []batchItem) ([]routing.Result, error) {
	ctx, cancel := context.WithTimeout(context.Background(), b.batchLimits.commitTimeout)
	defer cancel()
	var slow, done bool // guarded by b.mu
	timer := time.AfterFunc(b.slowAfter, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if !done {
			slow = true
			b.slowCommits++
			b.startCommit()
		}
	})
	defer timer.Stop()
	results, err := b.commitBatch(ctx, batch)
	b.mu.Lock()
	defer b.mu.Unlock()
	done = true
	if slow {
		b.slowCommits--
	}
	return results, err
}

// batchItem is one event of a batch, by its index in its request.
type batchItem struct {
	request *commitRequest
	index   int
}

// nextBatch takes the next batch from the queue, first come first served. It returns nil
// when the queue is empty, or when another commit took over while this one was slow.
func (b *batcher) nextBatch() []batchItem {
	b.mu.Lock()
	defer b.mu.Unlock()
	var batch []batchItem
	bytes := 0
	for len(b.queue) > 0 && b.inFlight-b.slowCommits == 1 {
		r := b.queue[0]
		for r.err == nil && r.batched < len(r.events) {
			size := len(r.encoded[r.batched]) + 1
			if len(batch) == b.maxBatchEvents || len(batch) > 0 && bytes+size > b.maxBatchBytes {
				return batch
			}
			batch = append(batch, batchItem{r, r.batched})
			b.dequeue(r)
			bytes += size
		}
		for r.batched < len(r.events) { // failed meanwhile
			b.dequeue(r)
		}
		b.queue[0] = nil
		b.queue = b.queue[1:]
	}
	if batch == nil {
		if len(b.queue) == 0 {
			b.queue = nil // and with it the array that it was cut from
		}
		b.inFlight--
	}
	return batch
}

func (b *batcher) dequeue(r *commitRequest) {
	b.queuedEvents--
	b.queuedBytes -= len(r.encoded[r.batched])
	r.batched++
}

func (b *batcher) commitBatch(ctx context.Context, batch []batchItem) ([]routing.Result, error) {
	if len(batch) == 1 {
		s := batch[0]
		return b.direct.commit(ctx, s.request.events[s.index:s.index+1])
	}
	encoded := make([][]byte, len(batch))
	results := make([]routing.Result, len(batch))
	live := false
	for i, s := range batch {
		encoded[i] = s.request.encoded[s.index]
		results[i] = routing.Result{Effect: batched}
		c := s.request.events[s.index].Comment
		live = live || c != nil && c.OnLive()
	}
	return results, b.startIntake(ctx, encoded, live)
}

// complete gives the requests of a batch their results. A failed commit fails exactly
// these requests.
func (b *batcher) complete(batch []batchItem, results []routing.Result, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, s := range batch {
		if err != nil {
			b.fail(s.request, err)
			continue
		}
		s.request.results[s.index] = results[i]
		s.request.pending--
		if s.request.pending == 0 {
			s.request.finish()
		}
	}
}

func (b *batcher) fail(r *commitRequest, err error) {
	if r.err == nil && !r.finished {
		r.err = err
		r.finish()
	}
}

func (r *commitRequest) finish() {
	r.finished = true
	close(r.done)
}

// depth is how many events wait for a commit.
func (b *batcher) depth() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.queuedEvents
}

// intakeStarter starts an Intake with the encoded events of a batch; live is true if some
// are of a live broadcast.
type intakeStarter func(ctx context.Context, encoded [][]byte, live bool) error

// livePriority lets a worker take batches with live comments before the others,
// which have 3, on servers that know priorities: a broadcast may end before a backlog
// is drained.
const livePriority = 1

// newIntakeStarter returns an intakeStarter that starts one Intake for each batch. The events were encoded when they
// arrived; the input is put together from those bytes.
func newIntakeStarter(c client.Client, queue string) intakeStarter {
	return func(ctx context.Context, encoded [][]byte, live bool) error {
		options := client.StartWorkflowOptions{
			ID:            "intake:" + uuid.NewString(),
			TaskQueue:     workflows.IntakeQueue(queue),
			StaticSummary: fmt.Sprintf("%d events that arrived at once", len(encoded)),
		}
		if live {
			options.Priority.PriorityKey = livePriority
		}
		_, err := c.ExecuteWorkflow(ctx, options, workflows.IntakeType, intakeInput(encoded))
		return err
	}
}

// intakeInput is the JSON of a workflows.IntakeInput.
func intakeInput(encoded [][]byte) converter.RawValue {
	const begin, end = `{"arrivals":[`, `]}`
	size := len(begin) + len(end) + len(encoded)
	for _, e := range encoded {
		size += len(e)
	}
	data := append(make([]byte, 0, size), begin...)
	data = append(data, bytes.Join(encoded, []byte(","))...)
	data = append(data, end...)
	return converter.NewRawValue(&commonpb.Payload{
		Metadata: map[string][]byte{converter.MetadataEncoding: []byte(converter.MetadataEncodingJSON)},
		Data:     data,
	})
}
