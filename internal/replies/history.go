package replies

import (
	"context"
	"errors"
	"fmt"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	updatepb "go.temporal.io/api/update/v1"
)

// maxEvents is how much of a history is read. A reply has some dozens of events; a
// long chat has thousands, and goes on in a new run.
const maxEvents = 5000

// readHistory reads the history of a workflow's newest run, from its beginning.
func (c *Client) readHistory(ctx context.Context, id string, visit func(*historypb.HistoryEvent)) error {
	events := c.temporal.GetWorkflowHistory(ctx, id, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for n := 0; n < maxEvents && events.HasNext(); n++ {
		e, err := events.Next()
		if isNotFound(err) {
			return c.errNotFound(id)
		}
		if err != nil {
			return fmt.Errorf("read the history of %s: %w", id, err)
		}
		visit(e)
	}
	return nil
}

// Follow calls changed whenever something happens to a workflow, until it has ended
// or ctx is done. It waits in the server and asks nothing of workers.
func (c *Client) Follow(ctx context.Context, id string, changed func()) error {
	events := c.temporal.GetWorkflowHistory(ctx, id, "", true, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	began := c.now()
	for events.HasNext() {
		e, err := events.Next()
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		case e.GetEventTime().AsTime().After(began.Add(-followOverlap)):
			changed()
		}
	}
	return nil
}

// followOverlap is how long before the call an event may have happened to count as
// news: the page that is followed was made a moment earlier.
const followOverlap = 2 * time.Second

// messageEvent is an Update or Signal that a workflow took.
type messageEvent struct {
	Name     string
	At       time.Time
	Signal   bool
	Done     bool // an Update that has its answer
	payloads *commonpb.Payloads
	answer   *updatepb.Outcome
}

// message decodes what was asked.
func (d *messageEvent) message(c *Client, to any) error { return decodeFirst(c, d.payloads, to) }

// refused reports whether a signal that came just before changed the answer.
func (d *messageEvent) refused() bool { return d.answer.GetFailure() != nil }

// result decodes what was answered.
func (d *messageEvent) result(c *Client, to any) error {
	return decodeFirst(c, d.answer.GetSuccess(), to)
}

// activityEvent is one activity in a history.
type activityEvent struct {
	name      string
	scheduled time.Time
	ended     time.Time
	input     *commonpb.Payloads
	result    *commonpb.Payloads
	problem   string // why there is no result
}

// historyReader collects deeds and activities from a history, in their order.
type historyReader struct {
	messages   []*messageEvent
	activities []*activityEvent
	byEvent    map[int64]any
}

func (c *Client) history(ctx context.Context, id string) (*historyReader, error) {
	r := &historyReader{byEvent: map[int64]any{}}
	return r, c.readHistory(ctx, id, r.add)
}

func (r *historyReader) add(e *historypb.HistoryEvent) {
	at := e.GetEventTime().AsTime()
	switch e.GetEventType() {
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:
		in := e.GetWorkflowExecutionUpdateAcceptedEventAttributes().GetAcceptedRequest().GetInput()
		d := &messageEvent{Name: in.GetName(), At: at, payloads: in.GetArgs()}
		r.messages, r.byEvent[e.GetEventId()] = append(r.messages, d), d
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED:
		a := e.GetWorkflowExecutionUpdateCompletedEventAttributes()
		if d, ok := r.byEvent[a.GetAcceptedEventId()].(*messageEvent); ok {
			d.Done, d.answer = true, a.GetOutcome()
		}
	case enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
		a := e.GetWorkflowExecutionSignaledEventAttributes()
		r.messages = append(r.messages, &messageEvent{Name: a.GetSignalName(), At: at, Signal: true, payloads: a.GetInput()})
	case enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
		a := e.GetActivityTaskScheduledEventAttributes()
		act := &activityEvent{name: a.GetActivityType().GetName(), scheduled: at, input: a.GetInput()}
		r.activities, r.byEvent[e.GetEventId()] = append(r.activities, act), act
	case enumspb.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
		a := e.GetActivityTaskCompletedEventAttributes()
		r.endActivity(a.GetScheduledEventId(), at, a.GetResult(), "")
	case enumspb.EVENT_TYPE_ACTIVITY_TASK_FAILED:
		r.endActivity(e.GetActivityTaskFailedEventAttributes().GetScheduledEventId(), at, nil, "it failed before it could say how it ended")
	case enumspb.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT:
		a := e.GetActivityTaskTimedOutEventAttributes()
		problem := "the worker did not say how it ended"
		if a.GetFailure().GetTimeoutFailureInfo().GetTimeoutType() == enumspb.TIMEOUT_TYPE_SCHEDULE_TO_START {
			problem = "no worker took it in time"
		}
		r.endActivity(a.GetScheduledEventId(), at, nil, problem)
	case enumspb.EVENT_TYPE_ACTIVITY_TASK_CANCELED:
		r.endActivity(e.GetActivityTaskCanceledEventAttributes().GetScheduledEventId(), at, nil, "it was called off")
	}
}

func (r *historyReader) endActivity(scheduled int64, at time.Time, result *commonpb.Payloads, problem string) {
	if a, ok := r.byEvent[scheduled].(*activityEvent); ok {
		a.ended, a.result, a.problem = at, result, problem
	}
}

var errNothing = errors.New("there is nothing to decode")

// decodeFirst decodes the first of some payloads.
func decodeFirst(c *Client, p *commonpb.Payloads, to any) error {
	if len(p.GetPayloads()) == 0 {
		return errNothing
	}
	return c.data.FromPayload(p.GetPayloads()[0], to)
}
