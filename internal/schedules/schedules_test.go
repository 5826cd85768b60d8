package schedules

import (
	"context"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.temporal.io/sdk/client"
	"go.uber.org/zap"
	"google.golang.org/grpc"

	"github.com/privatereply/privatereply/lab/harness/devserver/devservertest"
)

// requests counts the requests about each Schedule.
type requests struct {
	mu  sync.Mutex
	all map[string]int
}

func (r *requests) count(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	if of, ok := req.(interface{ GetScheduleId() string }); ok {
		r.mu.Lock()
		r.all[of.GetScheduleId()]++
		r.mu.Unlock()
	}
	return invoke(ctx, method, req, reply, cc, opts...)
}

// taken are the Schedules that requests were about since the last call.
func (r *requests) taken() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	ids := slices.Sorted(maps.Keys(r.all))
	clear(r.all)
	return ids
}

// A worker that starts writes only the Schedules that are not as they should be, whatever
// differs, and one whose entries change only those that did.
func TestRunWritesWhatChanged(t *testing.T) {
	server := devservertest.Start(t)
	seen := &requests{all: map[string]int{}}
	c, err := client.Dial(client.Options{HostPort: server.Address, Namespace: server.Namespace, ConnectionOptions: client.ConnectionOptions{
		DialOptions: []grpc.DialOption{grpc.WithUnaryInterceptor(seen.count)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	entries := func(ids ...string) []Entry {
		var all []Entry
		for i, id := range ids {
			all = append(all, Entry{ID: "test:" + id, Every: time.Duration(i) * time.Hour, Workflow: "Test", Input: id, Summary: "Test of " + id})
		}
		return all
	}
	base := Set{
		Client: c, TaskQueue: "q", Logger: zap.NewNop(), Prefix: "test:", Purpose: "tests", CatchUp: time.Minute, NotePause: "by hand",
		Entries: func() []Entry { return entries("a", "b", "c", "d") },
	}
	if err := base.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	await := func(s Set, want ...string) {
		t.Helper()
		var diff string
		for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) { // the list may be behind
			done, _, err := s.list(t.Context(), s.Entries())
			if err != nil {
				t.Fatal(err)
			}
			if diff = cmp.Diff(want, slices.Sorted(maps.Keys(done))); diff == "" {
				return
			}
		}
		t.Fatalf("up to date (-want +got):\n%s", diff)
	}
	all := []string{"test:a", "test:b", "test:c", "test:d"}
	await(base, all...)

	handle := func(id string) client.ScheduleHandle { return c.ScheduleClient().GetHandle(t.Context(), "test:"+id) }
	if err := handle("b").Pause(t.Context(), client.SchedulePauseOptions{Note: "ana looks into it"}); err != nil {
		t.Fatal(err)
	}
	err = handle("c").Update(t.Context(), client.ScheduleUpdateOptions{DoUpdate: func(is client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
		is.Description.Schedule.Spec.Intervals[0].Every = 7 * time.Hour
		return &client.ScheduleUpdate{Schedule: &is.Description.Schedule}, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := handle("d").Pause(t.Context(), client.SchedulePauseOptions{Note: noteAccountRemoved}); err != nil {
		t.Fatal(err)
	}
	await(base, "test:a", "test:b") // what a person paused stays so
	for name, change := range map[string]func(*Set){
		"key":    func(s *Set) { s.KeyID = "new" },
		"queue":  func(s *Set) { s.TaskQueue = "other" },
		"policy": func(s *Set) { s.CatchUp = time.Hour },
		"input": func(s *Set) {
			s.Entries = func() []Entry {
				all := entries("a")
				all[0].Input = "other"
				return all
			}
		},
	} {
		changed := base
		change(&changed)
		if done, _, err := changed.list(t.Context(), changed.Entries()); err != nil || len(done) > 0 {
			t.Errorf("with another %s %v are up to date, %v", name, done, err)
		}
	}

	// A worker that starts mends both; then e is new, and a has another interval.
	now := make(chan []Entry)
	s := base
	current := entries("a", "b", "c", "d")
	s.Entries = func() []Entry {
		select {
		case current = <-now:
		default:
		}
		return current
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	seen.taken()
	go func() { defer close(ended); s.Run(ctx, 10*time.Millisecond) }()
	await(base, all...)
	if got := seen.taken(); !slices.Equal(got, []string{"test:c", "test:d"}) {
		t.Errorf("the start wrote %v", got)
	}
	more := entries("a", "b", "c", "d", "e")
	more[0].Every = 5 * time.Hour
	now <- more
	base.Entries = func() []Entry { return more }
	await(base, append(all, "test:e")...)
	if got := seen.taken(); !slices.Equal(got, []string{"test:a", "test:e"}) {
		t.Errorf("the change wrote %v", got)
	}
	stop()
	<-ended
	if is, err := handle("b").Describe(t.Context()); err != nil || is.Schedule.State.Note != "ana looks into it" {
		t.Errorf("what a person paused: %+v, %v", is, err)
	}
}
