package telemetry

import (
	"context"
	"strings"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.temporal.io/sdk/contrib/opentelemetry"
	"go.temporal.io/sdk/interceptor"
)

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

// Traceparent writes down the span of ctx, as W3C's traceparent, for somebody who goes on
// in another process; empty if there is none.
func Traceparent(ctx context.Context) string {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		return ""
	}
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return carrier["traceparent"]
}

// WithTraceparent gives ctx the parent that Parent wrote down. With an empty one, or one that
// cannot be read, it is ctx.
func WithTraceparent(ctx context.Context, parent string) context.Context {
	if parent == "" {
		return ctx
	}
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": parent})
}
