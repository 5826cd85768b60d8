package workflows

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/privatereply/privatereply"
)

// EventScope is what a reply reports to the address of PRIVATEREPLY_EVENTS_URL. Whoever
// starts a reply decides, and the reply keeps to it.
type EventScope string

// The scopes.
const (
	NoEvents        EventScope = ""      // nothing, and no event more in its history
	EventsOfFacts   EventScope = "facts" // ids, states, reasons, times
	EventsWithTexts EventScope = "texts" // also what people wrote
)

// EventType names what has happened to a reply.
type EventType string

// eventTypes are the events of the states. Nobody hears of a reply that is left alone or on
// its way: sending ends in a state with an event of its own.
var eventTypes = map[privatereply.State]EventType{
	privatereply.AwaitingApproval: "reply.waiting",
	privatereply.Holding:          "reply.held",
	privatereply.Sent:             "reply.sent",
	privatereply.Responded:        "person.answered",
	privatereply.DeliveryUnknown:  "reply.unknown",
	privatereply.WindowClosed:     "reply.window_closed",
	privatereply.NoResponse:       "reply.no_response",
	privatereply.Undeliverable:    "reply.undeliverable",
	privatereply.Rejected:         "reply.rejected",
	privatereply.Withdrawn:        "reply.withdrawn",
	privatereply.Expired:          "reply.expired",
}

// Events of what goes with a reply.
const (
	personTappedEvent      EventType = "person.tapped" // a button or quick reply, the first time
	publicReplyPostedEvent EventType = "public_reply.posted"
	commentHiddenEvent     EventType = "comment.hidden"
)

// EventTypeOf is the event of a reply that comes into state s, or empty.
func EventTypeOf(s privatereply.State) EventType { return eventTypes[s] }

// EventActivities are those of the events. DeliverEvent may be repeated: the receiver knows
// an event by its ID.
type EventActivities interface {
	DeliverEvent(context.Context, Event) (DeliverEventResult, error)
}

// DeliverEventActivity is the name of DeliverEvent in histories.
const DeliverEventActivity = "DeliverEvent"

// EventQueue is where events are delivered: a receiver that does not answer must hold up
// neither sends nor reads.
func EventQueue(queue string) string { return queue + "-events" }

// DeliverEventResult is how a delivery ended, when it did not fail.
type DeliverEventResult struct {
	// Outcome is one of EventDelivered, EventsUnwanted and EventsOff. After the last two the
	// reply reports nothing more.
	Outcome EventOutcome `json:"outcome"`
}

// EventOutcome is how the delivery of an event ended.
type EventOutcome string

// The outcomes.
const (
	EventDelivered   EventOutcome = "delivered"
	EventUndelivered EventOutcome = "undelivered" // given up
	EventsUnwanted   EventOutcome = "unwanted"    // the receiver answered 410 Gone
	EventsOff        EventOutcome = "off"         // the worker has no address any more
)

// EventOutcomes lists every outcome.
var EventOutcomes = []EventOutcome{EventDelivered, EventUndelivered, EventsUnwanted, EventsOff}

// Event is one thing that happened to a reply, as it is reported. The comment, the text and
// the reason of a rejection are missing unless the reply reports texts.
type Event struct {
	ID      string    `json:"id"` // the same for each repeat
	Type    EventType `json:"type"`
	At      time.Time `json:"at"`
	Subject string    `json:"subject"` // the reply's workflow id
	Data    EventData `json:"data"`
}

// EventData are the facts of an event.
type EventData struct {
	Reply      string                `json:"reply"` // its workflow id
	Number     int                   `json:"number"`
	State      privatereply.State    `json:"state"`
	Reason     privatereply.Reason   `json:"reason,omitempty"`
	Platform   privatereply.Platform `json:"platform"`
	Account    string                `json:"account"`
	CommentID  string                `json:"comment_id,omitempty"`
	PostID     string                `json:"post_id,omitempty"`
	ParentID   string                `json:"parent_id,omitempty"`
	MediaID    string                `json:"media_id,omitempty"`
	AdID       string                `json:"ad_id,omitempty"`
	Source     privatereply.Source   `json:"source,omitempty"`
	PersonID   string                `json:"person_id,omitempty"`
	Rule       string                `json:"rule,omitempty"`
	Action     privatereply.Action   `json:"action,omitempty"`
	Approver   string                `json:"approver,omitempty"`
	DecidedAt  time.Time             `json:"decided_at,omitzero"`
	ReceivedAt time.Time             `json:"received_at,omitzero"`
	Deadline   time.Time             `json:"deadline,omitzero"`
	HoldUntil  time.Time             `json:"hold_until,omitzero"`
	Send       *EventSend            `json:"send,omitempty"`
	Window     *WindowStatus         `json:"window,omitempty"`
	EditedAt   time.Time             `json:"edited_at,omitzero"` // the comment
	// PublicCommentID is the id of the public reply, Tapped the payload of what was tapped,
	// and HiddenBy who hid the comment; empty: a rule.
	PublicCommentID string      `json:"public_comment_id,omitempty"`
	Tapped          string      `json:"tapped,omitempty"`
	HiddenBy        string      `json:"hidden_by,omitempty"`
	Texts           *EventTexts `json:"texts,omitempty"`
}

// EventSend is what is known of the send.
type EventSend struct {
	Attempts    int       `json:"attempts"`
	SentAt      time.Time `json:"sent_at,omitzero"`
	MessageID   string    `json:"message_id,omitempty"`
	RecipientID string    `json:"recipient_id,omitempty"`
	Code        int       `json:"code,omitempty"`
	Subcode     int       `json:"subcode,omitempty"`
	TraceID     string    `json:"trace_id,omitempty"`
}

// EventTexts is what people wrote.
type EventTexts struct {
	Username     string `json:"username,omitempty"`
	Comment      string `json:"comment,omitempty"`
	Text         string `json:"text,omitempty"` // what is proposed, or was sent
	RejectReason string `json:"reject_reason,omitempty"`
	PublicText   string `json:"public_text,omitempty"`  // what was posted
	TappedTitle  string `json:"tapped_title,omitempty"` // what the person read on it
}

const (
	// deliverTimeout is how long one try to deliver an event may take. The HTTP call in it
	// takes at most HTTPTimeout.
	deliverTimeout = SendTimeout
	// deliverWithin is how long after it happened an event is tried, with pauses that grow to
	// deliverPause. A reply that has ended completes when its events have: three days later at
	// the latest.
	deliverWithin = 3 * 24 * time.Hour
	deliverPause  = time.Hour
	// deliverAtLeast is how long an event is tried that had to wait behind others.
	deliverAtLeast = time.Minute
)

// eventReports reports what happens to a reply, one event after the other.
type eventReports struct {
	scope   EventScope
	number  int // of the newest event
	waiting []Event
	started bool
	under   bool // an event is under way
	stopped bool
	held    bool // until it is known whether the reply goes on at all
}

// idle reports whether nothing is left to deliver.
func (e *eventReports) idle() bool { return e.stopped || len(e.waiting) == 0 && !e.under }

// report reports the state that the reply has come into, if it reports anything. It does
// not wait for the delivery.
func (r *reply) report() {
	r.reportAs(EventTypeOf(r.state), r.now(), nil)
}

// reportEffect reports that something beside the reply has happened.
func (r *reply) reportEffect(kind EventType, at time.Time) {
	r.reportAs(kind, at, func(d *EventData) {
		switch kind {
		case publicReplyPostedEvent:
			d.PublicCommentID = r.effects.publicReply.CommentID
			if d.Texts != nil {
				d.Texts.PublicText = r.effects.publicReply.Text
			}
		case commentHiddenEvent:
			d.HiddenBy = r.effects.hide.By
		}
	})
}

// reportTap reports the first tap on something in the message.
func (r *reply) reportTap(t TapStatus) {
	r.reportAs(personTappedEvent, t.At, func(d *EventData) {
		d.Tapped = t.Payload
		if d.Texts != nil {
			d.Texts.TappedTitle = t.Title
		}
	})
}

// reportAs reports an event of a kind, with what add adds to its facts.
func (r *reply) reportAs(kind EventType, at time.Time, add func(*EventData)) {
	e := &r.events
	if e.scope == NoEvents || e.stopped || kind == "" {
		return
	}
	e.number++
	info := workflow.GetInfo(r.ctx).WorkflowExecution
	data := r.eventData(info.ID, e.number)
	if add != nil {
		add(&data)
	}
	e.waiting = append(e.waiting, Event{
		ID:      fmt.Sprintf("%s/%d", info.RunID, e.number),
		Type:    kind,
		At:      at,
		Subject: info.ID,
		Data:    data,
	})
	if !e.started {
		e.started = true
		workflow.Go(r.ctx, r.deliverEvents)
	}
}

// deliverEvents delivers the events in their order: each is tried until it is delivered or
// given up, and then the next.
func (r *reply) deliverEvents(ctx workflow.Context) {
	e := &r.events
	for !e.stopped {
		if err := workflow.Await(ctx, func() bool { return len(e.waiting) > 0 && !e.held }); err != nil {
			return
		}
		event := e.waiting[0]
		e.waiting, e.under = e.waiting[1:], true
		outcome := r.deliver(ctx, event)
		e.under = false
		eventsMetric.count(ctx, string(event.Type), string(outcome))
		e.stopped = outcome == EventsUnwanted || outcome == EventsOff
	}
}

func (r *reply) deliver(ctx workflow.Context, event Event) EventOutcome {
	result, err := execute(ctx, workflow.ActivityOptions{
		TaskQueue:              EventQueue(workflow.GetInfo(ctx).TaskQueueName),
		StartToCloseTimeout:    deliverTimeout,
		ScheduleToCloseTimeout: max(deliverAtLeast, event.At.Add(deliverWithin).Sub(r.now())),
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: 2 * time.Second, BackoffCoefficient: 2, MaximumInterval: deliverPause},
		Summary:                "Report " + string(event.Type),
	}, EventActivities.DeliverEvent, event).result(ctx)
	if err != nil {
		r.log.Warn("an event was not delivered", "event", event.ID, "type", event.Type, "error", err)
		return EventUndelivered
	}
	return result.Outcome
}

func (r *reply) eventData(id string, number int) EventData {
	c := r.in.Comment
	d := EventData{
		Reply: id, Number: number, State: r.state, Reason: r.reason,
		Platform: c.Platform, Account: c.Account, CommentID: c.CommentID, PostID: c.PostID, ParentID: c.ParentID,
		MediaID: c.MediaID, AdID: c.AdID, Source: c.Source, PersonID: c.PersonID,
		Rule: r.in.Decision.Rule, Action: r.in.Decision.Action, Approver: r.approver, DecidedAt: r.decidedAt,
		ReceivedAt: c.ReceivedAt, Deadline: r.deadline.At, EditedAt: c.EditedAt,
	}
	if r.state == privatereply.Holding {
		d.HoldUntil = r.holdUntil
	}
	if s := r.send; s.Attempts > 0 {
		d.Send = &EventSend{
			Attempts: s.Attempts, SentAt: s.SentAt, MessageID: s.MessageID, RecipientID: s.RecipientID,
			Code: s.Code, Subcode: s.Subcode, TraceID: s.TraceID,
		}
	}
	d.Window = r.status().Window
	if r.events.scope == EventsWithTexts {
		d.Texts = &EventTexts{Username: c.Username, Comment: c.Text, Text: r.message.Text, RejectReason: r.rejectReason}
	}
	return d
}
