package workflows

import (
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/workflow"

	"github.com/privatereply/privatereply"
)

// Metric is a counter of the workflows. They count by the SDK's handler, which counts
// nothing while a workflow is replayed, and leaves no trace in its history.
type Metric struct {
	Name   string // exported with _total behind it
	Help   string
	Labels []string
}

// Metrics are all of them.
var Metrics = []Metric{repliesMetric, ambiguousMetric, eventsMetric, tapsMetric, publicRepliesMetric, hidesMetric}

var (
	repliesMetric = Metric{
		Name:   "privatereply_worker_replies",
		Help:   "Replies that came into a state, with the reason.",
		Labels: []string{"state", "reason"},
	}
	ambiguousMetric = Metric{
		Name:   "privatereply_worker_ambiguous_sends",
		Help:   "Attempts after which nobody knew whether Meta had delivered the reply.",
		Labels: []string{"reason"},
	}
	eventsMetric = Metric{
		Name:   "privatereply_worker_events_reported",
		Help:   "Events of replies for PRIVATEREPLY_EVENTS_URL, by how their delivery ended.",
		Labels: []string{"type", "outcome"},
	}
	tapsMetric = Metric{
		Name:   "privatereply_worker_taps",
		Help:   "Buttons and quick replies that people tapped for the first time, and the texts that this sent, by how their send ended.",
		Labels: []string{"state"},
	}
	publicRepliesMetric = Metric{
		Name:   "privatereply_worker_public_replies",
		Help:   "Public replies beside private ones, by how they ended.",
		Labels: []string{"state", "reason"},
	}
	hidesMetric = Metric{
		Name:   "privatereply_worker_hides",
		Help:   "Comments that were hidden or shown again, by rules and by hand, by how that ended.",
		Labels: []string{"state"},
	}
)

// count adds one. The values are those of the labels, in their order, and come from
// closed lists.
func (m Metric) count(ctx workflow.Context, values ...string) {
	m.add(workflow.GetMetricsHandler(ctx), 1, values)
}

func (m Metric) add(h client.MetricsHandler, n int64, values []string) {
	tags := map[string]string{}
	for i, label := range m.Labels {
		tags[label] = values[i]
	}
	h.WithTags(tags).Counter(m.Name).Inc(n)
}

// InitMetrics starts the series that alerts read at zero. A series that starts with its
// first event does not show that event as an increase.
func InitMetrics(h client.MetricsHandler) {
	for _, s := range privatereply.States {
		repliesMetric.add(h, 0, []string{string(s), ""})
	}
	for _, r := range []privatereply.Reason{
		privatereply.PastDeadline, privatereply.NobodyDecided, privatereply.DecidedTooLate, privatereply.HoldPastDeadline,
		privatereply.DeadlineWhileHolding, privatereply.DeadlineWhileSending, privatereply.BroadcastEnded,
	} {
		repliesMetric.add(h, 0, []string{string(privatereply.Expired), string(r)})
	}
	for _, r := range []privatereply.Reason{privatereply.NoAnswer, privatereply.AnsweredWithError, privatereply.WorkerLost} {
		ambiguousMetric.add(h, 0, []string{string(r)})
	}
	for _, r := range []privatereply.Reason{privatereply.NoAnswer, privatereply.AnsweredWithError, privatereply.WorkerLost, privatereply.WorkflowReset} {
		publicRepliesMetric.add(h, 0, []string{string(EffectUnknown), string(r)})
	}
	hidesMetric.add(h, 0, []string{string(EffectRefused)})
	for _, o := range []privatereply.Outcome{privatereply.OutcomeRefused, privatereply.OutcomeUnknown} {
		tapsMetric.add(h, 0, []string{string(o)})
	}
	for _, t := range eventTypes {
		eventsMetric.add(h, 0, []string{string(t), string(EventUndelivered)})
	}
}
