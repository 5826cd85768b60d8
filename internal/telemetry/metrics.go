package telemetry

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/opentelemetry"
	"go.uber.org/zap"

	"github.com/privatereply/privatereply/workflows"
)

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
