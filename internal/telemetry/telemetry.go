// Package telemetry is how the programs are watched: a registry of metrics for
// Prometheus, and traces by OpenTelemetry where the environment asks for them.
// Neither holds texts, names or secrets.
package telemetry

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.opentelemetry.io/otel/attribute"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/trace"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/opentelemetry"
	"go.uber.org/zap"

	"github.com/privatereply/privatereply/internal/version"
	"github.com/privatereply/privatereply/workflows"
)

// flushTimeout bounds how long a program that ends waits for its last spans to be
// taken.
const flushTimeout = 3 * time.Second

// Telemetry is that of one program.
type Telemetry struct {
	// Registry is what /metrics shows.
	Registry *prometheus.Registry
	// Tracer starts the spans of the product; nil: nothing is traced.
	Tracer trace.Tracer
	// Metrics is what Temporal's SDK and workflow code count in.
	Metrics client.MetricsHandler

	flush func(context.Context) error
}

// Open prepares what the program counts and traces. Close it at the end.
func Open(ctx context.Context, program string, logger *zap.Logger) (*Telemetry, error) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	registry.MustRegister(buildInfo(version.Get()))
	metrics, err := sdkMetrics(registry, logger)
	if err != nil {
		return nil, err
	}
	t := &Telemetry{
		Registry: registry,
		Metrics:  metrics,
		flush:    func(context.Context) error { return nil },
	}
	provider, err := newTracerProvider(ctx, program, logger)
	if err != nil {
		return nil, err
	}
	if provider != nil {
		t.Tracer, t.flush = provider.Tracer(scope), provider.Shutdown
	}
	return t, nil
}

// buildInfo is the metric that says which build runs. Its value is always 1.
func buildInfo(b version.Build) prometheus.Collector {
	g := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        "privatereply_build_info",
		Help:        "The build that runs, in the labels; the value is 1.",
		ConstLabels: prometheus.Labels{"version": b.Version, "commit": b.Commit, "go": b.Go},
	})
	g.Set(1)
	return g
}

// Apply makes a client, and the workers that use it, count and trace.
func (t *Telemetry) Apply(o *client.Options) error {
	o.MetricsHandler = t.Metrics
	if t.Tracer == nil {
		return nil
	}
	tracing, err := newInterceptor(t.Tracer)
	if err != nil {
		return fmt.Errorf("trace Temporal's SDK: %w", err)
	}
	o.Interceptors = append(o.Interceptors, tracing)
	return nil
}

// Close exports what is left of the traces.
func (t *Telemetry) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
	defer cancel()
	_ = t.flush(ctx) // the error handler has logged it
}

// scope names the product as the source of metrics and spans.
const scope = "github.com/privatereply/privatereply"

// seconds are the buckets of the SDK's times: from a request to the server, some
// milliseconds, to a task that waited for hours for a worker. OpenTelemetry's own
// are made for milliseconds.
var seconds = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 3600}

// sdkMetrics lets Temporal's SDK, and workflow code by its replay-safe handler, count
// in registry.
func sdkMetrics(registry *prometheus.Registry, logger *zap.Logger) (client.MetricsHandler, error) {
	exporter, err := otelprometheus.New(
		otelprometheus.WithRegisterer(registry),
		otelprometheus.WithoutScopeInfo(),
		otelprometheus.WithoutTargetInfo(),
	)
	if err != nil {
		return nil, fmt.Errorf("metrics of Temporal's SDK: %w", err)
	}
	views := []metric.View{metric.NewView(
		metric.Instrument{Kind: metric.InstrumentKindHistogram},
		metric.Stream{Aggregation: metric.AggregationExplicitBucketHistogram{Boundaries: seconds}},
	)}
	for _, m := range workflows.Metrics {
		views = append(views, metric.NewView(metric.Instrument{Name: m.Name}, metric.Stream{
			Description: m.Help,
			// The SDK adds the workflow's type and queue, which are always the same here.
			AttributeFilter: only(m.Labels),
		}))
	}
	provider := metric.NewMeterProvider(metric.WithReader(exporter), metric.WithView(views...))
	return opentelemetry.NewMetricsHandler(opentelemetry.MetricsHandlerOptions{
		Meter:                provider.Meter(scope),
		UseMonotonicCounters: true,
		OnError:              func(err error) { logger.Error("cannot count", zap.Error(err)) },
	}), nil
}

// only keeps the labels of these names.
func only(labels []string) attribute.Filter {
	keys := make([]attribute.Key, len(labels))
	for i, l := range labels {
		keys[i] = attribute.Key(l)
	}
	return attribute.NewAllowKeysFilter(keys...)
}
