package workflows

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/privatereply/privatereply"
)

const (
	// notifyBatch is how many replies one activity signals that the broadcast has ended. Their ids stay far
	// below what a payload may hold (512 KiB), and history grows by a few events.
	notifyBatch = 1000
	// maxJoinedBytes bounds what a run hands to the next one. About 50,000 comment
	// ids of Instagram fit; a reply that does not ends by its own deadline.
	maxJoinedBytes = 1 << 20
	// watchRetryPause lies before the watch begins anew after it broke.
	watchRetryPause = 10 * time.Second
)

// Broadcast watches one live video on Instagram for the replies that wait, because
// Meta takes a private reply only while it runs. When it has ended it signals them.
func Broadcast(ctx workflow.Context, in BroadcastInput) (*BroadcastStatus, error) {
	b := newBroadcast(ctx, in)
	if err := b.handleMessages(); err != nil {
		return nil, err
	}
	for {
		b.drain()
		b.describe()
		step := b.watch
		switch {
		case b.shouldContinueAsNew():
			return nil, workflow.NewContinueAsNewError(ctx, BroadcastType, b.continueAsNewState())
		case !b.EndedAt.IsZero() && len(b.Pending) == 0:
			return b.status(), nil
		case !b.EndedAt.IsZero():
			step = b.notifyReplies
		}
		if err := step(); err != nil {
			return nil, err
		}
	}
}

// broadcast is the state of one Broadcast.
type broadcast struct {
	inbox

	in                          BroadcastInput
	BroadcastContinueAsNewState // its RefusedSignals are those of the inbox

	joined       map[string]bool // the comments in Pending
	pendingBytes int
}

func newBroadcast(ctx workflow.Context, in BroadcastInput) *broadcast {
	b := &broadcast{inbox: inbox{ctx: ctx}, in: in, joined: map[string]bool{}}
	if b.in.LongestRun == 0 { // a start by hand
		b.in.LongestRun = privatereply.Duration(privatereply.MaxBroadcast)
	}
	if b.in.FirstSeen.IsZero() {
		b.in.FirstSeen = b.now()
	}
	if in.ContinuedFrom != nil {
		b.BroadcastContinueAsNewState = *in.ContinuedFrom
		b.refused, b.Pending = b.RefusedSignals, nil
		for _, comment := range in.ContinuedFrom.Pending {
			b.add(comment)
		}
	}
	return b
}

func (b *broadcast) continueAsNewState() BroadcastInput {
	next, state := b.in, b.BroadcastContinueAsNewState
	state.RefusedSignals = b.refused
	next.ContinuedFrom = &state
	return next
}

// shouldContinueAsNew reports whether history has grown so long that a new run should go on.
func (b *broadcast) shouldContinueAsNew() bool {
	return workflow.GetInfo(b.ctx).GetContinueAsNewSuggested()
}

// limit is the latest end.
func (b *broadcast) limit() time.Time { return b.in.FirstSeen.Add(time.Duration(b.in.LongestRun)) }

func (b *broadcast) end(at time.Time, by EndedBy) {
	if b.EndedAt.IsZero() {
		b.EndedAt, b.EndedBy = at, by
	}
}

// watch waits for the end, or until there is something else to do. A comment that
// is newer than Meta's word of the end proves that it still runs.
func (b *broadcast) watch() error {
	ctx, stop := workflow.WithCancel(b.ctx)
	defer stop()
	gone := execute(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: time.Duration(b.in.LongestRun),
		HeartbeatTimeout:    heartbeatTimeout,
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 1},
		Summary:             "Ask Meta every 10 seconds whether the broadcast runs",
	}, Activities.WatchBroadcast, WatchBroadcastInput{Platform: b.in.Platform, Account: b.in.Account, Media: b.in.Media})

	err := b.awaitUntil("The longest a broadcast can run", b.limit, func() bool {
		return gone.IsReady() || !b.EndedAt.IsZero() || b.shouldContinueAsNew()
	})
	switch {
	case err != nil || !b.EndedAt.IsZero():
		return err
	case !b.now().Before(b.limit()):
		b.end(b.limit(), EndedByLimit)
	case gone.IsReady():
		seen, err := gone.result(ctx)
		if err != nil {
			workflow.GetLogger(ctx).Warn("the watch broke off", "error", err)
			again := b.now().Add(watchRetryPause)
			return b.awaitUntil("The next look at the broadcast", func() time.Time { return again }, func() bool { return !b.EndedAt.IsZero() })
		}
		if !b.LastSeen.After(seen.At) {
			b.end(seen.At, EndedByMeta)
		}
	}
	return nil
}

// notifyReplies signals a batch of the replies that joined. One that has ended since need
// not be taken out: the signal does nothing to it.
func (b *broadcast) notifyReplies() error {
	batch := slices.Clone(b.Pending[:min(notifyBatch, len(b.Pending))])
	done := executeOnly(b.ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 10 * time.Minute,
		HeartbeatTimeout:    heartbeatTimeout,
		RetryPolicy:         &temporal.RetryPolicy{MaximumInterval: time.Minute},
		Summary:             "Signal the waiting replies that the broadcast has ended",
	}, Activities.EndReplies, EndRepliesInput{Platform: b.in.Platform, Account: b.in.Account, Comments: batch, At: b.EndedAt})
	if err := b.await(done.IsReady); err != nil {
		return err
	}
	if err := done.Get(b.ctx, nil); err != nil {
		return err
	}
	for _, comment := range batch {
		delete(b.joined, comment)
		b.pendingBytes -= len(comment)
	}
	b.Pending = b.Pending[len(batch):]
	b.Notified += len(batch)
	return nil
}

func (b *broadcast) handleMessages() error {
	if err := workflow.SetQueryHandlerWithOptions(b.ctx, StatusQuery, func() (*BroadcastStatus, error) { return b.status(), nil },
		workflow.QueryHandlerOptions{Description: "Whether the broadcast runs, and how many replies wait for it"}); err != nil {
		return err
	}
	b.handle(ReplyJoinedSignal, "A reply to a comment of this broadcast waits", b.replyJoined)
	b.handle(BroadcastEndedSignal, "Somebody says that it has ended", b.endedByHand)
	return nil
}

func (b *broadcast) replyJoined(raw converter.RawValue) error {
	var m LiveReplyJoined
	if err := decode(raw, &m); err != nil {
		return err
	}
	if m.Reply != "" {
		m.Replies = append(m.Replies, m.Reply)
	}
	if len(m.Replies) == 0 {
		return errNoReply
	}
	if !m.At.IsZero() {
		b.seen(m.At)
	}
	var refused error
	for _, reply := range m.Replies {
		if err := b.join(reply); err != nil {
			refused = err
		}
	}
	return refused
}

func (b *broadcast) join(reply string) error {
	id, ok := privatereply.ParseID(reply)
	switch {
	case !ok || id.Kind != "reply" || id.Platform != b.in.Platform || id.Account != b.in.Account:
		return errNoReply
	case b.joined[id.Subject]:
	case b.pendingBytes+len(id.Subject) > maxJoinedBytes:
		return errTooMany
	default:
		b.add(id.Subject)
	}
	return nil
}

func (b *broadcast) add(comment string) {
	b.joined[comment] = true
	b.pendingBytes += len(comment)
	b.Pending = append(b.Pending, comment)
}

// seen notes when a comment was written. A clock that is ahead must not keep the
// broadcast alive.
func (b *broadcast) seen(at time.Time) {
	at = earlier(at.UTC(), b.now())
	b.in.FirstSeen = earlier(b.in.FirstSeen, at)
	b.LastSeen = later(b.LastSeen, at)
}

func (b *broadcast) endedByHand(raw converter.RawValue) error {
	var m EventTime
	if err := decode(raw, &m); err != nil {
		return err
	}
	if m.At.IsZero() {
		return errNoTime
	}
	b.end(m.At.UTC(), EndedByHand)
	return nil
}

// BroadcastInput starts Broadcast. FirstSeen is the time of the first comment that
// is known of it.
type BroadcastInput struct {
	Platform      privatereply.Platform        `json:"platform"`
	Account       string                       `json:"account"`
	Media         string                       `json:"media"`
	FirstSeen     time.Time                    `json:"first_seen,omitzero"`
	ContinuedFrom *BroadcastContinueAsNewState `json:"carried,omitempty"` // from the run before this one
	// LongestRun is how long a broadcast can run, by the limit in force when it began.
	LongestRun privatereply.Duration `json:"longest_run,omitempty"`
}

// BroadcastContinueAsNewState is what a Broadcast hands to its next run.
type BroadcastContinueAsNewState struct {
	LastSeen time.Time `json:"last_seen,omitzero"` // when the newest comment was written
	EndedAt  time.Time `json:"ended_at,omitzero"`
	EndedBy  EndedBy   `json:"ended_by,omitempty"`
	Notified int       `json:"told,omitempty"`
	// Pending are the replies that joined and were not signalled yet, by the part of their
	// ids that differs, the comment: thousands of them are carried from run to run.
	Pending        []string        `json:"untold,omitempty"`
	RefusedSignals []RefusedSignal `json:"refused_signals,omitempty"`
}

// BroadcastOptions are the options and the input to signal the Broadcast of a live
// video and to start it if none is running.
func BroadcastOptions(p privatereply.Platform, account, media string, firstSeen time.Time, queue string) (client.StartWorkflowOptions, BroadcastInput, error) {
	id, err := privatereply.BroadcastID(p, account, media)
	if err != nil {
		return client.StartWorkflowOptions{}, BroadcastInput{}, err
	}
	return client.StartWorkflowOptions{
		ID:                       id,
		TaskQueue:                queue,
		WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		StaticSummary:            "Broadcast " + media + " of " + string(p) + " account " + account,
	}, BroadcastInput{Platform: p, Account: account, Media: media, FirstSeen: firstSeen, LongestRun: privatereply.Duration(privatereply.MaxBroadcast)}, nil
}

var errTooMany = errors.New("too many replies wait for this broadcast; this one ends by its own deadline, four hours after its comment")

// EndedBy says how the end of a broadcast is known.
type EndedBy string

// The ways in which a broadcast ends.
const (
	EndedByMeta  EndedBy = "meta"  // Meta twice did not list it
	EndedByHand  EndedBy = "hand"  // somebody said so
	EndedByLimit EndedBy = "limit" // it cannot run any longer
)

var endedByWords = map[EndedBy]string{
	EndedByMeta:  "Meta does not list it any more",
	EndedByHand:  "somebody said so",
	EndedByLimit: "no broadcast runs longer than four hours",
}

// BroadcastStatus answers the status query of Broadcast, and is its result.
type BroadcastStatus struct {
	Running        bool            `json:"running"`
	FirstSeen      time.Time       `json:"first_seen"`
	LastSeen       time.Time       `json:"last_seen,omitzero"` // the newest comment whose reply had to wait
	EndedAt        time.Time       `json:"ended_at,omitzero"`
	EndedBy        EndedBy         `json:"ended_by,omitempty"`
	Joined         int             `json:"joined"` // replies
	Notified       int             `json:"told"`   // replies that know of the end
	RefusedSignals []RefusedSignal `json:"refused_signals,omitempty"`
}

func (b *broadcast) status() *BroadcastStatus {
	return &BroadcastStatus{
		Running: b.EndedAt.IsZero(), FirstSeen: b.in.FirstSeen, LastSeen: b.LastSeen,
		EndedAt: b.EndedAt, EndedBy: b.EndedBy,
		Joined: b.Notified + len(b.Pending), Notified: b.Notified, RefusedSignals: b.refused,
	}
}

// describe shows the broadcast in the Web UI.
func (b *broadcast) describe() {
	var d strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&d, format+"\n\n", args...) }
	if b.EndedAt.IsZero() {
		line("### The broadcast runs")
		line("**Ends** at %s at the latest", formatTime(b.limit()))
	} else {
		line("### The broadcast ended at %s", formatTime(b.EndedAt))
		line("Known because %s (`%s`)", endedByWords[b.EndedBy], b.EndedBy)
		line("**Notified:** %d of the %d replies that waited", b.Notified, b.Notified+len(b.Pending))
	}
	workflow.SetCurrentDetails(b.ctx, strings.TrimSpace(d.String()))
}
