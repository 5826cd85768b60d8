package graph_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/privatereply/privatereply"
	"github.com/privatereply/privatereply/graph"
)

// A call has a span under that of who makes it, which says what Meta answered but no
// text, secret or address; Meta learns nothing of the trace. Without a span above it
// there is none.
func TestSpans(t *testing.T) {
	const token, text = "EAAtokeninnospan", "the text of the reply"
	tests := []struct {
		name   string
		status int
		body   string
		want   map[attribute.Key]string
	}{
		{"taken", 200, `{"recipient_id":"7","message_id":"m_1"}`,
			map[attribute.Key]string{"http.response.status_code": "200", "meta.trace_id": "Atrace1"}},
		{"refused", 400, `{"error":{"code":190,"message":"the text of the reply is odd"}}`,
			map[attribute.Key]string{"http.response.status_code": "400", "meta.trace_id": "Atrace1", "privatereply.class": "account", "privatereply.reason": "token_rejected"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var sent http.Header
			meta := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				sent = r.Header.Clone()
				w.Header().Set("X-Fb-Trace-Id", "Atrace1")
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, tt.body)
			}))
			defer meta.Close()
			client, err := graph.New(graph.Options{FacebookURL: meta.URL})
			if err != nil {
				t.Fatal(err)
			}
			cred := graph.Credentials{Account: privatereply.Account{Platform: privatereply.Facebook, ID: "100000000000001"}, Token: token, AppSecret: "hush"}
			send := func(traced bool) []sdktrace.ReadOnlySpan {
				spans := tracetest.NewSpanRecorder()
				ctx := t.Context()
				if traced {
					tracer := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)).Tracer("test")
					above, span := tracer.Start(ctx, "above")
					defer span.End()
					ctx = above
				}
				_, _ = client.SendPrivateReply(ctx, cred, graph.Recipient{CommentID: "300000000000001"}, graph.OutgoingMessage{Text: text})
				return spans.Ended()
			}
			if spans := send(false); len(spans) != 0 {
				t.Errorf("%d spans without one above", len(spans))
			}
			spans := send(true)
			if len(spans) != 1 || !spans[0].Parent().IsValid() {
				t.Fatalf("spans: %v", spans)
			}
			got := map[attribute.Key]string{}
			for _, a := range spans[0].Attributes() {
				got[a.Key] = a.Value.String()
			}
			for key, want := range tt.want {
				if got[key] != want {
					t.Errorf("%s = %q, want %q", key, got[key], want)
				}
			}
			shown := fmt.Sprint(spans[0].Name(), got, spans[0].Status(), spans[0].Events())
			for _, hidden := range []string{token, text, "hush", "appsecret_proof", meta.URL} {
				if strings.Contains(shown, hidden) {
					t.Errorf("the span shows %q: %s", hidden, shown)
				}
			}
			if parent := sent.Get("traceparent"); parent != "" {
				t.Errorf("Meta was told of the trace: %s", parent)
			}
		})
	}
}
