package bridge

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
)

func failing(err error) func(context.Context, string) error {
	return func(context.Context, string) error { return err }
}

// Nothing is lost while Temporal has trouble: Meta is asked to deliver again, and the
// metrics and the log say what the trouble is.
func TestTrouble(t *testing.T) {
	tests := []struct {
		err     error
		trouble string
	}{
		{serviceerror.NewUnavailable("connection refused"), unavailable},
		{serviceerror.NewDeadlineExceeded("too late"), tooSlow},
		{serviceerror.NewCanceled("cancelled"), tooSlow},
		{context.DeadlineExceeded, tooSlow},
		{serviceerror.NewResourceExhausted(enumspb.RESOURCE_EXHAUSTED_CAUSE_RPS_LIMIT, "rate limit"), overloaded},
		{serviceerror.NewNamespaceNotFound("default"), notSetUp},
		{serviceerror.NewNotFound("no such thing"), notSetUp},
		{serviceerror.NewInvalidArgument("search attribute ReplyState is not defined"), refused},
		{serviceerror.NewPermissionDenied("no", ""), notPermitted},
		{serviceerror.NewInternal("a fault"), other},
		{errors.New("the codec has no key"), other},
	}
	for _, tt := range tests {
		t.Run(tt.trouble+" "+tt.err.Error(), func(t *testing.T) {
			fake := newFakeTemporal()
			fake.before = failing(tt.err)
			h := newHarness(t, fake)
			body := delivery("instagram", entryOf(instagramID, commentChange("18000000000000001", "hi"), commentChange("", "hi")))
			for range 3 {
				w := h.do(signed(t, []byte(body)))
				if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
					t.Fatalf("answer = %d, Retry-After %q; want 503 with a time", w.Code, w.Header().Get("Retry-After"))
				}
			}
			h.wantCounted(map[string]float64{
				"commit_failures_total{trouble=" + tt.trouble + "}": 3,
				"events_sent_back_total{}":                          6,
				"events_received_total{}":                           0,
				"deliveries_total{status=503}":                      3,
				"acknowledgement_seconds{}":                         0,
			})
			if n := strings.Count(h.logged(), "Meta must deliver again"); n != 1 {
				t.Errorf("logged %d times within a minute, want once:\n%s", n, h.logged())
			}
			if !strings.Contains(h.logged(), replyID) {
				t.Errorf("the log does not name the reply:\n%s", h.logged())
			}

			fake.before = nil
			if status := h.post(body); status != 200 {
				t.Errorf("status after the trouble = %d", status)
			}
			h.wantCounted(map[string]float64{"events_total{effect=started}": 1, "events_total{effect=ignored,reason=no_usable_id}": 1})
		})
	}
}

// One event that Temporal does not take never keeps its neighbours out, and the
// delivery comes again until it is taken.
func TestNeighboursOfTrouble(t *testing.T) {
	fake := newFakeTemporal()
	fake.before = func(_ context.Context, id string) error {
		if id == replyID {
			return serviceerror.NewInvalidArgument("poisoned")
		}
		return nil
	}
	h := newHarness(t, fake)
	body := delivery("instagram", entryOf(instagramID, commentChange("18000000000000001", "hi"), commentChange("18000000000000002", "hi")))
	if status := h.post(body); status != http.StatusServiceUnavailable {
		t.Errorf("status = %d, want 503", status)
	}
	if _, ok := fake.reply(secondID); !ok {
		t.Error("the neighbour was not started")
	}
	fake.before = nil
	if status := h.post(body); status != 200 {
		t.Errorf("status = %d, want 200", status)
	}
	h.wantCounted(map[string]float64{"events_total{effect=started}": 1, "events_total{effect=duplicate}": 1, "events_sent_back_total{}": 2})
}

// A later event of a comment never overtakes one that failed: a removal would find
// no reply, and the redelivery would then start one.
func TestTroubleStopsTheLane(t *testing.T) {
	fake := newFakeTemporal()
	reply := "reply:facebook:" + pageID + ":300000000000001"
	first := true
	fake.before = func(_ context.Context, id string) error {
		if id == reply && first {
			first = false
			return serviceerror.NewUnavailable("gone")
		}
		return nil
	}
	h := newHarness(t, fake)
	body := delivery("page", entryOf(pageID,
		feedChange("comment", "add", "200000000000001_300000000000001", pagePost),
		feedChange("comment", "remove", "200000000000001_300000000000001", pagePost)))
	for _, want := range []int{503, 200} {
		if status := h.post(body); status != want {
			t.Errorf("status = %d, want %d", status, want)
		}
	}
	if got := strings.Join(fake.told(), ", "); got != "start "+reply+", signal-with-start "+reply {
		t.Errorf("calls = %s", got)
	}
}

// A commit that takes too long is given up while there is time to say so, and a
// caller that hangs up does not break it off.
func TestCommitHasALimit(t *testing.T) {
	fake := newFakeTemporal()
	fake.before = func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() }
	h := newHarness(t, fake)
	h.timeouts.answer = 20 * time.Millisecond
	hungUp, cancel := context.WithCancel(t.Context())
	cancel()
	body := []byte(delivery("instagram", entryOf(instagramID, commentChange("18000000000000001", "hi"))))
	if w := h.do(signed(t, body).WithContext(hungUp)); w.Code != http.StatusServiceUnavailable {
		t.Errorf("status = %d, want 503", w.Code)
	}
	h.wantCounted(map[string]float64{"commit_failures_total{trouble=too_slow}": 1})

	h.timeouts.answer = commitTimeout
	fake.before = func(ctx context.Context, _ string) error { return ctx.Err() }
	if w := h.do(signed(t, body).WithContext(hungUp)); w.Code != http.StatusOK {
		t.Errorf("status = %d, want 200", w.Code)
	}
}

// However many comments come at once, only so many calls run at a time.
func TestCallsAreBounded(t *testing.T) {
	fake := newFakeTemporal()
	var running, most atomic.Int64
	var reached sync.Once
	full := make(chan struct{})
	fake.before = func(context.Context, string) error {
		n := running.Add(1)
		defer running.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		if n == maxConcurrentCalls {
			reached.Do(func() { close(full) })
		}
		<-full
		return nil
	}
	h := newHarness(t, fake)
	var changes []string
	for n := range 3 * maxConcurrentCalls {
		changes = append(changes, commentChange(strings.Repeat("1", n+1), "hi"))
	}
	if status := h.post(delivery("instagram", entryOf(instagramID, changes...))); status != 200 {
		t.Errorf("status = %d", status)
	}
	if n := most.Load(); n != maxConcurrentCalls {
		t.Errorf("%d calls at once, want %d", n, maxConcurrentCalls)
	}
	h.wantCounted(map[string]float64{"events_total{effect=started}": 3 * maxConcurrentCalls})
}

// A kind of trouble is logged once a minute with how often it happened, and one kind
// does not hide another.
func TestSeldom(t *testing.T) {
	at := now
	s := newLogSampler(func() time.Time { return at })
	type step struct {
		after time.Duration
		kind  string
		times int
	}
	for i, st := range []step{
		{0, "a", 1}, {0, "b", 1}, {time.Second, "a", 0}, {58 * time.Second, "a", 0}, {time.Second, "a", 3}, {0, "b", 1}, {0, "a", 0},
		{2 * time.Minute, "a", 2},
	} {
		at = at.Add(st.after)
		if times, ok := s.count(st.kind); times != st.times || ok != (st.times > 0) {
			t.Errorf("step %d: count = %d, %v; want %d", i, times, ok, st.times)
		}
	}
}
