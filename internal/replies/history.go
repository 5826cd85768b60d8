package replies

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	updatepb "go.temporal.io/api/update/v1"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/workflows"
)

// maxEvents limits the events that are read of a history. A reply has some dozens; a long
// conversation has thousands, and continues in a new run.
const maxEvents = 5000

// readHistory reads the events of a workflow's newest run, from its beginning.
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

// Follow calls changed at each event of a workflow, until the workflow has ended or ctx is
// done. It waits in the server and needs no worker.
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

// followOverlap is the age up to which an event before the call is reported: the page that
// is followed was made a moment earlier.
const followOverlap = 2 * time.Second

// messageEvent is an Update or Signal that a workflow accepted.
type messageEvent struct {
	Name     string
	At       time.Time
	Signal   bool
	Done     bool // an Update that has its result
	payloads *commonpb.Payloads
	answer   *updatepb.Outcome
}

// message decodes the payload of the Update or Signal.
func (d *messageEvent) message(c *Client, to any) error { return decodeFirst(c, d.payloads, to) }

// refused reports whether an accepted Update failed, because a Signal came just before it.
func (d *messageEvent) refused() bool { return d.answer.GetFailure() != nil }

// result decodes the result of the Update.
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

// historyReader collects the messages and activities of a history, in their order.
type historyReader struct {
	messages   []*messageEvent
	activities []*activityEvent
	byEvent    map[int64]any
}

func (c *Client) readEvents(ctx context.Context, id string) (*historyReader, error) {
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
		r.endActivity(e.GetActivityTaskFailedEventAttributes().GetScheduledEventId(), at, nil, "It failed before it could say how it ended.")
	case enumspb.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT:
		a := e.GetActivityTaskTimedOutEventAttributes()
		problem := "The worker did not say how it ended."
		if a.GetFailure().GetTimeoutFailureInfo().GetTimeoutType() == enumspb.TIMEOUT_TYPE_SCHEDULE_TO_START {
			problem = "No worker took it in time."
		}
		r.endActivity(a.GetScheduledEventId(), at, nil, problem)
	case enumspb.EVENT_TYPE_ACTIVITY_TASK_CANCELED:
		r.endActivity(e.GetActivityTaskCanceledEventAttributes().GetScheduledEventId(), at, nil, "It was called off.")
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

// History has the events of a reply that its status does not have.
type History struct {
	Attempts []Attempt
	Searches []Search
	Messages []MessageEvent
}

// Attempt is one try to send. Result is nil while it runs, and if it never reported a
// result: then Problem says why.
type Attempt struct {
	Number  int
	At      time.Time
	EndedAt time.Time
	Result  *privatereply.SendResult
	Problem string
}

// Search is one search of the person's conversation for an unconfirmed reply.
type Search struct {
	At        time.Time
	Done      bool
	MessageID string // empty: it was not found
	Problem   string
}

// MessageEvent is an Update or Signal that the reply accepted. A refused Update is not in
// the history.
type MessageEvent struct {
	Name      string // of the Update or Signal
	At        time.Time
	Signal    bool
	By        string
	Text      string
	Reason    string
	To        string // of an assignment
	Note      string // of a proposal
	Delivered *bool

	Buttons      []privatereply.Button // of an approval or a proposal; nil: as they were
	QuickReplies []privatereply.QuickReply
	PublicText   *string
	Hide         bool   // of a rejection
	Payload      string // of a tap
}

// History reads the history of a reply. It needs no worker.
func (c *Client) History(ctx context.Context, id string) (History, error) {
	var h History
	r, err := c.readEvents(ctx, id)
	if err != nil {
		return h, err
	}
	for _, a := range r.activities {
		switch a.name {
		case workflows.SendPrivateReplyActivity:
			h.Attempts = append(h.Attempts, c.attempt(a))
		case workflows.FindMessageActivity:
			search := Search{At: a.scheduled, Done: !a.ended.IsZero(), Problem: a.problem}
			var found workflows.FindMessageResult
			if decodeFirst(c, a.result, &found) == nil {
				search.MessageID = found.MessageID
			}
			h.Searches = append(h.Searches, search)
		}
	}
	for _, m := range r.messages {
		if !m.refused() {
			h.Messages = append(h.Messages, c.decodeMessage(m))
		}
	}
	return h, nil
}

func (c *Client) attempt(a *activityEvent) Attempt {
	at := Attempt{At: a.scheduled, EndedAt: a.ended, Problem: a.problem}
	var asked workflows.SendPrivateReplyInput
	if decodeFirst(c, a.input, &asked) == nil {
		at.Number = asked.Attempt
	}
	var result privatereply.SendResult
	if decodeFirst(c, a.result, &result) == nil {
		at.Result = &result
	}
	return at
}

// decodeMessage decodes a message leniently: unknown fields of an outside tool are ignored,
// and what does not decode has its name only.
func (c *Client) decodeMessage(d *messageEvent) MessageEvent {
	var m struct {
		Approver  string    `json:"approver"`
		By        string    `json:"by"`
		To        string    `json:"to"`
		Note      string    `json:"note"`
		Text      string    `json:"text"`
		Reason    string    `json:"reason"`
		Delivered *bool     `json:"delivered"`
		At        time.Time `json:"at"`

		Buttons      []privatereply.Button     `json:"buttons"`
		QuickReplies []privatereply.QuickReply `json:"quick_replies"`
		PublicText   *string                   `json:"public_text"`
		Hide         bool                      `json:"hide"`
		Payload      string                    `json:"payload"`
	}
	s := MessageEvent{Name: d.Name, At: d.At, Signal: d.Signal}
	if d.message(c, &m) == nil {
		s.By, s.Text, s.Reason, s.Delivered = cmp.Or(m.Approver, m.By), m.Text, m.Reason, m.Delivered
		s.To, s.Note = m.To, m.Note
		s.Buttons, s.QuickReplies, s.PublicText = m.Buttons, m.QuickReplies, m.PublicText
		s.Hide, s.Payload = m.Hide, m.Payload
	}
	return s
}
