package telemetry

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// newTracerProvider is what exports the program's spans as OpenTelemetry's own variables say
// (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/),
// or nil: without an endpoint nothing is traced. Sampler, headers, certificates and
// time-outs are read by OpenTelemetry's SDK.
func newTracerProvider(ctx context.Context, program string, logger *zap.Logger) (*trace.TracerProvider, error) {
	wanted, err := tracesEnabled()
	if err != nil || !wanted {
		return nil, err
	}
	// The SDK tells of collectors that are gone, every few seconds, and of variables that
	// it cannot read. One line a minute is enough.
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
	return trace.NewTracerProvider(trace.WithBatcher(exporter), trace.WithResource(described)), nil
}

// tracesEnabled refuses what the SDK would only warn of, and then export to nowhere.
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

// What OTLP is spoken over.
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

func newExporter(ctx context.Context) (trace.SpanExporter, error) {
	if _, p := protocol(); p == overGRPC {
		return otlptracegrpc.New(ctx)
	}
	return otlptracehttp.New(ctx)
}

// firstSet is the first of the variables that is set.
func firstSet(names ...string) (name, value string) {
	for _, name = range names {
		if value = os.Getenv(name); value != "" {
			break
		}
	}
	return name, value
}
