package bridge

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/activities"
	"github.com/privatereply/privatereply/internal/personkey"
	"github.com/privatereply/privatereply/internal/routing"
	"github.com/privatereply/privatereply/internal/temporal/setup"
	"github.com/privatereply/privatereply/lab/harness/devserver/devservertest"
	"github.com/privatereply/privatereply/workflows"
)

// What only the real server can prove: one workflow for each comment, signals that
// arrive, queries that find what they should, and what happens without a server.
// No worker runs, so every workflow waits where the bridge left it.
func TestAgainstTemporal(t *testing.T) {
	server := devservertest.Start(t)
	c, err := client.DialContext(t.Context(), client.Options{HostPort: server.Address, Namespace: server.Namespace})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	h := newTestBridge(t, c)
	h.cfg.Now, h.committer = time.Now, directCommitter{routing.New(c, "private-replies", personkey.Keys{}, time.Now)}
	h.timeouts.answer = time.Minute // 50 commits at once, one by one on a busy machine
	addr := h.listen()

	comment := delivery("instagram", entryOf(instagramID, commentChange("18000000000000001", "What is the price?")))
	check := func() error {
		for _, check := range h.Checks() {
			if err := check.Run(t.Context()); err != nil {
				return fmt.Errorf("%s: %w", check.Name, err)
			}
		}
		return nil
	}

	t.Run("not set up", func(t *testing.T) {
		if err := check(); err == nil || !strings.Contains(err.Error(), "ReplyState") {
			t.Errorf("checks = %v, want the missing attributes", err)
		}
		if status := deliverTo(t, addr, comment); status != http.StatusServiceUnavailable {
			t.Errorf("status = %d, want 503", status)
		}
		h.wantCounted(map[string]float64{"commit_failures_total{class=refused}": 1})
		if _, err := setup.Apply(t.Context(), c, server.Namespace); err != nil {
			t.Fatal(err)
		}
		if err := check(); err != nil {
			t.Errorf("checks = %v", err)
		}
	})

	t.Run("50 copies at once", func(t *testing.T) {
		before := h.counted()
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				if status := deliverTo(t, addr, comment); status != http.StatusOK {
					t.Errorf("status = %d, want 200", status)
				}
			})
		}
		all.Wait()
		after := h.counted()
		for name, want := range map[string]float64{"events_total{effect=started}": 1, "events_total{effect=duplicate}": 49} {
			if n := after[name] - before[name]; n != want {
				t.Errorf("%s grew by %v, want %v", name, n, want)
			}
		}
		await(t, "one workflow", func() bool { return count(t, c, fmt.Sprintf("WorkflowId = %q", replyID)) == 1 })
	})

	t.Run("again after its end", func(t *testing.T) {
		if err := c.TerminateWorkflow(t.Context(), replyID, "", "the test ends it"); err != nil {
			t.Fatal(err)
		}
		if status := deliverTo(t, addr, comment); status != http.StatusOK {
			t.Errorf("status = %d, want 200", status)
		}
		d, err := c.DescribeWorkflowExecution(t.Context(), replyID, "")
		if err != nil {
			t.Fatal(err)
		}
		if s := d.GetWorkflowExecutionInfo().GetStatus(); s != enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED {
			t.Errorf("the newest run is %v: a second one was started", s)
		}
	})

	t.Run("a person's messages", func(t *testing.T) {
		id := "conversation:instagram:" + instagramID + ":6000000000000001"
		old := time.Now().Add(-25 * time.Hour)
		if status := deliverTo(t, addr, delivery("instagram", messaging(instagramID, messageItem("6000000000000001", "m0", old)))); status != 200 {
			t.Errorf("status = %d", status)
		}
		if _, err := c.DescribeWorkflowExecution(t.Context(), id, ""); err == nil {
			t.Error("an old message began a conversation")
		}
		body := delivery("instagram", messaging(instagramID, messageItem("6000000000000001", "m1", time.Now()),
			messageItem("6000000000000001", "m2", time.Now()), messageItem("6000000000000001", "m3", old)))
		if status := deliverTo(t, addr, body); status != 200 {
			t.Errorf("status = %d", status)
		}
		if got := signalsOf(t, c, id); len(got) != 3 || got[0] != workflows.PersonMessageSignal {
			t.Errorf("signals = %q, want three", got)
		}
	})

	t.Run("a removed comment", func(t *testing.T) {
		id := "reply:facebook:" + pageID + ":300000000000001"
		body := delivery("page", entryOf(pageID,
			feedChange("comment", "add", "200000000000001_300000000000001", pagePost),
			feedChange("comment", "remove", "200000000000001_300000000000001", pagePost)))
		if status := deliverTo(t, addr, body); status != 200 {
			t.Errorf("status = %d", status)
		}
		if got := signalsOf(t, c, id); len(got) != 1 || got[0] != workflows.CommentRemovedSignal {
			t.Errorf("signals = %q", got)
		}
	})

	t.Run("a removed post", func(t *testing.T) {
		const queue = "removals" // here a worker runs
		before := h.committer
		h.committer = directCommitter{routing.New(c, queue, personkey.Keys{}, time.Now)}
		defer func() { h.committer = before }()
		w := worker.New(c, queue, worker.Options{})
		w.RegisterWorkflowWithOptions(workflows.PrivateReply, workflow.RegisterOptions{Name: workflows.PrivateReplyType})
		w.RegisterWorkflowWithOptions(workflows.RemovedPost, workflow.RegisterOptions{Name: workflows.RemovedPostType})
		activities.New(nil, nil, nil, c, queue).Register(withdrawalsOnly{w})
		if err := w.Start(); err != nil {
			t.Fatal(err)
		}
		defer w.Stop()

		var changes []string
		for n := range 3 {
			changes = append(changes, feedChange("comment", "add", fmt.Sprintf("7_70%d", n), fmt.Sprintf("%s_7%d", pageID, n)))
		}
		if status := deliverTo(t, addr, delivery("page", entryOf(pageID, changes...))); status != 200 {
			t.Fatalf("status = %d", status)
		}
		reply := func(n int) string { return fmt.Sprintf("reply:facebook:%s:70%d", pageID, n) }
		await(t, "the replies to be visible", func() bool {
			return count(t, c, fmt.Sprintf("WorkflowId IN (%q, %q, %q)", reply(0), reply(1), reply(2))) == 3
		})
		for n := range 2 {
			body := delivery("page", entryOf(pageID, feedChange("post", "remove", "", fmt.Sprintf("%s_7%d", pageID, n))))
			if status := deliverTo(t, addr, body); status != 200 {
				t.Errorf("status = %d", status)
			}
		}
		for n := range 2 {
			var withdrawn workflows.WithdrawRepliesResult
			id := fmt.Sprintf("removed-post:facebook:%s:%s_7%d", pageID, pageID, n)
			if err := c.GetWorkflow(t.Context(), id, "").Get(t.Context(), &withdrawn); err != nil || withdrawn.Signalled != 1 {
				t.Errorf("%s: %+v, %v", id, withdrawn, err)
			}
			var status workflows.PrivateReplyStatus
			if err := c.GetWorkflow(t.Context(), reply(n), "").Get(t.Context(), &status); err != nil || status.State != privatereply.Withdrawn {
				t.Errorf("%s ended as %q, %v", reply(n), status.State, err)
			}
			if got := signalsOf(t, c, reply(n)); len(got) != 1 {
				t.Errorf("%s was told %q", reply(n), got)
			}
		}
		if got := signalsOf(t, c, reply(2)); len(got) != 0 {
			t.Errorf("the reply under another post was told %q", got)
		}
	})

	t.Run("without a server", func(t *testing.T) {
		server.Kill()
		h.timeouts.answer = 300 * time.Millisecond
		if status := deliverTo(t, addr, comment); status != http.StatusServiceUnavailable {
			t.Errorf("status = %d, want 503", status)
		}
		if err := check(); err == nil || !strings.Contains(err.Error(), "temporal") {
			t.Errorf("checks = %v", err)
		}
	})
}

// withdrawalsOnly registers only the activity of removed posts.
type withdrawalsOnly struct{ worker.ActivityRegistry }

func (w withdrawalsOnly) RegisterActivityWithOptions(f any, options activity.RegisterOptions) {
	if options.Name == workflows.WithdrawRepliesActivity {
		w.ActivityRegistry.RegisterActivityWithOptions(f, options)
	}
}

// deliverTo posts a signed body to a running bridge.
func deliverTo(t *testing.T, addr, body string) int {
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+addr+Path, strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return 0
	}
	r.Header.Set("X-Hub-Signature-256", sign([]byte(body), appSecret))
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Error(err)
		return 0
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

func count(t *testing.T, c client.Client, query string) int64 {
	t.Helper()
	resp, err := c.CountWorkflow(t.Context(), &workflowservice.CountWorkflowExecutionsRequest{Query: query})
	if err != nil {
		t.Fatal(err)
	}
	return resp.GetCount()
}

// signalsOf names the signals in a workflow's history.
func signalsOf(t *testing.T, c client.Client, id string) []string {
	t.Helper()
	var names []string
	history := c.GetWorkflowHistory(t.Context(), id, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for history.HasNext() {
		event, err := history.Next()
		if err != nil {
			t.Fatal(err)
		}
		if s := event.GetWorkflowExecutionSignaledEventAttributes(); s != nil {
			names = append(names, s.GetSignalName())
		}
	}
	return names
}

// await waits for what the server does in its own time.
func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			t.Fatalf("waited in vain for %s", what)
		case <-tick.C:
		}
	}
}

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
	event, err := json.Marshal(eventsOf("c")[0])
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
