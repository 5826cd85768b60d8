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

// pollerTimeout is how long ago a worker that lives can have asked last: one poll
// takes at most a minute.
const pollerTimeout = 90 * time.Second

// checkWorkers looks for worker processes on every task queue.
func (d *checker) checkWorkers(ctx context.Context) []Finding {
	main := d.settings.TaskQueue
	activities := enumspb.TASK_QUEUE_TYPE_ACTIVITY
	checks := []checkFunc{func(ctx context.Context) []Finding {
		return d.checkPollers(ctx, main, enumspb.TASK_QUEUE_TYPE_WORKFLOW, activities)
	}}
	for _, queue := range []string{workflows.SendQueue(main), workflows.LiveSendQueue(main), workflows.IntakeQueue(main)} {
		checks = append(checks, func(ctx context.Context) []Finding { return d.checkPollers(ctx, queue, activities) })
	}
	return d.runConcurrently(ctx, checks...)
}

// checkPollers looks for processes that take each kind of task from a queue.
func (d *checker) checkPollers(ctx context.Context, queue string, kinds ...enumspb.TaskQueueType) []Finding {
	const name = "worker"
	processes := map[string]bool{}
	var idle []string
	var builds []Finding
	for _, kind := range kinds {
		info, err := d.temporal.DescribeTaskQueue(ctx, queue, kind)
		if err != nil {
			return []Finding{unknown(name, "%s cannot be asked who polls it: %v", queue, err)}
		}
		polling := recentPollers(info)
		for _, p := range polling {
			processes[p.GetIdentity()] = true
		}
		if len(polling) == 0 {
			idle = append(idle, strings.ToLower(kind.String()))
		}
		if len(builds) == 0 {
			builds = d.checkBuilds(queue, polling, info.GetVersioningInfo().GetCurrentDeploymentVersion())
		}
	}
	if len(idle) > 0 {
		return []Finding{failure(name, fmt.Sprintf("nobody has polled %s for %s tasks in the last %v", queue, strings.Join(idle, " and "), pollerTimeout),
			fmt.Sprintf("start worker with TEMPORAL_NAMESPACE=%s and PRIVATEREPLY_TASK_QUEUE=%s; if it runs, its log says what keeps it", d.namespace, d.settings.TaskQueue))}
	}
	if len(builds) > 0 {
		return builds
	}
	n, shares := len(processes), max(1, d.settings.SendWorkers)
	if queue == workflows.SendQueue(d.settings.TaskQueue) && n > shares {
		return []Finding{warning(name, fmt.Sprintf("%d processes poll %s, but PRIVATEREPLY_SEND_WORKERS is %d here: together they send faster than the accounts may", n, queue, shares),
			fmt.Sprintf("set PRIVATEREPLY_SEND_WORKERS=%d for every worker (a worker that was just replaced counts for %v)", n, pollerTimeout))}
	}
	return []Finding{ok(name, "%s on %s", plural(n, "worker"), queue)}
}

// recentPollers are the processes that polled recently.
func recentPollers(info *workflowservice.DescribeTaskQueueResponse) []*taskqueuepb.PollerInfo {
	return slices.DeleteFunc(slices.Clone(info.GetPollers()), func(p *taskqueuepb.PollerInfo) bool {
		return time.Since(p.GetLastAccessTime().AsTime()) > pollerTimeout
	})
}
