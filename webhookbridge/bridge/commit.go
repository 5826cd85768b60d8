package bridge

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"golang.org/x/sync/semaphore"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/workflows"
)

// maxCalls bounds the calls to Temporal that run at once. More would only make the
// server answer each of them later.
const maxCalls = 64

// What became of an event that Temporal had to hold. Ignored ones have a reason:
// decode's, or one of these.
const (
	started   = "started"
	duplicate = "duplicate"
	signalled = "signalled"
	ignored   = "ignored"

	outsideWindow = "outside_window" // an old message, and no conversation to tell
	noReply       = "no_reply"       // the removed comment has no running reply
)

// effect is what became of an event.
type effect struct{ name, reason string }

// task is an event that Temporal must hold, with what that takes.
type task struct {
	privatereply.Event
	account  privatereply.Account  // of a message
	decision privatereply.Decision // on a comment
}

// id is the workflow that the task is about. Tasks of one id keep their order. The
// removal of a post is about many, and has none.
func (t task) id() (string, error) {
	switch {
	case t.Comment != nil:
		return privatereply.ReplyID(*t.Comment)
	case t.Message != nil:
		return privatereply.ConversationID(t.Message.Platform, t.Message.Account, t.Message.PersonID)
	case t.Removal.CommentID != "":
		r := t.Removal
		return privatereply.ReplyID(privatereply.Comment{Platform: r.Platform, Account: r.Account, CommentID: r.CommentID})
	}
	return "", nil
}

// committer makes tasks durable.
type committer interface {
	// commit returns one effect for each task when Temporal holds them all. After an
	// error some may be held and all must be committed again: a repeat is harmless.
	commit(ctx context.Context, tasks []task) ([]effect, error)
}

// direct starts or signals one workflow for each task.
type direct struct {
	client    client.Client
	namespace string
	queue     string
	now       func() time.Time
	calls     *semaphore.Weighted
}

func newDirect(c client.Client, namespace, queue string, now func() time.Time) *direct {
	return &direct{client: c, namespace: namespace, queue: queue, now: now, calls: semaphore.NewWeighted(maxCalls)}
}

// commit goes through the workflows side by side, and through the tasks of each one
// in order. What goes wrong with one does not stop the others. Posts come last,
// after the comments that were still made under them.
func (d *direct) commit(ctx context.Context, tasks []task) ([]effect, error) {
	lanes, posts, err := lanesOf(tasks)
	if err != nil {
		return nil, err
	}
	effects := make([]effect, len(tasks))
	errs := make([]error, len(lanes))
	var running sync.WaitGroup
	for i, lane := range lanes {
		if errs[i] = d.calls.Acquire(ctx, 1); errs[i] != nil {
			break
		}
		running.Go(func() {
			defer d.calls.Release(1)
			for _, n := range lane.tasks {
				if effects[n], errs[i] = d.place(ctx, tasks[n]); errs[i] != nil {
					errs[i] = fmt.Errorf("%s: %w", lane.id, errs[i])
					return
				}
			}
		})
	}
	running.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return effects, d.removePosts(ctx, tasks, posts, effects)
}

// lane is the tasks of one workflow, by their places in the slice.
type lane struct {
	id    string
	tasks []int
}

func lanesOf(tasks []task) (lanes []lane, posts []int, err error) {
	byID := map[string]int{}
	for n, t := range tasks {
		id, err := t.id()
		if err != nil {
			return nil, nil, err
		}
		if id == "" {
			posts = append(posts, n)
			continue
		}
		i, ok := byID[id]
		if !ok {
			i = len(lanes)
			byID[id] = i
			lanes = append(lanes, lane{id: id})
		}
		lanes[i].tasks = append(lanes[i].tasks, n)
	}
	return lanes, posts, nil
}

func (d *direct) place(ctx context.Context, t task) (effect, error) {
	switch {
	case t.Comment != nil:
		return d.start(ctx, workflows.Input{Comment: *t.Comment, Decision: t.decision})
	case t.Message != nil:
		return d.tell(ctx, *t.Message, t.account)
	}
	id, err := t.id()
	if err != nil {
		return effect{}, err
	}
	return d.withdraw(ctx, id)
}

// start starts the reply to a comment, unless it has one.
func (d *direct) start(ctx context.Context, in workflows.Input) (effect, error) {
	options, err := workflows.StartOptions(in, d.queue, d.now())
	if err != nil {
		return effect{}, err
	}
	_, err = d.client.ExecuteWorkflow(ctx, options, workflows.PrivateReplyType, in)
	if temporal.IsWorkflowExecutionAlreadyStartedError(err) {
		return effect{duplicate, ""}, nil
	}
	return effect{started, ""}, err
}

// tell tells the person's conversation of a message. One that is too old to open a
// window is only told to a conversation that runs anyway.
func (d *direct) tell(ctx context.Context, m privatereply.PersonMessage, a privatereply.Account) (effect, error) {
	options, input, err := workflows.ConversationOptions(a, m.PersonID, d.queue)
	if err != nil {
		return effect{}, err
	}
	signal := workflows.PersonMessage{At: m.At, MessageID: m.MessageID}
	window := privatereply.StandardWindow
	if a.HumanAgent {
		window = privatereply.HumanAgentWindow
	}
	if d.now().Sub(m.At) < window {
		_, err := d.client.SignalWithStartWorkflow(ctx, options.ID, workflows.PersonMessageSignal, signal, options, workflows.ConversationType, input)
		return effect{signalled, ""}, err
	}
	err = d.client.SignalWorkflow(ctx, options.ID, "", workflows.PersonMessageSignal, signal)
	return unlessNotFound(err, outsideWindow)
}

// withdraw tells a reply that its comment is gone. A removal that overtakes its
// comment is forgotten: the reply starts later, and Meta refuses to send it.
func (d *direct) withdraw(ctx context.Context, replyID string) (effect, error) {
	err := d.client.SignalWorkflow(ctx, replyID, "", workflows.CommentRemovedSignal, struct{}{})
	return unlessNotFound(err, noReply)
}

func unlessNotFound(err error, reason string) (effect, error) {
	var notFound *serviceerror.NotFound
	if errors.As(err, &notFound) {
		return effect{ignored, reason}, nil
	}
	return effect{signalled, ""}, err
}
