package replyworker

import (
	"context"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/privatereply/privatereply/activities/draining"
	"github.com/privatereply/privatereply/internal/visibility"
	"github.com/privatereply/privatereply/workflows"
)

// openBatches counts the Intakes that are not done. A task queue's own statistics
// are five seconds old.
func openBatches(c client.Client) func(context.Context) (int64, error) {
	return func(ctx context.Context) (int64, error) {
		n, err := c.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{
			Query: visibility.And(visibility.Equals(visibility.WorkflowType, workflows.IntakeType), visibility.Running).String(),
		})
		return n.GetCount(), err
	}
}

// waits tells the valve how long new workflows waited for this worker.
type waits struct {
	interceptor.WorkerInterceptorBase
	valve *draining.Valve
}

func (w *waits) InterceptWorkflow(_ workflow.Context, next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	i := &firstTask{valve: w.valve}
	i.Next = next
	return i
}

type firstTask struct {
	interceptor.WorkflowInboundInterceptorBase
	valve *draining.Valve
}

// ExecuteWorkflow compares two times of the server.
func (f *firstTask) ExecuteWorkflow(ctx workflow.Context, in *interceptor.ExecuteWorkflowInput) (any, error) {
	if !workflow.IsReplaying(ctx) {
		f.valve.Waited(workflow.Now(ctx).Sub(workflow.GetInfo(ctx).WorkflowStartTime))
	}
	return f.Next.ExecuteWorkflow(ctx, in)
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
