package bridge

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/privatereply/privatereply/internal/telemetry"
)

// The story of an event goes on under the span of its delivery, in whatever group it
// reaches Temporal. What nobody signed makes no span, and no span holds a text.
func TestTraced(t *testing.T) {
	comment := delivery("instagram", entryOf(instagramID, commentChange("18000000000000001", "how much, please?")))
	tests := []struct {
		name   string
		body   string
		secret string
		fault  error
		status int
		spans  int
	}{
		{"a comment", comment, appSecret, nil, http.StatusOK, 1},
		{"sent back", comment, appSecret, errors.New("no server"), http.StatusServiceUnavailable, 1},
		{"forged", comment, "another secret", nil, http.StatusForbidden, 0},
		{"not JSON", "nonsense", appSecret, nil, http.StatusOK, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fake := newFakeTemporal()
			var under trace.SpanContext
			fake.before = func(ctx context.Context, _ string) error {
				under = trace.SpanContextFromContext(ctx)
				return tt.fault
			}
			h := newHarness(t, fake)
			spans := tracetest.NewSpanRecorder()
			h.cfg.Tracer = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)).Tracer("test")

			r := signed(t, []byte(tt.body))
			r.Header.Set("X-Hub-Signature-256", sign([]byte(tt.body), tt.secret))
			r.Header.Set("traceparent", "00-11111111111111111111111111111111-2222222222222222-01")
			if status := h.do(r).Code; status != tt.status {
				t.Errorf("status = %d, want %d", status, tt.status)
			}
			ended := spans.Ended()
			if len(ended) != tt.spans {
				t.Fatalf("%d spans, want %d", len(ended), tt.spans)
			}
			if tt.spans == 0 {
				return
			}
			span := ended[0]
			if span.SpanContext().SpanID() != under.SpanID() || span.SpanContext().TraceID() != under.TraceID() {
				t.Errorf("Temporal was called under %v, the delivery's span is %v", under, span.SpanContext())
			}
			if span.Parent().IsValid() {
				t.Errorf("the caller chose the trace: %v", span.Parent())
			}
			if failed := span.Status().Code == codes.Error; failed != (tt.fault != nil) {
				t.Errorf("status of the span = %v", span.Status())
			}
			if shown := fmt.Sprint(span.Name(), span.Attributes(), span.Status(), span.Events()); strings.Contains(shown, "please") || strings.Contains(shown, "no server") {
				t.Errorf("the span shows %s", shown)
			}
		})
	}
}

// Without a tracer an event carries nothing that it did not carry before.
func TestUntraced(t *testing.T) {
	h := newHarness(t, newFakeTemporal())
	ctx, end := h.startSpan(t.Context(), now, 1)
	defer end(http.StatusOK)
	if span := telemetry.Traceparent(ctx); span != "" {
		t.Errorf("events would carry %q", span)
	}
}
