package bridge

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/workflows"
)

// Each removed post gets a workflow that withdraws the replies under it, and only a
// visitor post's own reply is told directly.
func TestRemovedPosts(t *testing.T) {
	fake := newFakeTemporal()
	fake.begin("reply:facebook:" + pageID + ":post-1")
	h := newHarness(t, fake)
	body := delivery("page", entryOf(pageID,
		feedChange("post", "remove", "", pageID+"_1"), feedChange("photo", "remove", "", pageID+"_2")))
	if status := h.post(body); status != 200 {
		t.Fatalf("status = %d", status)
	}
	want := map[string]workflows.RemovedPostInput{
		"removed-post:facebook:" + pageID + ":" + pageID + "_1": {Platform: privatereply.Facebook, Account: pageID, Media: pageID + "_1"},
		"removed-post:facebook:" + pageID + ":" + pageID + "_2": {Platform: privatereply.Facebook, Account: pageID, Media: pageID + "_2"},
	}
	if diff := cmp.Diff(want, fake.removedPosts()); diff != "" {
		t.Errorf("removed posts (-want +got):\n%s", diff)
	}
	if len(fake.signals) != 1 || fake.signals[0].name != workflows.CommentRemovedSignal {
		t.Errorf("signals: %+v, want one to the visitor post", fake.signals)
	}
	h.wantCounted(map[string]float64{"events_total{effect=signalled}": 2})
	// A second delivery finds both under way.
	if status := h.post(body); status != 200 || len(fake.removedPosts()) != 2 {
		t.Errorf("status = %d, %d removed posts", status, len(fake.removedPosts()))
	}
}

// A removal that Temporal does not take for now makes Meta deliver again.
func TestRemovedPostWhileOverloaded(t *testing.T) {
	fake := newFakeTemporal()
	fake.before = failing(serviceerror.NewResourceExhausted(enumspb.RESOURCE_EXHAUSTED_CAUSE_RPS_LIMIT, "namespace rate limit exceeded"))
	h := newHarness(t, fake)
	body := delivery("page", entryOf(pageID, feedChange("post", "remove", "", pagePost)))
	if status := h.post(body); status != 503 {
		t.Errorf("status = %d, want 503", status)
	}
	h.wantCounted(map[string]float64{"commit_failures_total{trouble=overloaded}": 1})
	fake.before = nil
	if status := h.post(body); status != 200 || len(fake.removedPosts()) != 1 {
		t.Errorf("status = %d, %d removed posts; want 200 and one", status, len(fake.removedPosts()))
	}
}
