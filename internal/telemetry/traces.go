package telemetry

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.temporal.io/sdk/contrib/opentelemetry"
	"go.temporal.io/sdk/interceptor"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// newTracerProvider exports the program's spans as OpenTelemetry's own variables say
// (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/),
// or nil: without an endpoint nothing is traced. Sampler, headers, certificates and
// time-outs are read by OpenTelemetry's SDK.
func newTracerProvider(ctx context.Context, program string, logger *zap.Logger) (*sdktrace.TracerProvider, error) {
	wanted, err := tracesEnabled()
	if err != nil || !wanted {
		return nil, err
	}
	// The SDK reports a collector that is gone every few seconds, and variables that it
	// cannot read. One line a minute is enough.
	seldom := logger.WithOptions(zap.WrapCore(func(c zapcore.Core) zapcore.Core {
		return zapcore.NewSamplerWithOptions(c, time.Minute, 1, 0)
	}))
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { seldom.Warn("traces", zap.Error(err)) }))
	exporter, err := newExporter(ctx)
	if err != nil {
		return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_*: %w", err)
	}
	described, err := resource.New(ctx,
		resource.WithAttributes(attribute.String("service.name", "privatereply-"+program)),
		resource.WithHost(), resource.WithTelemetrySDK(),
		resource.WithFromEnv(), // OTEL_SERVICE_NAME goes before ours
	)
	if err != nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	return sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(described)), nil
}

// tracesEnabled reports whether the variables name a collector. It refuses settings that
// the SDK would only warn about before it exports to nowhere.
func tracesEnabled() (bool, error) {
	name, endpoint := firstSet("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
	if endpoint == "" || os.Getenv("OTEL_SDK_DISABLED") == "true" {
		return false, nil
	}
	switch e := os.Getenv("OTEL_TRACES_EXPORTER"); e {
	case "none":
		return false, nil
	case "", "otlp":
	default:
		return false, fmt.Errorf("OTEL_TRACES_EXPORTER: %q is not supported; write otlp or none", e)
	}
	if u, err := url.Parse(endpoint); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		// Its value may hold a password.
		return false, fmt.Errorf("%s is not a URL; write one such as http://127.0.0.1:4318", name)
	}
	if name, p := protocol(); p != overGRPC && p != overHTTP {
		return false, fmt.Errorf("%s: %q is not supported; write %s or %s", name, p, overHTTP, overGRPC)
	}
	return true, nil
}

// The protocols of OTLP.
const (
	overHTTP = "http/protobuf"
	overGRPC = "grpc"
)

func protocol() (name, value string) {
	if name, value = firstSet("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"); value == "" {
		value = overHTTP
	}
	return name, value
}

func newExporter(ctx context.Context) (sdktrace.SpanExporter, error) {
	if _, p := protocol(); p == overGRPC {
		return otlptracegrpc.New(ctx)
	}
	return otlptracehttp.New(ctx)
}

// firstSet returns the first of the variables that is set.
func firstSet(names ...string) (name, value string) {
	for _, name = range names {
		if value = os.Getenv(name); value != "" {
			break
		}
	}
	return name, value
}

// newInterceptor traces starts, signals and activities. Updates and queries are left
// out: what is refused in one is told in words, with the name of who decided.
func newInterceptor(tracer trace.Tracer) (interceptor.Interceptor, error) {
	return opentelemetry.NewTracingInterceptor(opentelemetry.TracerOptions{
		Tracer:               tracer,
		DisableQueryTracing:  true,
		DisableUpdateTracing: true,
		DisableBaggage:       true,
		// What another program put into the header must not stop a reply.
		AllowInvalidParentSpans: true,
		TextMapPropagator:       propagation.TraceContext{},
		SpanStarter:             startSpan,
	})
}

// startSpan makes no span for the life of a workflow that somebody's span started:
// it would be exported only weeks later, and once more each time that the workflow
// is replayed, and until then its activities would have no parent. They belong to
// the span of the start instead.
func startSpan(ctx context.Context, tracer trace.Tracer, name string, opts ...trace.SpanStartOption) trace.Span {
	if parent := trace.SpanFromContext(ctx); strings.HasPrefix(name, "RunWorkflow:") && parent.SpanContext().IsValid() {
		return parent
	}
	_, span := tracer.Start(ctx, name, opts...)
	return span
}

// Traceparent is the span of ctx in W3C's format, for another process that continues the
// trace; empty without a span.
func Traceparent(ctx context.Context) string {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		return ""
	}
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return carrier["traceparent"]
}

// WithTraceparent gives ctx the parent span that Traceparent returned. With an empty one, or one that
// cannot be read, it is ctx.
func WithTraceparent(ctx context.Context, parent string) context.Context {
	if parent == "" {
		return ctx
	}
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": parent})
}
