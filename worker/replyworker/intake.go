package replyworker

import (
	"context"
	"fmt"

	enumspb "go.temporal.io/api/enums/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"github.com/privatereply/privatereply/activities/draining"
	"github.com/privatereply/privatereply/workflows"
)

// backlog asks the server what waits on the main queue and on that of the Intakes.
func backlog(c client.Client, namespace, queue string) func(context.Context) (draining.Backlog, error) {
	stats := func(ctx context.Context, queue string) (*taskqueuepb.TaskQueueStats, error) {
		d, err := c.WorkflowService().DescribeTaskQueue(ctx, &workflowservice.DescribeTaskQueueRequest{
			Namespace: namespace, TaskQueue: &taskqueuepb.TaskQueue{Name: queue},
			TaskQueueType: enumspb.TASK_QUEUE_TYPE_WORKFLOW, ReportStats: true,
		})
		if err != nil {
			return nil, fmt.Errorf("ask for the backlog of %s: %w", queue, err)
		}
		return d.GetStats(), nil
	}
	return func(ctx context.Context) (draining.Backlog, error) {
		batches, err := stats(ctx, workflows.IntakeQueue(queue))
		if err != nil {
			return draining.Backlog{}, err
		}
		tasks, err := stats(ctx, queue)
		return draining.Backlog{
			Batches: batches.GetApproximateBacklogCount(),
			Wait:    tasks.GetApproximateBacklogAge().AsDuration(),
		}, err
	}
}

// openDispatches is more than the valve opens: a poll that is under way may still
// bring another batch.
const openDispatches = 20

func intakeTuner(v *draining.Valve) worker.WorkerTuner {
	fixed := func(n int) worker.SlotSupplier {
		s, err := worker.NewFixedSizeSlotSupplier(n)
		if err != nil {
			panic(err) // not for these numbers
		}
		return s
	}
	t, err := worker.NewCompositeTuner(worker.CompositeTunerOptions{
		WorkflowSlotSupplier: intakeSlots{v}, ActivitySlotSupplier: fixed(openDispatches),
		LocalActivitySlotSupplier: fixed(1), NexusSlotSupplier: fixed(1), SessionActivitySlotSupplier: fixed(1),
	})
	if err != nil {
		panic(err) // it only fails for what is missing
	}
	return t
}

// intakeSlots lets a worker take another Intake only while the valve has room for
// it: those that wait in their queue cost the server nothing.
type intakeSlots struct{ valve *draining.Valve }

func (s intakeSlots) ReserveSlot(ctx context.Context, _ worker.SlotReservationInfo) (*worker.SlotPermit, error) {
	if err := s.valve.Room(ctx); err != nil {
		return nil, err
	}
	return &worker.SlotPermit{}, nil
}

func (intakeSlots) TryReserveSlot(worker.SlotReservationInfo) *worker.SlotPermit { return nil }
func (intakeSlots) MarkSlotUsed(worker.SlotMarkUsedInfo)                         {}
func (intakeSlots) ReleaseSlot(worker.SlotReleaseInfo)                           {}
func (intakeSlots) MaxSlots() int                                                { return 0 }
