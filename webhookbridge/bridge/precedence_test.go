package bridge

import (
	"context"
	"encoding/json"
	"sync"
	"testing"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/privatereply/privatereply/lab/harness/devserver/devservertest"
	"github.com/privatereply/privatereply/workflows"
)

// Batches with live comments are taken before those that have waited longer.
func TestLiveBatchesFirst(t *testing.T) {
	const queue, posts = "precedence", 120
	server := devservertest.Start(t)
	c, err := client.DialContext(t.Context(), client.Options{HostPort: server.Address})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	start := newIntakeStarter(c, queue)
	event, err := json.Marshal(arrivalsOf("c")[0])
	if err != nil {
		t.Fatal(err)
	}
	for i := range posts + 1 {
		encoded := make([][]byte, i+2) // its length tells a batch from the others
		for n := range encoded {
			encoded[n] = event
		}
		if err := start(t.Context(), encoded, i == posts); err != nil {
			t.Fatal(err)
		}
	}

	var mu sync.Mutex
	var taken []int // lengths of batches
	var all sync.WaitGroup
	all.Add(posts + 1)
	// Two at a time: what is polled first must also be the first to run.
	w := worker.New(c, workflows.IntakeQueue(queue), worker.Options{MaxConcurrentWorkflowTaskPollers: 2, MaxConcurrentWorkflowTaskExecutionSize: 2})
	w.RegisterWorkflowWithOptions(func(_ workflow.Context, raw converter.RawValue) error {
		var in workflows.IntakeInput
		if err := json.Unmarshal(raw.Payload().GetData(), &in); err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		taken = append(taken, len(in.Events))
		all.Done()
		return nil
	}, workflow.RegisterOptions{Name: workflows.IntakeType})
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Stop)
	done, cancel := context.WithCancel(t.Context())
	go func() { all.Wait(); cancel() }()
	<-done.Done()
	mu.Lock()
	defer mu.Unlock()
	for i, n := range taken {
		// The server has the queue in four parts, each of which takes the live batch
		// first; a poll goes to any of them, and 40 in a row miss one once in 100,000 runs.
		if n == posts+2 && i >= 40 {
			t.Errorf("the live batch was taken as number %d: %v", i+1, taken)
		}
	}
	if len(taken) != posts+1 {
		t.Errorf("taken: %v", taken)
	}
}
