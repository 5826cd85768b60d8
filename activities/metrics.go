package activities

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/internal/routing"
	"github.com/privatereply/privatereply/workflows"
)

// Metrics are the counters of the activities of one process.
type Metrics struct {
	sends          *prometheus.CounterVec
	margin         *prometheus.HistogramVec
	lateRetries    *prometheus.CounterVec
	events         *prometheus.CounterVec
	missedWebhooks *prometheus.CounterVec
	deliveries     *prometheus.CounterVec

	mu         sync.Mutex
	lastSweeps map[accountKey]time.Time
}

type accountKey struct {
	platform privatereply.Platform
	id       string
}

// Kinds of sends.
const (
	kindReply       = "private_reply"
	kindFollowUp    = "follow_up"
	kindTapAnswer   = "tap_answer"
	kindPublicReply = "public_reply"
	kindHide        = "hide"
)

// NewMetrics registers the metrics; nil registers them nowhere.
func NewMetrics(r prometheus.Registerer) *Metrics {
	auto := promauto.With(r)
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		return auto.NewCounterVec(prometheus.CounterOpts{Namespace: "privatereply", Subsystem: "worker", Name: name, Help: help}, labels)
	}
	m := &Metrics{
		sends: counters("sends_total", "Attempts to send, by how they ended and why.", "kind", "outcome", "reason"),
		margin: auto.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "privatereply", Subsystem: "worker", Name: "send_margin_seconds",
			Help:    "Time left until the deadline when a private reply is handed to Meta.",
			Buckets: []float64{1, 10, 60, 300, 900, 3600, 4 * 3600, 12 * 3600, 86400, 2 * 86400, 4 * 86400, 7 * 86400},
		}, []string{"limit"}),
		lateRetries:    counters("tries_after_deadline_total", "Times that the next try of a reply was put after its deadline: unless others are stopped it expires.", "limit"),
		events:         counters("events_total", "Events of batches by effect.", "effect", "reason"),
		missedWebhooks: counters("webhooks_missed_total", "Replies that sweeps had to start, because no webhook of the comment had come.", "platform"),
		deliveries:     counters("event_deliveries_total", "Tries to deliver an event of a reply to PRIVATEREPLY_EVENTS_URL.", "outcome"),
		lastSweeps:     map[accountKey]time.Time{},
	}
	m.deliveries.WithLabelValues(eventTaken)
	m.deliveries.WithLabelValues(eventRefused)
	// A series must exist at zero: only then does an increase show its first event.
	m.sends.WithLabelValues(kindReply, string(privatereply.OutcomeSent), "")
	for _, r := range []privatereply.Reason{
		privatereply.TokenRejected, privatereply.NotPermitted, privatereply.AccountBlocked, privatereply.AppMisconfigured, privatereply.AccountUnknown,
	} {
		m.sends.WithLabelValues(kindReply, string(privatereply.OutcomeNotSent), string(r))
	}
	for _, limit := range []string{PostsLimit, LiveLimit} {
		m.margin.WithLabelValues(limit)
		m.lateRetries.WithLabelValues(limit)
	}
	for _, name := range []string{routing.Started, routing.Duplicate, routing.Signalled} {
		m.events.WithLabelValues(name, "")
	}
	for _, p := range privatereply.Platforms {
		m.missedWebhooks.WithLabelValues(string(p))
	}
	return m
}

// Labels of Meta's two limits for private replies.
const (
	PostsLimit = "posts"
	LiveLimit  = "live"
)

func limitLabel(live bool) string {
	if live {
		return LiveLimit
	}
	return PostsLimit
}

func (m *Metrics) countSend(kind string, r privatereply.SendResult) {
	m.sends.WithLabelValues(kind, string(r.Outcome), string(r.Reason)).Inc()
}

// countReply counts an attempt to send a private reply.
func (m *Metrics) countReply(in workflows.SendPrivateReplyInput, r privatereply.SendResult) {
	m.countSend(kindReply, r)
	if r.Outcome == privatereply.OutcomeNotSent && r.Reason != privatereply.DeadlineWhileSending && !r.RetryAt.Before(in.Deadline) {
		m.lateRetries.WithLabelValues(limitLabel(in.Comment.OnLive())).Inc()
	}
}

// observeMargin observes the time left until the deadline of a reply that is sent now.
func (m *Metrics) observeMargin(in workflows.SendPrivateReplyInput, now time.Time) {
	m.margin.WithLabelValues(limitLabel(in.Comment.OnLive())).Observe(in.Deadline.Sub(now).Seconds())
}

// How a try to deliver an event ends.
const (
	eventTaken   = "delivered"
	eventRefused = "failed"
)

func (m *Metrics) countDelivery(ok bool) {
	outcome := eventTaken
	if !ok {
		outcome = eventRefused
	}
	m.deliveries.WithLabelValues(outcome).Inc()
}

func (m *Metrics) countEvent(e routing.Result) { m.events.WithLabelValues(e.Effect, e.Reason).Inc() }

func (m *Metrics) recordSweep(p privatereply.Platform, id string, at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lastSweeps[accountKey{p, id}] = at
}

// LastSweepAt is when this process last finished a sweep of an account; zero if it never did.
func (m *Metrics) LastSweepAt(p privatereply.Platform, id string) time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.lastSweeps[accountKey{p, id}]
}
