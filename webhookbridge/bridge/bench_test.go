package bridge

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.temporal.io/sdk/client"
	"go.uber.org/zap"

	"github.com/privatereply/privatereply/webhookbridge/decode"
)

// ownWork is what the bridge does itself with a delivery of one comment: without
// HTTP, the rules and Temporal.
func ownWork(tb testing.TB) func() {
	h := newTestBridge(tb, newFakeTemporal())
	body := []byte(`{"object":"instagram","entry":[{"id":"17841400000000001","time":1795341595,"changes":[{"field":"comments","value":{` +
		`"from":{"id":"6000000000000001","username":"someone"},"media":{"id":"17800000000000001","media_product_type":"REELS"},` +
		`"id":"18000000000000002","parent_id":"18000000000000001","text":"How much is the blue one, please? \ud83d\ude00"}}]}]}`)
	header := sign(body, otherSecret)
	return func() {
		sum, ok := parseSignature(header)
		if !ok || !h.secrets.signed(body, sum) {
			tb.Fatal("not signed")
		}
		if events, err := decode.Delivery(body, now, testAccounts); err != nil || events[0].Comment == nil {
			tb.Fatal(events, err)
		}
	}
}

// Its limit is 20 µs.
func BenchmarkDelivery(b *testing.B) {
	work := ownWork(b)
	b.ReportAllocs()
	for b.Loop() {
		work()
	}
}

// The limit of allocations holds on every machine, so it is a test.
func TestDeliveryAllocations(t *testing.T) {
	if n := testing.AllocsPerRun(100, ownWork(t)); n > 60 {
		t.Errorf("%v allocations for one comment, want at most 60", n)
	}
}

// discardExporter is where spans go that nobody collects.
type discardExporter struct{}

func (discardExporter) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return nil }
func (discardExporter) Shutdown(context.Context) error                             { return nil }

// discardClient is a Temporal client that accepts and forgets every call.
type discardClient struct{ client.Client }

func (discardClient) ExecuteWorkflow(context.Context, client.StartWorkflowOptions, any, ...any) (client.WorkflowRun, error) {
	return nil, nil
}

// The cost of a delivery in the bridge, over HTTP but without a network, and
// what traces add to it.
func BenchmarkAnswer(b *testing.B) {
	traces := sdktrace.NewTracerProvider(sdktrace.WithBatcher(discardExporter{}))
	defer func() { _ = traces.Shutdown(context.Background()) }()
	body := []byte(delivery("instagram", entryOf(instagramID, commentChange("18000000000000001", "How much, please?"))))
	for name, tracer := range map[string]trace.Tracer{"untraced": nil, "traced": traces.Tracer("test")} {
		b.Run(name, func(b *testing.B) {
			h := newTestBridge(b, discardClient{})
			h.cfg.Tracer = tracer
			h.cfg.Logger = zap.NewNop()
			handler := h.Handler()
			b.ReportAllocs()
			for b.Loop() {
				w := httptest.NewRecorder()
				if handler.ServeHTTP(w, signed(b, body)); w.Code != http.StatusOK {
					b.Fatal(w.Code)
				}
			}
		})
	}
}
