package replyworker_test

import (
	"os/exec"
	"strings"
	"sync"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"go.uber.org/zap"

	"github.com/privatereply/privatereply/lab/harness"
	"github.com/privatereply/privatereply/lab/harness/devserver/devservertest"
	"github.com/privatereply/privatereply/worker/replyworker"
	"github.com/privatereply/privatereply/workflows"
)

const deploymentName = "private-replies"

// What a changed build notes in the memo of its workflows, and the names of the two
// changes: one before everything else, one after it.
const (
	beganWith, beginning = "began_with", "note-the-beginning"
	endedWith, ending    = "ended_with", "note-the-end"
)

// patched registers the workflows of a build that was changed by the rules of
// docs/operations/upgrades.md, and broken those of one that forgot them.
func patched(r worker.WorkflowRegistry) { registerChanged(r, true) }
func broken(r worker.WorkflowRegistry)  { registerChanged(r, false) }

func registerChanged(r worker.WorkflowRegistry, patch bool) {
	r.RegisterWorkflowWithOptions(changed(workflows.PrivateReply, patch), workflow.RegisterOptions{Name: workflows.PrivateReplyType})
	r.RegisterWorkflowWithOptions(changed(workflows.Conversation, patch), workflow.RegisterOptions{Name: workflows.ConversationType})
	r.RegisterWorkflowWithOptions(changed(workflows.Broadcast, patch), workflow.RegisterOptions{Name: workflows.BroadcastType})
	r.RegisterWorkflowWithOptions(changed(workflows.Sweep, patch), workflow.RegisterOptions{Name: workflows.SweepType})
}

// changed is f with a step before and a step after. The first is one that no
// history of an older build has; to the second those that still run come only now.
func changed[In, Out any](f func(workflow.Context, In) (*Out, error), patch bool) func(workflow.Context, In) (*Out, error) {
	note := func(ctx workflow.Context, change, key string) error {
		if patch && workflow.GetVersion(ctx, change, workflow.DefaultVersion, 1) == workflow.DefaultVersion {
			return nil
		}
		return workflow.UpsertMemo(ctx, map[string]any{key: "v2"})
	}
	return func(ctx workflow.Context, in In) (*Out, error) {
		if err := note(ctx, beginning, beganWith); err != nil {
			return nil, err
		}
		out, err := f(ctx, in)
		if err == nil {
			err = note(ctx, ending, endedWith)
		}
		return out, err
	}
}

// build starts a worker of a build, without one if id is empty. It stops with the
// test, if stop was not called before.
func (s *product) build(id string, register func(worker.WorkflowRegistry)) (stop func()) {
	s.t.Helper()
	graph, err := s.Graph()
	if err != nil {
		s.t.Fatal(err)
	}
	c := replyworker.Config{
		Client: s.Client, Namespace: s.Server.Namespace, TaskQueue: harness.TaskQueue,
		Accounts: s.Accounts, Rules: s.Rules, Graph: graph, Logger: zap.NewNop(),
	}
	if id != "" {
		c.Version = worker.WorkerDeploymentVersion{DeploymentName: deploymentName, BuildID: id}
	}
	w := replyworker.NewBuild(c, register)
	if err := w.Start(); err != nil {
		s.t.Fatal(err)
	}
	stop = sync.OnceFunc(w.Stop)
	s.t.Cleanup(stop)
	return stop
}

// current makes a build the current one, as docs/operations/upgrades.md says.
func (s *product) current(id string) {
	s.t.Helper()
	s.temporal("worker deployment set-current-version --deployment-name " + deploymentName + " --build-id " + id + " --yes")
}

// temporal runs a command of Temporal's, again until it works: the server learns
// only from its polls which task queues a new worker has.
func (s *product) temporal(command string, more ...string) {
	s.t.Helper()
	args := append(strings.Fields(command), more...)
	args = append(args, "--address", s.Server.Address)
	cli := devservertest.CLI(s.t)
	var out []byte
	var err error
	s.t.Cleanup(func() {
		if err != nil {
			s.t.Logf("temporal %s: %v: %s", command, err, out)
		}
	})
	s.await("temporal "+command, time.Minute, func() bool {
		out, err = exec.CommandContext(s.t.Context(), cli, args...).CombinedOutput()
		return err == nil
	})
}

// memo is what a changed build noted in the memo of a workflow.
func (s *product) memo(id, key string) (value string) {
	s.t.Helper()
	described, err := s.DescribeWorkflowExecution(s.t.Context(), id, "")
	if err != nil {
		s.t.Fatal(err)
	}
	if payload, ok := described.GetWorkflowExecutionInfo().GetMemo().GetFields()[key]; ok {
		if err := converter.GetDefaultDataConverter().FromPayload(payload, &value); err != nil {
			s.t.Fatal(err)
		}
	}
	return value
}

// failures are the causes of the workflow tasks of a workflow that failed, and
// builds the builds that did the others, in order and each once.
func (s *product) failures(id string) (causes []enumspb.WorkflowTaskFailedCause, builds []string) {
	s.t.Helper()
	for it := s.GetWorkflowHistory(s.t.Context(), id, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT); it.HasNext(); {
		event, err := it.Next()
		if err != nil {
			s.t.Fatal(err)
		}
		if failed := event.GetWorkflowTaskFailedEventAttributes(); failed != nil {
			causes = append(causes, failed.GetCause())
		}
		if done := event.GetWorkflowTaskCompletedEventAttributes(); done != nil {
			if build := done.GetDeploymentVersion().GetBuildId(); len(builds) == 0 || builds[len(builds)-1] != build {
				builds = append(builds, build)
			}
		}
	}
	return causes, builds
}
