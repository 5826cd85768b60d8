package e2e

import (
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// collector takes traces as OpenTelemetry's own does.
type collector struct {
	*httptest.Server
	mu    sync.Mutex
	bytes strings.Builder
	spans map[string]*tracepb.Span // by id
}

func newCollector(t *testing.T) *collector {
	c := &collector{spans: map[string]*tracepb.Span{}}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var in collectorpb.ExportTraceServiceRequest
		if err == nil {
			err = proto.Unmarshal(body, &in)
		}
		if err != nil {
			t.Error(err)
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.bytes.Write(body)
		for _, r := range in.GetResourceSpans() {
			for _, s := range r.GetScopeSpans() {
				for _, span := range s.GetSpans() {
					c.spans[hex.EncodeToString(span.GetSpanId())] = span
				}
			}
		}
	}))
	t.Cleanup(c.Close)
	return c
}

// raw is everything that came, in which texts stand as they are.
func (c *collector) raw() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bytes.String()
}

// wantWay checks that the trace of a reply leads from the webhook to the call to Meta
// without a gap.
func (c *collector) wantWay(t *testing.T, replyID string) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	want := []string{"Meta: private reply", "RunActivity:SendPrivateReply", "StartActivity:SendPrivateReply", "StartWorkflow:PrivateReply", "webhook"}
	var ways []string
	for _, span := range c.spans {
		parent := c.spans[hex.EncodeToString(span.GetParentSpanId())]
		if span.GetName() != want[0] || parent == nil || attribute(parent, "temporalWorkflowID") != replyID {
			continue
		}
		way := []string{span.GetName()}
		for s := parent; s != nil; s = c.spans[hex.EncodeToString(s.GetParentSpanId())] {
			way = append(way, s.GetName())
			if len(s.GetParentSpanId()) > 0 && c.spans[hex.EncodeToString(s.GetParentSpanId())] == nil {
				way = append(way, "a span that never came")
			}
		}
		ways = append(ways, strings.Join(way, " < "))
	}
	if len(ways) != 1 || ways[0] != strings.Join(want, " < ") {
		t.Errorf("%s was sent by the ways %q, want one: %s", replyID, ways, strings.Join(want, " < "))
	}
}

func attribute(span *tracepb.Span, name string) string {
	for _, a := range span.GetAttributes() {
		if a.GetKey() == name {
			return a.GetValue().GetStringValue()
		}
	}
	return ""
}
