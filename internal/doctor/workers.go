package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	deploymentpb "go.temporal.io/api/deployment/v1"
	enumspb "go.temporal.io/api/enums/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/privatereply/privatereply/workflows"
)

// pollerTimeout is after how long without a poll a worker counts as gone: one poll takes
// at most a minute.
const pollerTimeout = 90 * time.Second

// checkWorkers checks that worker processes poll every task queue.
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

// checkPollers checks that processes poll a queue for each kind of task.
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

// checkBuilds checks that the tasks of a queue reach the workers that poll it: with Worker
// Versioning only workers of the current build get all of them, and while there is
// none only those without a build.
func (d *checker) checkBuilds(queue string, polling []*taskqueuepb.PollerInfo, current *deploymentpb.WorkerDeploymentVersion) []Finding {
	const name = "worker build"
	command := "temporal worker deployment set-current-version --namespace " + d.namespace + " --deployment-name "
	var waiting *deploymentpb.WorkerDeploymentOptions
	for _, p := range polling {
		is := p.GetDeploymentOptions()
		versioned := is.GetWorkerVersioningMode() == enumspb.WORKER_VERSIONING_MODE_VERSIONED
		switch {
		case !versioned && current == nil,
			versioned && is.GetDeploymentName() == current.GetDeploymentName() && is.GetBuildId() == current.GetBuildId():
			return nil
		case versioned:
			waiting = is
		}
	}
	switch {
	case waiting != nil:
		return []Finding{failure(name, fmt.Sprintf("the workers on %s are of build %s of deployment %s, which is not the current one: they get no work", queue, waiting.GetBuildId(), waiting.GetDeploymentName()),
			"make it the current one: see docs/operations/upgrades.md", command+waiting.GetDeploymentName()+" --build-id "+waiting.GetBuildId())}
	case current != nil && len(polling) > 0:
		return []Finding{failure(name, fmt.Sprintf("the tasks of %s go to build %s of deployment %s, and only workers without a build poll it", queue, current.GetBuildId(), current.GetDeploymentName()),
			"start workers of that build, or give Worker Versioning up", command+current.GetDeploymentName()+" --unversioned")}
	}
	return nil
}
