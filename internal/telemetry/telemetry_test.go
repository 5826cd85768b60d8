package telemetry

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/privatereply/privatereply/internal/temporal/temporalclient"
	"github.com/privatereply/privatereply/workflows"
)

// setenv gives the test these variables of OpenTelemetry and none of the world's.
func setenv(t *testing.T, vars map[string]string) {
	t.Helper()
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "OTEL_") {
			t.Setenv(name, "") // restores it after the test
			if err := os.Unsetenv(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, value := range vars {
		t.Setenv(name, value)
	}
}

func open(t *testing.T) *Telemetry {
	t.Helper()
	tel, err := Open(t.Context(), "worker", zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tel.Close)
	return tel
}

// Traces are exported only where the environment names a collector, and a mistake in
// what it says stops the program with the variable's name.
func TestTracesEnabled(t *testing.T) {
	const endpoint = "http://127.0.0.1:4318"
	tests := []struct {
		name string
		vars map[string]string
		want bool
		err  string
	}{
		{"nothing set", nil, false, ""},
		{"an endpoint", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}, true, ""},
		{"an endpoint for traces", map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": endpoint + "/v1/traces"}, true, ""},
		{"gRPC", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "https://collector.invalid:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, true, ""},
		{"switched off", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_SDK_DISABLED": "true"}, false, ""},
		{"traces switched off", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_TRACES_EXPORTER": "none"}, false, ""},

		{"another exporter", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_TRACES_EXPORTER": "zipkin"}, false,
			`OTEL_TRACES_EXPORTER: "zipkin" is not supported; write otlp or none`},
		{"not a URL", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "127.0.0.1:4318"}, false,
			`OTEL_EXPORTER_OTLP_ENDPOINT is not a URL; write one such as http://127.0.0.1:4318`},
		{"another protocol", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/json"}, false,
			`OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: "http/json" is not supported; write http/protobuf or grpc`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			setenv(t, tt.vars)
			tel, err := Open(t.Context(), "worker", zap.NewNop())
			if tt.err != "" {
				if err == nil || err.Error() != tt.err {
					t.Errorf("Open = %v, want %s", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if traced := tel.Tracer != nil; traced != tt.want {
				t.Errorf("traced: %v, want %v", traced, tt.want)
			}
			var o client.Options
			if err := tel.Apply(&o); err != nil || (len(o.Interceptors) == 1) != tt.want || o.MetricsHandler == nil {
				t.Errorf("%d interceptors, metrics %v, %v", len(o.Interceptors), o.MetricsHandler, err)
			}
		})
	}
}

// What is traced reaches the collector by the time that the program has ended, under
// the program's name.
func TestExport(t *testing.T) {
	var mu sync.Mutex
	var got strings.Builder
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		got.WriteString(r.URL.Path + "\n")
		_, _ = io.Copy(&got, r.Body)
	}))
	defer collector.Close()
	setenv(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": collector.URL})
	tel := open(t)
	_, span := tel.Tracer.Start(t.Context(), "the-only-span")
	span.End()
	tel.Close()
	mu.Lock()
	defer mu.Unlock()
	for _, want := range []string{"/v1/traces\n", "the-only-span", "privatereply-worker"} {
		if !strings.Contains(got.String(), want) {
			t.Errorf("the collector did not get %q", want)
		}
	}
}

// A collector that is gone costs a line in the log and nothing else.
func TestExportToNobody(t *testing.T) {
	gone := httptest.NewServer(nil)
	gone.Close()
	setenv(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": gone.URL})
	core, lines := observer.New(zap.WarnLevel)
	tel, err := Open(t.Context(), "worker", zap.New(core))
	if err != nil {
		t.Fatal(err)
	}
	_, span := tel.Tracer.Start(t.Context(), "lost")
	span.End()
	began := time.Now()
	tel.Close()
	if took := time.Since(began); took > flushTimeout+2*time.Second {
		t.Errorf("the program waited %v for a collector that is gone", took)
	}
	if lines.FilterMessage("traces").Len() == 0 {
		t.Errorf("logged %v", lines.All())
	}
}

// A span goes on in another process, and its absence too.
func TestTraceparent(t *testing.T) {
	if got := Traceparent(t.Context()); got != "" {
		t.Errorf("Parent without a span = %q", got)
	}
	for _, parent := range []string{"", "nonsense"} {
		if got := trace.SpanContextFromContext(WithTraceparent(t.Context(), parent)); got.IsValid() {
			t.Errorf("Under(%q) = %v", parent, got)
		}
	}
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	ctx := WithTraceparent(t.Context(), parent)
	if got := Traceparent(ctx); got != parent {
		t.Errorf("Parent = %q, want %q", got, parent)
	}
	if !trace.SpanContextFromContext(ctx).IsRemote() {
		t.Error("the span is not marked as another process's")
	}
}

// What the SDK counts is shown with Prometheus' names and units, its times in
// buckets that tell them apart; the workflows' own metrics have their own labels only.
func TestSDKMetrics(t *testing.T) {
	setenv(t, nil)
	tel := open(t)
	sdk := tel.Metrics.WithTags(map[string]string{"namespace": "default", "workflow_type": "PrivateReply"})
	sdk.Counter("temporal_request").Inc(2)
	sdk.Gauge("temporal_num_pollers").Update(3)
	sdk.Timer("temporal_request_latency").Record(30 * time.Millisecond)
	sdk.WithTags(map[string]string{"state": "sent", "reason": ""}).Counter("privatereply_worker_replies").Inc(1)

	families, err := tel.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]string{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var b strings.Builder
			for _, l := range m.GetLabel() {
				b.WriteString(l.GetName() + "=" + l.GetValue() + " ")
			}
			for _, bucket := range m.GetHistogram().GetBucket() {
				if bucket.GetCumulativeCount() == 1 {
					b.WriteString("first bucket")
					if bucket.GetUpperBound() != .05 {
						t.Errorf("30 ms are in the bucket up to %v s", bucket.GetUpperBound())
					}
					break
				}
			}
			shown[f.GetName()] = b.String()
		}
	}
	for name, want := range map[string]string{
		"temporal_request_total":            "namespace=default workflow_type=PrivateReply ",
		"temporal_num_pollers":              "namespace=default workflow_type=PrivateReply ",
		"temporal_request_latency_seconds":  "namespace=default workflow_type=PrivateReply first bucket",
		"privatereply_worker_replies_total": "reason= state=sent ",
		"go_goroutines":                     "",
		"process_resident_memory_bytes":     "",
	} {
		if got, ok := shown[name]; !ok || got != want {
			t.Errorf("%s: shown %v with %q, want %q", name, ok, got, want)
		}
	}
}

// Traces may be switched on while replies run: what was recorded without them is
// replayed with them, and nothing that happened before is told again.
func TestReplayTraced(t *testing.T) {
	files, err := filepath.Glob("../../workflows/testdata/histories/*/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d histories: %v", len(files), err)
	}
	spans := tracetest.NewSpanRecorder()
	tracing, err := newInterceptor(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)).Tracer("test"))
	if err != nil {
		t.Fatal(err)
	}
	replayer, err := worker.NewWorkflowReplayerWithOptions(worker.WorkflowReplayerOptions{Interceptors: []interceptor.WorkerInterceptor{tracing}})
	if err != nil {
		t.Fatal(err)
	}
	for name, w := range map[string]any{
		workflows.PrivateReplyType: workflows.PrivateReply, workflows.ConversationType: workflows.Conversation,
		workflows.BroadcastType: workflows.Broadcast, workflows.SweepType: workflows.Sweep, workflows.IntakeType: workflows.Intake,
		workflows.RemovedPostType: workflows.RemovedPost, workflows.LocateMessageType: workflows.LocateMessage,
		workflows.ErasureType: workflows.Erasure, workflows.TokenRenewalType: workflows.TokenRenewal,
		workflows.ReopenType: workflows.Reopen, workflows.OnceType: workflows.Once, workflows.CommentVisibilityType: workflows.CommentVisibility,
	} {
		replayer.RegisterWorkflowWithOptions(w, workflow.RegisterOptions{Name: name})
	}
	for _, file := range files {
		if err := replayer.ReplayWorkflowHistoryFromJSONFile(temporalclient.NewLogger(zap.NewNop()), file); err != nil {
			t.Errorf("%s: %v", filepath.Base(file), err)
		}
	}
	for _, s := range spans.Ended() {
		if s.Name() == "StartActivity:"+workflows.SendPrivateReplyActivity {
			t.Errorf("a replay told of a send: %v", s)
		}
	}
}

// The life of a workflow is no span where the span of its start can stand above what
// it does; a workflow that a Schedule started has one of its own.
func TestStartSpan(t *testing.T) {
	tracer := sdktrace.NewTracerProvider().Tracer("test")
	ctx, start := tracer.Start(t.Context(), "StartWorkflow:PrivateReply")
	tests := []struct {
		name    string
		started bool
		span    string
		same    bool
	}{
		{"started by a traced client", true, "RunWorkflow:PrivateReply", true},
		{"started by a Schedule", false, "RunWorkflow:Sweep", false},
		{"an activity", true, "RunActivity:SendPrivateReply", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			above := t.Context()
			if tt.started {
				above = trace.ContextWithSpanContext(above, start.SpanContext())
			}
			span := startSpan(above, tracer, tt.span)
			if same := span.SpanContext().SpanID() == trace.SpanFromContext(ctx).SpanContext().SpanID(); same != tt.same {
				t.Errorf("it is the span of the start: %v, want %v", same, tt.same)
			}
			if !span.SpanContext().IsValid() {
				t.Error("nothing can stand under it")
			}
		})
	}
}
