package replyworker_test

import (
	"fmt"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"golang.org/x/sync/errgroup"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/worker/replyworker"
	"github.com/privatereply/privatereply/workflows"
)

// endBare measures how long the server and one worker need to end n workflows that
// do the least that a reply could at the end of its broadcast: each takes one Signal,
// upserts one attribute and completes. They are signalled as many at a time as
// replies are.
func (s *product) endBare(n int) time.Duration {
	s.t.Helper()
	const bareQueue = "bare"
	w := worker.New(s.Client, bareQueue, worker.Options{DisableRegistrationAliasing: true, WorkflowTaskPollerBehavior: replyworker.WorkflowPollers})
	var waiting atomic.Int64
	w.RegisterWorkflowWithOptions(func(ctx workflow.Context) error {
		if !workflow.IsReplaying(ctx) {
			waiting.Add(1)
		}
		workflow.GetSignalChannel(ctx, workflows.BroadcastEndedSignal).Receive(ctx, nil)
		return workflow.UpsertTypedSearchAttributes(ctx, workflows.ReplyState.ValueSet(string(privatereply.Expired)))
	}, workflow.RegisterOptions{Name: "Bare"})
	if err := w.Start(); err != nil {
		s.t.Fatal(err)
	}
	defer w.Stop()
	each := func(do func(id string) error) {
		s.t.Helper()
		var group errgroup.Group
		group.SetLimit(50)
		for i := range n {
			group.Go(func() error { return do(fmt.Sprint("bare-", i)) })
		}
		if err := group.Wait(); err != nil {
			s.t.Fatal(err)
		}
	}
	each(func(id string) error {
		_, err := s.ExecuteWorkflow(s.t.Context(), client.StartWorkflowOptions{ID: id, TaskQueue: bareQueue}, "Bare")
		return err
	})
	patience := time.Minute + time.Duration(n)*100*time.Millisecond
	s.await("the bare workflows to wait", patience, func() bool { return waiting.Load() == int64(n) })
	began := time.Now()
	each(func(id string) error {
		return s.SignalWorkflow(s.t.Context(), id, "", workflows.BroadcastEndedSignal, workflows.EventTime{At: began.UTC()})
	})
	s.await("the bare workflows to end", patience, func() bool { return s.ended("Bare") == n })
	return time.Since(began)
}
