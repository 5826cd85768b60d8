package graph

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	oteltrace "go.opentelemetry.io/otel/trace"
)

// startSpan begins the span of a call, under that of ctx if there is one. It tells what
// came of the call, in our words, and no text; Meta is told nothing of it.
func startSpan(ctx context.Context, op string) (_ context.Context, end func(response, error)) {
	tracer := oteltrace.SpanFromContext(ctx).TracerProvider().Tracer("github.com/privatereply/privatereply/graph")
	ctx, span := tracer.Start(ctx, "Meta: "+op, oteltrace.WithSpanKind(oteltrace.SpanKindClient))
	return ctx, func(a response, err error) {
		if !span.IsRecording() {
			return
		}
		said := a.errTemplate
		var failed *Error
		if errors.As(err, &failed) {
			said = *failed
			span.SetStatus(codes.Error, failed.Error())
			span.SetAttributes(attribute.String("privatereply.class", string(failed.Class)), attribute.String("privatereply.reason", string(failed.Reason)))
		}
		span.SetAttributes(attribute.Int("http.response.status_code", said.HTTPStatus), attribute.String("meta.trace_id", said.TraceID))
		span.End()
	}
}
