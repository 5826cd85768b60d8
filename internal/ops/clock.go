package ops

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	enumspb "go.temporal.io/api/enums/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"
)

const (
	// ClockTolerance is the largest offset between this machine's clock and Meta's or
	// Temporal's that is not reported.
	ClockTolerance = 2 * time.Second
	// clockInterval is the shortest time between two questions for Temporal's time.
	clockInterval = time.Minute
	// clockPoll is the time limit of a poll that is broken off when it is seen: the server
	// refuses one of less than 2 seconds and warns of one of less than 20.
	clockPoll = 30 * time.Second
	// minPollerWait lies before the second read of the list of pollers; it doubles up to
	// maxPollerWait.
	minPollerWait, maxPollerWait = 20 * time.Millisecond, 250 * time.Millisecond
	// clockTimeout bounds the wait of /readyz for Temporal's time. Probes wait a second.
	clockTimeout = 700 * time.Millisecond
	// clockQueue is the task queue of the polls, the same for all programs.
	clockQueue = "clock-check"
)

// ClockCheck checks that this machine's clock agrees with Temporal's, and with another one
// whose offset is known: nil without one. It is advisory: the program works on, and a
// restart would set no clock.
func ClockCheck(c client.Client, namespace string, meta func() (ahead time.Duration, known bool)) Check {
	var mu sync.Mutex
	var asked time.Time
	var last error
	return Check{Name: "clock", Advisory: true, Run: func(ctx context.Context) error {
		mu.Lock()
		defer mu.Unlock()
		if asked.IsZero() || time.Since(asked) >= clockInterval {
			asked = time.Now() // a question that fails is not repeated at once, either
			asking, cancel := context.WithTimeout(ctx, clockTimeout)
			defer cancel()
			ahead, err := TemporalClockOffset(asking, c, namespace)
			if last = ClockError("Temporal", ahead); err != nil {
				last = fmt.Errorf("cannot be compared with Temporal's: %w", err)
			}
		}
		if meta == nil {
			return last
		}
		if ahead, known := meta(); known {
			return errors.Join(last, ClockError("Meta", ahead))
		}
		return last
	}}
}

// ClockError says that this machine's clock is ahead of another one, or behind it if ahead
// is negative. It is nil within the tolerance.
func ClockError(whose string, ahead time.Duration) error {
	where := "ahead of"
	if ahead < 0 {
		ahead, where = -ahead, "behind"
	}
	if ahead <= ClockTolerance {
		return nil
	}
	return fmt.Errorf("this machine's clock is %v %s %s's; let NTP set it", ahead.Round(100*time.Millisecond), where, whose)
}

// TemporalClockOffset measures how far this machine's clock is ahead of the server's, at
// least; it is negative if it is behind.
//
// No call answers with the server's time. But the server
// records when a poller last came: so this polls a task queue that no worker uses, and
// finds itself by its identity in the list of pollers. The recorded time lies between the
// two calls.
func TemporalClockOffset(ctx context.Context, c client.Client, namespace string) (ahead time.Duration, err error) {
	id := clockQueue + "-" + uuid.NewString()
	queue := &taskqueuepb.TaskQueue{Name: clockQueue + "-sticky", Kind: enumspb.TASK_QUEUE_KIND_STICKY, NormalName: clockQueue}
	polling, stop := context.WithTimeout(context.WithoutCancel(ctx), clockPoll)
	var poll errgroup.Group
	defer func() {
		stop()
		_ = poll.Wait()
	}()
	before := time.Now()
	poll.Go(func() error {
		_, err := c.WorkflowService().PollWorkflowTaskQueue(polling, &workflowservice.PollWorkflowTaskQueueRequest{Namespace: namespace, TaskQueue: queue, Identity: id})
		if err != nil {
			stop() // it will not come to the list
		}
		return err
	})
	for wait := minPollerWait; ; wait *= 2 {
		list, err := c.WorkflowService().DescribeTaskQueue(ctx, &workflowservice.DescribeTaskQueueRequest{
			Namespace: namespace, TaskQueue: queue, TaskQueueType: enumspb.TASK_QUEUE_TYPE_WORKFLOW,
		})
		if err != nil {
			return 0, err
		}
		for _, p := range list.GetPollers() {
			if p.GetIdentity() == id {
				noted := p.GetLastAccessTime().AsTime()
				return certainOffset(before.Sub(noted), time.Since(noted)), nil
			}
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-polling.Done():
			return 0, fmt.Errorf("poll: %w", poll.Wait())
		case <-time.After(min(wait, maxPollerWait)):
		}
	}
}

// certainOffset is the offset that is certain when it lies between two values.
func certainOffset(least, most time.Duration) time.Duration {
	switch {
	case least > 0:
		return least
	case most < 0:
		return most
	}
	return 0
}
