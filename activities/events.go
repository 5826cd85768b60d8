package activities

import (
	"context"
	"errors"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"

	"github.com/privatereply/privatereply/internal/events"
	"github.com/privatereply/privatereply/workflows"
)

// EventSender posts one event; *events.Sender in production.
type EventSender interface {
	Send(ctx context.Context, e workflows.Event) error
}

// EventDeliverer delivers the events of replies.
type EventDeliverer struct {
	sender  EventSender // nil: there is no address
	texts   bool
	metrics *Metrics
}

var _ workflows.EventActivities = (*EventDeliverer)(nil)

// NewEventDeliverer returns a deliverer to sender; nil: what replies report is dropped.
// Without texts it takes them out of the events of replies that began with them.
func NewEventDeliverer(sender EventSender, texts bool) *EventDeliverer {
	return &EventDeliverer{sender: sender, texts: texts, metrics: NewMetrics(nil)}
}

// WithMetrics makes the deliverer count in m.
func (d *EventDeliverer) WithMetrics(m *Metrics) *EventDeliverer {
	d.metrics = m
	return d
}

// Register registers the activity.
func (d *EventDeliverer) Register(r worker.ActivityRegistry) {
	register(r, workflows.DeliverEventActivity, d.DeliverEvent)
}

// DeliverEvent posts an event once. Temporal repeats it with growing pauses after an error.
func (d *EventDeliverer) DeliverEvent(ctx context.Context, e workflows.Event) (workflows.DeliverEventResult, error) {
	if d.sender == nil {
		return workflows.DeliverEventResult{Outcome: workflows.EventsOff}, nil
	}
	if !d.texts {
		e.Data.Texts = nil
	}
	err := d.sender.Send(ctx, e)
	var busy *events.RetryError
	switch {
	case err == nil:
		d.metrics.countDelivery(true)
		return workflows.DeliverEventResult{Outcome: workflows.EventDelivered}, nil
	case errors.Is(err, events.ErrGone):
		return workflows.DeliverEventResult{Outcome: workflows.EventsUnwanted}, nil
	}
	d.metrics.countDelivery(false)
	options := temporal.ApplicationErrorOptions{}
	if errors.As(err, &busy) {
		options.NextRetryDelay = busy.After
	}
	return workflows.DeliverEventResult{}, temporal.NewApplicationErrorWithOptions(err.Error(), "NotDelivered", options)
}
