package telemetry

import (
	"path/filepath"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"go.uber.org/zap"

	"github.com/privatereply/privatereply/internal/temporal/temporalclient"
	"github.com/privatereply/privatereply/workflows"
)

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
