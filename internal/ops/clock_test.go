package ops

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/mocks"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/privatereply/privatereply/lab/harness/devserver/devservertest"
)

// otherClock is a server whose clock is off.
type otherClock struct {
	workflowservice.WorkflowServiceClient
	ahead time.Duration

	mu    sync.Mutex
	polls int
	noted *taskqueuepb.PollerInfo
}

func (o *otherClock) PollWorkflowTaskQueue(ctx context.Context, in *workflowservice.PollWorkflowTaskQueueRequest, _ ...grpc.CallOption) (*workflowservice.PollWorkflowTaskQueueResponse, error) {
	o.mu.Lock()
	o.polls++
	o.noted = &taskqueuepb.PollerInfo{Identity: in.GetIdentity(), LastAccessTime: timestamppb.New(time.Now().Add(o.ahead))}
	o.mu.Unlock()
	<-ctx.Done()
	return nil, ctx.Err()
}

func (o *otherClock) DescribeTaskQueue(context.Context, *workflowservice.DescribeTaskQueueRequest, ...grpc.CallOption) (*workflowservice.DescribeTaskQueueResponse, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var list workflowservice.DescribeTaskQueueResponse
	if o.noted != nil {
		list.Pollers = append(list.Pollers, &taskqueuepb.PollerInfo{Identity: "somebody else"}, o.noted)
	}
	return &list, nil
}

// A clock that is off by more than two seconds is named in /readyz, which stays ready;
// Temporal is asked once a minute, however many ask.
func TestClock(t *testing.T) {
	meta := func(ahead time.Duration, known bool) func() (time.Duration, bool) {
		return func() (time.Duration, bool) { return ahead, known }
	}
	tests := []struct {
		name   string
		server time.Duration // how far Temporal's clock is ahead
		meta   func() (time.Duration, bool)
		says   string
	}{
		{"right", 0, meta(0, true), "ok       clock"},
		{"a little off", time.Second, meta(-time.Second, true), "ok       clock"},
		{"behind Temporal's", time.Minute, nil, "warning  clock: this machine's clock is 1m0s behind Temporal's; let NTP set it"},
		{"ahead of Temporal's", -time.Minute, meta(0, false), "ahead of Temporal's"},
		{"behind Meta's", 0, meta(-3*time.Second, true), "warning  clock: this machine's clock is 3s behind Meta's"},
		{"off from both", time.Minute, meta(-time.Minute, true), "behind Meta's"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			temporal, server := mocks.NewClient(t), &otherClock{ahead: tt.server}
			temporal.On("WorkflowService").Return(server)
			check := ClockCheck(temporal, "default", tt.meta)
			for range 3 {
				status, body := get(t, Handler(prometheus.NewRegistry(), check), "/readyz")
				if status != 200 || !strings.Contains(body, tt.says) {
					t.Errorf("answer = %d %q, want 200 and %q", status, body, tt.says)
				}
			}
			if server.polls != 1 {
				t.Errorf("Temporal was asked %d times", server.polls)
			}
		})
	}
}

// The real server's clock is this machine's, in a test.
func TestClockOfRealServer(t *testing.T) {
	server := devservertest.Start(t)
	c, err := client.DialContext(t.Context(), client.Options{HostPort: server.Address})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 3 {
		if ahead, err := TemporalClockOffset(t.Context(), c, server.Namespace); err != nil || ahead.Abs() > 100*time.Millisecond {
			t.Errorf("ahead by %v, %v", ahead, err)
		}
	}
	server.Kill()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := TemporalClockOffset(ctx, c, server.Namespace); err == nil {
		t.Error("a server that is gone told its time")
	}
}
