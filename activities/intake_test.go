package activities

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/personkey"
	"github.com/privatereply/privatereply/lab/harness/devserver/devservertest"
	"github.com/privatereply/privatereply/workflows"
)

// flaky is a Temporal that refuses the first start of some workflows, and notes the
// order of the others.
type flaky struct {
	client.Client
	mu      sync.Mutex
	refuse  map[string]bool
	started []string
}

func (f *flaky) ExecuteWorkflow(ctx context.Context, options client.StartWorkflowOptions, w any, args ...any) (client.WorkflowRun, error) {
	f.mu.Lock()
	refuse := f.refuse[options.ID]
	delete(f.refuse, options.ID)
	if !refuse {
		f.started = append(f.started, options.ID)
	}
	f.mu.Unlock()
	if refuse {
		return nil, serviceerror.NewUnavailable("not now")
	}
	return f.Client.ExecuteWorkflow(ctx, options, w, args...)
}

// Every event of a batch reaches its workflow once: through failures, repeats and
// disorder, live comments first; and the counts are exact.
func TestDispatchOnRealServer(t *testing.T) {
	_, c := devservertest.StartSetUp(t)
	const queue = "dispatch"
	temporal := &flaky{Client: c, refuse: map[string]bool{}}
	options := worker.Options{WorkflowTaskPollerBehavior: devservertest.TwoOfEachKind}
	main := worker.New(c, queue, options)
	main.RegisterWorkflowWithOptions(workflows.PrivateReply, workflow.RegisterOptions{Name: workflows.PrivateReplyType})
	main.RegisterWorkflowWithOptions(workflows.Conversation, workflow.RegisterOptions{Name: workflows.ConversationType})
	intake := worker.New(c, workflows.IntakeQueue(queue), options)
	intake.RegisterWorkflowWithOptions(workflows.Intake, workflow.RegisterOptions{Name: workflows.IntakeType})
	NewDispatcher(temporal, converter.GetDefaultDataConverter(), queue, personkey.Keys{}, 1).Register(intake)
	for _, w := range []worker.Worker{main, intake} {
		if err := w.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(w.Stop)
	}

	now := time.Now().UTC()
	comment := func(id string, source privatereply.Source) workflows.InboundEvent {
		return workflows.InboundEvent{
			Event: privatereply.Event{Comment: &privatereply.Comment{
				Platform: privatereply.Instagram, Account: "17841400000000001", CommentID: id,
				MediaID: "17800000000000001", Source: source, ReceivedAt: now,
			}},
			Decision: &privatereply.Decision{Action: privatereply.ActionIgnore, Rule: "all"},
		}
	}
	removal := func(id string) workflows.InboundEvent {
		return workflows.InboundEvent{Event: privatereply.Event{Removal: &privatereply.Removal{
			Platform: privatereply.Instagram, Account: "17841400000000001", CommentID: id,
		}}}
	}
	message := func(mid string, at time.Time) workflows.InboundEvent {
		return workflows.InboundEvent{Event: privatereply.Event{Message: &privatereply.PersonMessage{
			Platform: privatereply.Instagram, Account: "17841400000000001", PersonID: "6000000000000001", MessageID: mid, At: at,
		}}}
	}
	var arrivals []workflows.InboundEvent
	for i := range 50 {
		arrivals = append(arrivals, comment(fmt.Sprintf("post%d", i), privatereply.SourcePost))
	}
	arrivals = append(arrivals,
		comment("post7", privatereply.SourcePost), // a repeat
		comment("live", privatereply.SourceLive),
		removal("never-seen"),
		comment("never-seen", privatereply.SourcePost), // its removal was faster
		message("old", now.Add(-48*time.Hour)),
		message("new", now),
	)
	temporal.refuse["reply:instagram:17841400000000001:post3"] = true
	temporal.refuse["reply:instagram:17841400000000001:post40"] = true

	run, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: "intake:test", TaskQueue: workflows.IntakeQueue(queue)},
		workflows.IntakeType, workflows.IntakeInput{Events: arrivals})
	if err != nil {
		t.Fatal(err)
	}
	var got workflows.IntakeResult
	if err := run.Get(t.Context(), &got); err != nil {
		t.Fatal(err)
	}
	// The old message finds no conversation: the new one, in the same lane, comes later.
	want := workflows.IntakeResult{Started: 51, Duplicate: 2, Signalled: 2, Ignored: map[string]int{"outside_window": 1}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	if first := temporal.started[0]; first != "reply:instagram:17841400000000001:live" {
		t.Errorf("%s was routed before the live comment", first)
	}
	counts := map[string]int{}
	for _, id := range temporal.started {
		counts[id]++
	}
	for id, n := range counts {
		if n > 1 && id != "reply:instagram:17841400000000001:post7" {
			t.Errorf("%s was routed %d times: the second attempt did not continue where the first ended", id, n)
		}
	}
	var status workflows.PrivateReplyStatus
	if err := c.GetWorkflow(t.Context(), "reply:instagram:17841400000000001:never-seen", "").Get(t.Context(), &status); err != nil || status.State != privatereply.Withdrawn {
		t.Errorf("the comment that was removed first ended as %s, %v", status.State, err)
	}
}
