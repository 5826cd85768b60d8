// Package routing delivers the events of webhooks to their workflows: it starts
// replies, signals conversations and withdraws replies. The bridge routes single
// events, and the Dispatch activity those of a batch.
package routing

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"golang.org/x/sync/errgroup"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/personkey"
	"github.com/privatereply/privatereply/internal/telemetry"
	"github.com/privatereply/privatereply/workflows"
)

// Result is the effect of one event. Only an ignored event has a reason.
type Result struct{ Effect, Reason string }

// The effects, and the router's own reasons to ignore an event. They are label values
// of the events_total metrics.
const (
	Started   = "started"
	Duplicate = "duplicate"
	Signalled = "signalled"
	Ignored   = "ignored"

	OutsideWindow = "outside_window" // an old message, and no conversation runs
	ReplyEnded    = "reply_ended"    // the reply to the removed or edited comment has ended
	UnknownPost   = "nothing_known"  // no reply can stand under the removed post
	NoUsableID    = "no_usable_id"   // no workflow can have the event's id
)

// Router starts or signals the workflow of each event. Every call may be repeated: a
// repeat is a duplicate.
type Router struct {
	client client.Client
	queue  string
	keys   personkey.Keys
	now    func() time.Time
	events workflows.EventScope // what the replies that it starts report
	eager  bool
}

// New makes a router that starts workflows on queue, in the namespace of c. The keys are
// those of the persons.
func New(c client.Client, queue string, keys personkey.Keys, now func() time.Time) *Router {
	return &Router{client: c, queue: queue, keys: keys, now: now}
}

// WithEvents makes the replies that the router starts report what happens to them.
func (r *Router) WithEvents(scope workflows.EventScope) *Router {
	r.events = scope
	return r
}

// WithEagerStart has the router's client take the first workflow task of a reply with the answer
// to its start, which saves the server a write and a poll. It needs a worker of the queue that
// uses the same client; without one the task goes to any worker.
func (r *Router) WithEagerStart() *Router {
	r.eager = true
	return r
}

// replyOptions are the options to start the reply of in, and in with its beginning.
func (r *Router) replyOptions(in workflows.PrivateReplyInput) (client.StartWorkflowOptions, workflows.PrivateReplyInput, error) {
	options, in, err := workflows.PrivateReplyOptions(in, r.queue, r.now())
	if err == nil {
		in.InitialState.Events = r.events
		options.EnableEagerStart = r.eager
	}
	return options, in, err
}

// Route routes events, at most concurrency of them at the same time. It calls routed with
// the index and result of each event that is durable, never twice at the same time.
// Events of one comment and of one person keep their order: an error stops only the later
// events of the same key. Route returns the first error.
func (r *Router) Route(ctx context.Context, events []workflows.InboundEvent, concurrency int, routed func(n int, result Result)) error {
	groups, posts, unusable, err := groupByKey(events)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	done := func(n int, result Result) {
		mu.Lock()
		defer mu.Unlock()
		routed(n, result)
	}
	// A repeat would fail as well, and a batch must not stop at them.
	for _, n := range unusable {
		done(n, Result{Ignored, NoUsableID})
	}
	err = r.routeGroups(ctx, events, groups, concurrency, done)
	// Posts come last, after the comments that were still made under them.
	if postsErr := r.routeGroups(ctx, events, posts, concurrency, done); err == nil {
		err = postsErr
	}
	return err
}

func (r *Router) routeGroups(ctx context.Context, events []workflows.InboundEvent, groups []eventGroup, concurrency int, done func(int, Result)) error {
	var running errgroup.Group
	running.SetLimit(concurrency)
	for _, group := range groups {
		running.Go(func() error {
			for _, n := range group.events {
				if err := ctx.Err(); err != nil {
					return err
				}
				result, err := r.routeOne(ctx, events[n], group.key)
				if err != nil {
					return fmt.Errorf("%s: %w", group.key, err)
				}
				done(n, result)
			}
			return nil
		})
	}
	return running.Wait()
}

// eventGroup is the indexes of the events with one ordering key, in their order.
type eventGroup struct {
	key    string
	events []int
}

// groupByKey groups events by the workflow that gets them. Removals of posts have groups
// of their own; unusable are the events whose id no workflow can have.
func groupByKey(events []workflows.InboundEvent) (groups, posts []eventGroup, unusable []int, err error) {
	byKey := map[string]int{}
	for n, e := range events {
		id, err := WorkflowID(e)
		if errors.Is(err, privatereply.ErrUnusableID) {
			unusable = append(unusable, n)
			continue
		}
		if err != nil {
			return nil, nil, nil, err
		}
		to := &groups
		if id == "" {
			to, id = &posts, "removed post "+e.Removal.MediaID
		}
		i, ok := byKey[id]
		if !ok {
			i = len(*to)
			byKey[id] = i
			*to = append(*to, eventGroup{key: id})
		}
		(*to)[i].events = append((*to)[i].events, n)
	}
	return groups, posts, unusable, nil
}

// WorkflowID is the id of the workflow that gets the event, and its ordering key. It is
// empty for the removal of a post, which concerns many workflows.
func WorkflowID(e workflows.InboundEvent) (string, error) {
	switch {
	case e.Comment != nil:
		return privatereply.ReplyID(*e.Comment)
	case e.Edited != nil:
		return privatereply.ReplyID(*e.Edited)
	case e.Message != nil && e.Message.PersonID == "":
		return privatereply.MessageID(e.Message.Platform, e.Message.Account, e.Message.MessageID)
	case e.Message != nil:
		return privatereply.ConversationID(e.Message.Platform, e.Message.Account, e.Message.PersonID)
	case e.Removal == nil:
		return "", errors.New("an inbound event without content")
	case e.Removal.CommentID != "":
		return privatereply.ReplyID(removedComment(*e.Removal))
	}
	return "", nil
}

func (r *Router) routeOne(ctx context.Context, e workflows.InboundEvent, id string) (Result, error) {
	ctx = telemetry.WithTraceparent(ctx, e.Trace)
	switch {
	case e.Comment != nil:
		if e.Decision == nil {
			return Result{}, errors.New("a comment without a decision")
		}
		return r.startReply(ctx, workflows.PrivateReplyInput{Comment: *e.Comment, Decision: *e.Decision})
	case e.Edited != nil:
		return r.signalEdited(ctx, e, id)
	case e.Message != nil && e.Message.PersonID == "":
		return r.startLocateMessage(ctx, e)
	case e.Message != nil:
		return r.signalConversation(ctx, e)
	case e.Removal.CommentID != "":
		return r.signalRemoved(ctx, removedComment(*e.Removal), id)
	}
	return r.startRemovedPost(ctx, *e.Removal)
}

// startReply starts the reply to a comment, unless it has one.
func (r *Router) startReply(ctx context.Context, in workflows.PrivateReplyInput) (Result, error) {
	options, in, err := r.replyOptions(in)
	if err != nil {
		return Result{}, err
	}
	r.keys.Set(&options, in.Comment)
	_, err = r.client.ExecuteWorkflow(ctx, options, workflows.PrivateReplyType, in)
	if temporal.IsWorkflowExecutionAlreadyStartedError(err) {
		return Result{Duplicate, ""}, nil
	}
	return Result{Started, ""}, err
}

// signalEdited signals the new text of a comment to its reply. If the comment's own event
// is still on its way, or was lost, the reply is started with the new text; then no rule
// answers without approval, because the age of the comment is not known.
func (r *Router) signalEdited(ctx context.Context, e workflows.InboundEvent, id string) (Result, error) {
	if e.Decision == nil {
		return Result{}, errors.New("an edited comment without a decision")
	}
	in := workflows.PrivateReplyInput{Comment: *e.Edited, Decision: *e.Decision}
	if in.Decision.Action == privatereply.ActionAuto {
		in.Decision.Action, in.Decision.Reason, in.Decision.Hold = privatereply.ActionAsk, privatereply.FoundByEdit, 0
	}
	edited := workflows.CommentEdited{Text: e.Edited.Text, At: e.Edited.EditedAt, Decision: e.Decision, Attachment: e.Edited.Attachment}
	return r.signalReply(ctx, id, workflows.CommentEditedSignal, edited, in)
}

// signalConversation signals a message to the person's conversation, and starts it if the
// message opens a window. A message that is too old for that reaches only a conversation
// that runs.
func (r *Router) signalConversation(ctx context.Context, e workflows.InboundEvent) (Result, error) {
	m := *e.Message
	account := privatereply.Account{Platform: m.Platform, ID: m.Account, HumanAgent: e.HumanAgent, RepliedOnly: e.RepliedOnly}
	options, input, err := workflows.ConversationOptions(account, m.PersonID, r.queue)
	if err != nil {
		return Result{}, err
	}
	signal := workflows.PersonMessage{At: m.At, MessageID: m.MessageID, Payload: m.Payload}
	window := privatereply.StandardWindow
	if e.HumanAgent {
		window = privatereply.HumanAgentWindow
	}
	if r.now().Sub(m.At) < window {
		_, err := r.client.SignalWithStartWorkflow(ctx, options.ID, workflows.PersonMessageSignal, signal, options, workflows.ConversationType, input)
		return Result{Signalled, ""}, err
	}
	err = r.client.SignalWorkflow(ctx, options.ID, "", workflows.PersonMessageSignal, signal)
	var none *serviceerror.NotFound
	if errors.As(err, &none) {
		return Result{Ignored, OutsideWindow}, nil
	}
	return Result{Signalled, ""}, err
}

// signalRemoved signals to a reply that its comment is gone. If the comment's own event is
// still on its way, in another batch or in another delivery, the reply is started
// as withdrawn, so that the later event is a duplicate.
func (r *Router) signalRemoved(ctx context.Context, c privatereply.Comment, id string) (Result, error) {
	c.ReceivedAt = r.now().UTC()
	in := workflows.PrivateReplyInput{Comment: c, Decision: privatereply.Decision{Action: privatereply.ActionIgnore, Reason: privatereply.DecidedByRemoval}}
	return r.signalReply(ctx, id, workflows.CommentRemovedSignal, struct{}{}, in)
}

// signalReply signals a reply, and starts it with in if there is none.
func (r *Router) signalReply(ctx context.Context, id, name string, signal any, in workflows.PrivateReplyInput) (Result, error) {
	options, in, err := r.replyOptions(in)
	if err != nil {
		return Result{}, err
	}
	r.keys.Set(&options, in.Comment)
	options.WorkflowIDConflictPolicy = enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING
	_, err = r.client.SignalWithStartWorkflow(ctx, id, name, signal, options, workflows.PrivateReplyType, in)
	if temporal.IsWorkflowExecutionAlreadyStartedError(err) {
		return Result{Ignored, ReplyEnded}, nil
	}
	return Result{Signalled, ""}, err
}

// removedComment is the comment that a removal names.
func removedComment(r privatereply.Removal) privatereply.Comment {
	return privatereply.Comment{
		Platform: r.Platform, Account: r.Account, CommentID: r.CommentID, MediaID: r.MediaID, Via: privatereply.ViaWebhook,
	}
}

// startLocateMessage starts the workflow that asks Meta who sent a message, because the
// webhook did not name the person. It counts as signalled, as every message does: only
// replies count as started.
func (r *Router) startLocateMessage(ctx context.Context, e workflows.InboundEvent) (Result, error) {
	options, in, err := workflows.LocateMessageOptions(e, r.queue)
	if err != nil {
		return Result{}, err
	}
	_, err = r.client.ExecuteWorkflow(ctx, options, workflows.LocateMessageType, in)
	if temporal.IsWorkflowExecutionAlreadyStartedError(err) {
		return Result{Duplicate, ""}, nil
	}
	return Result{Signalled, ""}, err
}

// startRemovedPost signals the removal of a visitor's post to the reply to that post, and
// starts a RemovedPost for the replies to comments under it, which may be many.
func (r *Router) startRemovedPost(ctx context.Context, removal privatereply.Removal) (Result, error) {
	if removal.PostID != "" {
		id, err := privatereply.ReplyID(privatereply.Comment{Platform: removal.Platform, Account: removal.Account, PostID: removal.PostID})
		if err != nil {
			return Result{}, err
		}
		// Most removed posts are the Page's own and never had a reply.
		err = r.client.SignalWorkflow(ctx, id, "", workflows.CommentRemovedSignal, struct{}{})
		var none *serviceerror.NotFound
		if err != nil && !errors.As(err, &none) {
			return Result{}, fmt.Errorf("%s: %w", id, err)
		}
	}
	options, in, err := workflows.RemovedPostOptions(removal.Platform, removal.Account, removal.MediaID, r.queue)
	if errors.Is(err, privatereply.ErrUnusableID) || strings.ContainsAny(removal.MediaID, workflows.UnquotableCharacters) {
		return Result{Ignored, UnknownPost}, nil // Meta has no such post
	}
	if err != nil {
		return Result{}, err
	}
	if _, err := r.client.ExecuteWorkflow(ctx, options, workflows.RemovedPostType, in); err != nil {
		return Result{}, fmt.Errorf("%s: %w", options.ID, err)
	}
	return Result{Signalled, ""}, nil
}
