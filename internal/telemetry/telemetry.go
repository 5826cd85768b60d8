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
	"go.opentelemetry.io/otel/trace"
	"go.temporal.io/sdk/client"
	"go.uber.org/zap"
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
