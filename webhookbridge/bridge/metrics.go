package bridge

import (
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"github.com/privatereply/privatereply/internal/routing"
	"github.com/privatereply/privatereply/webhookbridge/decode"
)

// metrics are the bridge's counters. Every event of an acknowledged delivery is counted
// once as received and once by its effect, so that the two sums are equal. The events of
// a delivery that is sent back have a counter of their own: Meta delivers them again.
type metrics struct {
	deliveries *prometheus.CounterVec
	seconds    prometheus.Histogram
	bytes      prometheus.Counter
	unreadable prometheus.Counter
	received   prometheus.Counter
	events     *prometheus.CounterVec
	sentBack   prometheus.Counter
	tooSlow    prometheus.Counter
	failures   *prometheus.CounterVec
	callbacks  *prometheus.CounterVec
}

func newMetrics(registry *prometheus.Registry, waiting func() int) (*metrics, error) {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "privatereply", Subsystem: "bridge", Name: name, Help: help})
	}
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "privatereply", Subsystem: "bridge", Name: name, Help: help}, labels)
	}
	m := &metrics{
		deliveries: counters("deliveries_total", "Webhook deliveries by the status of their answer.", "status"),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: "privatereply", Subsystem: "bridge", Name: "acknowledgement_seconds",
			Help:    "Time from a request's header to its answer 200. Meta waits 5 seconds.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2, 3, 5, 10},
		}),
		bytes:      counter("body_bytes_total", "Bytes of the bodies that were read."),
		unreadable: counter("unreadable_total", "Signed deliveries that are not a JSON object."),
		received:   counter("events_received_total", "Events of acknowledged deliveries: the sum of events_total."),
		events:     counters("events_total", "Events of acknowledged deliveries by what became of them.", "effect", "reason"),
		sentBack:   counter("events_sent_back_total", "Events of deliveries answered 503. Meta delivers them again."),
		tooSlow:    counter("rules_too_slow_total", "Comments that the rules had no time for: people decide them."),
		failures:   counters("commit_failures_total", "Deliveries answered 503 by the failure class of the commit.", "class"),
		callbacks:  counters("callbacks_total", "Meta's requests of people who leave, by the status of their answer.", "kind", "status"),
	}
	depth := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: "privatereply", Subsystem: "bridge", Name: "events_waiting",
		Help: "Events that wait to be committed to Temporal.",
	}, func() float64 { return float64(waiting()) })
	for _, c := range []prometheus.Collector{depth, m.deliveries, m.seconds, m.bytes, m.unreadable, m.received, m.events, m.sentBack, m.tooSlow, m.failures, m.callbacks} {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	// A series that begins at zero shows its first event.
	for _, status := range []int{
		http.StatusOK, http.StatusBadRequest, http.StatusForbidden, http.StatusRequestTimeout,
		http.StatusRequestEntityTooLarge, http.StatusServiceUnavailable,
	} {
		m.deliveries.WithLabelValues(strconv.Itoa(status))
	}
	for _, name := range []string{routing.Started, routing.Duplicate, routing.Signalled, batched} {
		m.events.WithLabelValues(name, "")
	}
	for _, why := range decode.IgnoreReasons {
		m.events.WithLabelValues(routing.Ignored, why)
	}
	for _, class := range failureClasses {
		m.failures.WithLabelValues(class)
	}
	return m, nil
}

func (m *metrics) countDelivery(status int, took time.Duration) {
	m.deliveries.WithLabelValues(strconv.Itoa(status)).Inc()
	if status == http.StatusOK {
		m.seconds.Observe(took.Seconds())
	}
}

func (m *metrics) countCallback(kind string, status int) {
	m.callbacks.WithLabelValues(kind, strconv.Itoa(status)).Inc()
}

func (m *metrics) countAcknowledged(results []routing.Result) {
	m.received.Add(float64(len(results)))
	for _, e := range results {
		m.events.WithLabelValues(e.Effect, e.Reason).Inc()
	}
}

// logInterval is the least time between two logs of one kind.
const logInterval = time.Minute

// logSampler logs what may happen with every request: each kind at most once a minute,
// with the number of times since it was last logged.
type logSampler struct {
	mu    sync.Mutex
	kinds map[string]*sampledLog
}

type sampledLog struct {
	due   rate.Sometimes
	times atomic.Int64 // since it was last logged
}

func newLogSampler() *logSampler { return &logSampler{kinds: map[string]*sampledLog{}} }

func (s *logSampler) warn(l *zap.Logger, kind, msg string, fields ...zap.Field) {
	k := s.kind(kind)
	k.times.Add(1)
	k.due.Do(func() { l.Warn(msg, append(fields, zap.Int64("times", k.times.Swap(0)))...) })
}

func (s *logSampler) kind(name string) *sampledLog {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.kinds[name]
	if k == nil {
		k = &sampledLog{due: rate.Sometimes{Interval: logInterval}}
		s.kinds[name] = k
	}
	return k
}
