package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/privatereply/privatereply/workflows"
)

// polledRecently is how long ago a worker that lives can have asked last: one poll
// takes at most a minute.
const polledRecently = 90 * time.Second

// workers looks for worker processes on every task queue.
func (d *doctor) workers(ctx context.Context) []Finding {
	main := d.settings.TaskQueue
	activities := enumspb.TASK_QUEUE_TYPE_ACTIVITY
	checks := []check{func(ctx context.Context) []Finding {
		return d.polled(ctx, main, enumspb.TASK_QUEUE_TYPE_WORKFLOW, activities)
	}}
	for _, queue := range []string{workflows.SendQueue(main), workflows.LiveSendQueue(main), workflows.IntakeQueue(main)} {
		checks = append(checks, func(ctx context.Context) []Finding { return d.polled(ctx, queue, activities) })
	}
	return d.together(ctx, checks...)
}

// polled looks for processes that take each kind of task from a queue.
func (d *doctor) polled(ctx context.Context, queue string, kinds ...enumspb.TaskQueueType) []Finding {
	const name = "worker"
	processes := map[string]bool{}
	var idle []string
	var builds []Finding
	for _, kind := range kinds {
		info, err := d.temporal.DescribeTaskQueue(ctx, queue, kind)
		if err != nil {
			return []Finding{unknown(name, "%s cannot be asked who polls it: %v", queue, err)}
		}
		polling := recent(info)
		for _, p := range polling {
			processes[p.GetIdentity()] = true
		}
		if len(polling) == 0 {
			idle = append(idle, strings.ToLower(kind.String()))
		}
		if len(builds) == 0 {
			builds = d.builds(queue, polling, info.GetVersioningInfo().GetCurrentDeploymentVersion())
		}
	}
	if len(idle) > 0 {
		return []Finding{failure(name, fmt.Sprintf("nobody has polled %s for %s tasks in the last %v", queue, strings.Join(idle, " and "), polledRecently),
			fmt.Sprintf("start worker with TEMPORAL_NAMESPACE=%s and PRIVATEREPLY_TASK_QUEUE=%s; if it runs, its log says what keeps it", d.namespace, d.settings.TaskQueue))}
	}
	if len(builds) > 0 {
		return builds
	}
	n, shares := len(processes), max(1, d.settings.SendWorkers)
	if queue == workflows.SendQueue(d.settings.TaskQueue) && n > shares {
		return []Finding{warning(name, fmt.Sprintf("%d processes poll %s, but PRIVATEREPLY_SEND_WORKERS is %d here: together they send faster than the accounts may", n, queue, shares),
			fmt.Sprintf("set PRIVATEREPLY_SEND_WORKERS=%d for every worker (a worker that was just replaced counts for %v)", n, polledRecently))}
	}
	return []Finding{ok(name, "%s on %s", many(n, "worker"), queue)}
}

// recent are the processes that polled recently.
func recent(info *workflowservice.DescribeTaskQueueResponse) []*taskqueuepb.PollerInfo {
	return slices.DeleteFunc(slices.Clone(info.GetPollers()), func(p *taskqueuepb.PollerInfo) bool {
		return time.Since(p.GetLastAccessTime().AsTime()) > polledRecently
	})
}
