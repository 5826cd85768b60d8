package bridge

import (
	"context"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// startSpan begins the span of a delivery that Meta signed: nobody else makes a trace,
// nor chooses its id. End ends it.
func (b *Bridge) startSpan(ctx context.Context, receivedAt time.Time, events int) (_ context.Context, end func(status int)) {
	if b.cfg.Tracer == nil {
		return ctx, func(int) {}
	}
	ctx, span := b.cfg.Tracer.Start(ctx, "webhook", trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(receivedAt))
	return ctx, func(status int) {
		if !span.IsRecording() {
			return
		}
		span.SetAttributes(attribute.Int("privatereply.events", events), attribute.Int("http.response.status_code", status))
		if status >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, "Meta must deliver again")
		}
		span.End()
	}
}
