package bridge

import (
	"context"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"

	"github.com/privatereply/privatereply/workflows"
)

// Removed posts become one batch operation for each account, which signals the
// replies that can still be withdrawn.
func TestRemovedPosts(t *testing.T) {
	fake := newFakeTemporal()
	fake.begin("reply:facebook:" + pageID + ":post-1")
	h := newHarness(t, fake)
	body := delivery("page", entryOf(pageID,
		feedChange("post", "remove", "", pageID+"_1"), feedChange("photo", "remove", "", pageID+"_2")))
	if status := h.post(body); status != 200 {
		t.Fatalf("status = %d", status)
	}
	if len(fake.batches) != 1 || len(fake.signals) != 1 {
		t.Fatalf("%d batches, %d signals; want one of each", len(fake.batches), len(fake.signals))
	}
	batch := fake.batches[0]
	want := `MediaId IN ("100000000000001_1", "100000000000001_2") AND AccountId = "100000000000001" AND ReplyState IN ("holding", "awaiting_approval", "sending")`
	if got := batch.GetVisibilityQuery(); got != want {
		t.Errorf("query = %s\nwant    %s", got, want)
	}
	if s := batch.GetSignalOperation(); s.GetSignal() != workflows.CommentRemovedSignal || string(s.GetInput().GetPayloads()[0].GetData()) != "{}" {
		t.Errorf("operation = %v", s)
	}
	if batch.GetNamespace() != "default" || batch.GetJobId() == "" || batch.GetReason() == "" {
		t.Errorf("namespace %q, job %q, reason %q", batch.GetNamespace(), batch.GetJobId(), batch.GetReason())
	}
	h.wantCounted(map[string]float64{"events_total{effect=signalled}": 2})
}

// A namespace that runs another batch operation just now is asked again; one that
// stays busy makes Meta deliver again.
func TestBusyBatch(t *testing.T) {
	busy := serviceerror.NewResourceExhausted(enumspb.RESOURCE_EXHAUSTED_CAUSE_CONCURRENT_LIMIT, "Max concurrent batch operations is reached")
	tries := 0
	fake := newFakeTemporal()
	fake.before = func(_ context.Context, id string) error {
		if id != "default" {
			return nil
		}
		if tries++; tries < 3 {
			return busy
		}
		return nil
	}
	h := newHarness(t, fake)
	body := delivery("page", entryOf(pageID, feedChange("post", "remove", "", pagePost)))
	if status := h.post(body); status != 200 || tries != 3 {
		t.Errorf("status = %d after %d tries, want 200 after 3", status, tries)
	}
	fake.before = failing(busy)
	h.timeouts.answer = 200 * time.Millisecond
	if status := h.post(body); status != 503 {
		t.Errorf("status = %d, want 503", status)
	}
	h.wantCounted(map[string]float64{"commit_failures_total{trouble=overloaded}": 1})
}
