package workflows_test

import (
	"path/filepath"
	"testing"

	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	. "github.com/privatereply/privatereply/workflows"
)

// recorded are the histories of every release.
func recorded(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/histories/*/*.json")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < len(tales) {
		t.Fatalf("%d histories are recorded, there are %d tales: run make histories", len(files), len(tales))
	}
	return files
}

// A worker with this code can go on with every reply that an older release began.
func TestReplay(t *testing.T) {
	replayer := worker.NewWorkflowReplayer()
	replayer.RegisterWorkflowWithOptions(PrivateReply, workflow.RegisterOptions{Name: PrivateReplyType})
	replayer.RegisterWorkflowWithOptions(Conversation, workflow.RegisterOptions{Name: ConversationType})
	replayer.RegisterWorkflowWithOptions(Broadcast, workflow.RegisterOptions{Name: BroadcastType})
	replayer.RegisterWorkflowWithOptions(Sweep, workflow.RegisterOptions{Name: SweepType})
	for _, file := range recorded(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			if err := replayer.ReplayWorkflowHistoryFromJSONFile(quiet{}, file); err != nil {
				t.Error(err)
			}
		})
	}
}

// The replay notices code that would break running replies: here one that asks
// for something else first.
func TestReplayNoticesChangedWorkflow(t *testing.T) {
	changed := func(ctx workflow.Context, in Input) (*Status, error) {
		if err := workflow.Sleep(ctx, 1); err != nil {
			return nil, err
		}
		return PrivateReply(ctx, in)
	}
	replayer := worker.NewWorkflowReplayer()
	replayer.RegisterWorkflowWithOptions(changed, workflow.RegisterOptions{Name: PrivateReplyType})
	for _, name := range []string{"sent", "awaiting-approval", "no-response", "ignored"} {
		files, err := filepath.Glob("testdata/histories/*/" + name + ".json")
		if err != nil || len(files) == 0 {
			t.Fatalf("no history of %s: %v", name, err)
		}
		if err := replayer.ReplayWorkflowHistoryFromJSONFile(quiet{}, files[0]); err == nil {
			t.Errorf("%s: a changed workflow replayed without an error", name)
		}
	}
}
