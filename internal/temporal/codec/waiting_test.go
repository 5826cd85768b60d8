package codec_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/privatereply/privatereply/internal/temporal/codec"
	"github.com/privatereply/privatereply/lab/harness/devserver/devservertest"
)

const queue = "codec"

// echo is a workflow that returns its input and what a signal brings.
func echo(ctx workflow.Context, text string) (string, error) {
	var more string
	workflow.GetSignalChannel(ctx, "more").Receive(ctx, &more)
	return text + more, nil
}

// A worker without the right key ends no workflow and loses no signal: both wait until
// a worker has it.
func TestWorkflowsWaitForTheirKey(t *testing.T) {
	server := devservertest.Start(t)
	dial := func(keys string) client.Client {
		parsed, err := codec.ParseKeys(keys)
		if err != nil {
			t.Fatal(err)
		}
		c, err := codec.New(parsed)
		if err != nil {
			t.Fatal(err)
		}
		options := client.Options{HostPort: server.Address, Logger: sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler))}
		c.Apply(&options)
		temporal, err := client.DialContext(t.Context(), options)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(temporal.Close)
		return temporal
	}
	work := func(c client.Client) worker.Worker {
		w := worker.New(c, queue, worker.Options{})
		w.RegisterWorkflowWithOptions(echo, workflow.RegisterOptions{Name: "echo"})
		if err := w.Start(); err != nil {
			t.Fatal(err)
		}
		return w
	}
	old, fresh := "a:"+codec.NewSecret(), "b:"+codec.NewSecret()
	both := dial(fresh + "," + old)
	run, err := both.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{TaskQueue: queue, WorkflowTaskTimeout: time.Second}, "echo", "a comment")
	if err != nil {
		t.Fatal(err)
	}
	if err := both.SignalWorkflow(t.Context(), run.GetID(), "", "more", ", and more"); err != nil {
		t.Fatal(err)
	}

	outdated := work(dial(old))
	triedTwice(t, both, run.GetID())
	outdated.Stop()
	defer work(both).Stop()
	var text string
	if err := run.Get(t.Context(), &text); err != nil || text != "a comment, and more" {
		t.Errorf("it ended with %q, %v", text, err)
	}
}

// triedTwice waits until the server tries a workflow task once more.
func triedTwice(t *testing.T, c client.Client, id string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		d, err := c.DescribeWorkflowExecution(ctx, id, "")
		if err == nil && d.GetPendingWorkflowTask().GetAttempt() > 1 {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("the workflow does not wait: %v, %v", d, err)
		case <-tick.C:
		}
	}
}
