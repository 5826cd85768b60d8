// Package placing brings the events of webhooks to their workflows: it starts
// replies, signals conversations and withdraws replies. The bridge does it for
// single events, and the Dispatch activity for batches.
package placing

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"golang.org/x/sync/errgroup"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/telemetry"
	"github.com/privatereply/privatereply/workflows"
)

// Effect is what became of an event. An ignored one has a reason.
type Effect struct{ Name, Reason string }

// Names of effects, and the reasons that placing itself has for ignoring.
const (
	Started   = "started"
	Duplicate = "duplicate"
	Signalled = "signalled"
	Ignored   = "ignored"

	OutsideWindow = "outside_window" // an old message, and no conversation to tell
	ReplyEnded    = "reply_ended"    // the reply to the removed or edited comment has ended
	NothingKnown  = "nothing_known"  // no reply can stand under the removed post
	NoUsableID    = "no_usable_id"   // no workflow can have the event's id
)

// Placer places events. Everything that it does can be repeated.
type Placer struct {
	client client.Client
	queue  string
	now    func() time.Time
	turn   func(context.Context) (done func(), err error)
}

// New makes a placer that starts workflows on queue, in the namespace of c.
func New(c client.Client, queue string, now func() time.Time) *Placer {
	return &Placer{client: c, queue: queue, now: now, turn: atOnce}
}

// InTurn makes a placer wait for its turn with each event.
func (p *Placer) InTurn(turn func(context.Context) (done func(), err error)) *Placer {
	p.turn = turn
	return p
}

func atOnce(context.Context) (func(), error) { return func() {}, nil }

// Place places arrivals, at most calls of them at once, and calls placed for each
// one that is durable; placed is never called twice at the same time. Arrivals of
// one comment and of one person keep their order. What goes wrong with one stops
// only those behind it; the error is the first one.
func (p *Placer) Place(ctx context.Context, arrivals []workflows.Arrival, calls int, placed func(n int, e Effect)) error {
	lanes, posts, unusable, err := lanesOf(arrivals)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	done := func(n int, e Effect) {
		mu.Lock()
		defer mu.Unlock()
		placed(n, e)
	}
	// Nothing could ever be done with these, and a batch must not stop at them.
	for _, n := range unusable {
		done(n, Effect{Ignored, NoUsableID})
	}
	err = p.placeLanes(ctx, arrivals, lanes, calls, done)
	// Posts come last, after the comments that were still made under them.
	if postsErr := p.placeLanes(ctx, arrivals, posts, calls, done); err == nil {
		err = postsErr
	}
	return err
}

func (p *Placer) placeLanes(ctx context.Context, arrivals []workflows.Arrival, lanes []lane, calls int, done func(int, Effect)) error {
	var running errgroup.Group
	free := make(chan struct{}, calls)
	for _, lane := range lanes {
		// The turns are taken here, so that the lanes begin in their order; and after a
		// place, because the lanes that have one may need a turn before they give it back.
		free <- struct{}{}
		turned, err := p.turn(ctx)
		if err != nil {
			running.Go(func() error { return err })
			break
		}
		running.Go(func() error {
			defer func() { <-free }()
			for i, n := range lane.arrivals {
				if i > 0 {
					if turned, err = p.turn(ctx); err != nil {
						return err
					}
				}
				e, err := p.place(ctx, arrivals[n], lane.id)
				turned()
				if err != nil {
					return fmt.Errorf("%s: %w", lane.id, err)
				}
				done(n, e)
			}
			return nil
		})
	}
	return running.Wait()
}

// lane is the arrivals of one workflow, by their places.
type lane struct {
	id       string
	arrivals []int
}

// lanesOf sorts arrivals by the workflow that they are for; those of removed posts
// stand apart, and so do those that no workflow can have the id of.
func lanesOf(arrivals []workflows.Arrival) (lanes, posts []lane, unusable []int, err error) {
	byID := map[string]int{}
	for n, a := range arrivals {
		id, err := ID(a)
		if errors.Is(err, privatereply.ErrUnusableID) {
			unusable = append(unusable, n)
			continue
		}
		if err != nil {
			return nil, nil, nil, err
		}
		to := &lanes
		if id == "" {
			to, id = &posts, "removed post "+a.Removal.MediaID
		}
		i, ok := byID[id]
		if !ok {
			i = len(*to)
			byID[id] = i
			*to = append(*to, lane{id: id})
		}
		(*to)[i].arrivals = append((*to)[i].arrivals, n)
	}
	return lanes, posts, unusable, nil
}

// ID is the workflow that a is for. The removal of a post is for many; it has none.
func ID(a workflows.Arrival) (string, error) {
	switch {
	case a.Comment != nil:
		return privatereply.ReplyID(*a.Comment)
	case a.Edited != nil:
		return privatereply.ReplyID(*a.Edited)
	case a.Message != nil && a.Message.PersonID == "":
		return privatereply.MessageID(a.Message.Platform, a.Message.Account, a.Message.MessageID)
	case a.Message != nil:
		return privatereply.ConversationID(a.Message.Platform, a.Message.Account, a.Message.PersonID)
	case a.Removal == nil:
		return "", errors.New("an arrival without an event")
	case a.Removal.CommentID != "":
		return privatereply.ReplyID(removed(*a.Removal))
	}
	return "", nil
}

func (p *Placer) place(ctx context.Context, a workflows.Arrival, id string) (Effect, error) {
	ctx = telemetry.Under(ctx, a.Trace)
	switch {
	case a.Comment != nil:
		if a.Decision == nil {
			return Effect{}, errors.New("a comment without a decision")
		}
		return p.start(ctx, workflows.PrivateReplyInput{Comment: *a.Comment, Decision: *a.Decision})
	case a.Edited != nil:
		return p.edit(ctx, a, id)
	case a.Message != nil && a.Message.PersonID == "":
		return p.locate(ctx, a)
	case a.Message != nil:
		return p.tell(ctx, a)
	case a.Removal.CommentID != "":
		return p.withdraw(ctx, removed(*a.Removal), id)
	}
	return p.removePost(ctx, *a.Removal)
}

// start starts the reply to a comment, unless it has one.
func (p *Placer) start(ctx context.Context, in workflows.PrivateReplyInput) (Effect, error) {
	options, in, err := workflows.PrivateReplyOptions(in, p.queue, p.now())
	if err != nil {
		return Effect{}, err
	}
	_, err = p.client.ExecuteWorkflow(ctx, options, workflows.PrivateReplyType, in)
	if temporal.IsWorkflowExecutionAlreadyStartedError(err) {
		return Effect{Duplicate, ""}, nil
	}
	return Effect{Started, ""}, err
}

// edit tells a reply that the words of its comment have changed. If the comment's own
// event is still on its way, or was lost, the reply is started with the new words; then
// no rule answers alone, because nobody knows how old the comment is.
func (p *Placer) edit(ctx context.Context, a workflows.Arrival, id string) (Effect, error) {
	if a.Decision == nil {
		return Effect{}, errors.New("an edited comment without a decision")
	}
	in := workflows.PrivateReplyInput{Comment: *a.Edited, Decision: *a.Decision}
	if in.Decision.Action == privatereply.ActionAuto {
		in.Decision.Action, in.Decision.Reason, in.Decision.Hold = privatereply.ActionAsk, privatereply.FoundByEdit, 0
	}
	edited := workflows.CommentEdited{Text: a.Edited.Text, At: a.Edited.EditedAt, Decision: a.Decision, Attachment: a.Edited.Attachment}
	return p.signalReply(ctx, id, workflows.CommentEditedSignal, edited, in)
}

// tell tells the person's conversation of a message. One that is too old to open a
// window is only told to a conversation that runs anyway.
func (p *Placer) tell(ctx context.Context, a workflows.Arrival) (Effect, error) {
	m := *a.Message
	account := privatereply.Account{Platform: m.Platform, ID: m.Account, HumanAgent: a.HumanAgent, RepliedOnly: a.RepliedOnly}
	options, input, err := workflows.ConversationOptions(account, m.PersonID, p.queue)
	if err != nil {
		return Effect{}, err
	}
	signal := workflows.PersonMessage{At: m.At, MessageID: m.MessageID}
	window := privatereply.StandardWindow
	if a.HumanAgent {
		window = privatereply.HumanAgentWindow
	}
	if p.now().Sub(m.At) < window {
		_, err := p.client.SignalWithStartWorkflow(ctx, options.ID, workflows.PersonMessageSignal, signal, options, workflows.ConversationType, input)
		return Effect{Signalled, ""}, err
	}
	err = p.client.SignalWorkflow(ctx, options.ID, "", workflows.PersonMessageSignal, signal)
	var none *serviceerror.NotFound
	if errors.As(err, &none) {
		return Effect{Ignored, OutsideWindow}, nil
	}
	return Effect{Signalled, ""}, err
}

// withdraw tells a reply that its comment is gone. If the comment's own event is
// still on its way, in another batch or in another delivery, the reply is started
// as withdrawn, so that the event then meets a reply and starts none.
func (p *Placer) withdraw(ctx context.Context, c privatereply.Comment, id string) (Effect, error) {
	c.ReceivedAt = p.now().UTC()
	in := workflows.PrivateReplyInput{Comment: c, Decision: privatereply.Decision{Action: privatereply.ActionIgnore, Reason: privatereply.DecidedByRemoval}}
	return p.signalReply(ctx, id, workflows.CommentRemovedSignal, struct{}{}, in)
}

// signalReply signals a reply, and starts it with in if there is none.
func (p *Placer) signalReply(ctx context.Context, id, name string, signal any, in workflows.PrivateReplyInput) (Effect, error) {
	options, in, err := workflows.PrivateReplyOptions(in, p.queue, p.now())
	if err != nil {
		return Effect{}, err
	}
	options.WorkflowIDConflictPolicy = enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING
	_, err = p.client.SignalWithStartWorkflow(ctx, id, name, signal, options, workflows.PrivateReplyType, in)
	if temporal.IsWorkflowExecutionAlreadyStartedError(err) {
		return Effect{Ignored, ReplyEnded}, nil
	}
	return Effect{Signalled, ""}, err
}

// removed is the comment that r says is gone.
func removed(r privatereply.Removal) privatereply.Comment {
	return privatereply.Comment{
		Platform: r.Platform, Account: r.Account, CommentID: r.CommentID, MediaID: r.MediaID, Via: privatereply.ViaWebhook,
	}
}
