// Package temporalclient connects the programs to Temporal.
package temporalclient

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.uber.org/zap"

	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/internal/temporal/codec"
)

// dialTimeout bounds the first connection, so that a wrong address is an error
// and not a program that hangs.
const dialTimeout = 10 * time.Second

// Options reads TEMPORAL_* and Temporal's profile file, as the Temporal CLI does.
// Role names the program in the Web UI.
func Options(role string, logger *zap.Logger) (client.Options, error) {
	opts, err := envconfig.LoadDefaultClientOptions()
	if err != nil {
		return client.Options{}, fmt.Errorf("TEMPORAL_* settings: %w", err)
	}
	opts.HostPort = cmp.Or(opts.HostPort, client.DefaultHostPort)
	opts.Namespace = cmp.Or(opts.Namespace, client.DefaultNamespace)
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	opts.Identity = fmt.Sprintf("%s@%s:%d", role, host, os.Getpid())
	opts.Logger = NewLogger(logger)
	if opts.DataConverter == nil {
		opts.DataConverter = converter.GetDefaultDataConverter()
	}
	opts.FailureConverter = temporal.GetDefaultFailureConverter()
	encryption, err := ReadCodec()
	if err != nil {
		return client.Options{}, err
	}
	if encryption != nil {
		encryption.Apply(&opts)
	}
	return opts, nil
}

// ReadCodec is the encryption that the environment asks for, or nil if it asks for none.
func ReadCodec() (*codec.Codec, error) {
	settings, err := config.Read[config.Encryption]()
	if err != nil {
		return nil, err
	}
	keys, err := codec.ParseKeys(string(settings.Keys))
	if err != nil {
		return nil, fmt.Errorf("%sENCRYPTION_KEYS: %w", config.Prefix, err)
	}
	if len(keys) == 0 {
		return nil, nil
	}
	return codec.New(keys)
}

// Dial connects to the server that the environment names.
func Dial(ctx context.Context, role string, logger *zap.Logger) (client.Client, error) {
	opts, err := Options(role, logger)
	if err != nil {
		return nil, err
	}
	return Connect(ctx, opts)
}

// Connect connects to the server that opts, made by Options, name.
func Connect(ctx context.Context, opts client.Options) (client.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	c, err := client.DialContext(ctx, opts)
	if err != nil {
		return nil, fmt.Errorf("cannot reach Temporal at %s (namespace %s): %w; is the server running, and is TEMPORAL_ADDRESS right?",
			opts.HostPort, opts.Namespace, err)
	}
	return c, nil
}

// temporalLogger lets Temporal's SDK write to zap. The SDK has no adapter of its
// own; zap's slog bridge would be a second module for the same few lines.
type temporalLogger struct {
	zap *zap.SugaredLogger
}

var (
	_ log.Logger          = temporalLogger{}
	_ log.WithLogger      = temporalLogger{}
	_ log.WithSkipCallers = temporalLogger{}
)

// NewLogger adapts l for client.Options.Logger.
func NewLogger(l *zap.Logger) log.Logger {
	return temporalLogger{zap: l.WithOptions(zap.AddCallerSkip(1)).Sugar()}
}

func (l temporalLogger) Debug(msg string, keyvals ...any) { l.zap.Debugw(msg, pairs(keyvals)...) }
func (l temporalLogger) Info(msg string, keyvals ...any)  { l.zap.Infow(msg, pairs(keyvals)...) }
func (l temporalLogger) Warn(msg string, keyvals ...any)  { l.zap.Warnw(msg, pairs(keyvals)...) }
func (l temporalLogger) Error(msg string, keyvals ...any) { l.zap.Errorw(msg, pairs(keyvals)...) }

// With returns a logger that adds keyvals to every line.
func (l temporalLogger) With(keyvals ...any) log.Logger {
	return temporalLogger{zap: l.zap.With(pairs(keyvals)...)}
}

// WithCallerSkip returns a logger that names the caller depth frames further up.
func (l temporalLogger) WithCallerSkip(depth int) log.Logger {
	return temporalLogger{zap: l.zap.WithOptions(zap.AddCallerSkip(depth))}
}

// pairs makes sure of what zap expects and the SDK does not promise: a string
// before every value. zap drops what does not fit, and complains instead.
func pairs(keyvals []any) []any {
	out := make([]any, 0, len(keyvals)+1)
	for i := 0; i < len(keyvals); i += 2 {
		if i+1 == len(keyvals) {
			return append(out, "extra", keyvals[i])
		}
		key, ok := keyvals[i].(string)
		if !ok {
			key = fmt.Sprint(keyvals[i])
		}
		out = append(out, key, keyvals[i+1])
	}
	return out
}
