package bridge

import (
	"context"
	"fmt"
	"slices"
	"sync"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/privatereply/privatereply/workflows"
)

// fakeTemporal is a Temporal client that records its calls in order. A test can make them
// fail or wait.
type fakeTemporal struct {
	client.Client

	// before runs ahead of each call, with the workflow's id; its error fails the call.
	before func(ctx context.Context, id string) error

	mu      sync.Mutex
	inputs  map[string]any // of the workflows that run, by id
	ended   []string
	calls   []string
	signals []signal
}

type signal struct {
	id, name string
	arg      any
}

func newFakeTemporal() *fakeTemporal { return &fakeTemporal{inputs: map[string]any{}} }

func (f *fakeTemporal) call(ctx context.Context, kind, id string) error {
	if f.before != nil {
		if err := f.before(ctx, id); err != nil {
			return err
		}
	}
	f.mu.Lock()
	f.calls = append(f.calls, kind+" "+id)
	return nil
}

func (f *fakeTemporal) ExecuteWorkflow(ctx context.Context, options client.StartWorkflowOptions, _ any, args ...any) (client.WorkflowRun, error) {
	if err := f.call(ctx, "start", options.ID); err != nil {
		return nil, err
	}
	defer f.mu.Unlock()
	if _, ok := f.inputs[options.ID]; ok {
		if options.WorkflowIDConflictPolicy == enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING {
			return nil, nil
		}
		return nil, serviceerror.NewWorkflowExecutionAlreadyStarted("already started", "", "")
	}
	f.inputs[options.ID] = args[0]
	return nil, nil
}

func (f *fakeTemporal) SignalWorkflow(ctx context.Context, id, _, name string, arg any) error {
	if err := f.call(ctx, "signal", id); err != nil {
		return err
	}
	defer f.mu.Unlock()
	if _, ok := f.inputs[id]; !ok {
		return serviceerror.NewNotFound("no such workflow")
	}
	f.signals = append(f.signals, signal{id, name, arg})
	return nil
}

func (f *fakeTemporal) SignalWithStartWorkflow(ctx context.Context, id, name string, arg any, options client.StartWorkflowOptions, _ any, args ...any) (client.WorkflowRun, error) {
	if id != options.ID {
		return nil, fmt.Errorf("ids differ: %s, %s", id, options.ID)
	}
	if err := f.call(ctx, "signal-with-start", id); err != nil {
		return nil, err
	}
	defer f.mu.Unlock()
	if slices.Contains(f.ended, id) && options.WorkflowIDReusePolicy == enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE {
		return nil, serviceerror.NewWorkflowExecutionAlreadyStarted("it has ended", "", "")
	}
	if _, ok := f.inputs[id]; !ok {
		f.inputs[id] = args[0]
	}
	f.signals = append(f.signals, signal{id, name, arg})
	return nil, nil
}

// begin makes workflows run.
func (f *fakeTemporal) begin(ids ...string) {
	for _, id := range ids {
		f.inputs[id] = nil
	}
}

// end makes workflows have ended.
func (f *fakeTemporal) end(ids ...string) { f.ended = append(f.ended, ids...) }

// reply is the input of a reply that was started.
func (f *fakeTemporal) reply(id string) (workflows.PrivateReplyInput, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	in, ok := f.inputs[id].(workflows.PrivateReplyInput)
	return in, ok
}

// removedPosts are the inputs of the RemovedPosts that run, by id.
func (f *fakeTemporal) removedPosts() map[string]workflows.RemovedPostInput {
	f.mu.Lock()
	defer f.mu.Unlock()
	posts := map[string]workflows.RemovedPostInput{}
	for id, in := range f.inputs {
		if post, ok := in.(workflows.RemovedPostInput); ok {
			posts[id] = post
		}
	}
	return posts
}

func (f *fakeTemporal) callLog() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.calls)
}
